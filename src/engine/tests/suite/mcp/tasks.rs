//! Tasks: the handles of a gate in place of a server's, and the states of retries. Both are carried by clients.

use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{Effect, Event, Exchange, Gate, lend};
use serde_json::{Value, json};

use super::world::*;

const TASKS: &str = "  mcp: { tasks: { lifetime: 1h }, elicitation: { maxPerCall: 2 } }";
const EXTENSION: &str = "io.modelcontextprotocol/tasks";
const KEYS: [u8; 32] = [7; 32];

fn tasks_gate(lines: &str) -> Rc<Gate> {
    gate_sealing("refuse", lines, &[KEYS])
}

/// A message of a client that reads tasks.
fn reading(method: &str, mut params: Value) -> Value {
    params["_meta"] = stated();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "extensions": { EXTENSION: {} } });
    request(method, params)
}

fn get_time() -> Value {
    reading("tools/call", json!({ "name": "get_time", "arguments": { "zone": "Oslo" } }))
}

fn task(status: &str, more: Value) -> Value {
    let mut task = json!({
        "resultType": "task", "taskId": "server-1", "status": status, "createdAt": "2026-11-25T10:30:00Z",
        "lastUpdatedAt": "2026-11-25T10:30:01Z", "ttlMs": 60000, "pollIntervalMs": 50,
    });
    task.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    task
}

/// A caller's message at a time; the exchange, and the last effect.
fn play(gate: &Rc<Gate>, message: &Value, change: &[(&str, &str)], now: Duration) -> (Exchange, Effect) {
    let mut headers = headers_of(message, "clerk");
    for (name, value) in change {
        headers.retain(|(known, _)| known != name);
        headers.push(((*name).to_owned(), value.as_bytes().to_vec()));
    }
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let head = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
    let Effect::Hold = head else { return (exchange, head) };
    let body = message.to_string();
    let effect = exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now });
    (exchange, effect)
}

/// The handle of a task of the caller.
fn handle(gate: &Rc<Gate>) -> String {
    let (mut exchange, _) = sent_alone(gate, &get_time());
    let answer =
        body(answered(&mut exchange, &response(task("working", json!({ "result": "SECRET", "x": "SECRET" })))));
    assert_eq!(answer["result"]["resultType"], "task");
    assert!(!answer.to_string().contains("SECRET"), "{answer}");
    answer["result"]["taskId"].as_str().unwrap().to_owned()
}

fn about(method: &str, handle: &str) -> Value {
    reading(method, json!({ "taskId": handle }))
}

/// Returns the client's answer about a task, and the verdict, after this answer of the server.
fn told(gate: &Rc<Gate>, result: &Value) -> (Value, String) {
    let (mut exchange, sent) = sent_alone(gate, &about("tasks/get", &handle(gate)));
    assert_eq!(sent["params"]["taskId"], "server-1");
    let answer = body(answered(&mut exchange, &response(result.clone())));
    (answer, exchange.tally().verdict().into_owned())
}

#[test]
fn a_result_that_comes_later_is_checked_as_the_result_of_its_tool() {
    let gate = tasks_gate(TASKS);
    let text = json!([{ "type": "text", "text": "POISON" }]);
    let good = json!({ "structuredContent": { "time": "12:00" }, "content": text });
    let (answer, verdict) =
        told(&gate, &task("completed", json!({ "resultType": "complete", "result": good, "x": 1 })));
    let expected = json!({
        "content": [{ "type": "text", "text": "{\"time\":\"12:00\"}" }], "structuredContent": { "time": "12:00" },
        "isError": false, "resultType": "complete",
    });
    assert_eq!((&answer["result"]["result"], verdict.as_str()), (&expected, "pass"));
    assert_eq!(answer["result"]["resultType"], "complete");
    assert!(answer["result"]["taskId"].as_str().unwrap().starts_with("cgt1."), "{answer}");
    assert!(!answer.to_string().contains("server-1"), "{answer}");
    let bad = json!({ "content": text });
    let (answer, verdict) = told(&gate, &task("completed", json!({ "resultType": "complete", "result": bad })));
    assert_eq!(verdict, "error:output_invalid");
    assert_eq!(answer["result"]["result"]["isError"], true);
    assert!(!answer.to_string().contains("POISON"), "{answer}");
}

