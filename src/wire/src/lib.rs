//! Framings and dialects of LLM APIs: what is on the wire, read into Callgate's words and written back.
//!
//! Nothing is decided here and nothing read here is believed: a [`Call`] is what a model asked for, word for word. Bytes that
//! need no change are kept as they came. What could hide a call from this reader but not from a client (a key twice, a call
//! in an unexpected place, a wrong type) is an error, so that the exchange fails closed.

pub mod openai_chat;
mod splice;
pub mod sse;

use callgate_json::Value;
use serde_json::json;

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

/// What a model is told of a tool: name, description and parameters, written once and used for every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    name: String,
    /// JSON text of the *function object*.
    text: String,
}

// === impl Declaration ===

impl Declaration {
    /// Writes the declaration of a tool whose arguments have this JSON Schema.
    #[must_use]
    pub fn new(name: &str, description: Option<&str>, parameters: &Value) -> Declaration {
        let function = match description {
            Some(description) => json!({ "name": name, "description": description, "parameters": parameters }),
            None => json!({ "name": name, "parameters": parameters }),
        };
        Declaration { name: name.to_owned(), text: function.to_string() }
    }

    /// The tool's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
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
