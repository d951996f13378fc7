//! A violation never repeats the model's text: no value, no key of its own.

use callgate_contract::{Caller, Contract, Conversation, ProposedCall, Verdict, decide, load};
use proptest::prelude::*;

use crate::folder::{Folder, with_parameters};

/// A text forbidden in every sentence. Every generated string and key contains it.
const MARK: &str = "Zq9";

const SCHEMA: &str = r##"{ type: object, required: [a], additionalProperties: false, properties: {
    a: { type: string, maxLength: 2, pattern: "^[a-y]*$" },
    b: { enum: [one, two] },
    c: { const: 3 },
    d: { type: array, uniqueItems: true, maxItems: 2, items: { type: [integer, boolean], multipleOf: 7 } },
    e: { type: object, additionalProperties: { type: integer, minimum: 5 }, propertyNames: { maxLength: 4 } },
    f: { oneOf: [{ type: string, format: date }, { type: object, required: [k], properties: { k: { const: x } } }, { type: integer }] },
    g: { anyOf: [{ $ref: "#/properties/e" }, { $ref: "#" }, { type: array, prefixItems: [{ type: "null" }], items: false }] },
    h: { not: { type: [string, object] }, unevaluatedItems: false },
    i: { type: object, patternProperties: { "^x": { type: "null" } }, unevaluatedProperties: false, minProperties: 1 },
    j: { type: array, contains: { type: "null" }, minContains: 2 },
    k: { if: { type: string }, then: { format: uuid }, else: { type: object, dependentRequired: { a: [b] }, maxProperties: 1 } },
    l: { type: string, contentEncoding: base64, contentMediaType: application/json, format: uri } } }"##;

fn contract() -> Contract {
    load("c.yaml", &with_parameters(&SCHEMA.replace('\n', " ")), &Folder(&[]))
        .unwrap_or_else(|errors| panic!("{errors}"))
}

/// JSON text whose every string of its own holds the mark.
fn value() -> impl Strategy<Value = String> {
    let marked =
        "[a-z\\n]{0,3}".prop_map(|text| format!("{}{MARK}{}", text.replace('\n', "\\n"), text.replace('\n', "")));
    let text = marked.clone().prop_map(|text| format!("\"{text}\""));
    let key = prop_oneof![3 => "[a-l]".prop_map(|key: String| key), 1 => Just("x".to_owned()), 2 => marked];
    let leaf = prop_oneof![4 => text, 1 => Just("null".to_owned()), 1 => Just("true".to_owned()), 1 => Just("991199".to_owned()),
        1 => Just("-991199.5".to_owned())];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let object = prop::collection::btree_map(key.clone(), inner.clone(), 0..4).prop_map(|entries| {
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            format!("{{{}}}", entries.join(","))
        });
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))), object]
    })
}

fn check(contract: &Contract, arguments: &str) -> Result<(), TestCaseError> {
    let caller = Caller::new("", "r");
    if let Verdict::Deny(violation) =
        decide(contract, &caller, &Conversation::default(), &ProposedCall { name: "f", arguments })
    {
        let told = format!("{} {}", violation.message, violation.pointer);
        prop_assert!(!told.contains(MARK) && !told.contains("991199"), "{told} tells of {arguments}");
        prop_assert!(!told.contains('\n') && told.len() < 2000, "{told}");
        prop_assert!(violation.message.starts_with("expected "), "{told}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_any_arguments_is_repeated(arguments in value()) {
        check(contract_once(), &arguments)?;
    }

    #[test]
    fn nothing_is_repeated_when_one_property_is_wrong(key in "[a-l]", inner in value()) {
        let arguments = if key == "a" { format!("{{\"a\":{inner}}}") } else { format!("{{\"a\":\"b\",\"{key}\":{inner}}}") };
        check(contract_once(), &arguments)?;
    }

    #[test]
    fn nothing_of_a_text_that_is_no_json_is_repeated(before in "[\\[{\":, ]{0,4}", inner in value(), after in "[\\]}\":, ]{0,4}") {
        check(contract_once(), &format!("{before}{inner}{after}"))?;
    }
}

fn contract_once() -> &'static Contract {
    static CONTRACT: std::sync::OnceLock<Contract> = std::sync::OnceLock::new();
    CONTRACT.get_or_init(contract)
}
