//! HTTP requests of guests (`wasi:http/outgoing-handler`): to the hosts and ports that the contract grants, and nowhere else.
//!
//! 1. The host and port, as the guest names them, must be granted.
//! 2. The name is resolved here, once, and *every* address that it has is judged: unless the grant says `private`, a single
//!    address that is not public refuses the request. A metadata service, or anything link-local, is reached by no name at
//!    all, only by its address, granted as such with `private`. An IPv4 address inside an IPv6 one is judged as itself.
//! 3. The connection goes to an address that was judged. Nothing is resolved a second time, so a name that changes its mind
//!    in between gains nothing. TLS and `host` speak of the name.
//! 4. The guest's `authorization` and `cookie` stay here unless the grant says `authorization`.
//!
//! Redirects are answers like any other: a guest that follows one makes a new request, which goes through all of this again.
//! Each request has a connection of its own, which ends with the call at the latest; no proxy is asked, whatever the
//! environment says. What is received is held in small buffers until the guest reads it.
//!
//! Not covered: what a granted server does with what it is told. A lookup that is cut off by the deadline goes on in a thread
//! of the system's resolver until that gives up. Core modules (WASI preview 1) have no HTTP.

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

/// A server that a tool may send requests to.
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

/// Where one tool may send requests.
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
    /// To what is granted, over this network.
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

    /// The grant for `origin`, with the way there.
    fn to(&self, origin: &Origin) -> Option<(&Arc<Granted>, &Destination)> {
        let granted = self.0.as_ref()?;
        let destination = granted.destinations.iter().find(|destination| destination.to == *origin)?;
        Some((granted, destination))
    }
}
