//! References by `$id`, `$anchor` and absolute URI have the meaning of JSON Schema, and nothing is fetched.

use callgate_contract::{Caller, Contract, Conversation, ProposedCall, Verdict, decide, from_value, load};

use crate::folder::{Folder, with_parameters};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DRAFT_7: &str = "$schema: \"http://json-schema.org/draft-07/schema#\",";
const DRAFT_4: &str = "$schema: \"http://json-schema.org/draft-04/schema#\",";

fn contract(parameters: &str, files: &[(&str, &str)]) -> Contract {
    let text = with_parameters(&parameters.replace('\n', " "));
    load("c.yaml", &text, &Folder(files)).unwrap_or_else(|errors| panic!("{parameters}: {errors}"))
}

/// The sentence on arguments in which `p` is too long; empty if they are allowed.
fn too_long(contract: &Contract) -> String {
    let caller = Caller::new("", "r");
    let call = ProposedCall { name: "f", arguments: r#"{"p":"xx"}"# };
    match decide(contract, &caller, &Conversation::default(), &call) {
        Verdict::Allow(_) | Verdict::NeedsApproval(_) => String::new(),
        Verdict::Deny(violation) => format!("{} {}", violation.pointer, violation.message),
    }
}

#[test]
fn a_part_is_found_by_its_id_its_anchor_and_its_uri() {
    let cases = [
        ("", "p: { $ref: \"#x\" }", "$defs: { q: { $anchor: x, maxLength: 1 } }"),
        ("", "p: { $ref: item }", "$defs: { q: { $id: item, maxLength: 1 } }"),
        ("", "p: { $ref: \"item#\" }", "$defs: { q: { $id: item, maxLength: 1 } }"),
        ("$id: \"https://e.com/root\",", "p: { $ref: item }", "$defs: { q: { $id: item, maxLength: 1 } }"),
        (
            "$id: \"https://e.com/a/root\",",
            "p: { $ref: \"https://e.com/item\" }",
            "$defs: { q: { $id: ../item, maxLength: 1 } }",
        ),
        ("$id: \"https://e.com/r\",", "p: { $ref: \"https://e.com/r#/$defs/q\" }", "$defs: { q: { maxLength: 1 } }"),
        (
            "$id: \"https://e.com/r\",",
            "p: { $ref: \"https://e.com/r#x\" }",
            "$defs: { q: { $anchor: x, maxLength: 1 } }",
        ),
        (
            "",
            "p: { $ref: \"https://e.com/i#/$defs/z\" }",
            "$defs: { q: { $id: \"https://e.com/i\", $defs: { z: { maxLength: 1 } } } }",
        ),
        (
            "",
            "p: { $ref: \"https://e.com/i#x\" }",
            "$defs: { q: { $id: \"https://e.com/i\", $defs: { \"a b/%\": { $anchor: x, maxLength: 1 } } } }",
        ),
        ("", "p: { $ref: \"urn:example:q\" }", "$defs: { q: { $id: \"urn:example:q\", maxLength: 1 } }"),
        // `#` is the nearest `$id`, not the top
        (
            "",
            "p: { $ref: \"#/$defs/q\" }",
            "$defs: { z: {}, q: { $id: \"https://e.com/i\", $ref: \"#/$defs/z\", $defs: { z: { maxLength: 1 } } } }",
        ),
        (
            "",
            "p: { $ref: \"#/$defs/q\" }",
            "$defs: { z: { $anchor: x }, q: { $id: \"https://e.com/i\", $ref: \"#x\", $defs: { z: { $anchor: x, maxLength: 1 } } } }",
        ),
        // up to draft 7, an anchor is an `$id`, and an `$id` beside `$ref` has no effect
        (DRAFT_7, "p: { $ref: \"#x\" }", "definitions: { q: { $id: \"#x\", maxLength: 1 } }"),
        (DRAFT_7, "p: { $ref: item }", "definitions: { q: { $id: item, maxLength: 1 } }"),
        (DRAFT_4, "p: { $ref: \"#x\" }", "definitions: { q: { id: \"#x\", maxLength: 1 } }"),
        (DRAFT_4, "p: { $ref: item }", "definitions: { q: { id: item, maxLength: 1 } }"),
        (DRAFT_7, "p: { $id: \"https://e.com/i\", $ref: \"#/definitions/z\" }", "definitions: { z: { maxLength: 1 } }"),
    ];
    for (head, property, definitions) in cases {
        let contract =
            contract(&format!("{{ {head} type: object, properties: {{ {property} }}, {definitions} }}"), &[]);
        assert_eq!(
            too_long(&contract),
            "/p expected a string of at most 1 character",
            "{head} {property} {definitions}"
        );
        let schema = contract.tools()[0].parameters();
        let reference = schema["properties"]["p"]["$ref"].as_str().unwrap();
        assert!(reference.starts_with("#/"), "models get pointers only: {schema}");
        let again = from_value(&callgate_json::read(contract.canonical().as_bytes()).unwrap()).unwrap();
        assert_eq!(again.digest(), contract.digest());
    }
}

#[test]
fn the_top_may_be_a_part_with_a_name() {
    let anchored =
        "{ $ref: \"#order\", $defs: { o: { $anchor: order, type: object, properties: { p: { maxLength: 1 } } } } }";
    assert_eq!(too_long(&contract(anchored, &[])), "/p expected a string of at most 1 character");
    let encoded =
        "{ $ref: \"#/$defs/an%20order\", $defs: { an order: { type: object, properties: { p: { maxLength: 1 } } } } }";
    assert_eq!(too_long(&contract(encoded, &[])), "/p expected a string of at most 1 character");
}

#[test]
fn a_file_keeps_its_ids_and_anchors() {
    let file = r##"{ "$id": "https://e.com/lib.json", "$defs": {
        "a": { "$anchor": "short", "$ref": "part" }, "b": { "$id": "part", "$ref": "https://e.com/lib.json#one" },
        "c": { "$anchor": "one", "maxLength": 1 } } }"##;
    for reference in ["lib.json#short", "lib.json#/$defs/b"] {
        let parameters = format!("{{ type: object, properties: {{ p: {{ $ref: \"{reference}\" }} }} }}");
        let contract = contract(&parameters, &[("lib.json", file)]);
        assert_eq!(too_long(&contract), "/p expected a string of at most 1 character", "{reference}");
    }
    let text = with_parameters("{ type: object, properties: { p: { $ref: \"lib.json#long\" } } }");
    assert_eq!(
        load("c.yaml", &text, &Folder(&[("lib.json", file)])).unwrap_err().to_string(),
        "c.yaml:11:60: spec.tools[0].parameters.properties.p.$ref: expected an anchor of `lib.json`; it has no `long`"
    );
}