#[test]
fn the_words_of_a_task_are_a_few_members_of_known_types() {
    let gate = tasks_gate(TASKS);
    let more = json!({ "statusMessage": "half", "ttlMs": null, "pollIntervalMs": "soon", "createdAt": 7, "result": 1, "_meta": { "a": 1 } });
    let (answer, _) = told(&gate, &task("working", more));
    let result = answer["result"].as_object().unwrap();
    let names: Vec<&str> = result.keys().map(String::as_str).filter(|name| *name != "taskId").collect();
    assert_eq!(names, ["resultType", "status", "lastUpdatedAt", "ttlMs", "statusMessage"]);
}

#[test]
fn an_answer_that_is_not_about_the_task_is_refused() {
    let gate = tasks_gate(TASKS);
    for wrong in [
        task("working", json!({ "taskId": "server-2" })),
        task("done", json!({})),
        task("completed", json!({})),
        task("completed", json!({ "result": { "resultType": "task", "taskId": "server-1", "status": "working" } })),
        task("completed", json!({ "result": { "resultType": "input_required", "requestState": "s" } })),
        task("completed", json!({ "result": "x" })),
        task("failed", json!({})),
        task("failed", json!({ "error": "x" })),
        task("input_required", json!({})),
        task("input_required", json!({ "inputRequests": {} })),
        task("working", json!({ "TaskId": "server-1" })),
        json!({ "content": [] }),
    ] {
        let (answer, verdict) = told(&gate, &wrong);
        assert_eq!(verdict, "error:upstream_invalid", "{wrong}");
        assert!(answer.get("result").is_none(), "{answer}");
    }
}

#[test]
fn an_error_of_a_task_sends_nobody_to_a_page_of_another_host() {
    let gate = tasks_gate(TASKS);
    let error = json!({ "code": -32603, "message": "No." });
    let (answer, _) = told(&gate, &task("failed", json!({ "error": error })));
    assert_eq!(answer["result"]["error"], error);
    let page = json!({ "mode": "url", "message": "m", "url": "https://evil.example/", "elicitationId": "1" });
    let error = json!({ "code": -32042, "message": "No.", "data": { "elicitations": [page] } });
    let (answer, verdict) = told(&gate, &task("failed", json!({ "error": error })));
    assert_eq!(verdict, "error:mcp_input_forbidden");
    assert!(!answer.to_string().contains("evil"), "{answer}");
}

#[test]
fn the_questions_of_a_task_are_decided_and_their_answers_reach_the_server() {
    let gate = tasks_gate(TASKS);
    let form = json!({ "method": "elicitation/create", "params": { "message": "Which?", "requestedSchema": { "type": "object" }, "x": 1 } });
    let asks = |number: usize| {
        let asked: serde_json::Map<String, Value> = (0..number).map(|at| (at.to_string(), form.clone())).collect();
        task("input_required", json!({ "resultType": "complete", "inputRequests": asked }))
    };
    let (answer, _) = told(&gate, &asks(2));
    let asked = &answer["result"]["inputRequests"]["1"];
    assert_eq!((&asked["method"], &asked["params"]["x"]), (&json!("elicitation/create"), &json!(null)));
    let (_, verdict) = told(&gate, &asks(3));
    assert_eq!(verdict, "error:mcp_input_forbidden", "`maxPerCall` of them may wait at once");
    let mut update = about("tasks/update", &handle(&gate));
    update["params"]["inputResponses"] = json!({ "1": { "action": "accept", "content": {} } });
    let (mut exchange, sent) = sent_alone(&gate, &update);
    assert_eq!(sent["params"]["inputResponses"], update["params"]["inputResponses"]);
    let answer = body(answered(&mut exchange, &response(json!({ "resultType": "complete", "x": "SECRET" }))));
    assert_eq!(answer["result"], json!({ "resultType": "complete" }));
    update["params"]["inputResponses"] = json!({ "1": { "roots": [] } });
    assert_eq!(refused(send_alone(&gate, &update).1).1, "mcp_input_forbidden");
    let mut get = about("tasks/get", &handle(&gate));
    get["params"]["inputResponses"] = json!({ "1": { "action": "accept" } });
    assert_eq!(refused(send_alone(&gate, &get).1), (400, "request_invalid".to_owned()));
}

