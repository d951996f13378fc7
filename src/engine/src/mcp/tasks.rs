//! Tasks: a server answers a call with a handle, and the client asks for the result later (SEP-2663).
//!
//! A later request names a task and no tool. So the client gets the gate's own handle in place of the server's: it has the tool, the
//! server's identifier and a time, sealed for the caller, the address and the contract's name. Each later request is decided again by the
//! contract of that day, and the result is checked as the result of its tool.
//!
//! Not covered: what a task does at the server. A refused request neither stops nor undoes it. A server that gives two callers one
//! identifier mixes their tasks.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callgate_contract::{Caller, Code as CallCode, Forbidden, Run, Tool, Violation};
use callgate_json::Value;
use callgate_wire::mcp::{McpAnswer, McpRequest, ResultKind, TaskPart, TaskStatus};

use super::answer::{invalid, misshapen};
use super::asking::{self, AskedSoFar};
use super::carried::Carried;
use super::result;
use super::routing::RoutingHeaders;
use crate::seal::{Bearer, Purpose};
use crate::{Code, Gate, Refusal, Tally, redaction};

/// The form of a handle: this, the seal, and the time of its end, the tool and the server's identifier in base64.
const FORM: &str = "cgt1.";
/// The maximum bytes of a handle. A server's identifier has at most 1,024.
const HANDLE_LENGTH: usize = 2048;
/// The maximum bytes of the name of a tool with tasks. Names of contracts are shorter.
const TOOL_LENGTH: usize = 256;

/// A task of a caller: a handle that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenTask {
    /// The client's handle.
    pub(super) handle: String,
    /// The server's identifier.
    pub(super) id: String,
    pub(super) tool: String,
}

// === impl OpenTask ===

impl OpenTask {
    /// Returns the bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.handle.capacity().saturating_add(self.id.capacity()).saturating_add(self.tool.capacity())
    }
}

/// Returns true if servers may answer calls with tasks.
pub(super) fn are_on(gate: &Gate) -> bool {
    gate.sealing.is_some() && gate.contract.mcp().task_lifetime().is_some()
}

/// Decides a request about a task, and gives it the server's identifier.
pub(super) fn request(
    (gate, now): (&Gate, Option<u64>),
    caller: &Caller,
    routing: Option<&RoutingHeaders>,
    request: &mut McpRequest,
    tally: &mut Tally,
) -> Result<OpenTask, Refusal> {
    let handle = request.parameter("taskId").unwrap_or_default();
    let task = find((gate, now), caller, routing, handle, tally)?;
    request.set_task(&task.id);
    request.set_state(None);
    Ok(task)
}

/// Decides the tasks of which a subscription tells, and gives them the server's identifiers.
pub(super) fn subscribed(
    (gate, now): (&Gate, Option<u64>),
    caller: &Caller,
    routing: Option<&RoutingHeaders>,
    handles: &[Value],
    tally: &mut Tally,
) -> Result<Vec<OpenTask>, Refusal> {
    let handles = handles.iter().filter_map(Value::as_str);
    handles.map(|handle| find((gate, now), caller, routing, handle, tally)).collect()
}

fn find(
    (gate, now): (&Gate, Option<u64>),
    caller: &Caller,
    routing: Option<&RoutingHeaders>,
    handle: &str,
    tally: &mut Tally,
) -> Result<OpenTask, Refusal> {
    let bearer = routing.and_then(|routing| routing.bearer);
    let task = bearer.and_then(|bearer| open((gate, now), &bearer, handle)).ok_or_else(unknown)?;
    permit(gate, caller, &task.tool, tally)?;
    Ok(task)
}

/// Decides by today's contract if a caller still has the results of a tool.
fn permit(gate: &Gate, caller: &Caller, tool: &str, tally: &mut Tally) -> Result<(), Refusal> {
    let (code, message) = match gate.contract.permit(gate.contract.role(&caller.role), tool) {
        Ok(tool) if matches!(tool.run(), Run::Client) => return Ok(()),
        Err(Forbidden::RoleForbidden) => {
            (CallCode::RoleForbidden, "expected the task of a tool that the role may use; its role may not any more")
        }
        Ok(_) | Err(Forbidden::ToolNotInContract) => (
            CallCode::ToolNotInContract,
            "expected the task of a tool that the contract gives to the server; it does not any more",
        ),
    };
    let (tool, message, pointer) = (tool.to_owned(), message.to_owned(), String::new());
    let violation = Violation { code, tool, pointer, message, feeds_back: false };
    if !gate.contract.enforces() {
        tally.shadowed.push(violation.code);
        return Ok(());
    }
    let step_up = gate.identity.step_up(&gate.contract, caller, &violation);
    Err(step_up.unwrap_or_else(|| Refusal::of_call(&violation)))
}

