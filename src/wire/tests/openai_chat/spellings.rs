//! Unusual spellings of one call: escapes, doubled keys, white space, wrong places.

use callgate_json::{Outline, Value};
use callgate_wire::openai_chat::{ChatAnswer, Rewrite};
use callgate_wire::{Call, Form};
use proptest::prelude::*;

use crate::suite::tool_call;

fn message(message: &str) -> String {
    format!(r#"{{"id":"c","choices":[{{"index":0,"message":{message},"finish_reason":"tool_calls"}}]}}"#)
}

fn calls(text: &str) -> Option<Vec<Call>> {
    Some(ChatAnswer::read(message(text).as_bytes()).ok()?.choices()[0].calls.clone())
}

/// A call `f` with the id `a` and an argument.
const CALL: &str = r#"{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}"#;

#[test]
fn an_escaped_key_means_what_it_spells() {
    let plain = format!(r#"{{"content":null,"tool_calls":[{CALL}]}}"#);
    let call = tool_call("a", "f", r#"{"x": 1}"#);
    assert_eq!(calls(&plain), Some(vec![call.clone()]));
    for (key, escaped) in [
        ("tool_calls", r"\u0074ool_calls"),
        ("id", r"\u0069d"),
        ("function", r"f\u0075nction"),
        ("name", r"n\u0061me"),
        ("arguments", r"\u0061rguments"),
    ] {
        let (key, escaped) = (format!("\"{key}\":"), format!("\"{escaped}\":"));
        assert_eq!(calls(&plain.replace(&key, &escaped)), Some(vec![call.clone()]), "{escaped}");
        // Both spellings are one key twice.
        let twice = plain.replacen(&key, &format!("{escaped}null,{key}"), 1);
        assert!(calls(&twice).is_none(), "{twice}");
        assert!(calls(&plain.replacen(&key, &format!("{key}null,{key}"), 1)).is_none(), "{key}");
    }
    let id = plain.replace(r#""a""#, r#""\u0061""#);
    assert_eq!(calls(&id), Some(vec![call]));
}

#[test]
fn a_key_that_only_some_clients_read_is_refused() {
    for (key, other) in [
        ("tool_calls", "Tool_Calls"),
        ("tool_calls", r"tool_call\u017f"),
        ("function", "Function"),
        ("name", "NAME"),
        ("arguments", r"argument\u017F"),
        ("id", "ID"),
    ] {
        let text = format!(r#"{{"tool_calls":[{CALL}]}}"#);
        let key = format!("\"{key}\":");
        let both = text.replacen(&key, &format!("\"{other}\":[{{}}],{key}"), 1);
        assert!(calls(&both).is_none(), "{both}");
        let alone = text.replacen(&key, &format!("\"{other}\":"), 1);
        assert!(calls(&alone).is_none(), "{alone}");
    }
}

#[test]
fn an_empty_call_object_calls_nothing_or_is_refused() {
    for stub in
        [r#""function_call":{}"#, r#""tool_calls":[{}]"#, r#""tool_calls":[null]"#, r#""tool_calls":[{"function":{}}]"#]
    {
        let answer = ChatAnswer::read(message(&format!("{{\"content\":\"4\",{stub}}}")).as_bytes()).unwrap();
        assert!(answer.choices()[0].calls.is_empty(), "{stub}");
        let written = String::from_utf8(answer.write()).unwrap();
        assert!(!written.contains("_call\":") && !written.contains("tool_calls\":"), "{stub}: {written}");
    }
    // Clients in Go read these as a call without a name.
    for stub in [r#""Function_Call":{}"#, r#""FUNCTION_CALL":{"name":null}"#, r#""Tool_Calls":[{}]"#] {
        assert!(calls(&format!("{{\"content\":\"4\",{stub}}}")).is_none(), "{stub}");
    }
}

#[test]
fn texts_that_readers_take_differently_are_refused() {
    for text in [
        r#"{"tool_calls":[{"id":"\ud800","function":{"name":"f","arguments":"{}"}}]}"#,
        r#"{"tool_calls":[{"id":"a","function":{"name":"f\udc00","arguments":"{}"}}]}"#,
        r#"{"content":1e400}"#,
        r#"{"tool_calls":[{"id":"a","index":-1,"function":{"name":"f","arguments":"{}"}}]}"#,
        r#"{"tool_calls":[{"id":"a","index":4294967296,"function":{"name":"f","arguments":"{}"}}]}"#,
        r#"{"tool_calls":{"0":{"id":"a"}}}"#,
        r#"{"tool_calls":"call"}"#,
        r#"{"tool_calls":[[]]}"#,
        r#"{"refusal":{"tool_calls":[{}]}}"#,
        r#"{"content":[{"type":"text","text":"a","tool_calls":[{}]}]}"#,
    ] {
        assert!(calls(text).is_none(), "{text}");
    }
    let mut bytes = message(&format!(r#"{{"tool_calls":[{CALL}]}}"#)).into_bytes();
    let place = bytes.iter().position(|byte| *byte == b'f').unwrap();
    bytes[place] = 0xff;
    assert!(ChatAnswer::read(&bytes).is_err());
}

#[test]
fn as_many_calls_as_an_api_gives_are_read_and_rewritten() {
    let entry = |number: usize| CALL.replace(r#""a""#, &format!(r#""a{number}""#));
    let list = (0..128).map(entry).collect::<Vec<_>>().join(",");
    let text = message(&format!(r#"{{"content":"x","tool_calls":[{list}]}}"#));
    let mut answer = ChatAnswer::read(text.as_bytes()).unwrap();
    let canonical = |call: &Call| Call { arguments: r#"{"x":1}"#.to_owned(), ..call.clone() };
    let calls: Vec<Call> = answer.choices()[0].calls.iter().map(canonical).collect();
    assert_eq!(calls.len(), 128);
    answer.rewrite(0, Rewrite { text: None, calls });
    assert_eq!(String::from_utf8(answer.write()).unwrap(), text.replace(r#"{\"x\": 1}"#, r#"{\"x\":1}"#));
}

/// A text with white space and other escapes that means the same. It has no numbers that are written in another way.
fn spaced(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap();
    serde_json::to_string_pretty(&value).unwrap().replace('/', "\\/").replace('é', "\\u00e9")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// A compact text is copied between the changed strings. Any other text is written value by value.
    #[test]
    fn a_compact_text_is_rewritten_as_any_other(
        ids in prop::collection::hash_set("[a-zé/\"\\\\\u{1}]{1,6}", 1..5),
        arguments in prop::collection::vec("\\{\"[a-z/é]{1,3}\": ?([1-9][0-9]{0,2}|\"[a-zé/ ]{0,4}\")\\}", 5),
        content in "[ -~é\n]{0,20}",
        others in prop::sample::select(vec!["null", "[]", "[1,2.5,-3]", "{\"a/b\":[true,{\"c\":\"é\"}]}", "1.50", "-0"]),
        changed in prop::collection::vec(any::<bool>(), 5),
    ) {
        let quoted = |text: &str| Value::from(text).to_string();
        let entry = |(id, arguments): (&String, &String)| {
            format!(r#"{{"id":{},"type":"function","function":{{"name":"f","arguments":{}}}}}"#, quoted(id), quoted(arguments))
        };
        let list = ids.iter().zip(&arguments).map(entry).collect::<Vec<_>>().join(",");
        let body = format!(r#"{{"content":{},"x":{others},"tool_calls":[{list}]}}"#, quoted(&content));
        let compact = message(&body);
        let rewritten = |text: &str| {
            let mut answer = ChatAnswer::read(text.as_bytes()).unwrap();
            let calls = answer.choices()[0].calls.iter().zip(&changed).map(|(call, changed)| {
                assert_eq!(call.form, Form::Tool);
                let value: Value = callgate_json::read(call.arguments.as_bytes()).unwrap();
                let arguments = if *changed { callgate_json::canonical(&value) } else { call.arguments.clone() };
                Call { arguments, ..call.clone() }
            });
            let calls: Vec<Call> = calls.collect();
            let is_same = calls == answer.choices()[0].calls;
            answer.rewrite(0, Rewrite { text: None, calls });
            let written = answer.write();
            let choices = Outline::read(&written).unwrap().root().get("choices").unwrap().text().to_owned();
            (is_same, choices, written)
        };
        let (is_same, one, written) = rewritten(&compact);
        let (_, other, unchanged) = rewritten(&spaced(&compact));
        if is_same {
            prop_assert_eq!(written, compact.into_bytes());
            prop_assert_eq!(unchanged, spaced(&message(&body)).into_bytes());
        } else {
            prop_assert_eq!(one, other);
        }
    }
}
