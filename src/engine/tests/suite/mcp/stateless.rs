//! Requests of revision 2026-07-28, and the results of a server.

use callgate_engine::{Effect, Event, Exchange, lend};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::*;

const VIOLATION: &str = "callgate.dev/violation";

fn text(text: &str) -> Value {
    json!([{ "type": "text", "text": text }])
}

fn get_time() -> Value {
    call_alone("get_time", json!({ "zone": "Oslo" }))
}

/// Plays a result for a call; returns the client's answer and the verdict.
fn told(on_violation: &str, lines: &str, message: &Value, result: &Value) -> (Value, String) {
    let gate = if lines.is_empty() { gate(on_violation) } else { gate_allowing(on_violation, lines) };
    let (mut exchange, _) = sent_alone(&gate, message);
    let answer = body(answered(&mut exchange, &response(result.clone())));
    (answer, exchange.tally().verdict().into_owned())
}

fn asking(method: &str, params: Value) -> Value {
    json!({ "resultType": "input_required", "inputRequests": { "k": { "method": method, "params": params } }, "requestState": "s" })
}

#[test]
fn methods_go_through_by_the_list_of_their_revision() {
    let now = ["server/discover", "tools/list", "resources/list", "prompts/list"];
    for method in now {
        let message = alone(method, json!({ "x": 1 }));
        assert_eq!(sent_alone(&gate("refuse"), &message).1, message);
    }
    let gone = [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "tasks/get",
        "tasks/update",
        "tasks/cancel",
        "x",
    ];
    for method in gone {
        let (exchange, effect) = send_alone(&gate("refuse"), &alone(method, json!({})));
        let Effect::Reply(reply) = &effect else { panic!("{method}: {effect:?}") };
        assert_eq!(reply.status, 404, "{method}");
        let answer = body(effect);
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(-32601)), "{method}");
        assert_eq!(exchange.tally().verdict(), "error:mcp_method_forbidden");
    }
    let (_, effect) = send_alone(&gate("refuse"), &notification("notifications/initialized"));
    assert_eq!(refused(effect), (400, "mcp_method_forbidden".to_owned()));
    let (exchange, effect) = send_alone(&gate("refuse"), &notification("notifications/cancelled"));
    let Effect::Reply(reply) = effect else { panic!("{effect:?}") };
    assert_eq!((reply.status, reply.body.len()), (202, 0), "some SDKs send it when they close their stream");
    assert_eq!(exchange.tally().verdict(), "pass");
    let (_, effect) = send_alone(&gate("refuse"), &response(json!({ "roots": [] })));
    assert_eq!(refused(effect), (400, "request_invalid".to_owned()), "no server asks, so no client answers");
    let (_, effect) = send_alone(&gate("refuse"), &json!([get_time()]));
    assert_eq!(refused(effect), (400, "request_invalid".to_owned()), "a batch");
}

#[test]
fn a_stream_of_the_server_and_the_end_of_a_session_are_of_other_revisions() {
    for method in ["GET", "DELETE"] {
        let mut headers = request_headers(method, "clerk");
        headers.retain(|(name, _)| name != "mcp-protocol-version");
        headers.push(("mcp-protocol-version".to_owned(), b"2026-07-28".to_vec()));
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: true });
        assert_eq!(refused(effect), (405, "method_not_allowed".to_owned()), "{method}");
    }
}

#[test]
fn a_session_and_the_place_of_a_stream_do_not_reach_the_server() {
    let message = get_time();
    let mut headers = headers_of(&message, "clerk");
    headers.push(("mcp-session-id".to_owned(), b"s1".to_vec()));
    headers.push(("last-event-id".to_owned(), b"5".to_vec()));
    let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
    let effect = send_with(&mut exchange, &headers, message.to_string().as_bytes());
    let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
    assert_eq!(forward.remove, ["x-tenant", "x-role", "accept-encoding", "mcp-session-id", "last-event-id"]);
    assert_eq!(forward.set, []);
}

#[test]
fn a_call_is_decided_and_its_result_checked_as_in_a_session() {
    let message = call_alone("get_time", json!({ "zone": "Oslo", "digits": 2.0 }));
    let (exchange, sent) = sent_alone(&gate("refuse"), &message);
    assert_eq!(sent, call_alone("get_time", json!({ "digits": 2, "zone": "Oslo" })));
    assert_eq!(exchange.tally().verdict(), "allow");
    let (_, effect) = send_alone(&gate("refuse"), &call_alone("rm_rf", json!({})));
    let result = body(effect)["result"].clone();
    assert_eq!((&result["isError"], &result["resultType"]), (&json!(true), &json!("complete")));
    let checked =
        json!({ "resultType": "complete", "structuredContent": { "time": "12:00" }, "content": text("POISON") });
    let (answer, _) = told("refuse", "", &get_time(), &checked);
    let expected = json!({
        "content": text("{\"time\":\"12:00\"}"), "structuredContent": { "time": "12:00" }, "isError": false, "resultType": "complete",
    });
    assert_eq!(answer["result"], expected);
    let (answer, verdict) =
        told("refuse", "", &get_time(), &json!({ "resultType": "complete", "content": text("SECRET") }));
    assert_eq!(answer["result"]["resultType"], "complete");
    assert_eq!(verdict, "error:output_invalid");
    assert!(!answer.to_string().contains("SECRET"));
}

