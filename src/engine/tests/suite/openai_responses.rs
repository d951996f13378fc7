//! Exchanges with OpenAI Responses: requests, whole answers, streams, further rounds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests of JSON shapes")]

use std::rc::Rc;

use crate::common::{
    NOW, answered, batch, begun, finished, gate_over, headers, model_answered, model_request, ran, refused, streamed,
    told,
};
use callgate_engine::{CallFailed, Effect, Event, Exchange, Gate, Offer, lend};
use callgate_test_apis::openai_responses::{
    accumulate, call, events, message, numbered, reasoning, response, said, stream, stream_events,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const OSLO: &str = r#"{"city":"Oslo"}"#;

/// The desk's contract, with these further members of its `spec`.
fn gate_with(on_violation: &str, members: &str) -> Rc<Gate> {
    let contract = crate::common::contract(on_violation).replace("  roles:", &format!("{members}  roles:"));
    gate_over(&contract, Offer::Declared)
}

fn send(gate: Rc<Gate>, role: &str, body: &Value) -> (Exchange, Effect) {
    let mut exchange = Exchange::new(gate, "exchange-1");
    let headers = headers(&[
        (":method", "POST"),
        (":path", "/v1/responses"),
        ("content-type", "application/json"),
        ("authorization", "Bearer key"),
        ("x-tenant", "acme"),
        ("x-role", role),
    ]);
    assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }), Effect::Hold);
    let effect = exchange.on(Event::RequestData { chunk: body.to_string().as_bytes(), end: true, now: NOW });
    (exchange, effect)
}

fn request(stream: bool) -> Value {
    let tool = |name: &str| json!({ "type": "function", "name": name, "description": "poisoned", "parameters": {} });
    json!({
        "model": "gpt-4o", "input": "hello", "instructions": "Be brief.", "stream": stream,
        "tools": [tool("get_weather"), tool("order"), tool("lookup")],
    })
}

/// A viewer may use no server-run tool: each of its calls is decided by itself.
fn sent_by(role: &str, on_violation: &str, stream: bool) -> Exchange {
    let mut body = request(stream);
    if role == "viewer" {
        body["tools"].as_array_mut().unwrap().truncate(1);
    }
    let (exchange, effect) = send(gate_with(on_violation, ""), role, &body);
    assert!(matches!(effect, Effect::Forward(_)), "the request did not go on: {effect:?}");
    exchange
}

fn sent(on_violation: &str, stream: bool) -> Exchange {
    sent_by("clerk", on_violation, stream)
}

fn oslo(id: &str) -> Value {
    call(id, "get_weather", OSLO)
}

fn lookup(id: &str) -> Value {
    call(id, "lookup", r#"{"key":"k"}"#)
}

fn three(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.into(), name.into(), arguments.into())
}

