//! Every call of a turn is decided here, and nowhere else.

use std::collections::HashSet;

use callgate_contract::{Call as Asked, Caller, Code, Conversation, Run, Verdict, Violation, decide};
use callgate_json::printable;
use callgate_wire::{Call, Form};

use crate::ledger::Ledger;
use crate::{Gate, Ruling, RunCall};

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
#[derive(Debug)]
pub(crate) struct Before {
    /// The turn's round, counted from 1.
    round: u32,
    /// The turn's calls over all its choices.
    calls: u32,
    /// Identifiers of the calls of each choice.
    ids: HashSet<(u32, String)>,
}

/// Decides the calls of one choice, in order, and writes each decision down.
pub(crate) fn settle(
    gate: &Gate,
    caller: &Caller,
    choice: u32,
    calls: Vec<Call>,
    before: &mut Before,
    ledger: &mut Ledger,
) -> Vec<Decided> {
    calls.into_iter().map(|call| settle_one(gate, caller, choice, call, before, ledger)).collect()
}

fn settle_one(
    gate: &Gate,
    caller: &Caller,
    choice: u32,
    call: Call,
    before: &mut Before,
    ledger: &mut Ledger,
) -> Decided {
    let conversation = Conversation { calls_before: before.calls };
    before.calls = before.calls.saturating_add(1);
    let verdict = match malformed(choice, &call, &before.ids) {
        Some(message) => Verdict::Deny(Violation {
            code: Code::CallMalformed,
            tool: printable(&call.name),
            pointer: String::new(),
            message: message.to_owned(),
        }),
        None => {
            before.ids.insert((choice, call.id.clone()));
            let asked = Asked { name: &call.name, arguments: &call.arguments };
            decide(&gate.contract, caller, &conversation, &asked)
        }
    };
    let (approved, ruling) = match verdict {
        Verdict::Allow(approved) => (approved, Ruling::Allow),
        // Whether a person agreed is the executor's to know: it holds the call until then, and says so in the call's outcome.
        Verdict::NeedsApproval(approved) => (approved, Ruling::NeedsApproval),
        Verdict::Deny(violation) => {
            let arguments = callgate_json::read(call.arguments.as_bytes()).ok();
            let canonical = arguments.as_ref().map(callgate_json::canonical);
            let named = (call.id.as_str(), call.name.as_str());
            ledger.write(gate, caller, before.round, named, canonical.as_deref(), Ruling::from(&violation));
            let shown = canonical.filter(|_| arguments.is_some_and(|arguments| arguments.is_object()));
            return Decided::Refused(Refused { call: presentable(call, shown), violation });
        }
    };
    let named = (call.id.as_str(), approved.tool.name());
    let position = ledger.write(gate, caller, before.round, named, Some(&approved.canonical), ruling);
    let canonical = Call { arguments: approved.canonical.clone(), ..call };
    match approved.tool.run() {
        Run::Client => Decided::Client(canonical),
        Run::Wasm(_) | Run::Grpc(_) | Run::Http(_) | Run::Mcp(_) => Decided::Run(Runnable {
            run: RunCall {
                id: canonical.id.clone(),
                tool: approved.tool.name().to_owned(),
                arguments: approved.canonical,
                position,
            },
            call: canonical,
        }),
    }
}

/// Returns what keeps a call from being decided at all. Results go back by id, so ids must be there and differ.
fn malformed(choice: u32, call: &Call, ids: &HashSet<(u32, String)>) -> Option<&'static str> {
    if call.name.is_empty() {
        return Some("The call has no name.");
    }
    match call.form {
        Form::Function => None,
        Form::Custom => Some("The call is of a custom tool; a contract allows calls of functions only."),
        Form::Unclear => Some("The call can be read in two ways."),
        Form::Tool if call.id.is_empty() => Some("The call has no id."),
        Form::Tool if ids.contains(&(choice, call.id.clone())) => {
            Some("The call has the id of another call of the same turn.")
        }
        Form::Tool => None,
    }
}

/// A refused call in a form that an API accepts back: OpenAI's own rule for names, an object for arguments.
fn presentable(call: Call, arguments: Option<String>) -> Call {
    // The input of a custom tool is any text, so it is an answer to the model as it is.
    let arguments = arguments.or_else(|| (call.form == Form::Custom).then(|| call.arguments.clone()));
    let name_is_fit = (1..=64).contains(&call.name.len())
        && call.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    Call {
        id: if call.id.is_empty() { "call_without_id".to_owned() } else { call.id },
        name: if name_is_fit { call.name } else { "invalid_tool_name".to_owned() },
        arguments: arguments.unwrap_or_else(|| "{}".to_owned()),
        ..call
    }
}

// === impl Before ===

impl Before {
    /// Nothing: the turn of this round begins.
    pub(crate) fn new(round: u32) -> Self {
        Self { round, calls: 0, ids: HashSet::new() }
    }
}
