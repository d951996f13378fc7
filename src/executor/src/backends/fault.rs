//! The failures of one attempt at a backend, and their consequences.

use std::borrow::Cow;

use callgate_contract::Bounds;

use super::Stop;

/// The reason one attempt gave no result. The texts are ours: nothing from the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AttemptFault {
    /// It is unreachable, broke off, or says it cannot serve now.
    Unavailable(Cow<'static, str>),
    /// It did not answer in time.
    Timeout,
    /// Its response exceeds the grant.
    TooLarge,
    /// It responded with an error, or with something unreadable.
    Failed(Cow<'static, str>),
}

// === impl AttemptFault ===

impl AttemptFault {
    /// Returns true if a retry may well succeed.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Timeout | Self::TooLarge | Self::Failed(_) => false,
        }
    }

    /// Returns true if the backend responded, well or badly.
    pub(super) fn answered(&self) -> bool {
        match self {
            Self::TooLarge | Self::Failed(_) => true,
            Self::Unavailable(_) | Self::Timeout => false,
        }
    }

    /// Returns the error for the model.
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
