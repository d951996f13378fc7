//! The checks of [`checks`](crate::checks) on outlined values: the same rules, without a tree.

use std::borrow::Cow;

use callgate_json::Item;

use crate::ShapeError;
use crate::checks::folds_to;

/// The test of a member: true if its key and its value are a call.
pub(crate) type IsCall = fn(Item<'_>, Item<'_>) -> bool;

/// As [`checks::no_call`](crate::checks::no_call).
#[inline]
pub(crate) fn no_call(value: Item<'_>, is_call: IsCall) -> Result<(), ShapeError> {
    if value.pairs_within().any(|(key, value)| is_call(key, value)) { Err(ShapeError::StrayCall) } else { Ok(()) }
}

#[inline]
fn no_call_in(key: Item<'_>, value: Item<'_>, is_call: IsCall) -> Result<(), ShapeError> {
    if is_call(key, value) { Err(ShapeError::StrayCall) } else { no_call(value, is_call) }
}

/// Returns the members of an object with these names, in one pass. It refuses calls anywhere but under the first `read` names, as
/// [`checks::no_call_but`](crate::checks::no_call_but) does. `other` takes each further member.
#[inline]
pub(crate) fn members<'t, const N: usize>(
    object: Item<'t>,
    names: &[&'static str; N],
    read: usize,
    is_call: IsCall,
    mut other: impl FnMut(Item<'t>, Item<'t>) -> Result<(), ShapeError>,
) -> Result<[Option<Item<'t>>; N], ShapeError> {
    let mut members = [None; N];
    for (key, value) in object.pairs() {
        let mut named = members.iter_mut().zip(names).enumerate();
        match named.find(|(_, (_, name))| key.is(name)) {
            Some((position, (member, _))) => {
                *member = Some(value);
                if position >= read {
                    no_call_in(key, value, is_call)?;
                }
            }
            None => {
                no_call_in(key, value, is_call)?;
                other(key, value)?;
            }
        }
    }
    Ok(members)
}

/// Refuses a key other than `known` that equals one of them for readers that ignore case.
pub(crate) fn exact_key(key: Item<'_>, known: &[&str]) -> Result<(), ShapeError> {
    let folds = key.string().is_some_and(|key| known.iter().any(|known| folds_to(&key, known)));
    if folds { Err(ShapeError::StrayCall) } else { Ok(()) }
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
    text_of(members.get(key), key)
}

/// As [`text`], for the member `key` with this value.
pub(crate) fn text_of<'t>(value: Option<Item<'t>>, key: &'static str) -> Result<Cow<'t, str>, ShapeError> {
    match value {
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
    let others = members.pairs().filter(|(key, _)| !known.iter().any(|known| key.is(known)));
    others.into_iter().try_for_each(|(key, _)| exact_key(key, known))
}
