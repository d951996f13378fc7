//! Requests for approval: the call, its description, and people's answers.

use std::time::{Duration, SystemTime};

use callgate_contract::Effects;
use serde::{Deserialize, Serialize};

/// A call that needs approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The caller's tenant.
    pub tenant: String,
    /// The caller's role.
    pub role: String,
    /// Digest of the deciding contract.
    pub contract_digest: String,
    /// The tool.
    pub tool: String,
    /// RFC 8785 canonical arguments: a person sees them, and the call runs with them.
    pub arguments: String,
    /// The caller's workspace, if the contract reads it from the request: the same arguments mean other files elsewhere. The approval is
    /// bound to it. `None` for a request that is listed.
    pub workspace: Option<String>,
    /// The first exchange to ask, for the log.
    pub exchange_id: String,
    /// The contract's description of the tool. The digest binds it.
    pub about: About,
}

/// The contract's description of a tool.
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
    /// True if the calling application runs the tool: an approval lets the gate release the call.
    pub run_by_client: bool,
    /// The rules that held the call when it was asked about first. They are shown, and bind nothing.
    pub held_for: Vec<HeldFor>,
}

/// A rule that held a call for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFor {
    /// The violation's code.
    pub code: String,
    /// JSON Pointer into the arguments; empty for the whole call.
    pub pointer: String,
    /// The marked strings of the call as the role's profile reads them, line by line.
    #[serde(default)]
    pub understood: Vec<String>,
}

/// The dependence of the claims for several calls on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimRule {
    /// Each claim by itself.
    Each,
    /// No approval is used up if a person denied one of the calls.
    NoneIfDenied,
    /// No approval is used up if one of the calls has none.
    AllOrNone,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Enough persons agreed to exactly this call. This answer uses the approval up.
    Granted {
        /// Names the request.
        approval_id: String,
    },
    /// Enough persons agreed, and the claim for another call keeps this approval unused.
    Kept {
        /// Names the request.
        approval_id: String,
    },
    /// The request is pending.
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
        /// Their reason; may be empty.
        reason: String,
        /// The time for which the same call is refused without asking again.
        left: Duration,
    },
}

/// A request for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// Names it.
    pub id: String,
    /// The call.
    pub ask: Ask,
    /// The time of the first ask.
    pub created: SystemTime,
    /// The end of its validity: for an answer if pending, for its use if approved, for the refusal of the same call if
    /// denied.
    pub expires: SystemTime,
    /// The persons who agreed so far, if the contract asks for more than one.
    pub agreed: Vec<Answered>,
    /// Its state.
    pub state: RequestState,
}

/// The state of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// It waits for an answer.
    Pending,
    /// The call may run once. Holds the last answer.
    Approved(Answered),
    /// The call was run.
    Used {
        /// The approval.
        answered: Answered,
        /// The time of the claim.
        used: SystemTime,
    },
    /// The call must not run.
    Denied(Answered),
    /// Nobody answered in time, or the approval was not used in time.
    Expired,
}

/// A counted answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The person.
    pub by: String,
    /// Their reason; may be empty.
    pub reason: String,
    /// The time.
    pub time: SystemTime,
}

/// A person who answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The token's name. Two names count as two persons.
    pub name: String,
    /// The tenants of their own calls, from the token file.
    pub tenants: Vec<String>,
}

/// A person's answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalAnswer {
    /// True if they agree.
    pub approved: bool,
    /// The person.
    pub by: Person,
    /// Their reason; may be empty.
    pub reason: String,
}

/// The states to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Pending requests, oldest first.
    #[default]
    Pending,
    /// Requests no longer pending, newest first.
    Ended,
    /// All, newest first.
    All,
}

/// The requests to list, and their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// By state.
    pub filter: Filter,
    /// Requests for this tool.
    pub tool: Option<String>,
    /// Requests of this tenant.
    pub tenant: Option<String>,
    /// With this text in their ID, tool or tenant; the case of ASCII letters does not matter.
    pub text: Option<String>,
    /// Continue after this request.
    pub after: Option<String>,
    /// The maximum number.
    pub limit: u32,
}

/// The number of pending requests, and the age of the oldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Pending requests.
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
            run_by_client: false,
            held_for: Vec::new(),
        }
    }
}
