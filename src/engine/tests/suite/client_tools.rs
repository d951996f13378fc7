//! Tools that the client runs in other forms than functions, in OpenAI Responses and Chat Completions: free text, tools that the API
//! defines, namespaces, and lists of tools in the conversation.

use std::rc::Rc;

use callgate_engine::{CallRuling, Effect, Event, Exchange, Gate, Offer, lend};
use callgate_test_apis::openai_responses::{accumulate, call, message, numbered, response, said, stream_events};
use serde_json::{Value, json};

use crate::authorize::desk::ruled;
use crate::common::{NOW, answered, finished, gate_over, headers, model_request, refused, streamed};

/// A contract with a tool in each form.
fn contract(on_violation: &str) -> String {
    format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: agents, version: 1.0.0 }}
spec:
  models: ["*"]
  limits: {{ maxRounds: 3, responseBytes: 1MiB, requestBytes: 1MiB }}
  providerTools: [web_search, tool_search, programmatic_tool_calling]
  onViolation: {on_violation}
  roles: {{ coder: {{ tools: ["*"] }}, reader: {{ tools: [wait, clock__sleep] }} }}
  tools:
    - {{ name: exec, description: Ours., effects: write, run: {{ client: {{}} }}, parameters: {{ type: object, required: [input], additionalProperties: false, properties: {{ input: {{ type: string, pattern: "^good" }} }} }} }}
    - {{ name: run, effects: write, run: {{ client: {{}} }}, parameters: {{ type: object }} }}
    - {{ name: wait, effects: read, run: {{ client: {{}} }}, parameters: {{ type: object, additionalProperties: false, properties: {{ n: {{ type: integer, maximum: 9 }} }} }} }}
    - {{ name: clock__sleep, description: Ours., effects: read, run: {{ client: {{}} }}, parameters: {{ type: object, additionalProperties: false, properties: {{ n: {{ type: integer, maximum: 9 }} }} }} }}
    - {{ name: a__b__c, effects: read, run: {{ client: {{}} }}, parameters: {{ type: object, properties: {{}}, additionalProperties: false }} }}
    - {{ name: local_shell, effects: write, run: {{ client: {{}} }}, parameters: {{ type: object, required: [command], additionalProperties: false, properties: {{ type: {{ const: exec }}, command: {{ type: array, items: {{ enum: [good] }} }}, env: {{ type: object }} }} }} }}
    - {{ name: shell, effects: write, run: {{ client: {{}} }}, parameters: {{ type: object, required: [commands], additionalProperties: false, properties: {{ commands: {{ type: array, items: {{ enum: [good] }} }}, timeout_ms: {{ type: integer }} }} }} }}
    - {{ name: apply_patch, effects: write, run: {{ client: {{}} }}, parameters: {{ type: object, required: [path], additionalProperties: false, properties: {{ type: {{ enum: [create_file, delete_file] }}, path: {{ enum: [good] }}, diff: {{ type: string }} }} }} }}
    - {{ name: tool_search, description: Ours., effects: read, run: {{ client: {{}} }}, parameters: {{ type: object, required: [query], additionalProperties: false, properties: {{ query: {{ enum: [good] }} }} }} }}
"#
    )
}

fn gate(on_violation: &str) -> Rc<Gate> {
    gate_over(&contract(on_violation), Offer::Declared)
}

fn send(gate: &Rc<Gate>, role: &str, path: &str, body: &Value) -> (Exchange, Effect) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let headers = headers(&[
        (":method", "POST"),
        (":path", path),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", role),
    ]);
    assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }), Effect::Hold);
    let effect = exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW });
    (exchange, effect)
}

/// Sends an allowed request. Returns what is forwarded, too.
fn sent(gate: &Rc<Gate>, body: &Value) -> (Exchange, Value) {
    let (exchange, effect) = send(gate, "coder", "/v1/responses", body);
    let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
    (exchange, serde_json::from_slice(&forward.body).unwrap())
}

/// A request that declares a tool in each form.
fn request(stream: bool) -> Value {
    let function =
        |name: &str| json!({ "type": "function", "name": name, "description": "poisoned", "parameters": {} });
    json!({
        "model": "m", "input": [{ "role": "user", "content": "hi" }], "stream": stream,
        "tools": [
            { "type": "custom", "name": "exec", "description": "poisoned" },
            function("run"),
            { "type": "namespace", "name": "clock", "description": "poisoned", "tools": [function("sleep")] },
            { "type": "namespace", "name": "functions", "description": "", "tools": [function("wait")] },
            { "type": "local_shell" },
            { "type": "shell", "environment": { "type": "local" } },
            { "type": "apply_patch" },
            { "type": "tool_search", "execution": "client", "description": "poisoned", "parameters": {} },
            { "type": "namespace", "name": "a", "tools": [function("b__c")] },
            { "type": "web_search" },
        ],
    })
}

