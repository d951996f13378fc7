//! The checks of [`checks`](crate::checks) on outlined values: the same rules, without a tree.

use std::borrow::Cow;

use callgate_json::Item;

use crate::ShapeError;
use crate::checks::folds_to;

/// As [`checks::no_call`](crate::checks::no_call).
pub(crate) fn no_call(value: Item<'_>, is_call: fn(Item<'_>, Item<'_>) -> bool) -> Result<(), ShapeError> {
    value.items().try_for_each(|item| no_call(item, is_call))?;
    no_call_but(value, &[], is_call)
}

/// As [`checks::no_call_but`](crate::checks::no_call_but). `is_call` takes a key and its value.
pub(crate) fn no_call_but(
    members: Item<'_>,
    expected: &[&str],
    is_call: fn(Item<'_>, Item<'_>) -> bool,
) -> Result<(), ShapeError> {
    let others = members.pairs().filter(|(key, _)| !expected.iter().any(|expected| key.is(expected)));
    others.into_iter().try_for_each(|(key, value)| {
        if is_call(key, value) {
            return Err(ShapeError::StrayCall);
        }
        if value.is_array() || value.is_object() { no_call(value, is_call) } else { Ok(()) }
    })
}

/// As [`checks::holds_something`](crate::checks::holds_something).
pub(crate) fn holds_something(value: Item<'_>) -> bool {
    (value.is_string() || value.is_array() || value.is_object()) && !value.is_empty()
}

/// As [`checks::is_short`](crate::checks::is_short).
pub(crate) fn is_short(value: Item<'_>) -> bool {
    match value.string() {
        Some(text) => text.len() <= 1024,
        None => !value.is_array() && !value.is_object(),
    }
}

/// As [`checks::text`](crate::checks::text).
pub(crate) fn text<'t>(members: Item<'t>, key: &'static str) -> Result<Cow<'t, str>, ShapeError> {
    match members.get(key) {
        None => Ok(Cow::Borrowed("")),
        Some(value) if value.is_null() => Ok(Cow::Borrowed("")),
        Some(value) => value.string().ok_or(ShapeError::Type { at: key, expected: "a string" }),
    }
}

/// As [`checks::small`](crate::checks::small).
pub(crate) fn small(value: Item<'_>, at: &'static str) -> Result<u32, ShapeError> {
    value
        .count()
        .and_then(|number| u32::try_from(number).ok())
        .ok_or(ShapeError::Type { at, expected: "a small whole number" })
}

/// As [`checks::exact_keys`](crate::checks::exact_keys).
pub(crate) fn exact_keys(members: Item<'_>, known: &[&str]) -> Result<(), ShapeError> {
    let folds = |key: Item<'_>| key.string().is_some_and(|key| known.iter().any(|known| folds_to(&key, known)));
    let ambiguous = |key: Item<'_>| !known.iter().any(|known| key.is(known)) && folds(key);
    if members.pairs().any(|(key, _)| ambiguous(key)) { Err(ShapeError::StrayCall) } else { Ok(()) }
}
