//! The loop: approved calls to the executor, results and violations back to the model.

use callgate_json::Value;
use callgate_wire::{CallResult, Earlier};
use serde_json::json;

use crate::event::Outcome;
use crate::request::Asked;
use crate::settle::{Refused, Runnable};
use crate::{About, CallBatch, CallFailed, Code, Gate, ModelRequest, Refusal};

/// A turn after which the model is asked again.
#[derive(Debug)]
pub(crate) struct Next {
    /// What the model said in it, and what it cost.
    pub(crate) said: Earlier,
    pub(crate) run: Vec<Runnable>,
    pub(crate) refused: Vec<Refused>,
}

/// The request to the executor for a turn's approved calls: all of them in one.
pub(crate) fn batch(gate: &Gate, about: &About, asked: &Asked, run: &[Runnable]) -> CallBatch {
    CallBatch {
        contract_digest: gate.contract.digest().to_owned(),
        tenant: asked.caller.tenant.clone(),
        role: asked.caller.role.clone(),
        exchange_id: about.exchange_id.clone(),
        request_id: about.request_id.clone(),
        trace: about.trace.clone(),
        round: asked.round,
        calls: run.iter().map(|runnable| runnable.run.clone()).collect(),
    }
}

/// Outcomes must answer the batch call by call: an executor that answers otherwise cannot be believed.
pub(crate) fn answered(gate: &Gate, run: Vec<Runnable>, outcomes: Vec<Outcome>) -> Result<Vec<CallResult>, Refusal> {
    let matches = run.len() == outcomes.len()
        && run.iter().zip(&outcomes).all(|(runnable, outcome)| runnable.run.id == outcome.id);
    if !matches {
        return Err(failed(CallFailed::Unreadable));
    }
    Ok(run.into_iter().zip(outcomes).map(|(runnable, outcome)| result(gate, runnable, outcome)).collect())
}

/// The result of one call, checked against the tool's `result` schema, in the words that the model gets.
fn result(gate: &Gate, runnable: Runnable, outcome: Outcome) -> CallResult {
    let tool = gate.contract.tool(&runnable.run.tool);
    let failed = |code: &str, pointer: &str, message: &str| (error_content(code, pointer, message), true);
    let (content, failed) = match outcome.result {
        Ok(text) => match (callgate_json::read(text.as_bytes()), tool) {
            (Ok(value), Some(tool)) => match tool.check_result(&value) {
                Ok(()) => (callgate_json::canonical(&value), false),
                Err(violation) => failed("output_invalid", &violation.pointer, &violation.message),
            },
            (Ok(_), None) | (Err(_), _) => failed("output_invalid", "", "The tool's result is not strict JSON."),
        },
        Err(failure) => failed(&failure.code, "", &failure.message),
    };
    CallResult { call: runnable.call, content, failed }
}

/// What the model is told of a refused call in place of a result.
pub(crate) fn told(refused: Refused) -> CallResult {
    let violation = &refused.violation;
    let content = error_content(violation.code.as_str(), &violation.pointer, &violation.message);
    CallResult { call: refused.call, content, failed: true }
}

fn error_content(code: &str, pointer: &str, message: &str) -> String {
    let error = if pointer.is_empty() {
        json!({ "code": code, "message": message })
    } else {
        json!({ "code": code, "pointer": pointer, "message": message })
    };
    callgate_json::canonical(&json!({ "error": error }))
}

/// The further round: the conversation so far, the turn, its results.
pub(crate) fn ask(gate: &Gate, asked: &mut Asked, said: &[Value], results: &[CallResult]) -> ModelRequest {
    asked.request.append_turn(said, results);
    asked.request.answer_whole();
    asked.request.free_choice();
    asked.round = asked.round.saturating_add(1);
    ModelRequest {
        path: asked.request.target().unwrap_or_else(|| asked.path.clone()),
        headers: asked.headers.clone(),
        body: asked.request.write(),
        timeout: gate.contract.limits().turn_timeout,
    }
}

/// The executor brought no outcomes.
pub(crate) fn failed(why: CallFailed) -> Refusal {
    match why {
        CallFailed::Unreachable => Refusal::new(
            Code::ExecutorUnavailable,
            "The executor did not answer in time; whether the calls ran is not known.",
        ),
        CallFailed::Rejected => Refusal::new(
            Code::ExecutorRejected,
            "The executor refused the calls; it may hold another version of the contract. Nothing ran.",
        ),
        CallFailed::Overloaded => Refusal::new(
            Code::ExecutorOverloaded,
            "The executor has no room for the calls of this turn and ran none of them; try again in a moment.",
        ),
        CallFailed::Unreadable => Refusal::new(Code::ExecutorRejected, "The executor's answer does not fit the calls."),
    }
}

/// The model brought no answer to a further round.
pub(crate) fn unanswered(why: CallFailed) -> Refusal {
    let message = match why {
        CallFailed::Unreachable => "The model's API did not answer a further round in time.",
        CallFailed::Rejected | CallFailed::Overloaded | CallFailed::Unreadable => {
            "The model's API answered a further round in a form that cannot be read."
        }
    };
    Refusal::new(Code::UpstreamError, message)
}
