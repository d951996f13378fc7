//! Checks that schemas share, so that each is made once: meta-schemas and regular expressions.

use std::collections::BTreeSet;

use callgate_json::Value;
use jsonschema::meta::MetaValidator;

use crate::keywords;
use crate::options::options;
use crate::recursion::single;

/// The results of checks that several schemas share.
#[derive(Default)]
pub(crate) struct Checks {
    /// The validator of each meta-schema, by the `$schema` that names it. `None` for an unknown meta-schema.
    metas: Vec<(Option<String>, Option<MetaValidator<'static>>)>,
    /// Regular expressions that compile.
    patterns: BTreeSet<String>,
}

// === impl Checks ===

impl Checks {
    /// Returns the validator of the meta-schema that `schema` names.
    pub(crate) fn meta(&mut self, schema: &Value) -> Option<&MetaValidator<'static>> {
        let name = schema.get("$schema").and_then(Value::as_str);
        let known = self.metas.iter().position(|(known, _)| known.as_deref() == name);
        let place = known.unwrap_or_else(|| {
            self.metas.push((name.map(str::to_owned), jsonschema::meta::validator_for(schema).ok()));
            self.metas.len() - 1
        });
        self.metas.get(place)?.1.as_ref()
    }

    /// Returns true for a regular expression that compiles and runs in linear time.
    pub(crate) fn is_pattern(&self, text: &str) -> bool {
        self.patterns.contains(text) || options().build(&pattern(text)).is_ok()
    }

    /// Compiles the regular expressions of a group in one build. If one does not compile, each is tried when it is asked for.
    pub(crate) fn note_patterns(&mut self, schemas: &[Value]) {
        let mut texts = BTreeSet::new();
        schemas.iter().for_each(|schema| patterns(schema, &mut texts));
        let new: Vec<Value> =
            texts.iter().filter(|text| !self.patterns.contains(*text)).map(|text| pattern(text)).collect();
        if new.len() > 1 && options().build(&single("allOf", Value::Array(new))).is_ok() {
            self.patterns.extend(texts);
        }
    }
}

/// The schema of the strings that a regular expression matches.
fn pattern(text: &str) -> Value {
    single("pattern", Value::String(text.to_owned()))
}

/// Collects the regular expressions of a schema.
fn patterns(schema: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(entries) = schema else { return };
    found.extend(entries.get("pattern").and_then(Value::as_str).map(str::to_owned));
    if let Some(Value::Object(named)) = entries.get("patternProperties") {
        found.extend(named.keys().cloned());
    }
    for (key, value) in entries {
        for (_, schema) in keywords::schemas(key, value, "") {
            patterns(schema, found);
        }
    }
}
