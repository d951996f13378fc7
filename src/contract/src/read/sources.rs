//! The fields about the sources of values: `output`, `confidential`, `egress`, `entities`, `origin`, `requires`.

use std::collections::BTreeSet;
use std::sync::Arc;

use callgate_provenance::{Extent, Place, ResultFormat, ResultSource, ToolOutput, ValueSource};
use regex::Regex;

use super::conditions::Names;
use super::fields::{Fields, Located, Report, one_of};
use crate::glob::Glob;
use crate::nearest::nearest;
use crate::schema::Schema;
use crate::source::node::{Data, Node, join};
use crate::sources::{From, OriginRule, Otherwise, Requires, SourceRules, schema};

/// The fields of a tool that are read here.
pub(super) const KNOWN: [&str; 6] = ["output", "confidential", "egress", "entities", "origin", "requires"];
const REMEDIES: [(&str, Otherwise); 2] = [("deny", Otherwise::Deny), ("approve", Otherwise::Approve)];
const ALL_REMEDIES: [(&str, Otherwise); 3] =
    [("deny", Otherwise::Deny), ("approve", Otherwise::Approve), ("feedback", Otherwise::Feedback)];
pub(super) const FORMATS: [(&str, ResultFormat); 4] = [
    ("json", ResultFormat::Json),
    ("yaml", ResultFormat::Yaml),
    ("lines", ResultFormat::Lines),
    ("text", ResultFormat::Text),
];
const SOURCES: [&str; 6] = ["system", "user", "trusted", "contract", "tool:NAME#/PLACE", "in:tool:NAME#/PLACE"];

/// Reads the rules of a tool. `format` is the declared format of its results, and `runs_here` is true if the executor runs it.
pub(super) fn rules(
    fields: &Fields<'_>,
    parameters: Option<&Schema>,
    (format, runs_here): (Option<ResultFormat>, bool),
    names: &Names,
    report: &mut Report<'_>,
) -> Option<SourceRules> {
    let (trusted, attributed) = match fields.get("output") {
        Some(item) => output(&item, report)?,
        None => (Extent::Nowhere, Extent::Nowhere),
    };
    let confidential = match fields.get("confidential") {
        Some(item) => confidential(&item, report)?,
        None => Extent::Nowhere,
    };
    let egress = match fields.get("egress") {
        Some(item) => remedied(&item, report)?,
        None => None,
    };
    let entities = match fields.get("entities") {
        Some(item) => remedied(&item, report)?,
        None => egress.map(|_| Otherwise::Approve),
    };
    let origins = match fields.get("origin") {
        Some(item) => origins(&item, parameters?, names, report)?,
        None => Vec::new(),
    };
    let requires = match fields.get("requires") {
        Some(item) => Some(requires(&item, report)?),
        None => None,
    };
    // The executor's results are JSON.
    let format = if runs_here { format.or(Some(ResultFormat::Json)) } else { format };
    let output = ToolOutput { format, is_json_first: runs_here, trusted, attributed, confidential };
    let output = Arc::new(output);
    Some(SourceRules { output, origins, egress, entities, requires })
}

/// Reads `trusted`, `untrusted`, or a mapping with places.
fn output(item: &Located<'_>, report: &mut Report<'_>) -> Option<(Extent, Extent)> {
    if !matches!(item.node.data, Data::Map(_)) {
        let is_trusted = item.word(&[("trusted", true), ("untrusted", false)], report)?;
        return Some((if is_trusted { Extent::Everywhere } else { Extent::Nowhere }, Extent::Nowhere));
    }
    let fields = Fields::open(item, &["trusted", "attributed"], &[], report)?;
    let mut extent = |name| match fields.get(name) {
        Some(item) => places(&item, report).map(Extent::Places),
        None => Some(Extent::Nowhere),
    };
    let (trusted, attributed) = (extent("trusted")?, extent("attributed")?);
    if trusted == Extent::Nowhere && attributed == Extent::Nowhere {
        return report
            .fault(item, "expected `trusted`, `untrusted`, or a mapping with `trusted` or `attributed` places");
    }
    Some((trusted, attributed))
}

fn confidential(item: &Located<'_>, report: &mut Report<'_>) -> Option<Extent> {
    match &item.node.data {
        Data::Bool(true) => Some(Extent::Everywhere),
        Data::Bool(false) => Some(Extent::Nowhere),
        Data::List(_) => places(item, report).map(Extent::Places),
        _ => report.fault(item, "expected `true`, `false`, or a list of places such as `#/note`"),
    }
}

