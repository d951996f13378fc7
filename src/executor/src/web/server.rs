//! The HTTP server beside the gRPC server: opened before calls are taken, served until the last call has ended.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;

use axum::Router;
use callgate_contract::Contract;

use super::host::only_here;
use super::persons;
use super::settings::Http;
use super::tokens::TokenError;
use super::{Web, router};
use crate::telemetry::{Instruments, health_router, metrics_router};
use crate::transport::{Address, Bound, Listener, Port, TransportError};
use callgate_approvals::Approvals;
use callgate_audit::AuditLog;

/// The listening HTTP server.
pub struct HttpServer {
    listener: Listener,
    router: Router,
    /// The names of the persons who could answer at start.
    approvers: BTreeSet<String>,
}

/// The reason the HTTP server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HttpServerError {
    /// The port cannot be opened.
    #[error("http.{0}")]
    Listen(#[from] TransportError),
    /// The tokens cannot be used, so no one could be authenticated.
    #[error("http.tokens: {0}")]
    Tokens(#[from] TokenError),
}

// === impl HttpServer ===

impl HttpServer {
    /// Listens on the configured address; returns `None` if the HTTP side is off. With `open_metrics`, everyone who reaches
    /// the port may read metrics.
    ///
    /// # Errors
    /// The address is taken or not this machine's, or its certificates or the tokens cannot be used.
    pub async fn bind(
        http: &Http,
        state_dir: &Path,
        open_metrics: bool,
        approvals: &Approvals,
        audit: &AuditLog,
        instruments: &Instruments,
    ) -> Result<Option<Self>, HttpServerError> {
        let Http::On { listen, tokens } = http else { return Ok(None) };
        let web = Web::open(listen, tokens, state_dir, approvals.clone(), audit.clone())?;
        let approvers = web.approvers()?;
        let mut router = router(web).merge(health_router(instruments.readiness.clone()));
        let metrics = metrics_router(instruments.metrics.clone());
        match &listen.address {
            _ if open_metrics => router = router.merge(metrics),
            // No browser reaches a Unix socket.
            Address::Unix { .. } => router = router.merge(metrics),
            Address::Tcp(address) if address.ip().is_loopback() => router = router.merge(only_here(metrics)),
            Address::Tcp(_) => {}
        }
        let listener = Listener::bind(listen, Port::Http, &instruments.metrics).await?;
        Ok(Some(Self { listener, router, approvers }))
    }

    /// Logs a warning for each person the contracts and rules need and no token names. Without an HTTP server nobody
    /// exists.
    pub(crate) fn warn_of_missing_persons<'c>(
        side: Option<&Self>,
        approvals: &Approvals,
        contracts: impl Iterator<Item = &'c Contract>,
    ) {
        let nobody = BTreeSet::new();
        persons::warn(approvals, side.map_or(&nobody, |side| &side.approvers), contracts);
    }

    /// Returns the address; with port 0 configured, the actual port.
    pub fn address(&self) -> &Bound {
        self.listener.bound()
    }

    /// Serves until `stop`, then finishes the open requests.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        self.listener.serve(self.router, stop).await;
    }
}
