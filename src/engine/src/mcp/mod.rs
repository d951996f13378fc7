//! Messages to and from an MCP server: what the gate does in front of tools instead of in front of a model.
//!
//! 1. [`head`]: which HTTP methods, which revision.
//! 2. [`request`]: methods by a list; the call that a `tools/call` makes is decided before the server sees it.
//! 3. [`answer`]: the one answer to the one request, by what was asked: lists are cut to the contract, results checked.
//! 4. [`stream`]: the same for a stream of messages, told one by one.
//!
//! What is asked is known from the request of the same exchange only. So answers that come elsewhere (another request's, on the
//! server's own stream, on a stream that is resumed) are refused: nobody could say what they answer.

pub(crate) mod answer;
pub(crate) mod request;
pub(crate) mod stream;

use callgate_contract::Caller;
use callgate_wire::mcp::{Id, VERSIONS};

use crate::head::{Media, only};
use crate::{Code, Headers, Refusal};

/// Send a message, listen to the server's own, end the session (*Transports*, Streamable HTTP).
pub(crate) const METHODS: [&str; 3] = ["POST", "GET", "DELETE"];

/// A request of HTTP whose body, if it has one, is still to come.
#[derive(Debug)]
pub(crate) struct McpHead {
    pub(crate) caller: Caller,
    pub(crate) verb: Verb,
    /// Headers that are not forwarded to the server.
    pub(crate) remove: Vec<String>,
    /// The body's type as it was read.
    pub(crate) content_type: Option<String>,
}

/// What a request of HTTP is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// `POST`: a message.
    Send,
    /// `GET`: the stream of the server's own messages.
    Listen,
    /// `DELETE`.
    EndSession,
}

/// What went on to the server, as far as its answer depends on it.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A request: one answer comes.
    Request { id: Id, caller: Caller, what: What },
    /// The server's own stream: no answer comes.
    Listening,
    /// A notification, an answer to the server, or the end of a session: that it came is all that is said.
    Told,
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) enum What {
    /// What the server is and can do.
    Introduction,
    /// Its tools.
    List,
    /// The result of a call of this tool.
    Call(String),
    /// Messages to show a model.
    Prompt,
    /// Nothing that is decided on.
    Other,
}

/// Reads the headers that are MCP's own.
pub(crate) fn head(caller: Caller, headers: &Headers, remove: Vec<String>) -> Result<McpHead, Refusal> {
    let verb = match only(headers, ":method") {
        Some("GET") => Verb::Listen,
        Some("DELETE") => Verb::EndSession,
        _ => Verb::Send,
    };
    let versions = headers.iter().filter(|(name, _)| name == "mcp-protocol-version").count();
    let version = only(headers, "mcp-protocol-version").unwrap_or_default();
    if versions > 0 && !VERSIONS.contains(&version) {
        let message = format!("This gate reads no messages of that revision of MCP, only {}.", VERSIONS.join(", "));
        return Err(Refusal::at(Code::McpVersionUnsupported, callgate_json::printable(version), message));
    }
    if headers.iter().any(|(name, _)| name == "last-event-id") {
        let message = "Streams cannot be resumed through this gate; send the request again.";
        return Err(Refusal::at(Code::RequestInvalid, "last-event-id", message));
    }
    Ok(McpHead { caller, verb, remove, content_type: Media::of(headers).written() })
}