/// A call of each form, with this word in what it does: `good` is allowed, anything else is not.
fn calls(word: &str) -> Vec<Value> {
    let n = if word == "good" { 1 } else { 10 };
    let mut sleep = call("c1", "sleep", &json!({ "n": n }).to_string());
    sleep["namespace"] = json!("clock");
    let mut wait = call("c1", "wait", &json!({ "n": n }).to_string());
    wait["namespace"] = json!("functions");
    let mut by_program = call("c1", "wait", &json!({ "n": n }).to_string());
    by_program["caller"] = json!({ "type": "program", "caller_id": "prog_1" });
    let item = |id: &str, kind: &str, says: Value| {
        let mut item = json!({ "id": id, "type": kind, "call_id": "c1", "status": "completed" });
        item.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
        item
    };
    vec![
        item("ctc_1", "custom_tool_call", json!({ "name": "exec", "input": format!("{word} \"text\"\n\u{2028}{{}}") })),
        sleep,
        wait,
        by_program,
        item("lsh_1", "local_shell_call", json!({ "action": { "type": "exec", "command": [word], "env": {} } })),
        item(
            "sh_1",
            "shell_call",
            json!({ "action": { "commands": [word], "timeout_ms": 5 }, "environment": { "type": "local" } }),
        ),
        item("apc_1", "apply_patch_call", json!({ "operation": { "type": "delete_file", "path": word } })),
        item("tsc_1", "tool_search_call", json!({ "execution": "client", "arguments": { "query": word } })),
    ]
}

