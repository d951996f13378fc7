//! Decides a server's message by the request it answers.

use std::borrow::Cow;
use std::collections::HashSet;

use callgate_contract::{Caller, Effects, OnViolation, Run, Tool};
use callgate_wire::mcp::{Called, Envelope, Hints, Listing, McpAnswer, error};
use callgate_wire::{AnswerError, Declaration, ShapeError};

use super::{Expected, SentMessage};
use crate::{Code, Gate, Refusal, Tally, redaction};

/// Requests of the server forwarded to the client. None of them makes a call, if [sampling] has no tools.
///
/// [sampling]: McpAnswer::asks_for_text_only
const REQUESTS: [&str; 4] = ["ping", "roots/list", "elicitation/create", "sampling/createMessage"];

/// Forwarded notifications of the server: all of 2025-11-25 but those of tasks.
const NOTIFICATIONS: [&str; 8] = [
    "notifications/message",
    "notifications/progress",
    "notifications/cancelled",
    "notifications/resources/updated",
    "notifications/resources/list_changed",
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/elicitation/complete",
];

/// The next step for a server's message.
#[derive(Debug)]
pub(crate) enum Disposition {
    /// Forward it; the answer is still to come.
    Forward(McpAnswer),
    /// Drop it: a notification or a request with an unknown method, or an answer to another request.
    /// The answer to this request may still come: a write has perhaps run already.
    Drop,
    /// The awaited answer, in the form to forward.
    Final(McpAnswer),
}

/// Reads a whole message.
pub(crate) fn read(body: &[u8]) -> Result<McpAnswer, Refusal> {
    McpAnswer::read(body).map_err(|error| match error {
        AnswerError::NotJson(error) => invalid(format!("is not strict JSON: {error}")),
        AnswerError::Shape(error) => misshapen(error),
    })
}

/// Decides one message.
pub(crate) fn decide(
    gate: &Gate,
    sent: &SentMessage,
    answer: McpAnswer,
    tally: &mut Tally,
) -> Result<Disposition, Refusal> {
    let answered = match answer.envelope() {
        Envelope::Request { method, .. } => {
            let forwarded =
                REQUESTS.contains(&method.as_str()) && (method == "ping" || answer.asks_for_text_only().is_ok());
            return Ok(if forwarded { said(gate, answer, tally) } else { Disposition::Drop });
        }
        Envelope::Notification { method } => {
            let forwarded = NOTIFICATIONS.contains(&method.as_str());
            return Ok(if forwarded { said(gate, answer, tally) } else { Disposition::Drop });
        }
        Envelope::Result { id } => Some(id),
        Envelope::Error { id } => id.as_ref(),
    };
    let SentMessage::Request { id, caller, expected } = sent else {
        return Err(invalid("answers a request that was not made here"));
    };
    if Some(id) != answered {
        return Ok(Disposition::Drop);
    }
    if matches!(answer.envelope(), Envelope::Error { .. }) {
        return Ok(Disposition::Final(answer));
    }
    result(gate, caller, expected, answer, tally).map(Disposition::Final)
}

/// Redacts the words of a notification or a request of the server. One with words that the contract refuses is dropped.
fn said(gate: &Gate, mut answer: McpAnswer, tally: &mut Tally) -> Disposition {
    let Some(policy) = gate.contract.results() else { return Disposition::Forward(answer) };
    let redacted = match answer.params_text() {
        None => Ok(None),
        Some(params) => redaction::of_server(policy, None, &params, tally),
    };
    match redacted {
        Ok(None) => Disposition::Forward(answer),
        Ok(Some(params)) => {
            answer.replace_params(params);
            Disposition::Forward(answer)
        }
        Err(_) => Disposition::Drop,
    }
}

fn result(
    gate: &Gate,
    caller: &Caller,
    expected: &Expected,
    mut answer: McpAnswer,
    tally: &mut Tally,
) -> Result<McpAnswer, Refusal> {
    match expected {
        Expected::Introduction => answer.introduce(),
        // In shadow mode the client sees every tool of the server.
        Expected::List if !gate.contract.enforces() => {}
        Expected::List => {
            let listed = answer.listed().map_err(misshapen)?;
            let mut seen = HashSet::new();
            let offered: Vec<OfferedTool<'_>> = listed
                .iter()
                .filter(|tool| seen.insert(tool.name.as_str()))
                .filter_map(|listed| offer(gate, caller, &listed.name, listed.structured))
                .collect();
            // One schema of a glob is written for each of its names.
            let bytes = offered.iter().fold(0usize, |sum, tool| sum.saturating_add(tool.copied_bytes()));
            if u64::try_from(bytes).unwrap_or(u64::MAX) > gate.contract.limits().response_bytes {
                return Err(invalid("lists more tools under a glob than `limits.responseBytes` has room for"));
            }
            answer.list(&offered.iter().map(OfferedTool::listing).collect::<Vec<_>>());
        }
        Expected::Call(name) => {
            let called = answer.called().map_err(misshapen)?;
            let Some(tool) = gate.contract.tool(name) else {
                // A tool outside of the contract, in shadow mode.
                redact(gate, None, &mut answer, tally)?;
                return Ok(answer);
            };
            let is_withheld = check(gate, tool, called, &mut answer, tally)?;
            if !is_withheld {
                redact(gate, Some(tool), &mut answer, tally)?;
            }
        }
        Expected::Resource => redact(gate, None, &mut answer, tally)?,
        Expected::Prompt => {
            answer.prompts().map_err(misshapen)?;
            redact(gate, None, &mut answer, tally)?;
        }
        Expected::Other => {}
    }
    Ok(answer)
}