fn places(item: &Located<'_>, report: &mut Report<'_>) -> Option<Vec<Place>> {
    let texts = item.texts(report)?;
    if texts.is_empty() {
        return report.fault(item, "expected at least one place, such as `#/items/*/id`");
    }
    let mut places = Vec::new();
    for (item, text) in texts {
        match text.parse::<Place>() {
            Ok(place) => places.push(place),
            Err(error) => return report.fault(&item, error.to_string()),
        }
    }
    Some(places)
}

/// Reads `true`, `false`, or `{ otherwise: deny | approve }`. The rule's own default is `approve`.
fn remedied(item: &Located<'_>, report: &mut Report<'_>) -> Option<Option<Otherwise>> {
    match item.node.data {
        Data::Bool(true) => Some(Some(Otherwise::Approve)),
        Data::Bool(false) => Some(None),
        Data::Map(_) => {
            let fields = Fields::open(item, &["otherwise"], &[], report)?;
            let otherwise = fields.need("otherwise", "`deny` or `approve`", report)?;
            otherwise.word(&REMEDIES, report).map(Some)
        }
        _ => report.fault(item, "expected `true`, `false` or `{ otherwise: deny }`"),
    }
}

fn origins(item: &Located<'_>, parameters: &Schema, names: &Names, report: &mut Report<'_>) -> Option<Vec<OriginRule>> {
    let mut rules = Vec::new();
    let entries = item.entries(report)?;
    if entries.is_empty() {
        return report.fault(item, "expected at least one JSON Pointer, such as `/email: { from: [user] }`");
    }
    for entry in entries {
        let located = Located { node: &entry.value, path: join(&item.path, &entry.key) };
        let place = match format!("#{}", entry.key).parse::<Place>() {
            Ok(place) if !place.is_of_names() => place,
            Ok(_) => {
                let message = "expected a place of values; `{key}` is for places of results";
                return report.fault_at(&entry.at, located.path, message);
            }
            Err(_) => {
                let message = "expected a JSON Pointer into the arguments, such as `/email` or `/items/*/id`";
                return report.fault_at(&entry.at, located.path, message);
            }
        };
        if !schema::may_have(parameters.value(), &place.names()) {
            let message = "expected a place of the arguments; the schema in `parameters` has none there";
            return report.fault_at(&entry.at, located.path, message);
        }
        rules.push(origin(&located, place, names, report)?);
    }
    Some(rules)
}

fn origin(item: &Located<'_>, place: Place, names: &Names, report: &mut Report<'_>) -> Option<OriginRule> {
    let fields = Fields::open(item, &["from", "notFrom", "otherwise", "missing"], &[], report)?;
    let from = match fields.get("from") {
        Some(item) => Some(from(&item, names, report)?),
        None => None,
    };
    let not_from_untrusted = match fields.get("notFrom") {
        Some(item) => {
            for (item, _) in item.texts(report)? {
                item.word(&[("untrusted", ())], report)?;
            }
            true
        }
        None => false,
    };
    if from.is_none() && !not_from_untrusted {
        return report.fault(item, "expected `from` with sources, or `notFrom: [untrusted]`");
    }
    let otherwise = match fields.get("otherwise") {
        Some(item) => item.word(&ALL_REMEDIES, report)?,
        None => Otherwise::default(),
    };
    let missing = match fields.get("missing") {
        Some(item) => item.word(&ALL_REMEDIES, report)?,
        None => otherwise,
    };
    Some(OriginRule { place, from, not_from_untrusted, otherwise, missing })
}

fn from(item: &Located<'_>, names: &Names, report: &mut Report<'_>) -> Option<From> {
    let texts = item.texts(report)?;
    if texts.is_empty() {
        return report.fault(item, format!("expected at least one of {}", one_of(&SOURCES)));
    }
    let shown: Vec<&str> = texts.iter().map(|(_, text)| *text).collect();
    let mut from = From { sources: Vec::new(), contract: false, shown: one_of(&shown) };
    for (item, text) in &texts {
        match *text {
            "system" => from.sources.push(ValueSource::System),
            "user" => from.sources.push(ValueSource::User),
            "trusted" => from.sources.push(ValueSource::Trusted),
            "contract" => from.contract = true,
            text => from.sources.push(result_source(item, text, names, report)?),
        }
    }
    Some(from)
}