fn body(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn whole(gate: &Rc<Gate>, output: &[Value]) -> Value {
    let (mut exchange, _) = sent(gate, &request(false));
    body(&finished(answered(&mut exchange, &response(output))))
}

fn read(gate: &Rc<Gate>, events: Vec<Value>, chunk: usize) -> (Vec<u8>, Option<Effect>) {
    let (mut exchange, _) = sent(gate, &request(true));
    streamed(&mut exchange, numbered(events).as_bytes(), &[chunk])
}

#[test]
fn every_form_is_declared_in_its_place_in_the_contracts_words() {
    let mut asked = request(false);
    asked["tools"][0]["format"] = json!({ "type": "grammar", "syntax": "lark", "definition": "start: /x/" });
    asked["tools"][2]["tools"][0]["defer_loading"] = json!(true);
    let (_, forwarded) = sent(&gate("refuse"), &asked);
    let tools = forwarded["tools"].as_array().unwrap();
    assert!(!forwarded.to_string().contains("poisoned"), "{forwarded}");
    assert_eq!(
        tools[0],
        json!({ "type": "custom", "name": "exec", "description": "Ours.", "format": asked["tools"][0]["format"] })
    );
    assert_eq!(tools[2]["description"], "Tools in the clock namespace.");
    let sleep = &tools[2]["tools"][0];
    assert_eq!(
        (&sleep["name"], &sleep["defer_loading"], &sleep["description"]),
        (&json!("sleep"), &json!(true), &json!("Ours."))
    );
    assert_eq!(tools[3]["tools"][0]["name"], "wait");
    assert_eq!(tools[4], json!({ "type": "local_shell" }));
    assert_eq!(tools[5], json!({ "type": "shell", "environment": { "type": "local" } }));
    assert_eq!((&tools[7]["execution"], &tools[7]["parameters"]["required"]), (&json!("client"), &json!(["query"])));
    assert_eq!(tools[8]["tools"][0]["name"], "b__c");
    assert_eq!(tools[9], json!({ "type": "web_search" }));
}

#[test]
fn an_allowed_call_of_every_form_comes_as_it_was_in_any_chunks() {
    for item in calls("good") {
        let output = [message("Hi"), item.clone()];
        let written = whole(&gate("refuse"), &output);
        assert_eq!(written["output"], json!(output), "{item}");
        let mut first = None;
        for chunk in [1, 7, 64, 100_000] {
            let (out, other) = read(&gate("refuse"), stream_events(&output, 2), chunk);
            assert_eq!(other, None, "{item}");
            assert_eq!(accumulate(&out).response["output"], written["output"], "{item}");
            assert_eq!(first.get_or_insert_with(|| out.clone()), &out, "{item}");
        }
    }
}

#[test]
fn a_call_of_the_apis_own_tools_brings_no_member_that_the_api_does_not_document() {
    for item in calls("good").into_iter().filter(|item| item.get("action").or(item.get("operation")).is_some()) {
        for (member, value) in [
            ("command", json!(["SECRET"])),
            ("actions", json!([{ "commands": ["SECRET"] }])),
            ("path", json!("SECRET")),
        ] {
            let mut odd = item.clone();
            odd[member] = value;
            let written = whole(&gate("refuse"), &[odd.clone()]);
            assert_eq!(written["output"], json!([item]), "{odd}");
            let (out, _) = read(&gate("refuse"), stream_events(&[odd.clone()], 2), 7);
            assert_eq!(accumulate(&out).response["output"], json!([item]), "{odd}");
            assert!(!String::from_utf8(out).unwrap().contains("SECRET"), "{odd}");
        }
    }
}

#[test]
fn a_forbidden_call_of_every_form_is_refused_in_each_mode() {
    for item in calls("SECRET") {
        let output = [message("Hi"), item.clone()];
        let written = whole(&gate("refuse"), &output);
        let text = said(&written).0;
        assert!(text.contains("(arguments_invalid at ") && !written.to_string().contains("c1"), "{written}");
        for chunk in [3, 100_000] {
            let (out, _) = read(&gate("refuse"), stream_events(&output, 2), chunk);
            assert_eq!(accumulate(&out).response["output"], written["output"], "{item}");
            assert!(!String::from_utf8(out).unwrap().contains("SECRET"), "{item}");
        }
        let (mut exchange, _) = sent(&gate("error"), &request(false));
        assert_eq!(refused(answered(&mut exchange, &response(&output))).1, "arguments_invalid", "{item}");
        let (out, _) = read(&gate("error"), stream_events(&output, 2), 100_000);
        assert_eq!(accumulate(&out).error, "arguments_invalid", "{item}");
    }
}

#[test]
fn a_refused_call_goes_back_to_the_model_with_the_result_of_its_form() {
    let kinds = [
        "custom_tool_call_output",
        "function_call_output",
        "function_call_output",
        "function_call_output",
        "local_shell_call_output",
        "shell_call_output",
        "apply_patch_call_output",
        "tool_search_output",
    ];
    for (item, kind) in calls("SECRET").into_iter().zip(kinds) {
        let (mut exchange, _) = sent(&gate("feedback"), &request(false));
        let again = body(&model_request(answered(&mut exchange, &response(std::slice::from_ref(&item)))).body);
        let input = again["input"].as_array().unwrap();
        assert_eq!((&input[1]["type"], &input[2]["type"]), (&item["type"], &json!(kind)), "{again}");
        for member in ["id", "name", "namespace", "call_id", "input", "action", "operation", "caller", "execution"] {
            assert_eq!(input[1][member], item[member], "{member}");
        }
        let id = if kind == "local_shell_call_output" { "id" } else { "call_id" };
        assert_eq!(input[2][id], "c1");
        assert_eq!(input[2]["caller"], item["caller"]);
        assert!(input[2..].iter().any(|item| item.to_string().contains("arguments_invalid")), "{again}");
        let (out, other) = read(&gate("feedback"), stream_events(std::slice::from_ref(&item), 1), 5);
        assert_eq!(body(&model_request(other.unwrap()).body)["input"], again["input"]);
        assert!(!String::from_utf8(out).unwrap().contains("SECRET"));
    }
}

#[test]
fn a_released_call_of_every_form_comes_as_it_was() {
    let text = contract("refuse").replace("effects: ", "approval: always, effects: ");
    let gate = gate_over(&text, Offer::Declared);
    for item in calls("good") {
        let (mut exchange, _) = sent(&gate, &request(false));
        let effect = answered(&mut exchange, &response(std::slice::from_ref(&item)));
        let Effect::Authorize(batch) = effect else { panic!("{effect:?}") };
        let effect = exchange.on(Event::Authorized(Ok(ruled(&batch, |_| CallRuling::Released))));
        assert_eq!(body(&finished(effect))["output"], json!([item]));
    }
}

/// Codex's default models send no `tools`, but one item with namespaces.
fn of_codex(tools: Value) -> Value {
    json!({ "model": "m", "stream": false, "tool_choice": "auto", "input": [
        { "type": "additional_tools", "role": "developer", "tools": tools },
        { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "hi" }] },
    ] })
}

