//! Further rounds: approved calls to the executor, results and violations back to the model.

use std::time::Duration;

use callgate_contract::{Violation, message_for_model};
use callgate_json::Value;
use callgate_wire::{Call, CallResult, Earlier};
use serde_json::json;

use crate::effect::RunCall;
use crate::event::{Outcome, ToolFailure};
use crate::request::CheckedRequest;
use crate::settle::{Refused, Runnable};
use crate::{CallBatch, CallFailed, Code, Correlation, Gate, ModelRequest, Refusal, Tally, redaction};

/// A turn after which the model is asked again.
#[derive(Debug)]
pub(crate) struct Next {
    /// The content of the turn and its usage.
    pub(crate) said: Earlier,
    /// Its calls, in order. Each API wants a result for each of them.
    pub(crate) calls: Vec<TurnCall>,
}

/// A call of such a turn.
#[derive(Debug, Clone)]
pub(crate) enum TurnCall {
    /// The executor runs it.
    Run(Box<Runnable>),
    Refused(Box<Refused>),
    /// The client would run it. It does not run in this turn, and the model may ask for it again, knowing the results.
    Left(Call),
}

/// A call of such a turn, once none of them runs any more.
#[derive(Debug)]
pub(crate) enum TurnResult {
    Ran(CallResult),
    Refused(Box<Refused>),
    Left(Call),
}

/// The result of a call that [did not run](TurnCall::Left). Nobody chose a part of it.
pub(crate) const NOT_RUN: &str = concat!(
    r#"{"error":{"code":"call_not_run","message":"#,
    r#""This call did not run, because of another call of the same turn. Ask for it again if it is still needed."}}"#
);

// === impl TurnCall ===

impl TurnCall {
    /// Returns the call for the executor to run.
    pub(crate) fn run(&self) -> Option<&RunCall> {
        match self {
            Self::Run(runnable) => Some(&runnable.run),
            Self::Refused(_) | Self::Left(_) => None,
        }
    }
}

/// The request to the executor for a turn's approved calls: all of them in one.
pub(crate) fn batch(
    gate: &Gate,
    correlation: &Correlation,
    checked: &CheckedRequest,
    calls: Vec<RunCall>,
) -> CallBatch {
    CallBatch {
        contract_digest: gate.contract.digest().to_owned(),
        tenant: checked.caller.tenant.clone(),
        role: checked.caller.role.clone(),
        claims: checked.caller.claims.clone(),
        workspace: checked.caller.workspace.clone(),
        exchange_id: correlation.exchange_id.clone(),
        request_id: correlation.request_id.clone(),
        trace: correlation.trace.clone(),
        conversation_id: correlation.conversation.clone(),
        round: checked.round,
        model: checked.facts.model.clone(),
        conversation: checked.facts.conversation.clone(),
        calls,
    }
}

/// Matches outcomes to the batch. They must answer it call by call, or the whole answer is refused.
pub(crate) fn answered(
    gate: &Gate,
    calls: Vec<TurnCall>,
    outcomes: Vec<Outcome>,
    tally: &mut Tally,
) -> Result<Vec<TurnResult>, Refusal> {
    let mut outcomes = outcomes.into_iter();
    let mut results = Vec::with_capacity(calls.len());
    for call in calls {
        results.push(match call {
            TurnCall::Run(runnable) => match outcomes.next().filter(|outcome| outcome.id == runnable.run.id) {
                Some(outcome) => TurnResult::Ran(result(gate, *runnable, outcome, tally)),
                None => return Err(failed(CallFailed::Unreadable)),
            },
            TurnCall::Refused(refused) => TurnResult::Refused(refused),
            TurnCall::Left(call) => TurnResult::Left(call),
        });
    }
    if outcomes.next().is_some() { Err(failed(CallFailed::Unreadable)) } else { Ok(results) }
}

/// The reason for a missing result.
pub(crate) enum NoResult {
    /// The tool failed, or the executor did not run it.
    Failed(ToolFailure),
    /// The contract withholds the result.
    Withheld(Refusal),
}

