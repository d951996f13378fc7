//! A schema is enforced as written, or refused at the unenforced place.

use callgate_contract::{Caller, Contract, Conversation, ProposedCall, Verdict, decide, load};

use crate::folder::{Folder, with_parameters};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DRAFTS: [(&str, &str); 5] = [
    ("draft 4", "http://json-schema.org/draft-04/schema#"),
    ("draft 6", "http://json-schema.org/draft-06/schema#"),
    ("draft 7", "http://json-schema.org/draft-07/schema#"),
    ("draft 2019-09", "https://json-schema.org/draft/2019-09/schema"),
    ("draft 2020-12", "https://json-schema.org/draft/2020-12/schema"),
];

/// A contract whose tool `f` takes a property `p` of that schema, in that draft.
fn contract(draft: &str, schema: &str) -> Result<Contract, String> {
    let (_, uri) = DRAFTS.iter().find(|(name, _)| *name == draft).unwrap();
    let parameters = format!(
        "{{ $schema: \"{uri}\", type: object, definitions: {{ d: {{ type: object, properties: {{ n: {{}} }} }} }}, properties: {{ p: {schema} }} }}"
    );
    load("c.yaml", &with_parameters(&parameters), &Folder(&[])).map_err(|errors| {
        let told = |path: &str, message: &str| {
            format!("{}: {message}", path.strip_prefix("/spec/tools/0/parameters/properties/p").unwrap_or(path))
        };
        assert!(errors.iter().all(|fault| fault.line > 0 && fault.column > 0), "{errors}");
        errors.iter().map(|fault| told(&fault.path, &fault.message)).collect::<Vec<_>>().join("\n")
    })
}

fn allows(contract: &Contract, value: &str) -> bool {
    let caller = Caller::new("", "r");
    let arguments = format!("{{\"p\":{value}}}");
    let call = ProposedCall { name: "f", arguments: &arguments };
    matches!(decide(contract, &caller, &Conversation::default(), &call), Verdict::Allow(_))
}

