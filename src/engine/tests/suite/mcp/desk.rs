//! The example `contracts/mcp-desk`: each of its rules decides a message.

use std::rc::Rc;
use std::sync::Arc;

use callgate_engine::{Effect, Exchange, Gate, Offer, Paths, SealingKeys};
use serde_json::{Value, json};

use super::world::*;
use crate::common::rules;

const CONTRACT: &str = include_str!("../../../../../contracts/mcp-desk/contract.yaml");
const TASKS: &str = "io.modelcontextprotocol/tasks";

fn desk() -> Rc<Gate> {
    let keys = SealingKeys::read(&["A".repeat(44)]).unwrap();
    let rules = rules(CONTRACT, Paths::default(), Offer::Declared, true).unwrap();
    Rc::new(Arc::new(rules.with_sealing(Some(Arc::new(keys))).unwrap()).gate())
}

/// Sends a message of a role; returns the exchange and the code of the refusal, if it is refused.
fn sent_by(role: &str, method: &str, mut params: Value) -> (Exchange, Option<String>) {
    params["_meta"] = stated();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "extensions": { TASKS: {} } });
    let message = request(method, params);
    let mut exchange = Exchange::new(desk(), "exchange-1");
    let effect = send_with(&mut exchange, &headers_of(&message, role), message.to_string().as_bytes());
    let code = match &effect {
        Effect::Forward(_) => None,
        Effect::Reply(reply) => {
            let answer: Value = serde_json::from_slice(&reply.body).unwrap();
            let told = &answer["result"]["_meta"]["callgate.dev/violation"]["code"];
            Some(told.as_str().or(answer["error"]["data"]["code"].as_str()).unwrap().to_owned())
        }
        effect => panic!("{effect:?}"),
    };
    (exchange, code)
}

fn call_of(tool: &str, arguments: Value) -> (&'static str, Value) {
    ("tools/call", json!({ "name": tool, "arguments": arguments }))
}

#[test]
fn the_desk_for_an_mcp_server_forwards_what_it_lists_and_nothing_else() {
    let read = |uri: &str| ("resources/read", json!({ "uri": uri }));
    let reply = |arguments: Value| ("prompts/get", json!({ "name": "reply", "arguments": arguments }));
    let table = [
        ("reader", read("handbook://public/late"), None),
        ("agent", read("ticket://T-1"), None),
        ("reader", read("ticket://T-1"), Some("mcp_resource_forbidden")),
        ("agent", read("handbook://staff/pay"), Some("mcp_resource_forbidden")),
        ("agent", read("file:///etc/passwd"), Some("mcp_resource_forbidden")),
        ("reader", reply(json!({ "ticket": "T-1", "tone": "short" })), None),
        ("reader", reply(json!({ "ticket": "all of them" })), Some("arguments_invalid")),
        ("reader", ("prompts/get", json!({ "name": "other" })), Some("mcp_prompt_forbidden")),
        ("reader", call_of("find_tickets", json!({ "words": "late" })), None),
        ("reader", call_of("make_report", json!({ "month": "2026-11" })), Some("role_forbidden")),
        ("agent", call_of("make_report", json!({ "month": "2026-13" })), Some("arguments_invalid")),
        ("agent", call_of("delete_ticket", json!({})), Some("tool_not_in_contract")),
        ("agent", ("tasks/get", json!({ "taskId": "server-1" })), Some("mcp_task_unknown")),
    ];
    for (role, (method, params), code) in table {
        let (_, found) = sent_by(role, method, params.clone());
        assert_eq!(found.as_deref(), code, "{role} {method} {params}");
    }
}

#[test]
fn the_desk_for_an_mcp_server_decides_what_the_server_asks_and_answers() {
    let (method, params) = call_of("close_ticket", json!({ "ticket": "T-1" }));
    let ask = |method: &str, params: Value| json!({ "resultType": "input_required", "inputRequests": { "q": { "method": method, "params": params } } });
    let page = |url: &str| ask("elicitation/create", json!({ "mode": "url", "message": "Sign in.", "url": url }));
    let form = json!({ "message": "Why?", "requestedSchema": { "type": "object" } });
    let words = json!([{ "role": "user", "content": { "type": "text", "text": "x" } }]);
    for (asked, passes) in [
        (ask("elicitation/create", form), true),
        (page("https://login.example.com/in"), true),
        (page("https://login.example.org/in"), false),
        (ask("sampling/createMessage", json!({ "messages": words, "maxTokens": 9 })), false),
        (ask("roots/list", json!({})), false),
    ] {
        let (mut exchange, _) = sent_by("agent", method, params.clone());
        let answer = body(answered(&mut exchange, &response(asked.clone())));
        assert_eq!(answer["result"]["resultType"] == "input_required", passes, "{asked}");
    }
    let (method, params) = call_of("make_report", json!({ "month": "2026-11" }));
    let (mut exchange, _) = sent_by("agent", method, params);
    let task = json!({ "resultType": "task", "taskId": "server-1", "status": "working", "statusMessage": "for a@example.com" });
    let answer = body(answered(&mut exchange, &response(task)));
    assert!(!answer.to_string().contains("a@example.com"), "{answer}");
    let handle = answer["result"]["taskId"].as_str().unwrap().to_owned();
    for (topics, passes) in
        [(json!([{ "topic": "late", "tickets": 3 }]), true), (json!([{ "topic": "x", "secret": 1 }]), false)]
    {
        let (mut exchange, code) = sent_by("agent", "tasks/get", json!({ "taskId": handle }));
        assert_eq!(code, None);
        let result = json!({ "structuredContent": { "topics": topics }, "content": [] });
        let task = json!({ "resultType": "complete", "taskId": "server-1", "status": "completed", "result": result });
        let answer = body(answered(&mut exchange, &response(task)));
        assert_eq!(answer["result"]["result"]["isError"], !passes, "{answer}");
    }
    assert_eq!(sent_by("reader", "tasks/get", json!({ "taskId": handle })).1.as_deref(), Some("mcp_task_unknown"));
}
