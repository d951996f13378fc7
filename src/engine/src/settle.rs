//! Every call of a turn is decided here, and nowhere else.

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

/// The calls of one choice, decided.
#[derive(Debug, Default, Clone)]
pub(crate) struct Settled {
    /// Run by the client; arguments canonical.
    pub(crate) client: Vec<Call>,
    pub(crate) run: Vec<Runnable>,
    pub(crate) refused: Vec<Refused>,
}

/// Decides the calls of one choice. `calls_before` counts the turn's calls over all its choices.
pub(crate) fn settle(gate: &Gate, caller: &Caller, calls: Vec<Call>, calls_before: &mut u32) -> Settled {
    let mut settled = Settled::default();
    let mut ids: Vec<String> = Vec::with_capacity(calls.len());
    for call in calls {
        let conversation = Conversation { calls_before: *calls_before };
        *calls_before = calls_before.saturating_add(1);
        if let Some(message) = malformed(&call, &ids) {
            let violation = Violation {
                code: Code::CallMalformed,
                tool: short(&call.name),
                pointer: String::new(),
                message: message.to_owned(),
            };
            settled.refused.push(Refused { call: presentable(call), violation });
            continue;
        }
        ids.push(call.id.clone());
        match decide(&gate.contract, caller, &conversation, &Asked { name: &call.name, arguments: &call.arguments }) {
            Verdict::Allow(approved) => {
                let canonical = Call { arguments: approved.canonical.clone(), ..call };
                match approved.tool.run() {
                    Run::Client => settled.client.push(canonical),
                    Run::Wasm(_) => settled.run.push(Runnable {
                        run: RunCall {
                            id: canonical.id.clone(),
                            tool: approved.tool.name().to_owned(),
                            arguments: approved.canonical,
                        },
                        call: canonical,
                    }),
                }
            }
            Verdict::Deny(violation) => settled.refused.push(Refused { call: presentable(call), violation }),
        }
    }
    settled
}

/// What keeps a call from being one at all. Results go back by id, so ids must be there and differ.
fn malformed(call: &Call, ids: &[String]) -> Option<&'static str> {
    if call.name.is_empty() {
        return Some("The call has no name.");
    }
    match call.form {
        Form::Function => None,
        Form::Tool if call.id.is_empty() => Some("The call has no id."),
        Form::Tool if ids.contains(&call.id) => Some("The call has the id of another call of the same turn."),
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
        form: call.form,
    }
}
