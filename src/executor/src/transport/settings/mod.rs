//! `listen`, `tls`, `socketMode`, `exposed`: the address of a port, and its clients. The gRPC and the HTTP port share
//! these.
//!
//! Every client of the gRPC port may run tools. So plaintext stays on this machine, and clients from elsewhere need TLS
//! and a place in a list, unless the configuration opens the port explicitly. On the HTTP port tokens identify callers:
//! TLS is enough there.

mod connections;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use callgate_settings::{ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

pub(crate) use self::connections::ConnectionSection;
pub use self::connections::Connections;

/// The default mode of the socket file: its owner only.
const SOCKET_MODE: u32 = 0o600;
const UNIX: &str = "unix:";
const SPIFFE: &str = "spiffe://";
const DNS: &str = "dns:";
/// The SPIFFE specification's bound on an ID.
const SPIFFE_BYTES: usize = 2048;

/// The address of a port, and its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub address: Address,
    /// TLS; without it, plaintext.
    pub tls: Option<Tls>,
    /// The maximum connections, and their time limits.
    pub connections: Connections,
}

/// The address of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// On an IP address. Port 0 takes a free one.
    Tcp(SocketAddr),
    /// On a Unix socket.
    Unix {
        /// Its file.
        path: PathBuf,
        /// The file's permissions.
        mode: u32,
    },
}

/// The files of TLS, read at start and again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The server's certificate and its intermediates: PEM.
    pub certificate: PathBuf,
    /// Its key: PEM.
    pub key: PathBuf,
    /// The clients' certificates.
    pub clients: Clients,
}

/// The clients TLS accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Everyone: the server asks for no certificate.
    Anyone,
    /// Clients with a certificate from this authority and one of these identities.
    Listed {
        /// The roots: PEM.
        authority: PathBuf,
        /// The identities. Not empty.
        allowed: Vec<Identity>,
    },
}

/// The identity of a certificate's holder: a name in its subject alternative names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A SPIFFE ID, compared byte by byte.
    Spiffe(String),
    /// A DNS name, compared without regard to case. A wildcard in a certificate matches nothing.
    Dns(String),
}

/// The kind of a port, which decides its protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Every client may run tools.
    Grpc,
    /// Clients show a token, which nobody on the network may read.
    Http,
}

/// The fields in the file, at its top or under `http`.
pub(crate) struct ListenSection {
    pub(crate) listen: Option<Spanned<String>>,
    pub(crate) socket_mode: Option<Spanned<String>>,
    pub(crate) tls: Option<Spanned<TlsSection>>,
    pub(crate) exposed: Option<Spanned<String>>,
    pub(crate) connections: ConnectionSection,
}

/// `tls` in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TlsSection {
    certificate: String,
    key: String,
    client_ca: Option<String>,
    allowed_clients: Option<Spanned<Vec<Spanned<String>>>>,
}

// === impl ListenSection ===

impl ListenSection {
    /// Checks the fields. `default` is the default address, on loopback.
    pub(crate) fn resolve(self, place: &ConfigFile<'_>, door: Door, default: SocketAddr) -> Result<Listen, FieldError> {
        let prefix = door.prefix();
        let at = self.listen.as_ref().map(|listen| listen.referenced);
        let mut address = match &self.listen {
            None => Address::Tcp(default),
            Some(text) => address(place, prefix, text)?,
        };
        if let Some(written) = self.socket_mode {
            let fault =
                |expected: &str| place.fault(written.referenced, format!("{prefix}socketMode: expected {expected}"));
            let Address::Unix { mode, .. } = &mut address else {
                return Err(fault(&format!("only where {prefix}listen is unix:/path")));
            };
            *mode = match written.value.as_str() {
                "0600" => 0o600,
                "0660" => 0o660,
                _ => return Err(fault("\"0600\" or \"0660\", the socket file's permissions")),
            };
        }
        let exposed = match &self.exposed {
            None => false,
            Some(words) if words.value == door.words() => true,
            Some(words) => {
                let message = format!("{prefix}exposed: expected exactly \"{}\"", door.words());
                return Err(place.fault(words.referenced, message));
            }
        };
        let tls = self.tls.map(|tls| tls.value.resolve(place, prefix, tls.referenced)).transpose()?;
        if let (Address::Tcp(tcp), Some(at)) = (&address, at)
            && !tcp.ip().is_loopback()
            && !exposed
            && let Some(lack) = door.lacks(tls.as_ref())
        {
            let message = format!(
                "{prefix}listen: {tcp} can be reached from other machines, and {lack}: listen on 127.0.0.1, [::1] or \
                 unix:/path; or give {prefix}tls {}; or, if that is what you want, say so: {prefix}exposed: \"{}\"",
                door.needs(),
                door.words()
            );
            return Err(place.fault(at, message));
        }
        let connections = self.connections.resolve(place, prefix, door.idle())?;
        Ok(Listen { address, tls, connections })
    }
}

