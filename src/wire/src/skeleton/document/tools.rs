//! The tools of a request: the declared and the chosen ones, and their replacement by the contract's declarations.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use callgate_json::{Span, name_in_sentence};

use crate::checks::folds_to;
use crate::members::{Judged, NameSet, asks};
use crate::{Declaration, Declared, Form, RequestError};

/// Members of a declared tool kept as the caller sent them. They are about the API's handling of the tool, not about the tool.
const KEPT: [&str; 6] =
    ["strict", "defer_loading", "eager_input_streaming", "input_examples", "cache_control", "allowed_callers"];

/// The tools of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tools {
    /// The declared functions.
    pub(crate) declared: Vec<Declared>,
    /// The functions named by the choice of tools.
    pub(crate) chosen: NameSet,
    /// It has tools whose input is free text.
    pub(crate) has_custom: bool,
}

/// An entry of a list of tools whose functions are replaced.
pub(crate) enum Replaced<'t, K> {
    /// A function of this name, and its kept members.
    Function(Cow<'t, str>, K),
    /// A tool run by the provider: it stays.
    Provided,
    /// It is left out.
    Dropped,
}

// === impl Tools ===

impl Tools {
    /// Replaces the declarations of one form.
    pub(super) fn replace(&mut self, declarations: &[&Declaration], form: Form) {
        self.declared.retain(|tool| tool.form != form);
        self.declared.extend(declarations.iter().map(|tool| Declared { name: tool.name().to_owned(), form }));
    }
}

/// Returns a list of tools with `declarations` in place of its functions. The provider's tools come last, unchanged.
pub(crate) fn redeclared<'t, K>(
    tools: Option<Span<'t>>,
    declarations: &[&Declaration],
    sort: impl Fn(Span<'t>) -> Replaced<'t, K>,
    write: impl Fn(&Declaration, Option<&K>) -> String,
) -> Vec<String> {
    let mut kept = HashMap::new();
    let mut provided = Vec::new();
    for tool in tools.into_iter().flat_map(Span::items) {
        match sort(tool) {
            Replaced::Function(name, members) => {
                kept.insert(name, members);
            }
            Replaced::Provided => provided.push(tool.text().into_owned()),
            Replaced::Dropped => {}
        }
    }
    declarations.iter().map(|tool| write(tool, kept.get(tool.name()))).chain(provided).collect()
}

/// The maximum of tools in one request, which bounds the memory for it. APIs that search their tools take as many (Anthropic:
/// 10,000).
const MAX_DECLARED: usize = 10_000;

/// Notes a declared tool.
pub(crate) fn declare(
    declared: &mut Vec<Declared>,
    param: &'static str,
    name: &str,
    form: Form,
) -> Result<(), RequestError> {
    if declared.len() == MAX_DECLARED {
        return Err(RequestError::invalid(param, "a list of at most 10,000 tools"));
    }
    declared.push(Declared { name: name.to_owned(), form });
    Ok(())
}

/// Refuses a request with two tools of one name.
pub(crate) fn declared_once<'d>(declared: impl IntoIterator<Item = &'d Declared>) -> Result<(), RequestError> {
    let mut declared = declared.into_iter();
    let mut names = HashSet::with_capacity(declared.size_hint().0);
    match declared.find(|tool| !names.insert(tool.name.as_str())) {
        Some(tool) => Err(RequestError::DeclaredTwice { name: name_in_sentence(&tool.name) }),
        None => Ok(()),
    }
}

/// Returns the kept members of a declared tool as JSON text, with a comma at the start.
pub(crate) fn kept_members(tool: Span<'_>) -> String {
    let kept = tool.members().filter(|(key, value)| KEPT.contains(&key.as_ref()) && !value.is_null());
    kept.map(|(key, value)| format!(r#","{key}":{}"#, value.text())).collect()
}

/// Returns an object's text with further members, whose text begins with a comma.
pub(crate) fn extended(object: String, members: &str) -> String {
    match object.strip_suffix('}') {
        Some(open) if !members.is_empty() => format!("{open}{members}}}"),
        _ => object,
    }
}

/// Judges tools in messages as the provider's `additional_tools`. Some servers show them to the model, and the contract's own
/// declarations could not take their place.
pub(crate) fn additional<'t>(
    messages: impl IntoIterator<Item = Span<'t>>,
    param: &'static str,
    judged: &mut Judged,
) -> Result<(), RequestError> {
    let brings = |key: &str| ["tools", "functions"].iter().any(|known| folds_to(key, known));
    let asks_for_tools = |message: Span<'_>| message.members().any(|(key, value)| brings(&key) && asks(value));
    if messages.into_iter().any(asks_for_tools) { judged.runs.add(param, "additional_tools") } else { Ok(()) }
}

/// Judges code that may call a declared tool as a tool of the provider, which runs it. The model itself is not such a caller.
pub(crate) fn callers(tool: Span<'_>, judged: &mut Judged) -> Result<(), RequestError> {
    let expected = "an array of tools whose `allowed_callers` are a list of names";
    let invalid = RequestError::invalid("tools", expected);
    let Some(callers) = tool.some("allowed_callers") else { return Ok(()) };
    for caller in callers.array().ok_or(invalid.clone())?.items() {
        match caller.string().ok_or(invalid.clone())?.as_ref() {
            "direct" => {}
            code => judged.runs.add("tools", code)?,
        }
    }
    Ok(())
}
