//! What becomes of a turn once its calls are decided (DESIGN §5).

use callgate_contract::{OnViolation, Violation};
use callgate_wire::Call;

use crate::refusal::Refusal;
use crate::settle::{Refused, Runnable, Settled};
use crate::{Code, Gate};

/// What becomes of one choice of a turn.
#[derive(Debug)]
pub(crate) enum Plan {
    /// The turn goes to the client: these calls, and these sentences about the refused ones.
    Release { calls: Vec<Call>, notices: Vec<String> },
    /// The whole exchange ends in an error.
    Fail(Refusal),
    /// The model is asked again, with the results of `run` and what was wrong with `refused`. Client-run calls are left
    /// out of this turn: the model asks for them again, knowing the results.
    Again { run: Vec<Runnable>, refused: Vec<Refused> },
}

/// Plans one choice. `round` is the one just answered; `alone` says whether the answer has this choice only: a
/// conversation with several answers has no one continuation.
pub(crate) fn plan(gate: &Gate, settled: Settled, round: u32, alone: bool) -> Plan {
    let Settled { client, run, refused } = settled;
    let on_violation = gate.contract.on_violation();
    let may_go_on = alone && round < gate.contract.limits().max_rounds;
    match (refused.first(), on_violation) {
        (Some(first), OnViolation::Error) => Plan::Fail(Refusal::of_call(&first.violation)),
        (Some(_), OnViolation::Feedback) if may_go_on => Plan::Again { run, refused },
        (None, _) if !run.is_empty() && may_go_on => Plan::Again { run, refused },
        (None, OnViolation::Error) if !run.is_empty() => Plan::Fail(Refusal::new(
            Code::LimitExceeded,
            "The contract's `maxRounds` does not leave a round to tell the model a tool's result.",
        )),
        _ => {
            let mut notices: Vec<String> = refused.iter().map(|refused| notice(&refused.violation)).collect();
            notices.extend(run.iter().map(|runnable| not_run(runnable, !refused.is_empty(), alone)));
            Plan::Release { calls: client, notices }
        }
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
