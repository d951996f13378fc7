//! The HTTP port: what people and monitoring look at, beside the gRPC port that runs tools.

use std::future::Future;
use std::io;

use axum::Router;

use crate::approvals::Approvals;
use crate::audit::AuditLog;
use crate::config::{Address, Config, Http};
use crate::telemetry::{Instruments, health_router, metrics_router};
use crate::transport::{Bound, Listener, Port, TransportError};
use crate::web::{self, TokenError, Web};

/// The HTTP port, open, with all that it serves.
pub(crate) struct Side {
    listener: Listener,
    router: Router,
}

/// Why the HTTP port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// Its tokens cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// It cannot be listened on.
    #[error(transparent)]
    Listen(#[from] TransportError),
}

// === impl Side ===

impl Side {
    /// Opens the port that the configuration wants; `None` if it wants none.
    pub(crate) async fn bind(
        config: &Config,
        approvals: &Approvals,
        audit: &AuditLog,
        instruments: &Instruments,
    ) -> Result<Option<Self>, SideError> {
        let Http::On { listen, tokens } = &config.http else { return Ok(None) };
        let web = Web::open(listen, tokens, &config.state_dir, approvals.clone(), audit.clone())?;
        let mut router = web::router(web).merge(health_router(instruments.readiness.clone()));
        let near = match &listen.address {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix { .. } => true,
        };
        if near || config.telemetry.open_metrics {
            router = router.merge(metrics_router(instruments.metrics.clone()));
        }
        let listener = Listener::bind(listen, Port::Http, &instruments.metrics).await?;
        Ok(Some(Self { listener, router }))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &Bound {
        self.listener.bound()
    }

    /// Serves until `stop`.
    pub(crate) async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        web::serve(self.listener, self.router, stop).await
    }
}
