//! The two ways of MCP: sessions that begin with `initialize`, and requests that say everything themselves.
//!
//! Source: revision 2026-07-28, *Versioning* and *Streamable HTTP*. Clients of both ways speak to one address. The header
//! `MCP-Protocol-Version` decides which way a request goes, and its body must agree.

/// The revisions with sessions, by the names of the header `MCP-Protocol-Version`. The messages of 2024-11-05, which had another
/// transport, are a part of those of the next; some clients speak them over this one.
const SESSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
/// The revision without them.
const STATELESS: &str = "2026-07-28";

/// Every supported revision.
pub const VERSIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", STATELESS];

/// The way of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2024-11-05 to 2025-11-25: a handshake, a session, a stream of the server's own messages.
    Sessions,
    /// 2026-07-28: each request states its revision and the client's capabilities.
    Stateless,
}

/// A request that a server may make of a client: on a stream in a session, or inside a result without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientInput {
    /// `elicitation/create`: a question to a person.
    Elicitation,
    /// `sampling/createMessage`: a question to the client's model.
    Sampling,
    /// `roots/list`: the client's folders.
    Roots,
}

// === impl Era ===

impl Era {
    /// Returns the revision of a session whose client asks for this one: the same, or the newest.
    #[must_use]
    pub fn negotiated(asked: &str) -> &'static str {
        let [.., newest] = SESSIONS;
        SESSIONS.into_iter().find(|known| *known == asked).unwrap_or(newest)
    }

    /// Returns the way of a revision, if it is supported.
    #[must_use]
    pub fn of(version: &str) -> Option<Era> {
        match version {
            STATELESS => Some(Era::Stateless),
            version => SESSIONS.contains(&version).then_some(Era::Sessions),
        }
    }
}

// === impl ClientInput ===

impl ClientInput {
    /// Every kind.
    pub const ALL: [ClientInput; 3] = [ClientInput::Elicitation, ClientInput::Sampling, ClientInput::Roots];

    /// Returns the kind of a method.
    #[must_use]
    pub fn of(method: &str) -> Option<ClientInput> {
        ClientInput::ALL.into_iter().find(|input| input.method() == method)
    }

    /// Returns the method.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            ClientInput::Elicitation => "elicitation/create",
            ClientInput::Sampling => "sampling/createMessage",
            ClientInput::Roots => "roots/list",
        }
    }

    /// Returns the capability by which a client offers it.
    #[must_use]
    pub fn capability(self) -> &'static str {
        match self {
            ClientInput::Elicitation => "elicitation",
            ClientInput::Sampling => "sampling",
            ClientInput::Roots => "roots",
        }
    }

    /// Returns the member that only a client's answer to this kind has.
    pub(super) fn mark(self) -> &'static str {
        match self {
            ClientInput::Elicitation => "action",
            ClientInput::Sampling => "role",
            ClientInput::Roots => "roots",
        }
    }
}
