//! A server's messages.

use callgate_wire::Declaration;
use callgate_wire::mcp::{Called, Era, Hints, Listed, Listing, McpAnswer, OfferList};
use serde_json::{Value, json};

fn read(text: &str) -> McpAnswer {
    McpAnswer::read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn result(result: &Value) -> McpAnswer {
    read(&json!({ "jsonrpc": "2.0", "id": 1, "result": result }).to_string())
}

fn written(answer: &McpAnswer) -> Value {
    serde_json::from_slice(&answer.write()).unwrap()
}

#[test]
fn what_is_not_one_message_is_refused() {
    let table = [
        "",
        "[]",
        r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"Result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"id":1,"result":{}}"#,
    ];
    for text in table {
        McpAnswer::read(text.as_bytes()).expect_err(text);
    }
    read(r#"{"jsonrpc":"2.0","id":1,"result":{"score":0.10000000000000000001}}"#);
    read(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"","data":[{"type":"tool_use"}]}}"#);
}

#[test]
fn a_list_of_tools_is_told_and_written_in_the_words_given() {
    let mut answer = result(&json!({
        "tools": [
            { "name": "a", "title": "POISON", "description": "POISON", "inputSchema": {}, "annotations": {}, "icons": [] },
            { "name": "b", "outputSchema": { "type": "object" }, "execution": { "taskSupport": "required" } },
            { "description": "without a name" },
            7,
        ],
        "nextCursor": "page 2",
        "_meta": { "x": "POISON" },
    }));
    let listed = |name: &str, structured| Listed { name: name.to_owned(), structured };
    let expected = [listed("a", false), listed("b", true), listed("", false), listed("", false)];
    assert_eq!(answer.listed().unwrap(), expected);

    let first = Declaration::new("a", Some("Does a."), &json!({ "type": "object" }));
    let second = Declaration::new("b", None, &json!({ "type": "object", "required": ["x"] }));
    let output = json!({ "type": "object", "required": ["y"] });
    answer.list(
        &[
            Listing { declaration: &first, result: None, hints: Hints { read_only: true, destructive: false } },
            Listing {
                declaration: &second,
                result: Some(&output),
                hints: Hints { read_only: false, destructive: true },
            },
        ],
        Era::Sessions,
    );
    let text = r#"{"tools":[{"name":"a","description":"Does a.","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true,"destructiveHint":false}},{"name":"b","inputSchema":{"type":"object","required":["x"]},"outputSchema":{"type":"object","required":["y"]},"annotations":{"readOnlyHint":false,"destructiveHint":true}}],"nextCursor":"page 2"}"#;
    assert_eq!(written(&answer)["result"].to_string(), text);

    let mut answer = result(&json!({ "tools": [{ "name": "a" }], "nextCursor": null }));
    answer.list(&[], Era::Sessions);
    assert_eq!(written(&answer)["result"], json!({ "tools": [] }));
}

#[test]
fn lists_that_some_clients_read_otherwise_are_refused() {
    let table = [
        json!({}),
        json!({ "tools": {} }),
        json!({ "tools": [], "Tools": [] }),
        json!({ "tools": [], "nextCursor": 7 }),
        json!({ "tools": vec![json!({}); 5000] }),
    ];
    for list in table {
        result(&list).listed().unwrap_err();
    }
}

#[test]
fn what_a_tool_gave_is_its_structured_content_or_the_json_of_its_single_text() {
    let text = |text: &str| json!({ "type": "text", "text": text });
    let called = |failed, value: Option<Value>, structured| Called { failed, value, structured };
    let table = [
        (json!({ "content": [] }), called(false, None, false)),
        (json!({ "content": [text("hello")] }), called(false, None, false)),
        (json!({ "content": [text("{\"a\":1}")], "isError": null }), called(false, Some(json!({ "a": 1 })), false)),
        (json!({ "content": [text("{\"a\":1,\"a\":2}")] }), called(false, None, false)),
        (json!({ "content": [text("1"), text("2")] }), called(false, None, false)),
        (json!({ "content": [text("no")], "isError": true }), called(true, None, false)),
        (
            json!({ "content": [text("x")], "structuredContent": { "a": 1 } }),
            called(false, Some(json!({ "a": 1 })), true),
        ),
        (json!({ "structuredContent": { "a": 1 } }), called(false, Some(json!({ "a": 1 })), true)),
        (json!({ "content": [{ "type": "video", "data": "" }] }), called(false, None, false)),
        (
            json!({ "content": [{ "type": "image", "data": "", "mimeType": "" }, { "type": "audio" },
                    { "type": "resource", "resource": {} }, { "type": "resource_link", "uri": "x" }] }),
            called(false, None, false),
        ),
    ];
    for (given, expected) in table {
        assert_eq!(result(&given).called().unwrap(), expected, "{given}");
    }
}

#[test]
fn results_that_could_hide_a_call_or_are_none_are_refused() {
    let table = [
        json!({}),
        json!({ "task": { "taskId": "1" } }),
        json!({ "content": {} }),
        json!({ "content": ["text"] }),
        json!({ "structuredContent": null }),
        json!({ "content": [{ "type": "tool_use", "name": "a" }] }),
        json!({ "content": [{ "type": "server_tool_use", "name": "a" }] }),
        json!({ "content": [{ "type": "new", "parts": [{ "functionCall": { "name": "a" } }] }] }),
        json!({ "content": [{ "text": "no type" }] }),
        json!({ "content": [{ "type": "text", "Type": "tool_use" }] }),
        json!({ "content": [], "isError": "no" }),
        json!({ "content": [], "Content": [] }),
        json!({ "content": [], "structuredcontent": {} }),
    ];
    for given in table {
        result(&given).called().expect_err(&given.to_string());
    }
}

#[test]
fn a_checked_value_goes_on_alone() {
    let mut answer = result(&json!({
        "content": [{ "type": "text", "text": "POISON" }], "structuredContent": { "b": 1.50, "a": 1 }, "_meta": { "x": 1 },
    }));
    let value = answer.called().unwrap().value.unwrap();
    answer.give(&value, true, Era::Sessions);
    let text = r#"{"content":[{"type":"text","text":"{\"a\":1,\"b\":1.5}"}],"structuredContent":{"a":1,"b":1.5},"isError":false}"#;
    assert_eq!(String::from_utf8(answer.write()).unwrap(), format!(r#"{{"jsonrpc":"2.0","id":1,"result":{text}}}"#));
    answer.give(&json!([1]), false, Era::Sessions);
    assert_eq!(written(&answer)["result"], json!({ "content": [{ "type": "text", "text": "[1]" }], "isError": false }));
}

#[test]
fn an_introduction_tells_models_nothing() {
    let mut answer = result(&json!({
        "protocolVersion": "2025-06-18", "instructions": "POISON", "Instructions": "POISON",
        "capabilities": { "tools": {}, "tasks": {}, "extensions": {} }, "serverInfo": { "name": "s", "version": "1" },
    }));
    answer.introduce();
    let expected = json!({
        "protocolVersion": "2025-06-18", "capabilities": { "tools": {} }, "serverInfo": { "name": "s", "version": "1" },
    });
    assert_eq!(written(&answer)["result"], expected);
    let text = r#"{ "jsonrpc":"2.0","id":1,"result":{"capabilities":{}} }"#;
    let mut answer = read(text);
    answer.introduce();
    assert_eq!(answer.write(), text.as_bytes());
}

#[test]
fn a_server_may_ask_the_clients_model_for_text_only() {
    let asked = |params: Value| {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": params });
        read(&request.to_string()).asks_for_text_only()
    };
    let text = json!({ "type": "text", "text": "hello" });
    asked(json!({ "messages": [{ "role": "user", "content": text }], "maxTokens": 5, "tools": null })).unwrap();
    asked(json!({ "messages": [{ "role": "user", "content": [text] }] })).unwrap();
    asked(json!({ "message": "Which city?", "requestedSchema": {} })).unwrap();
    let table = [
        json!({ "messages": [], "tools": [] }),
        json!({ "messages": [], "toolChoice": { "mode": "auto" } }),
        json!({ "messages": [], "Tools": [] }),
        json!({ "messages": [], "task": {} }),
        json!({ "messages": [{ "content": { "type": "tool_use" } }] }),
        json!({ "messages": [{ "content": [{ "type": "text" }, { "type": "tool_result" }] }] }),
        json!({ "messages": [{ "role": "user" }] }),
        json!({ "messages": {} }),
    ];
    for params in table {
        asked(params.clone()).expect_err(&params.to_string());
    }
}

#[test]
fn prompts_are_only_shown() {
    let message = |content: Value| json!({ "messages": [{ "role": "user", "content": content }] });
    result(&message(json!({ "type": "text", "text": "x" }))).prompts().unwrap();
    result(&message(json!({ "type": "resource", "resource": {} }))).prompts().unwrap();
    for prompt in [message(json!({ "type": "tool_use" })), message(json!("x")), json!({}), json!({ "messages": [7] })] {
        result(&prompt).prompts().expect_err(&prompt.to_string());
    }
}

#[test]
fn a_list_of_resources_is_read_for_certain_and_bounded() {
    let list = |count: usize| {
        let items: Vec<Value> = (0..count).map(|n| json!({ "uri": format!("n:{n}") })).collect();
        result(&json!({ "resources": items }))
    };
    assert_eq!(list(10_000).offers(OfferList::Resources).unwrap().len(), 10_000);
    list(10_001).offers(OfferList::Resources).expect_err("too many");
    for odd in [
        json!({}),
        json!({ "resources": {} }),
        json!({ "resources": [], "Resources": [] }),
        json!({ "resources": [{ "uri": "a:b", "URI": "c:d" }] }),
        json!({ "resources": [], "nextCursor": 7 }),
    ] {
        result(&odd).offers(OfferList::Resources).expect_err(&odd.to_string());
    }
    let kept = result(&json!({ "resources": [7, {}, { "uri": 7 }, { "uri": "a:b", "name": "two words" }] }));
    let offers = kept.offers(OfferList::Resources).unwrap();
    assert_eq!(offers.len(), 1);
    assert_eq!(offers[0].resource(OfferList::Resources, "b", None), r#"{"uri":"a:b","name":"b"}"#);
}
