//! Requests for approval, as the executor sends them.

use serde::Deserialize;

/// Requests for approval.
#[derive(Deserialize)]
pub(super) struct ApprovalList {
    pub(super) now: String,
    pub(super) approvals: Vec<ApprovalRequest>,
    pub(super) next: Option<String>,
}

/// A request for approval.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApprovalRequest {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) tool: String,
    pub(super) tenant: String,
    pub(super) role: String,
    /// Executors before this field send neither it nor the five after it.
    #[serde(default)]
    pub(super) contract: String,
    #[serde(default)]
    pub(super) contract_version: String,
    #[serde(default)]
    pub(super) effects: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default = "one")]
    pub(super) approvers: u8,
    #[serde(default)]
    pub(super) agreed: Vec<String>,
    /// `client` or `executor`.
    #[serde(default)]
    pub(super) run_by: String,
    #[serde(default)]
    pub(super) held_for: Vec<Held>,
    pub(super) contract_digest: String,
    pub(super) exchange_id: String,
    pub(super) created: String,
    pub(super) expires: String,
    pub(super) by: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) answered: Option<String>,
    pub(super) used: Option<String>,
    /// Absent in lists.
    pub(super) arguments: Option<String>,
    /// The marked strings as the gate understands them. Absent in lists.
    #[serde(default)]
    pub(super) understood: Vec<String>,
}

/// A rule that held a call.
#[derive(Deserialize)]
pub(super) struct Held {
    pub(super) code: String,
    /// JSON Pointer into the arguments; empty for the whole call.
    pub(super) pointer: String,
}

const fn one() -> u8 {
    1
}

// === impl ApprovalRequest ===

impl ApprovalRequest {
    pub(super) fn is_pending(&self) -> bool {
        self.state == "pending"
    }
}