fn result_source(item: &Located<'_>, text: &str, names: &Names, report: &mut Report<'_>) -> Option<ValueSource> {
    let (is_inside, rest) = match text.strip_prefix("in:") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let Some(rest) = rest.strip_prefix("tool:") else {
        let message = match nearest(text, SOURCES.iter().copied()) {
            Some(near) if text != "untrusted" => format!("unknown source; did you mean `{near}`?"),
            _ => format!("expected {}", one_of(&SOURCES)),
        };
        return report.fault(item, message);
    };
    let (tool, place) = match rest.find('#').and_then(|at| rest.split_at_checked(at)) {
        Some((tool, place)) => match place.parse::<Place>() {
            Ok(place) => (tool, Some(place)),
            Err(error) => return report.fault(item, error.to_string()),
        },
        None => (rest, None),
    };
    let glob = Glob::new(tool);
    let tools: BTreeSet<String> = names.tools().filter(|name| glob.matches(name)).map(str::to_owned).collect();
    if tools.is_empty() {
        let message = match nearest(tool, names.tools()) {
            Some(near) if !tool.contains('*') => format!("expected a tool of this contract; did you mean `{near}`?"),
            _ => "expected a tool of this contract; it has none of this name".to_owned(),
        };
        return report.fault(item, message);
    }
    Some(ValueSource::Result(ResultSource { tools, place, is_inside }))
}

fn requires(item: &Located<'_>, report: &mut Report<'_>) -> Option<Requires> {
    let fields = Fields::open(item, &["untainted", "user", "otherwise"], &[], report)?;
    let untainted = match fields.get("untainted") {
        Some(item) => item.switch(report)?,
        None => false,
    };
    let user = match fields.get("user") {
        Some(item) => match Regex::new(item.any_text(report)?) {
            Ok(pattern) => Some(pattern),
            Err(_) => {
                let message = "expected a regular expression of linear time (the syntax of Rust's `regex`)";
                return report.fault(&item, message);
            }
        },
        None => None,
    };
    if !untainted && user.is_none() {
        return report.fault(item, "expected `untainted: true` or a pattern in `user`");
    }
    let otherwise = match fields.get("otherwise") {
        Some(item) => item.word(&ALL_REMEDIES, report)?,
        None => Otherwise::default(),
    };
    Some(Requires { untainted, user, otherwise })
}

/// The field `result`: a JSON Schema, or a mapping with the format of results and their schema.
pub(super) struct ResultField<'n> {
    pub(super) format: Option<ResultFormat>,
    /// The schema, with its place.
    pub(super) schema: Option<Located<'n>>,
}

/// Reads `result`. `None` if it is faulty.
pub(super) fn result<'n>(item: &Located<'n>, report: &mut Report<'_>) -> Option<ResultField<'n>> {
    let Some(keys) = is_formatted(item.node) else {
        let message =
            "expected a JSON Schema, or `{ format, schema }` with the schema inside of `schema`; this is both";
        return report.fault(item, message);
    };
    if !keys {
        return Some(ResultField { format: Some(ResultFormat::Json), schema: Some(item.clone()) });
    }
    let fields = Fields::open(item, &["format", "schema"], &[], report)?;
    let format = match fields.get("format") {
        Some(item) => item.word(&FORMATS, report)?,
        None => ResultFormat::Json,
    };
    let schema = fields.get("schema");
    if let (Some(schema), true) = (&schema, format != ResultFormat::Json) {
        let message = "expected no schema: a schema is checked on JSON only; remove it, or say `format: json`";
        return report.fault(schema, message);
    }
    Some(ResultField { format: Some(format), schema })
}

/// Returns true for a mapping with a format, false for a JSON Schema, and `None` for a mixture. No JSON Schema has one of the formats,
/// since a schema with an unknown `format` is invalid, nor a keyword `schema`.
pub(crate) fn is_formatted(node: &Node) -> Option<bool> {
    let Data::Map(entries) = &node.data else { return Some(false) };
    let is_ours = |text: &str| FORMATS.iter().any(|(name, _)| *name == text);
    let has_ours = entries.iter().any(|entry| match entry.key.as_str() {
        "schema" => true,
        "format" => entry.value.text().is_some_and(is_ours),
        _ => false,
    });
    let only_ours = entries.iter().all(|entry| matches!(entry.key.as_str(), "format" | "schema"));
    match (has_ours, only_ours) {
        (true, false) => None,
        (has_ours, _) => Some(has_ours),
    }
}

/// Returns the schema in `result`, if there is one.
pub(super) fn schema_in_result(node: &Node) -> Option<&Node> {
    match is_formatted(node) {
        Some(true) => node.get("schema"),
        Some(false) => Some(node),
        None => None,
    }
}

/// Reads `spec.users`. Returns false if the text of users is untrusted.
pub(super) fn users(item: &Located<'_>, report: &mut Report<'_>) -> Option<bool> {
    let fields = Fields::open(item, &["text"], &[], report)?;
    let text = fields.need("text", "`trusted` or `untrusted`", report)?;
    text.word(&[("trusted", true), ("untrusted", false)], report)
}
