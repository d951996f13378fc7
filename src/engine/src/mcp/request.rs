//! A client's message: the forwarded methods, and the decision on a call.

use callgate_contract::{Caller, Code as CallCode, OnViolation, Violation, name_in_sentence};
use callgate_wire::mcp::{CALL_TOOL, Envelope, Id, LIST_TOOLS, McpRequest, error};
use callgate_wire::{Call, ChoiceIndex, Fate};

use super::{Expected, SentMessage};
use crate::authorize;
use crate::effect::{AuthorizeBatch, ReleaseRule};
use crate::event::{Authorization, CallFailed, CallRuling};
use crate::facts::RequestFacts;
use crate::ledger::{Correlation, Ledger};
use crate::settle::{Basis, Decided, Runnable, TurnSoFar, settle};
use crate::{Code, Gate, Refusal, Tally};

/// Forwarded requests: all of 2025-11-25 but its tasks, which separate a call from its result.
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

/// Forwarded notifications.
const NOTIFICATIONS: [&str; 4] = [
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
];

/// The result of checking a message.
#[derive(Debug)]
pub(crate) enum Checked {
    /// Forward it to the server, in this form.
    Forward(SentMessage, Vec<u8>),
    /// The executor must release its call first.
    Ask(Box<AskedCall>),
    /// Answer it here, with this body: its call is refused.
    Answer(Vec<u8>),
}

/// A request whose call the executor must release.
#[derive(Debug)]
pub(crate) struct AskedCall {
    request: McpRequest,
    id: Id,
    caller: Caller,
    runnable: Box<Runnable>,
}

/// The decision on a call.
enum Proposed {
    Forward(Call),
    Ask(Box<Runnable>),
}

// === impl AskedCall ===

impl AskedCall {
    /// The request to the executor.
    pub(crate) fn batch(&self, gate: &Gate, correlation: &Correlation) -> AuthorizeBatch {
        let calls = vec![self.runnable.run.clone()];
        let facts = RequestFacts::without_conversation(gate);
        authorize::batch(gate, correlation, (&self.caller, 1, &facts), calls, ReleaseRule::Each)
    }
}

/// Checks and rewrites a message, at a time in milliseconds since the Unix epoch.
pub(crate) fn check(
    (gate, now): (&Gate, Option<u64>),
    caller: Caller,
    mut request: McpRequest,
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
            return Ok(Checked::Forward(SentMessage::OneWay, request.write()));
        }
        Envelope::Result { .. } | Envelope::Error { .. } => {
            return Ok(Checked::Forward(SentMessage::OneWay, request.write()));
        }
    };
    if let Some(call) = request.call() {
        let basis = Basis { gate, caller: &caller, now, request: None, conversation: None, can_feed_back: false };
        return Ok(match call_server(basis, call, tally, ledger) {
            Ok(Proposed::Forward(call)) => forward(request, id, caller, call),
            Ok(Proposed::Ask(runnable)) => Checked::Ask(Box::new(AskedCall { request, id, caller, runnable })),
            Err(violation) => match gate.identity.step_up(&gate.contract, &caller, &violation) {
                Some(refusal) => return Err(refusal),
                None => Checked::Answer(refused(gate, &id, &violation, tally)),
            },
        });
    }
    let expected = match request.envelope().method() {
        Some("initialize") => {
            request.withhold_capabilities();
            Expected::Introduction
        }
        Some(LIST_TOOLS) => Expected::List,
        Some("resources/read") => Expected::Resource,
        Some("prompts/get") => Expected::Prompt,
        _ => Expected::Other,
    };
    Ok(Checked::Forward(SentMessage::Request { id, caller, expected }, request.write()))
}

/// Takes the executor's ruling on the call of a request.
pub(crate) fn ruled(
    gate: &Gate,
    AskedCall { request, id, caller, runnable }: AskedCall,
    rulings: Result<Vec<Authorization>, CallFailed>,
    tally: &mut Tally,
) -> Result<Checked, Refusal> {
    let Runnable { call, run } = *runnable;
    let ruling = authorize::matched(gate, [&run], rulings, tally)?.pop().unwrap_or(CallRuling::Withheld);
    Ok(match authorize::judged(&run.tool, ruling) {
        Ok(true) => {
            tally.release(&[Fate::Keep(call.clone())]);
            forward(request, id, caller, call)
        }
        // Nothing keeps back the only call of a request.
        Ok(false) => return Err(authorize::failed(CallFailed::Unreadable)),
        Err(violation) => {
            tally.refuse([violation.code]);
            Checked::Answer(refused(gate, &id, &violation, tally))
        }
    })
}

fn forward(mut request: McpRequest, id: Id, caller: Caller, call: Call) -> Checked {
    request.set_arguments(call.arguments);
    Checked::Forward(SentMessage::Request { id, caller, expected: Expected::Call(call.name) }, request.write())
}

fn through(methods: &[&str], method: &str) -> Result<(), Refusal> {
    if methods.contains(&method) {
        return Ok(());
    }
    let message = format!("Messages of the method `{}` do not go through this gate.", name_in_sentence(method));
    Err(Refusal::at(Code::McpMethodForbidden, "method", message))
}

/// Decides a call. The server runs no tool that the executor runs.
fn call_server(basis: Basis<'_>, call: Call, tally: &mut Tally, ledger: &mut Ledger) -> Result<Proposed, Violation> {
    let mut before = TurnSoFar::new(1, RequestFacts::without_conversation(basis.gate));
    let mut decided = settle(basis, ChoiceIndex::FIRST, &[call], &mut before, tally, ledger);
    let violation = match decided.pop() {
        Some(Decided::Client(call)) => {
            tally.release(&[Fate::Keep(call.clone())]);
            return Ok(Proposed::Forward(call));
        }
        Some(Decided::Ask(runnable)) => return Ok(Proposed::Ask(runnable)),
        Some(Decided::Refused(refused)) => refused.violation,
        Some(Decided::Run(runnable)) => Violation {
            code: CallCode::ToolNotInContract,
            tool: runnable.run.tool,
            pointer: String::new(),
            message: "expected a tool that the server runs; the contract gives this one to Callgate's executor"
                .to_owned(),
            feeds_back: false,
        },
        // Unreachable: one call in, one decision out.
        None => Violation {
            code: CallCode::CallMalformed,
            tool: String::new(),
            pointer: String::new(),
            message: "The call was not decided.".to_owned(),
            feeds_back: false,
        },
    };
    ledger.amend(&violation);
    tally.refused.push(violation.code);
    Err(violation)
}

/// Answers a refused call. With `refuse` the answer is a failed result of the tool, for the model to see. So it is with `feedback`,
/// because the client asks the model again. With `error` it is an error.
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
