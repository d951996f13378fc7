//! Why a schema does not compile: every fault of it, each with its place.

use callgate_json::Value;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

use crate::explain;
use crate::keywords::{DATA, NAMED, local};
use crate::schema::{Fault, options};
use crate::source::node::join;

/// All that is wrong with `schema`, which failed to compile with `first`.
pub(crate) fn faults(schema: &Value, first: &ValidationError<'_>) -> Vec<Fault> {
    let mut found = Vec::new();
    places(schema, &mut found);
    if let Ok(meta) = jsonschema::meta::validator_for(schema) {
        for error in meta.iter_errors(schema) {
            let pointer = error.instance_path().as_str().to_owned();
            if !found.iter().any(|fault: &Fault| fault.pointer == pointer) {
                found.push(Fault { pointer, message: explain::expectation(&Value::Null, &error) });
            }
        }
    }
    if found.is_empty() {
        found.push(single(first));
    }
    found
}

/// A fault that only compiling finds, such as a reference to nowhere.
fn single(error: &ValidationError<'_>) -> Fault {
    let pointer = match error.instance_path().as_str() {
        "" => error.schema_path().as_str().to_owned(),
        pointer => pointer.to_owned(),
    };
    let message = match error.kind() {
        ValidationErrorKind::Referencing(reason) => {
            format!("expected a reference to a place in this schema; nothing is fetched ({reason})")
        }
        _ => format!("expected a JSON Schema: {error}"),
    };
    Fault { pointer, message }
}

/// Formats that the validator knows by name but does not check in this build (they need tables of Unicode), or that
/// would compile a text of the model's.
pub(crate) fn unchecked_formats(schema: &Value) -> Vec<Fault> {
    let mut found = Vec::new();
    visit(schema, "", &mut |keyword, value, pointer| {
        if keyword == "format"
            && let Some(format @ ("idn-hostname" | "idn-email" | "regex")) = value.as_str()
        {
            let message = format!("expected a format that is checked; `{format}` is not, use a `pattern`");
            found.push(Fault { pointer: pointer.to_owned(), message });
        }
    });
    found
}

/// Regular expressions that do not compile or that need backtracking, and references to nowhere.
fn places(schema: &Value, found: &mut Vec<Fault>) {
    visit(schema, "", &mut |keyword, value, pointer| match (keyword, value) {
        ("pattern", Value::String(text)) => pattern(text, pointer, found),
        ("patternProperties", Value::Object(named)) => {
            for text in named.keys() {
                pattern(text, &join(pointer, text), found);
            }
        }
        ("$ref", Value::String(name)) => reference(schema, name, pointer, found),
        _ => {}
    });
}

/// Calls `see` with every keyword of the schema and of those in it, its value and its place.
fn visit(schema: &Value, pointer: &str, see: &mut dyn FnMut(&str, &Value, &str)) {
    match schema {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &format!("{pointer}/{index}"), see);
            }
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                let place = join(pointer, key);
                see(key, value, &place);
                match value {
                    _ if DATA.contains(&key.as_str()) => {}
                    Value::Object(named) if NAMED.contains(&key.as_str()) => {
                        for (name, schema) in named {
                            visit(schema, &join(&place, name), see);
                        }
                    }
                    _ => visit(value, &place, see),
                }
            }
        }
        _ => {}
    }
}

fn reference(root: &Value, reference: &str, pointer: &str, found: &mut Vec<Fault>) {
    let is_pointer = reference == "#" || reference.starts_with("#/");
    if is_pointer && local(root, reference).is_none() {
        let message = "expected a reference to a place in this schema; there is no such place".to_owned();
        found.push(Fault { pointer: pointer.to_owned(), message });
    }
}

fn pattern(text: &str, pointer: &str, found: &mut Vec<Fault>) {
    let alone = Value::Object([("pattern".to_owned(), Value::String(text.to_owned()))].into_iter().collect());
    if options().build(&alone).is_err() {
        let message = "expected a regular expression that runs in linear time; look-around, back-references and \
                       expressions that grow beyond the size limit are not supported";
        found.push(Fault { pointer: pointer.to_owned(), message: message.to_owned() });
    }
}
