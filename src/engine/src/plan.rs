//! What becomes of a turn once its calls are decided (DESIGN §5).

use callgate_contract::{OnViolation, Violation};
use callgate_wire::Fate;

use crate::refusal::Refusal;
use crate::settle::{Decided, Refused, Runnable};
use crate::{Code, Gate};

/// What becomes of one choice of a turn.
#[derive(Debug)]
pub(crate) enum Plan {
    /// The turn goes to the client: of each call itself, or a sentence that says why not.
    Release(Vec<Fate>),
    /// The whole exchange ends in an error.
    Fail(Refusal),
    /// The model is asked again, with the results of `run` and what was wrong with `refused`. Client-run calls are left
    /// out of this turn: the model asks for them again, knowing the results.
    Again { run: Vec<Runnable>, refused: Vec<Refused> },
}

/// Plans one choice, or one call of it. `round` is the one just answered; `alone` says whether the answer has this choice only:
/// a conversation with several answers has no one continuation.
pub(crate) fn plan(gate: &Gate, decided: Vec<Decided>, round: u32, alone: bool) -> Plan {
    let on_violation = gate.contract.on_violation();
    let may_go_on = alone && round < gate.contract.limits().max_rounds;
    let refused = decided.iter().find_map(|decided| match decided {
        Decided::Refused(refused) => Some(&refused.violation),
        Decided::Client(_) | Decided::Run(_) => None,
    });
    let runs = decided.iter().any(|decided| matches!(decided, Decided::Run(_)));
    match (refused, on_violation) {
        (Some(first), OnViolation::Error) => Plan::Fail(Refusal::of_call(first)),
        (Some(_), OnViolation::Feedback) if may_go_on => again(decided),
        (None, _) if runs && may_go_on => again(decided),
        (None, OnViolation::Error) if runs => Plan::Fail(Refusal::new(
            Code::LimitExceeded,
            "The contract's `maxRounds` does not leave a round to tell the model a tool's result.",
        )),
        _ => {
            let beside_refused = refused.is_some();
            Plan::Release(decided.into_iter().map(|decided| fate(decided, beside_refused, alone)).collect())
        }
    }
}

fn again(decided: Vec<Decided>) -> Plan {
    let (mut run, mut refused) = (Vec::new(), Vec::new());
    for decided in decided {
        match decided {
            Decided::Run(runnable) => run.push(runnable),
            Decided::Refused(one) => refused.push(one),
            Decided::Client(_) => {}
        }
    }
    Plan::Again { run, refused }
}

fn fate(decided: Decided, beside_refused: bool, alone: bool) -> Fate {
    match decided {
        Decided::Client(call) => Fate::Keep(call),
        Decided::Run(runnable) => Fate::Replace(not_run(&runnable, beside_refused, alone)),
        Decided::Refused(refused) => Fate::Replace(notice(&refused.violation)),
    }
}

/// The sentence that tells a person or a model of a refused call.
pub(crate) fn notice(violation: &Violation) -> String {
    let place = if violation.pointer.is_empty() { String::new() } else { format!(" at {}", violation.pointer) };
    let tool = if violation.tool.is_empty() { "an unnamed tool".to_owned() } else { format!("`{}`", violation.tool) };
    format!("Callgate refused the call of {tool} ({}{place}): {}", violation.code.as_str(), violation.message)
}

fn not_run(runnable: &Runnable, beside_refused: bool, alone: bool) -> String {
    let (code, why) = match (beside_refused, alone) {
        (true, _) => ("turn_refused", "another call of the same turn was refused."),
        (false, false) => ("limit_exceeded", "the request asked for several choices."),
        (false, true) => ("limit_exceeded", "the contract's `maxRounds` is reached."),
    };
    format!("Callgate did not run `{}` ({code}): {why}", runnable.run.tool)
}
