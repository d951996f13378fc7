//! The plan for a turn whose calls are decided.

use callgate_contract::OnViolation;
use callgate_wire::{Call, Fate, Form, NativeName};

use crate::authorize::{self, Planned};
use crate::effect::ReleaseRule;
use crate::refusal::{Refusal, notice};
use crate::settle::{Decided, Runnable};
use crate::tool_results::TurnCall;
use crate::{Code, Gate};

/// The plan for one choice of a turn.
#[derive(Debug)]
pub(crate) enum TurnPlan {
    /// The client gets the turn: each call, or a sentence with the reason in its place.
    Release(Vec<Fate>),
    /// The executor must release calls of the turn first, by this rule.
    Ask(Vec<Planned>, ReleaseRule),
    /// The whole exchange ends in an error.
    Fail(Refusal),
    /// The model is asked again, with a result for each call of the turn, in its order.
    Again(Vec<TurnCall>),
}

/// Plans one choice, or one call of it. `round` is the one just answered. `alone` is true if the answer has this choice only:
/// a conversation with several answers has no single continuation.
pub(crate) fn plan(gate: &Gate, decided: Vec<Decided>, round: u32, alone: bool) -> TurnPlan {
    let on_violation = gate.contract.on_violation();
    let may_go_on = alone && round < gate.contract.limits().max_rounds && !decided.iter().any(wants_a_screenshot);
    let refused = decided.iter().find_map(Decided::violation);
    let runs = decided.iter().any(|decided| matches!(decided, Decided::Run(_)));
    let mut violations = decided.iter().filter_map(Decided::violation);
    let feeds_back = refused.is_some() && violations.all(|violation| violation.feeds_back);
    match (refused, on_violation) {
        (Some(_), _) if feeds_back && may_go_on => again(decided),
        (Some(first), OnViolation::Error) => TurnPlan::Fail(Refusal::of_call(first)),
        (Some(_), OnViolation::Feedback) if may_go_on => again(decided),
        (None, _) if runs && may_go_on => again(decided),
        (None, OnViolation::Error) if runs => TurnPlan::Fail(Refusal::new(
            Code::LimitExceeded,
            "The model cannot be told a tool's result: the contract's `maxRounds` is reached, or the turn has a computer call.",
        )),
        _ => {
            let beside_refused = refused.is_some();
            let planned: Vec<Planned> =
                decided.into_iter().map(|decided| planned(decided, beside_refused, alone)).collect();
            if planned.iter().any(|planned| planned.asked().is_some()) {
                return TurnPlan::Ask(planned, authorize::rule(gate, may_go_on));
            }
            TurnPlan::Release(planned.into_iter().filter_map(fate).collect())
        }
    }
}

fn again(decided: Vec<Decided>) -> TurnPlan {
    let call = |decided| match decided {
        Decided::Run(runnable) => TurnCall::Run(runnable),
        Decided::Refused(refused) => TurnCall::Refused(refused),
        Decided::Client(call) => TurnCall::Left(call),
        Decided::Ask(runnable) => TurnCall::Left(runnable.call),
    };
    TurnPlan::Again(decided.into_iter().map(call).collect())
}

/// Returns true for a call whose result is a screenshot, which only the client can take. The model cannot be told anything else in
/// its place, so the turn ends here.
fn wants_a_screenshot(decided: &Decided) -> bool {
    let call: &Call = match decided {
        Decided::Client(call) => call,
        Decided::Ask(runnable) | Decided::Run(runnable) => &runnable.call,
        Decided::Refused(refused) => &refused.call,
    };
    call.form == Form::Native(NativeName::Computer)
}

fn planned(decided: Decided, beside_refused: bool, alone: bool) -> Planned {
    match decided {
        Decided::Client(call) => Planned::Keep(call),
        Decided::Ask(runnable) => Planned::Ask(runnable),
        Decided::Run(runnable) => Planned::Replace(not_run(&runnable, beside_refused, alone)),
        Decided::Refused(refused) => Planned::Replace(notice(&refused.violation)),
    }
}

/// Returns the fate of a call that nobody is asked about.
fn fate(planned: Planned) -> Option<Fate> {
    match planned {
        Planned::Keep(call) => Some(Fate::Keep(call)),
        Planned::Replace(text) => Some(Fate::Replace(text)),
        Planned::Ask(_) => None,
    }
}

fn not_run(runnable: &Runnable, beside_refused: bool, alone: bool) -> String {
    let (code, why) = match (beside_refused, alone) {
        (true, _) => ("turn_refused", "another call of the same turn was refused."),
        (false, false) => ("limit_exceeded", "the request asked for several choices."),
        (false, true) => ("limit_exceeded", "the contract's `maxRounds` is reached, or the turn has a computer call."),
    };
    format!("Callgate did not run `{}` ({code}): {why}", runnable.run.tool)
}
