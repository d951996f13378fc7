//! The faults of policies, and their denials.

use std::path::{Path, PathBuf};

use crate::settings::PolicyFact;

/// The reason why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file cannot be read.
    #[error("policy `{policy}`: {file}: cannot be read: {reason}", file = file.display())]
    Unreadable {
        /// The policy.
        policy: String,
        /// The file.
        file: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// A file is not of its language, or does not fit the configuration.
    #[error("policy `{policy}`: {at}: {reason}")]
    Invalid {
        /// The policy.
        policy: String,
        /// The file, with line and column if they are known.
        at: String,
        /// The reason.
        reason: String,
    },
    /// The process that evaluates policies cannot be used.
    #[error("policies: {reason}")]
    Worker {
        /// The reason.
        reason: String,
    },
}

/// The reason why a call may not run. It names the policy, and nothing of the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The policy does not allow the call.
    #[error("expected policy `{policy}` to allow the call")]
    Denied {
        /// The policy.
        policy: String,
    },
    /// The policy has no answer.
    #[error("expected policy `{policy}` to have an answer on the call; {why}")]
    Failed {
        /// The policy.
        policy: String,
        /// The cause.
        why: Cause,
    },
}

/// The cause of a policy without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The evaluation met an error, or the language cannot express the call.
    #[error("its evaluation failed")]
    Error,
    /// The evaluation did not end in time.
    #[error("its evaluation took longer than its timeout")]
    Timeout,
    /// The evaluation ended its process.
    #[error("its evaluation used up memory or stack")]
    Exhausted,
    /// The call lacks a fact that the policy reads.
    #[error("the gate did not send its fact `{0}`")]
    Fact(PolicyFact),
    /// No process was free or could be started.
    #[error("no process was free for its evaluation")]
    Busy,
}

// === impl PolicyError ===

impl PolicyError {
    pub(crate) fn unreadable(policy: &str, file: &Path, reason: String) -> Self {
        Self::Unreadable { policy: policy.to_owned(), file: file.to_owned(), reason }
    }
}
