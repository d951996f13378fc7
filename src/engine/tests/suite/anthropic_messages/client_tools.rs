//! Tools that the API defines and the client runs, tools under globs, and deferred tools.

use std::rc::Rc;

use callgate_engine::{Effect, Exchange, Gate, Offer};
use serde_json::{Value, json};

use super::desk::{answer, kinds, send, text};
use crate::common::{answered, finished, gate_over, model_request, refused, streamed};

fn gate(undeclared: &str, on_violation: &str) -> Rc<Gate> {
    let contract = format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: agent, version: 1.0.0 }}
spec:
  models: ["claude-*"]
  undeclaredTools: {undeclared}
  providerTools: [code_execution_20260120, tool_search_tool_regex_20251119]
  onViolation: {on_violation}
  limits: {{ requestBytes: 64KiB, responseBytes: 64KiB }}
  roles:
    dev: {{ tools: ["*", "!browser__javascript_exec"] }}
  tools:
    - name: bash
      effects: destructive
      parameters:
        type: object
        additionalProperties: false
        properties: {{ command: {{ type: string, pattern: "^ls" }}, restart: {{ type: boolean }} }}
      run: {{ client: {{}} }}
    - name: browser__*
      effects: write
      parameters: {{ type: object, properties: {{ url: {{ type: string, pattern: "^https://intranet/" }} }} }}
      run: {{ client: {{}} }}
    - name: browser__javascript_exec
      effects: destructive
      parameters: {{ type: object }}
      run: {{ client: {{}} }}
    - name: mcp__time__*
      description: Tells the time.
      effects: read
      parameters: {{ type: object, properties: {{ timezone: {{ type: string, maxLength: 20 }} }} }}
      run: {{ client: {{}} }}
"#
    );
    gate_over(&contract, Offer::Declared)
}

fn body(tools: Value) -> Value {
    json!({
        "model": "claude-x", "stream": false, "max_tokens": 100,
        "messages": [{ "role": "user", "content": "hello" }], "tools": tools,
    })
}

fn asked(gate: &Rc<Gate>, body: &Value) -> (Exchange, Effect) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let effect = send(&mut exchange, "dev", "/v1/messages", body.to_string().as_bytes());
    (exchange, effect)
}

fn sent(gate: &Rc<Gate>, body: &Value) -> (Exchange, Value) {
    match asked(gate, body) {
        (exchange, Effect::Forward(forward)) => (exchange, serde_json::from_slice(&forward.body).unwrap()),
        (_, effect) => panic!("the request did not go on: {effect:?}"),
    }
}

fn used(name: &str, input: Value, more: Value) -> Value {
    let mut block = json!({ "type": "tool_use", "id": "c1", "name": name, "input": input });
    block.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    block
}

/// The whole answer that the client gets, and the verdict.
fn outcome(exchange: &mut Exchange, block: &Value) -> (Value, String) {
    let effect = answered(exchange, &answer(std::slice::from_ref(block)));
    let message = serde_json::from_slice(&finished(effect)).unwrap();
    (message, exchange.tally().verdict().into_owned())
}

#[test]
fn a_typed_tool_stays_typed_and_its_calls_are_decided_by_its_name() {
    let typed = json!([{ "type": "bash_20250124", "name": "bash" }]);
    for (command, verdict) in [("ls -l", "allow"), ("rm -rf /", "refuse:arguments_invalid")] {
        let (mut exchange, forwarded) = sent(&gate("refuse", "refuse"), &body(typed.clone()));
        assert_eq!(forwarded["tools"], typed);
        let block = used("bash", json!({ "command": command }), json!({}));
        let (message, found) = outcome(&mut exchange, &block);
        assert_eq!(found, verdict);
        assert_eq!(kinds(&message), [if verdict == "allow" { "tool_use" } else { "text" }]);
    }
}

