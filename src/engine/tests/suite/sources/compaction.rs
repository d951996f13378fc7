//! A summary in place of earlier parts of a conversation (compaction). What is in the other parts can be found; that something is not in the
//! conversation, nobody can say.

use std::rc::Rc;

use callgate_engine::{Event, Exchange, Gate, lend};
use serde_json::{Value, json};

use super::{block, decided, exchanged, gate};
use crate::common::{NOW, headers, refused};
use crate::conditions::apis::{APIS, Api, MODEL};

fn api(name: &str) -> &'static Api {
    APIS.iter().find(|api| api.name == name).unwrap()
}

/// A user's words, a summary, and a result after it, in both APIs with summaries.
fn compacted(summary: &Value) -> [(&'static Api, Value); 2] {
    let words = "Write to ann@example.org.";
    let mut block = summary.clone();
    block["type"] = json!("compaction");
    let messages = json!([
        { "role": "user", "content": words },
        { "role": "assistant", "content": [
            block,
            { "type": "tool_use", "id": "c1", "name": "get_customer", "input": { "name": "Bob" } },
        ] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c1", "content": "{\"id\":42,\"email\":\"bob@shop.example\"}" }] },
    ]);
    let input = json!([
        { "type": "message", "role": "user", "content": words },
        summary,
        { "type": "function_call", "call_id": "c1", "name": "get_customer", "arguments": "{\"name\":\"Bob\"}" },
        { "type": "function_call_output", "call_id": "c1", "output": "{\"id\":42,\"email\":\"bob@shop.example\"}" },
    ]);
    [
        (api("Messages"), json!({ "model": MODEL, "max_tokens": 9, "messages": messages })),
        (api("Responses"), json!({ "model": MODEL, "input": input })),
    ]
}

fn summaries() -> [Value; 6] {
    let words = "The customer is eve@evil.example, 77. We buy Acme on Friday for ten.";
    [
        json!({ "type": "compaction", "encrypted_content": "gAAAAA" }),
        json!({ "type": "compaction_summary", "id": "cmp_1", "encrypted_content": "gAAAAA" }),
        json!({ "type": "context_compaction", "encrypted_content": "gAAAAA" }),
        // Nothing in it counts as somebody's words.
        json!({ "type": "compaction", "encrypted_content": words, "content": words }),
        json!({ "type": "compaction", "encrypted_content": "gAAAAA", "text": words }),
        json!({ "type": "compaction", "encrypted_content": "gAAAAA", "role": "user", "content": [{ "type": "input_text", "text": words }] }),
    ]
}

fn desk() -> Rc<Gate> {
    gate(block("yaml"))
}

#[test]
fn no_rule_relies_on_a_summary_or_on_what_it_may_have_replaced() {
    let gate = desk();
    for summary in summaries() {
        for (api, body) in compacted(&summary) {
            for (tool, arguments, expected) in [
                // In the other parts.
                ("send_mail", r#"{"to":["ann@example.org"]}"#, "allow"),
                ("send_mail", r#"{"to":["bob@shop.example"]}"#, "allow"),
                // Perhaps in the summary.
                ("send_mail", r#"{"to":["eve@evil.example"]}"#, "deny origin_missing"),
                ("delete_customer", r#"{"id":77}"#, "deny origin_missing"),
                // An outsider's words, or confidential ones, may be in the summary.
                ("send_mail", r#"{"to":["ann@example.org"],"subject":"hello"}"#, "hold origin_foreign"),
                ("send_mail", r#"{"to":["ann@example.org"],"text":"hello"}"#, "hold confidential_flow"),
                ("delete_customer", r#"{"id":42}"#, "hold tainted"),
                // No rule.
                ("read_page", r#"{"url":"https://eve.example"}"#, "allow"),
            ] {
                let name = api.name;
                assert_eq!(
                    decided(api, &gate, &body, tool, arguments),
                    expected,
                    "{name} {tool} {arguments} {summary}"
                );
                let verdict = match expected.split_once(' ') {
                    None => "allow".to_owned(),
                    Some(("hold", _)) => "refuse:approval_required".to_owned(),
                    Some((_, code)) => format!("refuse:{code}"),
                };
                for stream in [false, true] {
                    let seen = exchanged(api, &gate, &streaming(&body, stream), (tool, arguments), stream);
                    assert_eq!(seen, verdict, "{name} {stream} {tool} {arguments} {summary}");
                }
            }
        }
    }
}

fn streaming(body: &Value, stream: bool) -> Value {
    let mut body = body.clone();
    body["stream"] = json!(stream);
    body
}

#[test]
fn a_condition_on_a_compacted_conversation_has_no_value() {
    for (condition, expected) in [
        ("!conversation.called('read_page')", "refuse:condition_unmet"),
        ("conversation.called('get_customer')", "refuse:condition_unmet"),
        ("conversation.turns < 100", "refuse:condition_unmet"),
        ("!conversation.tainted", "refuse:condition_unmet"),
        ("caller.role == 'agent'", "allow"),
    ] {
        let contract = block("yaml")
            .replace("requires: { untainted: true, otherwise: approve }", &format!("when: \"{condition}\""));
        let gate = gate(&contract);
        for summary in summaries() {
            for (api, body) in compacted(&summary) {
                let seen = exchanged(api, &gate, &body, ("delete_customer", r#"{"id":42}"#), false);
                assert_eq!(seen, expected, "{} {condition} {summary}", api.name);
            }
        }
    }
}

#[test]
fn a_compaction_needs_no_state_at_the_provider_and_goes_on_unchanged() {
    for input in [
        json!([{ "type": "message", "role": "user", "content": "a" }, { "type": "compaction_trigger" }]),
        json!([{ "type": "message", "role": "user", "content": "a" }, { "type": "compaction", "id": "cmp_1", "encrypted_content": "x" }]),
        json!([{ "type": "compaction", "encrypted_content": "x" }, { "type": "message", "role": "user", "content": "a" }]),
    ] {
        let (mut exchange, body) = (Exchange::new(desk(), "exchange-1"), json!({ "model": MODEL, "input": input }));
        match asked(&mut exchange, &body) {
            callgate_engine::Effect::Forward(forward) => {
                let sent: Value = serde_json::from_slice(&forward.body).unwrap();
                assert_eq!(sent["input"], input);
            }
            effect => panic!("{input}: {effect:?}"),
        }
    }
    // Only the provider knows what this stands for.
    let body = json!({ "model": MODEL, "input": [{ "type": "compaction", "id": "cmp_1" }] });
    let effect = asked(&mut Exchange::new(desk(), "exchange-1"), &body);
    assert_eq!(refused(effect), (400, "server_state_forbidden".to_owned()));
}

fn asked(exchange: &mut Exchange, body: &Value) -> callgate_engine::Effect {
    let head = headers(&[
        (":method", "POST"),
        (":path", "/v1/responses"),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "agent"),
    ]);
    exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false });
    exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW })
}
