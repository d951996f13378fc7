//! Compiles the schemas of a contract, in groups.
//!
//! `jsonschema` checks each schema that it builds against the draft's meta-schema. Natively it compiles a meta-schema once. For
//! WebAssembly it compiles the meta-schema again in each build, and that costs ten times as much as a usual tool's schema. So
//! there schemas that stand alone are built in groups, each group as one document.
//!
//! Not grouped: schemas with names, dynamic references, many references or another draft. Each costs a build of its own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use callgate_json::{Map, Value};
use jsonschema::Validator;

use crate::checks::Checks;
use crate::options::options;
use crate::problem::SchemaFault;
use crate::recursion::single;
use crate::schema::Schema;
use crate::{formats, lint};

/// The maximum number of schemas in a group. More save little, and the memory of a group's build grows with it.
const GROUP: usize = if cfg!(target_family = "wasm") { 64 } else { 1 };
/// The levels of nesting up to which a schema is grouped. A group's build compiles each level once for every level above it.
const LEVELS: usize = 24;
/// The maximum of objects times references in a grouped schema. Each level compiles again what its references lead to.
const REPEATS: usize = 128;
/// Keywords whose meaning depends on the document around the schema.
const BOUND: [&str; 8] =
    ["$schema", "$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary", "$dynamicRef", "$recursiveRef"];

/// A schema, or its faults.
pub(crate) type Compiled = Result<Arc<Schema>, Vec<SchemaFault>>;

/// Compiles schemas, in their order. One that is in `known` is not compiled again, and new ones are added to it.
pub(crate) fn compile(values: Vec<Value>, known: &mut HashMap<String, Arc<Schema>>) -> Vec<Compiled> {
    let texts: Vec<String> = values.iter().map(Value::to_string).collect();
    let mut asked = HashSet::new();
    let (new, values): (Vec<String>, Vec<Value>) = texts
        .iter()
        .cloned()
        .zip(values)
        .filter(|(text, _)| !known.contains_key(text) && asked.insert(text.clone()))
        .unzip();
    let mut faulty = HashMap::new();
    for (text, compiled) in new.into_iter().zip(compile_in_groups(values, GROUP)) {
        match compiled {
            Ok(schema) => drop(known.insert(text, Arc::new(schema))),
            Err(faults) => drop(faulty.insert(text, faults)),
        }
    }
    let found = |text: &String| match known.get(text) {
        Some(schema) => Ok(Arc::clone(schema)),
        None => Err(faulty.get(text).cloned().unwrap_or_default()),
    };
    texts.iter().map(found).collect()
}

fn compile_in_groups(values: Vec<Value>, size: usize) -> Vec<Result<Schema, Vec<SchemaFault>>> {
    let mut compiled = Vec::with_capacity(values.len());
    let mut linted = lint(values, size).into_iter();
    loop {
        let group: Vec<Result<Value, Vec<SchemaFault>>> = linted.by_ref().take(size).collect();
        if group.is_empty() {
            return compiled;
        }
        let copies: Vec<Option<Value>> =
            group.iter().map(|schema| schema.as_ref().ok().map(formats::enforced)).collect();
        let together = build_together(&copies);
        compiled.extend(group.into_iter().zip(copies).zip(together).map(|((schema, copy), built)| {
            let value = schema?;
            let built = built.map(Ok).or_else(|| copy.map(|copy| options().build(&copy)));
            match built.ok_or_else(Vec::new)? {
                Ok(validator) => Ok(Schema::new(value, validator)),
                Err(error) => Err(vec![lint::uncompiled(&error)]),
            }
        }));
    }
}

/// Finds the faults of each schema that show without building it.
fn lint(values: Vec<Value>, size: usize) -> Vec<Result<Value, Vec<SchemaFault>>> {
    let mut checks = Checks::default();
    values.chunks(size).for_each(|group| checks.note_patterns(group));
    let lint = |value| match lint::faults(&value, &mut checks) {
        found if found.is_empty() => Ok(value),
        found => Err(found),
    };
    values.into_iter().map(lint).collect()
}

/// Builds the schemas that stand alone, as one document. Returns a validator for each place. A schema that does not
/// build has none, and so has every schema if the document does not build.
fn build_together(copies: &[Option<Value>]) -> Vec<Option<Validator>> {
    let mut definitions = Map::new();
    for (place, copy) in copies.iter().enumerate() {
        let Some(copy) = copy else { continue };
        let Some(extent) = Extent::of(copy, LEVELS).filter(Extent::is_small) else { continue };
        let mut copy = copy.clone();
        if extent.references > 0
            && let Some(entries) = copy.as_object_mut()
        {
            // Its references then start at it, not at the document.
            entries.insert("$id".to_owned(), format!("callgate:{place}").into());
        }
        definitions.insert(place.to_string(), copy);
    }
    let pays = definitions.len() > 1;
    let built = pays.then(|| options().build_map(&single("$defs", Value::Object(definitions))).ok()).flatten();
    let validator = |place| built.as_ref()?.get(&format!("#/$defs/{place}")).cloned();
    (0..copies.len()).map(validator).collect()
}

/// The size of a schema that stands alone.
#[derive(Default)]
struct Extent {
    objects: usize,
    references: usize,
}

// === impl Extent ===

