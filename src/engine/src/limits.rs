//! Rates, budgets and turns of conversations: counted in the host's store, or by the executor for all Envoys.
//!
//! 1. [`request`] counts a request before it is forwarded, and asks if tokens and money are left.
//! 2. [`turn`] counts a further round of the model.
//! 3. [`call`] counts a call before it is released or run. The executor counts by itself the calls that it runs or releases.
//! 4. [`charge`] counts tokens and cost when the exchange ends. So an exchange can exceed these limits, and the next one is refused.
//!
//! A contract without limits reads no counter. If a counter cannot be read or changed, the request or the call is refused, unless the
//! contract says `storeUnavailable: allow`.

use std::time::Duration;

use callgate_contract::{
    Caller, Cost, CountCode, CountPlan, CountRefusal, CountStore, NotCounted, StoreUnavailable, Tool, Usage, Violation,
};
use callgate_limits::StoreError;

use crate::effect::{AdmissionRequest, UsageCharge};
use crate::event::{AdmissionReply, CallFailed};
use crate::gate::Gate;
use crate::ledger::Correlation;
use crate::{Code, Refusal};

/// The time limit for the executor's answer about a request. Nothing of it runs meanwhile.
pub(crate) const ADMISSION: Duration = Duration::from_secs(2);

/// The result of counting a request or a turn.
#[derive(Debug)]
pub(crate) enum Counting {
    /// It is counted, or refused.
    Done(AdmissionReply),
    /// The executor counts.
    Ask(AdmissionRequest),
}

/// The end of a charge.
#[derive(Debug)]
pub(crate) enum Charged {
    /// It is counted, or there was nothing to count.
    Here,
    /// The store cannot be used.
    Lost,
    /// The executor counts.
    Send(UsageCharge),
}

/// Counts a request at a time in milliseconds since the Unix epoch. `conversation` is the name of its conversation.
pub(crate) fn request(
    gate: &Gate,
    correlation: &Correlation,
    caller: &Caller,
    conversation: Option<&str>,
    now: Option<u64>,
) -> Counting {
    if !gate.counts() || !gate.contract.counts_requests(&caller.role, conversation.is_some()) {
        return Counting::Done(AdmissionReply::default());
    }
    if let Some(ask) = admission(gate, correlation, caller, conversation, 1) {
        return Counting::Ask(ask);
    }
    Counting::Done(made(gate, now, gate.contract.counts_of_request(gate.slots(), caller, conversation)))
}

/// Counts a further round of the model, at a time in milliseconds since the Unix epoch.
pub(crate) fn turn(
    gate: &Gate,
    correlation: &Correlation,
    caller: &Caller,
    (conversation, round): (Option<&str>, u32),
    now: Option<u64>,
) -> Counting {
    if !gate.counts() || conversation.is_none() {
        return Counting::Done(AdmissionReply::default());
    }
    if let Some(ask) = admission(gate, correlation, caller, conversation, round) {
        return Counting::Ask(ask);
    }
    Counting::Done(made(gate, now, gate.contract.counts_of_turn(gate.slots(), caller, conversation)))
}

/// Returns the request to the executor, if the contract counts there.
fn admission(
    gate: &Gate,
    correlation: &Correlation,
    caller: &Caller,
    conversation: Option<&str>,
    round: u32,
) -> Option<AdmissionRequest> {
    (gate.contract.limits().store == CountStore::Executor).then(|| AdmissionRequest {
        contract_digest: gate.contract.digest().to_owned(),
        tenant: caller.tenant.clone(),
        role: caller.role.clone(),
        exchange_id: correlation.exchange_id.clone(),
        request_id: correlation.request_id.clone(),
        trace: correlation.trace.clone(),
        round,
        conversation_id: conversation.map(str::to_owned),
        timeout: ADMISSION,
    })
}

/// Makes a plan in the host's store.
fn made(gate: &Gate, now: Option<u64>, plan: Result<CountPlan, StoreError>) -> AdmissionReply {
    let planned = plan.and_then(|plan| Ok((plan, now.ok_or(StoreError::Unavailable)? / 1000)));
    let (standing, reasons) = match planned {
        Err(error) => (None, vec![NotCounted::Unavailable(error)]),
        Ok((plan, now)) if gate.contract.enforces() => match plan.make(gate.slots(), now) {
            Ok(standing) => (standing, Vec::new()),
            Err(reason) => (None, vec![reason]),
        },
        Ok((plan, now)) => plan.make_each(gate.slots(), now),
    };
    AdmissionReply { standing, refusals: reasons.iter().map(NotCounted::refusal).collect() }
}

