//! `results`: what is read, and what is refused with its place.

use callgate_contract::{Contract, load};
use callgate_redact::RedactionCounter;

use crate::folder::{Folder, ORDER_DESK};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn text(results: &str) -> String {
    ORDER_DESK.replace("  onViolation: refuse\n", &format!("  onViolation: refuse\n  results: {results}\n"))
}

fn contract(results: &str) -> Contract {
    load("contract.yaml", &text(results), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_policy_is_read_once_and_used() {
    let contract = contract(
        r##"{ redact: [{ kind: iban }, { pattern: "EMP-[0-9]{6}", as: employee }], deny: [{ pattern: SECRET }], maxBytes: 1KiB,
              exempt: [{ tool: get_order, at: "#/*/iban" }], users: true }"##,
    );
    let policy = contract.results().expect("a policy");
    let counter = RedactionCounter::default();
    assert_eq!((policy.max_bytes, policy.users, policy.exempt.len()), (Some(1024), true, 1));
    assert_eq!(policy.text("EMP-123456", &counter).unwrap().as_deref(), Some("[redacted employee]"));
    let row = r#"[{"iban":"DE89370400440532013000"}]"#;
    assert_eq!(policy.result_text(Some("get_order"), row, &counter), Ok(None));
    assert_eq!(policy.result_text(None, row, &counter).unwrap().as_deref(), Some(r#"[{"iban":"[redacted iban]"}]"#));
    assert_eq!(policy.text("a SECRET", &counter).unwrap_err().to_string(), "the text matches `deny` number 1");
}

#[test]
fn the_policy_is_a_part_of_the_digest() {
    let one = contract("{ redact: [{ kind: iban }] }");
    let other = contract("{ redact: [{ kind: email }] }");
    assert_ne!(one.digest(), other.digest());
}

#[test]
fn a_contract_without_the_field_has_no_policy() {
    assert!(load("contract.yaml", ORDER_DESK, &Folder(&[])).unwrap().results().is_none());
}

#[test]
fn faults_name_their_place_and_the_remedy() {
    let rows = [
        ("{}", "expected `redact`, `deny` or `maxBytes`; without one of them the policy does nothing"),
        (
            "{ redact: [{ kind: ssn }] }",
            "expected `credit_card`, `iban`, `email`, `phone`, `private_key`, `secret` or `jwt`",
        ),
        ("{ redact: [{ kinds: iban }] }", "did you mean `kind`?"),
        ("{ redact: [{ as: x }] }", "expected `kind`, a built-in kind, or `pattern` and `as`"),
        ("{ redact: [{ kind: iban, pattern: abc }] }", "found both"),
        ("{ redact: [{ kind: iban, as: x }] }", "expected `as` beside a `pattern` only"),
        ("{ redact: [{ pattern: abc }] }", "missing field `as`"),
        ("{ redact: [{ pattern: abc, as: iban }] }", "not the name of a built-in kind"),
        ("{ redact: [{ pattern: abc, as: x }, { pattern: bcd, as: x }] }", "`x` is there twice"),
        ("{ redact: [{ kind: iban }, { kind: iban }] }", "`iban` is there twice"),
        ("{ redact: [{ pattern: \"(abc\", as: x }] }", "expected a regular expression"),
        ("{ redact: [{ pattern: \"(a)\\\\1bc\", as: x }] }", "without back-references"),
        ("{ redact: [{ pattern: \"(?=abc)abc\", as: x }] }", "without back-references and look-around"),
        ("{ redact: [{ pattern: \".*\", as: x }] }", "at least 3 characters"),
        ("{ deny: [{ pattern: ab }] }", "at least 3 characters"),
        ("{ deny: [{ pattern: \"(a{1000}){1000}\" }] }", "use smaller repetitions"),
        ("{ deny: [{ pattern: abc, as: x }] }", "unknown field"),
        ("{ maxBytes: 1MB }", "expected a size"),
        ("{ maxBytes: 1, exempt: [{ tool: get_oder, at: \"#\" }] }", "expected the name of a tool of this contract"),
        ("{ maxBytes: 1, exempt: [{ tool: get_order, at: /id }] }", "expected `#` and a JSON Pointer"),
        ("{ maxBytes: 1, exempt: [{ tool: get_order, at: \"#/a/{key}\" }] }", "names of members are never exempt"),
        ("{ maxBytes: 1, users: yes please }", "expected `true` or `false`"),
    ];
    for (results, expected) in rows {
        let errors = load("contract.yaml", &text(results), &Folder(&[])).unwrap_err().to_string();
        assert!(errors.contains(expected) && errors.contains("contract.yaml:10:"), "{results}: {errors}");
    }
}
