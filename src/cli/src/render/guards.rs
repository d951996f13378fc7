//! Envoy's own filters around the gate: pages of other origins, a limit of requests for this Envoy, and a service that authorizes.

use clap::Args;
use minijinja::{Value, context};

use super::address::Address;
use super::args::{RenderArguments, Target};
use super::error::RenderError;

/// The options of the filters.
#[derive(Args)]
pub(crate) struct GuardArguments {
    /// --target envoy: an origin whose pages may read answers in a browser, such as https://app.example; may be repeated. Answers then
    /// have security headers too
    #[arg(long = "cors", value_name = "ORIGIN", help_heading = "Gate")]
    cors: Vec<String>,
    /// --target envoy: the most requests that this Envoy accepts from all callers together, such as 50/s, 600/m or 10000/h
    #[arg(long, value_name = "N/UNIT", help_heading = "Gate")]
    local_rate_limit: Option<String>,
    /// --target envoy: the address of a service that authorizes requests, such as OPA (envoy.service.auth.v3, in plaintext). Envoy asks it
    /// before the gate reads a request
    #[arg(long, value_name = "HOST:PORT", help_heading = "Gate")]
    ext_authz: Option<String>,
}

/// The filters that are asked for.
pub(super) struct Guards {
    origins: Vec<String>,
    limit: Option<LocalLimit>,
    authorizer: Option<Address>,
}

/// The most requests in a time.
struct LocalLimit {
    requests: u32,
    seconds: u32,
}

/// Headers with credentials of callers, which the authorizer does not get. It gets the verified claims.
const CREDENTIALS: [&str; 7] = [
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "proxy-authorization",
    "x-amz-security-token",
    "cookie",
];

// === impl Guards ===

impl Guards {
    /// Reads the options.
    pub(super) fn read(arguments: &RenderArguments) -> Result<Self, RenderError> {
        let given = &arguments.guards;
        for (option, is_given) in [
            ("--cors", !given.cors.is_empty()),
            ("--local-rate-limit", given.local_rate_limit.is_some()),
            ("--ext-authz", given.ext_authz.is_some()),
        ] {
            if is_given && arguments.target != Target::Envoy {
                let because = "this --target, which has resources of its own for it";
                return Err(RenderError::Useless { option, because });
            }
        }
        given.cors.iter().try_for_each(|origin| check_origin(origin))?;
        Ok(Self {
            origins: given.cors.clone(),
            limit: given.local_rate_limit.as_deref().map(LocalLimit::read).transpose()?,
            authorizer: given.ext_authz.as_deref().map(|given| Address::read("--ext-authz", given)).transpose()?,
        })
    }

    /// Returns the templates of the filters in front of all others, in their order.
    pub(super) fn in_front(&self) -> Vec<&'static str> {
        let cors: &[_] = if self.origins.is_empty() { &[] } else { &["security-headers.yaml", "cors.yaml"] };
        let limit: &[_] = if self.limit.is_some() { &["local-rate-limit.yaml"] } else { &[] };
        [cors, limit].concat()
    }

    /// Returns the templates of the filters behind the caller's identity.
    pub(super) fn behind_identity(&self) -> &'static [&'static str] {
        if self.authorizer.is_some() { &["ext-authz.yaml"] } else { &[] }
    }

    /// Returns the values for the templates.
    pub(super) fn values(&self) -> Value {
        context! {
            origins => self.origins,
            limit => self.limit.as_ref().map(|limit| context! { requests => limit.requests, seconds => limit.seconds }),
            authorizer => self.authorizer.as_ref().map(|address| context! {
                address => address.values(),
                near => address.is_loopback(),
                hidden => CREDENTIALS,
            }),
        }
    }
}

// === impl LocalLimit ===

impl LocalLimit {
    fn read(given: &str) -> Result<Self, RenderError> {
        let fault = || RenderError::option("--local-rate-limit", given, "a number from 1 and s, m or h", "600/m");
        let (requests, unit) = given.split_once('/').ok_or_else(fault)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(fault()),
        };
        let requests = requests.parse().ok().filter(|requests| *requests > 0).ok_or_else(fault)?;
        Ok(Self { requests, seconds })
    }
}

/// Checks an origin as browsers send it (RFC 6454 §6.1): a scheme, a host in lower case, perhaps a port, and nothing else.
fn check_origin(given: &str) -> Result<(), RenderError> {
    let rest = given.strip_prefix("https://").or_else(|| given.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte);
    match rest {
        Some(host) if !host.is_empty() && host.bytes().all(plain) => Ok(()),
        _ => {
            Err(RenderError::option("--cors", given, "one origin in lower case, without a path", "https://app.example"))
        }
    }
}