#[test]
fn a_handle_is_for_one_caller_at_one_address_for_one_time() {
    let gate = tasks_gate(TASKS);
    let handle = handle(&gate);
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let message = about(method, &handle);
        let (_, effect) = play(&gate, &message, &[], NOW);
        let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
        let sent: Value = serde_json::from_slice(&forward.body).unwrap();
        assert_eq!(sent["params"]["taskId"], "server-1");
        assert_eq!(forward.set, [("mcp-name".to_owned(), "server-1".to_owned())]);
        let others: [&[(&str, &str)]; 4] = [
            &[("x-tenant", "evil")],
            &[("x-role", "viewer")],
            &[(":path", "/mcp/other")],
            &[(":authority", "other.example")],
        ];
        for other in others {
            let (_, effect) = play(&gate, &message, other, NOW);
            assert_eq!(refused(effect).1, "mcp_task_unknown", "{other:?}");
        }
        let (_, effect) = play(&gate, &message, &[], NOW + Duration::from_secs(3601));
        assert_eq!(refused(effect).1, "mcp_task_unknown", "it is too old");
        let (_, effect) = play(&gate, &message, &[], Duration::ZERO);
        assert_eq!(refused(effect).1, "mcp_task_unknown", "without a clock nothing is current");
    }
}

#[test]
fn a_text_that_is_no_handle_of_the_gate_reaches_no_server() {
    let gate = tasks_gate(TASKS);
    let handle = handle(&gate);
    let mut wrong = vec![
        String::new(),
        "server-1".to_owned(),
        "cgt1.".to_owned(),
        "cgt1..".to_owned(),
        handle.replace("cgt1.", "cgs1."),
        handle.to_uppercase(),
        format!("{handle}A"),
        format!("{handle}."),
        format!("cgt1.{}", "A".repeat(3000)),
    ];
    for place in 0..handle.len() {
        for bit in [1, 4] {
            let mut bytes = handle.clone().into_bytes();
            bytes[place] ^= bit;
            wrong.extend(
                String::from_utf8(bytes).ok().filter(|text| text.is_ascii() && !text.contains(['"', '\\', '\x7f'])),
            );
        }
    }
    for text in wrong.into_iter().filter(|text| text.bytes().all(|byte| (b' '..=b'~').contains(&byte))) {
        let (_, effect) = send_alone(&gate, &about("tasks/get", &text));
        let code = refused(effect).1;
        assert!(["mcp_task_unknown", "mcp_header_mismatch"].contains(&code.as_str()), "{text}: {code}");
    }
    let number = reading("tasks/get", json!({ "taskId": 7 }));
    assert!(matches!(send_alone(&gate, &number).1, Effect::Reply(_)), "a number is no handle");
    let other_keys = gate_sealing("refuse", TASKS, &[[9; 32]]);
    assert_eq!(refused(send_alone(&other_keys, &about("tasks/get", &handle)).1).1, "mcp_task_unknown");
    let replaced = gate_sealing("refuse", TASKS, &[[9; 32], KEYS]);
    assert!(
        matches!(send_alone(&replaced, &about("tasks/get", &handle)).1, Effect::Forward(_)),
        "an earlier key opens"
    );
}

