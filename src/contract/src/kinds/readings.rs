//! The marked strings of a call, as they are understood, for people.

use super::place::PlacedValue;
use super::workspace::MarkedValue;
use super::{judge_one, marked_values, sentence};
use crate::decide::Caller;
use crate::model::{Contract, Tool};
use callgate_json::Value;

/// A marked string, as it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringReading {
    /// JSON Pointer to the string.
    pub pointer: String,
    /// The kind, such as `command`.
    pub kind: &'static str,
    /// The meaning of the string, line by line. The lines hold parts of the value: show them only to who may see the arguments.
    pub lines: Vec<String>,
    /// The reason if the string is refused; then there are no lines.
    pub refused: Option<String>,
}

/// Reads each marked string of a call under the profile of the caller's role. Empty for a tool without marks, and for a role without a
/// profile.
#[must_use]
pub fn string_readings(contract: &Contract, caller: &Caller, tool: &Tool, arguments: &Value) -> Vec<StringReading> {
    let profile = contract.role(&caller.role).and_then(|role| role.profile.as_deref());
    let (Some(profile), Some(rule)) = (profile, &contract.workspace) else { return Vec::new() };
    let values = marked_values(tool, arguments);
    let workspace = rule.of_call(caller.workspace.as_deref(), &values, arguments);
    let read = |MarkedValue { mark, placed: PlacedValue { pointer, value } }: MarkedValue<'_>| {
        let (lines, refused) = match (&workspace, value) {
            (Err(fault), _) if mark.kind.needs_workspace() => (Vec::new(), Some(fault.message.clone())),
            (workspace, value) => {
                let workspace = workspace.as_ref().unwrap_or(rule.rules());
                match value.and_then(|value| judge_one(mark, value, arguments, profile, workspace)) {
                    Ok(judgement) => (judgement.reading.lines(), None),
                    Err(refusal) => (Vec::new(), Some(sentence(mark.kind, refusal, &profile.name))),
                }
            }
        };
        StringReading { pointer, kind: mark.kind.as_str(), lines, refused }
    };
    values.into_iter().map(read).collect()
}
