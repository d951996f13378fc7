//! Messages to and from an MCP server: the gate in front of tools instead of a model.
//!
//! 1. [`head`]: the HTTP method and the revision.
//! 2. [`request`]: forwards listed methods, and decides a `tools/call` before the server sees it.
//! 3. [`answer`]: checks the one answer to the one request: lists are cut to the contract, results checked.
//! 4. [`stream`]: the same for a stream of messages.
//!
//! An answer is checked by the request of the same exchange. So the gate refuses answers that come elsewhere (another request's, on
//! the server's own stream, on a resumed stream), because it cannot know their requests.

pub(crate) mod answer;
pub(crate) mod request;
pub(crate) mod stream;

use std::borrow::Cow;

use callgate_contract::{Caller, name_in_sentence};
use callgate_wire::mcp::{Id, VERSIONS};

use crate::headers::media::Media;
use crate::headers::{Headers, single};
use crate::{Code, Refusal};

/// Send a message, listen to the server's own, end the session (*Transports*, Streamable HTTP).
pub(crate) const METHODS: [&str; 3] = ["POST", "GET", "DELETE"];

/// An HTTP request without its body.
#[derive(Debug)]
pub(crate) struct McpHead {
    pub(crate) caller: Caller,
    pub(crate) verb: Verb,
    /// Headers not forwarded to the server.
    pub(crate) remove: Vec<String>,
    /// The body's type as it was read.
    pub(crate) content_type: Option<Cow<'static, str>>,
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
    Request { id: Id, caller: Caller, expected: Expected },
    /// The server's own stream: no answer comes.
    Listening,
    /// A notification, an answer to the server, or the end of a session: the server only confirms it.
    OneWay,
}

/// The expected answer to a request.
#[derive(Debug)]
pub(crate) enum Expected {
    /// The server's name and capabilities.
    Introduction,
    /// Its tools.
    List,
    /// The result of a call of this tool.
    Call(String),
    /// The contents of a resource.
    Resource,
    /// Messages to show a model.
    Prompt,
    /// An answer without decisions.
    Other,
}

/// Reads MCP's own headers.
pub(crate) fn head(caller: Caller, headers: &Headers<'_>, remove: Vec<String>) -> Result<McpHead, Refusal> {
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
    if headers.iter().any(|(name, _)| *name == "last-event-id") {
        let message = "Streams cannot be resumed through this gate; send the request again.";
        return Err(Refusal::at(Code::RequestInvalid, "last-event-id", message));
    }
    Ok(McpHead { caller, verb, remove, content_type: Media::of(headers).written() })
}
