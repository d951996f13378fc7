//! The checked formats, and the copy of a schema in which the validator checks them.
//!
//! The validator alone checks a format only in drafts with this format, and never the formats of numbers. Most schemas are
//! generated, and name `uuid` under draft 7 or `int32` under any. So the compiled copy has the same rule
//! in enforced keywords: bounds for a number, and a subschema of a draft with the format.

use callgate_json::{Map, Value};
use jsonschema::Draft;
use serde_json::json;

use crate::keywords::{self, Holds};
use crate::nearest::nearest;
use crate::options::options;

/// The maximum number of characters of a value with `format: regex`. It is parsed, never compiled, but not in linear time.
const LONGEST_REGEX: u64 = 1000;

/// Formats of strings, each checked in at least one draft.
const STRINGS: [&str; 17] = [
    "date",
    "date-time",
    "time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "uri-template",
    "iri",
    "iri-reference",
    "json-pointer",
    "relative-json-pointer",
    "uuid",
    "regex",
];

/// Formats that need tables of Unicode. This build has none.
const UNCHECKED: [&str; 2] = ["idn-email", "idn-hostname"];

/// A hint for forms, without a rule for the value.
const SHOWN: &str = "password";

const DRAFT_7: &str = "http://json-schema.org/draft-07/schema#";
const DRAFT_2020_12: &str = "https://json-schema.org/draft/2020-12/schema";

/// Returns the rule of a format of numbers (OpenAPI's registry).
fn number(format: &str) -> Option<Value> {
    let whole = |minimum: Value, maximum: Value| json!({ "minimum": minimum, "maximum": maximum, "multipleOf": 1 });
    Some(match format {
        "int8" => whole(i8::MIN.into(), i8::MAX.into()),
        "int16" => whole(i16::MIN.into(), i16::MAX.into()),
        "int32" => whole(i32::MIN.into(), i32::MAX.into()),
        "int64" | "int" => whole(i64::MIN.into(), i64::MAX.into()),
        "uint8" => whole(0.into(), u8::MAX.into()),
        "uint16" => whole(0.into(), u16::MAX.into()),
        "uint32" => whole(0.into(), u32::MAX.into()),
        "uint64" | "uint" => whole(0.into(), u64::MAX.into()),
        "float" => json!({ "minimum": f64::from(f32::MIN), "maximum": f64::from(f32::MAX) }),
        "double" => json!({ "minimum": f64::MIN, "maximum": f64::MAX }),
        _ => return None,
    })
}

/// Returns the reason why a format is not enforced beside a `type`; `None` if it is.
pub(crate) fn fault(format: &str, kind: Option<&Value>) -> Option<String> {
    let allows = |names: &[&str]| {
        let is_one = |kind: &Value| kind.as_str().is_some_and(|kind| names.contains(&kind));
        kind.is_none_or(|kind| is_one(kind) || kind.as_array().is_some_and(|kinds| kinds.iter().any(is_one)))
    };
    if format == SHOWN {
        return None;
    }
    if UNCHECKED.contains(&format) {
        return Some(format!("expected a format that is checked; `{format}` is not, use a `pattern`"));
    }
    if STRINGS.contains(&format) {
        let message = format!("`{format}` is checked in strings only, and `type` allows none; remove one of them");
        return (!allows(&["string"])).then_some(message);
    }
    if number(format).is_some() {
        let message = format!("`{format}` is checked in numbers only, and `type` allows none; use a `pattern`");
        return (!allows(&["number", "integer"])).then_some(message);
    }
    let numbers = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double"];
    Some(match nearest(format, STRINGS.into_iter().chain(numbers)) {
        Some(near) => format!("unknown format; did you mean `{near}`?"),
        None => format!("unknown format, which nothing would check; use a `pattern`, or one of {}", STRINGS.join(", ")),
    })
}

/// Returns the reason why the encoding or the media type of a string is not enforced; `None` if it is.
pub(crate) fn content_fault(keyword: &str, value: &str) -> Option<String> {
    let checked = if keyword == "contentEncoding" { "base64" } else { "application/json" };
    (value != checked).then(|| format!("only `{checked}` is checked; say anything else in the `description`"))
}

/// Returns the copy for the validator, with its keys in order.
///
/// The order makes the first violation the same however the author ordered the keywords.
pub(crate) fn enforced(schema: &Value) -> Value {
    copy(schema, keywords::draft(schema))
}

fn copy(schema: &Value, draft: Draft) -> Value {
    let Value::Object(entries) = schema else { return schema.clone() };
    let mut copied: Map<String, Value> = entries
        .iter()
        .map(|(key, value)| {
            let value = match (keywords::holds(key), value) {
                (Holds::Schemas, Value::Array(items)) => items.iter().map(|item| copy(item, draft)).collect(),
                (Holds::Schemas, schema) => copy(schema, draft),
                (Holds::Named, Value::Object(named)) => {
                    sorted(named.iter().map(|(name, schema)| (name.clone(), copy(schema, draft))).collect())
                }
                _ => value.clone(),
            };
            (key.clone(), value)
        })
        .collect();
    let mut rules = Vec::new();
    if let Some(format) = copied.get("format").and_then(Value::as_str).map(str::to_owned) {
        if let Some(rule) = number(&format) {
            copied.shift_remove("format");
            rules.push(rule);
        } else if format == "regex" {
            let own = copied.get("maxLength").and_then(Value::as_u64).unwrap_or(LONGEST_REGEX);
            copied.insert("maxLength".to_owned(), own.min(LONGEST_REGEX).into());
        } else if STRINGS.contains(&format.as_str()) && !options().is_known_format(draft, &format) {
            copied.shift_remove("format");
            rules.push(json!({ "$schema": DRAFT_2020_12, "format": format }));
        }
    }
    if draft > Draft::Draft7 && (copied.contains_key("contentEncoding") || copied.contains_key("contentMediaType")) {
        let mut rule = Map::from_iter([("$schema".to_owned(), DRAFT_7.into())]);
        for key in ["contentEncoding", "contentMediaType"] {
            rule.extend(copied.shift_remove(key).map(|value| (key.to_owned(), value)));
        }
        rules.push(Value::Object(rule));
    }
    if !rules.is_empty() {
        match copied.get_mut("allOf") {
            Some(Value::Array(all)) => all.append(&mut rules),
            _ => drop(copied.insert("allOf".to_owned(), Value::Array(rules))),
        }
    }
    sorted(copied)
}

fn sorted(entries: Map<String, Value>) -> Value {
    let mut entries: Vec<(String, Value)> = entries.into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    Value::Object(entries.into_iter().collect())
}
