//! Turns a failed validation into one sentence: the expected value.
//!
//! Everything in the sentence comes from the schema, and so from the contract. Nothing comes from the value: its
//! author is a model, and who reads the sentence may be another one. For the same reason the pointer stops at the first
//! key missing from the schema.

use callgate_json::Value;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::{Location, LocationSegment};

use crate::problem::Problem;
use crate::recursion;
use crate::source::node::join;

/// The maximum number of characters of a schema's own text (options, patterns, names) in one sentence.
const LONGEST_QUOTE: usize = 400;
/// The maximum number of alternatives in one sentence.
const ALTERNATIVES: usize = 4;

/// One step of an explanation.
pub(crate) struct Explanation<'v> {
    pub(crate) problem: Problem,
    /// True if the pointer is whole, not cut at a key missing from the schema.
    pub(crate) is_whole: bool,
    /// The failed recursive reference, and its value.
    pub(crate) stopped_at: Option<(String, &'v Value)>,
}

/// Explains `error`, which `value` caused under `schema`. If a recursive reference failed, the explanation names it, to
/// continue there.
pub(crate) fn step<'v>(schema: &Value, value: &'v Value, error: &ValidationError<'_>) -> Explanation<'v> {
    let error = closest(error);
    let location = error.instance_path().as_str();
    let mut pointer = named_part(schema, value, error.instance_path());
    let is_whole = pointer == location;
    if let Kind::Required { property: Value::String(missing) } = error.kind()
        && is_whole
    {
        pointer = join(&pointer, missing);
    }
    let stopped_at = match error.kind() {
        Kind::Not { schema: negated } => {
            recursion::stopped_at(negated).and_then(|reference| Some((reference.to_owned(), value.pointer(location)?)))
        }
        _ => None,
    };
    Explanation { problem: Problem { pointer, message: expectation(schema, error) }, is_whole, stopped_at }
}

/// Returns a sentence: "expected …".
pub(crate) fn expectation(schema: &Value, error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Type { kind } => format!("expected {}", types(kind)),
        Kind::Required { property } => format!("expected the required property {}", quote(property)),
        Kind::Enum { options } => format!("expected one of {}", list(options)),
        Kind::Constant { expected_value } => format!("expected the value {}", quote(expected_value)),
        Kind::Minimum { limit } => format!("expected a number of at least {limit}"),
        Kind::Maximum { limit } => format!("expected a number of at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("expected a number above {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("expected a number below {limit}"),
        Kind::MultipleOf { multiple_of } => format!("expected a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("expected a string of at least {}", many(*limit, "character")),
        Kind::MaxLength { limit } => format!("expected a string of at most {}", many(*limit, "character")),
        Kind::Pattern { pattern } => format!("expected a string that matches the pattern `{}`", cut(pattern)),
        Kind::Format { format } => format!("expected a string in the format `{}`", cut(format)),
        Kind::MinItems { limit } => format!("expected at least {}", many(*limit, "item")),
        Kind::MaxItems { limit } => format!("expected at most {}", many(*limit, "item")),
        Kind::AdditionalItems { limit } => format!("expected at most {}", many(*limit as u64, "item")),
        Kind::UniqueItems => "expected items that all differ".to_owned(),
        Kind::Contains => "expected an item that satisfies the schema's `contains`".to_owned(),
        Kind::UnevaluatedItems { .. } => "expected no items beyond those that the schema describes".to_owned(),
        Kind::MinProperties { limit } => format!("expected at least {}", properties(*limit)),
        Kind::MaxProperties { limit } => format!("expected at most {}", properties(*limit)),
        Kind::AdditionalProperties { .. } => allowed(schema, error.schema_path()),
        Kind::UnevaluatedProperties { .. } => "expected only properties that the schema names".to_owned(),
        Kind::PropertyNames { error } => {
            let inner = expectation(schema, error);
            format!("expected every property name to be valid: {inner}")
        }
        Kind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            allowed(schema, error.schema_path())
        }
        Kind::FalseSchema => "expected nothing here; the schema allows no value".to_owned(),
        Kind::Not { .. } => "expected a value that the schema's `not` does not describe".to_owned(),
        Kind::AnyOf { context } => alternatives(schema, error, context, "anyOf"),
        Kind::OneOfNotValid { context } => alternatives(schema, error, context, "oneOf"),
        Kind::OneOfMultipleValid { .. } => {
            "expected a value that fits exactly one alternative of the schema's `oneOf`, and it fits several".to_owned()
        }
        Kind::ContentEncoding { content_encoding } => {
            format!("expected a string in the encoding `{}`", cut(content_encoding))
        }
        Kind::ContentMediaType { content_media_type } => {
            format!("expected a string of the media type `{}`", cut(content_media_type))
        }
        other => format!("expected a value that satisfies the schema's `{}`", other.keyword()),
    }
}

/// Returns the error to report. If the value clearly means one alternative of `anyOf` or `oneOf`, this is the error inside
/// it: no other alternative has the value's own type and constants.
fn closest<'e, 'i>(error: &'e ValidationError<'i>) -> &'e ValidationError<'i>
where
    'i: 'e,
{
    let (Kind::AnyOf { context } | Kind::OneOfNotValid { context }) = error.kind() else { return error };
    let depth = error.instance_path().iter().len();
    let is_meant = |errors: &&Vec<ValidationError<'static>>| {
        !errors.is_empty()
            && errors.iter().all(|inner| {
                let below = inner.instance_path().iter().len().saturating_sub(depth);
                match inner.kind() {
                    Kind::Type { .. } => below > 0,
                    Kind::Constant { .. } | Kind::Enum { .. } => below > 1,
                    _ => true,
                }
            })
    };
    let mut meant = context.iter().filter(is_meant);
    match (meant.next().and_then(|errors| errors.first()), meant.next()) {
        (Some(inner), None) => closest(inner),
        _ => error,
    }
}