#[test]
fn a_server_asks_a_client_for_what_the_contract_allows() {
    let form = json!({ "message": "Which?", "requestedSchema": { "type": "object" } });
    let sample =
        json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": "x" } }], "maxTokens": 5 });
    let table = [
        ("elicitation", "{}", "elicitation/create", &form),
        ("sampling", "{ maxTokens: 5 }", "sampling/createMessage", &sample),
        ("roots", "allow", "roots/list", &json!({})),
    ]
    .map(|(name, rule, method, params)| (name, rule, method, params.clone()));
    for (name, rule, method, params) in &table {
        let asks = asking(method, params.clone());
        let allowed = format!("  mcp: {{ {name}: {rule} }}");
        let (answer, verdict) = told("refuse", &allowed, &get_time(), &asks);
        assert_eq!((&answer["result"], verdict.as_str()), (&asks, "allow"), "{name}");
        for (on_violation, lines) in
            [("refuse", "  mcp: {}"), ("error", "  mcp: {}"), ("refuse", "  mcp: { logging: allow }")]
        {
            let (answer, verdict) = told(on_violation, lines, &get_time(), &asks);
            let code =
                answer["result"]["_meta"][VIOLATION]["code"].as_str().or(answer["error"]["data"]["code"].as_str());
            assert_eq!((code, verdict.as_str()), (Some("mcp_input_forbidden"), "error:mcp_input_forbidden"), "{name}");
            assert!(!answer.to_string().contains("inputRequests"), "{name}");
        }
    }
    let (answer, _) =
        told("refuse", EVERYTHING, &alone("resources/read", json!({ "uri": "a:b" })), &asking("roots/list", json!({})));
    assert_eq!(answer["result"]["resultType"], "input_required");
    let (answer, _) = told(
        "refuse",
        "  mcp: { prompts: [{ name: p }] }",
        &alone("prompts/get", json!({ "name": "p" })),
        &asking("roots/list", json!({})),
    );
    assert_eq!(answer["error"]["data"]["code"], "mcp_input_forbidden");
}

#[test]
fn a_client_does_not_offer_a_server_what_the_contract_forbids() {
    let mut message = get_time();
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({
        "elicitation": {}, "sampling": { "tools": {} }, "roots": {}, "extensions": { "io.modelcontextprotocol/tasks": {} },
    });
    let offered = |lines: &str| {
        let (_, sent) = sent_alone(&gate_allowing("refuse", lines), &message);
        sent["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"].clone()
    };
    assert_eq!(offered("  mcp: {}"), json!({}));
    assert_eq!(offered("  mcp: { sampling: { maxTokens: 1 }, roots: allow }"), json!({ "sampling": {}, "roots": {} }));
    let begun = request("initialize", json!({ "capabilities": { "elicitation": {}, "roots": {} } }));
    let (_, sent) = sent(&gate_allowing("refuse", "  mcp: { roots: allow }"), &begun);
    assert_eq!(sent["params"]["capabilities"], json!({ "roots": {} }), "in a session likewise");
}

#[test]
fn a_result_that_is_not_the_result_is_refused() {
    let table = [
        json!({ "resultType": "task", "taskId": "t", "status": "working", "ttlMs": null }),
        json!({ "resultType": "later", "content": text("SECRET") }),
    ];
    for on_violation in ["refuse", "error"] {
        for result in &table {
            for message in [
                get_time(),
                call_alone("set_alarm", json!({})),
                alone("tools/list", json!({})),
                alone("server/discover", json!({})),
            ] {
                let (answer, verdict) = told(on_violation, "", &message, result);
                assert_eq!(verdict, "error:mcp_result_unsupported", "{message}");
                assert!(!answer.to_string().contains("taskId") && !answer.to_string().contains("SECRET"), "{answer}");
            }
        }
    }
    let (_, verdict) = told("refuse", "", &alone("tools/list", json!({})), &asking("roots/list", json!({})));
    assert_eq!(verdict, "error:mcp_result_unsupported", "no list needs inputs");
    for result in [
        json!({ "content": text("x"), "inputRequests": { "k": { "method": "roots/list" } } }),
        json!({ "content": [], "taskId": "t" }),
    ] {
        let (_, verdict) = told("refuse", "", &get_time(), &result);
        assert_eq!(verdict, "error:upstream_invalid", "{result}");
    }
    let mut exchange = sent(&gate("refuse"), &call("set_alarm", json!({}))).0;
    let answer = body(answered(&mut exchange, &response(asking("roots/list", json!({})))));
    assert_eq!(answer["result"]["_meta"][VIOLATION]["code"], "mcp_result_unsupported", "in a session there are none");
}

