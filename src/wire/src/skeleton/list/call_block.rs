//! The block of a call in a whole answer: read with the very text of its input, mended, and written again.

use callgate_json::{Map, Value, span, splice};

use crate::skeleton::blocks::{BlockFormat, Start, call_id};
use crate::{Call, ShapeError};

/// The member with a call's arguments, in every dialect with blocks.
const INPUT: &str = "input";

/// Reads the call in a block. Returns its block too if that lacks an identifier or spells its input as a text: then it is written
/// again. `position` counts the calls before it.
pub(super) fn read<F: BlockFormat>(
    block: &Map<String, Value>,
    text: &str,
    position: usize,
) -> Result<(Call, Option<String>), ShapeError> {
    let members = F::call_in(block)?;
    let Start { id: given, name, form, extra, .. } = F::call_start(members)?;
    let id = call_id(&given, position);
    let raw_call = inner(text.as_bytes(), F::CALL);
    let raw = span::member(raw_call, INPUT);
    let arguments = input(members.get(INPUT), raw).unwrap_or_else(|| "{}".to_owned());
    let mut edits = Vec::new();
    if given.is_empty() {
        edits.push(splice::Edit { member: F::CALL_ID, text: Some(Value::from(id.as_str()).to_string()) });
    }
    if !members.get(INPUT).is_some_and(Value::is_object) && raw != Some(arguments.as_bytes()) {
        edits.push(splice::Edit { member: INPUT, text: Some(arguments.clone()) });
    }
    let mended = (!edits.is_empty()).then(|| with_text(text.as_bytes(), F::CALL, written(raw_call, &edits)));
    Ok((Call { id, name, arguments, form, extra, ..Call::default() }, mended))
}

/// The block of a call, with other arguments if the client gets others.
pub(super) fn rewritten<F: BlockFormat>(text: &str, old: &Call, kept: &Call) -> String {
    if old.id != kept.id || old.name != kept.name {
        return call_block::<F>(kept);
    }
    if F::keeps_arguments(old, kept) {
        return text.to_owned();
    }
    let edit = splice::Edit { member: INPUT, text: Some(kept.arguments.clone()) };
    with_text(text.as_bytes(), F::CALL, written(inner(text.as_bytes(), F::CALL), &[edit]))
}

/// A call as a new block. Arguments other than JSON are left out.
pub(crate) fn call_block<F: BlockFormat>(call: &Call) -> String {
    let members = Value::Object(F::call_members(call)).to_string();
    let is_json = callgate_json::read_nearest(call.arguments.as_bytes()).is_ok();
    let input = if is_json { call.arguments.clone() } else { "{}".to_owned() };
    let edit = splice::Edit { member: INPUT, text: Some(input) };
    with_text(b"{}", F::CALL, written(members.as_bytes(), &[edit]))
}

/// The text of the arguments in an `input` with the JSON text `raw`: a string with an object stands for the object. `None` if the
/// input is missing, `null` or empty.
pub(crate) fn input(value: Option<&Value>, raw: Option<&[u8]>) -> Option<String> {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.trim().is_empty() => None,
        Some(Value::Object(members)) if members.is_empty() => None,
        Some(Value::String(text)) if matches!(callgate_json::read(text.as_bytes()), Ok(Value::Object(_))) => {
            Some(text.clone())
        }
        Some(_) => raw.map(|raw| callgate_json::text(raw).into_owned()),
    }
}

/// The text of an object with another text at `path`, whose objects but the last keep their other members.
pub(crate) fn with_text(object: &[u8], path: &[&'static str], text: String) -> String {
    let Some((member, rest)) = path.split_first() else { return text };
    let inside = with_text(inner(object, &[member]), rest, text);
    written(object, &[splice::Edit { member, text: Some(inside) }])
}

/// The text at `path`; empty if it is missing.
fn inner<'t>(text: &'t [u8], path: &[&str]) -> &'t [u8] {
    path.iter().try_fold(text, |object, key| span::member(object, key)).unwrap_or_default()
}

fn written(object: &[u8], edits: &[splice::Edit]) -> String {
    callgate_json::text(&splice::write(object, &Map::new(), edits)).into_owned()
}
