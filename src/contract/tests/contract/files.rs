//! Schemas in files of their own mean the same once they are inlined.

use callgate_contract::{Caller, Contract, Conversation, Errors, ProposedCall, Verdict, decide, load};

use crate::folder::{Folder, with_parameters};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn contract(parameters: &str, files: &[(&str, &str)]) -> Result<Contract, Errors> {
    load("desk/contract.yaml", &with_parameters(parameters), &Folder(files))
}

fn pointer(contract: &Contract, arguments: &str) -> Option<String> {
    let caller = Caller::new("", "r");
    match decide(contract, &caller, &Conversation::default(), &ProposedCall { name: "f", arguments }) {
        Verdict::Allow(_) | Verdict::NeedsApproval(_) => None,
        Verdict::Deny(violation) => Some(violation.pointer),
    }
}

const LINE: &str = r##"{
  "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/line.json",
  "type": "object", "required": ["sku"],
  "properties": { "sku": { "$ref": "#/$defs/sku" }, "parts": { "type": "array", "items": { "$ref": "#" } },
                  "money": { "$ref": "lib/money.json#/$defs/amount" }, "$ref": { "const": { "$ref": "no.json" } } },
  "$defs": { "sku": { "type": "string", "minLength": 3 } }
}"##;
const MONEY: &str = r##"{ "$defs": { "amount": { "$ref": "#/$defs/positive" }, "positive": { "minimum": 0 } } }"##;
const FILES: [(&str, &str); 2] = [("schemas/line.json", LINE), ("schemas/lib/money.json", MONEY)];

