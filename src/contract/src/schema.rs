//! One JSON Schema: compiled when the contract loads, then asked yes or no, and only on no for a reason.
//!
//! Draft 2020-12 unless `$schema` says otherwise. Every keyword and every format is enforced, or the schema is refused.
//! Regular expressions run in linear time. Nothing is fetched.

use callgate_json::{MAX_DEPTH, Value};
use jsonschema::Validator;

use crate::keywords::local;
use crate::kinds::locate::without_marks;
use crate::problem::Problem;
use crate::reports::Reports;

/// A schema and its validator.
pub(crate) struct Schema {
    value: Value,
    validator: Validator,
    reports: Reports,
}

// === impl Schema ===

impl Schema {
    /// Joins a schema with the validator of its enforced copy.
    pub(crate) fn new(value: Value, validator: Validator) -> Self {
        let value = without_marks(&value);
        Self { reports: Reports::new(&value), value, validator }
    }

    /// The schema as its author ordered it, without marks of argument kinds.
    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    /// The fast path: yes or no.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// The slow path: explains a refused value.
    pub(crate) fn explain(&self, value: &Value) -> Problem {
        self.reports.explain(&self.value, &self.validator, value)
    }

    /// Returns true if the top type is `object`, directly or through `#/…` references.
    pub(crate) fn is_object_at_the_top(&self) -> bool {
        let mut here = &self.value;
        for _ in 0..MAX_DEPTH {
            if let Some(kind) = here.get("type") {
                return kind == "object" || kind.as_array().is_some_and(|kinds| kinds.iter().all(|k| k == "object"));
            }
            match here.get("$ref").and_then(Value::as_str).and_then(|reference| local(&self.value, reference)) {
                Some(next) => here = next,
                None => return false,
            }
        }
        false
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Schema").field(&self.value).finish()
    }
}
