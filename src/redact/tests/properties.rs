//! Properties of redaction, for texts made of values, pieces of them, marks and noise.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "a test")]

use callgate_redact::{Kind, Pattern, Policy, RedactionCounter, Redactor, Rule};
use proptest::prelude::*;

fn policy() -> Policy {
    let own =
        |pattern: &str, name: &str| Rule::Pattern { pattern: Pattern::new(pattern).unwrap(), name: name.to_owned() };
    let mut rules = Kind::ALL.map(Rule::Kind).to_vec();
    rules.push(own("EMP-[0-9]{6}", "employee"));
    rules.push(own("(?i)key: .{3,}", "key"));
    rules.push(own("red[a-z]+ .{4}", "red"));
    Policy { redactor: Redactor::new(rules, Vec::new()), ..Policy::default() }
}

fn piece() -> impl Strategy<Value = String> {
    let fixed = [
        "4111111111111111",
        "4111 1111 1111 1111",
        "ann@example.org",
        "DE89 3704 0044 0532 0130 00",
        "+49 30 901820",
        "[redacted email]",
        "[redacted ",
        "[redacted red]",
        "EMP-123456",
        "key: ",
        "\\n",
        "\\u0034",
        "%40",
        "\u{200b}",
        "４",
        "1",
        " ",
        "-",
        ".",
        "@",
        "\"",
        "{",
        "}",
        "eyJhbGciOiJIUzI1NiJ9",
        "-----BEGIN RSA PRIVATE KEY-----",
        "password: ",
        "hunter22x",
        "://a:b@",
        "é",
        "你",
        "\n",
        "Bearer ",
        "~",
        "=",
    ];
    prop_oneof![3 => prop::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn a_redacted_text_stays_as_it_is(text in text()) {
        let policy = policy();
        if let Some(redacted) = policy.text(&text, &RedactionCounter::default()).unwrap() {
            prop_assert_ne!(&redacted, &text);
            prop_assert_eq!(policy.text(&redacted, &RedactionCounter::default()).unwrap(), None);
        }
    }

    #[test]
    fn json_stays_json_and_everything_else_keeps_its_bytes(texts in prop::collection::vec(text(), 1..4), number in any::<f64>()) {
        let policy = policy();
        let string = |text: &String| callgate_json::Value::from(text.as_str()).to_string();
        let items: Vec<String> = texts.iter().map(string).collect();
        let names: Vec<String> = texts.iter().enumerate().map(|(place, text)| string(&format!("{text} {place}"))).collect();
        let members: Vec<String> = names.iter().zip(&items).map(|(name, item)| format!("{name} : {item}")).collect();
        let number = if number.is_finite() { number } else { 1.0 };
        let json = format!(" {{\"list\": [ {}, {number:?} ],\t{}}} ", items.join(" ,"), members.join(","));
        prop_assert!(callgate_json::check(json.as_bytes()).is_ok());
        if let Some(redacted) = policy.result_json(None, &json, &RedactionCounter::default()).unwrap() {
            prop_assert!(callgate_json::check(redacted.as_bytes()).is_ok(), "{}", redacted);
            prop_assert_eq!(policy.result_json(None, &redacted, &RedactionCounter::default()).unwrap(), None, "{}", redacted);
        }
    }

    #[test]
    fn a_value_between_words_is_always_found(before in "[a-z ]{0,20}", after in "[a-z ]{0,20}") {
        let policy = policy();
        for value in ["4111111111111111", "DE89370400440532013000", "EMP-123456", "+4930901820"] {
            let redacted = policy.text(&format!("{before} {value} {after}"), &RedactionCounter::default()).unwrap();
            prop_assert!(redacted.is_some_and(|redacted| !redacted.contains(value)));
        }
    }
}
