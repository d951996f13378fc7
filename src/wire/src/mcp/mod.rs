//! Model Context Protocol over streamable HTTP: JSON-RPC 2.0 messages between a client and a server with tools.
//!
//! Source: the specification's revisions 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28, *Transports* (Streamable HTTP), *Tools*,
//! and their `schema.ts`; JSON-RPC 2.0. No model speaks here, so MCP has no [`Dialect`](crate::Dialect): the request itself makes the
//! call, the server runs it, and its answer is the result. Batches (2025-03-26 only) and the tasks of 2025-11-25 are refused.
//!
//! | module | reads |
//! |---|---|
//! | [`era`](Era) | the two ways of MCP |
//! | `message`, `request`, `answer`, `list`, `stream` | messages of both |
//! | `offers` | resources and prompts |
//! | `stated`, `required`, [`header`] | parts of requests, results and headers since 2026-07-28 |
//! | `tasks` | the extension of 2026-07-28 for results that come later |
//! | `served` | writes the answers of an address without a server |

mod answer;
mod era;
pub mod error;
pub mod header;
mod list;
mod message;
mod offers;
mod request;
mod required;
mod served;
mod stated;
mod stream;
mod tasks;

pub use answer::{Called, McpAnswer, text_only};
pub use era::{ClientInput, Era, VERSIONS};
pub use list::{Hints, Listed, Listing};
pub use message::{Envelope, Id};
pub use offers::{OfferItem, OfferList};
pub use request::McpRequest;
pub use required::{InputRewrite, ResultKind};
pub use served::{discovery, empty, introduction, returned, tools};
pub use stream::{McpEvent, event};
pub use tasks::{TASKS, TaskPart, TaskState, TaskStatus};

/// The method to call a tool.
pub const CALL_TOOL: &str = "tools/call";
/// The code of an error that sends a person to pages (2025-11-25, `URLElicitationRequiredError`).
const PAGES_NEEDED: i64 = -32042;
/// The method to find a server's revisions, since 2026-07-28.
pub const DISCOVER: &str = "server/discover";
/// The method that begins a session.
pub const INITIALIZE: &str = "initialize";
/// The method to list tools.
pub const LIST_TOOLS: &str = "tools/list";