#[test]
fn each_retry_is_a_call_of_its_own() {
    let retry = |arguments: Value| {
        let mut message = call_alone("get_time", arguments);
        message["params"]["inputResponses"] = json!({ "k": { "action": "accept", "content": {} } });
        message["params"]["requestState"] = json!("s");
        message
    };
    let (exchange, sent) = sent_alone(&gate("refuse"), &retry(json!({ "zone": "Oslo" })));
    assert_eq!(sent["params"]["requestState"], "s");
    assert_eq!(exchange.tally().verdict(), "allow");
    let (exchange, _) = send_alone(&gate("refuse"), &retry(json!({ "zone": 7 })));
    assert_eq!(exchange.tally().verdict(), "refuse:arguments_invalid", "its first round allowed nothing");
    let (exchange, effect) = send_alone(&gate_allowing("refuse", "  mcp: {}"), &retry(json!({ "zone": "Oslo" })));
    assert_eq!(exchange.tally().verdict(), "error:mcp_input_forbidden");
    assert_eq!(refused(effect).1, "mcp_input_forbidden");
}

#[test]
fn inputs_are_not_smuggled_to_other_requests() {
    let with = |mut message: Value, member: &str, value: Value| {
        message["params"][member] = value;
        message
    };
    let inputs = json!({ "k": { "roots": [] } });
    let table = [
        (with(alone("tools/list", json!({})), "inputResponses", inputs.clone()), "request_invalid"),
        (with(alone("completion/complete", json!({})), "requestState", json!("s")), "request_invalid"),
        (with(get_time(), "inputResponses", json!({ "k": { "arguments": {} } })), "request_invalid"),
        (with(get_time(), "InputResponses", inputs.clone()), "request_invalid"),
        (with(get_time(), "task", json!({ "ttl": 1 })), "request_invalid"),
    ];
    for (message, code) in table {
        let gate = gate_allowing("refuse", "  mcp: { roots: allow }");
        let (_, effect) = send_alone(&gate, &message);
        let (status, found) = refused(effect);
        assert_eq!((status, found.as_str()), (400, code), "{}", &message.to_string()[..90]);
    }
    let (_, effect) = send_alone(&gate("refuse"), &with(get_time(), "requestState", json!("s".repeat(5 << 20))));
    assert_eq!(refused(effect), (413, "request_too_large".to_owned()));
    for member in ["inputResponses", "requestState"] {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let message = with(call("get_time", json!({ "zone": "Oslo" })), member, inputs.clone());
        let effect = send(&mut exchange, "clerk", message.to_string().as_bytes());
        assert_eq!(refused(effect), (400, "mcp_header_mismatch".to_owned()), "in a session: {member}");
    }
}

#[test]
fn a_list_has_the_contracts_words_and_is_for_this_caller_alone() {
    let list = json!({
        "resultType": "complete", "tools": [{ "name": "rm_rf" }, { "name": "set_alarm", "description": "POISON" }],
        "ttlMs": 86_400_000, "cacheScope": "public",
    });
    let (answer, _) = told("refuse", "", &alone("tools/list", json!({})), &list);
    let result = &answer["result"];
    // The last one is the executor's.
    assert_eq!((&result["tools"][0]["name"], &result["tools"][1]["name"]), (&json!("set_alarm"), &json!("lookup")));
    assert_eq!(result["tools"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&result["cacheScope"], &result["ttlMs"], &result["resultType"]),
        (&json!("private"), &json!(300_000), &json!("complete"))
    );
    assert!(!answer.to_string().contains("POISON"));
    for method in ["resources/list", "prompts/list", "resources/templates/list"] {
        let (answer, _) = told(
            "refuse",
            "",
            &alone(method, json!({})),
            &json!({ "resultType": "complete", "cacheScope": "public", "resources": [], "resourceTemplates": [], "prompts": [] }),
        );
        assert_eq!(answer["result"]["cacheScope"], "private", "{method}");
    }
}

