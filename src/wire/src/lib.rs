//! Framings and dialects of LLM APIs: what is on the wire, read into Callgate's words and written back.
//!
//! Nothing is decided here and nothing read here is believed: a [`Call`] is what a model asked for, word for word. Bytes that
//! need no change are kept as they came. What could hide a call from this reader but not from a client (a key twice, a call
//! in an unexpected place, a wrong type) is an error, so that the exchange fails closed.

pub mod openai_chat;
mod splice;
pub mod sse;

use callgate_json::Value;

/// One tool call as the model wrote it. An empty text means that it was missing, `null` or empty; nothing in it is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The dialect's identifier of the call; always empty for [`Form::Function`].
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments' text: JSON if the model did well.
    pub arguments: String,
    /// How it was asked for, so that it is answered in kind.
    pub form: Form,
}

/// How tools are declared and called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// `tools` and `tool_calls`.
    #[default]
    Tool,
    /// The older `functions` and `function_call`: at most one call a choice, without an identifier.
    Function,
}

/// What a model is told of a tool.
#[derive(Debug, Clone, Copy)]
pub struct Declaration<'a> {
    /// The tool's name.
    pub name: &'a str,
    /// What it does.
    pub description: Option<&'a str>,
    /// The JSON Schema of its arguments.
    pub parameters: &'a Value,
}

/// What a call gave, to be shown to the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// The call that it answers.
    pub call: Call,
    /// The result's text.
    pub content: String,
}

/// An error to be written in a dialect's own shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status; it chooses the dialect's error type.
    pub status: u16,
    /// The stable reason code.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// The request member that is at fault, if there is one.
    pub param: Option<String>,
}
