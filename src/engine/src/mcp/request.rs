//! A client's message: the forwarded methods, and the decision on a call.

use callgate_contract::{Caller, Code as CallCode, OnViolation, Tool, Violation, name_in_sentence};
use callgate_wire::mcp::{Envelope, Era, Id, McpRequest, error};
use callgate_wire::{Call, ChoiceIndex, Fate};

use super::agree::agree;
use super::carried::Carried;
use super::methods::{self, Answered};
use super::routing::{RoutingHeaders, SetHeaders};
use super::running::RunningCall;
use super::subscription::Subscription;
use super::{Answerer, Expected, SentMessage, merged, offers, tasks};
use crate::authorize;
use crate::effect::{AuthorizeBatch, ReleaseRule};
use crate::event::{Authorization, CallFailed, CallRuling};
use crate::facts::RequestFacts;
use crate::ledger::{Correlation, Ledger};
use crate::settle::{Basis, Decided, Runnable, TurnSoFar, settle};
use crate::{Code, Gate, Refusal, Tally};

/// The result of checking a message.
#[derive(Debug)]
pub(crate) enum Checked {
    /// Forward it to the server.
    Forward(Box<CheckedMessage>),
    /// The executor must release its call first.
    Ask(Box<AskedCall>),
    /// The executor runs its call.
    Run(Box<RunningCall>),
    /// Answer it here, with this body: its call is refused, or no server answers it.
    Answer(Vec<u8>),
    /// Confirm it here. It has no effect.
    Confirm,
}

/// A message in the form to forward.
#[derive(Debug)]
pub(crate) struct CheckedMessage {
    pub(crate) sent: SentMessage,
    pub(crate) body: Vec<u8>,
    /// Headers to set.
    pub(crate) set: SetHeaders,
}

/// A request whose call the executor must release.
#[derive(Debug)]
pub(crate) struct AskedCall {
    request: McpRequest,
    id: Id,
    caller: Caller,
    routing: Routing,
    carried: Option<Box<Carried>>,
    runnable: Box<Runnable>,
}

/// The headers that repeat parts of a message; none in a session.
type Routing = Option<Box<RoutingHeaders>>;

/// The decision on a call.
enum Proposed {
    Forward(Call),
    Ask(Box<Runnable>),
    Run(Box<Runnable>),
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
    (caller, answerer, routing): (Caller, Answerer, Routing),
    mut request: McpRequest,
    tally: &mut Tally,
    ledger: &mut Ledger,
) -> Result<Checked, Refusal> {
    let era = era(&routing);
    let (id, row) = match request.envelope() {
        Envelope::Request { id, method } => {
            let row = methods::request(era, method).filter(|row| {
                (answerer == Answerer::Server || merged::knows(method)) && (!row.is_of_task() || tasks::are_on(gate))
            });
            let row = row.ok_or_else(|| forbidden(method))?;
            (id.clone(), row)
        }
        Envelope::Notification { method } if era == Era::Stateless && methods::is_confirmed(method) => {
            return Ok(Checked::Confirm);
        }
        Envelope::Notification { method } if !methods::is_forwarded_notification(era, method) => {
            return Err(forbidden(method));
        }
        Envelope::Notification { .. } if answerer == Answerer::Gate && era == Era::Sessions => {
            return Ok(Checked::Confirm);
        }
        Envelope::Notification { .. } | Envelope::Result { .. } | Envelope::Error { .. } => {
            if answerer == Answerer::Gate && era == Era::Sessions {
                let message = "This address asks its clients for nothing, so it takes no answers.";
                return Err(Refusal::at(Code::RequestInvalid, "message", message));
            }
            agree(gate, routing.as_deref(), None, &mut request, tally)?;
            let (sent, body) = (SentMessage::OneWay, request.write());
            return Ok(Checked::Forward(Box::new(CheckedMessage { sent, body, set: SetHeaders::new() })));
        }
    };
    agree(gate, routing.as_deref(), Some(row), &mut request, tally)?;
    let carried = match &routing {
        Some(routing) => Carried::read(gate, routing, row, &mut request, tally)?,
        None => None,
    };
    if let Some(call) = request.call() {
        if let (Some(routing), Some(tool)) = (&routing, offered(gate, &caller, &call.name)) {
            routing.check_arguments(tool, request.arguments())?;
        }
        let basis = Basis { gate, caller: &caller, now, request: None, conversation: None, can_feed_back: false };
        return Ok(match propose(basis, answerer, call, tally, ledger) {
            Ok(Proposed::Forward(call)) => forward(gate, request, id, (caller, routing, carried), call),
            Ok(Proposed::Ask(runnable)) => {
                Checked::Ask(Box::new(AskedCall { request, id, caller, routing, carried, runnable }))
            }
            Ok(Proposed::Run(runnable)) => Checked::Run(Box::new(RunningCall { id, caller, era, runnable })),
            Err(violation) => match gate.identity.step_up(&gate.contract, &caller, &violation) {
                Some(refusal) => return Err(refusal),
                None => Checked::Answer(refused(gate, (&id, era), &violation, tally)),
            },
        });
    }
    if answerer == Answerer::Gate {
        return merged::answer(gate, &caller, (&id, era), &request).map(Checked::Answer);
    }
    let task = match row.answered {
        Answered::Task | Answered::TaskTold => {
            Some(tasks::request((gate, now), &caller, routing.as_deref(), &mut request, tally)?)
        }
        _ => None,
    };
    let most = offers::request(gate, &caller, row.answered, &request, tally)?;
    let set = match (&routing, row.named_by) {
        (Some(routing), Some(member)) => {
            let name = task.as_ref().map(|task| task.id.as_str()).or_else(|| request.parameter(member));
            routing.rewritten(name, None)
        }
        _ => SetHeaders::new(),
    };
    let sent = match row.answered {
        Answered::Subscription => {
            let (mut subscription, named) = Subscription::read(id, &request, tasks::are_on(gate))?;
            offers::subscribed(gate, &caller, named.uris, tally)?;
            subscription.tasks = tasks::subscribed((gate, now), &caller, routing.as_deref(), named.tasks, tally)?;
            if !subscription.tasks.is_empty() {
                request
                    .set_subscribed_tasks(&subscription.tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>());
            }
            SentMessage::Subscribed(subscription)
        }
        answered => {
            let expected = match task {
                Some(task) if answered == Answered::Task => Expected::Task(Box::new(task)),
                _ => Expected::Answer { answered, most },
            };
            SentMessage::Request { id, caller, expected, era, carried }
        }
    };
    Ok(Checked::Forward(Box::new(CheckedMessage { sent, body: request.write(), set })))
}