#[test]
fn a_task_is_decided_by_the_contract_of_the_day() {
    let handle = handle(&tasks_gate(TASKS));
    let message = about("tasks/get", &handle);
    let table = [
        ("clerk: { tools: [\"get_*\", set_alarm, lookup] }", "clerk: { tools: [set_alarm] }", "role_forbidden"),
        ("name: get_time", "name: get_hour", "tool_not_in_contract"),
        ("  mcp: { tasks: { lifetime: 1h }, ", "  mcp: { ", "mcp_method_forbidden"),
        ("metadata: { name: clock,", "metadata: { name: other,", "mcp_task_unknown"),
    ];
    for (old, new, code) in table {
        let changed = gate_sealing_changed(TASKS, &[KEYS], &|text| {
            assert!(text.contains(old), "{old}");
            text.replace(old, new)
        });
        assert_eq!(refused(send_alone(&changed, &message).1).1, code, "{new}");
    }
    let newer = gate_sealing_changed(TASKS, &[KEYS], &|text| text.replace("version: 1.0.0", "version: 1.0.1"));
    assert!(matches!(send_alone(&newer, &message).1, Effect::Forward(_)), "a new version keeps the tasks under way");
}

#[test]
fn without_a_rule_and_a_client_that_reads_them_there_are_no_tasks() {
    let on = tasks_gate(TASKS);
    let off = tasks_gate("  mcp: { elicitation: {} }");
    let plain = call_alone("get_time", json!({ "zone": "Oslo" }));
    for (gate, message) in [(&off, get_time()), (&on, plain)] {
        let (mut exchange, _) = sent_alone(gate, &message);
        let answer = body(answered(&mut exchange, &response(task("working", json!({})))));
        assert_eq!(answer["result"]["_meta"]["callgate.dev/violation"]["code"], "mcp_result_unsupported");
    }
    let capabilities = |gate: &Rc<Gate>| {
        let mut message = get_time();
        let both = json!({ EXTENSION: {}, "com.example/x": {} });
        message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]["extensions"] = both.clone();
        let (_, sent) = sent_alone(gate, &message);
        let client = sent["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"].clone();
        let (mut exchange, _) = sent_alone(gate, &alone("server/discover", json!({})));
        let found = json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {}, "extensions": both } });
        let server = body(answered(&mut exchange, &response(found)))["result"]["capabilities"].clone();
        (client["extensions"].clone(), server["extensions"].clone())
    };
    assert_eq!(capabilities(&on), (json!({ EXTENSION: {} }), json!({ EXTENSION: {} })));
    assert_eq!(capabilities(&off), (Value::Null, Value::Null));
    for method in ["tasks/get", "tasks/update", "tasks/cancel", "tasks/list", "tasks/result"] {
        assert_eq!(refused(send_alone(&off, &about(method, "x")).1).1, "mcp_method_forbidden", "{method}");
    }
    for method in ["tasks/list", "tasks/result"] {
        assert_eq!(refused(send_alone(&on, &about(method, "x")).1).1, "mcp_method_forbidden", "{method}");
    }
    let session = request("tasks/get", json!({ "taskId": "x" }));
    let mut exchange = Exchange::new(Rc::clone(&on), "exchange-1");
    let effect = send(&mut exchange, "clerk", session.to_string().as_bytes());
    assert_eq!(refused(effect).1, "mcp_method_forbidden", "a session has no tasks");
}

#[test]
fn redaction_leaves_handles_whole_and_covers_what_a_server_tells() {
    let gate = tasks_gate(&format!("{TASKS}\n  results: {{ redact: [{{ kind: secret }}, {{ kind: email }}] }}"));
    let (answer, _) = told(&gate, &task("working", json!({ "statusMessage": "Ask a@example.com" })));
    assert!(!answer.to_string().contains("a@example.com"), "{answer}");
    let handle = answer["result"]["taskId"].as_str().unwrap();
    assert!(matches!(send_alone(&gate, &about("tasks/get", handle)).1, Effect::Forward(_)));
}

