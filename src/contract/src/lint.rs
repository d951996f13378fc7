//! Finds the rules of a schema that would not be enforced, and the reasons why one does not compile: every fault with its place.
//!
//! An unenforced rule is worse than a missing one. So a misspelt keyword, a keyword of another draft, an unknown format
//! and a keyword without its companion are errors. Notes and `x-…` keywords decide nothing and pass.
//!
//! Not found: contradictory rules, and rules that no value of their `type` can break.

use std::collections::BTreeSet;

use callgate_json::{Map, Value};
use jsonschema::Draft::{self, Draft4, Draft7, Draft201909, Draft202012};
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

use crate::checks::Checks;
use crate::keywords::{self, KEYWORDS, Keyword, Purpose};
use crate::kinds::mark;
use crate::nearest::nearest;
use crate::problem::SchemaFault;
use crate::source::node::join;
use crate::{explain, formats};

/// Names from other languages of schemas, and their equivalents in JSON Schema.
const FOREIGN: [(&str, &str); 14] = [
    ("nullable", "`type: [string, \"null\"]`"),
    ("optional", "`required` in the object, which lists the properties that must be there"),
    ("divisibleBy", "`multipleOf`"),
    ("extends", "`allOf`"),
    ("disallow", "`not`"),
    ("min", "`minimum`"),
    ("max", "`maximum`"),
    ("length", "`minLength` and `maxLength`"),
    ("regex", "`pattern`"),
    ("regexp", "`pattern`"),
    ("values", "`enum`"),
    ("options", "`enum`"),
    ("strict", "`additionalProperties: false`"),
    ("contentSchema", "a property with that schema; a schema of what a string encodes is not enforced in any draft"),
];

/// Keywords enforced only together with another.
const COMPANIONS: [(&str, &[&str]); 7] = [
    ("if", &["then", "else"]),
    ("then", &["if"]),
    ("else", &["if"]),
    ("minContains", &["contains"]),
    ("maxContains", &["contains"]),
    ("additionalItems", &["items"]),
    ("discriminator", &["oneOf", "anyOf"]),
];

/// Returns every fault of `schema`, without compiling it.
pub(crate) fn faults(schema: &Value, checks: &mut Checks) -> Vec<SchemaFault> {
    let mut walk = SchemaWalk {
        root: schema,
        draft: keywords::draft(schema),
        places: BTreeSet::new(),
        apart: vec![(String::new(), schema)],
        found: Vec::new(),
        checks,
    };
    walk.schema(schema, "");
    walk.references(schema, "");
    let SchemaWalk { apart, mut found, checks, .. } = walk;
    meta_faults(schema, &apart, checks, &mut found);
    found
}

/// Returns a fault found by compiling.
pub(crate) fn uncompiled(error: &ValidationError<'_>) -> SchemaFault {
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
    SchemaFault { pointer, message }
}

/// Adds the faults found by the draft's meta-schema, except at places with a fault.
fn meta_faults(schema: &Value, parts: &[(String, &Value)], checks: &mut Checks, found: &mut Vec<SchemaFault>) {
    let Some(meta) = checks.meta(schema) else { return };
    for (place, part) in parts {
        for error in meta.iter_errors(part) {
            let pointer = format!("{place}{}", error.instance_path().as_str());
            // A key with a malformed regular expression is reported at the key.
            let is_told = |fault: &SchemaFault| {
                let rest = fault.pointer.strip_prefix(pointer.as_str());
                rest.is_some_and(|rest| {
                    rest.is_empty() || (rest.starts_with('/') && pointer.ends_with("/patternProperties"))
                })
            };
            if !found.iter().any(is_told) {
                found.push(SchemaFault { pointer, message: explain::expectation(&Value::Null, &error) });
            }
        }
    }
}