fn body(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn an_allowed_request_is_forwarded_with_the_contracts_declarations_and_limits() {
    let (_, effect) = send(gate_with("refuse", ""), "clerk", &request(true));
    let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
    let body = body(&forward.body);
    let first = &body["tools"][0];
    assert_eq!((&first["type"], &first["description"]), (&json!("function"), &json!("The weather of a city.")));
    assert_eq!((&first["parameters"]["required"], &first["strict"]), (&json!(["city"]), &json!(false)));
    assert_eq!(body["tools"].as_array().unwrap().len(), 3);
    assert_eq!(body["max_output_tokens"], 500);
    assert_eq!((&body["input"], &body["stream"]), (&json!("hello"), &json!(true)));
}

#[test]
fn a_forbidden_request_is_refused() {
    let with = |member: &str, value: Value| {
        let mut body = request(false);
        body[member] = value;
        body
    };
    let item = |item: Value| with("input", json!([item]));
    let tool = |tool: Value| with("tools", json!([tool]));
    let mut nameless = with("prompt", json!({ "id": "pmpt_1" }));
    nameless.as_object_mut().unwrap().remove("model");
    let table = [
        (with("model", json!("other")), 400, "model_not_allowed"),
        (with("models", json!(["other"])), 400, "model_not_allowed"),
        (nameless, 400, "model_not_allowed"),
        (tool(json!({ "type": "function", "name": "rm_rf" })), 400, "tool_not_in_contract"),
        (with("tool_choice", json!({ "type": "function", "name": "rm_rf" })), 400, "tool_not_in_contract"),
        (tool(json!({ "type": "web_search" })), 400, "provider_tool_forbidden"),
        (tool(json!({ "type": "file_search", "vector_store_ids": [] })), 400, "provider_tool_forbidden"),
        (tool(json!({ "type": "code_interpreter" })), 400, "provider_tool_forbidden"),
        (tool(json!({ "type": "mcp", "server_label": "s" })), 400, "provider_tool_forbidden"),
        (tool(json!({ "type": "computer_use_preview" })), 400, "tool_not_in_contract"),
        (tool(json!({ "type": "image_generation" })), 400, "provider_tool_forbidden"),
        (tool(json!({ "type": "custom", "name": "exec" })), 400, "tool_not_in_contract"),
        (tool(json!({ "type": "namespace", "name": "x", "tools": 1 })), 400, "request_invalid"),
        (
            tool(json!({ "type": "namespace", "name": "x", "tools": [{ "type": "function", "name": "order" }] })),
            400,
            "tool_not_in_contract",
        ),
        (
            tool(json!({ "type": "namespace", "name": "x", "tools": [{ "type": "web_search" }] })),
            400,
            "request_invalid",
        ),
        (tool(json!({ "type": "shell", "environment": { "type": "container_auto" } })), 400, "provider_tool_forbidden"),
        (tool(json!({ "type": "shell" })), 400, "tool_not_in_contract"),
        (tool(json!({ "type": "tool_search" })), 400, "provider_tool_forbidden"),
        (tool(json!({ "type": "tool_search", "execution": "client" })), 400, "tool_not_in_contract"),
        (tool(json!({ "type": "tool_search", "execution": "both" })), 400, "request_invalid"),
        (with("tool_choice", json!({ "type": "mcp", "server_label": "s" })), 400, "provider_tool_forbidden"),
        (
            item(json!({ "type": "additional_tools", "tools": [{ "type": "function", "name": "rm_rf" }] })),
            400,
            "tool_not_in_contract",
        ),
        (
            item(json!({ "type": "additional_tools", "tools": [{ "type": "web_search" }] })),
            400,
            "provider_tool_forbidden",
        ),
        (item(json!({ "type": "additional_tools" })), 400, "request_invalid"),
        (item(json!({ "type": "message", "role": "user", "tools": [{}] })), 400, "provider_tool_forbidden"),
        (item(json!({ "type": "mcp_approval_response", "approve": true })), 400, "provider_tool_forbidden"),
        (with("previous_response_id", json!("resp_0")), 400, "server_state_forbidden"),
        (with("conversation", json!("conv_0")), 400, "server_state_forbidden"),
        (with("prompt", json!({ "id": "pmpt_1" })), 400, "server_state_forbidden"),
        (item(json!({ "type": "item_reference", "id": "msg_1" })), 400, "server_state_forbidden"),
        (item(json!({ "type": "compaction", "id": "cmp_1" })), 400, "server_state_forbidden"),
        (item(json!({ "type": "compaction", "id": "cmp_1", "encrypted_content": "" })), 400, "server_state_forbidden"),
        (with("background", json!(true)), 400, "request_invalid"),
        (item(json!({ "type": "invented" })), 400, "request_invalid"),
        (tool(json!({ "type": "function", "function": { "name": "get_weather" } })), 400, "request_invalid"),
    ];
    for (body, status, code) in table {
        let (_, effect) = send(gate_with("refuse", ""), "clerk", &body);
        assert_eq!(refused(effect), (status, code.to_owned()), "{body}");
    }
}

#[test]
fn allowed_provider_features_are_forwarded() {
    let gate = || gate_with("refuse", "  serverState: allowed\n  providerTools: [web_search]\n");
    let mut body = request(false);
    body["previous_response_id"] = json!("resp_0");
    body["tools"].as_array_mut().unwrap().push(json!({ "type": "web_search", "filters": null }));
    let (mut exchange, effect) = send(gate(), "clerk", &body);
    let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
    assert_eq!(self::body(&forward.body)["tools"][3], json!({ "type": "web_search", "filters": null }));
    let search = json!({ "id": "ws", "type": "web_search_call", "status": "completed", "action": { "query": "q" } });
    let whole = response(&[search, message("Found.")]);
    assert_eq!(finished(answered(&mut exchange, &whole)), whole.to_string().into_bytes());

    let made = json!({ "id": "ct", "type": "custom_tool_call", "call_id": "c", "name": "order", "input": "SECRET" });
    let (mut exchange, _) = send(gate(), "clerk", &body);
    let whole = finished(answered(&mut exchange, &response(&[made])));
    assert!(!String::from_utf8_lossy(&whole).contains("SECRET"));
    let (text, calls) = said(&self::body(&whole));
    assert!(text.contains("call_malformed") && calls.is_empty(), "the request declares it as a function: {text}");
    let listed = json!({ "id": "l", "type": "mcp_call", "name": "order", "arguments": "SECRET" });
    let (mut exchange, _) = send(gate(), "clerk", &body);
    let effect = answered(&mut exchange, &response(&[listed]));
    assert_eq!(refused(effect), (502, "upstream_invalid".into()), "not asked for");
}

#[test]
fn an_answer_in_which_nothing_had_to_change_keeps_every_byte() {
    let mut exchange = sent("refuse", false);
    begun(&mut exchange, "application/json");
    let text = format!(" {:#}\n", response(&[reasoning("Hm"), message("fine"), oslo("c1")]));
    let effect = exchange.on(Event::ResponseData { chunk: text.as_bytes(), end: true, now: NOW });
    assert_eq!(finished(effect), text.as_bytes());
    assert_eq!(exchange.tally().verdict(), "allow");
}

#[test]
fn an_allowed_call_is_released_in_canonical_form_and_keeps_its_ids() {
    let turn = [call("c1", "get_weather", "{ \"days\": 2.0, \"city\" : \"\\u004fslo\" }")];
    let expected = json!([call("c1", "get_weather", r#"{"city":"Oslo","days":2}"#)]);
    assert_eq!(body(&finished(answered(&mut sent("refuse", false), &response(&turn))))["output"], expected);
    let (out, other) = streamed(&mut sent("refuse", true), stream(&turn, 3).as_bytes(), &[13]);
    assert_eq!((other, &accumulate(&out).response["output"]), (None, &expected));
}

#[test]
fn refuse_gives_the_reason_and_releases_the_others() {
    let turn = [message("Sure."), call("c1", "rm_SECRET", r#"{"a":"SECRET"}"#), oslo("c2")];
    let whole = finished(answered(&mut sent("refuse", false), &response(&turn)));
    let (streamed, _) = streamed(&mut sent("refuse", true), stream(&turn, 2).as_bytes(), &[40]);
    assert_eq!(accumulate(&streamed).response, body(&whole));
    let (text, calls) = said(&body(&whole));
    assert!(text.starts_with("Sure.Callgate refused the call of `rm_SECRET` (tool_not_in_contract"), "{text}");
    assert_eq!(calls, [three("c2", "get_weather", OSLO)]);
    for bytes in [whole, streamed] {
        assert!(!String::from_utf8(bytes).unwrap().contains(r#""SECRET"#), "no argument of a refused call goes on");
    }
}

#[test]
fn a_call_no_later_one_can_take_back_is_released_in_its_own_place() {
    let turn = [message("A"), call("c1", "rm_rf", "{}"), message("BB"), oslo("c2"), message("CCC")];
    let bytes = stream(&turn, 100);
    let mut exchange = sent_by("viewer", "refuse", true);
    begun(&mut exchange, "text/event-stream");
    let mut kinds = Vec::new();
    for event in bytes.split_inclusive("\n\n") {
        match told(&mut exchange, event.as_bytes()) {
            Effect::Emit(out) => kinds.extend(
                events(&out)
                    .iter()
                    .filter(|event| event["type"] == "response.output_item.done")
                    .map(|event| (event["output_index"].clone(), event["item"]["type"].as_str().unwrap().to_owned())),
            ),
            Effect::Hold => assert!(event.contains("function_call"), "only calls are held: {event}"),
            effect => panic!("{effect:?}"),
        }
    }
    let order = ["message", "message", "message", "function_call", "message"];
    assert_eq!(kinds, order.iter().enumerate().map(|(at, kind)| (json!(at), (*kind).to_owned())).collect::<Vec<_>>());
    let (out, _) = streamed(&mut sent_by("viewer", "refuse", true), bytes.as_bytes(), &[]);
    let whole = finished(answered(&mut sent_by("viewer", "refuse", false), &response(&turn)));
    assert_eq!(accumulate(&out).response, body(&whole));
}

#[test]
fn error_answers_with_the_code_of_the_call() {
    let turn = [oslo("c1"), call("c2", "rm_rf", "{}")];
    assert_eq!(refused(answered(&mut sent("error", false), &response(&turn))), (400, "tool_not_in_contract".into()));
    let (out, _) = streamed(&mut sent("error", true), stream(&turn, 1).as_bytes(), &[7]);
    let seen = accumulate(&out);
    assert_eq!((seen.error.as_str(), seen.ended, seen.said().1), ("tool_not_in_contract", false, vec![]));
}

#[test]
fn malformed_calls_are_refused() {
    let good = r#"{"sku":"a"}"#;
    for (turn, code) in [
        (vec![call("c1", "", "{}")], "call_malformed"),
        (vec![call("c1", "order", good), call("c1", "order", good)], "call_malformed"),
        (vec![call("c1", "order", r#"{"sku":"a","sku":"b"}"#)], "arguments_not_json"),
    ] {
        assert_eq!(refused(answered(&mut sent("error", false), &response(&turn))), (400, code.to_owned()), "{turn:?}");
        let (out, _) = streamed(&mut sent("error", true), stream(&turn, 4).as_bytes(), &[]);
        assert_eq!(events(&out).pop().unwrap()["error"]["code"], code, "{turn:?}");
    }
}

#[test]
fn feedback_tells_the_model_and_the_client_sees_only_the_repaired_call() {
    let mut exchange = sent("feedback", false);
    let bad = call("c1", "get_weather", r#"{"town":"Oslo"}"#);
    let ask = model_request(answered(&mut exchange, &response(&[reasoning("Hm"), bad.clone()])));
    assert_eq!(ask.path, "/v1/responses");
    let again = body(&ask.body);
    assert_eq!(again["input"][0], json!({ "type": "message", "role": "user", "content": "hello" }));
    assert_eq!((&again["input"][1], &again["input"][2]), (&reasoning("Hm"), &bad));
    let result = &again["input"][3];
    assert_eq!((&result["type"], &result["call_id"]), (&json!("function_call_output"), &json!("c1")));
    assert!(result["output"].as_str().unwrap().contains("arguments_invalid"));
    let whole = body(&finished(model_answered(&mut exchange, &response(&[oslo("c2")]))));
    assert_eq!(said(&whole), (String::new(), vec![three("c2", "get_weather", OSLO)]));
    assert_eq!(whole["usage"]["total_tokens"], 24);
    // The provider takes reasoning back only before the item that followed it, and that is a call which the client never sees.
    let kinds: Vec<&Value> = whole["output"].as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["function_call"]);
}

#[test]
fn a_server_run_call_is_run_and_the_model_answers_with_its_result() {
    let mut exchange = sent("refuse", false);
    let batch = batch(answered(&mut exchange, &response(&[message("Let me look."), lookup("c1")])));
    assert_eq!((batch.calls[0].id.as_str(), batch.calls[0].arguments.as_str()), ("c1", r#"{"key":"k"}"#));
    let again = body(&model_request(ran(&mut exchange, &batch, &[r#"{ "found": true }"#])).body);
    let output = json!({ "type": "function_call_output", "call_id": "c1", "output": r#"{"found":true}"# });
    let input = json!([{ "type": "message", "role": "user", "content": "hello" }, message("Let me look."), lookup("c1"), output]);
    assert_eq!(again["input"], input);
    let last = body(&finished(model_answered(&mut exchange, &response(&[message("Found.")]))));
    assert_eq!(last["output"], json!([message("Let me look."), message("Found.")]));
    assert_eq!(last["usage"]["total_tokens"], 24);
}

#[test]
fn a_mixed_turn_runs_the_servers_calls_and_tells_the_model_that_the_clients_did_not_run() {
    let mut exchange = sent("refuse", false);
    let order = call("c1", "order", r#"{"sku":"a"}"#);
    let batch = batch(answered(&mut exchange, &response(&[order, lookup("c2")])));
    assert_eq!(batch.calls.len(), 1);
    let again = String::from_utf8(model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#])).body).unwrap();
    assert!(again.contains("\"c1\"") && again.contains("call_not_run"), "{again}");
    let last = finished(model_answered(&mut exchange, &response(&[call("c3", "order", r#"{"sku":"a"}"#)])));
    assert_eq!(said(&body(&last)).1, [three("c3", "order", r#"{"sku":"a"}"#)]);
}

#[test]
fn a_server_run_call_continues_in_the_same_stream_with_the_models_next_answers() {
    let mut exchange = sent("refuse", true);
    let turn = [reasoning("Hm"), message("Let me look."), lookup("c1")];
    let (mut out, other) = streamed(&mut exchange, stream(&turn, 4).as_bytes(), &[50]);
    assert_eq!(accumulate(&out).said().0, "Let me look.", "what was said is live");
    let first = batch(other.unwrap());
    let ask = model_request(ran(&mut exchange, &first, &[r#"{"found":1}"#]));
    let again = body(&ask.body);
    assert_eq!((&again["stream"], &again["input"][2]), (&json!(false), &message("Let me look.")));
    let second = batch(model_answered(&mut exchange, &response(&[message("Once more."), lookup("c2")])));
    model_request(ran(&mut exchange, &second, &[r#"{"found":2}"#]));
    out.extend(finished(model_answered(&mut exchange, &response(&[message("Found."), oslo("c3")]))));
    let seen = accumulate(&out);
    let output =
        json!([reasoning("Hm"), message("Let me look."), message("Once more."), message("Found."), oslo("c3")]);
    assert_eq!((seen.ended, &seen.response["output"]), (true, &output));
    assert_eq!(seen.response["usage"]["total_tokens"], 36, "a client pays for all rounds");
    assert!(!String::from_utf8(out).unwrap().contains("lookup\",\"arg"));
}

#[test]
fn bytes_after_the_end_of_a_stream_do_not_disturb_it() {
    let text = stream(&[message("Hi"), oslo("c1")], 2) + "data: [DONE]\n\n";
    let (out, other) = streamed(&mut sent("refuse", true), text.as_bytes(), &[9]);
    assert_eq!(other, None);
    assert!(out.ends_with(b"data: [DONE]\n\n") && accumulate(&out).ended);

    let looping = stream(&[lookup("c1")], 2) + "data: [DONE]\n\n";
    let mut exchange = sent("refuse", true);
    let (mut out, other) = streamed(&mut exchange, looping.as_bytes(), &[]);
    let batch = batch(other.unwrap());
    model_request(ran(&mut exchange, &batch, &[r#"{"found":1}"#]));
    out.extend(finished(model_answered(&mut exchange, &response(&[message("Found.")]))));
    assert_eq!(accumulate(&out).said().0, "Found.");
}

#[test]
fn a_loop_that_fails_and_a_stream_that_ends_early_end_in_an_error_event() {
    let mut exchange = sent("refuse", true);
    let (mut out, other) = streamed(&mut exchange, stream(&[message("A"), lookup("c1")], 2).as_bytes(), &[50]);
    batch(other.unwrap());
    out.extend(finished(exchange.on(Event::CallsRun(Err(CallFailed::Unreachable)))));
    assert_eq!(accumulate(&out).error, "executor_unavailable");

    let bytes = stream(&[message("A"), oslo("c1")], 2);
    let end = bytes.find("event: response.completed").unwrap();
    for cut in [end, end - 150, bytes.find("event: response.function_call").unwrap()] {
        let (out, _) = streamed(&mut sent("refuse", true), &bytes.as_bytes()[..cut], &[31]);
        let seen = accumulate(&out);
        assert_eq!(
            (seen.said(), seen.error.as_str()),
            (("A".into(), vec![]), "upstream_truncated"),
            "cut at {cut}: a call that is held is never released"
        );
    }
}

#[test]
fn a_failed_response_ends_the_stream_without_the_calls_that_were_held() {
    let text = stream(&[message("A"), call("c1", "get_weather", r#"{"city":"SECRET"}"#)], 2);
    let text = text.replace("response.completed", "response.failed");
    let (out, other) = streamed(&mut sent("refuse", true), text.as_bytes(), &[31]);
    assert_eq!(other, None);
    assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
    assert_eq!(events(&out).pop().unwrap()["response"]["output"], json!([message("A")]));
}

#[test]
fn an_unreadable_event_ends_the_stream_with_an_error_event() {
    let begin = stream(&[message("Hi")], 1);
    let begin = &begin[..begin.find("event: response.completed").unwrap()];
    let secret = call("c1", "SECRET", "{}");
    for event in [
        json!({ "type": "response.invented", "output_index": 0, "item": secret }),
        json!({ "type": "response.function_call_arguments.delta", "output_index": 4, "delta": "SECRET" }),
        json!({ "type": "response.invented", "output_index": 0, "arguments": "SECRET" }),
        json!({ "type": "response.in_progress", "response": response(&[secret]) }),
    ] {
        let text = format!("{begin}data: {event}\n\n");
        let (out, _) = streamed(&mut sent("refuse", true), text.as_bytes(), &[1000]);
        assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
        let seen = accumulate(&out);
        assert_eq!((seen.said().0.as_str(), seen.error.as_str()), ("Hi", "upstream_invalid"), "{event}");
    }
}

/// Codex reads the `type` of an event and no `error` beside it.
#[test]
fn an_error_beside_a_call_hides_no_call() {
    let created = json!({ "type": "response.created", "response": { "id": "resp_1", "output": [] } });
    let action = json!({ "type": "exec", "command": ["true"] });
    for kind in
        ["local_shell_call", "shell_call", "apply_patch_call", "computer_call", "function_call", "custom_tool_call"]
    {
        let item =
            json!({ "type": kind, "id": "i", "call_id": "c", "name": "secret", "arguments": "{}", "action": action });
        for event in ["response.output_item.done", "response.output_item.added", "response.xyz", "error"] {
            for name in [format!("event: {event}\n"), String::new()] {
                let told = json!({ "type": event, "output_index": 0, "item": item, "error": { "message": "x" } });
                let bytes = format!("data: {created}\n\n{name}data: {told}\n\n");
                let (out, _) = streamed(&mut sent("refuse", true), bytes.as_bytes(), &[usize::MAX]);
                let out = String::from_utf8(out).unwrap();
                assert!(!out.contains(kind), "{kind} {event}: {out}");
            }
        }
        for key in ["output", "Output", "OUTPUT"] {
            let answer = json!({ "error": { "message": "x" }, key: [item] });
            let effect = answered(&mut sent("refuse", false), &answer);
            let bytes = match effect {
                Effect::Finish(bytes) => bytes,
                Effect::Reply(reply) => reply.body,
                effect => panic!("{effect:?}"),
            };
            assert!(!String::from_utf8(bytes).unwrap().contains(&format!("{kind}\"")), "{kind} {key}");
        }
    }
}

#[test]
fn a_call_that_only_the_end_has_is_decided_like_every_other() {
    let begin = stream(&[message("Hi")], 1);
    let begin = &begin[..begin.find("event: response.completed").unwrap()];
    for (made, expected) in [(call("c1", "rm_rf", r#"{"x":"SECRET"}"#), 0), (oslo("c1"), 1)] {
        let end = json!({ "type": "response.completed", "response": response(&[message("Hi"), made]) });
        let (out, _) = streamed(&mut sent("refuse", true), format!("{begin}data: {end}\n\n").as_bytes(), &[1000]);
        assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
        let (text, calls) = events(&out).pop().map(|end| said(&end["response"])).unwrap();
        assert_eq!((calls.len(), text.contains("tool_not_in_contract")), (expected, expected == 0), "{text}");
    }
}

#[test]
fn an_error_object_of_the_upstream_is_forwarded_unchanged() {
    let mut exchange = sent("refuse", false);
    let head = headers(&[(":status", "429"), ("content-type", "application/json")]);
    assert_eq!(exchange.on(Event::ResponseHead { headers: &lend(&head), end: false }), Effect::Hold);
    let error = r#"{"error": {"message":"slow down","type":"rate_limit","code":null,"param":null}}"#;
    let effect = exchange.on(Event::ResponseData { chunk: error.as_bytes(), end: true, now: NOW });
    assert_eq!(finished(effect), error.as_bytes());
}

fn any_item() -> impl Strategy<Value = Value> {
    let names = prop_oneof![Just("get_weather"), Just("order"), Just("rm_rf"), Just(""), Just("get_weath")];
    let arguments = prop_oneof![
        Just(OSLO.to_owned()),
        Just(r#"{ "city": "Ål\u00e5 😀" }"#.to_owned()),
        Just(r#"{"city":"Oslo","SECRET":"SECRET"}"#.to_owned()),
        Just(r#"{"sku":"a"}"#.to_owned()),
        Just("{\"city\":".to_owned()),
        Just(String::new()),
        "[ -~]{0,12}".prop_map(|text| format!("SECRET{text}")),
    ];
    prop_oneof![
        2 => "[a-zåäö😀 ]{0,6}".prop_map(|text| message(&text)),
        1 => "[a-z]{0,6}".prop_map(|text| reasoning(&text)),
        3 => (names, arguments).prop_map(|(name, arguments)| call("", name, &arguments)),
    ]
}

/// A turn; items have ids of their own, calls now and then share one.
fn any_turn() -> impl Strategy<Value = Vec<Value>> {
    (proptest::collection::vec(any_item(), 0..7), proptest::collection::vec(0_u8..9, 7)).prop_map(|(mut items, ids)| {
        for (at, item) in items.iter_mut().enumerate() {
            item["id"] = json!(format!("item_{at}"));
            if item["type"] == "function_call" {
                item["call_id"] = json!(if ids[at] == 0 { "same".to_owned() } else { format!("c{at}") });
            }
        }
        items
    })
}

/// A response with its calls last, as in a stream whose whole turn is held.
fn calls_last(mut response: Value) -> Value {
    let items = response["output"].as_array_mut().unwrap();
    items.sort_by_key(|item| item["type"] == "function_call");
    response
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_bytes_and_equals_the_whole_answer(
        items in any_turn(),
        cut in 1_usize..6,
        chunks in proptest::collection::vec(1_usize..200, 1..8),
        on_violation in prop_oneof![Just("refuse"), Just("error")],
        role in prop_oneof![Just("clerk"), Just("viewer")],
        named in any::<bool>(),
    ) {
        let sent = |stream| sent_by(role, on_violation, stream);
        let mut text = stream(&items, cut);
        if !named {
            text = text.lines().filter(|line| !line.starts_with("event: ")).fold(String::new(), |out, line| out + line + "\r\n");
        }
        let (chunked, other) = streamed(&mut sent(true), text.as_bytes(), &chunks);
        prop_assert_eq!(other, None);
        let (at_once, _) = streamed(&mut sent(true), text.as_bytes(), &[]);
        prop_assert_eq!(String::from_utf8_lossy(&chunked), String::from_utf8_lossy(&at_once));
        prop_assert!(!String::from_utf8_lossy(&chunked).contains("SECRET"));

        let seen = accumulate(&chunked);
        match answered(&mut sent(false), &response(&items)) {
            Effect::Finish(unary) => {
                let whole = body(&unary);
                // In an unchanged turn, held calls come after the text that arrived meanwhile.
                let order = if role == "clerk" { calls_last } else { |response| response };
                prop_assert_eq!(order(seen.response.clone()), order(whole));
                prop_assert!(seen.ended);
            }
            effect => prop_assert_eq!(seen.error, refused(effect).1),
        }
    }

    #[test]
    fn a_stream_that_is_cut_anywhere_ends_in_an_error_or_was_complete(items in any_turn(), at in any::<proptest::sample::Index>()) {
        let text = stream(&items, 3).into_bytes();
        let cut = at.index(text.len() + 1);
        let (out, _) = streamed(&mut sent_by("viewer", "refuse", true), &text[..cut], &[]);
        let kinds = events(&out).into_iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let last = kinds.last().map(String::as_str).unwrap_or_default();
        prop_assert!(last == "response.failed" || last == "response.completed", "{last}");
    }

    #[test]
    fn events_in_any_order_never_let_a_refused_call_through(
        items in any_turn(),
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 1..30),
    ) {
        let events = stream_events(&items, 3);
        let shuffled: Vec<Value> = order.iter().map(|at| events[at.index(events.len())].clone()).collect();
        let (out, _) = streamed(&mut sent("refuse", true), numbered(shuffled).as_bytes(), &[]);
        prop_assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
    }
}
