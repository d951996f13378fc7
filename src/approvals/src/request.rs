//! Requests for approval: the call, what is shown of it, and what people say to it.

use std::time::{Duration, SystemTime};

use callgate_contract::Effects;

/// A call that needs approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// The contract's words about the tool. The digest binds them.
    pub about: About,
}

/// The contract's words about a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The contract's name.
    pub contract: String,
    /// The contract's version.
    pub version: String,
    /// The tool's description; may be empty.
    pub description: String,
    /// The tool's effects.
    pub effects: Effects,
    /// The number of different persons who must agree, at least 1.
    pub approvers: u8,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// As many persons as needed agreed to just this call. The approval is used up by this answer.
    Granted {
        /// Names the request.
        approval_id: String,
    },
    /// Someone has yet to answer.
    Pending {
        /// Names the request.
        approval_id: String,
        /// The time for which an answer still counts.
        left: Duration,
    },
    /// A person refused it.
    Refused {
        /// Names the request.
        approval_id: String,
        /// Why, in their words; may be empty.
        reason: String,
        /// The time for which the same call is refused without asking again.
        left: Duration,
    },
}

/// A request for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Names it.
    pub id: String,
    /// The call.
    pub ask: Ask,
    /// When it was first asked.
    pub created: SystemTime,
    /// Until when an answer counts; for one that is approved, until when it can be used; for one that is refused, until when the
    /// same call is refused.
    pub expires: SystemTime,
    /// Those who agreed so far, if the contract asks for more than one.
    pub agreed: Vec<Answered>,
    /// What has become of it.
    pub state: State,
}

/// What has become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for an answer.
    Pending,
    /// The call may run once. The last answer is told.
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

/// Someone who answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The token's name. Two names count as two persons.
    pub name: String,
    /// The tenants under which their own calls come, by the token file.
    pub tenants: Vec<String>,
}

/// What a person says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether they agree.
    pub approved: bool,
    /// Who they are.
    pub by: Person,
    /// Why, in their words; may be empty.
    pub reason: String,
}

/// Which requests are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Those that wait, from the oldest.
    #[default]
    Pending,
    /// Those that do not wait any more, from the newest.
    Ended,
    /// All, from the newest.
    All,
}

/// Which requests are listed, and how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// By what has become of them.
    pub filter: Filter,
    /// Requests for this tool.
    pub tool: Option<String>,
    /// Requests of this tenant.
    pub tenant: Option<String>,
    /// With this text in their ID, tool or tenant, in either case of ASCII letters.
    pub text: Option<String>,
    /// Go on after this request.
    pub after: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// The number of requests that wait, and the age of the oldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Requests that wait for an answer.
    pub requests: u32,
    /// The age of the oldest of them.
    pub oldest: Duration,
}

// === impl About ===

impl Default for About {
    fn default() -> Self {
        Self {
            contract: String::new(),
            version: String::new(),
            description: String::new(),
            effects: Effects::Write,
            approvers: 1,
        }
    }
}