fn era(routing: &Routing) -> Era {
    if routing.is_some() { Era::Stateless } else { Era::Sessions }
}

/// Returns the tool as a client of the role has it. In shadow mode clients have the server's own tools.
fn offered<'g>(gate: &'g Gate, caller: &Caller, name: &str) -> Option<&'g Tool> {
    let tool = gate.contract.permit(gate.contract.role(&caller.role), name).ok()?;
    Some(tool).filter(|_| gate.contract.enforces())
}

/// Takes the executor's ruling on the call of a request.
pub(crate) fn ruled(
    gate: &Gate,
    AskedCall { request, id, caller, routing, carried, runnable }: AskedCall,
    rulings: Result<Vec<Authorization>, CallFailed>,
    tally: &mut Tally,
) -> Result<Checked, Refusal> {
    let Runnable { call, run } = *runnable;
    let ruling = authorize::matched(gate, [&run], rulings, tally)?.pop().unwrap_or(CallRuling::Withheld);
    Ok(match authorize::judged(&run.tool, ruling) {
        Ok(true) => {
            tally.release(&[Fate::Keep(call.clone())]);
            forward(gate, request, id, (caller, routing, carried), call)
        }
        // Nothing keeps back the only call of a request.
        Ok(false) => return Err(authorize::failed(CallFailed::Unreadable)),
        Err(violation) => {
            tally.refuse([violation.code]);
            Checked::Answer(refused(gate, (&id, era(&routing)), &violation, tally))
        }
    })
}

fn forward(
    gate: &Gate,
    mut request: McpRequest,
    id: Id,
    (caller, routing, carried): (Caller, Routing, Option<Box<Carried>>),
    call: Call,
) -> Checked {
    let era = era(&routing);
    let set = routing.map(|routing| {
        let tool = offered(gate, &caller, &call.name).filter(|tool| !tool.argument_headers().is_empty());
        // The arguments were read before.
        let arguments = tool.and_then(|_| callgate_json::read(call.arguments.as_bytes()).ok());
        routing.rewritten(Some(&call.name), tool.zip(arguments.as_ref()))
    });
    request.set_arguments(call.arguments);
    let sent = SentMessage::Request { id, caller, expected: Expected::Call(call.name), era, carried };
    Checked::Forward(Box::new(CheckedMessage { sent, body: request.write(), set: set.unwrap_or_default() }))
}

pub(super) fn forbidden(method: &str) -> Refusal {
    let message = format!("Messages of the method `{}` do not go through this gate.", name_in_sentence(method));
    Refusal::at(Code::McpMethodForbidden, "method", message)
}

/// Decides a call. The contract says who runs its tool, and at an address without a server only the executor can.
fn propose(
    basis: Basis<'_>,
    answerer: Answerer,
    call: Call,
    tally: &mut Tally,
    ledger: &mut Ledger,
) -> Result<Proposed, Violation> {
    let outside = |tool: String| Violation {
        code: CallCode::ToolNotInContract,
        tool,
        pointer: String::new(),
        message: "expected a tool that Callgate's executor runs; no MCP server is behind this address".to_owned(),
        feeds_back: false,
    };
    let mut before = TurnSoFar::new(1, RequestFacts::without_conversation(basis.gate));
    let mut decided = settle(basis, ChoiceIndex::FIRST, &[call], &mut before, tally, ledger);
    let violation = match decided.pop() {
        Some(Decided::Run(runnable)) => return Ok(Proposed::Run(runnable)),
        Some(Decided::Client(call)) if answerer == Answerer::Gate => outside(name_in_sentence(&call.name)),
        Some(Decided::Ask(runnable)) if answerer == Answerer::Gate => outside(runnable.run.tool),
        Some(Decided::Client(call)) => {
            tally.release(&[Fate::Keep(call.clone())]);
            return Ok(Proposed::Forward(call));
        }
        Some(Decided::Ask(runnable)) => return Ok(Proposed::Ask(runnable)),
        Some(Decided::Refused(refused)) => refused.violation,
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
fn refused(gate: &Gate, (id, era): (&Id, Era), violation: &Violation, tally: &mut Tally) -> Vec<u8> {
    let refusal = Refusal::of_call(violation);
    match gate.contract.on_violation() {
        OnViolation::Refuse | OnViolation::Feedback => error::told(id, &refusal.api_error(), &violation.tool, era),
        OnViolation::Error => {
            tally.error = Some(refusal.code);
            error::body(Some(id), &refusal.api_error(), Some(&violation.tool))
        }
    }
}