/// Returns the pointer up to the first key missing from the schema. Positions in arrays are kept.
fn named_part(schema: &Value, value: &Value, location: &Location) -> String {
    let mut pointer = String::new();
    let mut here = Some(value);
    for segment in location.iter() {
        match segment {
            LocationSegment::Index(index) => {
                here = here.and_then(|value| value.get(index));
                pointer = format!("{pointer}/{index}");
            }
            LocationSegment::Property(key) => {
                if here.is_some_and(Value::is_object) && !names(schema, &key) {
                    break;
                }
                here = here.and_then(|value| value.get(key.as_ref()));
                pointer = join(&pointer, &key);
            }
        }
    }
    pointer
}

/// Returns true if `key` is the name of a property anywhere in the schema.
fn names(schema: &Value, key: &str) -> bool {
    match schema {
        Value::Array(items) => items.iter().any(|item| names(item, key)),
        Value::Object(entries) => entries.iter().any(|(keyword, value)| {
            let here = match (keyword.as_str(), value) {
                ("properties" | "dependentSchemas" | "dependentRequired", Value::Object(named)) => {
                    named.contains_key(key)
                }
                ("required", Value::Array(required)) => required.iter().any(|name| name == key),
                _ => false,
            };
            here || names(value, key)
        }),
        _ => false,
    }
}

/// Names the allowed properties of the object at `additionalProperties`.
fn allowed(schema: &Value, keyword: &Location) -> String {
    let object = keyword.as_str().rsplit_once('/').and_then(|(object, _)| schema.pointer(object));
    let keys = |name: &str| match object.and_then(|object| object.get(name)) {
        Some(Value::Object(named)) => named.keys().cloned().collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    let (names, patterns) = (keys("properties"), keys("patternProperties"));
    match (names.is_empty(), patterns.is_empty()) {
        (true, true) if object.is_some() => "expected an object without properties".to_owned(),
        (true, true) => "expected only properties that the schema names".to_owned(),
        (false, true) => format!("expected only the properties {}", ticked(&names)),
        (true, false) => format!("expected only properties whose names match {}", ticked(&patterns)),
        (false, false) => {
            let names = ticked(&names);
            format!("expected only the properties {names} and those whose names match {}", ticked(&patterns))
        }
    }
}

fn alternatives(
    schema: &Value,
    error: &ValidationError<'_>,
    context: &[Vec<ValidationError<'static>>],
    keyword: &str,
) -> String {
    let described: Vec<String> = context
        .iter()
        .filter_map(|errors| errors.first())
        .map(|inner| {
            let sentence = expectation(schema, inner);
            let sentence = sentence.strip_prefix("expected ").unwrap_or(&sentence).to_owned();
            let deeper = inner.instance_path().iter().len() > error.instance_path().iter().len();
            if deeper { format!("{sentence} inside it") } else { sentence }
        })
        .collect();
    if described.is_empty() || described.len() > ALTERNATIVES {
        return format!(
            "expected a value that fits one of the {} alternatives of the schema's `{keyword}`",
            context.len()
        );
    }
    cut(&format!("expected {}", described.join(", or "))).to_owned()
}

fn types(kind: &TypeKind) -> String {
    let name = |kind: jsonschema::JsonType| match kind {
        jsonschema::JsonType::Null => "null",
        jsonschema::JsonType::Boolean => "true or false",
        jsonschema::JsonType::Integer => "an integer",
        jsonschema::JsonType::Number => "a number",
        jsonschema::JsonType::String => "a string",
        jsonschema::JsonType::Array => "an array",
        jsonschema::JsonType::Object => "an object",
    };
    match kind {
        TypeKind::Single(kind) => name(*kind).to_owned(),
        TypeKind::Multiple(kinds) => kinds.iter().map(name).collect::<Vec<_>>().join(", or "),
    }
}

fn list(options: &Value) -> String {
    match options {
        Value::Array(options) => {
            let texts: Vec<String> = options.iter().map(Value::to_string).collect();
            shortened(&texts)
        }
        other => quote(other),
    }
}

fn ticked(names: &[String]) -> String {
    let texts: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    shortened(&texts)
}

/// Lists as many as fit, and the number of the others.
fn shortened(texts: &[String]) -> String {
    let mut length = 0;
    let fitting = texts.iter().take_while(|text| {
        length += text.len() + 2;
        length <= LONGEST_QUOTE
    });
    let shown: Vec<&str> = fitting.map(String::as_str).collect();
    match texts.len() - shown.len() {
        0 => shown.join(", "),
        more if shown.is_empty() => format!("the {more} that the schema lists"),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn quote(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", cut(text)),
        other => cut(&other.to_string()).to_owned(),
    }
}

fn cut(text: &str) -> &str {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

fn many(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn properties(count: u64) -> String {
    if count == 1 { "1 property".to_owned() } else { format!("{count} properties") }
}
