//! A call that the executor runs for a client of MCP, and its result.
//!
//! The result is checked and redacted as in front of a model ([`tool_results`]), and given to the client as the result of its tool. A
//! failure is a result too, with `isError`: the model learns which server is down, and the other tools keep working.

use callgate_contract::{Caller, OnViolation, Run, Tool, name_in_sentence};
use callgate_wire::ApiError;
use callgate_wire::mcp::{self, Era, Id, error};

use super::listed;
use crate::effect::{CallBatch, ReleaseRule};
use crate::event::{CallFailed, Outcome, ToolFailure};
use crate::facts::RequestFacts;
use crate::ledger::Correlation;
use crate::settle::Runnable;
use crate::tool_results::{self, NoResult};
use crate::{Code, Gate, Refusal, Tally, authorize};

/// A call that the executor runs.
#[derive(Debug)]
pub(crate) struct RunningCall {
    /// The request's id.
    pub(super) id: Id,
    pub(super) caller: Caller,
    pub(super) era: Era,
    pub(super) runnable: Box<Runnable>,
}

// === impl RunningCall ===

impl RunningCall {
    /// The request to the executor.
    pub(crate) fn batch(&self, gate: &Gate, correlation: &Correlation) -> CallBatch {
        let calls = vec![self.runnable.run.clone()];
        let facts = RequestFacts::without_conversation(gate);
        authorize::batch(gate, correlation, (&self.caller, 1, &facts), calls, ReleaseRule::Each).batch
    }
}

/// Returns the response to a call that the executor ran.
pub(crate) fn answer(
    gate: &Gate,
    call: &RunningCall,
    outcomes: Result<Vec<Outcome>, CallFailed>,
    tally: &mut Tally,
) -> Result<Vec<u8>, Refusal> {
    let RunningCall { id, era, runnable, .. } = call;
    let name = &*runnable.run.tool;
    let mut outcomes = outcomes.map_err(tool_results::failed)?;
    let outcome = match (outcomes.pop(), outcomes.is_empty()) {
        (Some(outcome), true) if outcome.id == runnable.run.id => outcome,
        _ => return Err(tool_results::failed(CallFailed::Unreadable)),
    };
    let tool = gate.contract.tool(name);
    let withheld = match tool_results::checked(gate, name, outcome, tally) {
        Ok(json) => {
            let structured = tool.is_some_and(|tool| listed::structure(tool, *era).is_some());
            let body = mcp::returned(id, &json, structured, *era);
            let most = gate.contract.limits().response_bytes;
            if u64::try_from(body.len()).unwrap_or(u64::MAX) <= most {
                return Ok(body);
            }
            let message = format!("it is larger than the contract's `responseBytes`, {most} bytes");
            Refusal::new(Code::ResponseTooLarge, message)
        }
        Err(NoResult::Failed(failure)) => {
            let error = ApiError { status: 200, message: told(name, tool, &failure), code: failure.code, param: None };
            return Ok(error::told(id, &error, name, *era));
        }
        Err(NoResult::Withheld(refusal)) => refusal,
    };
    let (code, name) = (withheld.code.as_str(), name_in_sentence(name));
    let message = format!("Callgate withheld what `{name}` returned ({code}): {}", withheld.message);
    let refusal = Refusal { message, ..withheld };
    match gate.contract.on_violation() {
        OnViolation::Error => Err(refusal),
        OnViolation::Refuse | OnViolation::Feedback => {
            tally.error = Some(refusal.code);
            Ok(error::told(id, &refusal.api_error(), &name, *era))
        }
    }
}

/// Says why a call has no result, which server its tool is of, and what to do.
fn told(name: &str, tool: Option<&Tool>, ToolFailure { code, message, .. }: &ToolFailure) -> String {
    let name = name_in_sentence(name);
    let remedy = match code.as_str() {
        "unavailable" => "Other servers are not affected; try again later, or go on without this tool.",
        "timeout" | "unknown" => "It may have run; look before you repeat it.",
        "backend_error" | "output_invalid" | "output_too_large" | "trap" | "nonzero_exit" | "out_of_fuel"
        | "out_of_memory" | "failed" => "Change the arguments, or go on without this tool.",
        // The executor's own decision, or a person's. Its sentence says what to do.
        "approval_required" => return format!("Callgate holds the call of `{name}` ({code}): {message}."),
        _ => return format!("Callgate refused the call of `{name}` ({code}): {message}."),
    };
    let server = tool.and_then(server).map(|server| format!(" Its server is `{server}`.")).unwrap_or_default();
    format!("The call of `{name}` failed ({code}): {message}.{server} {remedy}")
}

/// Returns the executor's backend of a tool.
fn server(tool: &Tool) -> Option<&str> {
    match tool.run() {
        Run::Mcp(run) => Some(&run.cluster),
        Run::Http(run) => Some(&run.cluster),
        Run::Grpc(run) => Some(&run.cluster),
        Run::Wasm(_) | Run::Client => None,
    }
}
