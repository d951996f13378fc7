//! Model Context Protocol over streamable HTTP: JSON-RPC 2.0 messages between a client and a server that has tools.
//!
//! Source: the specification's revisions 2025-03-26, 2025-06-18 and 2025-11-25, *Transports* (Streamable HTTP), *Tools*, and
//! their `schema.ts`; JSON-RPC 2.0. No model speaks here, so this module is not a [`Dialect`](crate::Dialect): the request itself makes the
//! call, the server runs it, and its answer is the result. Batches (2025-03-26 only) and tasks (2025-11-25, experimental) are not
//! taken: a task's result comes by a later request, which does not say what it is the result of.
//!
//! Not covered: revision 2026-07-28, which has neither sessions nor a handshake. Its clients are told so in its own words
//! ([`error::version`]) and then speak an earlier one.

mod answer;
pub mod error;
mod message;
mod request;
mod stream;

pub use answer::{Answer, Called, Hints, Listed, Listing};
pub use message::{Envelope, Id};
pub use request::Request;
pub use stream::{Event, event};

/// The method that calls a tool.
pub const CALL_TOOL: &str = "tools/call";
/// The method that lists tools.
pub const LIST_TOOLS: &str = "tools/list";

/// Revisions that are read here, as the header `MCP-Protocol-Version` names them. The messages of 2024-11-05, which had another
/// transport, are a part of those of the next; some clients speak them over this one.
pub const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