/// Returns the result of one call for the model.
fn result(gate: &Gate, runnable: Runnable, outcome: Outcome, tally: &mut Tally) -> CallResult {
    let failed =
        |code, pointer, message, approval_id| error_content(&ErrorResult { code, pointer, message, approval_id });
    let (content, failed) = match checked(gate, &runnable.run.tool, outcome, tally) {
        Ok(text) => (text, false),
        Err(NoResult::Withheld(Refusal { code, param, message, .. })) => {
            (failed(code.as_str(), param.as_deref().unwrap_or_default(), &message, None), true)
        }
        Err(NoResult::Failed(ToolFailure { code, message, approval_id })) => {
            (failed(&code, "", &message, approval_id.as_deref()), true)
        }
    };
    CallResult { call: runnable.call, content, failed }
}

/// Checks the outcome of a call against the tool's `result` schema and the contract's policy on results. Returns canonical JSON.
pub(crate) fn checked(gate: &Gate, tool: &str, outcome: Outcome, tally: &mut Tally) -> Result<String, NoResult> {
    let invalid = |message: &str| NoResult::Withheld(Refusal::new(Code::OutputInvalid, message));
    let text = outcome.result.map_err(|ToolFailure { code, message, approval_id }| {
        let message = redaction::failure(&gate.contract, message, tally);
        NoResult::Failed(ToolFailure { code, message, approval_id })
    })?;
    let (Ok(value), Some(tool)) = (callgate_json::read(text.as_bytes()), gate.contract.tool(tool)) else {
        return Err(invalid("The tool's result is not strict JSON."));
    };
    tool.check_result(&value).map_err(|Violation { pointer, message, .. }| {
        NoResult::Withheld(Refusal::at(Code::OutputInvalid, pointer, message))
    })?;
    redaction::returned(&gate.contract, tool, callgate_json::canonical(&value), tally).map_err(NoResult::Withheld)
}

/// Returns the model's result for a call. For a refused one it lists the tools the caller's role may use.
pub(crate) fn told(gate: &Gate, role: &str, result: TurnResult) -> CallResult {
    let refused = match result {
        TurnResult::Ran(result) => return result,
        TurnResult::Left(call) => return CallResult { call, content: NOT_RUN.to_owned(), failed: true },
        TurnResult::Refused(refused) => *refused,
    };
    let Violation { code, pointer, .. } = &refused.violation;
    let message = &message_for_model(&gate.contract, role, &refused.violation);
    let content = error_content(&ErrorResult { code: code.as_str(), pointer, message, approval_id: None });
    CallResult { call: refused.call, content, failed: true }
}

/// The reason for a missing result. Empty fields are left out.
struct ErrorResult<'a> {
    code: &'a str,
    pointer: &'a str,
    message: &'a str,
    approval_id: Option<&'a str>,
}

fn error_content(told: &ErrorResult<'_>) -> String {
    let mut error = json!({ "code": told.code, "message": told.message });
    let pointer = Some(told.pointer).filter(|pointer| !pointer.is_empty());
    for (name, value) in [("pointer", pointer), ("approval_id", told.approval_id)] {
        if let (Some(value), Some(error)) = (value, error.as_object_mut()) {
            error.insert(name.to_owned(), value.into());
        }
    }
    callgate_json::canonical(&json!({ "error": error }))
}

/// Builds the request of a further round: the conversation so far, the turn, its results.
pub(crate) fn ask(
    checked: &mut CheckedRequest,
    said: &[Value],
    results: &[CallResult],
    timeout: Duration,
) -> ModelRequest {
    checked.request.append_turn(said, results);
    checked.request.answer_whole();
    checked.request.free_choice();
    checked.round = checked.round.saturating_add(1);
    let body = checked.request.write();
    checked.sent_bytes = body.len();
    ModelRequest {
        path: checked.request.target().unwrap_or_else(|| checked.path.clone()),
        headers: checked.headers.pairs(),
        body,
        timeout,
    }
}

/// Explains missing outcomes of the executor.
pub(crate) fn failed(why: CallFailed) -> Refusal {
    match why {
        CallFailed::Unreachable => {
            Refusal::new(Code::ExecutorUnavailable, "The executor did not answer in time; the calls may have run.")
        }
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

/// Explains a missing answer to a further round.
pub(crate) fn unanswered(why: CallFailed) -> Refusal {
    let message = match why {
        CallFailed::Unreachable => "The model's API did not answer a further round in time.",
        CallFailed::Rejected | CallFailed::Overloaded | CallFailed::Unreadable => {
            "The model's API answered a further round in a form that cannot be read."
        }
    };
    Refusal::new(Code::UpstreamError, message)
}
