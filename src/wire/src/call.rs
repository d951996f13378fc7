//! A call, and its result.

use callgate_json::{Map, Value};

/// One tool call as the model wrote it. An empty text was missing, `null` or empty. Nothing in it is trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The dialect's identifier of the call; always empty for [`Form::Function`].
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments' text: JSON if the model did well.
    pub arguments: String,
    /// The form of the request for the call; the result has the same.
    pub form: Form,
    /// Members beside the call that the API wants back with it, such as a signature of the thought behind it. Only the dialect
    /// that read it knows their meaning. It never holds a call.
    pub extra: Map<String, Value>,
}

/// The forms in which tools are declared and called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// The dialect's own, `tools` in most.
    #[default]
    Tool,
    /// The older `functions` and `function_call` of Chat Completions: at most one call a choice, without an identifier.
    Function,
    /// A custom tool, whose input is any text, or an unknown kind of call. The engine refuses every such call; `arguments` hold
    /// the input as the model wrote it.
    Custom,
    /// A call two clients could read differently, such as one with two names. The engine refuses every such call.
    Unclear,
}

/// The result of a call, for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// The call it answers.
    pub call: Call,
    /// The result's text, JSON.
    pub content: String,
    /// True if the call failed or was refused, for dialects that say so beside the text.
    pub failed: bool,
}
