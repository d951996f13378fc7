//! Model Context Protocol over streamable HTTP: JSON-RPC 2.0 messages between a client and a server with tools.
//!
//! Source: the specification's revisions 2025-03-26, 2025-06-18 and 2025-11-25, *Transports* (Streamable HTTP), *Tools*, and
//! their `schema.ts`; JSON-RPC 2.0. No model speaks here, so MCP has no [`Dialect`](crate::Dialect): the request itself makes the
//! call, the server runs it, and its answer is the result. Batches (2025-03-26 only) and tasks (2025-11-25, experimental) are
//! refused: a later request brings a task's result, without a reference to the call.
//!
//! Not covered: revision 2026-07-28, which has neither sessions nor a handshake. Its clients get an answer in its own words
//! ([`error::version`]) and then speak an earlier one.

mod answer;
pub mod error;
mod message;
mod request;
mod stream;

pub use answer::{Called, Hints, Listed, Listing, McpAnswer};
pub use message::{Envelope, Id};
pub use request::McpRequest;
pub use stream::{McpEvent, event};

/// The method to call a tool.
pub const CALL_TOOL: &str = "tools/call";
/// The method to list tools.
pub const LIST_TOOLS: &str = "tools/list";

/// Supported revisions, by the names of the header `MCP-Protocol-Version`. The messages of 2024-11-05, which had another
/// transport, are a part of those of the next; some clients speak them over this one.
pub const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
