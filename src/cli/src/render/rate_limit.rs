//! Envoy's own rate limit filter: the address of a service that all Envoys share, and the descriptors of a request.
//!
//! A request without a descriptor is not limited. So the descriptors are facts that every request has once its caller is known, and an
//! identity without such facts is refused.

use minijinja::{Value, context};

use super::address::Address;
use super::args::{IdentityOption, RenderArguments, Target};
use super::error::RenderError;
use super::identity::{CLIENT, PAYLOAD, role_claim};

const OPTION: &str = "--rate-limit";

/// The service, and the facts about a request that it gets.
pub(super) struct RateLimit {
    address: Address,
    domain: String,
    descriptors: Vec<Descriptor>,
}

/// One entry of a descriptor.
struct Descriptor {
    key: &'static str,
    source: DescriptorSource,
}

enum DescriptorSource {
    /// A request header.
    Header(String),
    /// A claim of the verified token: the members on the way to it.
    Claim(Vec<String>),
}

// === impl RateLimit ===

impl RateLimit {
    /// Reads the options; `None` without a service.
    pub(super) fn read(arguments: &RenderArguments) -> Result<Option<Self>, RenderError> {
        let Some(given) = arguments.rate_limit.as_deref() else {
            return match arguments.rate_limit_domain {
                Some(_) => Err(RenderError::Useless { option: "--rate-limit-domain", because: "no --rate-limit" }),
                None => Ok(None),
            };
        };
        if arguments.target != Target::Envoy {
            let because = "this --target, which has resources of its own for it";
            return Err(RenderError::Useless { option: OPTION, because });
        }
        let domain = arguments.rate_limit_domain.clone().unwrap_or_else(|| "callgate".to_owned());
        if domain.is_empty() {
            return Err(RenderError::option("--rate-limit-domain", "", "a name", "callgate"));
        }
        let descriptors = match arguments.identity {
            IdentityOption::Header => vec![
                Descriptor { key: "tenant", source: DescriptorSource::Header(arguments.tenant_header.clone()) },
                Descriptor { key: "role", source: DescriptorSource::Header(arguments.role_header.clone()) },
            ],
            IdentityOption::Jwt => {
                let mut found =
                    vec![Descriptor { key: "tenant", source: claim("--tenant-claim", &arguments.tenant_claim)? }];
                // Envoy's filter cannot tell which of several scopes gives the role.
                if arguments.oauth.scope_role.is_empty() {
                    found.push(Descriptor { key: "role", source: claim("--role-claim", role_claim(arguments))? });
                }
                found
            }
            IdentityOption::ApiKey => {
                vec![Descriptor { key: "client", source: DescriptorSource::Header(CLIENT.to_owned()) }]
            }
            IdentityOption::Fixed => {
                return Err(RenderError::Useless {
                    option: OPTION,
                    because: "--identity fixed, with which no request differs; limit the role in the contract",
                });
            }
            IdentityOption::Certificate => {
                return Err(RenderError::Useless {
                    option: OPTION,
                    because: "--identity certificate, whose caller Envoy's filter cannot read",
                });
            }
        };
        Ok(Some(Self { address: Address::read(OPTION, given)?, domain, descriptors }))
    }

    /// Returns the service for the templates.
    pub(super) fn values(&self) -> Value {
        let descriptors = self.descriptors.iter().map(|Descriptor { key, source }| match source {
            DescriptorSource::Header(header) => context! { key => key, header => header, path => Value::from(()) },
            DescriptorSource::Claim(path) => {
                let path: Vec<&str> = std::iter::once(PAYLOAD).chain(path.iter().map(String::as_str)).collect();
                context! { key => key, header => Value::from(()), path => path }
            }
        });
        context! {
            address => self.address.values(),
            // On loopback, nobody else can read or forge the answers.
            near => self.address.is_loopback(),
            domain => self.domain,
            descriptors => descriptors.collect::<Vec<_>>(),
        }
    }
}

/// Reads the way to a claim: a name, or a JSON Pointer without items of lists, which Envoy's filter cannot reach.
fn claim(option: &'static str, given: &str) -> Result<DescriptorSource, RenderError> {
    let Some(pointer) = given.strip_prefix('/') else { return Ok(DescriptorSource::Claim(vec![given.to_owned()])) };
    let path: Vec<String> = pointer.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    let is_item = |token: &String| token.bytes().all(|byte| byte.is_ascii_digit());
    if path.iter().any(is_item) {
        let expected = "a claim outside lists with --rate-limit, because Envoy's filter reads no items of lists";
        return Err(RenderError::option(option, given, expected, "/organisation/id"));
    }
    Ok(DescriptorSource::Claim(path))
}