struct SchemaWalk<'s, 'c> {
    root: &'s Value,
    draft: Draft,
    /// Pointers to the schemas.
    places: BTreeSet<String>,
    /// The whole, and the schemas in `$defs` if the draft's meta-schema does not look into it.
    apart: Vec<(String, &'s Value)>,
    found: Vec<SchemaFault>,
    checks: &'c mut Checks,
}

// === impl SchemaWalk ===

impl<'s> SchemaWalk<'s, '_> {
    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        self.found.push(SchemaFault { pointer: pointer.to_owned(), message: message.into() });
    }

    fn schema(&mut self, schema: &'s Value, pointer: &str) {
        self.places.insert(pointer.to_owned());
        let Value::Object(entries) = schema else { return };
        for (key, value) in entries {
            let place = join(pointer, key);
            match keywords::find(key) {
                Some(keyword) => self.keyword(keyword, entries, value, &place),
                // A mark, which is read with its place.
                None if key == mark::KEYWORD => {}
                None if key.starts_with("x-callgate") => {
                    self.fault(&place, format!("unknown mark; expected `{}`", mark::KEYWORD))
                }
                None if key.starts_with("x-") => {}
                None => self.fault(&place, self.unknown(key)),
            }
            for (place, schema) in keywords::schemas(key, value, &place) {
                self.schema(schema, &place);
                if key == "$defs" && self.draft <= Draft7 {
                    self.apart.push((place, schema));
                }
            }
        }
    }

    fn keyword(&mut self, keyword: &Keyword, beside: &Map<String, Value>, value: &Value, place: &str) {
        let name = keyword.name;
        if self.draft < keyword.since || self.draft > keyword.until {
            let message = format!(
                "`{name}` is not enforced in {}, only {}; name such a draft in `$schema` or say it another way",
                called(self.draft),
                drafts(keyword)
            );
            return self.fault(place, message);
        }
        if self.draft <= Draft7 && keyword.purpose == Purpose::Rule && name != "$ref" && beside.contains_key("$ref") {
            let message =
                format!("`{name}` is not enforced beside a `$ref` in {}; put both into an `allOf`", called(self.draft));
            return self.fault(place, message);
        }
        if let Some((_, needed)) = COMPANIONS.iter().find(|(companion, _)| *companion == name)
            && !needed.iter().any(|needed| beside.contains_key(*needed))
        {
            return self.fault(
                place,
                format!("`{name}` means nothing without `{}`; add it or remove this", needed.join("` or `")),
            );
        }
        match (name, value) {
            ("pattern", Value::String(text)) => self.pattern(text, place),
            ("patternProperties", Value::Object(named)) => {
                for text in named.keys() {
                    self.pattern(text, &join(place, text));
                }
            }
            ("properties", Value::Object(named)) => {
                for (name, _) in
                    named.iter().filter(|(name, schema)| schema.is_boolean() && keywords::find(name).is_some())
                {
                    let message = format!(
                        "`{name}` is the name of a property here; move it out of `properties`, or write `{{}}` for a property of any kind"
                    );
                    self.fault(&join(place, name), message);
                }
            }
            ("format", Value::String(format)) => {
                if let Some(message) = formats::fault(format, beside.get("type")) {
                    self.fault(place, message);
                }
            }
            ("contentEncoding" | "contentMediaType", Value::String(value)) => {
                if let Some(message) = formats::content_fault(name, value) {
                    self.fault(place, message);
                }
            }
            ("additionalItems", _) if !beside.get("items").is_some_and(Value::is_array) => {
                self.fault(place, "`additionalItems` means nothing unless `items` is a list; remove it");
            }
            ("$schema", Value::String(uri)) => self.dialect(uri, place),
            _ => {}
        }
    }

    fn dialect(&mut self, uri: &str, place: &str) {
        let draft = Draft::from_schema_uri(uri);
        if ![Draft4, Draft::Draft6, Draft7, Draft201909, Draft202012].contains(&draft) {
            self.fault(
                place,
                "unknown draft; expected that of 2020-12, `https://json-schema.org/draft/2020-12/schema`, of 2019-09, or of draft 7, 6 or 4",
            );
        } else if draft != self.draft {
            self.fault(place, format!("expected {}, the draft of the schema around it", called(self.draft)));
        }
    }

    fn pattern(&mut self, text: &str, place: &str) {
        if !self.checks.is_pattern(text) {
            let message = "expected a regular expression that runs in linear time; look-around, back-references and \
                           expressions that grow beyond the size limit are not supported";
            self.fault(place, message);
        }
    }

    /// Checks each `$ref` once all places are known. References with another form than `#/…` are the validator's.
    fn references(&mut self, schema: &Value, pointer: &str) {
        let Value::Object(entries) = schema else { return };
        if let Some(Value::String(reference)) = entries.get("$ref") {
            let place = join(pointer, "$ref");
            let target = reference.strip_prefix('#').and_then(keywords::percent_decoded);
            match target {
                _ if reference.is_empty() => self.fault(&place, "expected a reference; write `#` for the whole schema"),
                Some(target) if self.places.contains(&target) => {}
                Some(target) if target.starts_with('/') && self.root.pointer(&target).is_some() => {
                    self.fault(&place, "expected a reference to a schema; that place holds none");
                }
                Some(target) if target.is_empty() || target.starts_with('/') => {
                    self.fault(&place, "expected a reference to an existing place in this schema");
                }
                _ => {}
            }
        }
        for (key, value) in entries {
            for (place, schema) in keywords::schemas(key, value, &join(pointer, key)) {
                self.references(schema, &place);
            }
        }
    }

    fn unknown(&self, name: &str) -> String {
        if let Some((_, instead)) = FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
            return format!("`{name}` is not enforced; use {instead}");
        }
        let known = KEYWORDS.iter().filter(|keyword| keyword.since <= self.draft && self.draft <= keyword.until);
        match nearest(name, known.map(|keyword| keyword.name)) {
            Some(near) => format!("unknown keyword; did you mean `{near}`?"),
            None => format!("unknown keyword, which nothing would enforce; remove it, or write a note as `x-{name}`"),
        }
    }
}

fn called(draft: Draft) -> &'static str {
    match draft {
        Draft4 => "draft 4",
        Draft::Draft6 => "draft 6",
        Draft7 => "draft 7",
        Draft201909 => "draft 2019-09",
        _ => "draft 2020-12",
    }
}

fn drafts(keyword: &Keyword) -> String {
    match (keyword.since, keyword.until) {
        (since, until) if since == until => format!("in {}", called(since)),
        (since, Draft202012) => format!("from {} on", called(since)),
        (_, until) => format!("up to {}", called(until)),
    }
}
