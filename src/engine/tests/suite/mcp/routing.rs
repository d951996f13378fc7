//! Headers that repeat parts of a message of 2026-07-28.

use std::rc::Rc;

use callgate_engine::{Effect, Event, Exchange, Gate, Offer, lend};
use serde_json::{Value, json};

use super::world::*;
use crate::common::gate_over;

/// A gate with a tool whose arguments are headers too.
fn query_gate(lines: &str) -> Rc<Gate> {
    let contract = format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: queries, version: 1.0.0 }}
spec:
  models: ["*"]
{lines}
  roles: {{ clerk: {{ tools: ["*"] }}, viewer: {{ tools: [] }} }}
  tools:
    - name: query
      effects: read
      parameters:
        type: object
        properties:
          region: {{ type: string, x-mcp-header: Region }}
          rows: {{ type: integer, x-mcp-header: Rows }}
          deep: {{ type: object, properties: {{ dry: {{ type: boolean, x-mcp-header: Dry }} }} }}
          sql: {{ type: string }}
      run: {{ client: {{}} }}
"#
    );
    gate_over(&contract, Offer::Declared)
}

fn query(arguments: Value) -> Value {
    call_alone("query", arguments)
}

/// Sends a message with these headers instead of, or besides, the usual ones. Without a value a header is left out.
fn send_changed(gate: &Rc<Gate>, message: &Value, changes: &[(&str, Option<&str>)]) -> Effect {
    let mut headers = headers_of(message, "clerk");
    headers.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    for (name, value) in changes {
        headers.extend(value.map(|value| ((*name).to_owned(), value.as_bytes().to_vec())));
    }
    send_with(&mut Exchange::new(Rc::clone(gate), "exchange-1"), &headers, message.to_string().as_bytes())
}

fn set(effect: Effect) -> Vec<(String, String)> {
    match effect {
        Effect::Forward(forward) => forward.set,
        effect => panic!("the message was not forwarded: {effect:?}"),
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_header_that_differs_from_the_body_is_refused() {
    let tables = [
        (
            call_alone("set_alarm", json!({})),
            vec![
                vec![("mcp-method", None)],
                vec![("mcp-method", Some("tools/list"))],
                vec![("mcp-method", Some("Tools/Call"))],
                vec![("mcp-method", Some("=?base64?dG9vbHMvY2FsbA==?="))],
                vec![("mcp-method", Some("tools/call")), ("mcp-method", Some("tools/call"))],
                vec![("mcp-name", None)],
                vec![("mcp-name", Some("get_time"))],
                vec![("mcp-name", Some("SET_ALARM"))],
                vec![("mcp-name", Some("set%5Falarm"))],
                vec![("mcp-name", Some("set_alarm, set_alarm"))],
                vec![("mcp-name", Some("=?BASE64?c2V0X2FsYXJt?="))],
                vec![("mcp-name", Some("=?base64?c2V0X2FsYXJ?="))],
                vec![("mcp-name", Some("=?base64?Z2V0X3RpbWU=?="))],
                vec![("mcp-name", Some("set_alarm")), ("mcp-name", Some("set_alarm"))],
                vec![("mcp-name", Some("get_time")), ("mcp-name", Some("set_alarm"))],
                vec![("mcp-param-region", Some("eu"))],
            ],
        ),
        (
            alone("tools/list", json!({})),
            vec![vec![("mcp-name", Some("get_time"))], vec![("mcp-param-region", Some("eu"))]],
        ),
        (
            alone("resources/read", json!({ "uri": "notes://today" })),
            vec![vec![("mcp-name", Some("notes://yesterday"))], vec![("mcp-name", None)]],
        ),
    ];
    for (message, table) in tables {
        for changes in table {
            let effect = send_changed(&gate("refuse"), &message, &changes);
            let Effect::Reply(reply) = &effect else { panic!("{changes:?}: {effect:?}") };
            assert_eq!(reply.status, 400, "{changes:?}");
            let answer = body(effect);
            assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(-32020)), "{changes:?}");
        }
    }
}

#[test]
fn a_body_without_its_revision_or_with_another_one_is_refused() {
    let bare = request("tools/list", json!({}));
    let mut other = alone("tools/list", json!({}));
    other["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2025-11-25");
    for (message, code) in [(bare, -32602), (other, -32020)] {
        let effect = send_changed(&gate("refuse"), &message, &[]);
        let Effect::Reply(reply) = &effect else { panic!("{effect:?}") };
        assert_eq!(reply.status, 400);
        assert_eq!(body(effect)["error"]["code"], code, "{message}");
    }
    for version in [None, Some("2025-11-25")] {
        let effect =
            send_changed(&gate("refuse"), &alone("tools/list", json!({})), &[("mcp-protocol-version", version)]);
        assert_eq!(refused(effect), (400, "mcp_header_mismatch".to_owned()), "{version:?}");
    }
    let effect =
        send_changed(&gate("refuse"), &alone("tools/list", json!({})), &[("mcp-protocol-version", Some("2030-01-01"))]);
    let answer = body(effect);
    assert_eq!(answer["error"]["code"], -32022);
    assert_eq!(answer["error"]["data"]["supported"][4], "2026-07-28");
}

