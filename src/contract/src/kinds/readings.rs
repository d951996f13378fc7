//! The marked strings of a call, as they are understood, for people.

use super::place::PlacedValue;
use super::{judge_one, sentence};
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

/// Reads each marked string of a call under the profile of a role. Empty for a tool without marks, and for a role without a profile.
#[must_use]
pub fn string_readings(contract: &Contract, role: &str, tool: &Tool, arguments: &Value) -> Vec<StringReading> {
    let profile = contract.role(role).and_then(|role| role.profile.as_deref());
    let (Some(profile), Some(workspace)) = (profile, &contract.workspace) else { return Vec::new() };
    let mut found = Vec::new();
    for mark in &tool.marks {
        for PlacedValue { pointer, value } in mark.place.values(arguments) {
            let judged = value.and_then(|value| judge_one(mark, value, arguments, profile, workspace));
            let (lines, refused) = match judged {
                Ok(judgement) => (judgement.reading.lines(), None),
                Err(refusal) => (Vec::new(), Some(sentence(mark.kind, refusal, &profile.name))),
            };
            found.push(StringReading { pointer, kind: mark.kind.as_str(), lines, refused });
        }
    }
    found
}
