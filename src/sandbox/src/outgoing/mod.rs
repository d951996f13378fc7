//! HTTP requests of guests (`wasi:http/outgoing-handler`): only to the hosts and ports the contract grants.
//!
//! 1. The host and port, as the guest names them, must be granted.
//! 2. The name is resolved here, once, and *every* address it has is judged. Unless the grant says `private`, a single
//!    address that is not public refuses the request. No name reaches a metadata service or a link-local address; only
//!    a literal address granted with `private` does. An IPv4 address inside an IPv6 one is judged as itself.
//! 3. The connection goes to a judged address. Nothing is resolved a second time, so a name that changes in between
//!    gains nothing. TLS and `host` use the name.
//! 4. The guest's `authorization` and `cookie` stay here unless the grant says `authorization`.
//!
//! Redirects are ordinary responses: a guest that follows one makes a new request, which passes all of this again. Each
//! request has its own connection, which ends with the call at the latest. No proxy is used, whatever the environment
//! says. Received data waits in small buffers until the guest reads it.
//!
//! Not covered: a granted server's use of the data it gets. A lookup cut off by the deadline continues in a thread of
//! the system's resolver until that gives up. Core modules (WASI preview 1) have no HTTP.

mod address;
mod carried;
mod destination;
mod network;
mod requests;
mod send;

use std::sync::Arc;

use rustls::ClientConfig;

pub use self::carried::Nat64;
use self::destination::{Destination, Origin};
pub use self::network::{Internet, Network, Pending};
pub(super) use self::requests::{FIELD_BYTES, Requests};

/// A server a tool may send requests to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingGrant {
    /// The host, by name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// True if the name may resolve to an address that is not public.
    pub private: bool,
    /// True if the guest's own credentials are sent.
    pub authorization: bool,
}

/// The destinations of one tool's requests.
#[derive(Clone, Debug)]
pub struct Outgoing(Option<Arc<Granted>>);

/// At least one destination, and the way to it.
#[derive(Debug)]
struct Granted {
    destinations: Vec<Destination>,
    network: Network,
    tls: Arc<ClientConfig>,
}

// === impl Outgoing ===

impl Outgoing {
    /// Grants destinations over this network.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn granted(grants: &[OutgoingGrant], network: &Network) -> Result<Self, rustls::Error> {
        if grants.is_empty() {
            return Ok(Self(None));
        }
        let destinations = grants.iter().map(Destination::granted).collect();
        Ok(Self(Some(Arc::new(Granted { destinations, network: network.clone(), tls: network.tls()? }))))
    }

    /// Returns the grant for `origin`, with the network.
    fn to(&self, origin: &Origin) -> Option<(&Arc<Granted>, &Destination)> {
        let granted = self.0.as_ref()?;
        let destination = granted.destinations.iter().find(|destination| destination.to == *origin)?;
        Some((granted, destination))
    }
}