fn address(place: &ConfigFile<'_>, prefix: &str, text: &Spanned<String>) -> Result<Address, FieldError> {
    let wrong = || {
        let message = format!(
            "{prefix}listen: expected an IP address and a port, such as 127.0.0.1:7070 or [::1]:7070, or a Unix socket, \
             such as unix:/run/callgate/executor.sock"
        );
        place.fault(text.referenced, message)
    };
    match text.value.strip_prefix(UNIX) {
        Some(path) if path.starts_with('/') => Ok(Address::Unix { path: PathBuf::from(path), mode: SOCKET_MODE }),
        Some(_) => Err(wrong()),
        None => text.value.parse().map(Address::Tcp).map_err(|_| wrong()),
    }
}

// === impl TlsSection ===

impl TlsSection {
    fn resolve(self, place: &ConfigFile<'_>, prefix: &str, at: Location) -> Result<Tls, FieldError> {
        let clients = match (self.client_ca, self.allowed_clients) {
            (None, None) => Clients::Anyone,
            (Some(authority), Some(written)) => {
                let allowed: Vec<_> =
                    written.value.iter().map(|name| identity(place, prefix, name)).collect::<Result<_, _>>()?;
                if allowed.is_empty() {
                    let message =
                        format!("{prefix}tls.allowedClients: expected at least one client; nobody could call");
                    return Err(place.fault(written.referenced, message));
                }
                Clients::Listed { authority: place.folder.join(authority), allowed }
            }
            // An authority signs for more than the intended clients: in a mesh, for every workload.
            (Some(_), None) => {
                let message = format!(
                    "{prefix}tls: clientCa is given without allowedClients; list who may call, such as \
                     [\"spiffe://cluster.local/ns/gateway/sa/envoy\"] or [\"dns:envoy.example\"]"
                );
                return Err(place.fault(at, message));
            }
            (None, Some(written)) => {
                let message = format!(
                    "{prefix}tls.allowedClients: expected clientCa beside it, the file of the authority that signs their \
                     certificates"
                );
                return Err(place.fault(written.referenced, message));
            }
        };
        Ok(Tls { certificate: place.folder.join(self.certificate), key: place.folder.join(self.key), clients })
    }
}

fn identity(place: &ConfigFile<'_>, prefix: &str, written: &Spanned<String>) -> Result<Identity, FieldError> {
    Identity::parse(&written.value).ok_or_else(|| {
        let message = format!(
            "{prefix}tls.allowedClients: expected spiffe://trust-domain/path or dns:name, in full and without `*`, found \
             `{}`",
            written.value
        );
        place.fault(written.referenced, message)
    })
}

// === impl Identity ===

impl Identity {
    /// Reads `spiffe://trust-domain/path` or `dns:name`, without patterns.
    fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*');
        if let Some(rest) = text.strip_prefix(SPIFFE) {
            let (domain, path) = rest.split_once('/')?;
            let whole = plain && !domain.is_empty() && path.split('/').all(|part| !part.is_empty());
            return (whole && text.len() <= SPIFFE_BYTES).then(|| Self::Spiffe(text.to_owned()));
        }
        let name = text.strip_prefix(DNS)?;
        (plain && !name.is_empty()).then(|| Self::Dns(name.to_owned()))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spiffe(id) => f.write_str(id),
            Self::Dns(name) => write!(f, "{DNS}{name}"),
        }
    }
}

// === impl Door ===

impl Door {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Grpc => "",
            Self::Http => "http.",
        }
    }

    /// The default time a connection stays open without a request. Proxies keep theirs for long, browsers open new
    /// ones.
    const fn idle(self) -> Duration {
        match self {
            Self::Grpc => Duration::from_secs(300),
            Self::Http => Duration::from_secs(60),
        }
    }

    /// The value of `exposed` that opens the port.
    const fn words(self) -> &'static str {
        match self {
            Self::Grpc => "anyone who reaches this port may run tools",
            Self::Http => "anyone on the way may read tokens and arguments",
        }
    }

    const fn needs(self) -> &'static str {
        match self {
            Self::Grpc => "with clientCa and allowedClients",
            Self::Http => "with certificate and key",
        }
    }

    /// The reason this port is unsafe for other machines.
    const fn lacks(self, tls: Option<&Tls>) -> Option<&'static str> {
        match (self, tls) {
            (Self::Grpc, None) => Some("without tls anyone who reaches it may run tools"),
            (Self::Grpc, Some(Tls { clients: Clients::Anyone, .. })) => {
                Some("with a tls that asks for no client certificates anyone who reaches it may run tools")
            }
            (Self::Http, None) => Some("without tls anyone on the way may read tokens and arguments"),
            (Self::Grpc, Some(Tls { clients: Clients::Listed { .. }, .. })) | (Self::Http, Some(_)) => None,
        }
    }
}

// === impl Listen ===

impl Listen {
    /// Returns true if only this machine reaches the address.
    pub fn is_local(&self) -> bool {
        match &self.address {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix { .. } => true,
        }
    }
}

// === impl Address ===

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { path, .. } => write!(f, "{UNIX}{}", path.display()),
        }
    }
}
