//! Calls that a person must agree to: stored with their exact arguments until someone answers, or nobody does in time.
//!
//! An approval counts for one call of the same tenant, role, contract, tool and arguments, byte for byte; the call that claims
//! it uses it up. A request waits for an answer no longer than the configured expiry, and an approval as long for its use.
//! An answer counts only once the audit log has it.

mod request;
mod store;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

pub use self::request::{Answer, Answered, Filter, Request, State};
use self::store::Store;
use crate::audit::{self, AuditError, AuditLog, Entry, Event, Source};
use crate::config::{self, Config};
use crate::state::{PROBE, StateError, StoreError, StoreHealth};

/// Arguments that are longer than this nobody reads before agreeing to them.
const ARGUMENTS_BYTES: usize = 64 << 10;

/// The requests for approval. Clones share them.
#[derive(Clone, Debug)]
pub struct Approvals {
    /// `None` once it is closed.
    store: Arc<Mutex<Option<Store>>>,
    health: StoreHealth,
    audit: AuditLog,
    limits: config::Approvals,
    /// One answer at a time, so that of two to the same request only one gets into the audit log.
    answering: Arc<tokio::sync::Mutex<()>>,
}

/// A call that needs approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The caller's tenant.
    pub tenant: String,
    /// The caller's role.
    pub role: String,
    /// Digest of the contract that decided.
    pub contract_digest: String,
    /// The tool.
    pub tool: String,
    /// RFC 8785 canonical arguments: what a person sees, and what runs.
    pub arguments: String,
    /// The exchange that asked first, for the log.
    pub exchange_id: String,
}

/// Whether the call may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A person agreed to just this call. The approval is used up by this answer.
    Granted {
        /// Names the request.
        approval_id: String,
    },
    /// Someone has yet to answer.
    Pending {
        /// Names the request.
        approval_id: String,
        /// Until when an answer counts.
        expires: SystemTime,
    },
    /// A person refused it. Told once: the next time, it is asked anew.
    Refused {
        /// Names the request.
        approval_id: String,
        /// Why, in their words; may be empty.
        reason: String,
    },
}

/// Why a call cannot be approved.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// The store cannot be read or written.
    #[error("approvals cannot be looked up: {0}")]
    Unavailable(String),
    /// So many requests wait that no more are taken.
    #[error("{0} calls wait for approval already")]
    TooMany(u32),
    /// Nobody would read them.
    #[error("the arguments have {0} bytes, and a person is asked to read at most {ARGUMENTS_BYTES}")]
    TooLong(usize),
}

