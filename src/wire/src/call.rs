//! A call, and what it gave.

use callgate_json::{Map, Value};

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
    /// What the API says beside the call and wants to be given back with it (a signature of the thought that led to it), member
    /// by member; only the dialect that read it knows what it means. It never holds a call.
    pub extra: Map<String, Value>,
}

/// How tools are declared and called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// The dialect's own, `tools` in most.
    #[default]
    Tool,
    /// The older `functions` and `function_call` of Chat Completions: at most one call a choice, without an identifier.
    Function,
    /// A custom tool, whose input is any text, or a kind of call that is not known. The engine refuses every such call;
    /// `arguments` hold the input as the model wrote it.
    Custom,
    /// A call that two clients could read differently, such as one with two names. The engine refuses every such call.
    Unclear,
}

/// What a call gave, to be shown to the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// The call that it answers.
    pub call: Call,
    /// The result's text, JSON.
    pub content: String,
    /// Whether the call failed or was refused, for dialects that say so beside the text.
    pub failed: bool,
}
