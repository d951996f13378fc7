//! Checks answers and events, and finds calls in wrong places.
//!
//! Not covered: calls as text inside `content` or `reasoning_content`, which no client of this dialect runs.

use std::borrow::Cow;

use callgate_json::Item;

use super::calls::is_call_like;
use crate::checks::{MAX_CHOICES, folds_to};
use crate::outlined::{self, exact_keys, holds_something, small, text, text_of};
use crate::{ChoiceIndex, ShapeError};

/// Refuses calls anywhere in a value.
pub(super) fn no_call(value: Item<'_>) -> Result<(), ShapeError> {
    outlined::no_call(value, is_call)
}

/// Returns the members of an object with these names, in one pass. It refuses calls anywhere but under the first `read` of them.
#[inline]
pub(super) fn members<'t, const N: usize>(
    object: Item<'t>,
    names: &[&'static str; N],
    read: usize,
    other: impl FnMut(Item<'t>, Item<'t>) -> Result<(), ShapeError>,
) -> Result<[Option<Item<'t>>; N], ShapeError> {
    outlined::members(object, names, read, is_call, other)
}

/// Passes a member that a reader does not read.
pub(super) fn pass(_: Item<'_>, _: Item<'_>) -> Result<(), ShapeError> {
    Ok(())
}

/// The entries in a member `choices`; `None` if there are none.
pub(super) fn choices(choices: Option<Item<'_>>) -> Result<Option<Item<'_>>, ShapeError> {
    match choices.filter(|choices| !choices.is_null()) {
        None => Ok(None),
        Some(entries) if entries.is_array() && entries.items().nth(MAX_CHOICES).is_some() => Err(ShapeError::TooMany),
        Some(entries) if entries.is_array() => Ok(Some(entries)),
        Some(_) => Err(ShapeError::Type { at: "choices", expected: "an array" }),
    }
}

/// Returns true if a message or delta says more than a role and calls.
pub(super) fn says_something(holder: Item<'_>) -> bool {
    holder.members().any(|(key, value)| {
        !value.is_null() && !value.is_empty() && !matches!(key.as_ref(), "role" | "tool_calls" | "function_call")
    })
}

/// Returns a member `content` as text: a string, `null`, or parts, of which the text ones count.
///
/// A part of an unknown type passes if it can neither carry nor trigger a call.
pub(super) fn content(content: Option<Item<'_>>) -> Result<Cow<'_, str>, ShapeError> {
    const WRONG: ShapeError = ShapeError::Type { at: "content", expected: "a string or an array of parts" };
    let Some(parts) = content.filter(|content| content.is_array()) else {
        return text_of(content, "content");
    };
    let mut whole = String::new();
    for part in parts.items() {
        if !part.is_object() {
            return Err(WRONG);
        }
        exact_keys(part, &["type"])?;
        match text(part, "type")?.as_ref() {
            "text" | "output_text" => whole.push_str(&text(part, "text")?),
            kind if names_action(kind) || holds_call_like(part) => return Err(ShapeError::UnknownPart),
            _ => {}
        }
    }
    Ok(Cow::Owned(whole))
}

/// Returns true if the type of a part names an action.
fn names_action(kind: &str) -> bool {
    const ACTIONS: [&str; 9] = ["tool", "call", "function", "exec", "shell", "command", "computer", "custom", "action"];
    let kind = kind.to_lowercase();
    ACTIONS.iter().any(|action| kind.contains(action))
}

fn holds_call_like(value: Item<'_>) -> bool {
    value.items().any(holds_call_like)
        || value.members().any(|(key, value)| is_call_like(&key) || holds_call_like(value))
}

/// The choice with a member `index`; the one at `position` if it has none.
pub(super) fn choice_index(index: Option<Item<'_>>, position: usize) -> Result<ChoiceIndex, ShapeError> {
    match index.filter(|index| !index.is_null()) {
        None => Ok(ChoiceIndex::at(position)),
        Some(index) => small(index, "choices[].index").map(ChoiceIndex::new),
    }
}

fn is_call(key: Item<'_>, value: Item<'_>) -> bool {
    // Keys that fold to one of the two have at least 10 bytes, and two quotes; nearly every key ends here.
    let may_be_call = key.raw().len() >= 12 && (value.is_object() || holds_something(value));
    may_be_call && key.string().is_some_and(|key| names_call(&key) && (holds_something(value) || !is_exact(&key)))
}

/// Returns true for a key as the API spells it. An empty object under it calls nothing, and a reader of messages leaves it out. Under
/// another spelling, clients that ignore case read it as a call without a name.
fn is_exact(key: &str) -> bool {
    matches!(key, "tool_calls" | "function_call")
}

fn names_call(key: &str) -> bool {
    matches!(key.len(), 10 | 11 | 13) && (folds_to(key, "tool_calls") || folds_to(key, "function_call"))
}
