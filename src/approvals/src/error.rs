//! Why a call cannot be approved, and why an answer does not count.

use super::ARGUMENTS_BYTES;
use callgate_audit::AuditError;
use callgate_state::{StateError, StoreError};

/// Why a call cannot be approved.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// The store cannot be read or written.
    #[error("approvals cannot be looked up: {0}")]
    Unavailable(String),
    /// So many requests wait that no more are taken.
    #[error("{0} calls wait for approval already")]
    TooMany(u32),
    /// So many approvals and refusals still count that no more requests are taken.
    #[error("{0} answers to requests for approval are not used or over yet")]
    TooManyAnswers(u32),
    /// Nobody would read them.
    #[error("the arguments have {0} bytes, and a person is asked to read at most {ARGUMENTS_BYTES}")]
    TooLong(usize),
}

/// Why an answer does not count.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The request does not exist, or ended long ago.
    #[error("unknown request for approval")]
    NotFound,
    /// Someone was faster.
    #[error("the request has been answered already")]
    Answered,
    /// The person has agreed, and the contract asks for another person.
    #[error("you have agreed already; another person must agree too")]
    Agreed,
    /// It came too late.
    #[error("the request has expired; repeat the call to ask again")]
    Expired,
    /// It is the person's own.
    #[error("the call comes from your own tenant; another person must approve it, but you may deny it")]
    Own,
    /// No rule names the person for it.
    #[error("no rule in approvals.approvers lets you answer this request")]
    NotNamed,
    /// It is not in the audit log, so it does not count.
    #[error("the answer does not count: {0}")]
    NotAudited(#[from] AuditError),
    /// It is in the audit log, but the store could not be written.
    #[error("the answer is in the audit log, but it does not count: {0}")]
    NotStored(ApprovalError),
    /// The request cannot be read.
    #[error("the answer does not count: {0}")]
    Store(#[from] ApprovalError),
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
