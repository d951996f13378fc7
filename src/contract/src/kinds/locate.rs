//! Finds the marks of a schema, and the place of each in the arguments.
//!
//! A place is certain if every call that has a value there goes through the mark: below `properties`, `items`, `prefixItems`, `allOf`
//! and `$ref`. A mark below a keyword that holds for some values only (`anyOf`, `if`, `additionalProperties` and their like), or below a
//! reference that leads back to itself, is a fault.

use std::collections::BTreeSet;

use callgate_json::{Map, Value};

use super::mark::{KEYWORD, Mark, MarkForm, MarkedType};
use super::{ArgumentPlace, PlaceStep};
use crate::keywords;
use crate::problem::SchemaFault;
use crate::source::node::join;
use crate::sources::schema;

/// The maximum number of schemas that are visited, however often they refer to each other.
const MAX_VISITED: usize = 4096;
const UNCERTAIN: &str = "a mark here cannot be located, because only some values of the arguments pass through it; move it to a schema \
                         that is reached by `properties`, `items`, `prefixItems`, `allOf` and `$ref` alone";

/// Returns the marks of a schema of arguments, or every fault of them.
pub(crate) fn marks(schema: &Value) -> Result<Vec<Mark>, Vec<SchemaFault>> {
    let mut all = BTreeSet::new();
    collect(schema, String::new(), &mut all);
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let mut walk =
        MarkWalk { root: schema, found: Vec::new(), faults: Vec::new(), reached: BTreeSet::new(), left: MAX_VISITED };
    walk.visit(schema, "", &MarkReach { place: Some(Vec::new()), trail: Vec::new() });
    let MarkWalk { found, mut faults, reached, left, .. } = walk;
    if left == 0 {
        let message = format!("expected at most {MAX_VISITED} schemas, references followed, in a schema with marks");
        faults.push(SchemaFault { pointer: String::new(), message });
    } else if faults.is_empty() {
        for pointer in all.difference(&reached) {
            let message = "nothing refers to this part of the schema, so its mark means nothing; remove it".to_owned();
            faults.push(SchemaFault { pointer: pointer.clone(), message });
        }
    }
    for mark in &found {
        check_base(schema, mark, &mut faults);
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// Returns the schema without its marks, as a model may read it.
pub(crate) fn without_marks(schema: &Value) -> Value {
    let Value::Object(entries) = schema else { return schema.clone() };
    let kept = entries.iter().filter(|(key, _)| *key != KEYWORD).map(|(key, value)| {
        let value = match (keywords::holds(key), value) {
            (keywords::Holds::Schemas, Value::Array(items)) => items.iter().map(without_marks).collect(),
            (keywords::Holds::Schemas, schema) => without_marks(schema),
            (keywords::Holds::Named, Value::Object(named)) => {
                Value::Object(named.iter().map(|(name, schema)| (name.clone(), without_marks(schema))).collect())
            }
            _ => value.clone(),
        };
        (key.clone(), value)
    });
    Value::Object(kept.collect())
}

/// Returns true if a schema has a mark.
pub(crate) fn is_marked(schema: &Value) -> bool {
    let mut all = BTreeSet::new();
    collect(schema, String::new(), &mut all);
    !all.is_empty()
}

/// Collects the pointers of all marks.
fn collect(schema: &Value, pointer: String, found: &mut BTreeSet<String>) {
    let Value::Object(entries) = schema else { return };
    for (key, value) in entries {
        if key == KEYWORD {
            found.insert(join(&pointer, key));
        }
        for (place, schema) in keywords::schemas(key, value, &join(&pointer, key)) {
            collect(schema, place, found);
        }
    }
}

/// Returns true if a mark is below a schema, references followed.
fn reaches_mark(root: &Value, start: &Value) -> bool {
    let (mut open, mut seen) = (vec![start], BTreeSet::new());
    while let Some(schema) = open.pop() {
        let Value::Object(entries) = schema else { continue };
        if entries.contains_key(KEYWORD) {
            return true;
        }
        if let Some(reference) = entries.get("$ref").and_then(Value::as_str)
            && seen.insert(reference)
        {
            open.extend(keywords::local(root, reference));
        }
        open.extend(
            entries.iter().flat_map(|(key, value)| keywords::schemas(key, value, "")).map(|(_, schema)| schema),
        );
    }
    false
}

/// The argument that holds the directory must be one that the schema has.
fn check_base(schema: &Value, mark: &Mark, faults: &mut Vec<SchemaFault>) {
    let Some(base) = &mark.base else { return };
    let is_text = |node: &&Value| marked_type(node) == Some(MarkedType::Text);
    let nodes = base.members().map(|members| schema::at(schema, &members)).unwrap_or_default();
    if !nodes.iter().any(is_text) {
        let message =
            format!("expected the JSON Pointer of an argument of type `string`; the schema has none at `{base}`");
        faults.push(SchemaFault { pointer: String::new(), message });
    }
}

struct MarkWalk<'s> {
    root: &'s Value,
    found: Vec<Mark>,
    faults: Vec<SchemaFault>,
    /// The pointers of the marks that were met.
    reached: BTreeSet<String>,
    left: usize,
}

/// The way to a schema.
#[derive(Clone)]
struct MarkReach<'s> {
    /// The place of its values; `None` if not every value there passes through the schema.
    place: Option<Vec<PlaceStep>>,
    /// The references on the way.
    trail: Vec<&'s str>,
}

