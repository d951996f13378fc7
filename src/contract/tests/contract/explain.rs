//! Refused arguments, the place, and the sentence.

use callgate_contract::load;

use crate::decide::outcome;
use crate::folder::{Folder, with_parameters};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A property's schema, a refused value, and the sentence.
const SENTENCES: [(&str, &str, &str, &str); 34] = [
    ("{ enum: [a, 1, null] }", "\"x\"", "/p", "expected one of \"a\", 1, null"),
    ("{ const: a }", "1", "/p", "expected the value `a`"),
    ("{ const: { a: 1 } }", "1", "/p", "expected the value {\"a\":1}"),
    ("{ type: boolean }", "1", "/p", "expected true or false"),
    ("{ exclusiveMinimum: 1 }", "1", "/p", "expected a number above 1"),
    ("{ exclusiveMaximum: 1.5 }", "2", "/p", "expected a number below 1.5"),
    ("{ multipleOf: 5 }", "2", "/p", "expected a multiple of 5"),
    ("{ maxLength: 2 }", "\"abc\"", "/p", "expected a string of at most 2 characters"),
    ("{ format: date }", "\"2024-02-30\"", "/p", "expected a string in the format `date`"),
    ("{ format: email }", "\"nobody\"", "/p", "expected a string in the format `email`"),
    ("{ format: ipv4 }", "\"1.2.3\"", "/p", "expected a string in the format `ipv4`"),
    ("{ minItems: 1 }", "[]", "/p", "expected at least 1 item"),
    ("{ maxItems: 0 }", "[1]", "/p", "expected at most 0 items"),
    ("{ uniqueItems: true }", "[1,1]", "/p", "expected items that all differ"),
    ("{ items: { type: string } }", "[\"a\",1]", "/p/1", "expected a string"),
    ("{ prefixItems: [{}], items: false }", "[1,2]", "/p/1", "expected nothing here; the schema allows no value"),
    ("{ contains: { const: 1 } }", "[2]", "/p", "expected an item that satisfies the schema's `contains`"),
    ("{ minProperties: 1 }", "{}", "/p", "expected at least 1 property"),
    ("{ maxProperties: 1 }", "{\"a\":1,\"b\":1}", "/p", "expected at most 1 property"),
    ("{ additionalProperties: false }", "{\"a\":1}", "/p", "expected an object without properties"),
    (
        "{ additionalProperties: false, patternProperties: { \"^x-\": {} } }",
        "{\"a\":1}",
        "/p",
        "expected only properties whose names match `^x-`",
    ),
    (
        "{ additionalProperties: false, properties: { b: {} }, patternProperties: { \"^x-\": {} } }",
        "{\"a\":1}",
        "/p",
        "expected only the properties `b` and those whose names match `^x-`",
    ),
    (
        "{ unevaluatedProperties: false, properties: { b: {} } }",
        "{\"a\":1}",
        "/p",
        "expected only properties that the schema names",
    ),
    (
        "{ propertyNames: { maxLength: 1 } }",
        "{\"ab\":1}",
        "/p",
        "expected every property name to be valid: expected a string of at most 1 character",
    ),
    ("{ additionalProperties: { type: string } }", "{\"ab\":1}", "/p", "expected a string"),
    ("{ dependentRequired: { a: [b] } }", "{\"a\":1}", "/p/b", "expected the required property `b`"),
    ("{ $ref: \"#/$defs/q\" }", "{\"a\":1}", "/p", "expected only the properties `z`"),
    ("{ not: { const: 1 } }", "1", "/p", "expected a value that the schema's `not` does not describe"),
    ("{ anyOf: [{ type: string }, { type: \"null\" }] }", "1", "/p", "expected a string, or null"),
    ("{ oneOf: [{ type: string }, { minimum: 5 }] }", "1", "/p", "expected a number of at least 5"),
    (
        "{ oneOf: [{ minimum: 1 }, { minimum: 2 }] }",
        "3",
        "/p",
        "expected a value that fits exactly one alternative of the schema's `oneOf`, and it fits several",
    ),
    (
        "{ oneOf: [{ properties: { k: { const: a }, v: { type: string } } }, { properties: { k: { const: b }, v: { type: integer } } }] }",
        "{\"k\":\"b\",\"v\":\"\"}",
        "/p/v",
        "expected an integer",
    ),
    (
        "{ anyOf: [{ const: 1 }, { const: 2 }, { const: 3 }, { const: 4 }, { const: 5 }] }",
        "6",
        "/p",
        "expected a value that fits one of the 5 alternatives of the schema's `anyOf`",
    ),
    ("{ if: { const: 1 }, then: { type: string } }", "1", "/p", "expected a string"),
];

