//! The services a call needs, opened once at start.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::admission::Registry;
use crate::backends::{BackendError, Backends};
use crate::config::Config;
use crate::idempotency::{Once, OnceError};
use crate::queue::{Queue, QueueSettings};
use crate::telemetry::Instruments;
use callgate_approvals::{ApprovalError, Approvals};
use callgate_audit::{AuditError, AuditLog};
use callgate_state::{StateError, private};

/// The services all calls share.
pub(crate) struct Services {
    /// The contracts in service now; a reload replaces them.
    pub(crate) serving: ArcSwap<Registry>,
    pub(crate) queues: Queues,
    pub(crate) once: Once,
    pub(crate) approvals: Approvals,
    pub(crate) audit: AuditLog,
    pub(crate) backends: Backends,
    pub(crate) instruments: Instruments,
}

/// The number of denied calls that write their records at the same time.
const DENIALS: u32 = 64;

/// One queue for each kind of work. Slow backends do not idle the sandbox, and denied calls do not delay allowed ones.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    pub(crate) sandbox: Queue,
    pub(crate) backends: Queue,
    /// Denied calls: each writes one record to the audit log.
    pub(crate) denials: Queue,
}

/// The reason the executor cannot start to serve.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// The state directory cannot be used.
    #[error("stateDir: {0}")]
    State(#[from] StateError),
    /// The idempotency store cannot be opened.
    #[error("once: {0}")]
    Once(#[from] OnceError),
    /// The store of approvals cannot be opened.
    #[error("approvals: {0}")]
    Approvals(#[from] ApprovalError),
    /// The audit log cannot be opened.
    #[error("audit: {0}")]
    Audit(#[from] AuditError),
    /// A backend cannot be used.
    #[error("{0}")]
    Backends(#[from] BackendError),
}

// === impl Services ===

impl Services {
    /// Opens all stores in the state directory, and checks that each backend named by a contract is configured.
    pub(crate) async fn open(
        config: &Config,
        registry: Arc<Registry>,
        instruments: Instruments,
    ) -> Result<Self, ServicesError> {
        private::folder(&config.state_dir)?;
        let backends = Backends::new(&config.backends, instruments.metrics.backends())?;
        for contract in registry.contracts() {
            backends.check(contract)?;
        }
        let counted = instruments.metrics.audit();
        let (once, audit) =
            Once::open_with_log::<ServicesError>(&config.state_dir, &config.once, &config.audit, counted).await?;
        let approvals = Approvals::open(&config.state_dir, &config.approvals, audit.clone())?
            .counting(instruments.metrics.approvals().clone());
        for store in [audit.health(), once.health(), approvals.health()] {
            instruments.readiness.ask(store);
        }
        Ok(Self {
            queues: Queues::new(config.concurrency, &config.queue),
            once,
            approvals,
            audit,
            backends,
            instruments,
            serving: ArcSwap::new(registry),
        })
    }
}

impl Services {
    /// Closes the stores, each into a single file. The audit log closes last because the others write outcomes to it.
    pub(crate) async fn close(&self) {
        self.once.close().await;
        self.approvals.close().await;
        self.audit.close().await;
    }
}

// === impl Queues ===

impl Queues {
    fn new(concurrency: u32, queue: &QueueSettings) -> Self {
        Self {
            sandbox: Queue::new(concurrency, queue.length, queue.per_tenant),
            backends: Queue::new(queue.backends, queue.length, queue.per_tenant),
            denials: Queue::new(DENIALS, queue.length, queue.per_tenant),
        }
    }
}
