//! The keywords of JSON Schema: the kind of each value, and the drafts in which the validator enforces it.
//!
//! Only this table knows keywords. A schema is walked along it: only the listed places hold
//! schemas, and a `$ref` or a misspelt keyword elsewhere is data.

use callgate_json::Value;
use jsonschema::Draft::{self, Draft4, Draft6, Draft7, Draft201909, Draft202012};

use crate::source::node::join;

/// The value of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Data, in which nothing is a keyword.
    Data,
    /// A schema, or a list of schemas.
    Schemas,
    /// A map from names to schemas. A list of names in place of a schema is data.
    Named,
}

/// The purpose of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Decides which values are valid.
    Rule,
    /// Describes the value for people and models; decides nothing.
    Note,
    /// Names or keeps schemas.
    Place,
}

/// One keyword, enforced from draft `since` to draft `until`.
#[derive(Debug)]
pub(crate) struct Keyword {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
    pub(crate) purpose: Purpose,
    pub(crate) since: Draft,
    pub(crate) until: Draft,
}

const fn word(name: &'static str, holds: Holds, purpose: Purpose, since: Draft, until: Draft) -> Keyword {
    Keyword { name, holds, purpose, since, until }
}

const fn rule(name: &'static str, holds: Holds, since: Draft) -> Keyword {
    word(name, holds, Purpose::Rule, since, Draft202012)
}

/// A descriptive keyword is harmless in every draft.
const fn note(name: &'static str) -> Keyword {
    word(name, Holds::Data, Purpose::Note, Draft4, Draft202012)
}

const fn place(name: &'static str, holds: Holds, since: Draft, until: Draft) -> Keyword {
    word(name, holds, Purpose::Place, since, until)
}

use Holds::{Data, Named, Schemas};

/// Every keyword of schemas. No draft has the notes after `writeOnly`, but they are common and harmless.
pub(crate) const KEYWORDS: [Keyword; 69] = [
    place("$schema", Data, Draft4, Draft202012),
    place("$id", Data, Draft6, Draft202012),
    place("id", Data, Draft4, Draft4),
    place("$anchor", Data, Draft201909, Draft202012),
    place("$dynamicAnchor", Data, Draft202012, Draft202012),
    place("$recursiveAnchor", Data, Draft201909, Draft201909),
    place("$vocabulary", Data, Draft201909, Draft202012),
    place("$defs", Named, Draft4, Draft202012),
    place("definitions", Named, Draft4, Draft202012),
    rule("$ref", Data, Draft4),
    rule("$dynamicRef", Data, Draft202012),
    word("$recursiveRef", Data, Purpose::Rule, Draft201909, Draft201909),
    rule("allOf", Schemas, Draft4),
    rule("anyOf", Schemas, Draft4),
    rule("oneOf", Schemas, Draft4),
    rule("not", Schemas, Draft4),
    rule("if", Schemas, Draft7),
    rule("then", Schemas, Draft7),
    rule("else", Schemas, Draft7),
    rule("properties", Named, Draft4),
    rule("patternProperties", Named, Draft4),
    rule("additionalProperties", Schemas, Draft4),
    rule("propertyNames", Schemas, Draft6),
    rule("unevaluatedProperties", Schemas, Draft201909),
    rule("dependencies", Named, Draft4),
    rule("dependentSchemas", Named, Draft201909),
    rule("dependentRequired", Data, Draft201909),
    rule("items", Schemas, Draft4),
    word("additionalItems", Schemas, Purpose::Rule, Draft4, Draft201909),
    rule("prefixItems", Schemas, Draft202012),
    rule("unevaluatedItems", Schemas, Draft201909),
    rule("contains", Schemas, Draft6),
    rule("minContains", Data, Draft201909),
    rule("maxContains", Data, Draft201909),
    rule("type", Data, Draft4),
    rule("enum", Data, Draft4),
    rule("const", Data, Draft6),
    rule("multipleOf", Data, Draft4),
    rule("minimum", Data, Draft4),
    rule("maximum", Data, Draft4),
    rule("exclusiveMinimum", Data, Draft4),
    rule("exclusiveMaximum", Data, Draft4),
    rule("minLength", Data, Draft4),
    rule("maxLength", Data, Draft4),
    rule("pattern", Data, Draft4),
    rule("format", Data, Draft4),
    rule("contentEncoding", Data, Draft6),
    rule("contentMediaType", Data, Draft6),
    rule("minItems", Data, Draft4),
    rule("maxItems", Data, Draft4),
    rule("uniqueItems", Data, Draft4),
    rule("required", Data, Draft4),
    rule("minProperties", Data, Draft4),
    rule("maxProperties", Data, Draft4),
    note("title"),
    note("description"),
    note("default"),
    note("examples"),
    note("$comment"),
    note("deprecated"),
    note("readOnly"),
    note("writeOnly"),
    note("example"),
    note("discriminator"),
    note("propertyOrdering"),
    note("enumNames"),
    note("enumDescriptions"),
    note("markdownDescription"),
    note("externalDocs"),
];

/// Returns the keyword of that name.
pub(crate) fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

/// Returns the kind of `name`'s value. An unknown keyword holds data.
pub(crate) fn holds(name: &str) -> Holds {
    find(name).map_or(Holds::Data, |keyword| keyword.holds)
}

/// The schemas in the value of a keyword, each with its place below `pointer`, which is the keyword's.
pub(crate) fn schemas<'s>(keyword: &str, value: &'s Value, pointer: &str) -> Vec<(String, &'s Value)> {
    match (holds(keyword), value) {
        (Holds::Data, _) => Vec::new(),
        (Holds::Schemas, Value::Array(items)) => {
            items.iter().enumerate().map(|(index, item)| (format!("{pointer}/{index}"), item)).collect()
        }
        (Holds::Schemas, schema) => vec![(pointer.to_owned(), schema)],
        (Holds::Named, Value::Object(named)) => named
            .iter()
            .filter(|(_, value)| !value.is_array())
            .map(|(name, value)| (join(pointer, name), value))
            .collect(),
        (Holds::Named, _) => Vec::new(),
    }
}

/// Returns the draft of a schema; 2020-12 by default.
pub(crate) fn draft(schema: &Value) -> Draft {
    schema.get("$schema").and_then(Value::as_str).map_or(Draft202012, Draft::from_schema_uri)
}

/// Returns the target of a local reference (`#` or `#/…`).
pub(crate) fn local<'s>(schema: &'s Value, reference: &str) -> Option<&'s Value> {
    schema.pointer(&percent_decoded(reference.strip_prefix('#')?)?)
}

/// A JSON Pointer from its form in a URI fragment (RFC 6901 section 6).
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = digit(rest.next())? * 16 + digit(rest.next())?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