/// Draft, schema, faults.
const REFUSED: [(&str, &str, &str); 66] = [
    // misspelt keywords and formats
    ("draft 2020-12", "{ maxLenght: 5 }", "/maxLenght: unknown keyword; did you mean `maxLength`?"),
    (
        "draft 2020-12",
        "{ additionalProperites: false }",
        "/additionalProperites: unknown keyword; did you mean `additionalProperties`?",
    ),
    ("draft 2020-12", "{ require: [a] }", "/require: unknown keyword; did you mean `required`?"),
    ("draft 7", "{ maxlength: 5 }", "/maxlength: unknown keyword; did you mean `maxLength`?"),
    (
        "draft 2020-12",
        "{ id: a }",
        "/id: `id` is not enforced in draft 2020-12, only in draft 4; name such a draft in `$schema` or say it another way",
    ),
    ("draft 2020-12", "{ ref: a }", "/ref: unknown keyword; did you mean `$ref`?"),
    ("draft 2020-12", "{ format: emial }", "/format: unknown format; did you mean `email`?"),
    ("draft 2020-12", "{ format: Date }", "/format: unknown format; did you mean `date`?"),
    ("draft 2020-12", "{ format: datetime }", "/format: unknown format; did you mean `date-time`?"),
    ("draft 2020-12", "{ format: int23 }", "/format: unknown format; did you mean `int32`?"),
    (
        "draft 2020-12",
        "{ format: colour }",
        "/format: unknown format, which nothing would check; use a `pattern`, or one of date, date-time, time, duration, email, hostname, ipv4, ipv6, uri, uri-reference, uri-template, iri, iri-reference, json-pointer, relative-json-pointer, uuid, regex",
    ),
    // wherever a schema can be
    (
        "draft 2020-12",
        "{ allOf: [{}, { maxLenght: 5 }] }",
        "/allOf/1/maxLenght: unknown keyword; did you mean `maxLength`?",
    ),
    ("draft 2020-12", "{ not: { maxLenght: 5 } }", "/not/maxLenght: unknown keyword; did you mean `maxLength`?"),
    ("draft 2020-12", "{ items: { maxLenght: 5 } }", "/items/maxLenght: unknown keyword; did you mean `maxLength`?"),
    ("draft 7", "{ items: [{ maxLenght: 5 }] }", "/items/0/maxLenght: unknown keyword; did you mean `maxLength`?"),
    (
        "draft 2020-12",
        "{ prefixItems: [{ maxLenght: 5 }] }",
        "/prefixItems/0/maxLenght: unknown keyword; did you mean `maxLength`?",
    ),
    (
        "draft 2020-12",
        "{ $defs: { a: { maxLenght: 5 } } }",
        "/$defs/a/maxLenght: unknown keyword; did you mean `maxLength`?",
    ),
    ("draft 7", "{ $defs: { a: { maxLenght: 5 } } }", "/$defs/a/maxLenght: unknown keyword; did you mean `maxLength`?"),
    (
        "draft 2020-12",
        "{ patternProperties: { \"^a/\": { maxLenght: 5 } } }",
        "/patternProperties/^a~1/maxLenght: unknown keyword; did you mean `maxLength`?",
    ),
    (
        "draft 2020-12",
        "{ dependentSchemas: { a: { maxLenght: 5 } } }",
        "/dependentSchemas/a/maxLenght: unknown keyword; did you mean `maxLength`?",
    ),
    (
        "draft 7",
        "{ dependencies: { a: { maxLenght: 5 }, b: [maxLenght] } }",
        "/dependencies/a/maxLenght: unknown keyword; did you mean `maxLength`?",
    ),
    ("draft 7", "{ if: {}, then: { maxLenght: 5 } }", "/then/maxLenght: unknown keyword; did you mean `maxLength`?"),
    // words of other languages
    (
        "draft 2020-12",
        "{ type: string, nullable: true }",
        "/nullable: `nullable` is not enforced; use `type: [string, \"null\"]`",
    ),
    (
        "draft 2020-12",
        "{ optional: true }",
        "/optional: `optional` is not enforced; use `required` in the object, which lists the properties that must be there",
    ),
    ("draft 2020-12", "{ min: 1 }", "/min: `min` is not enforced; use `minimum`"),
    (
        "draft 2020-12",
        "{ encrypted: true }",
        "/encrypted: unknown keyword, which nothing would enforce; remove it, or write a note as `x-encrypted`",
    ),
    // known, but not in this draft
    (
        "draft 2019-09",
        "{ prefixItems: [{}] }",
        "/prefixItems: `prefixItems` is not enforced in draft 2019-09, only in draft 2020-12; name such a draft in `$schema` or say it another way",
    ),
    (
        "draft 2020-12",
        "{ additionalItems: false }",
        "/additionalItems: `additionalItems` is not enforced in draft 2020-12, only up to draft 2019-09; name such a draft in `$schema` or say it another way",
    ),
    (
        "draft 7",
        "{ dependentRequired: { a: [b] } }",
        "/dependentRequired: `dependentRequired` is not enforced in draft 7, only from draft 2019-09 on; name such a draft in `$schema` or say it another way",
    ),
    (
        "draft 7",
        "{ unevaluatedProperties: false }",
        "/unevaluatedProperties: `unevaluatedProperties` is not enforced in draft 7, only from draft 2019-09 on; name such a draft in `$schema` or say it another way",
    ),
    (
        "draft 7",
        "{ contains: {}, minContains: 2 }",
        "/minContains: `minContains` is not enforced in draft 7, only from draft 2019-09 on; name such a draft in `$schema` or say it another way",
    ),
    (
        "draft 4",
        "{ const: 1 }",
        "/const: `const` is not enforced in draft 4, only from draft 6 on; name such a draft in `$schema` or say it another way",
    ),
    (
        "draft 6",
        "{ if: {}, then: {} }",
        "/if: `if` is not enforced in draft 6, only from draft 7 on; name such a draft in `$schema` or say it another way\n/then: `then` is not enforced in draft 6, only from draft 7 on; name such a draft in `$schema` or say it another way",
    ),
    (
        "draft 2020-12",
        "{ $recursiveRef: \"#\" }",
        "/$recursiveRef: `$recursiveRef` is not enforced in draft 2020-12, only in draft 2019-09; name such a draft in `$schema` or say it another way",
    ),
    (
        "draft 2019-09",
        "{ $dynamicRef: \"#\" }",
        "/$dynamicRef: `$dynamicRef` is not enforced in draft 2019-09, only in draft 2020-12; name such a draft in `$schema` or say it another way",
    ),
    // known, but not beside this keyword or without that one
    (
        "draft 7",
        "{ $ref: \"#/definitions/d\", maxProperties: 5 }",
        "/maxProperties: `maxProperties` is not enforced beside a `$ref` in draft 7; put both into an `allOf`",
    ),
    ("draft 2020-12", "{ if: {} }", "/if: `if` means nothing without `then` or `else`; add it or remove this"),
    (
        "draft 2020-12",
        "{ properties: { a: {}, additionalProperties: false } }",
        "/properties/additionalProperties: `additionalProperties` is the name of a property here; move it out of `properties`, or write `{}` for a property of any kind",
    ),
    (
        "draft 2020-12",
        "{ type: integer, x-callgate: { path: read } }",
        "/x-callgate: expected `type: string` beside the mark",
    ),
    (
        "draft 2020-12",
        "{ type: string, x-callgate-path: read }",
        "/x-callgate-path: unknown mark; expected `x-callgate`",
    ),
    ("draft 2020-12", "{ then: false }", "/then: `then` means nothing without `if`; add it or remove this"),
    ("draft 7", "{ else: false }", "/else: `else` means nothing without `if`; add it or remove this"),
    (
        "draft 2020-12",
        "{ maxContains: 1 }",
        "/maxContains: `maxContains` means nothing without `contains`; add it or remove this",
    ),
    (
        "draft 7",
        "{ items: {}, additionalItems: false }",
        "/additionalItems: `additionalItems` means nothing unless `items` is a list; remove it",
    ),
    (
        "draft 2020-12",
        "{ discriminator: { propertyName: k } }",
        "/discriminator: `discriminator` means nothing without `oneOf` or `anyOf`; add it or remove this",
    ),
    // unchecked formats and contents
    (
        "draft 2020-12",
        "{ format: idn-email }",
        "/format: expected a format that is checked; `idn-email` is not, use a `pattern`",
    ),
    (
        "draft 2020-12",
        "{ type: integer, format: date }",
        "/format: `date` is checked in strings only, and `type` allows none; remove one of them",
    ),
    (
        "draft 2020-12",
        "{ type: [string, \"null\"], format: int64 }",
        "/format: `int64` is checked in numbers only, and `type` allows none; use a `pattern`",
    ),
    (
        "draft 2020-12",
        "{ contentEncoding: base32 }",
        "/contentEncoding: only `base64` is checked; say anything else in the `description`",
    ),
    (
        "draft 7",
        "{ contentMediaType: image/png }",
        "/contentMediaType: only `application/json` is checked; say anything else in the `description`",
    ),
    (
        "draft 2020-12",
        "{ contentMediaType: application/json, contentSchema: {} }",
        "/contentSchema: `contentSchema` is not enforced; use a property with that schema; a schema of what a string encodes is not enforced in any draft",
    ),
    // patterns, each at its place and once
    (
        "draft 2020-12",
        "{ $defs: { a: { pattern: \"(\" } } }",
        "/$defs/a/pattern: expected a regular expression that runs in linear time; look-around, back-references and expressions that grow beyond the size limit are not supported",
    ),
    (
        "draft 7",
        "{ $defs: { a: { pattern: \"(\" } } }",
        "/$defs/a/pattern: expected a regular expression that runs in linear time; look-around, back-references and expressions that grow beyond the size limit are not supported",
    ),
    (
        "draft 7",
        "{ allOf: [{ not: { pattern: \"(?=a)\" } }] }",
        "/allOf/0/not/pattern: expected a regular expression that runs in linear time; look-around, back-references and expressions that grow beyond the size limit are not supported",
    ),
    (
        "draft 2020-12",
        "{ patternProperties: { \"(\": {} } }",
        "/patternProperties/(: expected a regular expression that runs in linear time; look-around, back-references and expressions that grow beyond the size limit are not supported",
    ),
    (
        "draft 2020-12",
        "{ propertyNames: { pattern: \"a{9999}{9999}\" } }",
        "/propertyNames/pattern: expected a regular expression that runs in linear time; look-around, back-references and expressions that grow beyond the size limit are not supported",
    ),
    // values unknown to the draft's meta-schema
    ("draft 7", "{ $defs: { a: { maxLength: x } } }", "/$defs/a/maxLength: expected an integer"),
    ("draft 4", "{ minimum: 1, exclusiveMinimum: 1 }", "/exclusiveMinimum: expected true or false"),
    // drafts
    (
        "draft 2020-12",
        "{ $schema: \"http://json-schema.org/draft-07/schema#\" }",
        "/$schema: expected draft 2020-12, the draft of the schema around it",
    ),
    (
        "draft 2020-12",
        "{ $schema: \"https://example.com/mine\" }",
        "/$schema: unknown draft; expected that of 2020-12, `https://json-schema.org/draft/2020-12/schema`, of 2019-09, or of draft 7, 6 or 4",
    ),
    // references
    ("draft 2020-12", "{ $ref: \"\" }", "/$ref: expected a reference; write `#` for the whole schema"),
    (
        "draft 2020-12",
        "{ $ref: \"#/properties/p/x-a\", x-a: { maxLenght: 5 } }",
        "/$ref: expected a reference to a schema; that place holds none",
    ),
    (
        "draft 2020-12",
        "{ $ref: \"#/properties/p/default\", default: {} }",
        "/$ref: expected a reference to a schema; that place holds none",
    ),
    ("draft 2020-12", "{ $ref: \"#/definitions\" }", "/$ref: expected a reference to a schema; that place holds none"),
    ("draft 7", "{ $ref: \"#/definitions/x\" }", "/$ref: expected a reference to an existing place in this schema"),
    (
        "draft 2020-12",
        "{ $ref: \"#/definitions/d/properties/n/type\" }",
        "/$ref: expected a reference to an existing place in this schema",
    ),
];

