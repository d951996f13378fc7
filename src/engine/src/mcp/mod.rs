//! Messages to and from an MCP server: the gate in front of tools instead of a model.
//!
//! 1. [`head`]: the HTTP method and the revision, which decides between sessions and requests without them ([`Era`]).
//! 2. [`request`]: forwards the methods of [`methods`], and decides a `tools/call` before the server sees it. [`routing`] compares the
//!    headers that repeat parts of the body.
//! 3. [`answer`]: checks the one answer to the one request: lists are cut to the contract, results checked ([`result`]).
//! 4. [`asking`] decides what a server asks of a client, [`offers`] resources and prompts; [`definitions`] compares definitions of tools.
//! 5. [`stream`]: the same for a stream of messages, also of a [`subscription`].
//! 6. [`running`]: calls of tools that the executor runs, in front of a server and at a [`merged`] address, which has no server.
//! 7. [`carried`] and [`tasks`]: what a client carries from one request to the next, sealed.
//!
//! An answer is checked by the request of the same exchange. So the gate refuses answers that come elsewhere (another request's, on
//! the server's own stream, on a resumed stream), because it cannot know their requests.

mod agree;
pub(crate) mod answer;
pub(crate) mod asking;
mod carried;
pub(crate) mod definitions;
mod listed;
pub(crate) mod merged;
pub(crate) mod methods;
mod offers;
pub(crate) mod request;
pub(crate) mod result;
pub(crate) mod routing;
pub(crate) mod running;
pub(crate) mod stream;
pub(crate) mod subscription;
mod tasks;

use std::borrow::Cow;

use callgate_contract::{Caller, Tool, name_in_sentence};
use callgate_wire::mcp::{Era, Id, VERSIONS};

use crate::headers::media::Media;
use crate::headers::{Headers, single};
use crate::seal::Bearer;
use crate::{Code, Gate, Refusal};
use carried::Carried;
use methods::Answered;
use routing::RoutingHeaders;
use subscription::Subscription;
use tasks::OpenTask;

/// Send a message, listen to the server's own, end the session (*Transports*, Streamable HTTP).
pub(crate) const METHODS: [&str; 3] = ["POST", "GET", "DELETE"];

/// An HTTP request without its body.
#[derive(Debug)]
pub(crate) struct McpHead {
    pub(crate) caller: Caller,
    pub(crate) answerer: Answerer,
    pub(crate) verb: Verb,
    /// The headers that repeat parts of the message, since revision 2026-07-28; none in a session.
    pub(crate) routing: Option<Box<RoutingHeaders>>,
    /// Headers not forwarded to the server.
    pub(crate) remove: Vec<String>,
    /// The body's type as it was read.
    pub(crate) content_type: Option<Cow<'static, str>>,
}

/// The party that answers a client's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answerer {
    /// An MCP server. The executor runs only the tools that the contract gives it.
    Server,
    /// The gate, from the contract alone. The executor runs every tool.
    Gate,
}

/// The purpose of an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// `POST`: a message.
    Send,
    /// `GET`: the stream of the server's own messages.
    Listen,
    /// `DELETE`.
    EndSession,
}

/// The data of a forwarded message on which its answer depends.
#[derive(Debug)]
pub(crate) enum SentMessage {
    /// A request: one answer comes.
    Request { id: Id, caller: Caller, expected: Expected, era: Era, carried: Option<Box<Carried>> },
    /// A subscription: notifications come, and an answer at their end.
    Subscribed(Subscription),
    /// The server's own stream: no answer comes.
    Listening,
    /// A notification, an answer to the server, or the end of a session: the server only confirms it.
    OneWay,
}

/// The expected answer to a request.
#[derive(Debug)]
pub(crate) enum Expected {
    /// The result of a call of this tool.
    Call(String),
    /// The state of this task.
    Task(Box<OpenTask>),
    /// Another answer, of at most so many bytes.
    Answer { answered: Answered, most: Option<u64> },
}

// === impl SentMessage ===