#[test]
fn a_member_of_a_toolset_is_decided_under_the_name_of_its_family() {
    let tools = json!([{ "type": "browser_toolset_20260801", "configs": { "javascript_exec": { "enabled": false } } }]);
    let family = json!({ "toolset_name": "browser" });
    for (name, input, more, verdict) in [
        ("navigate", json!({ "url": "https://intranet/a" }), family.clone(), "allow"),
        ("navigate", json!({ "url": "https://evil.example/" }), family.clone(), "refuse:arguments_invalid"),
        ("javascript_exec", json!({}), family.clone(), "refuse:role_forbidden"),
        ("navigate", json!({ "url": "https://intranet/a" }), json!({}), "refuse:tool_not_in_contract"),
        ("bash", json!({ "command": "ls" }), family.clone(), "allow"),
        ("bash", json!({ "command": "ls" }), json!({ "toolset_name": "shell" }), "refuse:call_malformed"),
    ] {
        let (mut exchange, _) = sent(&gate("refuse", "refuse"), &body(tools.clone()));
        let block = used(name, input, more);
        let (message, found) = outcome(&mut exchange, &block);
        assert_eq!(found, verdict, "{block}");
        if verdict == "allow" {
            assert_eq!(message["content"][0], block, "as it came");
        }
    }
}

#[test]
fn a_toolset_loses_the_members_that_the_role_may_not_use() {
    let tools = json!([{ "type": "browser_toolset_20260801" }]);
    let (_, effect) = asked(&gate("refuse", "refuse"), &body(tools.clone()));
    assert_eq!(refused(effect), (400, "role_forbidden".to_owned()));
    let (exchange, forwarded) = sent(&gate("drop", "refuse"), &body(tools));
    let expected =
        json!({ "type": "browser_toolset_20260801", "configs": { "javascript_exec": { "enabled": false } } });
    assert_eq!(forwarded["tools"], json!([expected]));
    assert_eq!(exchange.tally().undeclared_dropped, 1);
}

#[test]
fn a_round_with_a_refused_call_repeats_it_as_the_api_wrote_it() {
    let tools = json!([{ "type": "browser_toolset_20260801", "configs": { "javascript_exec": { "enabled": false } } }]);
    let (mut exchange, _) = sent(&gate("refuse", "feedback"), &body(tools));
    let more = json!({ "toolset_name": "browser", "caller": { "type": "direct" } });
    let block = used("navigate", json!({ "url": "http://a" }), more);
    let again = model_request(answered(&mut exchange, &answer(&[text("Hm."), block.clone()])));
    let again: Value = serde_json::from_slice(&again.body).unwrap();
    assert_eq!(again["messages"][1]["content"][1], block);
    let result = &again["messages"][2]["content"][0];
    assert_eq!((&result["toolset_name"], &result["is_error"]), (&json!("browser"), &json!(true)));
}

#[test]
fn code_that_calls_a_clients_tool_is_decided_as_the_model_is() {
    let tools = json!([
        { "type": "code_execution_20260120", "name": "code_execution" },
        { "name": "mcp__time__now", "input_schema": {}, "allowed_callers": ["code_execution_20260120"] },
    ]);
    let caller = json!({ "caller": { "type": "code_execution_20260120", "tool_id": "srvtoolu_1" } });
    for (tools, zone, expected) in [
        (tools.clone(), "UTC", Ok("allow")),
        (tools, "a zone with a name that is too long", Ok("refuse:arguments_invalid")),
        (json!([{ "name": "mcp__time__now", "input_schema": {} }]), "UTC", Err("upstream_invalid")),
    ] {
        let (mut exchange, _) = sent(&gate("refuse", "refuse"), &body(tools));
        let block = used("mcp__time__now", json!({ "timezone": zone }), caller.clone());
        let effect = answered(&mut exchange, &answer(std::slice::from_ref(&block)));
        match expected {
            Ok(verdict) => {
                finished(effect);
                assert_eq!(exchange.tally().verdict(), verdict);
            }
            Err(code) => assert_eq!(refused(effect), (502, code.to_owned())),
        }
    }
}

