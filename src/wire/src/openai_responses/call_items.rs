//! The items of calls: how each kind is read into a call and written again.

use callgate_json::{Map, Value};
use serde_json::json;

use super::items::no_call_but;
use super::kinds::{self, CALL, CUSTOM, CallKind, NativeTool};
use crate::call::{arguments_of, input_of};
use crate::checks::{exact_keys, holds_something, text};
use crate::namespace::{name_in_contract, name_within};
use crate::{Call, Form, ShapeError};

/// The members that say what a call does, of every kind.
const SAYS: [&str; 8] = ["name", "namespace", "arguments", "input", "action", "operation", "function", "custom"];

/// The members beside the action of one of the API's own tools, as the API documents them. No other is forwarded: a client could read it
/// as part of the action.
const BESIDE_ACTION: [&str; 9] = [
    "type",
    "id",
    "call_id",
    "status",
    "created_by",
    "caller",
    "environment",
    "execution",
    // A person must acknowledge them before a client runs the call.
    "pending_safety_checks",
];

/// A call, and the form of its kind. The call's own form differs if the call can only be refused.
#[derive(Debug, Clone, Default)]
pub(super) struct ItemCall {
    pub(super) base: Form,
    pub(super) call: Call,
}

/// Reads the item of a call. Its other members are its [`Call::extra`].
pub(super) fn read(kind: CallKind, members: &Map<String, Value>) -> Result<ItemCall, ShapeError> {
    let call = match kind {
        CallKind::Function => {
            named(members, text(members, "arguments")?.to_owned(), &["name", "namespace", "arguments"])?
        }
        CallKind::Custom => {
            let call = named(members, arguments_of(text(members, "input")?), &["name", "namespace", "input"])?;
            Call { form: if call.form.is_refused() { call.form } else { Form::Custom }, ..call }
        }
        CallKind::Native(native) => of_native(native, members)?,
    };
    Ok(ItemCall { base: kind.form(), call })
}

/// Reads a call with a name of its own. `says` are the members that say what it does.
fn named(members: &Map<String, Value>, arguments: String, says: &[&str]) -> Result<Call, ShapeError> {
    let (name, namespace) = (text(members, "name")?, text(members, "namespace")?);
    let form = form(members, says)?;
    let call = beside(members, says)?;
    Ok(Call { name: name_in_contract(namespace, name), namespace: namespace.to_owned(), arguments, form, ..call })
}

/// Reads a call of one of the API's own tools. Its arguments are the members of its action, or a list of actions under the name of
/// that list. A call with both is unclear.
fn of_native(native: &NativeTool, members: &Map<String, Value>) -> Result<Call, ShapeError> {
    exact_keys(members, native.batch.as_slice())?;
    let batch = native.batch.and_then(|name| Some((name, members.get(name).filter(|batch| holds_something(batch))?)));
    let says = [batch.map_or(native.action, |(name, _)| name)];
    let (arguments, is_known) = match (batch, members.get(native.action)) {
        (Some((name, Value::Array(actions))), _) => {
            let arguments = Map::from_iter([(name.to_owned(), Value::Array(actions.clone()))]);
            (callgate_json::canonical(&Value::Object(arguments)), actions.iter().all(|action| native.knows(action)))
        }
        (Some((name, _)), _) => return Err(ShapeError::Type { at: name, expected: "an array" }),
        (None, None | Some(Value::Null)) => (String::new(), native.types.is_empty()),
        (None, Some(action @ Value::Object(_))) => (callgate_json::canonical(action), native.knows(action)),
        (None, Some(_)) => return Err(ShapeError::Type { at: native.action, expected: "an object" }),
    };
    let form = match form(members, &says)? {
        Form::Tool if is_known => Form::Native(native.name),
        Form::Tool => Form::Unknown,
        other => other,
    };
    let mut call = beside(members, &says)?;
    call.extra.retain(|key, _| BESIDE_ACTION.contains(&key.as_str()));
    Ok(Call { name: native.name.as_str().to_owned(), arguments, form, ..call })
}

