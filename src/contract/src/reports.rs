//! The reason for a denial. Giving it costs no more than the denial; see [`crate::recursion`].

use std::collections::{BTreeMap, BTreeSet};

use callgate_json::{MAX_DEPTH, Map, Value};
use jsonschema::{Draft, Validator};

use crate::explain;
use crate::formats::enforced;
use crate::keywords;
use crate::options::options;
use crate::problem::Problem;
use crate::recursion::{self, Shape, single};

/// The `$id` of the explaining copy.
const COPY: &str = "callgate:schema";

/// The source of reasons.
pub(crate) enum Reports {
    /// From the deciding validator.
    Direct,
    /// From the explaining copy of the schema, one level of its recursion at a time.
    Stepwise(Stepwise),
    /// A general sentence: the schema's references are not followed.
    None,
}

/// The explaining copy, with a validator for each recursive reference and for `#`.
pub(crate) struct Stepwise {
    copy: Value,
    validators: BTreeMap<String, Validator>,
}

// === impl Reports ===

impl Reports {
    pub(crate) fn new(schema: &Value) -> Self {
        match recursion::shape(schema) {
            Shape::Finite => Self::Direct,
            Shape::Recursive(recursive) => Stepwise::new(schema, &recursive).map_or(Self::None, Self::Stepwise),
            Shape::Unknown => Self::None,
        }
    }

    /// Returns the reason why `schema`, compiled as `validator`, does not accept `value`.
    pub(crate) fn explain(&self, schema: &Value, validator: &Validator, value: &Value) -> Problem {
        let general = |pointer| Problem { pointer, message: "expected a value that satisfies the schema".to_owned() };
        match self {
            Self::Direct => match validator.validate(value) {
                Err(error) => explain::step(schema, value, &error).problem,
                Ok(()) => general(String::new()),
            },
            Self::Stepwise(stepwise) => stepwise.explain(value).unwrap_or_else(general),
            Self::None => general(String::new()),
        }
    }
}

// === impl Stepwise ===

impl Stepwise {
    fn new(schema: &Value, recursive: &BTreeSet<String>) -> Option<Self> {
        // Drafts up to 7 ignore the keywords next to a `$ref`.
        let siblings_count = keywords::draft(schema) > Draft::Draft7;
        let mut copy = enforced(&recursion::cut(schema, recursive, siblings_count));
        copy.as_object_mut()?.insert("$id".to_owned(), Value::String(COPY.to_owned()));
        let mut validators = BTreeMap::new();
        for reference in recursive.iter().map(String::as_str).chain(["#"]) {
            let start = single("$ref", Value::String(format!("{COPY}{reference}")));
            let mut entry = Map::from_iter([("allOf".to_owned(), Value::Array(vec![start]))]);
            if let Some(draft) = schema.get("$schema") {
                entry.insert("$schema".to_owned(), draft.clone());
            }
            let definitions = if siblings_count { "$defs" } else { "definitions" };
            entry.insert(definitions.to_owned(), single("copy", copy.clone()));
            validators.insert(reference.to_owned(), options().build(&Value::Object(entry)).ok()?);
        }
        Some(Self { copy, validators })
    }

    /// Follows one recursive reference after the other, down to the fault. The error is the pointer so far.
    fn explain(&self, value: &Value) -> Result<Problem, String> {
        let mut here = value;
        let mut reference = "#".to_owned();
        let mut pointer = String::new();
        let mut follows = true;
        for _ in 0..2 * MAX_DEPTH {
            let Some(Err(error)) = self.validators.get(&reference).map(|validator| validator.validate(here)) else {
                break;
            };
            let step = explain::step(&self.copy, here, &error);
            if follows {
                pointer.push_str(&step.problem.pointer);
            }
            follows &= step.is_whole;
            match step.stopped_at {
                Some((next, inner)) => (reference, here) = (next, inner),
                None => return Ok(Problem { pointer, message: step.problem.message }),
            }
        }
        Err(pointer)
    }
}