#[test]
fn a_file_can_be_the_whole_schema() {
    let contract = contract("{ $ref: schemas/line.json }", &FILES).unwrap_or_else(|errors| panic!("{errors}"));
    let schema = contract.tools()[0].parameters();
    assert_eq!(schema["properties"]["sku"]["$ref"], "#/$defs/sku");
    assert_eq!(schema["properties"]["money"]["$ref"], "#/$defs/money/$defs/amount");
    assert_eq!(pointer(&contract, r#"{"sku":"abc","parts":[{"sku":"def"}],"money":1}"#), None);
    assert_eq!(pointer(&contract, r#"{"sku":"ab"}"#).as_deref(), Some("/sku"));
    assert_eq!(pointer(&contract, r#"{"sku":"abc","parts":[{"sku":"def"},{}]}"#).as_deref(), Some("/parts/1/sku"));
    assert_eq!(pointer(&contract, r#"{"sku":"abc","money":-1}"#).as_deref(), Some("/money"));
}

#[test]
fn a_file_inside_a_schema_keeps_the_meaning_of_its_own_references() {
    let parameters = r##"{ type: object, $defs: { sku: { type: integer }, line: { type: "null" } },
        properties: { id: { $ref: "#/$defs/sku" }, a: { $ref: schemas/line.json }, b: { $ref: "./schemas/../schemas/line.json" } } }"##;
    let contract = contract(parameters, &FILES).unwrap_or_else(|errors| panic!("{errors}"));
    let schema = contract.tools()[0].parameters();
    assert_eq!(schema["properties"]["a"]["$ref"], "#/$defs/line_2");
    assert_eq!(schema["properties"]["b"], schema["properties"]["a"]);
    assert_eq!(schema["$defs"]["line_2"]["properties"]["parts"]["items"]["$ref"], "#/$defs/line_2");
    assert_eq!(schema["$defs"]["line_2"]["properties"]["$ref"]["const"]["$ref"], "no.json");
    assert_eq!(schema["$defs"].as_object().unwrap().len(), 4);
    assert_eq!(pointer(&contract, r#"{"id":1,"a":{"sku":"abc","parts":[{"sku":"xyz"}]}}"#), None);
    assert_eq!(pointer(&contract, r#"{"id":"1"}"#).as_deref(), Some("/id"));
    assert_eq!(pointer(&contract, r#"{"b":{"sku":"abc","parts":[{"sku":"x"}]}}"#).as_deref(), Some("/b/parts/0/sku"));
    assert_eq!(pointer(&contract, r#"{"b":{"sku":"abc","money":-3}}"#).as_deref(), Some("/b/money"));
}

#[test]
fn a_part_of_a_file_can_be_the_top() {
    let file = r##"{ "$defs": { "order": { "type": "object", "required": ["id"] } } }"##;
    let contract = contract("{ $ref: \"o.json#/$defs/order\" }", &[("o.json", file)]).unwrap();
    assert_eq!(pointer(&contract, "{}").as_deref(), Some("/id"));
}

#[test]
fn an_older_draft_is_honoured_in_a_file() {
    let draft = "http://json-schema.org/draft-07/schema#";
    let top = format!(
        r##"{{ "$schema": "{draft}", "type": "object", "properties": {{ "a": {{ "$ref": "b.json#/definitions/x" }} }} }}"##
    );
    let part = format!(
        r##"{{ "$schema": "{draft}", "definitions": {{ "x": {{ "$ref": "#/definitions/y" }}, "y": {{ "type": "null" }} }} }}"##
    );
    let contract =
        contract("{ $ref: a.json }", &[("a.json", &top), ("b.json", &part)]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(pointer(&contract, r#"{"a":null}"#), None);
    assert_eq!(pointer(&contract, r#"{"a":1}"#).as_deref(), Some("/a"));
}

#[test]
fn a_failed_reference_is_reported_at_its_place() {
    let at = "desk/contract.yaml:11:29: spec.tools[0].parameters";
    let in_yaml = [
        (
            "https://example.com/a.json",
            "expected a place in this schema or a file beside the contract; nothing is fetched",
        ),
        ("file:///etc/passwd", "expected a place in this schema or a file beside the contract; nothing is fetched"),
        ("//example.com/a.json", "expected a place in this schema or a file beside the contract; nothing is fetched"),
        ("/etc/passwd", "expected a path relative to the contract's folder, not an absolute one"),
        ("../a.json", "expected a path inside the contract's folder; `..` leads out of it"),
        ("a%2e.json", "expected a file's plain name, with no query and no `%` in it"),
        ("none.json", "cannot read `none.json`: no such file"),
    ];
    for (reference, message) in in_yaml {
        let errors = contract(&format!("{{ \"$ref\": \"{reference}\" }}"), &[]).unwrap_err().to_string();
        assert_eq!(errors, format!("{at}.$ref: {message}"), "{reference}");
    }
}

#[test]
fn files_that_refer_to_each_other_in_a_circle_are_refused() {
    let files = [
        ("a.json", r##"{"type":"object","properties":{"b":{"$ref":"b.json"}}}"##),
        ("b.json", "{\n \"items\": {\"$ref\": \"a.json\"}}"),
    ];
    assert_eq!(
        contract("{ $ref: a.json }", &files).unwrap_err().to_string(),
        "desk/b.json:2:20: spec.tools[0].parameters.$defs.b.items.$ref: expected files that do not refer to each other in a \
         circle: `a.json` → `b.json` → `a.json`; inside one file, `#` refers to itself"
    );
    assert!(contract("{ $ref: s.json }", &[("s.json", "{\"$ref\":\"s.json\"}")]).is_err());
}

#[test]
fn a_fault_in_a_file_has_its_place_in_that_file() {
    let parameters = "{ type: object, properties: { a: { $ref: a.json } } }";
    let cases = [
        (
            "{\n  \"minLength\": -1 }",
            "desk/a.json:2:16: spec.tools[0].parameters.$defs.a.minLength: expected a number of at least 0",
        ),
        (
            "{\n \"$dynamicAnchor\": \"x\" }",
            "desk/a.json:2:2: spec.tools[0].parameters.$defs.a.$dynamicAnchor: expected no `$dynamicAnchor` in a file that is referred to; use `#/$defs/…` references",
        ),
        (
            "{ \"$ref\": \"#x\" }",
            "desk/a.json:1:11: spec.tools[0].parameters.$defs.a.$ref: expected an anchor of this schema; it has no `x`",
        ),
        (
            "{ \"$schema\": \"http://json-schema.org/draft-07/schema\" }",
            "desk/a.json:1:14: spec.tools[0].parameters.$defs.a.$schema: expected the draft of the schema that refers to this file, `https://json-schema.org/draft/2020-12/schema`",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(contract(parameters, &[("a.json", text)]).unwrap_err().to_string(), expected);
    }
    let broken = contract(parameters, &[("a.json", "{\"a\": }")]).unwrap_err().to_string();
    assert!(broken.starts_with("desk/a.json:") && broken.contains("expected strict JSON"), "{broken}");
}
