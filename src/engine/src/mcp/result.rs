//! The result of a request: lists are cut to the contract, results of tools checked, and inputs that a server asks for are decided.

use callgate_contract::{Caller, OnViolation, Tool};
use callgate_wire::ShapeError;
use callgate_wire::mcp::{Called, Era, McpAnswer, ResultKind, error};

use super::answer::{invalid, misshapen};
use super::asking;
use super::carried::Carried;
use super::methods::Answered;
use super::{Expected, SentMessage, listed, offers, tasks};
use crate::{Code, Gate, Refusal, Tally, redaction};

/// Decides the result of a request. Its id was compared.
pub(super) fn result(
    (gate, now): (&Gate, Option<u64>),
    sent: &SentMessage,
    mut answer: McpAnswer,
    tally: &mut Tally,
) -> Result<McpAnswer, Refusal> {
    if let SentMessage::Request { expected: Expected::Task(task), .. } = sent {
        tasks::told(gate, task, Some("complete"), &mut answer, tally)?;
        return Ok(answer);
    }
    let kind = answer.kind().map_err(misshapen)?;
    match sent {
        SentMessage::Listening | SentMessage::OneWay => Err(invalid("answers a request that was not made here")),
        SentMessage::Subscribed(subscription) => {
            answer.end_subscription(subscription.id().value());
            Ok(answer)
        }
        SentMessage::Request { caller, expected, era, carried, .. } => {
            match kind {
                ResultKind::Complete => complete(gate, (caller, *era), expected, &mut answer, tally)?,
                ResultKind::InputRequired if *era == Era::Stateless && expected.may_need_inputs() => {
                    inputs(gate, expected, carried.as_deref(), &mut answer, tally)?;
                }
                ResultKind::Task | ResultKind::InputRequired | ResultKind::Other => {
                    if let (ResultKind::Task, Expected::Call(tool), Some(carried)) = (kind, expected, carried)
                        && carried.takes_tasks
                    {
                        tasks::created((gate, now), (tool, carried), &mut answer, tally)?;
                        return Ok(answer);
                    }
                    let because = "It is not the result: a task that the contract or the client does not take, or a kind that the \
                                   gate does not know.";
                    refuse(gate, expected, (Code::McpResultUnsupported, because), (&mut answer, *era), tally)?;
                }
            }
            Ok(answer)
        }
    }
}

/// Decides the inputs that a server wants before it answers. The client's retry is a new request, decided as any other.
fn inputs(
    gate: &Gate,
    expected: &Expected,
    carried: Option<&Carried>,
    answer: &mut McpAnswer,
    tally: &mut Tally,
) -> Result<(), Refusal> {
    let mut asked = carried.map(Carried::asked).unwrap_or_default();
    let decided = answer.require(&mut |input, params| {
        let told = |denial| (input, asking::refusal(denial).message);
        asking::ask(gate, input, params, &mut asked, tally).map_err(told)
    });
    let because = match decided {
        Ok(Ok(_)) => {
            if let Some(state) = carried.and_then(|carried| carried.state(gate, asked, answer.state())) {
                answer.carry(&state);
            }
            return redact(gate, expected.tool(gate), (answer, Era::Stateless), tally);
        }
        Ok(Err((input, because))) => format!("The server asks the client for `{}`. {because}", input.method()),
        Err(ShapeError::UnknownPart) => "The server asks the client for what the gate does not know.".to_owned(),
        Err(error) => return Err(misshapen(error)),
    };
    refuse(gate, expected, (Code::McpInputForbidden, &because), (answer, Era::Stateless), tally)
}

/// Refuses a result: in its place for a call, as an error otherwise.
fn refuse(
    gate: &Gate,
    expected: &Expected,
    (code, because): (Code, &str),
    (answer, era): (&mut McpAnswer, Era),
    tally: &mut Tally,
) -> Result<(), Refusal> {
    match expected {
        Expected::Call(name) => {
            let message = format!("Callgate withheld what `{name}` returned ({}): {because}", code.as_str());
            withhold(gate, name, Refusal::new(code, message), (answer, era), tally)
        }
        Expected::Task(_) | Expected::Answer { .. } => Err(Refusal::new(code, because)),
    }
}