#[test]
fn each_keyword_names_the_expected_value() {
    let mut wrong = String::new();
    for (schema, value, pointer, message) in SENTENCES {
        let text = with_parameters(&format!(
            "{{ type: object, properties: {{ p: {schema} }}, $defs: {{ q: {{ additionalProperties: false, properties: {{ z: {{}} }} }} }} }}"
        ));
        let contract = load("c.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{schema}: {errors}"));
        let got = match outcome(&contract, "r", "f", &format!("{{\"p\":{value}}}"), 0) {
            Ok(_) => "(allowed)".to_owned(),
            Err(violation) => format!("{} {}", violation.pointer, violation.message),
        };
        if got != format!("{pointer} {message}") {
            wrong.push_str(&format!("{schema} {value}\n  expected: {pointer} {message}\n  got:      {got}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_fault_inside_a_recursive_value_has_its_place() {
    let schema = "{ type: object, required: [name], properties: { name: { type: string }, link: { $ref: \"#/$defs/link\" }, \
                  children: { type: array, items: { $ref: \"#\" } }, by_name: { additionalProperties: { $ref: \"#\" } } }, \
                  additionalProperties: false, $defs: { link: { anyOf: [{ type: \"null\" }, { $ref: \"#/$defs/link2\" }] }, \
                  link2: { type: object, additionalProperties: false, properties: { to: { $ref: \"#/$defs/link\" }, n: { type: integer } } } } }";
    let contract = load("c.yaml", &with_parameters(schema), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    let cases = [
        (r#"{}"#, "/name", "expected the required property `name`"),
        (
            r#"{"name":"a","children":[{"name":"b"},{"name":"c","children":[{}]}]}"#,
            "/children/1/children/0/name",
            "expected the required property `name`",
        ),
        (
            r#"{"name":"a","children":[{"name":"b","secret":1}]}"#,
            "/children/0",
            "expected only the properties `by_name`, `children`, `link`, `name`",
        ),
        (r#"{"name":"a","by_name":{"secret":{"name":1}}}"#, "/by_name", "expected a string"),
        (r#"{"name":"a","link":{"to":{"to":{"n":""}}}}"#, "/link/to/to/n", "expected an integer"),
        (r#"{"name":"a","link":1}"#, "/link", "expected an object"),
    ];
    for (arguments, pointer, message) in cases {
        let violation = outcome(&contract, "r", "f", arguments, 0).expect_err(arguments);
        assert_eq!((violation.pointer.as_str(), violation.message.as_str()), (pointer, message), "{arguments}");
    }
}

/// Recursive schemas, some of which never get anywhere.
const RECURSIVE: [&str; 9] = [
    "{ type: object, $ref: \"#\" }",
    "{ type: object, allOf: [{ $ref: \"#\" }] }",
    "{ type: object, anyOf: [{ $ref: \"#/$defs/a\" }], $defs: { a: { $ref: \"#/$defs/b\" }, b: { $ref: \"#/$defs/a\" } } }",
    "{ type: object, properties: { p: { $ref: \"#\" } }, not: { not: { $ref: \"#\" } } }",
    "{ type: object, anyOf: [{ properties: { p: { $ref: \"#\" } }, required: [x] }, { properties: { p: { $ref: \"#\" } }, required: [y] }] }",
    "{ type: object, oneOf: [{ properties: { p: { $ref: \"#\" } }, required: [x] }, { properties: { p: { $ref: \"#\" } }, required: [y] }] }",
    "{ type: object, allOf: [{ properties: { p: { $ref: \"#\" } } }, { properties: { p: { $ref: \"#\" } } }], properties: { q: false } }",
    "{ type: object, $dynamicAnchor: n, anyOf: [{ properties: { p: { $dynamicRef: \"#n\" } }, required: [x] }, { properties: { p: { $dynamicRef: \"#n\" } }, required: [y] }] }",
    "{ type: object, $schema: \"http://json-schema.org/draft-07/schema#\", anyOf: [{ properties: { p: { $ref: \"#\" } }, required: [x] }, { properties: { p: { allOf: [{ $ref: \"#\" }], required: [z] } }, required: [y] }] }",
];

#[cfg_attr(target_arch = "wasm32", ignore = "WebAssembly under Node has no clock")]
#[test]
fn a_recursive_schema_costs_no_exponential_time_or_memory() {
    let nested = |inner: &str| format!("{}{inner}{}", "{\"x\":1,\"p\":".repeat(60), "}".repeat(60));
    let beside = format!("{{\"p\":{},\"x\":1,\"q\":1}}", nested("{\"x\":1}"));
    for schema in RECURSIVE {
        let started = std::time::Instant::now();
        if let Ok(contract) = load("c.yaml", &with_parameters(schema), &Folder(&[])) {
            for arguments in ["{}", "{\"p\":1}", &nested("{}"), &nested("1"), &nested("{\"x\":1}"), &beside] {
                if let Err(violation) = outcome(&contract, "r", "f", arguments, 0) {
                    assert!(violation.pointer.len() < 1000 && violation.message.len() < 1000);
                }
            }
        }
        assert!(started.elapsed().as_secs() < 10, "{schema}: {:?}", started.elapsed());
    }
}