/// Reads the id and the members that say nothing of what the call does.
fn beside(members: &Map<String, Value>, says: &[&str]) -> Result<Call, ShapeError> {
    let is_read = |key: &str| matches!(key, "type" | "call_id") || SAYS.contains(&key);
    exact_keys(members, &["type", "call_id", "caller"])?;
    exact_keys(members, &SAYS)?;
    let read: Vec<&str> = ["type", "call_id"].into_iter().chain(says.iter().copied()).collect();
    no_call_but(members, &read)?;
    let extra = members.iter().filter(|(key, _)| !is_read(key));
    let extra = extra.map(|(key, value)| (key.clone(), value.clone())).collect();
    Ok(Call { id: text(members, "call_id")?.to_owned(), extra, ..Call::default() })
}

/// Returns the form of a call: of a function, unless it can only be refused. `says` are the members that say what it does.
fn form(members: &Map<String, Value>, says: &[&str]) -> Result<Form, ShapeError> {
    let others = || SAYS.iter().filter(|key| !says.contains(*key)).filter_map(|key| Some((*key, members.get(*key)?)));
    // A nested function would be another call.
    if others().any(|(key, value)| matches!(key, "function" | "custom") && !value.is_null()) {
        return Err(ShapeError::NotAFunction);
    }
    if others().any(|(_, value)| holds_something(value)) {
        return Ok(Form::Unclear);
    }
    Ok(if is_known_caller(members.get("caller")) { Form::Tool } else { Form::Unknown })
}

/// Returns true for the model itself and for a program of the provider. The client runs a call of each.
fn is_known_caller(caller: Option<&Value>) -> bool {
    let Some(caller) = caller.filter(|caller| !caller.is_null()) else { return true };
    let Some(members) = caller.as_object() else { return false };
    let text = |key: &str| members.get(key).and_then(Value::as_str);
    match text("type") {
        Some("direct") => members.len() == 1,
        Some("program") => members.len() == 2 && text("caller_id").is_some(),
        _ => false,
    }
}

/// Returns a call as an item of an answer.
pub(super) fn of_call(call: &Call) -> Value {
    let mut members = Map::new();
    let native = match call.form {
        Form::Native(name) => kinds::native(name),
        _ => None,
    };
    let kind = native.map_or(if call.form == Form::Custom { CUSTOM } else { CALL }, |native| native.kind);
    members.insert("type".to_owned(), Value::from(kind));
    members.insert("call_id".to_owned(), Value::from(call.id.as_str()));
    if native.is_none() {
        members.insert("name".to_owned(), Value::from(name_within(&call.namespace, &call.name)));
        if !call.namespace.is_empty() {
            members.insert("namespace".to_owned(), Value::from(call.namespace.as_str()));
        }
    }
    let mut item = rewritten(&Value::Object(members), call);
    if let Value::Object(members) = &mut item {
        members.extend(call.extra.clone());
    }
    item
}

/// Returns the item of a call with the arguments of `call`.
pub(super) fn rewritten(item: &Value, call: &Call) -> Value {
    let (member, value) = match call.form {
        Form::Custom => ("input", Value::from(input_of(&call.arguments))),
        Form::Native(name) => {
            let value = callgate_json::read(call.arguments.as_bytes());
            let action = value.ok().filter(Value::is_object).unwrap_or_else(|| json!({}));
            kinds::native(name).map_or(("action", action.clone()), |native| native.written(action))
        }
        Form::Tool | Form::Function | Form::Unknown | Form::Unclear => {
            ("arguments", Value::from(call.arguments.as_str()))
        }
    };
    let mut item = item.clone();
    if let Value::Object(members) = &mut item {
        if matches!(call.form, Form::Native(_)) {
            members.retain(|key, _| BESIDE_ACTION.contains(&key.as_str()));
        }
        members.insert(member.to_owned(), value);
    }
    item
}
