//! The requests that are forwarded to the server.

use callgate_engine::{Effect, Event, Exchange, lend};
use serde_json::json;

use super::world::*;

#[test]
fn the_head_of_a_request_is_refused_with_a_json_rpc_error_without_id() {
    let change = |method: &str, name: &str, value: Option<&str>| {
        let mut headers = request_headers(method, "clerk");
        headers.retain(|(other, _)| other != name);
        headers.extend(value.map(|value| (name.to_owned(), value.as_bytes().to_vec())));
        headers
    };
    let mut two_versions = request_headers("POST", "clerk");
    two_versions.push(("mcp-protocol-version".to_owned(), b"2025-11-25".to_vec()));
    let table = [
        ("PUT", change("PUT", "", None), (405, "method_not_allowed")),
        ("no role", change("GET", "x-role", None), (401, "caller_unknown")),
        ("a role that is not there", change("DELETE", "x-role", Some("x")), (400, "role_forbidden")),
        ("gzip", change("POST", "content-encoding", Some("gzip")), (415, "request_encoded")),
        ("no JSON", change("POST", "content-type", Some("text/plain")), (415, "request_encoded")),
        (
            "a later revision",
            change("POST", "mcp-protocol-version", Some("2027-01-01")),
            (400, "mcp_version_unsupported"),
        ),
        ("two revisions", two_versions, (400, "mcp_version_unsupported")),
        ("to resume", change("GET", "last-event-id", Some("5")), (400, "request_invalid")),
    ];
    for (name, headers, expected) in table {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
        let Effect::Reply(reply) = &effect else { panic!("{name}: {effect:?}") };
        assert!(reply.body.starts_with(br#"{"error""#) || reply.body.starts_with(br#"{"jsonrpc":"2.0","id":null"#));
        let (status, code) = refused(effect);
        assert_eq!((status, code.as_str()), expected, "{name}");
    }
    let headers = change("POST", "mcp-protocol-version", None);
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
    assert_eq!(effect, Effect::Hold, "before the first answer no client knows the revision");
}

#[test]
fn a_message_that_cannot_be_read_is_refused_with_its_status() {
    let table = [
        ("{".to_owned(), (400, "request_not_json")),
        (json!([call("get_time", json!({}))]).to_string(), (400, "request_invalid")),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.to_owned(), (400, "request_not_json")),
        (call("set_alarm", json!({ "x": "y".repeat(5000) })).to_string(), (413, "request_too_large")),
    ];
    for (body, expected) in table {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let (status, code) = refused(send(&mut exchange, "clerk", body.as_bytes()));
        assert_eq!((status, code.as_str()), expected, "{body}");
    }
}

#[test]
fn methods_go_through_by_a_list() {
    let params = [
        ("initialize", json!({ "x": 1 })),
        ("ping", json!({ "x": 1 })),
        ("tools/list", json!({ "x": 1 })),
        ("prompts/get", json!({ "name": "p" })),
        ("resources/read", json!({ "uri": "a:b" })),
        ("logging/setLevel", json!({ "level": "info" })),
    ];
    for (method, params) in params {
        let message = request(method, params);
        assert_eq!(sent(&gate("refuse"), &message).1, message);
    }
    for method in ["notifications/initialized", "notifications/cancelled", "notifications/roots/list_changed"] {
        sent(&gate("refuse"), &notification(method));
    }
    sent(&gate("refuse"), &response(json!({ "roots": [] })));
    for method in ["tasks/result", "tasks/list", "Tools/call", "server/discover", "sampling/createMessage", ""] {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let answer = body(send(&mut exchange, "clerk", request(method, json!({})).to_string().as_bytes()));
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(-32601)), "{method}");
        assert_eq!(exchange.tally().verdict(), "error:mcp_method_forbidden");
    }
    for method in ["notifications/tools/list_changed", "tools/call"] {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let effect = send(&mut exchange, "clerk", notification(method).to_string().as_bytes());
        assert_eq!(refused(effect), (400, "mcp_method_forbidden".to_owned()), "nobody waits for an answer: {method}");
    }
}

#[test]
fn listening_and_ending_a_session_have_no_message() {
    for method in ["GET", "DELETE"] {
        let headers = request_headers(method, "viewer");
        let begin = || {
            let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
            assert_eq!(
                exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }),
                Effect::Hold
            );
            exchange
        };
        let effect = begin().on(Event::RequestData { chunk: b"", end: true, now: NOW });
        assert!(matches!(effect, Effect::Forward(forward) if forward.body.is_empty()));
        let effect = begin().on(Event::RequestData { chunk: b"{}", end: true, now: NOW });
        assert_eq!(refused(effect), (400, "request_invalid".to_owned()));
    }
}
