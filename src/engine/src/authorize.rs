//! Calls that the client runs and only the executor can release: a person must approve them, or the executor has policies.
//!
//! 1. [`plan`](crate::plan::plan) finds them, once nothing else of the turn ends it in an error or leads to another round.
//! 2. [`batch`] asks the executor about all of them at once.
//! 3. [`resolve`] puts the rulings in their places. A call without a release is replaced by a sentence.
//!
//! An approval is used up only if the call can be released. So the executor learns in which cases the answers to other calls keep
//! a call back ([`ReleaseRule`]). A pending call is reported to the client, never to the model: nobody can approve it within the exchange.

use std::time::Duration;

use callgate_contract::{Caller, Code as CallCode, OnViolation, Violation};
use callgate_wire::{Call, Fate};

use crate::effect::{AuthorizeBatch, CallBatch, ReleaseRule, RunCall};
use crate::event::{Authorization, CallFailed, CallRuling};
use crate::facts::RequestFacts;
use crate::limits;
use crate::plan::TurnPlan;
use crate::refusal::notice;
use crate::settle::{Refused, Runnable};
use crate::tool_results::TurnCall;
use crate::{Code, Correlation, Gate, Refusal, Tally};

/// The plan for one call of a turn with calls to be released by the executor.
#[derive(Debug)]
pub(crate) enum Planned {
    /// The client gets the call.
    Keep(Call),
    /// The client gets this text instead.
    Replace(String),
    /// The executor is asked.
    Ask(Box<Runnable>),
}

// === impl Planned ===

impl From<Fate> for Planned {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Keep(call) => Self::Keep(call),
            Fate::Replace(text) => Self::Replace(text),
        }
    }
}

impl Planned {
    /// Returns the call to ask about.
    pub(crate) fn asked(&self) -> Option<&RunCall> {
        match self {
            Self::Ask(runnable) => Some(&runnable.run),
            Self::Keep(_) | Self::Replace(_) => None,
        }
    }
}

/// Returns the dependence of a turn's calls on each other.
pub(crate) fn rule(gate: &Gate, may_go_on: bool) -> ReleaseRule {
    match gate.contract.on_violation() {
        OnViolation::Error => ReleaseRule::AllOrNone,
        OnViolation::Feedback if may_go_on => ReleaseRule::NoneIfDenied,
        OnViolation::Feedback | OnViolation::Refuse => ReleaseRule::Each,
    }
}

/// The request to the executor about calls of a turn.
pub(crate) fn batch(
    gate: &Gate,
    correlation: &Correlation,
    (caller, round, facts): (&Caller, u32, &RequestFacts),
    calls: Vec<RunCall>,
    release: ReleaseRule,
) -> AuthorizeBatch {
    let batch = CallBatch {
        contract_digest: gate.contract.digest().to_owned(),
        tenant: caller.tenant.clone(),
        role: caller.role.clone(),
        claims: caller.claims.clone(),
        workspace: caller.workspace.clone(),
        exchange_id: correlation.exchange_id.clone(),
        request_id: correlation.request_id.clone(),
        trace: correlation.trace.clone(),
        conversation_id: correlation.conversation.clone(),
        round,
        model: facts.model.clone(),
        conversation: facts.conversation.clone(),
        calls,
    };
    AuthorizeBatch { batch, release }
}

/// Matches rulings to the asked calls. They must answer them call by call, or nothing is released. Calls that are only counted pass if
/// the executor does not answer and the contract says so.
pub(crate) fn matched<'a>(
    gate: &Gate,
    asked: impl IntoIterator<Item = &'a RunCall>,
    rulings: Result<Vec<Authorization>, CallFailed>,
    tally: &mut Tally,
) -> Result<Vec<CallRuling>, Refusal> {
    let asked: Vec<&RunCall> = asked.into_iter().collect();
    let rulings = match rulings {
        Ok(rulings) => rulings,
        Err(why) if limits::passes_uncounted(gate, why) && asked.iter().all(|call| call.only_counted) => {
            tally.uncounted = true;
            return Ok(asked.iter().map(|_| CallRuling::Released).collect());
        }
        Err(why) => return Err(failed(why)),
    };
    let matches = asked.len() == rulings.len() && asked.iter().zip(&rulings).all(|(call, ruling)| call.id == ruling.id);
    if !matches {
        return Err(failed(CallFailed::Unreadable));
    }
    Ok(rulings.into_iter().map(|authorization| authorization.ruling).collect())
}