#[test]
fn each_name_under_a_glob_gets_the_contracts_words() {
    let declared = |name: &str| json!({ "name": name, "description": "poisoned", "input_schema": { "x": "poisoned" }, "defer_loading": true });
    let tools = json!([declared("mcp__time__now"), declared("mcp__time__convert.v2"), declared("mcp__other__x")]);
    let (mut exchange, forwarded) = sent(&gate("drop", "refuse"), &body(tools.clone()));
    let schema = json!({ "type": "object", "properties": { "timezone": { "type": "string", "maxLength": 20 } } });
    let ours = |name: &str| json!({ "name": name, "description": "Tells the time.", "input_schema": schema, "defer_loading": true });
    assert_eq!(forwarded["tools"], json!([ours("mcp__time__now"), ours("mcp__time__convert.v2")]));
    let (_, verdict) = outcome(&mut exchange, &used("mcp__time__anything", json!({ "timezone": "UTC" }), json!({})));
    assert_eq!(verdict, "allow");
    let (_, effect) = asked(&gate("refuse", "refuse"), &body(tools));
    assert_eq!(refused(effect), (400, "tool_not_in_contract".to_owned()));
    for name in ["mcp__time__*", "mcp__time__a b", "mcp__time__\u{1F600}"] {
        let (_, effect) = asked(&gate("refuse", "refuse"), &body(json!([declared(name)])));
        assert_eq!(refused(effect), (400, "tool_not_in_contract".to_owned()), "{name}");
    }
}

#[test]
fn a_choice_names_a_declared_tool_and_not_a_glob() {
    let mut asking = body(json!([{ "name": "mcp__time__now", "input_schema": {} }]));
    for (name, expected) in [
        ("mcp__time__now", None),
        ("mcp__time__later", Some((400, "request_invalid"))),
        ("mcp__time__*", Some((400, "tool_not_in_contract"))),
    ] {
        asking["tool_choice"] = json!({ "type": "tool", "name": name });
        let (_, effect) = asked(&gate("refuse", "refuse"), &asking);
        match expected {
            None => assert!(matches!(effect, Effect::Forward(_)), "{name}"),
            Some((status, code)) => assert_eq!(refused(effect), (status, code.to_owned()), "{name}"),
        }
    }
}

#[test]
fn many_names_under_a_glob_do_not_make_a_request_grow_without_bound() {
    let tools: Vec<Value> = (0..600).map(|at| json!({ "name": format!("mcp__time__{at}") })).collect();
    let (_, effect) = asked(&gate("refuse", "refuse"), &body(json!(tools)));
    assert_eq!(refused(effect), (413, "request_too_large".to_owned()));
}

#[test]
fn references_to_dropped_tools_leave_the_conversation() {
    let reference = |name: &str| json!({ "type": "tool_reference", "tool_name": name });
    let mut asking = body(json!([{ "name": "mcp__time__now" }, { "name": "mcp__other__x", "defer_loading": true }]));
    let result = json!({ "type": "tool_result", "tool_use_id": "t", "content": [reference("mcp__time__now"), reference("mcp__other__x")] });
    asking["messages"] = json!([{ "role": "user", "content": [result] }]);
    let (_, forwarded) = sent(&gate("drop", "refuse"), &asking);
    assert_eq!(forwarded["messages"][0]["content"][0]["content"], json!([reference("mcp__time__now")]));
}

#[test]
fn a_streamed_call_of_a_toolset_gets_the_same_verdict_in_any_chunks() {
    let events = [
        json!({ "type": "message_start", "message": { "id": "m", "type": "message", "content": [], "usage": {} } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "tool_use", "id": "c1", "name": "navigate", "input": {}, "toolset_name": "browser" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "input_json_delta", "partial_json": "{\"url\":\"https://intra" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "input_json_delta", "partial_json": "net/a\"}" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "output_tokens": 3 } }),
        json!({ "type": "message_stop" }),
    ];
    let stream: String =
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())).collect();
    let tools = json!([{ "type": "browser_toolset_20260801", "configs": { "javascript_exec": { "enabled": false } } }]);
    let mut asking = body(tools);
    asking["stream"] = json!(true);
    let mut outputs = Vec::new();
    for size in [1, 7, 1000] {
        let (mut exchange, _) = sent(&gate("refuse", "refuse"), &asking);
        let (out, other) = streamed(&mut exchange, stream.as_bytes(), &[size]);
        assert_eq!(other, None);
        assert_eq!(exchange.tally().verdict(), "allow");
        outputs.push(String::from_utf8(out).unwrap());
    }
    assert!(
        outputs[0].contains(r#""name":"navigate""#) && outputs[0].contains(r#""toolset_name":"browser""#),
        "{}",
        outputs[0]
    );
    assert!(outputs.iter().all(|out| *out == outputs[0]));
}