#[test]
fn tools_of_an_item_are_filtered_and_rewritten_and_their_calls_are_decided() {
    let drop = contract("refuse").replace("  onViolation", "  undeclaredTools: drop\n  onViolation");
    let drop = gate_over(&drop, Offer::Declared);
    let function = |name: &str| json!({ "type": "function", "name": name, "description": "poisoned", "strict": false });
    let asked = of_codex(json!([
        { "type": "namespace", "name": "functions", "description": "", "tools": [
            { "type": "custom", "name": "exec", "description": "poisoned" }, function("rm_rf"),
        ] },
        { "type": "namespace", "name": "other", "description": "x", "tools": [function("rm_rf")] },
    ]));
    let (_, effect) = send(&gate("refuse"), "coder", "/v1/responses", &asked);
    assert_eq!(refused(effect), (400, "tool_not_in_contract".to_owned()));
    let (mut exchange, forwarded) = sent(&drop, &asked);
    assert_eq!(forwarded.get("tools"), None);
    let expected = json!([{ "type": "namespace", "name": "functions", "description": "", "tools": [
        { "type": "custom", "name": "exec", "description": "Ours." },
    ] }]);
    assert_eq!(forwarded["input"][0]["tools"], expected, "{forwarded}");
    let exec = calls("good").swap_remove(0);
    let written = body(&finished(answered(&mut exchange, &response(std::slice::from_ref(&exec)))));
    assert_eq!(written["output"], json!([exec]));
    let (mut exchange, _) = sent(&drop, &asked);
    let written = body(&finished(answered(&mut exchange, &response(&calls("bad")[..1]))));
    assert!(said(&written).0.contains("arguments_invalid"));
    // The role of a reader has no `exec`: nothing of the item is left.
    let (_, effect) = send(&drop, "reader", "/v1/responses", &asked);
    let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
    assert_eq!(body(&forward.body)["input"], json!([asked["input"][1]]));
}

#[test]
fn a_search_of_the_client_declares_tools_that_may_repeat_earlier_ones() {
    let found = |name: &str, namespace: &str| {
        json!({ "type": "tool_search_output", "call_id": "s1", "execution": "client", "status": "completed", "tools": [
            { "type": "namespace", "name": namespace, "description": "x",
              "tools": [{ "type": "function", "name": name, "description": "poisoned", "defer_loading": true }] },
        ] })
    };
    let mut asked = request(false);
    asked["input"] = json!([
        { "role": "user", "content": "hi" },
        { "type": "tool_search_call", "call_id": "s1", "execution": "client", "status": "completed", "arguments": {} },
        found("sleep", "clock"), found("sleep", "clock"),
    ]);
    let (_, forwarded) = sent(&gate("refuse"), &asked);
    let tool = &forwarded["input"][2]["tools"][0]["tools"][0];
    assert_eq!((&tool["description"], &tool["defer_loading"]), (&json!("Ours."), &json!(true)));
    asked["input"][3] = found("rm_rf", "clock");
    let (_, effect) = send(&gate("refuse"), "coder", "/v1/responses", &asked);
    assert_eq!(refused(effect).1, "tool_not_in_contract");
    // The same name of another pair would make calls ambiguous.
    asked["input"][3] = found("c", "a__b");
    let (_, effect) = send(&gate("refuse"), "coder", "/v1/responses", &asked);
    assert_eq!(refused(effect).1, "tool_declared_twice");
}

#[test]
fn two_tools_with_one_name_in_the_contract_are_refused() {
    let function = |name: &str| json!({ "type": "function", "name": name });
    let namespace = |name: &str, tool: &str| json!({ "type": "namespace", "name": name, "tools": [function(tool)] });
    for tools in [
        json!([namespace("a", "b__c"), namespace("a__b", "c")]),
        json!([function("a__b__c"), namespace("a", "b__c")]),
        json!([function("wait"), namespace("functions", "wait")]),
        json!([function("wait"), namespace("wait", "wait")]),
        json!([function("exec"), { "type": "custom", "name": "exec" }]),
        json!([function("shell"), { "type": "shell" }]),
    ] {
        let mut asked = request(false);
        asked["tools"] = tools.clone();
        let (_, effect) = send(&gate("refuse"), "coder", "/v1/responses", &asked);
        assert_eq!(refused(effect), (400, "tool_declared_twice".to_owned()), "{tools}");
    }
}

