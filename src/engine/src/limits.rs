//! Rates and budgets: counted in the host's store, by tenant and role, and by tenant and tool.
//!
//! 1. [`request`] counts a request before it is forwarded, and asks if tokens and money are left.
//! 2. [`call`] counts a call before it is released or run.
//! 3. [`charge`] counts tokens and cost when the exchange ends. So an exchange can exceed these limits, and the next one is refused.
//!
//! A contract without limits reads no counter. If a counter cannot be read or changed, the request or the call is refused.

use std::time::Duration;

use callgate_contract::{Caller, Code as CallCode, Cost, Tool, Usage, Violation};
use callgate_limits::{Admission, Charge, Key, Limit, Period, StoreError, Unit, add, admit, count_call, give_back};

use crate::gate::Gate;
use crate::{Code, Refusal};

/// The reason why a charge is not counted.
enum NotCounted {
    Reached {
        limit: Limit,
        retry_after: Duration,
    },
    /// The conversation has as many calls as it may have.
    Ended,
    Unavailable,
}

/// Counts a request at a time in milliseconds since the Unix epoch.
pub(crate) fn request(gate: &Gate, caller: &Caller, now: Option<u64>) -> Result<(), Refusal> {
    let Some(role) = gate.contract.role(&caller.role).filter(|_| gate.counts() && gate.contract.is_limited()) else {
        return Ok(());
    };
    let charges: Vec<Charge> = role.limits().iter().filter_map(|limit| at_request(*limit)).collect();
    if charges.is_empty() {
        return Ok(());
    }
    count(gate, &["role", role.name()], caller, now, &charges).map(|_| ()).map_err(|reason| match reason {
        NotCounted::Unavailable | NotCounted::Ended => unavailable(),
        NotCounted::Reached { limit, retry_after } => {
            let code = match (limit.unit, limit.period) {
                (Unit::Tokens | Unit::Cost, Period::Day) => Code::BudgetExceeded,
                _ => Code::RateLimited,
            };
            let (role, limit, wait) = (role.name(), words(limit), retry_after.as_secs());
            let message = format!("The role `{role}` has used up {limit}; try again in {wait} seconds.");
            Refusal { retry_after: Some(retry_after), ..Refusal::new(code, message) }
        }
    })
}

/// Counts a call at a time in milliseconds since the Unix epoch: for the role, then for the tool, then for the conversation.
pub(crate) fn call(
    gate: &Gate,
    (caller, conversation): (&Caller, Option<&Key>),
    tool: &Tool,
    now: Option<u64>,
) -> Result<(), Violation> {
    if !gate.counts() || !gate.contract.is_limited() && conversation.is_none() {
        return Ok(());
    }
    let role = gate.contract.role(&caller.role).map(|role| ("role", role.name(), role.limits()));
    let mut counted = Vec::new();
    for (kind, name, limits) in role.into_iter().chain([("tool", tool.name(), tool.limits())]) {
        let of_calls = limits.iter().filter(|limit| limit.unit == Unit::Calls);
        let charges: Vec<Charge> = of_calls.map(|limit| Charge { limit: *limit, amount: 1 }).collect();
        if charges.is_empty() {
            continue;
        }
        match count(gate, &[kind, name], caller, now, &charges) {
            Ok((key, now)) => counted.push((key, now, charges)),
            Err(reason) => {
                take_back(gate, &counted);
                return Err(violation(tool, (kind, name), reason));
            }
        }
    }
    of_conversation(gate, conversation, now).map_err(|reason| {
        take_back(gate, &counted);
        violation(tool, ("conversation", ""), reason)
    })
}

/// Counts a call of a conversation.
fn of_conversation(gate: &Gate, conversation: Option<&Key>, now: Option<u64>) -> Result<(), NotCounted> {
    let (Some(key), Some(policy)) = (conversation, gate.contract.conversation()) else { return Ok(()) };
    if policy.rules.max_calls.is_none() {
        return Ok(());
    }
    let counted = now.ok_or(StoreError::Unavailable);
    let counted = counted.and_then(|now| count_call(gate.slots(), key, now / 1000, &policy.rules));
    match counted {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(NotCounted::Ended),
        Err(_) => Err(NotCounted::Unavailable),
    }
}

/// Returns true if the exchanges of a role are charged when they end.
pub(crate) fn charges(gate: &Gate, caller: &Caller) -> bool {
    let role = gate.contract.role(&caller.role).filter(|_| gate.counts() && gate.contract.is_limited());
    role.is_some_and(|role| role.limits().iter().any(|limit| matches!(limit.unit, Unit::Tokens | Unit::Cost)))
}