fn complete(
    gate: &Gate,
    (caller, era): (&Caller, Era),
    expected: &Expected,
    answer: &mut McpAnswer,
    tally: &mut Tally,
) -> Result<(), Refusal> {
    let (answered, most) = match expected {
        Expected::Call(name) => return call(gate, (name, era), answer, tally),
        Expected::Task(_) => (Answered::Task, None),
        Expected::Answer { answered, most } => (*answered, *most),
    };
    match answered {
        Answered::Introduction => {
            answer.introduce();
            answer.withhold_capabilities(&offers::withheld(gate));
        }
        Answered::Discovery => {
            answer.discovered(tasks::are_on(gate)).map_err(misshapen)?;
            answer.withhold_capabilities(&offers::withheld(gate));
        }
        Answered::Tools => listed::of_server(gate, (caller, era), answer)?,
        Answered::Offers(list) => offers::list(gate, (caller, era), list, answer)?,
        Answered::Resource => {
            offers::contents(gate, caller, answer, tally)?;
            offers::sized(gate, most, answer, tally)?;
            redact(gate, None, (answer, era), tally)?;
        }
        Answered::Completion => {
            answer.only_completion(era).map_err(misshapen)?;
            redact(gate, None, (answer, era), tally)?;
        }
        Answered::Prompt => {
            answer.prompts().map_err(misshapen)?;
            answer.only_messages(era);
            offers::sized(gate, most, answer, tally)?;
            redact(gate, None, (answer, era), tally)?;
        }
        Answered::TaskTold => answer.acknowledge(),
        Answered::Watched | Answered::Other | Answered::Call | Answered::Task | Answered::Subscription => {}
    }
    // Results depend on the role.
    let is_cached = match answered {
        Answered::Tools | Answered::Offers(_) => !gate.contract.enforces(),
        answered => answered == Answered::Resource,
    };
    if era == Era::Stateless && is_cached {
        answer.make_private().map_err(misshapen)?;
    }
    Ok(())
}

/// Checks the result of a call that a task has made.
pub(super) fn called(gate: &Gate, name: &str, answer: &mut McpAnswer, tally: &mut Tally) -> Result<(), Refusal> {
    call(gate, (name, Era::Stateless), answer, tally)
}

/// Checks the result of a call.
fn call(gate: &Gate, (name, era): (&str, Era), answer: &mut McpAnswer, tally: &mut Tally) -> Result<(), Refusal> {
    let called = answer.called().map_err(misshapen)?;
    let Some(tool) = gate.contract.tool(name) else {
        // A tool outside of the contract, in shadow mode.
        return redact(gate, None, (answer, era), tally);
    };
    let is_withheld = check(gate, tool, called, (&mut *answer, era), tally)?;
    if is_withheld { Ok(()) } else { redact(gate, Some(tool), (answer, era), tally) }
}

/// Checks a tool's result. If the contract has a `result` schema, only the checked value is forwarded. A failure reported by the
/// tool is a text for the model, not a result. Returns true if an error took the place of the result.
fn check(
    gate: &Gate,
    tool: &Tool,
    called: Called,
    (answer, era): (&mut McpAnswer, Era),
    tally: &mut Tally,
) -> Result<bool, Refusal> {
    if tool.result().is_none() {
        return Ok(false);
    }
    let fault = match &called.value {
        _ if called.failed && !called.structured => return Ok(false),
        None => "It is neither structured nor one text that is JSON.".to_owned(),
        Some(value) => match tool.check_result(value) {
            Ok(()) if called.failed => return Ok(false),
            Ok(()) => {
                answer.give(value, called.structured, era);
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
    withhold(gate, tool.name(), Refusal::new(Code::OutputInvalid, message), (answer, era), tally).map(|()| true)
}

/// Redacts the result of a tool, or the contents of a resource.
fn redact(
    gate: &Gate,
    tool: Option<&Tool>,
    (answer, era): (&mut McpAnswer, Era),
    tally: &mut Tally,
) -> Result<(), Refusal> {
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
                Some(tool) => withhold(gate, tool, refusal, (answer, era), tally),
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
    (answer, era): (&mut McpAnswer, Era),
    tally: &mut Tally,
) -> Result<(), Refusal> {
    match gate.contract.on_violation() {
        OnViolation::Error => Err(refusal),
        OnViolation::Refuse | OnViolation::Feedback => {
            tally.error = Some(refusal.code);
            answer.replace(error::result(&refusal.api_error(), tool, era));
            Ok(())
        }
    }
}
