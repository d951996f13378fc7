//! The store together with the audit log: what a call needs in both, in one wait if one thread writes both.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use callgate_audit::{Appended, AuditError, AuditLog, AuditMetrics, AuditSettings, Entry};
use callgate_proto::executor::v1::CallOutcome;
use callgate_state::SystemClock;
use prost::Message as _;

use super::local::Local;
use super::order::{Settled, Ticket};
use super::{Begin, CallIdentity, IdempotencySettings, IdempotencyStore, Key, Once, OnceError};

/// The decision on a call, to be recorded with its beginning.
pub struct Decided {
    /// The record.
    pub entry: Entry,
    /// Runs if the call begins and its decision is recorded, but its beginner disconnected meanwhile. It must record an
    /// outcome.
    pub lost: Box<dyn FnOnce() + Send>,
}

/// The answer to a beginning with a decision.
#[derive(Debug)]
pub enum DecidedBegin {
    /// The call is new. It may run if its decision is recorded; the log's answer is missing if none was given.
    Fresh(Option<Result<Appended, AuditError>>),
    /// It is not new, and no decision is recorded; never [`Begin::Fresh`].
    Repeat(Begin),
}

// === impl Once ===

impl Once {
    /// Opens the audit log and the store. If both are in the state directory, one thread writes them.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub async fn open_with_log<E: From<OnceError> + From<AuditError>>(
        state_dir: &Path,
        settings: &IdempotencySettings,
        audit: &AuditSettings,
        metrics: &AuditMetrics,
    ) -> Result<(Self, AuditLog), E> {
        match &settings.store {
            IdempotencyStore::Local => {
                let mut local = None;
                let log = AuditLog::open_with(state_dir, audit, metrics, || {
                    let (handle, writer) = Local::open(state_dir, settings.keep, Arc::new(SystemClock))?;
                    local = Some(handle);
                    Ok::<_, E>(writer)
                })?;
                let local = local.ok_or_else(|| OnceError::Unavailable("the store was not opened".into()))?;
                Ok((Self::Local(local), log))
            }
            IdempotencyStore::Postgres { .. } => {
                let log = AuditLog::open_counted(state_dir, audit, metrics)?;
                Ok((Self::open(state_dir, settings).await?, log))
            }
        }
    }

    /// Begins a call as [`begin`](Self::begin) does, and records its decision in `log`, opened with this store. The call
    /// may run after both. `decided` is called for each attempt; without a beginning nothing is recorded.
    ///
    /// A caller that disconnects while it waits here leaves nothing behind, or a decision that [`Decided::lost`] gives
    /// an outcome.
    ///
    /// # Errors
    /// The beginning cannot be written, so the call must not run.
    pub async fn begin_decided(
        &self,
        log: &AuditLog,
        key: &Arc<Key>,
        what: CallIdentity,
        decided: impl Fn() -> Decided,
    ) -> Result<DecidedBegin, OnceError> {
        match self {
            Self::Local(local) => local.begin_with(key, what, || Some(Box::new(decided()))).await,
            Self::Shared(shared) => match shared.begin(key, what).await? {
                Begin::Fresh => {
                    let Decided { entry, lost } = decided();
                    let ticket = Ticket::of_recorded(Arc::clone(key), lost);
                    let recorded = log.append(entry).await;
                    ticket.done();
                    Ok(DecidedBegin::Fresh(Some(recorded)))
                }
                repeat => Ok(DecidedBegin::Repeat(repeat)),
            },
        }
    }

    /// Records the outcome of a call, in the log and here, as [`finish`](Self::finish) does. Once polled, it is recorded
    /// even if nobody waits for the end.
    pub async fn settle(&self, log: &AuditLog, key: &Arc<Key>, outcome: &CallOutcome, entry: Entry) -> Settled {
        let outcome = outcome.encode_to_vec();
        match self {
            Self::Local(local) => local.settle(key, outcome, entry).await,
            Self::Shared(shared) => {
                let (shared, log, key) = (shared.clone(), log.clone(), Arc::clone(key));
                let writing = async move {
                    let (stored, recorded) = tokio::join!(shared.finish(&key, outcome), log.append(entry));
                    Settled { stored, recorded }
                };
                tokio::spawn(writing).await.unwrap_or_else(|_| Settled::lost("the runtime has ended"))
            }
        }
    }
}

// === impl Decided ===

impl fmt::Debug for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decided").field("entry", &self.entry).finish_non_exhaustive()
    }
}
