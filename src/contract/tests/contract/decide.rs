//! Calls and their verdicts.

use callgate_contract::{
    Caller, Code, Contract, Conversation, ProposedCall, Verdict, Violation, decide, load, message_for_model,
};

use crate::folder::{Folder, order_desk};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn caller(role: &str) -> Caller {
    Caller::new("acme", role)
}

pub(crate) fn outcome(
    contract: &Contract,
    role: &str,
    name: &str,
    arguments: &str,
    calls_before: u32,
) -> Result<String, Violation> {
    match decide(
        contract,
        &caller(role),
        &Conversation { calls_before, ..Conversation::default() },
        &ProposedCall { name, arguments },
    ) {
        Verdict::Allow(approved) | Verdict::NeedsApproval(approved) => {
            assert_eq!(approved.canonical, callgate_json::canonical(&approved.arguments));
            Ok(approved.canonical)
        }
        Verdict::Deny(violation) => Err(violation),
    }
}

#[test]
fn an_allowed_call_is_canonical() {
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
fn only_the_model_gets_the_list_of_tools() {
    let contract = order_desk();
    let cases = [
        ("clerk", "drop_table", "expected a tool that role `clerk` may use: `get_order`, `create_order`"),
        ("viewer", "create_order", "expected a tool that role `viewer` may use: `get_order`"),
        ("guest", "get_order", "expected no call: role `guest` may use no tool"),
        ("admin", "get_order", "expected the caller to have a role of the contract"),
        ("clerk", "create_order", "expected one strict JSON object"),
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
    let name = format!("`a\n\u{202e}é b{}", "x".repeat(200));
    let violation = outcome(&contract, "clerk", &name, "{}", 0).unwrap_err();
    assert_eq!(violation.tool, format!("?a????b{}", "x".repeat(121)));
}

#[test]
fn a_result_is_checked_too() {
    let contract = order_desk();
    let tool = contract.tool("create_order").unwrap();
    let check = |text: &str| tool.check_result(&callgate_json::read(text.as_bytes()).unwrap());
    assert_eq!(check(r#"{"order_id":"7"}"#), Ok(()));
    let violation = check(r#"{"order_id":7}"#).unwrap_err();
    assert_eq!(violation.to_string(), "result_invalid at /order_id: expected a string");
    assert_eq!(contract.tool("get_order").unwrap().check_result(&callgate_json::Value::Null), Ok(()));
}

#[test]
fn a_call_that_a_person_must_agree_to_is_checked_like_every_other_first() {
    let text = crate::folder::ORDER_DESK.replace("approval: never", "approval: always");
    let contract = load("contract.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    let verdict = |role: &str, name: &str, arguments: &str, calls_before| match decide(
        &contract,
        &caller(role),
        &Conversation { calls_before, ..Conversation::default() },
        &ProposedCall { name, arguments },
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
