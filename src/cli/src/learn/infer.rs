//! Schemas of arguments from the calls of a log, which has no declarations.
//!
//! A schema has only what every call shows: the types of values, the names of members, and the members that each call has.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The maximum nesting.
const DEPTH: usize = 6;
/// The maximum members of an object. One with more is a table of values.
const MEMBERS: usize = 64;

/// Returns the schema of each called tool, by its name.
pub(super) fn schemas(calls: &[(String, Value)]) -> BTreeMap<String, Value> {
    let mut by_tool: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    calls.iter().for_each(|(tool, arguments)| by_tool.entry(tool.clone()).or_default().push(arguments));
    by_tool.into_iter().map(|(tool, calls)| (tool, schema(&calls, DEPTH))).collect()
}

/// Returns a schema that all of the values have.
fn schema(values: &[&Value], depth: usize) -> Value {
    let mut kinds: Vec<&str> = values.iter().map(|value| kind(value)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.contains(&"number") {
        kinds.retain(|kind| *kind != "integer");
    }
    let Some(depth) = depth.checked_sub(1) else { return json!({}) };
    match kinds.as_slice() {
        ["object"] => object(values, depth),
        ["array"] => {
            let items: Vec<&Value> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
            if items.is_empty() {
                json!({ "type": "array" })
            } else {
                json!({ "type": "array", "items": schema(&items, depth) })
            }
        }
        [kind] => json!({ "type": kind }),
        kinds => json!({ "type": kinds }),
    }
}

fn object(values: &[&Value], depth: usize) -> Value {
    let mut members: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (name, value) in values.iter().filter_map(|value| value.as_object()).flatten() {
        members.entry(name).or_default().push(value);
    }
    if members.len() > MEMBERS {
        return json!({ "type": "object" });
    }
    let required: Vec<&str> =
        members.iter().filter(|(_, found)| found.len() == values.len()).map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        members.iter().map(|(name, found)| ((*name).to_owned(), schema(found, depth))).collect();
    let mut made = Map::from_iter([("type".to_owned(), json!("object"))]);
    if !required.is_empty() {
        made.insert("required".to_owned(), json!(required));
    }
    made.insert("additionalProperties".to_owned(), false.into());
    made.insert("properties".to_owned(), properties.into());
    made.into()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