/// Puts a handle of the gate into the place of the server's identifier, in the answer to a call.
pub(super) fn created(
    (gate, now): (&Gate, Option<u64>),
    (tool, carried): (&str, &Carried),
    answer: &mut McpAnswer,
    tally: &mut Tally,
) -> Result<(), Refusal> {
    let task = answer.task().map_err(misshapen)?;
    let handle = seal((gate, now), &carried.bearer, tool, &task.id);
    let handle = handle.ok_or_else(|| invalid("has a task that cannot be named"))?;
    answer.tell_task(Some("task"));
    redact(gate, tool, answer, tally)?;
    answer.name_task(&handle);
    Ok(())
}

/// Checks what a server tells of a task, in a result of this type or in a notification. A result is checked as the result of the task's
/// tool.
pub(super) fn told(
    gate: &Gate,
    task: &OpenTask,
    result_type: Option<&str>,
    answer: &mut McpAnswer,
    tally: &mut Tally,
) -> Result<(), Refusal> {
    let state = answer.task().map_err(misshapen)?;
    if state.id != task.id {
        return Err(invalid("is about another task than the request"));
    }
    let (mut result, mut part) = (None, None);
    match state.status {
        TaskStatus::Working | TaskStatus::Cancelled => {}
        TaskStatus::Completed => {
            let mut checked = answer.task_part(TaskPart::Result).map_err(misshapen)?;
            match checked.kind().map_err(misshapen)? {
                ResultKind::Complete => result::called(gate, &task.tool, &mut checked, tally)?,
                ResultKind::InputRequired | ResultKind::Task | ResultKind::Other => {
                    return Err(invalid("has a task whose result is not the result of a tool"));
                }
            }
            result = Some(checked);
        }
        TaskStatus::Failed => {
            let error = answer.task_part(TaskPart::Error).map_err(misshapen)?;
            asking::pages(gate, &error, tally)?;
            part = Some((TaskPart::Error, error.error_text()));
        }
        TaskStatus::InputRequired => {
            // The same questions come with each answer until they are answered, so those of earlier answers cannot be counted.
            let mut asked = AskedSoFar::default();
            let questions = answer.task_inputs(&mut |input, params| {
                asking::ask(gate, input, params, &mut asked, tally).map_err(asking::refusal)
            });
            part = Some((TaskPart::Inputs, questions.map_err(misshapen)??));
        }
    }
    answer.tell_task(result_type);
    if let Some((part, text)) = part {
        answer.set_task_part(part, &text);
    }
    redact(gate, &task.tool, answer, tally)?;
    if let Some(result) = result {
        answer.set_task_part(TaskPart::Result, &result.result_text());
    }
    answer.name_task(&task.handle);
    Ok(())
}

/// Redacts a server's words about a task.
fn redact(gate: &Gate, tool: &str, answer: &mut McpAnswer, tally: &mut Tally) -> Result<(), Refusal> {
    let Some(policy) = gate.contract.results() else { return Ok(()) };
    let name = gate.contract.tool(tool).map(Tool::name);
    let redacted = redaction::of_server(policy, None, &answer.result_text(), tally);
    if let Some(new) = redacted.map_err(|refused| redaction::result_refusal(refused, name))? {
        answer.replace(new);
    }
    Ok(())
}

fn seal((gate, now): (&Gate, Option<u64>), bearer: &Bearer, tool: &str, id: &str) -> Option<String> {
    let lifetime = u64::try_from(gate.contract.mcp().task_lifetime()?.as_millis()).unwrap_or(u64::MAX);
    let end = now?.saturating_add(lifetime);
    if tool.len() > TOOL_LENGTH {
        return None;
    }
    let text = URL_SAFE_NO_PAD.encode(format!("{end}.{}.{tool}{id}", tool.len()));
    let seal = gate.sealing.as_ref()?.seal(Purpose::Task, &[bearer.bytes(), text.as_bytes()]);
    Some(format!("{FORM}{seal}.{text}"))
}

/// Opens a handle. One that was changed, is too old, or belongs to another caller is as unknown as any other text.
fn open((gate, now): (&Gate, Option<u64>), bearer: &Bearer, handle: &str) -> Option<OpenTask> {
    gate.contract.mcp().task_lifetime()?;
    let (seal, text) = handle.strip_prefix(FORM).filter(|_| handle.len() <= HANDLE_LENGTH)?.split_once('.')?;
    if !gate.sealing.as_ref()?.is_seal(seal, Purpose::Task, &[bearer.bytes(), text.as_bytes()]) {
        return None;
    }
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (end, rest) = text.split_once('.')?;
    let (length, rest) = rest.split_once('.')?;
    let (tool, id) = rest.split_at_checked(length.parse().ok()?)?;
    let is_current = end.parse::<u64>().ok()? > now?;
    is_current.then(|| OpenTask { handle: handle.to_owned(), id: id.to_owned(), tool: tool.to_owned() })
}

fn unknown() -> Refusal {
    let message = "No task of this caller at this address has this handle, or it is too old; call the tool again.";
    Refusal::at(Code::McpTaskUnknown, "params.taskId", message)
}
