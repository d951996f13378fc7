//! What a model is told of a tool.

use callgate_json::{Span, Value};

use crate::RequestError;
use crate::checks::folds_to;
use crate::members::{Judged, asks};

/// Members of a declared tool that stay as the caller sent them. They say how the API handles the tool, not what it is.
const KEPT: [&str; 6] =
    ["strict", "defer_loading", "eager_input_streaming", "input_examples", "cache_control", "allowed_callers"];

/// Name, description and parameters of a tool, each written as JSON text once and used for every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    name: String,
    /// `"name":…`, and `"description":…` where there is one.
    head: String,
    parameters: String,
}

/// A tool that a request declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Its name, never empty.
    pub name: String,
    /// In which of a dialect's lists.
    pub form: crate::Form,
}

// === impl Declaration ===

impl Declaration {
    /// Writes the declaration of a tool whose arguments have this JSON Schema.
    #[must_use]
    pub fn new(name: &str, description: Option<&str>, parameters: &Value) -> Declaration {
        let mut head = format!(r#""name":{}"#, Value::from(name));
        if let Some(description) = description {
            head.push_str(&format!(r#","description":{}"#, Value::from(description)));
        }
        Declaration { name: name.to_owned(), head, parameters: parameters.to_string() }
    }

    /// The tool's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// JSON text of the parameters' schema.
    #[must_use]
    pub fn parameters(&self) -> &str {
        &self.parameters
    }

    /// JSON text of an object with `name`, `description` and, under the member `key`, the parameters' schema.
    #[must_use]
    pub fn object(&self, key: &str) -> String {
        self.object_with(key, &self.parameters)
    }

    /// The same with another JSON text under `key`, where an API wants the schema inside of something.
    #[must_use]
    pub fn object_with(&self, key: &str, text: &str) -> String {
        format!(r#"{{{},"{key}":{text}}}"#, self.head)
    }
}

/// The members of a declared tool that stay, as JSON text that begins with a comma.
pub(crate) fn kept_members(tool: Span<'_>) -> String {
    let kept = tool.members().filter(|(key, value)| KEPT.contains(&key.as_ref()) && !value.is_null());
    kept.map(|(key, value)| format!(r#","{key}":{}"#, value.text())).collect()
}

/// An object's text with further members, which begin with a comma.
pub(crate) fn extended(object: String, members: &str) -> String {
    match object.strip_suffix('}') {
        Some(open) if !members.is_empty() => format!("{open}{members}}}"),
        _ => object,
    }
}

/// Tools in a message, which some servers tell the model of, are judged as the provider's `additional_tools`: the contract's own
/// declarations could not take their place.
pub(crate) fn additional(message: Span<'_>, param: &'static str, judged: &mut Judged) -> Result<(), RequestError> {
    let brings = |key: &str| ["tools", "functions"].iter().any(|known| folds_to(key, known));
    if message.members().any(|(key, value)| brings(&key) && asks(value)) {
        judged.runs.add(param, "additional_tools")?;
    }
    Ok(())
}

/// Code that may call a declared tool runs at the provider: each caller but the model itself is judged as such a tool.
pub(crate) fn callers(tool: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
    let expected = "an array of tools whose `allowed_callers` are a list of names";
    let invalid = RequestError::Invalid { param: "tools", expected };
    let Some(callers) = tool.some("allowed_callers") else { return Ok(()) };
    for caller in callers.array().ok_or(invalid.clone())?.items() {
        match caller.string().ok_or(invalid.clone())?.as_ref() {
            "direct" => {}
            code => judged.runs.add("tools", code)?,
        }
    }
    Ok(())
}
