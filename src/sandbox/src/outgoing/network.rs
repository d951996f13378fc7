//! The network of this machine: resolves names, connects to addresses, and holds the trusted certificates.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};

use super::carried::Nat64;

/// A future [`Internet`] returns.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// Names and addresses: the system's own, or those of a test in which names lie.
pub trait Internet: fmt::Debug + Send + Sync {
    /// Returns the current addresses of a name.
    fn resolve<'a>(&'a self, name: &'a str) -> Pending<'a, Vec<IpAddr>>;

    /// Connects to exactly this address.
    fn connect(&self, to: SocketAddr) -> Pending<'_, TcpStream>;
}

/// The network of all tools.
#[derive(Clone, Debug)]
pub struct Network {
    internet: Arc<dyn Internet>,
    roots: Roots,
    /// The prefixes of this network's own translators from IPv6 to IPv4.
    nat64: Arc<[Nat64]>,
    /// Created at the first grant, since reading the system's certificates takes a while.
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
}

/// The trusted certificate authorities.
#[derive(Clone, Debug)]
enum Roots {
    /// The system's; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    System,
    These(Arc<RootCertStore>),
}

/// The system's resolver and its network.
#[derive(Debug)]
struct System;

// === impl Network ===

impl Network {
    /// Returns the system's network.
    pub fn system() -> Self {
        Self { internet: Arc::new(System), roots: Roots::System, nat64: Arc::new([]), tls: Arc::default() }
    }

    /// Returns a network of its own with its trusted certificates.
    pub fn new(internet: Arc<dyn Internet>, roots: RootCertStore) -> Self {
        Self { internet, roots: Roots::These(Arc::new(roots)), nat64: Arc::new([]), tls: Arc::default() }
    }

    /// Returns the same network with translators from IPv6 to IPv4 at these prefixes.
    #[must_use]
    pub fn with_nat64(mut self, nat64: &[Nat64]) -> Self {
        self.nat64 = nat64.into();
        self
    }

    pub(super) fn nat64(&self) -> &[Nat64] {
        &self.nat64
    }

    pub(super) fn internet(&self) -> &dyn Internet {
        self.internet.as_ref()
    }

    /// Returns the TLS settings. The first use reads the system's certificates.
    ///
    /// # Errors
    /// TLS cannot be set up: a fault of this program.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        if let Some(tls) = self.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots.load())
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(tls))))
    }
}

// === impl Roots ===

impl Roots {
    fn load(&self) -> Arc<RootCertStore> {
        match self {
            Self::These(roots) => Arc::clone(roots),
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                let mut roots = RootCertStore::empty();
                let (believed, _) = roots.add_parsable_certificates(found.certs);
                if believed == 0 {
                    tracing::warn!(
                        "no certificate authorities found; HTTPS requests of tools will fail: install them, or name them \
                         in SSL_CERT_FILE"
                    );
                }
                Arc::new(roots)
            }
        }
    }
}

// === impl System ===

impl Internet for System {
    fn resolve<'a>(&'a self, name: &'a str) -> Pending<'a, Vec<IpAddr>> {
        Box::pin(async move { Ok(lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }

    fn connect(&self, to: SocketAddr) -> Pending<'_, TcpStream> {
        Box::pin(TcpStream::connect(to))
    }
}
