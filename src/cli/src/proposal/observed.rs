//! The format and the places of a tool's results, as conversations show them and as the tool's own schema does.
//!
//! The gate never guesses a format. Here it is a proposal for a person, so it keeps to results that are lists and records in most
//! conversations. A tool that returns a text of somebody else, such as a page or a file, has no format: its author could write fields.

use std::collections::BTreeMap;

use callgate_contract::guess_trust;
use callgate_provenance::{Content, Place, ResultFormat, Trust};
use serde_json::Value;

/// The maximum nesting of fields.
const DEPTH: usize = 6;
/// The maximum places of a tool.
const PLACES: usize = 64;
/// A record of YAML has at least so many members. A sentence with a colon has one.
const MEMBERS: usize = 3;
/// Verbs of tools that return one thing, and the things whose content somebody else writes.
const OPENS: [&str; 9] = ["read", "fetch", "open", "cat", "download", "browse", "view", "get", "scrape"];
const TEXTS: [&str; 10] = ["file", "page", "url", "web", "webpage", "website", "document", "content", "html", "text"];

/// The format and the places of a tool's results.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// `json` or `yaml`, and the number of results that show it.
    pub(crate) format: Option<(&'static str, usize)>,
    pub(crate) trusted: Vec<String>,
    pub(crate) attributed: Vec<String>,
}

/// Looks at the results of a tool.
pub(crate) fn observe(tool: &str, results: &[Content], schema: Option<&Value>) -> Observed {
    let mut fields = Fields { tool, places: BTreeMap::new() };
    if let Some(schema) = schema {
        fields.of_schema(schema, schema, "#".to_owned(), "", DEPTH);
    }
    let format = if schema.is_some() || returns_a_text(tool) { None } else { format(results) };
    if let Some((format, _)) = format {
        let values = results.iter().filter_map(|content| content.fields(format));
        values.for_each(|value| fields.of_value(&value, "#".to_owned(), "", DEPTH));
    }
    let of = |trust: Trust| {
        let places = fields.places.iter().filter(|(_, found)| **found == trust).map(|(place, _)| place.clone());
        // A name may hold signs that no place can have.
        places.filter(|place| place.parse::<Place>().is_ok()).take(PLACES).collect()
    };
    let word = |format| if format == ResultFormat::Json { "json" } else { "yaml" };
    Observed {
        format: format.map(|(format, count)| (word(format), count)),
        trusted: of(Trust::Trusted),
        attributed: of(Trust::Attributed),
    }
}

fn returns_a_text(tool: &str) -> bool {
    // A capital letter begins a word.
    let spaced: String =
        tool.chars().flat_map(|letter| letter.is_uppercase().then_some(' ').into_iter().chain([letter])).collect();
    let words: Vec<String> = spaced
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    words.first().is_some_and(|first| OPENS.contains(&first.as_str())) && has(&TEXTS)
}

/// Returns the format of more than half of the results, and their number.
fn format(results: &[Content]) -> Option<(ResultFormat, usize)> {
    let count = |format, is_record: fn(&Value) -> bool| {
        let count =
            results.iter().filter(|content| content.fields(format).is_some_and(|value| is_record(&value))).count();
        (count * 2 > results.len()).then_some((format, count))
    };
    count(ResultFormat::Json, |_| true).or_else(|| count(ResultFormat::Yaml, is_record))
}

/// Returns true for a record, or a list of records, in YAML.
fn is_record(value: &Value) -> bool {
    let is_name = |name: &String| {
        name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-')
    };
    let is_one = |value: &Value| {
        value.as_object().is_some_and(|members| members.len() >= MEMBERS && members.keys().all(is_name))
    };
    match value {
        Value::Array(items) => items.iter().all(is_one),
        value => is_one(value),
    }
}

/// The fields of results, with the trust that their names suggest.
struct Fields<'t> {
    tool: &'t str,
    places: BTreeMap<String, Trust>,
}

// === impl Fields ===

impl Fields<'_> {
    fn of_value(&mut self, value: &Value, place: String, name: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match value {
            Value::Null => {}
            Value::Bool(_) => self.add(place, Trust::Trusted),
            Value::Number(_) | Value::String(_) => self.add_named(place, name),
            Value::Array(items) => items.iter().for_each(|item| self.of_value(item, format!("{place}/*"), name, depth)),
            // The names are values: addresses, say.
            Value::Object(members) if members.keys().any(|name| name.contains(['@', ' ', '.', '/', '{'])) => {
                self.add(format!("{place}/{{key}}"), Trust::Attributed);
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.of_value(member, format!("{place}/{}", escaped(name)), name, depth);
                }
            }
        }
    }

    fn of_schema(&mut self, root: &Value, schema: &Value, place: String, name: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let target =
            schema.get("$ref").and_then(Value::as_str).and_then(|target| root.pointer(target.strip_prefix('#')?));
        let schema = target.unwrap_or(schema);
        if let Some(members) = schema.get("properties").and_then(Value::as_object) {
            for (name, member) in members {
                self.of_schema(root, member, format!("{place}/{}", escaped(name)), name, depth);
            }
        } else if let Some(items) = schema.get("items") {
            self.of_schema(root, items, format!("{place}/*"), name, depth);
        } else if schema.get("type").is_some() {
            self.add_named(place, name);
        }
    }

    fn add_named(&mut self, place: String, name: &str) {
        let trust = if name.is_empty() { Trust::Untrusted } else { guess_trust(self.tool, name) };
        self.add(place, trust);
    }

    /// Adds a place. If results differ, the one with less trust counts.
    fn add(&mut self, place: String, trust: Trust) {
        let rank = |trust: Trust| match trust {
            Trust::Untrusted => 0,
            Trust::Attributed => 1,
            Trust::Trusted => 2,
        };
        let known = self.places.entry(place).or_insert(trust);
        if rank(trust) < rank(*known) {
            *known = trust;
        }
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
