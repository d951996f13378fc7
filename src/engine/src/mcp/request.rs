//! A client's message: which methods go through, and the decision on a call.

use callgate_contract::{Caller, Code as CallCode, OnViolation, Violation};
use callgate_json::printable;
use callgate_wire::mcp::{CALL_TOOL, Envelope, Id, LIST_TOOLS, Request, error};
use callgate_wire::{Call, Fate};

use super::{Asked, What};
use crate::ledger::Ledger;
use crate::settle::{Before, Decided, settle};
use crate::{Code, Gate, Refusal, Tally};

/// Requests that go through. All that 2025-11-25 has but its tasks, which separate a call from its result.
const REQUESTS: [&str; 13] = [
    "initialize",
    "ping",
    LIST_TOOLS,
    CALL_TOOL,
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
];

/// Notifications that go through.
const NOTIFICATIONS: [&str; 4] = [
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
];

/// What becomes of a message.
#[derive(Debug)]
pub(crate) enum Checked {
    /// It goes on to the server, in this form.
    Forward(Asked, Vec<u8>),
    /// It is answered here, with this body: its call is refused.
    Answer(Vec<u8>),
}

/// Checks and rewrites a message.
pub(crate) fn check(
    gate: &Gate,
    caller: Caller,
    mut request: Request,
    tally: &mut Tally,
    ledger: &mut Ledger,
) -> Result<Checked, Refusal> {
    let id = match request.envelope() {
        Envelope::Request { id, method } => {
            through(&REQUESTS, method)?;
            id.clone()
        }
        Envelope::Notification { method } => {
            through(&NOTIFICATIONS, method)?;
            return Ok(Checked::Forward(Asked::Told, request.write()));
        }
        Envelope::Result { .. } | Envelope::Error { .. } => {
            return Ok(Checked::Forward(Asked::Told, request.write()));
        }
    };
    if let Some(call) = request.call() {
        return Ok(match call_server(gate, &caller, call, tally, ledger) {
            Ok(call) => {
                request.set_arguments(call.arguments);
                Checked::Forward(Asked::Request { id, caller, what: What::Call(call.name) }, request.write())
            }
            Err(violation) => Checked::Answer(refused(gate, &id, &violation, tally)),
        });
    }
    let what = match request.envelope().method() {
        Some("initialize") => {
            request.withhold_capabilities();
            What::Introduction
        }
        Some(LIST_TOOLS) => What::List,
        Some("prompts/get") => What::Prompt,
        _ => What::Other,
    };
    Ok(Checked::Forward(Asked::Request { id, caller, what }, request.write()))
}

fn through(methods: &[&str], method: &str) -> Result<(), Refusal> {
    if methods.contains(&method) {
        return Ok(());
    }
    let message = format!("Messages of the method `{}` do not go through this gate.", printable(method));
    Err(Refusal::at(Code::McpMethodForbidden, "method", message))
}

/// Decides a call. A tool that the executor runs is none of the server's.
fn call_server(
    gate: &Gate,
    caller: &Caller,
    call: Call,
    tally: &mut Tally,
    ledger: &mut Ledger,
) -> Result<Call, Violation> {
    let mut decided = settle(gate, caller, 0, vec![call], &mut Before::new(1), ledger);
    let violation = match decided.pop() {
        Some(Decided::Client(call)) => {
            tally.release(&[Fate::Keep(call.clone())]);
            return Ok(call);
        }
        Some(Decided::Refused(refused)) => refused.violation,
        Some(Decided::Run(runnable)) => Violation {
            code: CallCode::ToolNotInContract,
            tool: runnable.run.tool,
            pointer: String::new(),
            message: "expected a tool that the server runs; the contract gives this one to Callgate's executor"
                .to_owned(),
        },
        // One call was given, so one was decided.
        None => Violation {
            code: CallCode::CallMalformed,
            tool: String::new(),
            pointer: String::new(),
            message: "The call was not decided.".to_owned(),
        },
    };
    ledger.amend(&violation);
    tally.refused.push(violation.code);
    Err(violation)
}

/// The answer to a refused call (DESIGN §5): for the model to see, as a result of the tool that says so (`refuse`; `feedback` too,
/// because who asked the model is the one who asks it again); or an error.
fn refused(gate: &Gate, id: &Id, violation: &Violation, tally: &mut Tally) -> Vec<u8> {
    let refusal = Refusal::of_call(violation);
    match gate.contract.on_violation() {
        OnViolation::Refuse | OnViolation::Feedback => error::told(id, &refusal.api_error(), &violation.tool),
        OnViolation::Error => {
            tally.error = Some(refusal.code);
            error::body(Some(id), &refusal.api_error(), Some(&violation.tool))
        }
    }
}
