//! The HTTP side beside the gRPC side: opened before calls are taken, served until the last of them has ended.

use std::collections::BTreeSet;
use std::future::Future;

use axum::Router;
use callgate_contract::Contract;

use super::host::only_here;
use super::persons;
use super::tokens::TokenError;
use super::{Web, router};
use crate::config::{Address, Config, Http};
use crate::telemetry::{Instruments, health_router, metrics_router};
use crate::transport::{Bound, Listener, Port, TransportError};
use callgate_approvals::Approvals;
use callgate_audit::AuditLog;

/// The HTTP side, listening.
pub struct Side {
    listener: Listener,
    router: Router,
    /// The names that could answer at start.
    approvers: BTreeSet<String>,
}

/// Why the HTTP side cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// The port cannot be opened.
    #[error("http.{0}")]
    Listen(#[from] TransportError),
    /// Nobody could be told from anybody.
    #[error("http.tokens: {0}")]
    Tokens(#[from] TokenError),
}

// === impl Side ===

impl Side {
    /// Listens where the configuration says; `None` where it says `off`.
    ///
    /// # Errors
    /// The address is taken or not this machine's, or its certificates or the tokens cannot be used.
    pub async fn bind(
        config: &Config,
        approvals: &Approvals,
        audit: &AuditLog,
        instruments: &Instruments,
    ) -> Result<Option<Self>, SideError> {
        let Http::On { listen, tokens } = &config.http else { return Ok(None) };
        let web = Web::open(listen, tokens, &config.state_dir, approvals.clone(), audit.clone())?;
        let approvers = web.approvers()?;
        let mut router = router(web).merge(health_router(instruments.readiness.clone()));
        let metrics = metrics_router(instruments.metrics.clone());
        match &listen.address {
            _ if config.telemetry.open_metrics => router = router.merge(metrics),
            // No browser reaches it.
            Address::Unix { .. } => router = router.merge(metrics),
            Address::Tcp(address) if address.ip().is_loopback() => router = router.merge(only_here(metrics)),
            Address::Tcp(_) => {}
        }
        let listener = Listener::bind(listen, Port::Http, &instruments.metrics).await?;
        Ok(Some(Self { listener, router, approvers }))
    }

    /// Tells in the log of what contracts and rules ask of persons who are not there. Without an HTTP side nobody is.
    pub(crate) fn warn_of_missing_persons<'c>(
        side: Option<&Self>,
        approvals: &Approvals,
        contracts: impl Iterator<Item = &'c Contract>,
    ) {
        let nobody = BTreeSet::new();
        persons::warn(approvals, side.map_or(&nobody, |side| &side.approvers), contracts);
    }

    /// Where it listens; with port 0 configured, the port that was taken.
    pub fn address(&self) -> &Bound {
        self.listener.bound()
    }

    /// Serves until `stop`, then lets requests end that are being answered.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        self.listener.serve(self.router, stop).await;
    }
}