#[test]
fn a_subscription_tells_of_the_tasks_of_its_caller_and_checks_their_results() {
    const ID: &str = "io.modelcontextprotocol/subscriptionId";
    let gate = tasks_gate(TASKS);
    let handle = handle(&gate);
    let listen = |handles: Value| {
        reading("subscriptions/listen", json!({ "notifications": { "toolsListChanged": true, "taskIds": handles } }))
    };
    let (mut exchange, sent) = sent_alone(&gate, &listen(json!([handle])));
    assert_eq!(sent["params"]["notifications"], json!({ "toolsListChanged": true, "taskIds": ["server-1"] }));
    let said = |method: &str, mut params: Value| {
        params["_meta"] = json!({ ID: 7, "x": "SECRET" });
        json!({ "jsonrpc": "2.0", "method": method, "params": params })
    };
    let filter = json!({ "toolsListChanged": true, "taskIds": ["server-1", "server-2"], "x": "SECRET" });
    let poison = json!({ "result": { "content": [{ "type": "text", "text": "SECRET" }] } });
    let good = json!({ "result": { "structuredContent": { "time": "12:00" }, "content": [] } });
    let mut other = task("working", json!({}));
    other["taskId"] = json!("server-2");
    let stream = events(&[
        said("notifications/subscriptions/acknowledged", json!({ "notifications": filter })),
        said("notifications/tasks", task("working", json!({ "x": "SECRET" }))),
        said("notifications/tasks", other),
        said("notifications/tasks", task("completed", poison)),
        said("notifications/tasks", task("completed", good)),
        said("notifications/tasks", json!({ "status": "working" })),
        said("notifications/tasks/status", task("working", json!({}))),
    ]);
    let told = messages(&streamed(&mut exchange, &stream, &[]));
    assert!(!format!("{told:?}").contains("SECRET") && !format!("{told:?}").contains("server-"), "{told:?}");
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[0]["params"]["notifications"], json!({ "toolsListChanged": true, "taskIds": [handle] }));
    assert!(
        told[1..]
            .iter()
            .all(|message| message["params"]["taskId"] == handle && message["params"]["_meta"] == json!({ ID: 7 }))
    );
    assert!(told[1]["params"].get("resultType").is_none(), "{told:?}");
    assert_eq!(told[2]["params"]["result"]["isError"], true);
    assert_eq!(told[3]["params"]["result"]["structuredContent"], json!({ "time": "12:00" }));
    let many: Vec<&str> = vec![&handle; 33];
    for (handles, code) in [
        (json!(["server-1"]), "mcp_task_unknown"),
        (json!([handle, "cgt1.x"]), "mcp_task_unknown"),
        (json!(many), "request_invalid"),
        (json!(7), "request_invalid"),
        (json!([7]), "request_invalid"),
    ] {
        assert_eq!(refused(send_alone(&gate, &listen(handles)).1).1, code);
    }
    let (_, effect) = play(&gate, &listen(json!([handle])), &[("x-tenant", "evil")], NOW);
    assert_eq!(refused(effect).1, "mcp_task_unknown");
}

/// The answer to a call that asks `number` questions, and the server's state.
fn asking(number: usize) -> Value {
    let form = json!({ "method": "elicitation/create", "params": { "message": "Which?", "requestedSchema": { "type": "object" } } });
    let asked: serde_json::Map<String, Value> = (0..number).map(|at| (at.to_string(), form.clone())).collect();
    json!({ "resultType": "input_required", "inputRequests": asked, "requestState": "s.1" })
}

/// Repeats a call with answers and a state.
fn retry(call: &Value, state: &Value) -> Value {
    let mut retry = call.clone();
    retry["params"]["inputResponses"] = json!({ "0": { "action": "accept", "content": {} } });
    retry["params"]["requestState"] = state.clone();
    retry
}

