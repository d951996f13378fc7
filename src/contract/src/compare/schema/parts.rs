//! Keywords that are compared together, because one decides the reach of another.

use std::sync::LazyLock;

use callgate_json::{Map, Value};

use super::{ChangeEffect, Schemas, refers};
use crate::source::node::join;

static TRUE: Value = Value::Bool(true);
static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// The schema without a keyword.
pub(super) fn nothing() -> &'static Map<String, Value> {
    &NOTHING
}

/// Returns true for a keyword that [`Schemas::properties`] or [`Schemas::items`] compares.
pub(super) fn is_joint(key: &str) -> bool {
    PROPERTIES.contains(&key) || ITEMS.contains(&key)
}

const PROPERTIES: [&str; 3] = ["properties", "patternProperties", "additionalProperties"];
const ITEMS: [&str; 3] = ["items", "prefixItems", "additionalItems"];

impl<'s> Schemas<'s> {
    /// A property that one schema does not name falls under its `additionalProperties`.
    pub(super) fn properties(&mut self, a: &'s Map<String, Value>, b: &'s Map<String, Value>, at: &str) {
        let named = |map: &'s Map<String, Value>| map.get("properties").and_then(Value::as_object).unwrap_or(&NOTHING);
        let (of_a, of_b) = (named(a), named(b));
        let same_names = of_a.len() == of_b.len() && of_a.keys().all(|name| of_b.contains_key(name));
        if a.contains_key("patternProperties") || b.contains_key("patternProperties") {
            // A pattern may take a property, so names and patterns must be the same.
            if !same_names || !is_same(a.get("patternProperties"), b.get("patternProperties")) {
                return self.unclear(&PROPERTIES, a, b, at);
            }
        }
        let rest = |map: &'s Map<String, Value>| map.get("additionalProperties").unwrap_or(&TRUE);
        let place = join(at, "properties");
        let removed = of_a.keys().filter(|name| !of_b.contains_key(*name));
        for name in of_b.keys().chain(removed) {
            let (in_a, in_b) = (of_a.get(name), of_b.get(name));
            let (from, to) = (in_a.unwrap_or_else(|| rest(a)), in_b.unwrap_or_else(|| rest(b)));
            let place = join(&place, name);
            if in_a.is_some() && in_b.is_some() {
                self.schema(from, to, &place);
            } else {
                let effect = self.effect(from, to);
                self.push(&place, effect, in_a, in_b);
            }
        }
        let (from, to) = (a.get("additionalProperties"), b.get("additionalProperties"));
        let place = join(at, "additionalProperties");
        if from != to && (from == Some(&TRUE) || to == Some(&TRUE)) && (from.is_none() || to.is_none()) {
            self.push(&place, ChangeEffect::Nothing, from, to);
        }
        self.schema(rest(a), rest(b), &place);
    }

    /// `items` applies to the items that no earlier keyword takes.
    pub(super) fn items(&mut self, a: &'s Map<String, Value>, b: &'s Map<String, Value>, at: &str) {
        let is_plain = |map: &Map<String, Value>| {
            !map.contains_key("prefixItems")
                && !map.contains_key("additionalItems")
                && !map.get("items").is_some_and(Value::is_array)
        };
        if !is_plain(a) || !is_plain(b) {
            return self.unclear(&ITEMS, a, b, at);
        }
        let place = join(at, "items");
        match (a.get("items"), b.get("items")) {
            (None, None) => {}
            (None, Some(to)) => {
                let effect = self.effect(&TRUE, to);
                self.push(&place, effect, None, Some(to));
            }
            (Some(from), None) => {
                let effect = self.effect(from, &TRUE);
                self.push(&place, effect, Some(from), None);
            }
            (Some(from), Some(to)) => self.schema(from, to, &place),
        }
    }

    /// The effect of replacing one schema by another, without its lines.
    fn effect(&self, from: &'s Value, to: &'s Value) -> ChangeEffect {
        // With the pairs seen so far, a recursive schema ends here too; their differences are listed where they were first seen.
        let mut inner = Schemas { before: self.before, after: self.after, seen: self.seen.clone(), found: Vec::new() };
        inner.schema(from, to, "");
        inner.found.iter().fold(ChangeEffect::Nothing, |effect, difference| effect.and(difference.effect))
    }

    fn unclear(&mut self, keys: &[&str], a: &'s Map<String, Value>, b: &'s Map<String, Value>, at: &str) {
        for key in keys {
            if !is_same(a.get(*key), b.get(*key)) {
                self.push(&join(at, key), ChangeEffect::Unclear, a.get(*key), b.get(*key));
            }
        }
    }
}

fn is_same(a: Option<&Value>, b: Option<&Value>) -> bool {
    a == b && !a.is_some_and(refers)
}