#[test]
fn a_discovery_has_no_words_for_a_model() {
    let found = json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28", "2028-01-01"], "instructions": "POISON", "Instructions": "POISON",
        "capabilities": { "tools": {}, "extensions": { "io.modelcontextprotocol/tasks": {} } }, "ttlMs": 1, "cacheScope": "public",
    });
    let (answer, _) = told("refuse", "", &alone("server/discover", json!({})), &found);
    let expected = json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} }, "ttlMs": 1, "cacheScope": "private",
    });
    assert_eq!(answer["result"], expected);
}

#[test]
fn values_are_redacted_in_results_and_in_what_a_server_asks_but_not_in_its_state() {
    let policy = "  mcp: { elicitation: {}, resources: [{ uri: \"a:b\" }] }\n  results:\n    redact: [{ kind: email }]";
    let contents = json!({ "resultType": "complete", "contents": [{ "uri": "a:b", "text": "ann@example.org" }], "cacheScope": "public" });
    let (answer, _) = told("refuse", policy, &alone("resources/read", json!({ "uri": "a:b" })), &contents);
    assert_eq!(
        (&answer["result"]["contents"][0]["text"], &answer["result"]["cacheScope"]),
        (&json!("[redacted email]"), &json!("private"))
    );
    let mut asks = asking(
        "elicitation/create",
        json!({ "message": "Is it ann@example.org?", "requestedSchema": { "type": "object" } }),
    );
    asks["requestState"] = json!("ann@example.org");
    let (answer, _) = told("refuse", policy, &get_time(), &asks);
    asks["inputRequests"]["k"]["params"]["message"] = json!("Is it [redacted email]?");
    assert_eq!(answer["result"], asks);
}

#[test]
fn an_error_of_a_server_keeps_its_status_and_its_code() {
    for (status, code, data) in [
        ("400", -32021, json!({ "requiredCapabilities": { "elicitation": {} } })),
        ("400", -32022, json!({ "supported": ["2025-11-25"], "requested": "2026-07-28" })),
        ("400", -32020, json!(null)),
        ("404", -32601, json!(null)),
    ] {
        let error = json!({ "jsonrpc": "2.0", "id": 7, "error": { "code": code, "message": "No.", "data": data } });
        let (mut exchange, _) = sent_alone(&gate("refuse"), &get_time());
        assert_eq!(begun(&mut exchange, status, "application/json", false), Effect::Hold);
        let effect = exchange.on(Event::ResponseData { chunk: error.to_string().as_bytes(), end: true, now: NOW });
        assert_eq!(body(effect), error);
    }
}

#[test]
fn in_shadow_mode_inputs_are_reported_and_forwarded() {
    let gate = gate_allowing("refuse", "  mcp: {}\n  enforce: false");
    let (mut exchange, _) = sent_alone(&gate, &get_time());
    let asks = asking("elicitation/create", json!({ "message": "Which?" }));
    assert_eq!(body(answered(&mut exchange, &response(asks.clone())))["result"], asks);
    assert!(exchange.tally().verdict().contains("mcp_input_forbidden"), "{}", exchange.tally().verdict());
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(notification("notifications/progress")),
        Just(notification("notifications/tools/list_changed")),
        Just(request("elicitation/create", json!({ "message": "SECRET" }))),
        Just(response(json!({ "resultType": "complete", "content": text("SECRET") }))),
        Just(response(json!({ "resultType": "complete", "content": text("{\"time\":\"12:00\"}") }))),
        Just(response(asking("roots/list", json!({})))),
        Just(response(asking("sampling/createMessage", json!({ "messages": [], "tools": ["SECRET"] })))),
        Just(response(json!({ "resultType": "task", "taskId": "SECRET" }))),
        Just(json!({ "jsonrpc": "2.0", "id": 9, "result": { "content": text("SECRET") } })),
    ]
}

proptest! {
    #[test]
    fn any_chunking_of_an_answer_without_a_session_gives_the_same_bytes(
        said in prop::collection::vec(message(), 0..5),
        sizes in prop::collection::vec(1_usize..90, 1..8),
        on_violation in prop_oneof!["refuse", "error"],
        lines in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
    ) {
        let stream = String::from_utf8(events(&said)).unwrap().replace('\n', lines).into_bytes();
        let play = |chunks: &[usize]| {
            let (mut exchange, _) = sent_alone(&gate(&on_violation), &get_time());
            let out = streamed(&mut exchange, &stream, chunks);
            (out, exchange.tally().verdict())
        };
        let whole = play(&[]);
        prop_assert_eq!(play(&sizes), whole.clone());
        let text = String::from_utf8(whole.0).unwrap();
        prop_assert!(!text.contains("SECRET"), "{}", text);
    }
}
