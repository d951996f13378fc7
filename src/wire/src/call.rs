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
    /// The way in which it was asked for; the answer takes the same.
    pub form: Form,
    /// The members next to the call that the API wants back with it, such as the signature of the thought behind it. Only the
    /// dialect that read them knows their meaning. They never hold a call.
    pub extra: Map<String, Value>,
}

/// The ways to declare and call tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// The dialect's own, `tools` in most.
    #[default]
    Tool,
    /// The older `functions` and `function_call` of Chat Completions: at most one call a choice, without an identifier.
    Function,
    /// A custom tool, whose input is any text, or an unknown kind of call. The engine refuses every such call; `arguments` hold the
    /// input as the model wrote it.
    Custom,
    /// A call open to two readings by clients, such as one with two names. The engine refuses every such call.
    Unclear,
}

/// The result of a call, to be shown to the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// The answered call.
    pub call: Call,
    /// The result's text, JSON.
    pub content: String,
    /// The call failed or was refused. Some dialects report this outside of the text.
    pub failed: bool,
}
