//! Names of OpenTelemetry's semantic conventions for generative AI: attributes, their values, and spans.
//!
//! Source: the registry and the spans of `open-telemetry/semantic-conventions` at [`VERSION`], the last release with these names. Later
//! names are made in `open-telemetry/semantic-conventions-genai`, which has no release yet. All of them have the status "development".
//!
//! ```
//! use callgate_genai as genai;
//!
//! assert_eq!(genai::execute_tool_span(Some("get_order")), "execute_tool get_order");
//! assert!(genai::ALL.contains(&genai::CONVERSATION_ID));
//! ```
//!
//! Not covered: names of Callgate's own (`callgate.*`), which stand where they are written.

pub mod langfuse;

/// The version of the conventions.
pub const VERSION: &str = "1.41.0";
/// The address of the version's schema, for the scope of spans.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.41.0";

/// The beginning of every attribute here but the general ones.
pub const PREFIX: &str = "gen_ai.";
/// The operation of a span; [`EXECUTE_TOOL`] here.
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// The conversation. Callgate writes a hash of tenant, role and id.
pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
/// The tool's name.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// The tool's kind: [`EXTENSION`] or [`FUNCTION`].
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// The id of a call, from the model.
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// The arguments of a call, as JSON. Opt-in.
pub const TOOL_CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// The result of a call, as JSON. Opt-in.
pub const TOOL_CALL_RESULT: &str = "gen_ai.tool.call.result";
/// All tokens of the input.
pub const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// The tokens of the input that were read from a cache.
pub const USAGE_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// The tokens of the input that were written to a cache.
pub const USAGE_CACHE_CREATION_INPUT_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
/// All tokens of the output.
pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// The tokens of the output that were spent on reasoning.
pub const USAGE_REASONING_OUTPUT_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
/// The kind of failure, a general attribute.
pub const ERROR_TYPE: &str = "error.type";

/// Every attribute for generative AI that Callgate writes or documents.
pub const ALL: [&str; 12] = [
    OPERATION_NAME,
    CONVERSATION_ID,
    TOOL_NAME,
    TOOL_TYPE,
    TOOL_CALL_ID,
    TOOL_CALL_ARGUMENTS,
    TOOL_CALL_RESULT,
    USAGE_INPUT_TOKENS,
    USAGE_CACHE_READ_INPUT_TOKENS,
    USAGE_CACHE_CREATION_INPUT_TOKENS,
    USAGE_OUTPUT_TOKENS,
    USAGE_REASONING_OUTPUT_TOKENS,
];

/// The operation of a tool's call.
pub const EXECUTE_TOOL: &str = "execute_tool";
/// The kind of a tool that the agent's side runs and that reaches other systems.
pub const EXTENSION: &str = "extension";
/// The kind of a tool that the client runs.
pub const FUNCTION: &str = "function";

/// Returns the name of a call's span: `execute_tool NAME`. Without a tool of the contract it is the operation alone, since a name that a
/// model made up would make a new kind of span each time.
#[must_use]
pub fn execute_tool_span(tool: Option<&str>) -> String {
    match tool {
        Some(tool) => format!("{EXECUTE_TOOL} {tool}"),
        None => EXECUTE_TOOL.to_owned(),
    }
}
