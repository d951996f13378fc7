//! The effect of changed lists, words and numbers.

use callgate_json::Value;

use super::ChangeEffect;
use crate::glob::Glob;
use crate::read::units;

/// A list as a set: a new item opens, a removed one closes.
pub(super) fn items(before: &[&Value], after: &[&Value]) -> ChangeEffect {
    cover(before, after, |set, item| set.contains(item))
}

/// A list of globs. An item covered by a glob of the other list changes nothing.
pub(super) fn globs(before: &[&Value], after: &[&Value]) -> ChangeEffect {
    cover(before, after, |set, item| {
        // `*` inside the item is matched only by a `*` of the glob, which then matches whatever the item matches.
        let item = item.as_str().unwrap_or_default();
        set.iter().any(|glob| glob.as_str().is_some_and(|glob| Glob::new(glob).matches(item)))
    })
}

/// The effect of replacing one set by another, if `covers` says that a set has all of an item.
pub(super) fn cover<T>(before: &[T], after: &[T], covers: impl Fn(&[T], &T) -> bool) -> ChangeEffect {
    let opens = !after.iter().all(|item| covers(before, item));
    let closes = !before.iter().all(|item| covers(after, item));
    match (opens, closes) {
        (true, true) => ChangeEffect::Unclear,
        (true, false) => ChangeEffect::Opens,
        (false, true) => ChangeEffect::Closes,
        (false, false) => ChangeEffect::Nothing,
    }
}

/// A higher value opens; `None` is above every other.
pub(super) fn most<T: PartialOrd>(before: Option<T>, after: Option<T>) -> ChangeEffect {
    match (before, after) {
        (None, None) => ChangeEffect::Nothing,
        (None, Some(_)) => ChangeEffect::Closes,
        (Some(_), None) => ChangeEffect::Opens,
        (Some(before), Some(after)) if after > before => ChangeEffect::Opens,
        (Some(before), Some(after)) if after < before => ChangeEffect::Closes,
        (Some(before), Some(after)) if after == before => ChangeEffect::Nothing,
        (Some(_), Some(_)) => ChangeEffect::Unclear,
    }
}

/// A whole number, alone or with the unit of a size, a time (in milliseconds) or fuel.
pub(super) fn quantity(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => units::parse_any(text),
        _ => None,
    }
}

/// The items of a list; of anything else, the value itself.
pub(super) fn list(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
    }
}