/// Takes the executor's answer about a request or a turn. Returns `None` if it passes uncounted.
pub(crate) fn answered(
    gate: &Gate,
    reply: Result<AdmissionReply, CallFailed>,
) -> Result<Option<AdmissionReply>, Refusal> {
    match reply {
        Ok(reply) => Ok(Some(reply)),
        Err(failed) if passes_uncounted(gate, failed) => Ok(None),
        Err(CallFailed::Unreachable) => Err(Refusal::new(
            Code::LimitsUnavailable,
            "The executor, which counts for the contract's limits, did not answer in time; try again.",
        )),
        Err(CallFailed::Overloaded) => Err(Refusal::new(
            Code::ExecutorOverloaded,
            "The executor, which counts for the contract's limits, has no room; try again in a moment.",
        )),
        Err(CallFailed::Rejected) => Err(Refusal::new(
            Code::ExecutorRejected,
            "The executor refused to count the request; it may hold another version of the contract.",
        )),
        Err(CallFailed::Unreadable) => {
            Err(Refusal::new(Code::ExecutorRejected, "The executor's answer about the limits cannot be read."))
        }
    }
}

/// Returns true if the contract lets something pass that could not be counted because of this failure. An overloaded executor is reachable: a
/// tenant that fills its share of the executor's queue must not pass uncounted.
pub(crate) fn passes_uncounted(gate: &Gate, failed: CallFailed) -> bool {
    let limits = gate.contract.limits();
    limits.store == CountStore::Executor
        && limits.store_unavailable == StoreUnavailable::Allow
        && failed == CallFailed::Unreachable
}

/// Counts a call at a time in milliseconds since the Unix epoch, unless the executor counts it.
pub(crate) fn call(
    gate: &Gate,
    (caller, conversation): (&Caller, Option<&str>),
    tool: &Tool,
    now: Option<u64>,
) -> Result<(), Violation> {
    let is_here = gate.counts() && gate.contract.limits().store == CountStore::Envoy;
    if !is_here || !gate.contract.counts_calls(&caller.role, tool, conversation.is_some()) {
        return Ok(());
    }
    let plan = gate.contract.counts_of_call(gate.slots(), caller, conversation, tool);
    let planned = plan.and_then(|plan| Ok((plan, now.ok_or(StoreError::Unavailable)? / 1000)));
    let made = planned.map_err(NotCounted::Unavailable).and_then(|(plan, now)| plan.make(gate.slots(), now));
    made.map(|_| ()).map_err(|reason| reason.violation(tool))
}

/// Returns true if the executor must release a call that the client runs, because it counts the call. In shadow mode it does not.
pub(crate) fn needs_release(gate: &Gate, caller: &Caller, converses: bool, tool: &Tool) -> bool {
    gate.counts()
        && gate.contract.enforces()
        && gate.contract.limits().store == CountStore::Executor
        && gate.contract.counts_calls(&caller.role, tool, converses)
}

/// Returns true if the exchanges of a role are charged when they end.
pub(crate) fn charges(gate: &Gate, caller: &Caller) -> bool {
    gate.counts() && gate.contract.charges_role(&caller.role)
}

/// Charges an exchange that has ended at a time in milliseconds since the Unix epoch.
pub(crate) fn charge(
    gate: &Gate,
    correlation: &Correlation,
    caller: &Caller,
    (usage, cost): (&Usage, Option<Cost>),
    now: Option<u64>,
) -> Charged {
    let (tokens, cost_micros) = (usage.total(), cost.map_or(0, Cost::micros));
    if tokens == 0 && cost_micros == 0 {
        return Charged::Here;
    }
    if gate.contract.limits().store == CountStore::Executor {
        return Charged::Send(UsageCharge {
            contract_digest: gate.contract.digest().to_owned(),
            tenant: caller.tenant.clone(),
            role: caller.role.clone(),
            exchange_id: correlation.exchange_id.clone(),
            tokens,
            cost_micros,
        });
    }
    let planned = gate.contract.counts_of_usage(gate.slots(), caller, tokens, cost_micros);
    let planned = planned.and_then(|plan| Ok((plan, now.ok_or(StoreError::Unavailable)? / 1000)));
    match planned.map_err(NotCounted::Unavailable).and_then(|(plan, now)| plan.make(gate.slots(), now)) {
        Ok(_) => Charged::Here,
        Err(_) => Charged::Lost,
    }
}

impl From<CountRefusal> for Refusal {
    fn from(CountRefusal { code, message, retry_after }: CountRefusal) -> Self {
        let code = match code {
            CountCode::RateLimited => Code::RateLimited,
            CountCode::BudgetExceeded => Code::BudgetExceeded,
            CountCode::ConversationExpired => Code::ConversationExpired,
            CountCode::ConversationLimit => Code::ConversationLimit,
            CountCode::LimitsUnavailable => Code::LimitsUnavailable,
        };
        Self { retry_after, ..Self::new(code, message) }
    }
}
