//! The effect of a changed JSON Schema, as far as it is certain.
//!
//! Both schemas are walked side by side, and only through keywords in which a looser part makes a looser whole. There each
//! keyword is compared by its own rule. A keyword outside these rules is unclear, and so is everything if a schema has
//! keywords that look at others (`unevaluatedProperties`) or references other than `#/…`.
//!
//! Two references are followed to their targets. A pair of targets is compared once: a recursive schema then claims about
//! itself only as much as its parts show, by induction over the depth of a value.
//!
//! Not covered: two keywords that together allow nothing or everything. Their lines only promise less.

mod parts;

use std::collections::HashSet;

use callgate_json::{Map, Value};

use super::{ChangeEffect, sets};
use crate::keywords::{self, Purpose};
use crate::kinds::mark;
use crate::source::node::join;

/// One difference of two schemas.
#[derive(Debug)]
pub(super) struct Difference {
    /// The place in the schema as a JSON Pointer.
    pub(super) pointer: String,
    pub(super) effect: ChangeEffect,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

/// Keywords whose meaning depends on their neighbours or on the place of a schema.
const FAR: [&str; 7] = [
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
    "$recursiveRef",
    "$anchor",
    "$dynamicAnchor",
    "$recursiveAnchor",
];
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// Compares two schemas; a boolean is a schema too.
pub(super) fn compare(before: &Value, after: &Value) -> Vec<Difference> {
    if before == after {
        return Vec::new();
    }
    let mut schemas = Schemas { before, after, seen: HashSet::new(), found: Vec::new() };
    schemas.schema(before, after, "");
    let Schemas { mut found, .. } = schemas;
    if !is_plain(before) || !is_plain(after) || keywords::draft(before) != keywords::draft(after) {
        for difference in &mut found {
            difference.effect = ChangeEffect::Unclear;
        }
    }
    if found.is_empty() {
        found.push(Difference {
            pointer: String::new(),
            effect: ChangeEffect::Unclear,
            before: Some(before.clone()),
            after: Some(after.clone()),
        });
    }
    found
}

/// Returns true if each keyword's meaning depends on nothing outside of it but `#/…` references.
fn is_plain(root: &Value) -> bool {
    !has_key(root, &|key, value| FAR.contains(&key) || ((key == "$id" || key == "id") && value.is_string()))
}

/// Returns true if equal text may still mean something else, because it refers to another place.
fn refers(value: &Value) -> bool {
    has_key(value, &|key, _| REFERENCES.contains(&key))
}

fn has_key(value: &Value, test: &impl Fn(&str, &Value) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| has_key(item, test)),
        Value::Object(fields) => fields.iter().any(|(key, value)| test(key, value) || has_key(value, test)),
        _ => false,
    }
}

/// The walk over two schemas.
struct Schemas<'s> {
    before: &'s Value,
    after: &'s Value,
    /// Pairs of references already compared.
    seen: HashSet<(&'s str, &'s str)>,
    found: Vec<Difference>,
}

// === impl Schemas ===

impl<'s> Schemas<'s> {
    fn schema(&mut self, a: &'s Value, b: &'s Value, at: &str) {
        if a == b && !refers(a) {
            return;
        }
        match (a, b) {
            (Value::Object(a), Value::Object(b)) => self.keywords(a, b, at),
            // `true` is the schema without a keyword.
            (Value::Bool(true), Value::Object(b)) => self.keywords(parts::nothing(), b, at),
            (Value::Object(a), Value::Bool(true)) => self.keywords(a, parts::nothing(), at),
            (_, Value::Bool(false)) => self.push(at, ChangeEffect::Closes, Some(a), Some(b)),
            (Value::Bool(false), _) => self.push(at, ChangeEffect::Opens, Some(a), Some(b)),
            _ => self.push(at, ChangeEffect::Unclear, Some(a), Some(b)),
        }
    }

    fn keywords(&mut self, a: &'s Map<String, Value>, b: &'s Map<String, Value>, at: &str) {
        self.properties(a, b, at);
        self.items(a, b, at);
        let removed = a.keys().filter(|key| !b.contains_key(*key));
        for key in b.keys().chain(removed) {
            if !parts::is_joint(key) {
                self.keyword(key, a.get(key), b.get(key), at);
            }
        }
    }

