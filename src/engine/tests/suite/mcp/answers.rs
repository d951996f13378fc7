//! Answers of a server, whole.

use callgate_engine::{Effect, Event, Exchange, Reply, lend};
use serde_json::{Value, json};

use super::world::*;

fn list() -> Value {
    let tool = |name: &str| json!({ "name": name, "title": "POISON", "description": "POISON", "inputSchema": {} });
    let mut structured = tool("get_time");
    structured["outputSchema"] = json!({ "type": "object" });
    let tools = [structured, tool("rm_rf"), tool("set_alarm"), tool("lookup"), tool("get_time")];
    json!({ "tools": tools, "nextCursor": "2" })
}

fn listed(role: &str, list: Value) -> Value {
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let effect = send(&mut exchange, role, request("tools/list", json!({})).to_string().as_bytes());
    assert!(matches!(effect, Effect::Forward(_)));
    body(answered(&mut exchange, &response(list)))["result"].clone()
}

#[test]
fn a_list_is_cut_to_the_contract_and_the_role_in_the_contracts_words() {
    let result = listed("clerk", list());
    assert_eq!(result["nextCursor"], "2");
    let tools = result["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["get_time", "set_alarm"]);
    assert_eq!(tools[0]["description"], "The time in a zone.");
    assert_eq!(tools[0]["inputSchema"]["required"], json!(["zone"]));
    assert_eq!(tools[0]["outputSchema"]["required"], json!(["time"]), "the contract's, where the server has one");
    assert_eq!(
        tools[1],
        json!({
            "name": "set_alarm",
            "inputSchema": { "type": "object", "additionalProperties": false },
            "annotations": { "readOnlyHint": false, "destructiveHint": true },
        })
    );
    let read = json!({ "readOnlyHint": true, "destructiveHint": false });
    assert_eq!(tools[0]["annotations"], read, "the contract's `effects`");
    assert!(!result.to_string().contains("POISON"));

    let result = listed("viewer", json!({ "tools": [{ "name": "get_time" }, { "name": "set_alarm" }] }));
    let tools = result["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 1);
    assert!(tools[0].get("outputSchema").is_none(), "clients insist on what a server does not give");
}

#[test]
fn an_introduction_is_forwarded_without_instructions_for_models() {
    let (mut exchange, _) = sent(&gate("refuse"), &request("initialize", json!({ "capabilities": {} })));
    let result = json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} }, "serverInfo": {} });
    let mut poisoned = result.clone();
    poisoned["instructions"] = json!("POISON");
    assert_eq!(body(answered(&mut exchange, &response(poisoned)))["result"], result);
}

#[test]
fn other_answers_and_errors_of_the_server_keep_their_bytes() {
    let text = r#"{ "result":{"contents":[{"uri":"a:b","text":"x"}]},"id":7, "jsonrpc":"2.0" }"#;
    let (mut exchange, _) = sent(&gate("refuse"), &request("resources/read", json!({ "uri": "a:b" })));
    assert_eq!(begun(&mut exchange, "200", "application/json", false), Effect::Hold);
    let (first, second) = text.as_bytes().split_at(9);
    assert_eq!(exchange.on(Event::ResponseData { chunk: first, end: false, now: NOW }), Effect::Hold);
    let effect = exchange.on(Event::ResponseData { chunk: second, end: true, now: NOW });
    assert_eq!(effect, Effect::Finish(text.as_bytes().to_vec()));
    assert_eq!(exchange.tally().verdict(), "pass");

    let error = json!({ "jsonrpc": "2.0", "id": 7, "error": { "code": -32602, "message": "no", "data": { "x": 1 } } });
    let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
    assert_eq!(body(answered(&mut exchange, &error)), error);
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let table = [
        ("another id", json!({ "jsonrpc": "2.0", "id": 8, "result": {} })),
        ("an id of another type", json!({ "jsonrpc": "2.0", "id": "7", "result": {} })),
        ("no id", json!({ "jsonrpc": "2.0", "id": null, "error": { "code": 1, "message": "" } })),
        ("a notification", notification("notifications/message")),
        ("a request", request("ping", json!({}))),
        ("a batch", json!([response(json!({}))])),
        ("no list", response(json!({ "content": [] }))),
        ("a task", response(json!({ "task": {} }))),
    ];
    for (name, answer) in table {
        let (mut exchange, _) = sent(&gate("refuse"), &request("tools/list", json!({})));
        let effect = answered(&mut exchange, &answer);
        assert!(matches!(&effect, Effect::Reply(Reply { status: 200, .. })), "{name}: the request's id is known");
        let body = body(effect);
        assert_eq!((&body["id"], &body["error"]["data"]["code"]), (&json!(7), &json!("upstream_invalid")), "{name}");
        assert_eq!(exchange.tally().verdict(), "error:upstream_invalid");
    }
}

