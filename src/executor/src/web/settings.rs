//! `http`: the HTTP side: approvals, audit, metrics, health.

use std::net::{Ipv4Addr, SocketAddr};

use callgate_settings::{ConfigFile, FieldError, SecretFile};
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::transport::{ConnectionSection, Door, Listen, ListenSection, TlsSection};

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7071);
/// The value of `listen` that turns the HTTP side off.
const OFF: &str = "off";

/// The HTTP side: approvals, audit, metrics, health.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub enum Http {
    /// It is off.
    Off,
    /// It is on.
    On {
        /// The port.
        listen: Listen,
        /// The tokens it accepts.
        tokens: Tokens,
    },
}

/// The tokens the HTTP side accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// One token, made at the first start and kept in the state directory.
    Made,
    /// Tokens listed in a file: names, roles and digests.
    Listed(SecretFile),
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct HttpSection {
    listen: Option<Spanned<String>>,
    socket_mode: Option<Spanned<String>>,
    tls: Option<Spanned<TlsSection>>,
    exposed: Option<Spanned<String>>,
    #[serde(default)]
    connections: ConnectionSection,
    tokens: Option<Spanned<String>>,
}

impl HttpSection {
    pub(crate) fn resolve(self, place: &ConfigFile<'_>) -> Result<Http, FieldError> {
        let tokens = match &self.tokens {
            None => Tokens::Made,
            Some(text) => Tokens::Listed(SecretFile::resolve("http.tokens", text, place)?),
        };
        if self.listen.as_ref().is_some_and(|listen| listen.value == OFF) {
            return Ok(Http::Off);
        }
        let port = ListenSection {
            listen: self.listen,
            socket_mode: self.socket_mode,
            tls: self.tls,
            exposed: self.exposed,
            connections: self.connections,
        };
        Ok(Http::On { listen: port.resolve(place, Door::Http, LISTEN)?, tokens })
    }
}
