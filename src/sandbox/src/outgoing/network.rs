//! The way out of this machine: what a name means, how an address is reached, whose certificates are believed.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};

use super::carried::Nat64;

/// What [`Internet`] promises.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// Names and addresses. The system's own, or one that a test makes up to have names lie.
pub trait Internet: fmt::Debug + Send + Sync {
    /// The addresses that a name has now.
    fn resolve<'a>(&'a self, name: &'a str) -> Pending<'a, Vec<IpAddr>>;

    /// A connection to exactly this address.
    fn connect(&self, to: SocketAddr) -> Pending<'_, TcpStream>;
}

/// The way out for all tools.
#[derive(Clone, Debug)]
pub struct Network {
    internet: Arc<dyn Internet>,
    roots: Roots,
    /// The prefixes of this network's own translators from IPv6 to IPv4.
    nat64: Arc<[Nat64]>,
    /// Made when the first tool is granted something, since reading the system's certificates takes a while.
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
}

/// Whose certificates are believed.
#[derive(Clone, Debug)]
enum Roots {
    /// Those that the system believes; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    System,
    These(Arc<RootCertStore>),
}

/// The system's resolver and its network.
#[derive(Debug)]
struct System;

// === impl Network ===

impl Network {
    /// The system's.
    pub fn system() -> Self {
        Self { internet: Arc::new(System), roots: Roots::System, nat64: Arc::new([]), tls: Arc::default() }
    }

    /// One of its own, with the certificates that are believed in it.
    pub fn new(internet: Arc<dyn Internet>, roots: RootCertStore) -> Self {
        Self { internet, roots: Roots::These(Arc::new(roots)), nat64: Arc::new([]), tls: Arc::default() }
    }

    /// The same, with translators from IPv6 to IPv4 at these prefixes.
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

    /// How TLS is spoken. The first use reads the system's certificates.
    ///
    /// # Errors
    /// TLS has nothing to work with: a fault of this program.
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
