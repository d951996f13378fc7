//! The source of the caller's identity: its part of the configuration, and the reading of what the host verified.

use std::collections::{BTreeMap, HashMap};

use callgate_contract::{Caller, CallerClaims};
use callgate_engine::{IdentitySource, Verified};
use serde::Deserialize;
use serde_json::Value;

use crate::claims::{self, Claims};
use crate::config::ConfigError;

/// The key of the filter state with the URI SANs of the client's certificate, as the rendered configuration sets it.
pub const CERTIFICATE: &str = "callgate.certificate";

/// An identity that the host reads for each request, since no header has it.
#[derive(Debug)]
pub enum VerifiedSource {
    /// Claims of a verified token.
    Claims(Claims),
    /// The client's certificate, in the filter state [`CERTIFICATE`].
    Certificate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) enum IdentityDocument {
    /// Headers of a trusted proxy.
    Header {
        tenant: String,
        role: String,
        #[serde(default)]
        claims: BTreeMap<String, String>,
    },
    /// The header in which `api_key_auth` leaves the client's id.
    #[serde(rename = "apiKey")]
    Client {
        header: String,
        callers: HashMap<String, CallerDocument>,
    },
    Jwt(Claims),
    Certificate {
        callers: HashMap<String, CallerDocument>,
    },
    /// The caller of every request.
    Fixed(FixedDocument),
}

/// The caller of a client.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallerDocument {
    tenant: String,
    role: String,
    #[serde(default)]
    claims: BTreeMap<String, Value>,
}

/// The caller of every request, and its workspace if contracts read one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FixedDocument {
    tenant: String,
    role: String,
    #[serde(default)]
    claims: BTreeMap<String, Value>,
    workspace: Option<String>,
}

// === impl VerifiedSource ===

impl VerifiedSource {
    /// Reads these claims of contracts too.
    pub(crate) fn complete<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        match self {
            Self::Claims(claims) => claims.complete(names),
            Self::Certificate => {}
        }
    }

    /// Returns the claims that the configuration names for contracts.
    pub(crate) fn named(&self) -> impl Iterator<Item = &str> {
        let claims = match self {
            Self::Claims(claims) => Some(claims.claims.keys()),
            Self::Certificate => None,
        };
        claims.into_iter().flatten().map(String::as_str)
    }

    /// Reads the URI SANs of a certificate. They are separated by commas if the certificate has several, and then no client matches.
    #[must_use]
    pub fn certificate(uri: Vec<u8>) -> Option<Verified> {
        (!uri.is_empty()).then_some(Verified::Certificate { uri })
    }
}

// === impl IdentityDocument ===

impl IdentityDocument {
    /// Checks names, and returns the engine's form with what the host reads for it.
    pub(crate) fn resolve(self) -> Result<(IdentitySource, Option<VerifiedSource>), ConfigError> {
        let header = |name: String| if is_header_name(&name) { Ok(name) } else { Err(ConfigError::Header(name)) };
        Ok(match self {
            Self::Header { tenant, role, claims } => {
                let claims = claims.into_iter().map(|(claim, name)| Ok((claim, header(name)?)));
                let claims = claims.collect::<Result<_, ConfigError>>()?;
                (IdentitySource::Header { tenant: header(tenant)?, role: header(role)?, claims }, None)
            }
            Self::Client { header: name, callers } => {
                (IdentitySource::Client { header: header(name)?, callers: table(callers)? }, None)
            }
            Self::Jwt(claims) => {
                claims::check(&claims)?;
                (claims.source(), Some(VerifiedSource::Claims(claims)))
            }
            Self::Certificate { callers } => {
                (IdentitySource::Certificate { callers: table(callers)? }, Some(VerifiedSource::Certificate))
            }
            Self::Fixed(FixedDocument { tenant, role, claims, workspace }) => {
                let caller = CallerDocument { tenant, role, claims }.resolve("fixed")?;
                (IdentitySource::Fixed(Caller { workspace, ..caller }), None)
            }
        })
    }
}

// === impl CallerDocument ===

impl CallerDocument {
    fn resolve(self, client: &str) -> Result<Caller, ConfigError> {
        let Self { tenant, role, claims } = self;
        let claims = claims.into_iter().collect::<CallerClaims>();
        let is_fit = !client.is_empty() && !client.contains(',') && !tenant.is_empty() && !role.is_empty();
        if is_fit {
            Ok(Caller { claims, ..Caller::new(tenant, role) })
        } else {
            Err(ConfigError::Caller(client.to_owned()))
        }
    }
}

/// Checks a table of callers.
fn table(callers: HashMap<String, CallerDocument>) -> Result<HashMap<String, Caller>, ConfigError> {
    if callers.is_empty() {
        return Err(ConfigError::NoCaller);
    }
    callers.into_iter().map(|(client, caller)| caller.resolve(&client).map(|caller| (client, caller))).collect()
}

/// Returns true for a header name (RFC 9110 §5.1) in lower case, as Envoy gives them.
fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