#[test]
fn a_call_that_a_client_may_take_for_another_tool_is_refused() {
    let with = |mut item: Value, member: &str, value: Value| {
        item[member] = value;
        item
    };
    let namespaced = |namespace: &str, name: &str| with(call("c1", name, "{}"), "namespace", json!(namespace));
    let custom =
        |name: &str| json!({ "id": "i", "type": "custom_tool_call", "call_id": "c1", "name": name, "input": "good" });
    let good = |position: usize| calls("good").swap_remove(position);
    let table = [
        ("another pair of one name", namespaced("a__b", "c")),
        ("a bare name of a tool in a namespace", call("c1", "a__b__c", "{}")),
        ("a tool of a namespace that is declared without one", namespaced("run", "x")),
        ("a function called as a custom tool", custom("run")),
        ("a custom tool called as a function", call("c1", "exec", r#"{"input":"good"}"#)),
        ("an own tool called as a function", call("c1", "shell", r#"{"commands":["good"]}"#)),
        ("a custom tool in a namespace", with(custom("exec"), "namespace", json!("clock"))),
        ("a custom call with arguments", with(good(0), "arguments", json!("{}"))),
        ("a function with an input", with(call("c1", "run", "{}"), "input", json!("bad"))),
        ("a function with an action", with(call("c1", "run", "{}"), "action", json!({ "commands": ["bad"] }))),
        ("a shell with a name", with(good(5), "name", json!("run"))),
        ("an unknown caller", with(call("c1", "run", "{}"), "caller", json!({ "type": "server" }))),
        ("a caller with more", with(call("c1", "run", "{}"), "caller", json!({ "type": "direct", "x": 1 }))),
        ("an unknown type of an action", with(good(4), "action", json!({ "type": "eval", "command": ["good"] }))),
        ("an action without a type", with(good(4), "action", json!({ "command": ["good"] }))),
    ];
    for (what, item) in table {
        let written = whole(&gate("refuse"), std::slice::from_ref(&item));
        let (text, calls) = said(&written);
        assert!(calls.is_empty() && !written.to_string().contains("_call\""), "{what}: {written}");
        assert!(text.contains("call_malformed") || text.contains("tool_not_in_contract"), "{what}: {written}");
        let (out, _) = read(&gate("refuse"), stream_events(std::slice::from_ref(&item), 1), 100_000);
        assert_eq!(accumulate(&out).response["output"], written["output"], "{what}");
    }
    for broken in [
        with(good(0), "function", json!({ "name": "run" })),
        with(good(0), "Name", json!("run")),
        with(good(0), "Input", json!("x")),
        with(good(5), "Action", json!({})),
        with(good(5), "environment", json!({ "type": "container_reference", "container_id": "c" })),
        with(good(7), "execution", json!("both")),
        with(good(5), "action", json!("ls")),
    ] {
        let (mut exchange, _) = sent(&gate("refuse"), &request(false));
        assert_eq!(
            refused(answered(&mut exchange, &response(std::slice::from_ref(&broken)))).1,
            "upstream_invalid",
            "{broken}"
        );
    }
}

#[test]
fn events_of_a_call_that_disagree_end_the_stream() {
    let exec = calls("good").swap_remove(0);
    let delta = |text: &str| json!({ "type": "response.custom_tool_call_input.delta", "output_index": 0, "item_id": "ctc_1", "delta": text });
    let done = |text: &str| json!({ "type": "response.custom_tool_call_input.done", "output_index": 0, "item_id": "ctc_1", "input": text });
    let item_done = |item: &Value| json!({ "type": "response.output_item.done", "output_index": 0, "item": item });
    let mut begun = exec.clone();
    begun["input"] = json!("");
    let added = json!({ "type": "response.output_item.added", "output_index": 0, "item": begun });
    let text = exec["input"].as_str().unwrap();
    let mut renamed = exec.clone();
    renamed["name"] = json!("run");
    let mut other = exec.clone();
    other["input"] = json!("good, but other");
    let mut spaced = exec.clone();
    spaced["namespace"] = json!("functions");
    let as_function = call("c1", "exec", &json!({ "input": text }).to_string());
    let arguments = json!({ "type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "ctc_1", "delta": "{}" });
    let table = [
        ("text after the end of the item", vec![added.clone(), delta(text), item_done(&exec), delta("more")]),
        (
            "text after the end of the text",
            vec![added.clone(), delta(text), done(text), delta("more"), item_done(&exec)],
        ),
        ("an end that differs from the text", vec![added.clone(), delta("good"), done("good?"), item_done(&exec)]),
        ("an item that differs from the text", vec![added.clone(), delta("good"), item_done(&exec)]),
        ("an item that differs from the end", vec![added.clone(), done(text), item_done(&other)]),
        ("another name", vec![added.clone(), delta(text), item_done(&renamed)]),
        ("another namespace", vec![added.clone(), delta(text), item_done(&spaced)]),
        ("another kind", vec![added.clone(), delta(text), item_done(&as_function)]),
        ("arguments of a function", vec![added.clone(), arguments, item_done(&exec)]),
        ("text of no call", vec![delta(text)]),
    ];
    for (what, mut events) in table {
        let all = stream_events(&[], 1);
        events.splice(0..0, all[..2].iter().cloned());
        events.push(json!({ "type": "response.completed", "response": response(std::slice::from_ref(&exec)) }));
        for policy in ["refuse", "feedback"] {
            let (out, _) = read(&gate(policy), events.clone(), 100_000);
            let seen = accumulate(&out);
            assert_eq!(seen.error, "upstream_invalid", "{what}");
        }
    }
    // The pieces alone are a call whose text may be cut.
    for (tail, ends) in [(vec![done(text)], true), (vec![], false)] {
        let mut events = stream_events(&[], 1)[..2].to_vec();
        events.extend([added.clone(), delta(text)]);
        events.extend(tail);
        events.push(json!({ "type": "response.completed", "response": response(&[]) }));
        let (out, _) = read(&gate("refuse"), events, 100_000);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.contains(r#""type":"response.completed""#), ends, "{out}");
    }
}

#[test]
fn a_custom_call_of_chat_completions_is_decided_and_comes_as_it_was() {
    use crate::common::{accumulate, answer};
    let asked = |stream: bool| {
        json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }], "stream": stream,
                "tools": [{ "type": "custom", "custom": { "name": "exec", "description": "poisoned" } }] })
    };
    let begin = |stream: bool, mode: &str| {
        let (exchange, effect) = send(&gate(mode), "coder", "/v1/chat/completions", &asked(stream));
        assert!(matches!(effect, Effect::Forward(_)), "{effect:?}");
        exchange
    };
    for (text, allowed) in [("good \"x\"\n{}{}", true), ("bad", false), ("", false)] {
        let entry = json!({ "id": "a", "type": "custom", "custom": { "name": "exec", "input": text } });
        let bytes =
            finished(answered(&mut begin(false, "refuse"), &answer(json!("Hm."), std::slice::from_ref(&entry))));
        let message = body(&bytes)["choices"][0]["message"].clone();
        assert_eq!(message.get("tool_calls"), allowed.then(|| json!([entry])).as_ref(), "{message}");
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let chunk = |delta: Value, finish: Value| {
            let chunk = json!({ "id": "r", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
            format!("data: {chunk}\n\n")
        };
        let piece = |entry: Value| chunk(json!({ "tool_calls": [entry] }), Value::Null);
        let mut events = chunk(json!({ "role": "assistant", "content": "Hm." }), Value::Null);
        events += &piece(json!({ "index": 0, "id": "a", "type": "custom", "custom": { "name": "exec", "input": "" } }));
        for letter in &letters {
            events += &piece(json!({ "index": 0, "custom": { "input": letter } }));
        }
        events += &chunk(json!({}), json!("tool_calls"));
        events += "data: [DONE]\n\n";
        let mut first = None;
        for size in [1, 5, 100_000] {
            let (out, other) = streamed(&mut begin(true, "refuse"), events.as_bytes(), &[size]);
            assert_eq!(other, None);
            let out = String::from_utf8(out).unwrap();
            let whole =
                json!([{ "index": 0, "id": "a", "type": "custom", "custom": { "name": "exec", "input": text } }]);
            assert_eq!(out.contains(&format!("\"tool_calls\":{whole}")), allowed, "{out}");
            assert_eq!(accumulate(out.as_bytes()).content, message["content"].as_str().unwrap());
            assert_eq!(first.get_or_insert_with(|| out.clone()), &out);
        }
        if !allowed {
            let turn = answer(Value::Null, std::slice::from_ref(&entry));
            let again = body(&model_request(answered(&mut begin(false, "feedback"), &turn)).body);
            assert_eq!(again["messages"][1]["tool_calls"], json!([entry]));
            assert_eq!(
                (&again["messages"][2]["role"], &again["messages"][2]["tool_call_id"]),
                (&json!("tool"), &json!("a"))
            );
        }
    }
}
