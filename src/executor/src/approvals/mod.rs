//! Calls that a person must agree to: stored with their exact arguments until someone answers, or nobody does in time.

use std::time::SystemTime;

use crate::config::Config;

/// The requests for approval. Clones share them.
#[derive(Clone, Debug)]
pub struct Approvals {}

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

/// Why approvals cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// The store cannot be read or written.
    #[error("approvals cannot be looked up: {0}")]
    Unavailable(String),
    /// So many requests wait that no more are taken.
    #[error("{0} calls wait for approval already")]
    TooMany(u32),
}

// === impl Approvals ===

impl Approvals {
    /// Opens the store in the state directory.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(_config: &Config) -> Result<Self, ApprovalError> {
        Ok(Self {})
    }

    /// Uses up an approval of just this call, or asks for one.
    ///
    /// # Errors
    /// The call must not run.
    pub async fn claim(&self, _ask: &Ask) -> Result<Claim, ApprovalError> {
        Err(ApprovalError::Unavailable("there is no store yet".into()))
    }
}
