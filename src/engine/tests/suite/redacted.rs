//! Redacted values are counted by kind, the redacted request keeps the limit, and all messages of an MCP server are redacted.

use callgate_engine::{Effect, RedactedKind, Tally};
use serde_json::{Value, json};

use crate::common::{answer, answered, batch, call, model_request, ran, request, sent};
use crate::mcp::world;
use crate::results::{POLICY, REQUESTS, exchange_with, filled, mcp_gate, with};

/// The counts that are not zero.
fn counts(tally: &Tally) -> Vec<(&'static str, u32)> {
    let named = tally.redacted.iter().map(|(kind, count)| (kind.map_or("pattern", RedactedKind::as_str), count));
    named.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn values_are_counted_by_kind_in_every_api() {
    let gate = with(&format!("{POLICY}    users: true\n"), "refuse");
    for (path, template) in REQUESTS {
        let result = "4111 1111 1111 1111, EMP-123456 and EMP-654321; ann@example.org";
        let body = filled(template, result, "bob@example.org wrote");
        let (exchange, effect) = exchange_with(&gate, path, &body);
        assert!(matches!(effect, Effect::Forward(_)), "{path} {effect:?}");
        assert_eq!(counts(exchange.tally()), [("credit_card", 1), ("email", 2), ("pattern", 2)], "{path}");
        let (exchange, _) = exchange_with(&gate, path, &filled(template, "nothing", "here"));
        assert_eq!(counts(exchange.tally()), [], "{path}");
    }
}

#[test]
fn values_in_json_names_and_results_of_the_executor_are_counted() {
    let gate = with(POLICY, "refuse");
    let (mut exchange, _) = sent(&gate, &request(false));
    let run = batch(answered(&mut exchange, &answer(json!(null), &[call("a", "lookup", r#"{"key":"k"}"#)])));
    let result = r#"{"found":"{\"ann@example.org\":1}","eve@example.org":4111111111111111}"#;
    model_request(ran(&mut exchange, &run, &[result]));
    assert_eq!(counts(exchange.tally()), [("credit_card", 1), ("email", 2)]);
}

#[test]
fn a_request_that_marks_make_too_large_is_refused() {
    let results = "\n  results: { redact: [{ pattern: \"E[0-9]{2}\", as: employee_number }] }\n";
    let gate = with(results, "refuse");
    for (path, template) in REQUESTS {
        // The contract allows 64 KiB.
        for (count, is_forwarded) in [(100, true), (2000, true), (2600, false), (10_000, false)] {
            let body = filled(template, &"E12 ".repeat(count), "hello");
            assert!(body.len() < 64 << 10, "{path}");
            let (exchange, effect) = exchange_with(&gate, path, &body);
            match effect {
                Effect::Forward(forward) => assert!(is_forwarded && forward.body.len() <= 64 << 10, "{path} {count}"),
                Effect::Reply(reply) => assert_eq!((reply.status, is_forwarded), (413, false), "{path} {count}"),
                effect => panic!("{path} {count}: {effect:?}"),
            }
            let expected = if is_forwarded { "pass" } else { "error:request_too_large" };
            assert_eq!(exchange.tally().verdict(), expected, "{path} {count}");
        }
    }
}

/// The server's answer to a message, as the client gets it; `None` if it is dropped. The final answer is left out.
fn told(method: &str, message: &Value, stream: bool) -> (Vec<Value>, Vec<(&'static str, u32)>) {
    let gate = mcp_gate("refuse");
    let (mut exchange, _) = world::sent(&gate, &world::request(method, json!({ "name": "p" })));
    let (effect, out) = if stream {
        world::begun(&mut exchange, "200", "text/event-stream", false);
        let (out, effect) = crate::common::feed(&mut exchange, format!("data: {message}\n\n").as_bytes(), &[7]);
        (effect, out)
    } else {
        (Some(world::answered(&mut exchange, message)), Vec::new())
    };
    let mut said: Vec<Value> = Vec::new();
    let text = String::from_utf8(out).unwrap();
    said.extend(text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()));
    if let Some(Effect::Finish(body)) = effect {
        said.extend(serde_json::from_slice::<Value>(&body).ok());
    }
    (said, counts(exchange.tally()))
}

#[test]
fn prompts_and_messages_of_mcp_servers_are_redacted() {
    let prompt = |text: &str, note: &str| {
        world::response(json!({
            "description": note,
            "messages": [
                { "role": "user", "content": { "type": "text", "text": text } },
                { "role": "assistant", "content": { "type": "resource", "resource": { "uri": "a:b", "text": text } } },
            ],
        }))
    };
    for stream in [false, true] {
        let (said, found) = told("prompts/get", &prompt("ann@example.org", "EMP-123456"), stream);
        let mut expected = prompt("[redacted email]", "");
        expected["result"].as_object_mut().unwrap().remove("description");
        assert_eq!(said[0], expected, "the server's description goes too: {stream}");
        assert_eq!(found, [("email", 2)], "{stream}");
    }
    let said = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "method": method, "params": params });
    let asked = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": 3, "method": method, "params": params });
    let log = |words: &str| said("notifications/message", json!({ "level": "info", "data": { "words": [words] } }));
    let progress = |words: &str| {
        said("notifications/progress", json!({ "progressToken": "4111111111111111", "progress": 1, "message": words }))
    };
    let sampling = |words: &str| {
        let message = json!({ "role": "user", "content": { "type": "text", "text": words } });
        asked("sampling/createMessage", json!({ "messages": [message], "systemPrompt": words, "maxTokens": 9 }))
    };
    let elicitation =
        |words: &str| asked("elicitation/create", json!({ "message": words, "requestedSchema": { "type": "object" } }));
    let makers: [&dyn Fn(&str) -> Value; 4] = [&log, &progress, &sampling, &elicitation];
    for maker in makers {
        let (said, found) = told("tools/list", &maker("ann@example.org"), true);
        assert_eq!(said.first(), Some(&maker("[redacted email]")));
        assert!(found.iter().all(|(kind, _)| *kind == "email"), "{found:?}");
        let (said, _) = told("tools/list", &maker("plain words"), true);
        assert_eq!(said.first(), Some(&maker("plain words")));
        // Words that the contract refuses: the message is dropped.
        let (said, _) = told("tools/list", &maker("TOP SECRET"), true);
        assert!(said.iter().all(|message| message.get("method").is_none()), "{said:?}");
    }
}

#[test]
fn a_denied_prompt_is_an_error() {
    let prompt =
        json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": "TOP SECRET planted" } }] });
    let gate = mcp_gate("refuse");
    let (mut exchange, _) = world::sent(&gate, &world::request("prompts/get", json!({ "name": "p" })));
    let body = world::body(world::answered(&mut exchange, &world::response(prompt)));
    assert_eq!(body["error"]["data"]["code"], "result_denied", "{body}");
    assert!(!body.to_string().contains("planted"));
}