#[test]
fn answers_that_cannot_be_read_fail_closed() {
    let fails = |headers_of: &[(&str, &str)], end: bool| {
        let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
        refused(exchange.on(Event::ResponseHead { headers: &lend(&headers(headers_of)), end })).1
    };
    let json = ("content-type", "application/json");
    assert_eq!(fails(&[(":status", "200"), json, ("content-encoding", "gzip")], false), "upstream_encoded");
    assert_eq!(fails(&[(":status", "200"), ("content-type", "text/html")], false), "upstream_invalid");
    assert_eq!(fails(&[(":status", "200")], false), "upstream_invalid");
    assert_eq!(fails(&[(":status", "200"), json], true), "upstream_invalid");
    assert_eq!(fails(&[(":status", "202"), json], true), "upstream_invalid");
    assert_eq!(fails(&[(":status", "307"), ("location", "/x")], true), "upstream_invalid");

    let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
    begun(&mut exchange, "200", "application/json", false);
    let effect = exchange.on(Event::ResponseData { chunk: &[b' '; 5000], end: false, now: NOW });
    assert_eq!(refused(effect).1, "response_too_large");
    let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
    begun(&mut exchange, "200", "application/json", false);
    let effect = exchange.on(Event::ResponseData { chunk: b" ", end: false, now: NOW * 60 });
    assert_eq!(refused(effect).1, "limit_exceeded");
}

#[test]
fn a_one_way_message_is_acknowledged_without_a_body() {
    for message in [notification("notifications/initialized"), response(json!({ "roots": [] }))] {
        let (mut exchange, _) = sent(&gate("refuse"), &message);
        assert_eq!(begun(&mut exchange, "202", "application/json", true), Effect::Pass);
        let (mut exchange, _) = sent(&gate("refuse"), &message);
        assert_eq!(begun(&mut exchange, "202", "text/plain", false), Effect::Hold);
        let answer = response(json!({ "tools": [] })).to_string();
        assert_eq!(exchange.on(Event::ResponseData { chunk: answer.as_bytes(), end: false, now: NOW }), Effect::Hold);
        let effect = exchange.on(Event::ResponseTrailers { writable: true, now: NOW });
        assert_eq!(effect, Effect::Finish(Vec::new()), "a body is dropped");
        let (mut exchange, _) = sent(&gate("refuse"), &message);
        assert_eq!(refused(begun(&mut exchange, "200", "text/event-stream", false)).1, "upstream_invalid");
    }
}

#[test]
fn errors_of_http_keep_their_status_and_say_nothing_undecided() {
    let failed = |content_type: &str, body: &str| {
        let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
        assert_eq!(begun(&mut exchange, "404", content_type, false), Effect::Hold);
        exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now: NOW })
    };
    let lost = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}"#;
    assert_eq!(failed("application/json", lost), Effect::Finish(lost.as_bytes().to_vec()));
    let oauth = r#"{"error":"invalid_token","error_description":"expired"}"#;
    assert_eq!(failed("application/json", oauth), Effect::Finish(oauth.as_bytes().to_vec()));
    let ours = body(failed("text/html", "<p>down</p>"));
    assert_eq!((&ours["id"], &ours["error"]["data"]["code"]), (&json!(7), &json!("upstream_error")));
    assert!(ours["error"]["message"].as_str().unwrap().ends_with("status 404: <p>down</p>"), "{ours}");
    for smuggled in [response(json!({ "content": [] })), json!({ "result": {} }), json!([response(json!({}))])] {
        let ours = body(failed("application/json", &smuggled.to_string()));
        assert_eq!(ours["error"]["data"]["code"], "upstream_error", "under the server's own headers");
    }

    let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
    assert_eq!(begun(&mut exchange, "401", "", true), Effect::Pass, "where to get a token stands in the headers");
    let (mut exchange, _) = sent(&gate("refuse"), &call("set_alarm", json!({})));
    let head = headers(&[(":status", "401"), ("content-type", "text/plain"), ("content-encoding", "gzip")]);
    assert_eq!(exchange.on(Event::ResponseHead { headers: &lend(&head), end: false }), Effect::Hold);
    let effect = exchange.on(Event::ResponseData { chunk: &[0x1f, 0x8b, 0xff], end: true, now: NOW });
    assert!(matches!(effect, Effect::Finish(_)), "the headers stay whatever the body is");
    assert_eq!(exchange.content_type(), Some("application/json"));
}