/// Why an answer does not count.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// There is no such request, or it has ended long ago.
    #[error("there is no such request for approval")]
    NotFound,
    /// Someone was faster.
    #[error("it has been answered already")]
    Answered,
    /// It came too late.
    #[error("the request has expired; the call must be made again to ask anew")]
    Expired,
    /// It is not in the audit log, so it does not count.
    #[error("the answer does not count: {0}")]
    NotAudited(#[from] AuditError),
    /// The store cannot be read or written.
    #[error("the answer does not count: {0}")]
    Store(#[from] ApprovalError),
}

// === impl Approvals ===

impl Approvals {
    /// Opens the store in the state directory; answers go into `audit`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(config: &Config, audit: AuditLog) -> Result<Self, ApprovalError> {
        let mut store = Store::open(&config.state_dir)?;
        store.prune(SystemTime::now(), config.approvals.keep)?;
        let limits = config.approvals.clone();
        let health = store.health();
        let store = Arc::new(Mutex::new(Some(store)));
        let probed = Arc::downgrade(&store);
        std::thread::Builder::new()
            .name("approvals".into())
            .spawn(move || probe(&probed))
            .map_err(|error| ApprovalError::Unavailable(error.to_string()))?;
        Ok(Self { store, health, audit, limits, answering: Arc::default() })
    }

    /// Uses up an approval of just this call, or asks for one. A caller that goes away meanwhile has used it up all the same.
    ///
    /// # Errors
    /// The call must not run.
    pub async fn claim(&self, ask: &Ask) -> Result<Claim, ApprovalError> {
        if ask.arguments.len() > ARGUMENTS_BYTES {
            return Err(ApprovalError::TooLong(ask.arguments.len()));
        }
        let (ask, limits) = (ask.clone(), self.limits.clone());
        self.in_store(move |store| store.claim(&ask, &limits, SystemTime::now())).await
    }

    /// Requests of one kind, those that wait from the oldest, others from the newest; `before` goes on after a request.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn list(
        &self,
        filter: Filter,
        before: Option<String>,
        at_most: u32,
    ) -> Result<Vec<Request>, ApprovalError> {
        self.in_store(move |store| store.list(filter, before.as_deref(), at_most, SystemTime::now())).await
    }

    /// One request.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<Request>, ApprovalError> {
        let id = id.to_owned();
        self.in_store(move |store| store.get(&id, SystemTime::now())).await
    }

    /// Answers a request in somebody's name. Goes on to its end even if whoever answers goes away.
    ///
    /// # Errors
    /// The answer does not count, and why.
    pub async fn answer(&self, id: &str, answer: Answer) -> Result<Request, AnswerError> {
        let (approvals, id) = (self.clone(), id.to_owned());
        let answered = tokio::spawn(async move { approvals.answer_once(&id, answer).await });
        answered.await.map_err(|error| ApprovalError::Unavailable(error.to_string()))?
    }

    async fn answer_once(&self, id: &str, answer: Answer) -> Result<Request, AnswerError> {
        let _alone = self.answering.lock().await;
        let request = self.get(id).await?.ok_or(AnswerError::NotFound)?;
        may_be_answered(&request)?;
        // First, so that there is no approval that the log does not tell of.
        self.audit.append(entry(&request, &answer)).await?;
        let (id, expiry) = (id.to_owned(), self.limits.expiry);
        let request = self.in_store(move |store| store.answer(&id, &answer, expiry, SystemTime::now())).await?;
        request.ok_or(AnswerError::Expired)
    }

    /// Tells whether the store can be written.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.health.clone()
    }

    /// Ends the store, so that it is one file. Nothing can be asked or answered afterwards.
    pub async fn close(&self) {
        let store = Arc::clone(&self.store);
        let close = move || {
            if let Some(store) = store.lock().unwrap_or_else(PoisonError::into_inner).take() {
                store.close();
            }
        };
        // It says itself what is wrong.
        let _ = tokio::task::spawn_blocking(close).await;
    }

    async fn in_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, ApprovalError> + Send + 'static,
    ) -> Result<T, ApprovalError> {
        let store = Arc::clone(&self.store);
        // Whoever panicked with the store in hand has not committed.
        let work = move || match &mut *store.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(store) => work(store),
            None => Err(ApprovalError::Unavailable("the store is closed".into())),
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| ApprovalError::Unavailable(error.to_string()))?
    }
}

/// Looks whether the store can be written, for as long as there is one.
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

fn may_be_answered(request: &Request) -> Result<(), AnswerError> {
    match request.state {
        State::Pending => Ok(()),
        State::Expired => Err(AnswerError::Expired),
        State::Approved(_) | State::Used { .. } | State::Denied(_) => Err(AnswerError::Answered),
    }
}

fn entry(request: &Request, answer: &Answer) -> Entry {
    let call = audit::Call {
        exchange_id: request.ask.exchange_id.clone(),
        tenant: request.ask.tenant.clone(),
        role: request.ask.role.clone(),
        contract_digest: request.ask.contract_digest.clone(),
        tool: request.ask.tool.clone(),
        arguments_digest: format!("{:x}", Sha256::digest(&request.ask.arguments)),
        ..audit::Call::default()
    };
    let event = Event::Approval {
        approval_id: request.id.clone(),
        approved: answer.approved,
        by: answer.by.clone(),
        reason: answer.reason.clone(),
    };
    Entry { time: SystemTime::now(), source: Source::Executor, call, event }
}

// === impl ApprovalError ===

impl From<StateError> for ApprovalError {
    fn from(error: StateError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<StoreError> for ApprovalError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<rusqlite::Error> for ApprovalError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