/// Plans the rest of a turn, or of one of its choices, by its rulings: one for each asked call, in order.
pub(crate) fn resolve(
    planned: Vec<Planned>,
    rulings: &mut impl Iterator<Item = CallRuling>,
    release: ReleaseRule,
    tally: &mut Tally,
) -> TurnPlan {
    let (mut fates, mut held, mut is_denied) = (Vec::new(), None, false);
    // The same calls, if the model may be told of them instead.
    let tells = release == ReleaseRule::NoneIfDenied;
    let mut calls = Vec::new();
    for planned in planned {
        let Runnable { call, run } = *match planned {
            Planned::Keep(call) => {
                calls.extend(tells.then(|| TurnCall::Left(call.clone())));
                fates.push(Fate::Keep(call));
                continue;
            }
            Planned::Replace(text) => {
                fates.push(Fate::Replace(text));
                continue;
            }
            Planned::Ask(runnable) => runnable,
        };
        match judged(&run.tool, rulings.next().unwrap_or(CallRuling::Withheld)) {
            Ok(true) => {
                calls.extend(tells.then(|| TurnCall::Left(call.clone())));
                fates.push(Fate::Keep(call));
            }
            Ok(false) => {
                fates.push(Fate::Replace(withheld(&run.tool)));
                calls.push(TurnCall::Left(call));
            }
            Err(violation) => {
                tally.refuse([violation.code]);
                fates.push(Fate::Replace(notice(&violation)));
                held.get_or_insert_with(|| Refusal::of_call(&violation));
                calls.push(match violation.code {
                    // Nobody can approve it within the exchange.
                    CallCode::ApprovalRequired => TurnCall::Left(call),
                    _ => {
                        is_denied = true;
                        TurnCall::Refused(Box::new(Refused { call, violation }))
                    }
                });
            }
        }
    }
    match (release, held) {
        (ReleaseRule::AllOrNone, Some(refusal)) => TurnPlan::Fail(refusal),
        (ReleaseRule::NoneIfDenied, Some(_)) if is_denied => TurnPlan::Again(calls),
        (ReleaseRule::Each | ReleaseRule::NoneIfDenied | ReleaseRule::AllOrNone, _) => TurnPlan::Release(fates),
    }
}

/// Returns true for a released call, false for one that another call keeps back, and otherwise the reason.
pub(crate) fn judged(tool: &str, ruling: CallRuling) -> Result<bool, Violation> {
    match ruling {
        CallRuling::Released => Ok(true),
        CallRuling::Withheld => Ok(false),
        CallRuling::Pending { approval_id, left } => Err(Violation {
            code: CallCode::ApprovalRequired,
            tool: tool.to_owned(),
            pointer: String::new(),
            message: format!(
                "a person must approve it first; ask again with the same arguments once request {approval_id} is approved, \
                 within {} minutes",
                minutes(left)
            ),
            feeds_back: false,
        }),
        CallRuling::Denied { code, pointer, message } => {
            Err(Violation { code, tool: tool.to_owned(), pointer, message, feeds_back: false })
        }
    }
}

/// Describes a call that another call keeps back.
pub(crate) fn withheld(tool: &str) -> String {
    format!("Callgate did not release `{tool}` (turn_refused): another call of the same turn was refused.")
}

/// Explains missing rulings of the executor.
pub(crate) fn failed(why: CallFailed) -> Refusal {
    match why {
        CallFailed::Unreachable => Refusal::new(
            Code::ExecutorUnavailable,
            "The executor, which must release the calls of this turn, did not answer in time. Nothing was released.",
        ),
        CallFailed::Rejected => Refusal::new(
            Code::ExecutorRejected,
            "The executor refused to rule on the calls; it may hold another version of the contract. Nothing was released.",
        ),
        CallFailed::Overloaded => Refusal::new(
            Code::ExecutorOverloaded,
            "The executor has no room to rule on the calls of this turn. Nothing was released; try again in a moment.",
        ),
        CallFailed::Unreadable => {
            Refusal::new(Code::ExecutorRejected, "The executor's rulings do not fit the calls. Nothing was released.")
        }
    }
}

fn minutes(left: Duration) -> u64 {
    left.as_secs().div_ceil(60).max(1)
}
