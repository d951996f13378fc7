//! What calls need on their way, opened once at start.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::admission::Registry;
use crate::approvals::{ApprovalError, Approvals};
use crate::audit::{AuditError, AuditLog};
use crate::backends::{BackendError, Backends};
use crate::config::Config;
use crate::idempotency::{Once, OnceError};
use crate::queue::Queue;
use crate::telemetry::Instruments;
use callgate_state::{StateError, private};

/// What calls need on their way. Shared by all of them.
pub(crate) struct Parts {
    /// The contracts that are served now; a reload puts others in their place.
    pub(crate) serving: ArcSwap<Registry>,
    pub(crate) queues: Queues,
    pub(crate) once: Once,
    pub(crate) approvals: Approvals,
    pub(crate) audit: AuditLog,
    pub(crate) backends: Backends,
    pub(crate) instruments: Instruments,
}

/// The denied calls whose records are written at once.
const DENIALS: u32 = 64;

/// One queue for each kind of work, so that slow backends keep no sandbox empty, and denied calls delay none that may run.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    pub(crate) sandbox: Queue,
    pub(crate) backends: Queue,
    /// Denied calls: each costs a record in the audit log.
    pub(crate) denials: Queue,
}

/// Why the executor cannot begin to serve.
#[derive(Debug, thiserror::Error)]
pub enum PartsError {
    /// The state directory cannot be used.
    #[error("stateDir: {0}")]
    State(#[from] StateError),
    /// The memory of what ran.
    #[error("once: {0}")]
    Once(#[from] OnceError),
    /// The requests for approval.
    #[error("approvals: {0}")]
    Approvals(#[from] ApprovalError),
    /// The audit log.
    #[error("audit: {0}")]
    Audit(#[from] AuditError),
    /// The backends.
    #[error("{0}")]
    Backends(#[from] BackendError),
}

// === impl Parts ===

impl Parts {
    /// Opens everything in the state directory, and checks that every backend that a contract names is there.
    pub(crate) async fn open(
        config: &Config,
        registry: Arc<Registry>,
        instruments: Instruments,
    ) -> Result<Self, PartsError> {
        private::folder(&config.state_dir)?;
        let backends = Backends::new(config, instruments.metrics.backends())?;
        for contract in registry.contracts() {
            backends.check(contract)?;
        }
        let audit = AuditLog::open_counted(config, &instruments.metrics)?;
        let once = Once::open(config).await?;
        let approvals = Approvals::open(config, audit.clone())?.counting(instruments.metrics.approvals().clone());
        for store in [audit.health(), once.health(), approvals.health()] {
            instruments.readiness.ask(store);
        }
        Ok(Self {
            queues: Queues::new(config),
            once,
            approvals,
            audit,
            backends,
            instruments,
            serving: ArcSwap::new(registry),
        })
    }
}

impl Parts {
    /// Ends the stores, each as one file. The audit log is the last, since the others tell it how calls ended.
    pub(crate) async fn close(&self) {
        self.once.close().await;
        self.approvals.close().await;
        self.audit.close().await;
    }
}

// === impl Queues ===

impl Queues {
    fn new(config: &Config) -> Self {
        let queue = &config.queue;
        Self {
            sandbox: Queue::new(config.concurrency, queue.length, queue.per_tenant),
            backends: Queue::new(queue.backends, queue.length, queue.per_tenant),
            denials: Queue::new(DENIALS, queue.length, queue.per_tenant),
        }
    }
}
