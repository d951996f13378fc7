//! The executor's own decision on one call: the contract, then the policies.

use std::sync::Arc;

use callgate_contract::{Approved, Code, ProposedCall, Verdict, Violation, decide};
use callgate_policies::{Denial, PolicyContract, PolicyInput};
use callgate_proto::executor::v1 as proto;
use tokio::task::spawn_blocking;

use super::batch::{CheckedBatch, SentRuling};
use crate::admission::Admitted;

/// Decides by the contract, then asks the policies.
pub(super) async fn decide_call<'c>(
    admitted: &'c Admitted,
    asked: &CheckedBatch,
    position: u32,
    call: &proto::Call,
) -> Verdict<'c> {
    let (approved, needs_approval) = match by_contract(admitted, asked, position, call) {
        Verdict::Allow(approved) => (approved, false),
        Verdict::NeedsApproval(approved) => (approved, true),
        Verdict::Deny(violation) => return Verdict::Deny(violation),
    };
    match ask_policies(admitted, asked, &approved).await {
        Err(violation) => Verdict::Deny(violation),
        Ok(()) if needs_approval => Verdict::NeedsApproval(approved),
        Ok(()) => Verdict::Allow(approved),
    }
}

/// Repeats the filter's decision with the same function. Bypassing the filter, or running an outdated one, gains nothing. A call that
/// the filter held for a person needs an approval in any case: the filter sees texts that the executor does not.
fn by_contract<'c>(admitted: &'c Admitted, asked: &CheckedBatch, position: u32, call: &proto::Call) -> Verdict<'c> {
    let ruling = SentRuling::of(call);
    let conversation = asked.conversation(position, ruling.texts());
    let given = ProposedCall { name: &call.tool, arguments: &call.arguments };
    match decide(admitted.contract(), &asked.caller, &conversation, &given) {
        Verdict::Allow(approved) if call.needs_approval => Verdict::NeedsApproval(approved),
        verdict => verdict,
    }
}

/// Asks the policies. A person is not asked about a call that a policy denies.
async fn ask_policies(admitted: &Admitted, asked: &CheckedBatch, approved: &Approved<'_>) -> Result<(), Violation> {
    if admitted.policies().is_empty() {
        return Ok(());
    }
    let (contract, tool) = (admitted.contract(), approved.tool);
    let (model, conversation) = asked.policy_facts();
    let input = PolicyInput {
        tool: approved.name.to_string(),
        effects: tool.effects().as_str(),
        arguments: approved.canonical.clone(),
        tenant: asked.caller.tenant.clone(),
        role: asked.caller.role.clone(),
        contract: PolicyContract {
            name: contract.name().to_owned(),
            version: contract.version().to_owned(),
            digest: contract.digest().to_owned(),
        },
        model,
        conversation,
    };
    let policies = Arc::clone(admitted.policies());
    let checked = spawn_blocking(move || policies.check(&input)).await;
    let denied = |message: String| Violation {
        code: Code::PolicyDenied,
        tool: approved.name.to_string(),
        pointer: String::new(),
        message,
        feeds_back: false,
    };
    match checked {
        Ok(Ok(())) => Ok(()),
        Ok(Err(denial)) => {
            if let Denial::Failed { policy, why } = &denial {
                tracing::warn!(policy, reason = %why, tool = tool.name(), exchange = asked.exchange_id, "a policy has no answer on a call, which is denied");
            }
            Err(denied(denial.to_string()))
        }
        // The thread panicked, or this process ends.
        Err(_) => Err(denied("expected the policies to have an answer on the call".to_owned())),
    }
}
