//! How one attempt at a backend failed, and what follows from that.

use std::borrow::Cow;

use callgate_contract::Bounds;

use super::Stop;

/// Why one attempt gave no result. Its texts are ours: nothing that a backend sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It cannot be reached, broke off, or says that it cannot serve now.
    Unavailable(Cow<'static, str>),
    /// It did not answer in time.
    Timeout,
    /// Its answer is larger than it is granted.
    TooLarge,
    /// It answered with an error, or with something that is no answer.
    Failed(Cow<'static, str>),
}

// === impl Fault ===

impl Fault {
    /// Whether the same attempt, made again, may well succeed.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Timeout | Self::TooLarge | Self::Failed(_) => false,
        }
    }

    /// Whether the backend gave an answer, good or bad.
    pub(super) fn answered(&self) -> bool {
        match self {
            Self::TooLarge | Self::Failed(_) => true,
            Self::Unavailable(_) | Self::Timeout => false,
        }
    }

    /// As it is told.
    pub(super) fn stop(self, cluster: &str, bounds: Bounds) -> Stop {
        let cluster = cluster.to_owned();
        match self {
            Self::Unavailable(reason) => Stop::Unavailable { cluster, reason: reason.into_owned() },
            Self::Timeout => Stop::Timeout { limit: bounds.timeout },
            Self::TooLarge => Stop::TooLarge { limit: bounds.output_bytes },
            Self::Failed(reason) => Stop::Failed { cluster, reason: reason.into_owned() },
        }
    }
}