#[test]
fn a_reference_out_of_the_schema_is_refused_at_its_place() {
    let out = "expected a place in this schema or a file beside the contract; nothing is fetched";
    let cases = [
        ("p: { $ref: \"https://e.com/other\" }", "properties.p.$ref", out),
        ("p: { $ref: \"https://e.com/r2#/x\" }", "properties.p.$ref", out),
        ("p: { $ref: \"urn:example:other\" }", "properties.p.$ref", out),
        ("p: { $ref: \"http://json-schema.org/draft-07/schema#\" }", "properties.p.$ref", out),
        ("p: { $ref: \"#y\" }", "properties.p.$ref", "expected an anchor of this schema; it has no `y`"),
        ("p: { $ref: \"item#y\" }", "properties.p.$ref", "expected an anchor of this schema; it has no `y`"),
        (
            "p: { $ref: \"item#/$defs/y\" }",
            "properties.p.$ref",
            "expected a reference to an existing place in this schema",
        ),
        ("p: { $ref: other.json }", "properties.p.$ref", "cannot read `other.json`: no such file"),
        (
            "p: { $id: \"https://e.com/in\", properties: { a: { $ref: other.json } } }",
            "properties.p.properties.a.$ref",
            "expected a reference to a place in this schema; this one leads out of it, and nothing is fetched",
        ),
        ("p: { $id: item }", "$defs.q.$id", "expected each `$id` once in a schema; it is there twice, rename one"),
        (
            "p: { $anchor: x }",
            "$defs.r.$anchor",
            "expected each `$anchor` once in a schema; it is there twice, rename one",
        ),
        ("p: { $id: \"a b\" }", "properties.p.$id", "expected a URI"),
        (
            "p: { $dynamicRef: \"#d\", $dynamicAnchor: d }",
            "$defs.q.$id",
            "expected no `$id` below the top of a schema with dynamic references",
        ),
    ];
    for (property, place, message) in cases {
        let parameters = format!(
            "{{ $id: \"https://e.com/r\", type: object, properties: {{ {property} }}, $defs: {{ q: {{ $id: item }}, r: {{ $anchor: x }} }} }}"
        );
        let errors = load("c.yaml", &with_parameters(&parameters), &Folder(&[])).map(drop).unwrap_err();
        let told: Vec<String> = errors.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect();
        let pointer = place.replace('.', "/");
        assert_eq!(told, [format!("/spec/tools/0/parameters/{pointer}: {message}")], "{property}");
        assert!(errors.iter().all(|fault| fault.line == 11 && fault.column > 1), "{errors}");
    }
}

#[test]
fn a_recursive_part_with_a_name_is_explained_with_its_place() {
    let schema = "{ type: object, properties: { p: { $ref: \"#node\" } }, $defs: { n: { $anchor: node, maxLength: 1, \
                  properties: { next: { $ref: \"#node\" } } } } }";
    assert_eq!(too_long(&contract(schema, &[])), "/p expected a string of at most 1 character");
}
