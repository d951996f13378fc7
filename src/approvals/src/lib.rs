//! Calls that need a person's agreement. They are stored with their exact arguments until someone answers or the
//! request expires.
//!
//! An approval counts for one call of the same tenant, role, contract, tool and arguments, byte for byte; the claiming
//! call uses it up. A request waits for an answer no longer than the configured expiry, and an approval as long for its
//! use. After a refusal the same call is refused for a while without asking again. An answer counts only once the audit
//! log has it.
//!
//! All of these times are the store's ([`StoreTime`](callgate_state::StoreTime)): setting the wall clock neither ends
//! nor prolongs them. This crate must never decide if a call needs approval, speak HTTP, or let a model's text into an
//! answer.
//!
//! ```
//! use std::path::Path;
//!
//! use callgate_approvals::{ApprovalSection, Approvers};
//! use callgate_settings::{ConfigFile, read};
//!
//! let place = ConfigFile { file: "executor.yaml", folder: Path::new("/etc/callgate") };
//! let section: ApprovalSection = read(place.file, "expiry: 5m")?;
//! let settings = section.resolve(&place)?;
//! assert_eq!((settings.expiry.as_secs(), settings.approvers), (300, Approvers::All));
//! # Ok::<_, callgate_settings::FieldError>(())
//! ```

mod error;
mod metrics;
mod request;
mod rows;
mod rules;
mod settings;
mod store;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

pub use self::error::{AnswerError, ApprovalError};
use self::metrics::AnswerKind;
pub use self::metrics::ApprovalMetrics;
pub use self::request::{
    About, Answered, ApprovalAnswer, ApprovalRequest, Ask, Claim, ClaimRule, Filter, HeldFor, Person, RequestState,
    Search, Waiting,
};
pub use self::rules::Standing;
pub use self::settings::{ApprovalSection, ApprovalSettings, ApproverRule, Approvers};
use self::store::Store;
use callgate_audit::{self as audit, AuditEvent, AuditLog, Entry, Source};
use callgate_state::{self as state, Clock, PROBE, StateError, StoreHealth, SystemClock};

/// The maximum length of arguments: nobody reads longer ones before agreeing.
const ARGUMENTS_BYTES: usize = 64 << 10;

/// The requests for approval. Clones share them.
#[derive(Clone, Debug)]
pub struct Approvals {
    /// `None` once it is closed.
    store: Arc<Mutex<Option<Store>>>,
    health: StoreHealth,
    audit: AuditLog,
    limits: ApprovalSettings,
    metrics: ApprovalMetrics,
    /// One answer at a time: of two answers to a request, only one reaches the audit log.
    answering: Arc<tokio::sync::Mutex<()>>,
}

/// Checks the store in the state directory `folder`, if there is one; writes nothing.
///
/// # Errors
/// It cannot be used.
pub fn check(folder: &Path) -> Result<(), StateError> {
    state::inspect(&folder.join(store::FILE), rows::FORMAT.version()).map(drop)
}

// === impl Approvals ===

