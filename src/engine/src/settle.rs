//! Every call of a turn is decided here, and nowhere else.

use std::collections::HashSet;

use callgate_contract::{Call as Asked, Caller, Code, Conversation, Run, Verdict, Violation, decide};
use callgate_wire::{Call, Form};

use crate::request::short;
use crate::{Gate, RunCall};

/// A call that may be run by the executor.
#[derive(Debug, Clone)]
pub(crate) struct Runnable {
    /// With canonical arguments.
    pub(crate) call: Call,
    pub(crate) run: RunCall,
}

/// A call that goes nowhere.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    /// As it may be shown to the model again: canonical arguments, or `{}` where they were no JSON.
    pub(crate) call: Call,
    pub(crate) violation: Violation,
}

/// What was decided on one call.
#[derive(Debug, Clone)]
pub(crate) enum Decided {
    /// The client runs it; arguments canonical.
    Client(Call),
    Run(Runnable),
    Refused(Refused),
}

/// What the decision on a call has to know of the turn before it.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// The turn's calls over all its choices.
    calls: u32,
    /// Identifiers of the calls of each choice.
    ids: HashSet<(u32, String)>,
}

/// Decides the calls of one choice, in order.
pub(crate) fn settle(gate: &Gate, caller: &Caller, choice: u32, calls: Vec<Call>, before: &mut Before) -> Vec<Decided> {
    calls.into_iter().map(|call| settle_one(gate, caller, choice, call, before)).collect()
}

fn settle_one(gate: &Gate, caller: &Caller, choice: u32, call: Call, before: &mut Before) -> Decided {
    let conversation = Conversation { calls_before: before.calls };
    before.calls = before.calls.saturating_add(1);
    if let Some(message) = malformed(choice, &call, &before.ids) {
        let violation = Violation {
            code: Code::CallMalformed,
            tool: short(&call.name),
            pointer: String::new(),
            message: message.to_owned(),
        };
        return Decided::Refused(Refused { call: presentable(call), violation });
    }
    before.ids.insert((choice, call.id.clone()));
    match decide(&gate.contract, caller, &conversation, &Asked { name: &call.name, arguments: &call.arguments }) {
        // Whether a person agreed is the executor's to know: it holds the call until then, and says so in the call's outcome.
        Verdict::Allow(approved) | Verdict::NeedsApproval(approved) => {
            let canonical = Call { arguments: approved.canonical.clone(), ..call };
            match approved.tool.run() {
                Run::Client => Decided::Client(canonical),
                Run::Wasm(_) | Run::Grpc(_) | Run::Http(_) | Run::Mcp(_) => Decided::Run(Runnable {
                    run: RunCall {
                        id: canonical.id.clone(),
                        tool: approved.tool.name().to_owned(),
                        arguments: approved.canonical,
                    },
                    call: canonical,
                }),
            }
        }
        Verdict::Deny(violation) => Decided::Refused(Refused { call: presentable(call), violation }),
    }
}

/// What keeps a call from being one at all. Results go back by id, so ids must be there and differ.
fn malformed(choice: u32, call: &Call, ids: &HashSet<(u32, String)>) -> Option<&'static str> {
    if call.name.is_empty() {
        return Some("The call has no name.");
    }
    match call.form {
        Form::Function => None,
        Form::Tool if call.id.is_empty() => Some("The call has no id."),
        Form::Tool if ids.contains(&(choice, call.id.clone())) => {
            Some("The call has the id of another call of the same turn.")
        }
        Form::Tool => None,
    }
}

/// A refused call in a form that an API accepts back: OpenAI's own rule for names, JSON for arguments.
fn presentable(call: Call) -> Call {
    let name_is_fit = (1..=64).contains(&call.name.len())
        && call.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let arguments = callgate_json::read(call.arguments.as_bytes())
        .ok()
        .filter(callgate_json::Value::is_object)
        .map_or_else(|| "{}".to_owned(), |value| callgate_json::canonical(&value));
    Call {
        id: if call.id.is_empty() { "call_without_id".to_owned() } else { call.id },
        name: if name_is_fit { call.name } else { "invalid_tool_name".to_owned() },
        arguments,
        ..call
    }
}
