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
    places(schema, schema, "", &mut found);
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

/// Regular expressions that do not compile or that need backtracking, and references to nowhere.
fn places(root: &Value, schema: &Value, pointer: &str, found: &mut Vec<Fault>) {
    match schema {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(root, item, &format!("{pointer}/{index}"), found);
            }
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                let place = join(pointer, key);
                match (key.as_str(), value) {
                    (key, _) if DATA.contains(&key) => {}
                    ("pattern", Value::String(text)) => pattern(text, &place, found),
                    ("$ref", Value::String(reference)) => self::reference(root, reference, &place, found),
                    (key, Value::Object(named)) if NAMED.contains(&key) => {
                        for (name, schema) in named {
                            let place = join(&place, name);
                            if key == "patternProperties" {
                                pattern(name, &place, found);
                            }
                            places(root, schema, &place, found);
                        }
                    }
                    _ => places(root, value, &place, found),
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
