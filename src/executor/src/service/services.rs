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
use callgate_contract::CountStore;
use callgate_counters::{Counters, CountersError, CountersSettings};
use callgate_state::{StateError, private};

/// The services all calls share.
pub(crate) struct Services {
    /// The contracts in service now; a reload replaces them.
    pub(crate) serving: ArcSwap<Registry>,
    pub(crate) queues: Queues,
    pub(crate) once: Once,
    pub(crate) counters: Counters,
    pub(crate) approvals: Approvals,
    pub(crate) audit: AuditLog,
    pub(crate) backends: Backends,
    pub(crate) instruments: Instruments,
}

/// The number of denied calls that write their records at the same time.
const DENIALS: u32 = 64;
/// The number of counts at the store at the same time.
const COUNTS: u32 = 64;

/// One queue for each kind of work. Slow backends do not idle the sandbox, and denied calls do not delay allowed ones.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    pub(crate) sandbox: Queue,
    pub(crate) backends: Queue,
    /// Denied calls: each writes one record to the audit log.
    pub(crate) denials: Queue,
    /// Counts of requests and calls: each waits for the store of counts.
    pub(crate) counts: Queue,
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
    /// The store of counts cannot be opened.
    #[error("counters: {0}")]
    Counters(#[from] CountersError),
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
        let counters = Counters::open(&config.state_dir, &config.counters).await?;
        warn_of_memory(&config.counters, &registry);
        let approvals = Approvals::open(&config.state_dir, &config.approvals, audit.clone())?
            .counting(instruments.metrics.approvals().clone());
        let stores = [audit.health(), once.health(), approvals.health()];
        for store in stores.into_iter().chain(counters.health()) {
            instruments.readiness.ask(store);
        }
        Ok(Self {
            queues: Queues::new(config.concurrency, &config.queue),
            once,
            counters,
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
        self.counters.close().await;
        self.approvals.close().await;
        self.audit.close().await;
    }
}

/// Warns if a contract's counts end with this process.
fn warn_of_memory(settings: &CountersSettings, registry: &Registry) {
    let counted = registry.contracts().find(|contract| contract.limits().store == CountStore::Executor);
    if let (CountersSettings::Memory, Some(contract)) = (settings, counted) {
        tracing::warn!(
            contract = contract.name(),
            "the counts of a contract with `limits.store: executor` are in memory: they end with this process, and no other executor has \
             them; set counters.store: stateDir, or counters.postgres"
        );
    }
}

// === impl Queues ===

impl Queues {
    fn new(concurrency: u32, queue: &QueueSettings) -> Self {
        Self {
            sandbox: Queue::new(concurrency, queue.length, queue.per_tenant),
            backends: Queue::new(queue.backends, queue.length, queue.per_tenant),
            denials: Queue::new(DENIALS, queue.length, queue.per_tenant),
            counts: Queue::new(COUNTS, queue.length, queue.per_tenant),
        }
    }
}
