//! Makes a declared schema one that a contract takes: every rule in it is enforced, or becomes a note.
//!
//! 1. Ways of writing that mean the same in JSON Schema are rewritten: types in capitals, `nullable`, a missing top type.
//! 2. The contract's own check names the places of all other faults. A faulty keyword `K` becomes the note `x-K`.
//! 3. A schema with faults even then is replaced by `{ type: object }`.
//!
//! A person reviews each change, because the rule is lost.

use callgate_contract::{Diagnostic, from_value};
use serde_json::{Map, Value, json};

/// The maximum rounds of checks. Each changes at least one keyword, and most schemas have one fault of each kind.
const ROUNDS: usize = 32;
const BEFORE: &str = "/spec/tools/0/";
const RESULT: &str = "result";
/// Keywords with a schema, or with schemas in a list.
const SCHEMAS: [&str; 13] = [
    "items",
    "prefixItems",
    "additionalItems",
    "additionalProperties",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "allOf",
    "anyOf",
    "oneOf",
    "propertyNames",
];
/// Keywords with schemas by name.
const NAMED: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];

/// A schema for a contract, and the changes that a person has to review.
pub(crate) struct Fitted {
    pub(crate) schema: Value,
    pub(crate) changes: Vec<String>,
}

/// Fits the schema of a tool's arguments.
pub(crate) fn parameters(declared: &Value) -> Fitted {
    let mut schema = declared.clone();
    respelt(&mut schema);
    if let Value::Object(members) = &mut schema
        && !members.contains_key("type")
        && !members.contains_key("$ref")
    {
        members.shift_insert(0, "type".to_owned(), "object".into());
    }
    if !schema.is_object() {
        schema = json!({ "type": "object" });
    }
    fitted("parameters", schema, json!({ "type": "object" }))
}

/// Fits the schema of a tool's results.
pub(crate) fn result(declared: &Value) -> Fitted {
    let mut schema = declared.clone();
    respelt(&mut schema);
    fitted(RESULT, schema, json!({}))
}

fn fitted(field: &str, mut schema: Value, otherwise: Value) -> Fitted {
    let mut changes: Vec<String> = Vec::new();
    for _ in 0..ROUNDS {
        let faults = faults(field, &schema);
        if faults.is_empty() {
            return Fitted { schema, changes };
        }
        let mut is_changed = false;
        for fault in &faults {
            let inside = fault.path.strip_prefix(BEFORE).and_then(|path| path.strip_prefix(field)).unwrap_or_default();
            let pointer = if field == RESULT { inside.strip_prefix("/schema").unwrap_or_default() } else { inside };
            if disarm(&mut schema, pointer) {
                is_changed = true;
                let why = fault.message.split(';').next().unwrap_or_default();
                changes.push(format!("`{field}{pointer}` is a note now: {why}"));
            }
        }
        if !is_changed {
            break;
        }
    }
    changes.push(format!("`{field}` cannot be used and is replaced by `{otherwise}`"));
    Fitted { schema: otherwise, changes }
}

/// Returns the faults of a contract with this schema alone.
fn faults(field: &str, schema: &Value) -> Vec<Diagnostic> {
    let mut tool =
        json!({ "name": "t", "effects": "read", "parameters": { "type": "object" }, "run": { "client": {} } });
    let value = if field == RESULT { json!({ "format": "json", "schema": schema }) } else { schema.clone() };
    if let Some(members) = tool.as_object_mut() {
        members.insert(field.to_owned(), value);
    }
    let contract = json!({
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "t", "version": "1" },
        "spec": { "models": ["*"], "roles": { "r": { "tools": ["*"] } }, "tools": [tool] },
    });
    match from_value(&contract) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().cloned().collect(),
    }
}

/// Turns the keyword at a pointer into a note. Returns false if it has no such keyword.
fn disarm(schema: &mut Value, pointer: &str) -> bool {
    let steps: Vec<String> =
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    // The fault may be inside of the keyword's value: then the nearest keyword around it counts.
    for length in (1..=steps.len()).rev() {
        let Some((key, above)) = steps.get(..length).and_then(<[String]>::split_last) else { continue };
        let is_name = above.last().is_some_and(|above| NAMED.contains(&above.as_str()));
        let Some(Value::Object(members)) = at(schema, above) else { continue };
        if is_name {
            let is_pattern = above.last().is_some_and(|above| above == "patternProperties");
            let is_fit = members.get(key).is_none_or(|named| named.as_object().is_some_and(Map::is_empty));
            if is_pattern && members.shift_remove(key).is_some() {
                // The pattern of names is the fault, and not the schema behind it.
                return true;
            }
            if is_fit {
                continue;
            }
            members.insert(key.clone(), json!({}));
            return true;
        }
        if key.starts_with("x-") && !key.starts_with("x-callgate") {
            continue;
        }
        let Some(place) = members.keys().position(|name| name == key) else { continue };
        if let Some(value) = members.shift_remove(key) {
            let note = format!("x-{}", key.trim_start_matches("x-").trim_start_matches('$'));
            let note = if note.starts_with("x-callgate") { format!("x-note-{note}") } else { note };
            if !members.contains_key(&note) {
                members.shift_insert(place, note, value);
            }
            return true;
        }
    }
    false
}

fn at<'v>(value: &'v mut Value, steps: &[String]) -> Option<&'v mut Value> {
    steps.iter().try_fold(value, |value, step| match value {
        Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        Value::Object(members) => members.get_mut(step),
        _ => None,
    })
}

/// Rewrites what means the same in JSON Schema.
fn respelt(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    match members.get_mut("type") {
        Some(Value::String(kind)) => *kind = kind.to_lowercase(),
        Some(Value::Array(kinds)) => {
            for kind in kinds {
                if let Value::String(kind) = kind {
                    *kind = kind.to_lowercase();
                }
            }
        }
        _ => {}
    }
    if let Some(Value::Bool(nullable)) = members.get("nullable").cloned() {
        members.shift_remove("nullable");
        if nullable {
            allow_null(members);
        }
    }
    for (key, value) in members {
        match value {
            Value::Object(named) if NAMED.contains(&key.as_str()) => named.values_mut().for_each(respelt),
            Value::Array(items) if SCHEMAS.contains(&key.as_str()) => items.iter_mut().for_each(respelt),
            value if SCHEMAS.contains(&key.as_str()) => respelt(value),
            _ => {}
        }
    }
}

fn allow_null(members: &mut Map<String, Value>) {
    match members.get_mut("type") {
        Some(kind @ Value::String(_)) => *kind = json!([kind.clone(), "null"]),
        Some(Value::Array(kinds)) if !kinds.contains(&"null".into()) => kinds.push("null".into()),
        _ => {}
    }
    if let Some(Value::Array(values)) = members.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}