#[test]
fn in_a_session_no_header_speaks_for_the_body() {
    let mut headers = request_headers("POST", "clerk");
    for (name, value) in [("mcp-method", "tools/list"), ("mcp-name", "x"), ("mcp-param-a", "1"), ("mcp-param-a", "2")] {
        headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
    let message = call("set_alarm", json!({})).to_string();
    let effect = exchange.on(Event::RequestData { chunk: message.as_bytes(), end: true, now: NOW });
    let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
    assert_eq!(forward.remove, ["x-tenant", "x-role", "accept-encoding", "mcp-method", "mcp-name", "mcp-param-a"]);
}

#[test]
fn names_that_some_servers_take_for_headers_of_mcp_are_removed() {
    let aliases =
        ["mcp_name", "mcp_method", "mcp-param_region", "mcp_param_region", "mcp_protocol_version", "mcp_session_id"];
    let message = call_alone("set_alarm", json!({}));
    for mut headers in [headers_of(&message, "clerk"), request_headers("POST", "clerk")] {
        let body = if headers.iter().any(|(name, _)| name == "mcp-method") {
            message.clone()
        } else {
            call("set_alarm", json!({}))
        };
        headers.extend(aliases.map(|name| (name.to_owned(), b"get_time".to_vec())));
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let effect = send_with(&mut exchange, &headers, body.to_string().as_bytes());
        let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
        assert!(
            aliases.iter().all(|alias| forward.remove.iter().any(|removed| removed == alias)),
            "{:?}",
            forward.remove
        );
    }
}

#[test]
fn headers_of_arguments_are_compared_and_written_from_the_canonical_arguments() {
    let gate = query_gate("");
    let message = query(json!({ "region": "eu", "rows": 42.0, "deep": { "dry": true }, "sql": "select" }));
    let (region, rows, dry) =
        (("mcp-param-region", Some("eu")), ("mcp-param-rows", Some("42")), ("mcp-param-dry", Some("true")));
    assert_eq!(set(send_changed(&gate, &message, &[region, rows, dry])), []);
    let effect = send_changed(
        &gate,
        &message,
        &[("mcp-param-region", Some("=?base64?ZXU=?=")), ("mcp-param-rows", Some("42.00")), dry],
    );
    assert_eq!(set(effect), [pair("mcp-param-region", "eu"), pair("mcp-param-rows", "42")]);
    let effect = send_changed(&gate, &message, &[region, rows, dry, ("mcp-name", Some("=?base64?cXVlcnk=?="))]);
    assert_eq!(set(effect), [pair("mcp-name", "query")]);
    let oslo = query(json!({ "region": "Ås" }));
    assert_eq!(set(send_changed(&gate, &oslo, &[("mcp-param-region", Some("=?base64?w4Vz?="))])), []);
    for absent in [query(json!({})), query(json!({ "sql": "x" }))] {
        assert_eq!(set(send_changed(&gate, &absent, &[])), []);
    }
    let wrong: [&[(&str, Option<&str>)]; 12] = [
        &[],
        &[region, rows],
        &[region, rows, ("mcp-param-dry", Some("True"))],
        &[region, rows, ("mcp-param-dry", Some("1"))],
        &[region, dry, ("mcp-param-rows", Some("43"))],
        &[region, dry, ("mcp-param-rows", Some("4.2e1"))],
        &[region, dry, ("mcp-param-rows", Some("42."))],
        &[region, dry, ("mcp-param-rows", Some("42.5"))],
        &[rows, dry, ("mcp-param-region", Some("us"))],
        &[region, region, rows, dry],
        &[region, rows, dry, ("mcp-param-sql", Some("select"))],
        &[region, rows, dry, ("mcp-param-region2", Some("eu"))],
    ];
    for changes in wrong {
        let effect = send_changed(&gate, &message, changes);
        assert_eq!(refused(effect), (400, "mcp_header_mismatch".to_owned()), "{changes:?}");
    }
    let effect = send_changed(&gate, &query(json!({ "sql": "x" })), &[region]);
    assert_eq!(refused(effect).1, "mcp_header_mismatch", "a header without its argument");
    let effect = send_changed(&gate, &query(json!({ "region": 7 })), &[("mcp-param-region", Some("7"))]);
    assert_eq!(body(effect)["result"]["isError"], true, "the call is decided by its arguments");
}

#[test]
fn a_header_of_a_tool_that_the_role_lacks_says_nothing_about_it() {
    let message = query(json!({ "region": "eu" }));
    let mut headers = headers_of(&message, "viewer");
    headers.push(("mcp-param-region".to_owned(), b"us".to_vec()));
    let mut exchange = Exchange::new(query_gate(""), "exchange-1");
    let answer = body(send_with(&mut exchange, &headers, message.to_string().as_bytes()));
    assert_eq!(answer["result"]["_meta"]["callgate.dev/violation"]["code"], "role_forbidden");
}

#[test]
fn in_shadow_mode_headers_of_arguments_stay_as_they_came() {
    let gate = query_gate("  enforce: false");
    let effect = send_changed(&gate, &query(json!({ "region": "eu" })), &[("mcp-param-other", Some("x"))]);
    assert_eq!(set(effect), [], "the client has the server's own schema");
}

#[test]
fn the_annotations_of_the_contract_reach_the_client() {
    let (mut exchange, _) = sent_alone(&query_gate(""), &alone("tools/list", json!({})));
    let answer = body(answered(&mut exchange, &response(json!({ "tools": [{ "name": "query" }] }))));
    assert_eq!(answer["result"]["tools"][0]["inputSchema"]["properties"]["region"]["x-mcp-header"], "Region");
}

#[test]
fn a_trace_is_read_in_the_message_if_no_header_has_one() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut message = call_alone("set_alarm", json!({}));
    message["params"]["_meta"]["traceparent"] = json!(trace);
    let (mut exchange, _) = sent_alone(&gate("refuse"), &message);
    let decisions = exchange.take_decisions().unwrap();
    assert_eq!(decisions.correlation.trace.as_ref().map(|trace| trace.parent()), Some(trace));
}
