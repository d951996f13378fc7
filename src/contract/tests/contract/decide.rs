//! Calls and their verdicts.

use callgate_contract::{
    Call, Caller, Code, Contract, Conversation, Verdict, Violation, decide, load, message_for_model,
};

use crate::folder::{Folder, order_desk, with_parameters};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn caller(role: &str) -> Caller {
    Caller { tenant: "acme".to_owned(), role: role.to_owned() }
}

fn outcome(
    contract: &Contract,
    role: &str,
    name: &str,
    arguments: &str,
    calls_before: u32,
) -> Result<String, Violation> {
    match decide(contract, &caller(role), &Conversation { calls_before }, &Call { name, arguments }) {
        Verdict::Allow(approved) | Verdict::NeedsApproval(approved) => {
            assert_eq!(approved.canonical, callgate_json::canonical(&approved.arguments));
            Ok(approved.canonical)
        }
        Verdict::Deny(violation) => Err(violation),
    }
}

#[test]
fn a_call_that_the_contract_allows_goes_on_in_canonical_form() {
    let contract = order_desk();
    let cases = [
        ("create_order", " {\"quantity\": 1e1, \"customer\":\"\\u0041\"} ", r#"{"customer":"A","quantity":10}"#),
        (
            "create_order",
            r#"{"customer":"A","quantity":100,"note":null}"#,
            r#"{"customer":"A","note":null,"quantity":100}"#,
        ),
        ("get_order", "{}", "{}"),
        ("get_order", "", "{}"),
    ];
    for (name, arguments, expected) in cases {
        assert_eq!(outcome(&contract, "clerk", name, arguments, 0).as_deref(), Ok(expected), "{arguments}");
    }
}

/// Role, tool, arguments, calls before; code, pointer, sentence.
type Case = (&'static str, &'static str, &'static str, u32, Code, &'static str, &'static str);

const DENIED: [Case; 21] = [
    ("clerk", "", "{}", 0, Code::CallMalformed, "", "expected the call to name a tool"),
    ("clerk", "drop_table", "{}", 0, Code::ToolNotInContract, "", "expected a tool that role `clerk` may use"),
    ("viewer", "Create_order", "{}", 0, Code::ToolNotInContract, "", "expected a tool that role `viewer` may use"),
    (
        "viewer",
        "create_order",
        "not even json",
        0,
        Code::RoleForbidden,
        "",
        "expected a tool that role `viewer` may use",
    ),
    ("guest", "get_order", "{}", 0, Code::RoleForbidden, "", "expected no call: role `guest` may use no tool"),
    ("admin", "get_order", "{}", 0, Code::RoleForbidden, "", "expected the caller to have a role of the contract"),
    ("admin", "drop_table", "{}", 0, Code::ToolNotInContract, "", "expected the caller to have a role of the contract"),
    (
        "clerk",
        "create_order",
        "",
        0,
        Code::ArgumentsNotJson,
        "",
        "expected a JSON object; the text is empty, and the tool has required arguments",
    ),
    ("clerk", "create_order", "null", 0, Code::ArgumentsInvalid, "", "expected an object"),
    ("clerk", "create_order", "[]", 0, Code::ArgumentsInvalid, "", "expected an object"),
    ("clerk", "create_order", "\"{}\"", 0, Code::ArgumentsInvalid, "", "expected an object"),
    (
        "clerk",
        "create_order",
        r#"{"quantity":1}"#,
        0,
        Code::ArgumentsInvalid,
        "/customer",
        "expected the required property `customer`",
    ),
    (
        "clerk",
        "create_order",
        r#"{"customer":"a","quantity":"1"}"#,
        0,
        Code::ArgumentsInvalid,
        "/quantity",
        "expected an integer",
    ),
    (
        "clerk",
        "create_order",
        r#"{"customer":"a","quantity":1.5}"#,
        0,
        Code::ArgumentsInvalid,
        "/quantity",
        "expected an integer",
    ),
    (
        "clerk",
        "create_order",
        r#"{"customer":"a","quantity":0}"#,
        0,
        Code::ArgumentsInvalid,
        "/quantity",
        "expected a number of at least 1",
    ),
    (
        "clerk",
        "create_order",
        r#"{"customer":"a","quantity":1000}"#,
        0,
        Code::ArgumentsInvalid,
        "/quantity",
        "expected a number of at most 100",
    ),
    (
        "clerk",
        "create_order",
        r#"{"customer":"","quantity":1}"#,
        0,
        Code::ArgumentsInvalid,
        "/customer",
        "expected a string of at least 1 character",
    ),
    (
        "clerk",
        "create_order",
        r#"{"customer":"a","quantity":1,"note":1}"#,
        0,
        Code::ArgumentsInvalid,
        "/note",
        "expected null, or a string",
    ),
    (
        "clerk",
        "create_order",
        r#"{"customer":"a","quantity":1,"admin":true}"#,
        0,
        Code::ArgumentsInvalid,
        "",
        "expected only the properties `customer`, `quantity`, `note`",
    ),
    (
        "clerk",
        "get_order",
        r#"{"id":"B-1"}"#,
        0,
        Code::ArgumentsInvalid,
        "/id",
        "expected a string that matches the pattern `^A-[0-9]+$`",
    ),
    ("clerk", "get_order", "{}", 3, Code::LimitExceeded, "", "expected at most 3 tool calls in one turn"),
];

#[test]
fn a_call_that_it_does_not_allow_is_denied_with_code_place_and_sentence() {
    let contract = order_desk();
    for (role, name, arguments, before, code, pointer, message) in DENIED {
        let violation = outcome(&contract, role, name, arguments, before).expect_err(arguments);
        assert_eq!(
            (violation.code, violation.pointer.as_str(), violation.message.as_str(), violation.tool.as_str()),
            (code, pointer, message, name),
            "{role} {name} {arguments}"
        );
    }
}

#[test]
fn only_the_model_is_told_which_tools_there_are() {
    let contract = order_desk();
    let cases = [
        ("clerk", "drop_table", "expected a tool that role `clerk` may use: `get_order`, `create_order`"),
        ("viewer", "create_order", "expected a tool that role `viewer` may use: `get_order`"),
        ("guest", "get_order", "expected no call: role `guest` may use no tool"),
        ("admin", "get_order", "expected the caller to have a role of the contract"),
        ("clerk", "create_order", "expected one strict JSON object: not JSON: expected value, line 1 column 1"),
    ];
    for (role, name, expected) in cases {
        let violation = outcome(&contract, role, name, "?", 0).unwrap_err();
        assert_eq!(message_for_model(&contract, role, &violation), expected);
        assert!(!violation.to_string().contains("get_order"), "{violation}");
    }
}

#[test]
fn the_list_of_tools_for_the_model_is_bounded() {
    let tools: String = (0..40)
        .map(|n| {
            format!("    - {{ name: t{n}, effects: read, run: {{ client: {{}} }}, parameters: {{ type: object }} }}\n")
        })
        .collect();
    let text = format!(
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: t, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n  \
         roles: {{ r: {{ tools: [\"*\"] }} }}\n  tools:\n{tools}"
    );
    let contract = load("c.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    let violation = outcome(&contract, "r", "x", "{}", 0).unwrap_err();
    let told = message_for_model(&contract, "r", &violation);
    assert!(told.ends_with("`t30`, `t31` and 8 more"), "{told}");
}

#[test]
fn arguments_that_two_parsers_could_read_differently_are_not_json() {
    let contract = order_desk();
    let deep = format!("{{\"id\":{}{}}}", "[".repeat(64), "]".repeat(64));
    for arguments in [
        "{",
        "{} {}",
        "{'id':1}",
        r#"{"id":"A-1","id":"A-2"}"#,
        r#"{"id":"\ud800"}"#,
        "{\"id\":NaN}",
        r#"{"id":1e400}"#,
        r#"{"id":0.10000000000000000001}"#,
        r#"{"id":18446744073709551616}"#,
        " ",
        "\u{feff}{}",
        &deep,
    ] {
        let violation = outcome(&contract, "clerk", "get_order", arguments, 0).expect_err(arguments);
        assert_eq!((violation.code, violation.pointer.as_str()), (Code::ArgumentsNotJson, ""), "{arguments}");
        assert!(violation.message.starts_with("expected one strict JSON object: "), "{}", violation.message);
    }
}

#[test]
fn the_first_check_that_fails_wins() {
    let contract = order_desk();
    let code = |role, name, arguments, before| outcome(&contract, role, name, arguments, before).map_err(|v| v.code);
    assert_eq!(code("nobody", "nothing", "{", 9), Err(Code::ToolNotInContract));
    assert_eq!(code("viewer", "create_order", "{", 9), Err(Code::RoleForbidden));
    assert_eq!(code("clerk", "create_order", "{", 9), Err(Code::ArgumentsNotJson));
    assert_eq!(code("clerk", "create_order", "{}", 9), Err(Code::ArgumentsInvalid));
    assert_eq!(code("clerk", "get_order", "{}", 9), Err(Code::LimitExceeded));
    assert_eq!(code("clerk", "get_order", "{}", 2), Ok("{}".to_owned()));
}

#[test]
fn the_name_in_a_violation_is_printable_and_short() {
    let contract = order_desk();
    let name = format!("`a\n\u{202e}é b{}", "x".repeat(100));
    let violation = outcome(&contract, "clerk", &name, "{}", 0).unwrap_err();
    assert_eq!(violation.tool, format!("?a????b{}", "x".repeat(57)));
}

#[test]
fn what_a_tool_returns_is_checked_too() {
    let contract = order_desk();
    let tool = contract.tool("create_order").unwrap();
    let check = |text: &str| tool.check_result(&callgate_json::read(text.as_bytes()).unwrap());
    assert_eq!(check(r#"{"order_id":"7"}"#), Ok(()));
    let violation = check(r#"{"order_id":7}"#).unwrap_err();
    assert_eq!(violation.to_string(), "result_invalid at /order_id: expected a string");
    assert_eq!(contract.tool("get_order").unwrap().check_result(&callgate_json::Value::Null), Ok(()));
}

/// A property's schema, a value it refuses, and what is said of it.
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
fn each_keyword_says_what_it_expected() {
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
fn what_is_wrong_inside_a_recursive_value_is_told_with_its_place() {
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

#[test]
fn a_call_that_a_person_must_agree_to_is_checked_like_every_other_first() {
    let text = crate::folder::ORDER_DESK.replace("approval: never", "approval: always");
    let contract = load("contract.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    let verdict = |role: &str, name: &str, arguments: &str, calls_before| match decide(
        &contract,
        &caller(role),
        &Conversation { calls_before },
        &Call { name, arguments },
    ) {
        Verdict::Allow(_) => "allow".to_owned(),
        Verdict::NeedsApproval(approved) => format!("needs approval {}", approved.canonical),
        Verdict::Deny(violation) => violation.code.as_str().to_owned(),
    };
    let good = r#"{"quantity":1.0,"customer":"A"}"#;
    assert_eq!(verdict("clerk", "create_order", good, 0), r#"needs approval {"customer":"A","quantity":1}"#);
    assert_eq!(verdict("clerk", "create_order", "{}", 0), "arguments_invalid");
    assert_eq!(verdict("viewer", "create_order", good, 0), "role_forbidden");
    assert_eq!(verdict("clerk", "create_order", good, 3), "limit_exceeded", "nobody is asked about what could not run");
    assert_eq!(verdict("clerk", "get_order", "{}", 0), "allow", "only the tool that says so");
}