impl Extent {
    /// Returns the size of a schema; `None` if it means something else in another document, or nests more than `levels` deep.
    fn of(value: &Value, levels: usize) -> Option<Self> {
        let below = levels.checked_sub(1)?;
        let mut extent = Self::default();
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| extent.add(item, below))?,
            Value::Object(entries) => {
                extent.objects = 1;
                for (key, value) in entries {
                    match (key.as_str(), value) {
                        ("$ref", Value::String(reference)) if reference == "#" || reference.starts_with("#/") => {
                            extent.references += 1;
                        }
                        (key, _) if key == "$ref" || BOUND.contains(&key) => return None,
                        (_, value) => extent.add(value, below)?,
                    }
                }
            }
            _ => {}
        }
        Some(extent)
    }

    fn add(&mut self, value: &Value, levels: usize) -> Option<()> {
        let part = Self::of(value, levels)?;
        self.objects += part.objects;
        self.references += part.references;
        Some(())
    }

    fn is_small(&self) -> bool {
        self.objects.saturating_mul(self.references) <= REPEATS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMAS: [&str; 15] = [
        r##"{"type":"object","required":["city"],"properties":{"city":{"type":"string","maxLength":3}}}"##,
        r##"{"type":"object","properties":{"a":{"type":"string","pattern":"^[a-z]+$"},"n":{"type":"integer","format":"int32"}}}"##,
        r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"string"}}}"##,
        r##"{"type":"object","properties":{"a":{"items":{"$ref":"#"}}}}"##,
        r##"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"a":{"const":1}}}"##,
        r##"{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}},"additionalProperties":false}"##,
        r##"{"type":"object","patternProperties":{"^x":{"enum":[1,{"$ref":"#/nowhere"}]}}}"##,
        r##"{"type":"object","properties":{"a":{"pattern":"(?=a)b"}}}"##,
        r##"{"type":"object","properties":{"a":{"minimum":"3"}}}"##,
        r##"{"type":"object","unevaluatedProperties":false,"allOf":[{"properties":{"a":{"format":"uuid"}}}]}"##,
        r##"{"type":"object","properties":{"a":{"type":"string","contentEncoding":"base64"}}}"##,
        r##"{"type":"object","properties":{"a":{"enum":["x",{"type":5}],"default":{"type":5}}}}"##,
        r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/a"},"x1":{"$ref":"#/$defs/%61"}},"$defs":{"a":{"type":"object","required":["b"],"properties":{"a":{}},"additionalProperties":false}}}"##,
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}},"additionalProperties":false}}}"##,
        r##"{"type":"object","properties":{"a":{"$ref":"#/properties/b"},"b":{"properties":{"a":{"$ref":"https://example.com/a"}}}}}"##,
    ];
    const VALUES: [&str; 12] = [
        r#"{}"#,
        r#"{"city":"Oslo","a":"b"}"#,
        r#"{"city":"Ulm","a":"B1","n":1.5}"#,
        r#"{"a":1,"x":2,"n":2147483648}"#,
        r##"{"a":null,"x1":{"$ref":"#/nowhere"}}"##,
        r#"{"a":[{"a":1},{"a":[2]}]}"#,
        r#"{"a":"x"}"#,
        r#"{"a":{"type":5}}"#,
        r#"{"a":"8c0b6a4e-5b1d-4a9e-9c53-6d1f0a9b7c21"}"#,
        r#"{"a":{"a":1,"b":2}}"#,
        r#"{"x1":{"b":1,"c":2},"a":{"a":{"a":7}}}"#,
        r#"7"#,
    ];

    fn read(text: &str) -> Value {
        callgate_json::read(text.as_bytes()).unwrap()
    }

    /// The answers of each schema to each value, or its faults.
    fn answers(values: Vec<Value>, size: usize) -> Vec<Result<Vec<String>, Vec<String>>> {
        let answer = |schema: &Schema, value: &Value| match schema.accepts(value) {
            true => "accepted".to_owned(),
            false => format!("{:?}", schema.explain(value)),
        };
        let values_of = VALUES.map(read);
        compile_in_groups(values, size)
            .into_iter()
            .map(|schema| match schema {
                Ok(schema) => Ok(values_of.iter().map(|value| answer(&schema, value)).collect()),
                Err(faults) => {
                    Err(faults.into_iter().map(|fault| format!("{}: {}", fault.pointer, fault.message)).collect())
                }
            })
            .collect()
    }

    #[test]
    fn groups_answer_as_single_schemas_do() {
        let values: Vec<Value> = SCHEMAS.iter().map(|text| read(text)).collect();
        let single: Vec<_> = values.iter().flat_map(|value| answers(vec![value.clone()], 1)).collect();
        for size in [1, 2, 5, 64] {
            assert_eq!(answers(values.clone(), size), single, "groups of {size}");
        }
        assert_eq!(single.iter().filter(|answers| answers.is_err()).count(), 3);
    }

    #[test]
    fn a_group_builds_the_schemas_that_stand_alone() {
        let faulty = [7, 8, 14];
        let copies = SCHEMAS.iter().enumerate().map(|(place, text)| {
            let copy = formats::enforced(&read(text));
            (!faulty.contains(&place)).then_some(copy)
        });
        let copies: Vec<Option<Value>> = copies.collect();
        let built = build_together(&copies);
        // The copy of the tenth has a part in another draft.
        let places = (0..built.len()).filter(|place| built[*place].is_some());
        assert_eq!(places.collect::<Vec<_>>(), [0, 1, 2, 3, 5, 6, 9, 11, 12, 13]);
    }
}
