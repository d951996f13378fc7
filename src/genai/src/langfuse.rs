//! Names of Langfuse: its attributes of spans, and its request headers.
//!
//! Source: <https://langfuse.com/integrations/native/opentelemetry>, sections "Attribute mapping" and "Langfuse request headers". Langfuse
//! reads [`CONVERSATION_ID`](crate::CONVERSATION_ID) as the session too, and the opt-in attributes of a call as input and output.

/// The session: Langfuse groups traces by it. It must be on every span.
pub const SESSION_ID: &str = "langfuse.session.id";
/// The user: Langfuse counts and filters by it. It must be on every span.
pub const USER_ID: &str = "langfuse.user.id";
/// The kind of an observation: [`TOOL`] or [`SPAN`] here.
pub const OBSERVATION_TYPE: &str = "langfuse.observation.type";
/// The kind of a call.
pub const TOOL: &str = "tool";
/// The kind of a step of a call.
pub const SPAN: &str = "span";
/// The header that selects the path of ingestion. Without it, spans show up minutes later.
pub const INGESTION_VERSION: &str = "x-langfuse-ingestion-version";
/// The newest path of ingestion.
pub const INGESTION_VERSION_NOW: &str = "4";
