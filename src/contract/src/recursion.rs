//! Schemas that refer to themselves, and the danger of explaining them.
//!
//! The validator answers yes or no about a recursive schema in polynomial time, because it remembers results. Its
//! error reports do not: for `anyOf` they hold the errors of every alternative, each with those of every alternative
//! below it. Sixty levels of nesting, a few hundred bytes from a model, would fill any memory.
//!
//! So no report crosses a reference that leads back to itself. The explaining copy of a schema has
//! `not: { not: { $ref } }` there, which means the same and reports only its failure. The explanation then continues
//! from that place in the value, one level at a time.
//!
//! Not followed: dynamic references. A schema with them is checked like any other and gets a general sentence.
//! References by `$id` and anchor are pointers by then.

use std::collections::BTreeSet;

use callgate_json::{Map, Value};

use crate::keywords::{local, schemas};

/// The references of a schema: finite or recursive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// None leads back to itself.
    Finite,
    /// These (`#` or `#/…`) do.
    Recursive(BTreeSet<String>),
    /// Not known.
    Unknown,
}

/// Finds out which references lead back to themselves.
pub(crate) fn shape(schema: &Value) -> Shape {
    let Some(references) = reachable(schema, schema) else { return Shape::Unknown };
    let mut recursive = BTreeSet::new();
    for reference in references {
        let Some(behind) = local(schema, &reference).and_then(|target| reachable(schema, target)) else {
            return Shape::Unknown;
        };
        if behind.contains(&reference) {
            recursive.insert(reference);
        }
    }
    if recursive.is_empty() { Shape::Finite } else { Shape::Recursive(recursive) }
}

/// Returns the references reachable from `start`; `None` if one cannot be followed.
fn reachable(schema: &Value, start: &Value) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(place) = open.pop() {
        let mut inside = BTreeSet::new();
        if !collect(place, true, &mut inside) {
            return None;
        }
        for reference in inside {
            let target = local(schema, &reference)?;
            if found.insert(reference) {
                open.push(target);
            }
        }
    }
    Some(found)
}

/// The explaining copy: `schema` without reports across the `recursive` references.
pub(crate) fn cut(schema: &Value, recursive: &BTreeSet<String>, siblings_count: bool) -> Value {
    match schema {
        Value::Array(items) => Value::Array(items.iter().map(|item| cut(item, recursive, siblings_count)).collect()),
        Value::Object(entries) => {
            let reference = entries.get("$ref").and_then(Value::as_str).filter(|r| recursive.contains(*r));
            let keeps = |key: &str| match reference {
                Some(_) => key != "$ref" && (siblings_count || key == "definitions" || key == "$defs"),
                None => true,
            };
            let mut copy: Map<String, Value> = entries
                .iter()
                .filter(|(key, _)| keeps(key))
                .map(|(key, value)| (key.clone(), cut(value, recursive, siblings_count)))
                .collect();
            if let Some(reference) = reference {
                let stop = single("not", single("not", single("$ref", Value::String(reference.to_owned()))));
                match copy.get_mut("allOf") {
                    Some(Value::Array(all)) => all.push(stop),
                    _ => drop(copy.insert("allOf".to_owned(), Value::Array(vec![stop]))),
                }
            }
            Value::Object(copy)
        }
        other => other.clone(),
    }
}

/// Returns the reference at which a report stopped, from the schema of the failed `not`.
pub(crate) fn stopped_at(negated: &Value) -> Option<&str> {
    negated.get("not")?.get("$ref")?.as_str()
}

/// `{ key: value }`.
pub(crate) fn single(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

/// Collects `#` and `#/…` references; false if there is one of another kind.
fn collect(schema: &Value, top: bool, found: &mut BTreeSet<String>) -> bool {
    match schema {
        Value::Object(entries) => entries.iter().all(|(key, value)| match (key.as_str(), value) {
            ("$ref", Value::String(reference)) if reference == "#" || reference.starts_with("#/") => {
                found.insert(reference.clone());
                true
            }
            ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(_)) => false,
            ("$id" | "id", Value::String(_)) => top,
            (key, value) => schemas(key, value, "").iter().all(|(_, schema)| collect(schema, false, found)),
        }),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_of(text: &str) -> Shape {
        shape(&callgate_json::read(text.as_bytes()).unwrap())
    }

    fn recursive(names: &[&str]) -> Shape {
        Shape::Recursive(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn references_that_lead_back_are_found() {
        for (text, expected) in [
            (r##"{"type":"object"}"##, Shape::Finite),
            (r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{}}}"##, Shape::Finite),
            (r##"{"items":{"$ref":"#"}}"##, recursive(&["#"])),
            (r##"{"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#/$defs/a"}}}}"##, recursive(&["#/$defs/a"])),
            (
                r##"{"$ref":"#/$defs/c","$defs":{"a":{"not":{"$ref":"#/$defs/b"}},"b":{"not":{"$ref":"#/$defs/a"}},"c":{"$ref":"#/$defs/a"}}}"##,
                recursive(&["#/$defs/a", "#/$defs/b"]),
            ),
            (r##"{"$defs":{"a b":{"$ref":"#/$defs/a%20b"}}}"##, recursive(&["#/$defs/a%20b"])),
            (r##"{"properties":{"$ref":{"type":"string"}}}"##, Shape::Finite),
            (
                r##"{"properties":{"const":{"items":{"$ref":"#/properties/const"}}}}"##,
                recursive(&["#/properties/const"]),
            ),
            (r##"{"const":{"$ref":"a.json"}}"##, Shape::Finite),
            (
                r##"{"$ref":"#/default","default":{"items":{"$ref":"#/default/items"}}}"##,
                recursive(&["#/default/items"]),
            ),
            (r##"{"$dynamicRef":"#a"}"##, Shape::Unknown),
            (r##"{"$ref":"#a"}"##, Shape::Unknown),
            (r##"{"$ref":"#/nowhere"}"##, Shape::Unknown),
            (r##"{"$id":"https://example.com/a","$defs":{"a":{"$id":"b"}}}"##, Shape::Unknown),
        ] {
            assert_eq!(shape_of(text), expected, "{text}");
        }
    }

    #[test]
    fn two_spellings_of_one_place_still_lead_back() {
        let text = r##"{"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#/%24defs/a"}}}}"##;
        assert_eq!(shape_of(text), recursive(&["#/%24defs/a"]));
    }
}