/// Charges an exchange that has ended at a time in milliseconds since the Unix epoch. Returns false if the charge is lost.
pub(crate) fn charge(gate: &Gate, caller: &Caller, (usage, cost): (&Usage, Option<Cost>), now: Option<u64>) -> bool {
    let Some(role) = gate.contract.role(&caller.role) else { return true };
    let amount = |limit: &Limit| match limit.unit {
        Unit::Tokens => Some(usage.total()),
        Unit::Cost => Some(cost.map_or(0, Cost::micros)),
        Unit::Requests | Unit::Calls => None,
    };
    let charges = role.limits().iter().filter_map(|limit| Some(Charge { limit: *limit, amount: amount(limit)? }));
    let charges: Vec<Charge> = charges.filter(|charge| charge.amount > 0).collect();
    if charges.is_empty() {
        return true;
    }
    let key = key(gate, caller, "role", role.name());
    let charged = now.ok_or(StoreError::Unavailable).and_then(|now| add(gate.slots(), &key?, now / 1000, &charges));
    charged.is_ok()
}

fn key(gate: &Gate, caller: &Caller, kind: &str, name: &str) -> Result<Key, StoreError> {
    Key::limits(gate.slots(), &caller.tenant, &[gate.contract.name(), kind, name])
}

/// Takes back what was counted for a call that is refused after all.
fn take_back(gate: &Gate, counted: &[(Key, u64, Vec<Charge>)]) {
    for (key, now, charges) in counted {
        // If it fails, a call too many is counted, which is the safe side.
        let _ = give_back(gate.slots(), key, *now, charges);
    }
}

/// Counts charges of a role or a tool. Returns the counter, and the time in seconds.
fn count(
    gate: &Gate,
    counted: &[&str; 2],
    caller: &Caller,
    now: Option<u64>,
    charges: &[Charge],
) -> Result<(Key, u64), NotCounted> {
    let [kind, name] = counted;
    let admission = now.map(|millis| millis / 1000).ok_or(StoreError::Unavailable).and_then(|now| {
        let key = key(gate, caller, kind, name)?;
        Ok((key, now, admit(gate.slots(), &key, now, charges)?))
    });
    match admission {
        Ok((key, now, Admission::Admitted)) => Ok((key, now)),
        Ok((_, _, Admission::Refused { limit, retry_after })) => Err(NotCounted::Reached { limit, retry_after }),
        Err(_) => Err(NotCounted::Unavailable),
    }
}

/// The charge of a request. Tokens and cost are not known yet: a charge of zero asks if any are left.
fn at_request(limit: Limit) -> Option<Charge> {
    match limit.unit {
        Unit::Requests => Some(Charge { limit, amount: 1 }),
        Unit::Tokens | Unit::Cost => Some(Charge { limit, amount: 0 }),
        Unit::Calls => None,
    }
}

fn violation(tool: &Tool, (kind, name): (&str, &str), reason: NotCounted) -> Violation {
    let (code, message) = match reason {
        NotCounted::Reached { limit, retry_after } => {
            let (limit, wait) = (words(limit), retry_after.as_secs());
            let message = format!("expected {kind} `{name}` to stay within {limit}; the next one is possible in {wait} seconds");
            (CallCode::RateLimited, message)
        }
        NotCounted::Ended => (
            CallCode::ConversationLimit,
            "expected at most as many calls in a conversation as the contract's `conversation.maxCalls`; begin a new one".to_owned(),
        ),
        NotCounted::Unavailable => (
            CallCode::LimitsUnavailable,
            "expected the counters of the contract's limits to be usable, and they are not".to_owned(),
        ),
    };
    Violation { code, tool: tool.name().to_owned(), pointer: String::new(), message, feeds_back: false }
}

/// Refuses a request whose counters cannot be used.
pub(crate) fn unavailable() -> Refusal {
    let message = "The counters of the contract's limits cannot be used, so the request is refused; try again.";
    Refusal::new(Code::LimitsUnavailable, message)
}

/// Names a limit.
fn words(Limit { unit, period, most }: Limit) -> String {
    let unit = match unit {
        Unit::Requests => "requests",
        Unit::Calls => "calls",
        Unit::Tokens => "tokens",
        Unit::Cost => return "the cost that the contract allows a day".to_owned(),
    };
    let period = match period {
        Period::Minute => "minute",
        Period::Day => "day",
    };
    format!("the {most} {unit} that the contract allows a {period}")
}
