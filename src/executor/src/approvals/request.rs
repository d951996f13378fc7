//! What a person sees of a call that waits for them, and what they say to it.

use std::time::SystemTime;

use super::Ask;

/// A request for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Names it.
    pub id: String,
    /// The call.
    pub ask: Ask,
    /// When it was first asked.
    pub created: SystemTime,
    /// Until when an answer counts; for one that is approved, until when it can be used.
    pub expires: SystemTime,
    /// What has become of it.
    pub state: State,
}

/// What has become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for an answer.
    Pending,
    /// The call may run once.
    Approved(Answered),
    /// The call was run.
    Used {
        /// The approval.
        answered: Answered,
        /// When it was claimed.
        used: SystemTime,
    },
    /// The call must not run.
    Denied(Answered),
    /// Nobody answered in time, or the approval was not used in time.
    Expired,
}

/// An answer that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Who answered.
    pub by: String,
    /// Why, in their words; may be empty.
    pub reason: String,
    /// When.
    pub time: SystemTime,
}

/// What a person says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether they agree.
    pub approved: bool,
    /// Who they are.
    pub by: String,
    /// Why, in their words; may be empty.
    pub reason: String,
}

/// Which requests are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Those that wait.
    Pending,
    /// Those that do not wait any more.
    Ended,
    /// All.
    All,
}