    fn keyword(&mut self, key: &str, a: Option<&'s Value>, b: Option<&'s Value>, at: &str) {
        let place = join(at, key);
        let is_same = a == b && key != "$ref" && !a.is_some_and(refers);
        if is_same || matches!(key, "$defs" | "definitions") {
            // Definitions are compared where they are used.
            return;
        }
        let strings = |value: Option<&'s Value>| sets::list(value);
        let effect = match key {
            "$ref" => return self.reference(a, b, at),
            "allOf" | "anyOf" if a.is_some() && b.is_some() => return self.branches(key, a, b, &place),
            "type" => types(a, b),
            "enum" => match (a, b) {
                (Some(_), Some(_)) => sets::items(&strings(a), &strings(b)),
                _ => restriction(a, b),
            },
            "required" => sets::items(&strings(a), &strings(b)).reversed(),
            "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => bound(a, b),
            "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => lower_bound(a, b),
            "uniqueItems" => {
                let is_on = |value: Option<&Value>| Some(value == Some(&Value::Bool(true)));
                sets::most(is_on(a), is_on(b)).reversed()
            }
            // Another draft makes every line unclear.
            "$schema" => ChangeEffect::Nothing,
            // A mark only refuses values.
            mark::KEYWORD => restriction(a, b),
            "minContains" | "maxContains" => ChangeEffect::Unclear,
            _ if key.starts_with("x-") && !key.starts_with("x-callgate") => ChangeEffect::Nothing,
            _ => match keywords::find(key).map(|keyword| keyword.purpose) {
                Some(Purpose::Note) => ChangeEffect::Nothing,
                Some(Purpose::Rule) => restriction(a, b),
                Some(Purpose::Place) | None => ChangeEffect::Unclear,
            },
        };
        if a != b || effect != ChangeEffect::Nothing {
            self.push(&place, effect, a, b);
        }
    }

    /// Follows two references; the difference of their targets is the difference here.
    fn reference(&mut self, a: Option<&'s Value>, b: Option<&'s Value>, at: &str) {
        let (from, to) = (a.and_then(Value::as_str), b.and_then(Value::as_str));
        let (before, after) = (self.before, self.after);
        let targets = from
            .zip(to)
            .and_then(|(from, to)| Some(((from, to), keywords::local(before, from)?, keywords::local(after, to)?)));
        match targets {
            Some((pair, from, to)) => {
                if self.seen.insert(pair) {
                    self.schema(from, to, pair.1.trim_start_matches('#'));
                }
            }
            None => self.push(&join(at, "$ref"), ChangeEffect::Unclear, a, b),
        }
    }

    /// Compares the branches of `allOf` or `anyOf` in their order. A further one of `allOf` closes, of `anyOf` opens.
    fn branches(&mut self, key: &str, a: Option<&'s Value>, b: Option<&'s Value>, place: &str) {
        let (a, b) = (sets::list(a), sets::list(b));
        let further = if key == "allOf" { ChangeEffect::Closes } else { ChangeEffect::Opens };
        for index in 0..a.len().max(b.len()) {
            let place = join(place, &index.to_string());
            match (a.get(index), b.get(index)) {
                (Some(a), Some(b)) => self.schema(a, b, &place),
                (None, b) => self.push(&place, further, None, b.copied()),
                (a, None) => self.push(&place, further.reversed(), a.copied(), None),
            }
        }
    }

    fn push(&mut self, pointer: &str, effect: ChangeEffect, before: Option<&Value>, after: Option<&Value>) {
        let (pointer, before, after) = (pointer.to_owned(), before.cloned(), after.cloned());
        self.found.push(Difference { pointer, effect, before, after });
    }
}

/// A keyword that only refuses values: adding it closes, removing it opens.
fn restriction(a: Option<&Value>, b: Option<&Value>) -> ChangeEffect {
    match (a, b) {
        (None, Some(_)) => ChangeEffect::Closes,
        (Some(_), None) => ChangeEffect::Opens,
        _ => ChangeEffect::Unclear,
    }
}

/// An upper bound. The boolean form of draft 4 is unclear.
fn bound(a: Option<&Value>, b: Option<&Value>) -> ChangeEffect {
    let number = |value: Option<&Value>| value.map(|value| value.as_f64().ok_or(())).transpose();
    match (number(a), number(b)) {
        // Numbers beyond 2^53 may be equal here and yet differ.
        (Ok(a), Ok(b)) if a.is_some() && a == b => ChangeEffect::Unclear,
        (Ok(a), Ok(b)) => sets::most(a, b),
        _ => ChangeEffect::Unclear,
    }
}

/// A lower bound.
fn lower_bound(a: Option<&Value>, b: Option<&Value>) -> ChangeEffect {
    match (a, b) {
        (Some(_), Some(_)) => bound(a, b).reversed(),
        _ if a.or(b).is_some_and(Value::is_number) => restriction(a, b),
        _ => ChangeEffect::Unclear,
    }
}

/// Types: the absent keyword is every type, and a number may be an integer.
fn types(a: Option<&Value>, b: Option<&Value>) -> ChangeEffect {
    if a.is_none() || b.is_none() {
        return restriction(a, b);
    }
    sets::cover(&sets::list(a), &sets::list(b), |set, kind| {
        set.contains(kind) || (*kind == "integer" && set.iter().any(|kind| *kind == "number"))
    })
}