impl Approvals {
    /// Opens the store in the state directory; answers go into `audit`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(state_dir: &Path, settings: &ApprovalSettings, audit: AuditLog) -> Result<Self, ApprovalError> {
        Self::open_with(state_dir, settings, audit, Arc::new(SystemClock))
    }

    /// Opens the store as [`open`](Self::open) does, with the time of `clock`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open_with(
        state_dir: &Path,
        settings: &ApprovalSettings,
        audit: AuditLog,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ApprovalError> {
        let limits = settings.clone();
        let store = Store::open(state_dir, clock, limits.clone())?;
        let metrics = ApprovalMetrics::default();
        let health = store.health();
        let store = Arc::new(Mutex::new(Some(store)));
        let probed = Arc::downgrade(&store);
        std::thread::Builder::new()
            .name("approvals".into())
            .spawn(move || probe(&probed))
            .map_err(|error| ApprovalError::Unavailable(error.to_string()))?;
        Ok(Self { store, health, audit, limits, metrics, answering: Arc::default() })
    }

    /// Sets the metrics for answers.
    #[must_use]
    pub fn counting(self, metrics: ApprovalMetrics) -> Self {
        Self { metrics, ..self }
    }

    /// Uses up an approval of exactly this call, or requests one. A caller that disconnects meanwhile has used it up
    /// too.
    ///
    /// # Errors
    /// The call must not run.
    pub async fn claim(&self, ask: &Ask) -> Result<Claim, ApprovalError> {
        if ask.arguments.len() > ARGUMENTS_BYTES {
            return Err(ApprovalError::TooLong(ask.arguments.len()));
        }
        let ask = ask.clone();
        self.in_store(move |store| store.claim(&ask)).await
    }

    /// Claims approvals for several calls in one step, as [`claim`](Self::claim) does for one. An error of one call leaves the others.
    ///
    /// # Errors
    /// None of the calls may run.
    pub async fn claim_all(
        &self,
        asks: Vec<Ask>,
        rule: ClaimRule,
    ) -> Result<Vec<Result<Claim, ApprovalError>>, ApprovalError> {
        self.in_store(move |store| store.claim_all(&asks, rule)).await
    }

    /// Returns the matching requests.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn list(&self, search: Search) -> Result<Vec<ApprovalRequest>, ApprovalError> {
        self.in_store(move |store| store.list(&search)).await
    }

    /// One request.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<ApprovalRequest>, ApprovalError> {
        let id = id.to_owned();
        self.in_store(move |store| store.get(&id)).await
    }

    /// Counts the pending requests.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn waiting(&self) -> Result<Waiting, ApprovalError> {
        self.in_store(|store| store.waiting()).await
    }

    /// The rules on approvers.
    pub fn approvers(&self) -> &Approvers {
        &self.limits.approvers
    }

    /// Returns the answers a person may give to a call.
    pub fn standing(&self, person: &Person, ask: &Ask) -> Standing {
        rules::standing(&self.limits.approvers, person, ask)
    }

    /// Answers a request in somebody's name. Continues to its end if the person disconnects.
    ///
    /// # Errors
    /// The answer does not count, with the reason.
    pub async fn answer(&self, id: &str, answer: ApprovalAnswer) -> Result<ApprovalRequest, AnswerError> {
        let (approvals, id) = (self.clone(), id.to_owned());
        let answered = tokio::spawn(async move { approvals.answer_once(&id, answer).await });
        answered.await.map_err(|error| ApprovalError::Unavailable(error.to_string()))?
    }

    async fn answer_once(&self, id: &str, answer: ApprovalAnswer) -> Result<ApprovalRequest, AnswerError> {
        let _alone = self.answering.lock().await;
        let request = self.get(id).await?.ok_or(AnswerError::NotFound)?;
        self.may_be_answered(&request, &answer)?;
        // First, so every approval is in the audit log.
        self.audit.append(entry(&request, &answer)).await?;
        let (id, approved) = (id.to_owned(), answer.approved);
        let stored = self.in_store(move |store| store.answer(&id, &answer)).await;
        // Without a request, it expired while the audit log was written.
        let request = stored.map_err(AnswerError::NotStored)?.ok_or(AnswerError::Expired)?;
        self.metrics.answered(match approved {
            false => AnswerKind::Denied,
            true if request.state == RequestState::Pending => AnswerKind::Agreed,
            true => AnswerKind::Approved,
        });
        Ok(request)
    }

    fn may_be_answered(&self, request: &ApprovalRequest, answer: &ApprovalAnswer) -> Result<(), AnswerError> {
        match (self.standing(&answer.by, &request.ask), answer.approved) {
            (Standing::Answer, _) | (Standing::Refuse, false) => {}
            (Standing::Refuse, true) => return Err(AnswerError::Own),
            (Standing::Nothing, _) => return Err(AnswerError::NotNamed),
        }
        match request.state {
            RequestState::Pending if answer.approved && request.agreed.iter().any(|one| one.by == answer.by.name) => {
                Err(AnswerError::Agreed)
            }
            RequestState::Pending => Ok(()),
            RequestState::Expired => Err(AnswerError::Expired),
            RequestState::Approved(_) | RequestState::Used { .. } | RequestState::Denied(_) => {
                Err(AnswerError::Answered)
            }
        }
    }

    /// Returns the health of the store.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.health.clone()
    }

    /// Closes the store as one file. Nothing can be asked or answered afterwards.
    pub async fn close(&self) {
        let store = Arc::clone(&self.store);
        let close = move || {
            if let Some(store) = store.lock().unwrap_or_else(PoisonError::into_inner).take() {
                store.close();
            }
        };
        // It logs its own faults.
        let _ = tokio::task::spawn_blocking(close).await;
    }

    async fn in_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, ApprovalError> + Send + 'static,
    ) -> Result<T, ApprovalError> {
        let store = Arc::clone(&self.store);
        // A thread that panicked with the store has not committed.
        let work = move || match &mut *store.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(store) => work(store),
            None => Err(ApprovalError::Unavailable("the store is closed".into())),
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| ApprovalError::Unavailable(error.to_string()))?
    }
}

/// Probes the store at intervals, until it is closed.
fn probe(store: &Weak<Mutex<Option<Store>>>) {
    loop {
        std::thread::sleep(PROBE);
        let Some(store) = store.upgrade() else { return };
        match &mut *store.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(store) => store.probe(),
            None => return,
        }
    }
}

fn entry(request: &ApprovalRequest, answer: &ApprovalAnswer) -> Entry {
    let call = audit::Call {
        exchange_id: request.ask.exchange_id.clone(),
        tenant: request.ask.tenant.clone(),
        role: request.ask.role.clone(),
        contract_digest: request.ask.contract_digest.clone(),
        tool: request.ask.tool.clone(),
        arguments_digest: format!("{:x}", Sha256::digest(&request.ask.arguments)),
        ..audit::Call::default()
    };
    let event = AuditEvent::Approval {
        approval_id: request.id.clone(),
        approved: answer.approved,
        by: answer.by.name.clone(),
        reason: answer.reason.clone(),
    };
    Entry { time: SystemTime::now(), source: Source::Executor, call: call.into(), event }
}
