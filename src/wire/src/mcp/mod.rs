//! Model Context Protocol over streamable HTTP: JSON-RPC 2.0 messages between a client and a server with tools.
//!
//! Source: the specification's revisions 2025-03-26, 2025-06-18 and 2025-11-25, *Transports* (Streamable HTTP),
//! *Tools*, and their `schema.ts`; JSON-RPC 2.0. No model takes part, so this is not a [`Dialect`](crate::Dialect): the
//! request itself makes the call, the server runs it, and its response is the result. Batches (2025-03-26 only) and
//! tasks (2025-11-25, experimental) are refused: a task's result arrives in the response to a later request, which does
//! not name the call.
//!
//! Not covered: revision 2026-07-28, which has neither sessions nor a handshake. The gate reports this to such clients
//! in their own words ([`error::version`]), and they then use an earlier one.

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

/// The supported revisions, as the header `MCP-Protocol-Version` names them. Revision 2024-11-05 had another transport;
/// its messages are part of the next revision's, and some clients send them over this transport.
pub const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