impl SentMessage {
    /// Returns the id of the request whose answer is awaited.
    pub(crate) fn id(&self) -> Option<&Id> {
        match self {
            Self::Request { id, .. } => Some(id),
            Self::Subscribed(subscription) => Some(subscription.id()),
            Self::Listening | Self::OneWay => None,
        }
    }

    /// Returns the way of MCP.
    pub(crate) fn era(&self) -> Era {
        match self {
            Self::Request { era, .. } => *era,
            Self::Subscribed(_) => Era::Stateless,
            Self::Listening | Self::OneWay => Era::Sessions,
        }
    }

    /// Returns the bytes held that a client chose.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Request { expected: Expected::Task(task), .. } => task.bytes(),
            Self::Subscribed(subscription) => subscription.bytes(),
            Self::Request { .. } | Self::Listening | Self::OneWay => 0,
        }
    }

    /// Returns true for a stream of notifications, for whose end nobody waits.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self, Self::Listening | Self::Subscribed(_))
    }
}

// === impl Expected ===

impl Expected {
    /// Returns true if a server may want inputs before it answers.
    fn may_need_inputs(&self) -> bool {
        matches!(self, Self::Call(_) | Self::Answer { answered: Answered::Resource | Answered::Prompt, .. })
    }

    /// Returns the tool of a call, if the contract has it.
    fn tool<'g>(&self, gate: &'g Gate) -> Option<&'g Tool> {
        match self {
            Self::Call(name) => gate.contract.tool(name),
            Self::Task(_) | Self::Answer { .. } => None,
        }
    }
}

/// Returns true if clients carry something for the gate.
fn seals(gate: &Gate) -> bool {
    gate.sealing.is_some() && (gate.contract.mcp().counts_questions() || tasks::are_on(gate))
}

/// Reads MCP's own headers.
pub(crate) fn head(
    (gate, answerer): (&Gate, Answerer),
    caller: Caller,
    headers: &Headers<'_>,
    mut remove: Vec<String>,
) -> Result<McpHead, Refusal> {
    let verb = match single(headers, ":method") {
        Some("GET") => Verb::Listen,
        Some("DELETE") => Verb::EndSession,
        _ => Verb::Send,
    };
    let versions = headers.iter().filter(|(name, _)| *name == "mcp-protocol-version").count();
    let version = single(headers, "mcp-protocol-version").unwrap_or_default();
    if versions > 0 && !VERSIONS.contains(&version) {
        let message = format!("This gate reads no messages of that revision of MCP, only {}.", VERSIONS.join(", "));
        return Err(Refusal::at(Code::McpVersionUnsupported, name_in_sentence(version), message));
    }
    let era = Era::of(version).unwrap_or(Era::Sessions);
    if era == Era::Stateless && verb != Verb::Send {
        let message = "MCP of this revision has POST requests only.";
        return Err(Refusal::new(Code::MethodNotAllowed, message));
    }
    // The gate has nothing to say by itself, and no session to end (*Transports*, Streamable HTTP).
    if answerer == Answerer::Gate && verb != Verb::Send {
        let message = "This address has neither sessions nor messages of its own; send POST requests only.";
        return Err(Refusal::new(Code::MethodNotAllowed, message));
    }
    let is_of_other_era = |name: &str| match era {
        Era::Sessions => routing::is_routing(name),
        Era::Stateless => matches!(name, "mcp-session-id" | "last-event-id"),
    };
    for (name, _) in headers.iter().filter(|(name, _)| is_of_other_era(name) || routing::is_alias(name)) {
        if !remove.iter().any(|known| known == name) {
            remove.push((*name).to_owned());
        }
    }
    let routing = (era == Era::Stateless).then(|| {
        let mut routing = RoutingHeaders::read(version, headers);
        routing.bearer = seals(gate).then(|| Bearer::of(&gate.contract, &caller, headers));
        Box::new(routing)
    });
    if routing.is_none() && headers.iter().any(|(name, _)| *name == "last-event-id") {
        let message = "Streams cannot be resumed through this gate; send the request again.";
        return Err(Refusal::at(Code::RequestInvalid, "last-event-id", message));
    }
    Ok(McpHead { caller, answerer, verb, routing, remove, content_type: Media::of(headers).written() })
}
