//! A client's messages.

use callgate_wire::mcp::{ClientInput, Envelope, McpRequest};
use serde_json::{Value, json};

fn read(text: &str) -> McpRequest {
    McpRequest::read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn written(request: &McpRequest) -> String {
    String::from_utf8(request.write()).unwrap()
}

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
}

#[test]
fn requests_notifications_and_responses_are_told_apart_and_keep_their_bytes() {
    let table = [
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#, "request 7 ping"),
        (r#"{ "method":"ping", "params":null, "id":"a\"b", "jsonrpc":"2.0" }"#, r#"request "a\"b" ping"#),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "notification notifications/initialized"),
        (r#"{"jsonrpc":"2.0","id":0,"result":{"roots":[]}}"#, "result 0"),
        (r#"{"jsonrpc":"2.0","id":0,"error":{"code":-1,"message":"no"}}"#, "error 0"),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"action":"accept","content":{"type":"tool_use"}}}"#, "result 1"),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"role":"assistant","model":"m","content":{"type":"text","text":"x"}}}"#,
            "result 1",
        ),
    ];
    for (text, expected) in table {
        let request = read(text);
        let told = match request.envelope() {
            Envelope::Request { id, method } => format!("request {id} {method}"),
            Envelope::Notification { method } => format!("notification {method}"),
            Envelope::Result { id } => format!("result {id}"),
            Envelope::Error { id } => format!("error {}", id.as_ref().unwrap()),
        };
        assert_eq!(told, expected);
        assert_eq!(written(&request), text);
    }
}

#[test]
fn what_is_not_one_message_or_could_be_read_in_two_ways_is_refused() {
    let table = [
        ("", "request_not_json"),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, "request_not_json"),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, "message"),
        ("[]", "message"),
        ("7", "request_invalid"),
        ("{}", "jsonrpc"),
        (r#"{"jsonrpc":"2.0"}"#, "message"),
        (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, "jsonrpc"),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, "jsonrpc"),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, "id"),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, "id"),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, "id"),
        (r#"{"jsonrpc":"2.0","id":true,"result":{}}"#, "id"),
        (r#"{"jsonrpc":"2.0","result":{}}"#, "id"),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, "method"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, "message"),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#, "message"),
        (r#"{"jsonrpc":"2.0","id":1,"result":7}"#, "result"),
        (r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#, "error"),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":""}}"#, "error.code"),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, "error.message"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#, "params"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#, "message"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","Params":{}}"#, "message"),
    ];
    for (text, expected) in table {
        let error = McpRequest::read(text.as_bytes()).unwrap_err();
        assert_eq!(error.param().unwrap_or(error.code()), expected, "{text}: {error}");
    }
}

#[test]
fn a_call_is_told_with_the_text_of_its_arguments() {
    let table = [
        (r#"{"name":"a","arguments":{ "b":1.0 }}"#, ("a", r#"{"b":1}"#)),
        (r#"{"name":"a"}"#, ("a", "{}")),
        (r#"{"name":"a","arguments":null}"#, ("a", "null")),
        (r#"{"name":"a","arguments":"{}"}"#, ("a", r#""{}""#)),
        (r#"{"arguments":{}}"#, ("", "{}")),
        (r#"{"name":null}"#, ("", "{}")),
        ("null", ("", "{}")),
    ];
    for (params, expected) in table {
        let call = read(&call(params)).call().unwrap();
        assert_eq!((call.name.as_str(), call.arguments.as_str()), expected, "{params}");
        assert_eq!(call.id, "1");
    }
    let call = read(r#"{"jsonrpc":"2.0","id":"","method":"tools/call","params":{"name":"a"}}"#).call().unwrap();
    assert_eq!(call.id, r#""""#, "an id that is the empty text is one too");
    assert_eq!(read(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}"#).call(), None);
    assert_eq!(read(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).call(), None);
}

#[test]
fn calls_that_could_be_read_in_two_ways_or_are_answered_later_are_refused() {
    let table = [
        (r#"{"name":7}"#, "params.name"),
        (r#"{"name":"a","Name":"b"}"#, "params"),
        (r#"{"name":"a","argument\u017f":{}}"#, "params"),
        (r#"{"name":"a","task":{"ttl":1}}"#, "params.task"),
        (r#"{"name":"a","TASK":{}}"#, "params"),
    ];
    for (params, expected) in table {
        let error = McpRequest::read(call(params).as_bytes()).unwrap_err();
        assert_eq!(error.param(), Some(expected), "{params}");
    }
    read(&call(r#"{"name":"a","task":null,"_meta":{"progressToken":1},"x":1}"#));
}

#[test]
fn what_a_clients_model_said_for_a_server_has_no_calls_in_it() {
    let said = |result: Value| json!({ "jsonrpc": "2.0", "id": 1, "result": result }).to_string();
    let table = [
        json!({ "role": "assistant", "model": "m", "content": { "type": "tool_use", "name": "a", "input": {} } }),
        json!({ "model": "m", "content": [{ "type": "text", "text": "" }, { "type": "tool_use" }] }),
        json!({ "role": "assistant", "content": [{ "type": "tool_result" }] }),
        json!({ "role": "assistant", "content": [{}] }),
        json!({ "role": "assistant" }),
        json!({ "Role": "assistant", "content": [] }),
        json!({ "role": "assistant", "content": { "type": "text", "Type": "tool_use" } }),
    ];
    for result in table {
        McpRequest::read(said(result.clone()).as_bytes()).expect_err(&result.to_string());
    }
    read(&said(json!({ "role": "assistant", "model": "m", "content": [{ "type": "text", "text": "" }] })));
}

#[test]
fn an_allowed_call_is_written_with_canonical_arguments_and_the_rest_keeps_its_bytes() {
    let text = r#"{ "id" : 1, "params": {"_meta": {"progressToken" : 1.50}, "arguments": {"b":1.0, "a":2}, "name":"x"},
        "method":"tools/call", "jsonrpc":"2.0" }"#;
    let mut request = read(text);
    request.set_arguments(r#"{"a":2,"b":1}"#.to_owned());
    assert_eq!(
        written(&request),
        r#"{"id":1,"params":{"_meta":{"progressToken" : 1.50},"arguments":{"a":2,"b":1},"name":"x"},"method":"tools/call","jsonrpc":"2.0"}"#
    );
    let text = call(r#"{ "name": "x", "arguments": {"a":2} }"#);
    let mut request = read(&text);
    request.set_arguments(r#"{"a":2}"#.to_owned());
    assert_eq!(written(&request), text, "what is canonical already is not written anew");
    let mut request = read(&call(r#"{"name":"x"}"#));
    request.set_arguments("{}".to_owned());
    assert_eq!(written(&request), call(r#"{"name":"x","arguments":{}}"#));
    let mut request = read(&call(r#"{"name":"x","argument\u0073":{"a":1e0}}"#));
    request.set_arguments(r#"{"a":1}"#.to_owned());
    assert_eq!(written(&request), call(r#"{"name":"x","argument\u0073":{"a":1}}"#), "however the key is spelled");
}

#[test]
fn an_introduction_does_not_offer_the_server_what_does_not_go_through() {
    let introduction = |capabilities: Value| {
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {} });
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }).to_string()
    };
    let text =
        introduction(json!({ "roots": {}, "sampling": { "tools": {}, "context": {} }, "tasks": { "list": {} } }));
    let mut request = read(&text);
    request.withhold_capabilities(&[]);
    let kept: Value = serde_json::from_slice(&request.write()).unwrap();
    assert_eq!(kept["params"]["capabilities"], json!({ "roots": {}, "sampling": { "context": {} } }));
    assert_eq!(kept["params"]["protocolVersion"], "2025-11-25");
    let mut request = read(&text);
    request.withhold_capabilities(&ClientInput::ALL);
    let kept: Value = serde_json::from_slice(&request.write()).unwrap();
    assert_eq!(kept["params"]["capabilities"], json!({}));

    let text = introduction(json!({ "roots": {}, "sampling": {} }));
    let mut request = read(&text);
    request.withhold_capabilities(&[]);
    assert_eq!(written(&request), text);
}