/// Returns a tool of the server as the contract declares it, if the server runs it and the role may use it.
///
/// It has a `result` only if the server promises a structured result too: clients then insist on one.
fn offer<'g>(gate: &'g Gate, caller: &Caller, name: &str, structured: bool) -> Option<OfferedTool<'g>> {
    let tool = gate.contract.permit(gate.contract.role(&caller.role), name).ok()?;
    let declaration = gate.declaration(tool, name).filter(|_| matches!(tool.run(), Run::Client))?;
    let is_object = |schema: &&callgate_json::Value| schema.get("type").is_some_and(|kind| kind == "object");
    let hints = match tool.effects() {
        Effects::Read => Hints { read_only: true, destructive: false },
        // A `write` need not add only, which is what a client would read from `destructiveHint: false`.
        Effects::Write | Effects::Destructive => Hints { read_only: false, destructive: true },
    };
    Some(OfferedTool { declaration, result: tool.result().filter(is_object).filter(|_| structured), hints })
}

/// A tool for the client's list.
struct OfferedTool<'g> {
    declaration: Cow<'g, Declaration>,
    result: Option<&'g callgate_json::Value>,
    hints: Hints,
}

// === impl OfferedTool ===

impl OfferedTool<'_> {
    fn listing(&self) -> Listing<'_> {
        Listing { declaration: &self.declaration, result: self.result, hints: self.hints }
    }

    /// Returns the bytes of a declaration that is a copy of a glob's.
    fn copied_bytes(&self) -> usize {
        match &self.declaration {
            Cow::Borrowed(_) => 0,
            Cow::Owned(declaration) => declaration.size(),
        }
    }
}

/// Checks a tool's result. If the contract has a `result` schema, only the checked value is forwarded. A failure reported by the
/// tool is a text for the model, not a result. Returns true if an error took the place of the result.
fn check(gate: &Gate, tool: &Tool, called: Called, answer: &mut McpAnswer, tally: &mut Tally) -> Result<bool, Refusal> {
    if tool.result().is_none() {
        return Ok(false);
    }
    let fault = match &called.value {
        _ if called.failed && !called.structured => return Ok(false),
        None => "It is neither structured nor one text that is JSON.".to_owned(),
        Some(value) => match tool.check_result(value) {
            Ok(()) if called.failed => return Ok(false),
            Ok(()) => {
                answer.give(value, called.structured);
                return Ok(false);
            }
            Err(violation) => format!("{violation}"),
        },
    };
    if !gate.contract.enforces() {
        tally.shadowed_errors.push(Code::OutputInvalid);
        return Ok(false);
    }
    let message = format!("Callgate withheld what `{}` returned (output_invalid): {fault}", tool.name());
    withhold(gate, tool.name(), Refusal::new(Code::OutputInvalid, message), answer, tally).map(|()| true)
}

/// Redacts the result of a tool, or the contents of a resource.
fn redact(gate: &Gate, tool: Option<&Tool>, answer: &mut McpAnswer, tally: &mut Tally) -> Result<(), Refusal> {
    let Some(policy) = gate.contract.results() else { return Ok(()) };
    let tool = tool.map(Tool::name);
    let redacted = redaction::of_server(policy, tool, &answer.result_text(), tally);
    match redacted {
        Ok(None) => Ok(()),
        Ok(Some(result)) => {
            answer.replace(result);
            Ok(())
        }
        Err(refused) => {
            let refusal = redaction::result_refusal(refused, tool);
            match tool {
                Some(tool) => withhold(gate, tool, refusal, answer, tally),
                None => Err(refusal),
            }
        }
    }
}

/// Puts a refusal into the place of a tool's result, or returns it if the contract says so.
fn withhold(
    gate: &Gate,
    tool: &str,
    refusal: Refusal,
    answer: &mut McpAnswer,
    tally: &mut Tally,
) -> Result<(), Refusal> {
    match gate.contract.on_violation() {
        OnViolation::Error => Err(refusal),
        OnViolation::Refuse | OnViolation::Feedback => {
            tally.error = Some(refusal.code);
            answer.replace(error::result(&refusal.api_error(), tool));
            Ok(())
        }
    }
}

fn misshapen(error: ShapeError) -> Refusal {
    invalid(format!("has not the shape of MCP: {error}"))
}

/// Refuses a message of the server.
pub(crate) fn invalid(expected: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::UpstreamInvalid, format!("A message of the MCP server {expected}."))
}