#[test]
fn an_unenforced_rule_is_refused_at_its_place() {
    let mut wrong = String::new();
    for (draft, schema, expected) in REFUSED {
        let got = contract(draft, schema).map_or_else(|faults| faults, |_| "(accepted)".to_owned());
        if got != expected {
            wrong.push_str(&format!("{draft} {schema}\n  expected: {expected}\n  got:      {got}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Schemas with apparent faults: names, data, or notes.
const HARMLESS: [&str; 12] = [
    "{ properties: { maxLenght: {}, format: {}, nullable: {}, $ref: {}, required: {} } }",
    "{ patternProperties: { maxLenght: {} } }",
    "{ $defs: { maxLenght: {}, nullable: {} } }",
    "{ dependencies: { maxLenght: [nullable] } }",
    "{ enum: [{ maxLenght: 5, $ref: no.json, pattern: \"(\" }, a] }",
    "{ default: { maxLenght: 5, format: emial } }",
    "{ example: { $ref: no.json }, title: a, description: b, $comment: c, deprecated: true, readOnly: true }",
    "{ x-nullable: true, x-order: { maxLenght: 5, $ref: no.json } }",
    "{ oneOf: [{ type: object }], discriminator: { propertyName: kind, mapping: { a: \"#/definitions/d\" } } }",
    "{ type: object, propertyOrdering: [b, a], properties: { a: {}, b: {} } }",
    "{ type: string, format: password }",
    "{ $ref: \"#/definitions/d\", title: a, description: b, default: {} }",
];

#[test]
fn names_data_and_notes_are_not_keywords() {
    for schema in HARMLESS {
        for (draft, _) in DRAFTS {
            if let Err(faults) = contract(draft, schema) {
                panic!("{draft} {schema}: {faults}");
            }
        }
    }
}

/// Schemas with the same meaning in every draft with their keywords: the first draft, a valid value, an invalid one.
const ENFORCED: [(&str, &str, &str, &str); 30] = [
    ("draft 4", "{ format: uuid }", "\"123e4567-e89b-12d3-a456-426614174000\"", "\"x\""),
    ("draft 4", "{ type: [string, \"null\"], format: duration }", "\"P1D\"", "\"x\""),
    ("draft 4", "{ format: iri }", "\"http://a/é\"", "\"x\""),
    ("draft 4", "{ format: uri-template }", "\"/a/{b}\"", "\"/a/{b\""),
    ("draft 4", "{ format: uri-reference }", "\"/a\"", "\"a b\""),
    ("draft 4", "{ format: json-pointer }", "\"/a\"", "\"a\""),
    ("draft 4", "{ format: relative-json-pointer }", "\"0/a\"", "\"a\""),
    ("draft 4", "{ format: date-time }", "\"2026-01-31T00:00:00Z\"", "\"2026-02-30T00:00:00Z\""),
    ("draft 4", "{ format: hostname }", "\"a.example\"", "\"-a\""),
    ("draft 4", "{ format: regex }", "\"^a(?=b)$\"", "\"(\""),
    ("draft 4", "{ format: int32 }", "-2147483648", "2147483648"),
    ("draft 4", "{ type: integer, format: int64 }", "9223372036854775807", "9223372036854775808"),
    ("draft 4", "{ format: uint8, allOf: [{ minimum: 3 }] }", "255", "256"),
    ("draft 4", "{ format: uint8, allOf: [{ minimum: 3 }] }", "3", "2"),
    ("draft 4", "{ type: number, format: uint16 }", "1", "1.5"),
    ("draft 4", "{ format: uint64 }", "18446744073709551615", "-1"),
    ("draft 4", "{ format: float }", "3.4e38", "3.5e38"),
    ("draft 4", "{ format: int32 }", "\"of strings it says nothing\"", "1e300"),
    ("draft 6", "{ contentEncoding: base64 }", "\"aGk=\"", "\"?\""),
    ("draft 6", "{ contentMediaType: application/json }", "\"{}\"", "\"{\""),
    ("draft 6", "{ contentMediaType: application/json, contentEncoding: base64 }", "\"MQ==\"", "\"aGk=\""),
    ("draft 4", "{ dependencies: { a: [b] } }", "{\"a\":1,\"b\":1}", "{\"a\":1}"),
    ("draft 4", "{ $ref: \"#/definitions/d\" }", "{}", "1"),
    ("draft 4", "{ allOf: [{ $ref: \"#/definitions/d\" }], maxProperties: 1 }", "{}", "{\"a\":1,\"b\":1}"),
    ("draft 4", "{ $defs: { u: { format: uuid } }, not: { format: ipv4 } }", "\"x\"", "\"1.1.1.1\""),
    ("draft 7", "{ if: { type: string }, then: { format: uuid } }", "1", "\"x\""),
    ("draft 4", "{ items: { format: uuid } }", "[1]", "[\"x\"]"),
    ("draft 4", "{ additionalProperties: { format: uint8 } }", "{\"a\":1}", "{\"a\":-1}"),
    ("draft 4", "{ patternProperties: { a: { format: uuid } } }", "{\"a\":1}", "{\"a\":\"x\"}"),
    (
        "draft 2019-09",
        "{ dependentSchemas: { a: { properties: { b: { format: uint8 } } } } }",
        "{\"a\":1}",
        "{\"a\":1,\"b\":-1}",
    ),
];

#[test]
fn accepted_keywords_are_enforced_in_every_draft() {
    let rank = |name: &str| DRAFTS.iter().position(|(draft, _)| *draft == name).unwrap();
    for (since, schema, fits, breaks) in ENFORCED {
        for (draft, _) in &DRAFTS[rank(since)..] {
            let contract = contract(draft, schema).unwrap_or_else(|faults| panic!("{draft} {schema}: {faults}"));
            assert!(allows(&contract, fits), "{draft} {schema} refuses {fits}");
            assert!(!allows(&contract, breaks), "{draft} {schema} allows {breaks}");
        }
    }
}

#[cfg_attr(target_arch = "wasm32", ignore = "WebAssembly under Node has no clock")]
#[test]
fn a_regular_expression_of_the_model_is_short_and_never_compiled() {
    let contract = contract("draft 2020-12", "{ type: string, format: regex }").unwrap();
    assert!(allows(&contract, &format!("\"{}\"", "a".repeat(1000))));
    assert!(!allows(&contract, &format!("\"{}\"", "a".repeat(1001))));
    let started = std::time::Instant::now();
    for hostile in ["(".repeat(1_000_000), "(?<a>)".repeat(150_000), "((((a{99}){99}){99}){99}){99}".to_owned()] {
        allows(&contract, &format!("\"{hostile}\""));
    }
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
}

#[test]
fn the_schema_that_models_see_is_the_authors() {
    let contract = contract("draft 7", "{ type: string, format: uuid }").unwrap();
    let schema = &contract.tools()[0].parameters()["properties"]["p"];
    assert_eq!(schema.to_string(), r#"{"type":"string","format":"uuid"}"#);
}
