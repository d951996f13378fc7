//! A request is read alike by the places of its values and by a search: an escape in a key turns places off.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed helper is a failed test")]

use callgate_wire::{DIALECTS, Target};
use proptest::prelude::*;

/// Path, the members before the conversation, its key, and the key of the contents of a turn, for each API.
const APIS: [(&str, &str, &str, &str, &str); 6] = [
    ("chatCompletions", "/v1/chat/completions", r#""model":"m""#, "messages", "content"),
    ("responses", "/v1/responses", r#""model":"m""#, "input", "content"),
    ("messages", "/v1/messages", r#""model":"m","max_tokens":5"#, "messages", "content"),
    ("gemini", "/v1beta/models/m:generateContent", r#""labels":{}"#, "contents", "parts"),
    ("ollama", "/api/chat", r#""model":"m""#, "messages", "content"),
    ("converse", "/model/m/converse", r#""system":[]"#, "messages", "content"),
];

/// All that a dialect tells of a request.
fn told(api: &str, path: &str, text: &str) -> String {
    let dialect = DIALECTS.iter().find(|row| row.key == api).unwrap().dialect().unwrap();
    let mut request = match dialect.request(&Target::new(path), text.as_bytes()) {
        Ok(request) => request,
        Err(error) => return format!("{error:?}"),
    };
    let mut parts = Vec::new();
    request.conversation(&mut |part| parts.push(format!("{part:?}").len()));
    let unknown = request.drop_unknown_members(&[]);
    request.clamp_output_tokens(7);
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {unknown:?} {parts:?}\n{}",
        request.models(),
        request.wants(),
        request.server_state(),
        request.provider_tools(),
        request.declared(),
        request.chosen(),
        String::from_utf8(request.write()).unwrap(),
    )
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "type",
        "Type",
        "role",
        "content",
        "Content",
        "tools",
        "Tools",
        "tool\u{17f}",
        "functions",
        "Functions",
        "tool",
        "tool_changes",
        "TOOL_CHANGES",
        "text",
        "id",
        "name",
        "input",
        "toolUse",
        "toolAddition",
        "functionCall",
        "call_id",
        "arguments",
        "parts",
        "\\u0074ype",
        "tool\\u0073",
    ])
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "[]",
        "{}",
        "1",
        r#""""#,
        r#""message""#,
        r#""text""#,
        r#""tool_addition""#,
        r#""tool\u005faddition""#,
        r#""item_reference""#,
        r#""function_call""#,
        r#""mcp_call""#,
        r#""mcp_list_tools""#,
        r#""user""#,
        r#""custom""#,
        r#""a longer text, with \"escapes\" and a \n line break""#,
        "\"\u{e9}\u{4e2d}\"",
        r#"{"type":"function","function":{"name":"f"}}"#,
        r#"[{"type":"text","text":"a"}]"#,
        r#"{"type":"tool_reference"}"#,
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            object(inner),
        ]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    proptest::collection::vec((key(), value), 0..4).prop_map(|mut members| {
        members.sort();
        members.dedup_by_key(|(key, _)| *key);
        let members: Vec<String> = members.iter().map(|(key, value)| format!(r#""{key}":{value}"#)).collect();
        format!("{{{}}}", members.join(","))
    })
}

/// A turn of the usual form, in which few members are odd.
fn turn() -> impl Strategy<Value = (String, Vec<String>)> {
    let usual =
        Just((r#""type":"message","role":"user""#.to_owned(), vec![r#"{"type":"text","text":"a"}"#.to_owned()]));
    let odd = (key(), value(), proptest::collection::vec(prop_oneof![object(value()), value()], 0..3))
        .prop_map(|(key, value, blocks)| (format!(r#""{key}":{value}"#), blocks));
    let blocks = proptest::collection::vec(object(value()), 0..3)
        .prop_map(|blocks| (r#""role":"user","type":"message""#.to_owned(), blocks));
    prop_oneof![4 => usual, 1 => odd, 1 => blocks]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn an_escape_in_another_key_changes_nothing(
        api in 0..APIS.len(),
        turns in proptest::collection::vec(turn(), 0..5),
        tools in proptest::option::of(value()),
        space in prop::sample::select(vec!["", " ", "\n\t "]),
    ) {
        let (api, path, members, list, content) = APIS[api];
        let turns: Vec<String> = turns
            .iter()
            .map(|(members, blocks)| format!(r#"{{{members},"{content}":[{}]}}"#, blocks.join(",")))
            .collect();
        let tools = tools.map(|tools| format!(r#","tools":{tools}"#)).unwrap_or_default();
        let text = |unknown: &str| {
            format!("{{{members},{space}\"{list}\":{space}[{}]{tools}{unknown}}}", turns.join(&format!(",{space}")))
        };
        // An unknown member is dropped, however it is spelled.
        let plain = told(api, path, &text(r#","unknown":1"#));
        let searched = told(api, path, &text(r#","unkno\u0077n":1"#));
        prop_assert_eq!(plain, searched);
    }
}
