//! The decision itself.

use callgate_contract::{Caller, Contract, Conversation, ProposedCall, Verdict, decide};

use crate::{Case, Found};

/// Decides one case.
#[must_use]
pub fn decided(contract: &Contract, case: &Case) -> Found {
    let caller = Caller { tenant: "acme".to_owned(), role: case.role.clone(), ..Default::default() };
    let conversation = Conversation { calls_before: case.before, ..Conversation::default() };
    match decide(contract, &caller, &conversation, &ProposedCall { name: &case.tool, arguments: &case.arguments }) {
        Verdict::Allow(approved) => Found::allowed(Some(approved.canonical)),
        Verdict::NeedsApproval(_) => Found::refused("approval_required", ""),
        Verdict::Deny(violation) => Found::refused(violation.code.as_str(), &violation.pointer),
    }
}