// === impl MarkReach ===

impl MarkReach<'_> {
    fn step(&self, step: PlaceStep) -> Self {
        let place = self.place.as_ref().map(|place| [place.as_slice(), &[step]].concat());
        Self { place, trail: self.trail.clone() }
    }

    fn nowhere(&self) -> Self {
        Self { place: None, trail: self.trail.clone() }
    }
}

// === impl MarkWalk ===

impl<'s> MarkWalk<'s> {
    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        let (pointer, message) = (pointer.to_owned(), message.into());
        if !self.faults.iter().any(|fault| fault.pointer == pointer) {
            self.faults.push(SchemaFault { pointer, message });
        }
    }

    fn visit(&mut self, schema: &'s Value, pointer: &str, reach: &MarkReach<'s>) {
        let Value::Object(entries) = schema else { return };
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        for (key, value) in entries {
            let at = join(pointer, key);
            match (key.as_str(), value) {
                (KEYWORD, value) => self.mark(entries, value, &at, reach),
                ("$ref", Value::String(reference)) => self.follow(reference, &at, reach),
                ("$dynamicRef" | "$recursiveRef", _) => {
                    self.fault(&at, "a schema with marks may not have dynamic references; use `$ref`");
                }
                // Definitions are visited where they are used.
                ("$defs" | "definitions", _) => {}
                (key, value) => {
                    for (index, (place, inner)) in keywords::schemas(key, value, &at).into_iter().enumerate() {
                        let inner_reach = match step(key, value, entries, &place, index) {
                            Some(step) => reach.step(step),
                            None if key == "allOf" => reach.clone(),
                            None => reach.nowhere(),
                        };
                        self.visit(inner, &place, &inner_reach);
                    }
                }
            }
        }
    }

    fn follow(&mut self, reference: &'s str, at: &str, reach: &MarkReach<'s>) {
        let Some(target) = keywords::local(self.root, reference) else { return };
        if reach.trail.contains(&reference) {
            if reaches_mark(self.root, target) {
                self.fault(at, "the schema refers to itself here, so marks below it cannot be located; write the levels out, or remove the marks");
            }
            return;
        }
        let pointer = keywords::percent_decoded(reference.trim_start_matches('#')).unwrap_or_default();
        let mut inner = reach.clone();
        inner.trail.push(reference);
        self.visit(target, &pointer, &inner);
    }

    fn mark(&mut self, entries: &Map<String, Value>, value: &Value, at: &str, reach: &MarkReach<'s>) {
        self.reached.insert(at.to_owned());
        let form = match MarkForm::read(value) {
            Ok(form) => form,
            Err(message) => return self.fault(at, message),
        };
        let has = marked_type(&Value::Object(entries.clone()));
        let (wanted, expected) = match form.marked_type() {
            MarkedType::Text => (MarkedType::Text, "`type: string` beside the mark"),
            MarkedType::Words => (MarkedType::Words, "`type: array` with `items: { type: string }` beside the mark"),
        };
        if has != Some(wanted) {
            return self.fault(at, format!("expected {expected}"));
        }
        match &reach.place {
            None => self.fault(at, UNCERTAIN),
            Some(place) => {
                let MarkForm { kind, base } = form;
                self.found.push(Mark { place: ArgumentPlace(place.clone()), kind, base });
            }
        }
    }
}

/// Returns the step from a schema to one in the value of a keyword; `None` if no step is certain.
fn step(key: &str, value: &Value, beside: &Map<String, Value>, place: &str, index: usize) -> Option<PlaceStep> {
    match key {
        "properties" => {
            let name = place.rsplit('/').next()?;
            Some(PlaceStep::Member(name.replace("~1", "/").replace("~0", "~")))
        }
        "prefixItems" => Some(PlaceStep::Item(index)),
        "items" if value.is_array() => Some(PlaceStep::Item(index)),
        // Behind `prefixItems` it holds for the rest alone.
        "items" if !beside.contains_key("prefixItems") => Some(PlaceStep::Items),
        _ => None,
    }
}

/// Returns the type of a schema, if a mark may stand there. `null` beside it stands for an absent value.
fn marked_type(schema: &Value) -> Option<MarkedType> {
    let name = match schema.get("type")? {
        Value::String(name) => name.as_str(),
        Value::Array(names) => {
            let mut names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.next().filter(|_| names.next().is_none())?
        }
        _ => return None,
    };
    match name {
        "string" => Some(MarkedType::Text),
        "array" if !schema.as_object()?.contains_key("prefixItems") => {
            (schema.get("items")?.get("type")?.as_str()? == "string").then_some(MarkedType::Words)
        }
        _ => None,
    }
}
