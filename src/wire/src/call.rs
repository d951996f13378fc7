//! A call, and its result.

use callgate_json::{Map, Value};

/// One tool call as the model wrote it. An empty text was missing, `null` or empty. Nothing in it is trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The dialect's identifier of the call; always empty for [`Form::Function`].
    pub id: String,
    /// The tool's name in a contract: `NAMESPACE__NAME` for a tool of a [namespace](Call::namespace).
    pub name: String,
    /// The namespace that the API names beside the tool, in its own spelling; empty if it names none.
    pub namespace: String,
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
    /// A custom tool, whose input is any text. The `arguments` are `{"input": TEXT}`.
    Custom,
    /// A tool that the API defines and the client runs. The `arguments` are the members of its action.
    Native(NativeName),
    /// An unknown kind of call, or one by an unknown kind of caller. The engine refuses every such call.
    Unknown,
    /// A call two clients could read differently, such as one with two names. The engine refuses every such call.
    Unclear,
}

/// A tool that OpenAI's API defines and the client runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NativeName {
    /// `local_shell`.
    LocalShell,
    /// `shell`.
    Shell,
    /// `apply_patch`.
    ApplyPatch,
    /// `tool_search`.
    ToolSearch,
    /// `computer`, in its older form `computer_use_preview`.
    Computer,
}

// === impl NativeName ===

impl NativeName {
    /// Returns its name in requests and contracts.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            NativeName::LocalShell => "local_shell",
            NativeName::Shell => "shell",
            NativeName::ApplyPatch => "apply_patch",
            NativeName::ToolSearch => "tool_search",
            NativeName::Computer => "computer",
        }
    }
}

// === impl Form ===

impl Form {
    /// Returns true for the forms that the engine refuses.
    #[must_use]
    pub fn is_refused(self) -> bool {
        matches!(self, Form::Unknown | Form::Unclear)
    }

    /// Returns true if a call of the form `called` fits a declaration of this form.
    pub(crate) fn fits(self, called: Form) -> bool {
        let is_function = |form| matches!(form, Form::Tool | Form::Function);
        self == called || is_function(self) && is_function(called)
    }
}

/// The member of the arguments of a [custom tool](Form::Custom).
const INPUT: &str = "input";

/// Returns the arguments of a custom tool with this input.
pub(crate) fn arguments_of(input: &str) -> String {
    let members = Map::from_iter([(INPUT.to_owned(), Value::from(input))]);
    callgate_json::canonical(&Value::Object(members))
}

/// Returns the input in the arguments of a custom tool; empty if they are of another shape.
pub(crate) fn input_of(arguments: &str) -> String {
    let value = callgate_json::read(arguments.as_bytes()).ok();
    value.as_ref().and_then(|value| value.get(INPUT)).and_then(Value::as_str).unwrap_or_default().to_owned()
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