#[test]
fn the_questions_of_all_retries_are_counted_together() {
    let gate = tasks_gate(TASKS);
    let first = get_time();
    let (mut exchange, sent) = sent_alone(&gate, &first);
    assert!(sent["params"].get("requestState").is_none());
    let answer = body(answered(&mut exchange, &response(asking(1))));
    let state = &answer["result"]["requestState"];
    assert!(state.as_str().unwrap().starts_with("cgs1."), "{answer}");
    let (mut exchange, sent) = sent_alone(&gate, &retry(&first, state));
    assert_eq!(sent["params"]["requestState"], "s.1", "the server gets its own state");
    let answer = body(answered(&mut exchange, &response(asking(1))));
    let state = &answer["result"]["requestState"];
    let (mut exchange, _) = sent_alone(&gate, &retry(&first, state));
    let answer = body(answered(&mut exchange, &response(asking(1))));
    let code = &answer["result"]["_meta"]["callgate.dev/violation"]["code"];
    assert_eq!(code, "mcp_input_forbidden", "`maxPerCall` is 2: {answer}");
}

#[test]
fn a_server_without_a_state_gets_none_back() {
    let gate = tasks_gate(TASKS);
    let first = get_time();
    let (mut exchange, _) = sent_alone(&gate, &first);
    let mut asks = asking(1);
    asks.as_object_mut().unwrap().remove("requestState");
    let answer = body(answered(&mut exchange, &response(asks)));
    let (_, sent) = sent_alone(&gate, &retry(&first, &answer["result"]["requestState"]));
    assert!(sent["params"].get("requestState").is_none(), "{sent}");
    assert!(sent["params"].get("inputResponses").is_some());
}

#[test]
fn a_state_is_for_the_same_call_of_the_same_caller() {
    let gate = tasks_gate(TASKS);
    let first = get_time();
    let (mut exchange, _) = sent_alone(&gate, &first);
    let state = body(answered(&mut exchange, &response(asking(1))))["result"]["requestState"].clone();
    let text = state.as_str().unwrap();
    assert!(matches!(play(&gate, &retry(&first, &state), &[], NOW).1, Effect::Forward(_)));
    let mut other_zone = first.clone();
    other_zone["params"]["arguments"]["zone"] = json!("Rome");
    let mut other_tool = first.clone();
    other_tool["params"]["name"] = json!("set_alarm");
    let table = [
        ("other arguments", retry(&other_zone, &state)),
        ("another tool", retry(&other_tool, &state)),
        ("the server's own", retry(&first, &json!("s.1"))),
        ("none", retry(&first, &Value::Null)),
        ("a lower count", retry(&first, &json!(text.replace(".1.0.0.", ".0.0.0.")))),
        ("another state of the server", retry(&first, &json!(text.replace("s.1", "s.2")))),
        ("a handle", retry(&first, &json!(handle(&gate)))),
    ];
    for (name, message) in table {
        let (_, effect) = send_alone(&gate, &message);
        assert_eq!(refused(effect).1, "mcp_state_invalid", "{name}");
    }
    let (_, effect) = play(&gate, &retry(&first, &state), &[("x-tenant", "evil")], NOW);
    assert_eq!(refused(effect).1, "mcp_state_invalid", "another tenant");
    let mut long = asking(1);
    long["requestState"] = json!("x".repeat(3000));
    let (mut exchange, _) = sent_alone(&gate, &first);
    let state = body(answered(&mut exchange, &response(long)))["result"]["requestState"].clone();
    assert!(matches!(send_alone(&gate, &retry(&first, &state)).1, Effect::Forward(_)));
}

#[test]
fn without_keys_each_retry_stands_alone() {
    let gate = gate_allowing("refuse", "  mcp: { elicitation: { maxPerCall: 1 } }");
    let first = get_time();
    for _ in 0..3 {
        let (mut exchange, _) = sent_alone(&gate, &retry(&first, &json!("s.1")));
        let answer = body(answered(&mut exchange, &response(asking(1))));
        assert_eq!(answer["result"]["requestState"], "s.1");
    }
}

#[test]
fn a_contract_with_tasks_needs_a_key() {
    let fault = unsealed(TASKS).unwrap_err().to_string();
    assert!(fault.contains("sealing.keys"), "{fault}");
}
