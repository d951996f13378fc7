//! `results`: redaction, refusal and size of results and of the text of users, in every API.

use std::rc::Rc;

use callgate_engine::{Effect, Event, Exchange, Gate, Offer, Outcome, Reply, ToolFailure, lend};
use serde_json::{Value, json};

use crate::common::{
    NOW, answer, answered, batch, call, contract, gate, gate_over, headers, model_request, ran, request, send_with,
    sent,
};
use crate::mcp::world;

pub(crate) const POLICY: &str = r##"
  results:
    redact: [{ kind: credit_card }, { kind: email }, { kind: secret }, { pattern: "EMP-[0-9]{6}", as: employee_number }]
    deny: [{ pattern: "TOP SECRET" }]
    maxBytes: 2KiB
    exempt: [{ tool: get_weather, at: "#/owner/email" }, { tool: lookup, at: "#/owner" }]
"##;

pub(crate) fn with(results: &str, on_violation: &str) -> Rc<Gate> {
    let contract = contract(on_violation).replace("gpt-*", "*").replace("\n  roles:", &format!("{results}\n  roles:"));
    gate_over(&contract, Offer::Declared)
}

/// A request of each API: its path, and its body with `@@` for a result and `$$` for the text of the user.
pub(crate) const REQUESTS: [(&str, &str); 8] = [
    (
        "/v1/chat/completions",
        r#"{"model":"m" , "messages":[{"role":"user","content":"$$"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"get_weather","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"@@"}]}"#,
    ),
    (
        "/v1/chat/completions",
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"$$"}]},{"role":"assistant","content":null,"function_call":{"name":"get_weather","arguments":"{}"}},{"role":"function","name":"get_weather","content":[{"type":"text","text":"@@"}]}]}"#,
    ),
    (
        "/v1/responses",
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"$$"}]},{"type":"function_call","call_id":"c1","name":"get_weather","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"@@"}]}"#,
    ),
    (
        "/v1/messages",
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"$$"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"get_weather","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"@@"}]}]}"#,
    ),
    (
        "/v1/messages",
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"$$"}]},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"get_weather","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[ {"type":"text","text":"@@"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}]}]}"#,
    ),
    (
        "/v1beta/models/m:generateContent",
        r#"{"contents":[{"role":"user","parts":[{"text":"$$"}]},{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"get_weather","response":{"result":"@@"}}}]}]}"#,
    ),
    (
        "/api/chat",
        r#"{"model":"m","messages":[{"role":"user","content":"$$"},{"role":"assistant","tool_calls":[{"function":{"name":"get_weather","arguments":{}}}]},{"role":"tool","tool_name":"get_weather","content":"@@"}]}"#,
    ),
    (
        "/model/m/converse",
        r#"{"messages":[{"role":"user","content":[{"text":"$$"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"c1","name":"get_weather","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"c1","content":[{"text":"@@"}]}}]}]}"#,
    ),
];

/// Sends a whole request; returns the exchange too.
pub(crate) fn exchange_with(gate: &Rc<Gate>, path: &str, body: &str) -> (Exchange, Effect) {
    let headers = headers(&[
        (":method", "POST"),
        (":path", path),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ]);
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let effect = send_with(&mut exchange, &headers, body.as_bytes());
    (exchange, effect)
}

fn send_to(gate: &Rc<Gate>, path: &str, body: &str, chunk: usize) -> Effect {
    let headers = headers(&[
        (":method", "POST"),
        (":path", path),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "clerk"),
    ]);
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    if chunk == 0 {
        return send_with(&mut exchange, &headers, body.as_bytes());
    }
    let (bytes, _) =
        (body.as_bytes(), exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false }));
    let mut last = Effect::Hold;
    for (place, piece) in bytes.chunks(chunk).enumerate() {
        let end = (place + 1) * chunk >= bytes.len();
        last = exchange.on(Event::RequestData { chunk: piece, end, now: NOW });
    }
    last
}

fn forwarded(gate: &Rc<Gate>, path: &str, body: &str) -> String {
    match send_to(gate, path, body, 0) {
        Effect::Forward(forward) => String::from_utf8(forward.body).unwrap(),
        effect => panic!("not forwarded: {path} {effect:?}"),
    }
}

fn refused(gate: &Rc<Gate>, path: &str, body: &str) -> Reply {
    match send_to(gate, path, body, 0) {
        Effect::Reply(reply) => reply,
        effect => panic!("not refused: {path} {effect:?}"),
    }
}

pub(crate) fn filled(template: &str, result: &str, said: &str) -> String {
    let inside = |text: &str| {
        let text = Value::from(text).to_string();
        text[1..text.len() - 1].to_owned()
    };
    template.replace("@@", &inside(result)).replace("$$", &inside(said))
}

/// A text, and the text with marks.
const TEXTS: [(&str, &str); 6] = [
    ("paid with 4111 1111 1111 1111.", "paid with [redacted credit_card]."),
    (
        r#"{"mail": "ann@example.org", "card": 4111111111111111, "n": 1.50}"#,
        r#"{"mail": "[redacted email]", "card": "[redacted credit_card]", "n": 1.50}"#,
    ),
    (r#"[{"note":"EMP-123456\n\"x\""}]"#, r#"[{"note":"[redacted employee_number]\n\"x\""}]"#),
    ("４１１１１１１１１１１１１１１１ and an\u{200b}n@example.org", "[redacted credit_card] and [redacted email]"),
    ("line\npassword: hunter22x\n", "line\npassword: [redacted secret]\n"),
    (r#"{"inner": "{\"mail\": \"ann@example.org\"}"}"#, r#"{"inner": "{\"mail\": \"[redacted email]\"}"}"#),
];

#[test]
fn results_are_redacted_in_every_api() {
    let (plain, gate) = (with("", "refuse"), with(POLICY, "refuse"));
    for (path, template) in REQUESTS {
        for (text, redacted) in TEXTS {
            let (before, after) = (filled(template, text, text), filled(template, redacted, text));
            let expected: Value = serde_json::from_str(&forwarded(&plain, path, &after)).unwrap();
            let body = forwarded(&gate, path, &before);
            assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected, "{path}");
            assert_eq!(forwarded(&gate, path, &before), body, "{path}: the same request becomes the same text");
        }
    }
}

#[test]
fn a_request_without_a_match_keeps_its_bytes() {
    let (plain, gate) = (with("", "refuse"), with(POLICY, "refuse"));
    for (path, template) in REQUESTS {
        for text in ["rain", r#"{ "order": 4539578, "id": "ORD-1" }"#, "[redacted credit_card] and é\u{200b}\\n", ""] {
            let body = filled(template, text, "ann@example.org");
            assert_eq!(forwarded(&gate, path, &body), forwarded(&plain, path, &body), "{path}");
        }
    }
}

#[test]
fn the_text_of_users_is_redacted_if_the_contract_says_so() {
    let (plain, gate) = (with("", "refuse"), with(&format!("{POLICY}    users: true\n"), "refuse"));
    for (path, template) in REQUESTS {
        for (text, redacted) in TEXTS {
            let (before, after) = (filled(template, "rain", text), filled(template, "rain", redacted));
            let expected: Value = serde_json::from_str(&forwarded(&plain, path, &after)).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&forwarded(&gate, path, &before)).unwrap(), expected, "{path}");
        }
        let reply = refused(&gate, path, &filled(template, "rain", "a TOP SECRET plan"));
        let body = String::from_utf8(reply.body).unwrap();
        assert!(reply.status == 400 && body.contains("text_denied") && !body.contains("TOP"), "{path} {body}");
    }
}

#[test]
fn denied_and_large_results_are_refused_in_the_words_of_the_api() {
    let gate = with(POLICY, "refuse");
    for (path, template) in REQUESTS {
        for (text, status, code) in [
            ("a TOP SECRET plan".to_owned(), 400, "result_denied"),
            (r#"{"a": ["TOP SECRET"]}"#.to_owned(), 400, "result_denied"),
            (r#"{"TOP SECRET": 1}"#.to_owned(), 400, "result_denied"),
            ("TOP\u{200b} SECRET".to_owned(), 400, "result_denied"),
            ("planted".repeat(300), 400, "result_too_large"),
        ] {
            let reply = refused(&gate, path, &filled(template, &text, "hello"));
            let body = String::from_utf8(reply.body).unwrap();
            assert!(reply.status == status && body.contains(code), "{path} {status} {body}");
            assert!(!body.contains("TOP") && !body.contains("planted"), "{path} {body}");
        }
        forwarded(&gate, path, &filled(template, "fine", "a TOP SECRET plan of ann@example.org"));
    }
}

#[test]
fn an_exempt_place_stays_as_it_is() {
    let (plain, gate) = (with("", "refuse"), with(POLICY, "refuse"));
    let text = r#"{"owner":{"email":"ann@example.org","other":"bob@example.org"},"email":"eve@example.org"}"#;
    let redacted = r#"{"owner":{"email":"ann@example.org","other":"[redacted email]"},"email":"[redacted email]"}"#;
    // In Gemini's format the place begins at the response, in which this text is a member.
    for (path, template) in REQUESTS.into_iter().filter(|(path, _)| !path.contains("generateContent")) {
        let expected: Value =
            serde_json::from_str(&forwarded(&plain, path, &filled(template, redacted, "hello"))).unwrap();
        let body: Value = serde_json::from_str(&forwarded(&gate, path, &filled(template, text, "hello"))).unwrap();
        assert_eq!(body, expected, "{path}");
    }
}

#[test]
fn only_a_result_of_the_exempt_tool_is_exempt() {
    let gate = with(POLICY, "refuse");
    let text = r#"{"owner":{"email":"ann@example.org"}}"#;
    let (path, template) = REQUESTS[0];
    let body = filled(template, text, "hello");
    assert!(forwarded(&gate, path, &body).contains("ann@"));
    let call = r#"{"id":"c1","type":"function","function":{"name":"order","arguments":"{}"}}"#;
    let own = r#"{"id":"c1","type":"function","function":{"name":"get_weather","arguments":"{}"}}"#;
    for (name, body) in [
        ("another tool", body.replace("get_weather", "order")),
        ("a tool outside of the contract", body.replace("get_weather", "rm_rf")),
        ("a result of no call", body.replace(r#""tool_call_id":"c1""#, r#""tool_call_id":"c2""#)),
        ("an id of two tools", body.replace(own, &format!("{own},{call}"))),
        ("a name that is not the call's", body.replace(r#""role":"tool","#, r#""role":"tool","name":"order","#)),
    ] {
        let sent = forwarded(&gate, path, &body);
        assert!(!sent.contains("ann@") && sent.contains("[redacted email]"), "{name}: {sent}");
    }
}

#[test]
fn any_chunking_of_a_request_gives_the_same_text() {
    let gate = with(POLICY, "refuse");
    let (path, template) = REQUESTS[3];
    let body = filled(template, TEXTS[1].0, TEXTS[0].0);
    let whole = forwarded(&gate, path, &body);
    for chunk in [1, 2, 3, 7, 64, 1000] {
        let Effect::Forward(forward) = send_to(&gate, path, &body, chunk) else { panic!("{chunk}") };
        assert_eq!(String::from_utf8(forward.body).unwrap(), whole, "{chunk}");
    }
}

#[test]
fn other_results_than_of_functions_are_redacted() {
    let contract = contract("refuse").replace("gpt-*", "*").replace("\n  roles:", &format!("{POLICY}\n  roles:"));
    let gate = gate_over(&contract, Offer::Declared);
    for item in [
        r#"{"type":"local_shell_call_output","id":"c1","output":"ann@example.org"}"#,
        r#"{"type":"shell_call_output","call_id":"c1","output":[{"stdout":"ann@example.org","stderr":""}]}"#,
        r#"{"type":"custom_tool_call_output","call_id":"c1","output":"ann@example.org"}"#,
        r#"{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"ann@example.org"}]}"#,
    ] {
        let body = format!(r#"{{"model":"m","input":[{item}]}}"#);
        let sent = forwarded(&gate, "/v1/responses", &body);
        let sent: Value = serde_json::from_str(&sent).unwrap();
        let expected: Value = serde_json::from_str(&body.replace("ann@example.org", "[redacted email]")).unwrap();
        assert_eq!(sent["input"], expected["input"], "{item}");
    }
}

#[test]
fn results_of_the_executor_are_redacted_before_the_model_sees_them() {
    let gate = with(POLICY, "refuse");
    let turn = answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)]);
    let long = format!(r#"{{"found":"{}"}}"#, "planted".repeat(400));
    for (result, expected) in [
        (
            r#"{"found":"ann@example.org", "n":4111111111111111}"#,
            r#"{"found":"[redacted email]","n":"[redacted credit_card]"}"#,
        ),
        (r#"{"found":1,"owner":"ann@example.org"}"#, r#"{"found":1,"owner":"ann@example.org"}"#),
        (r#"{"found":"TOP SECRET planted"}"#, "result_denied"),
        (long.as_str(), "result_too_large"),
    ] {
        let (mut exchange, _) = sent(&gate, &request(false));
        let batch = batch(answered(&mut exchange, &turn));
        let again: Value = serde_json::from_slice(&model_request(ran(&mut exchange, &batch, &[result])).body).unwrap();
        let told = again["messages"][2]["content"].as_str().unwrap();
        match expected.starts_with('{') {
            true => assert_eq!(told, expected),
            false => assert!(told.contains(expected) && !told.contains("planted"), "{told}"),
        }
    }
}

#[test]
fn the_message_of_a_failed_tool_is_redacted() {
    let gate = with(POLICY, "refuse");
    let turn = answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)]);
    for (message, expected) in [
        ("no mail to ann@example.org", "no mail to [redacted email]"),
        ("TOP SECRET planted", "The tool failed, and the contract refuses its message."),
    ] {
        let (mut exchange, _) = sent(&gate, &request(false));
        let batch = batch(answered(&mut exchange, &turn));
        let failure = ToolFailure { code: "nonzero_exit".to_owned(), message: message.to_owned(), approval_id: None };
        let outcome = Outcome { id: batch.calls[0].id.clone(), result: Err(failure) };
        let again = model_request(exchange.on(Event::CallsRun(Ok(vec![outcome]))));
        let again: Value = serde_json::from_slice(&again.body).unwrap();
        let told: Value = serde_json::from_str(again["messages"][2]["content"].as_str().unwrap()).unwrap();
        assert_eq!(told, json!({ "error": { "code": "nonzero_exit", "message": expected } }));
    }
}

#[test]
fn a_contract_without_the_policy_changes_nothing() {
    let (path, template) = REQUESTS[0];
    let body = filled(template, "4111 1111 1111 1111", "hello").replace("\"m\"", "\"gpt-4o\"");
    assert!(forwarded(&gate("refuse"), path, &body).contains("4111 1111 1111 1111"));
}

pub(crate) fn mcp_gate(on_violation: &str) -> Rc<Gate> {
    let policy = POLICY.replace("get_weather", "set_alarm").replace(", { tool: lookup, at: \"#/owner\" }", "");
    world::gate_with(on_violation, &policy)
}

fn mcp_result(on_violation: &str, method: &str, tool: &str, result: &Value, stream: bool) -> String {
    let gate = mcp_gate(on_violation);
    let params = if method == "tools/call" {
        json!({ "name": tool, "arguments": if tool == "get_time" { json!({ "zone": "UTC" }) } else { json!({}) } })
    } else {
        json!({ "uri": "file:///x" })
    };
    let (mut exchange, _) = world::sent(&gate, &world::request(method, params));
    let answer = world::response(result.clone());
    if stream {
        let out = world::streamed(&mut exchange, &world::events(&[answer]), &[]);
        return world::messages(&out)[0].to_string();
    }
    world::body(world::answered(&mut exchange, &answer)).to_string()
}

#[test]
fn results_of_mcp_servers_are_redacted() {
    let text = |text: &str| json!({ "type": "text", "text": text });
    let table = [
        (json!({ "content": [text("ann@example.org")] }), json!({ "content": [text("[redacted email]")] })),
        (
            json!({ "content": [text(r#"{"owner":{"email":"ann@example.org"},"a":"EMP-123456"}"#)] }),
            json!({ "content": [text(r#"{"owner":{"email":"ann@example.org"},"a":"[redacted employee_number]"}"#)] }),
        ),
        (
            json!({ "content": [], "structuredContent": { "owner": { "email": "ann@example.org" }, "b": ["EMP-123456"] } }),
            json!({ "content": [], "structuredContent": { "owner": { "email": "ann@example.org" }, "b": ["[redacted employee_number]"] } }),
        ),
        (
            json!({ "content": [{ "type": "resource", "resource": { "uri": "file:///a", "text": "ann@example.org" } }], "isError": true }),
            json!({ "content": [{ "type": "resource", "resource": { "uri": "file:///a", "text": "[redacted email]" } }], "isError": true }),
        ),
        (
            json!({ "content": [{ "type": "resource_link", "uri": "mailto:ann@example.org", "name": "ann@example.org" }] }),
            json!({ "content": [{ "type": "resource_link", "uri": "mailto:[redacted email]", "name": "[redacted email]" }] }),
        ),
        (
            json!({ "content": [text("rain")], "_meta": { "x": "y" } }),
            json!({ "content": [text("rain")], "_meta": { "x": "y" } }),
        ),
    ];
    for (given, expected) in table {
        for stream in [false, true] {
            let answer = mcp_result("refuse", "tools/call", "set_alarm", &given, stream);
            let expected = world::response(expected.clone());
            assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), expected);
        }
    }
    let contents = |text: &str| json!({ "contents": [{ "uri": "file:///x", "mimeType": "text/plain", "text": text }] });
    let answer = mcp_result("refuse", "resources/read", "", &contents("ann@example.org"), false);
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["result"], contents("[redacted email]"));
}

#[test]
fn a_checked_result_of_an_mcp_server_is_redacted_too() {
    let given = json!({ "content": [], "structuredContent": { "time": "EMP-123456" } });
    let answer = mcp_result("refuse", "tools/call", "get_time", &given, false);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["result"]["structuredContent"], json!({ "time": "[redacted employee_number]" }));
    assert!(!answer.to_string().contains("EMP-1"));
}

#[test]
fn denied_and_large_results_of_mcp_servers_are_withheld() {
    for (text, code) in
        [("TOP SECRET planted".to_owned(), "result_denied"), ("planted".repeat(300), "result_too_large")]
    {
        for (on_violation, stream) in [("refuse", false), ("feedback", true), ("error", false), ("error", true)] {
            let given = json!({ "content": [{ "type": "text", "text": text }] });
            let answer = mcp_result(on_violation, "tools/call", "set_alarm", &given, stream);
            assert!(answer.contains(code) && !answer.contains("planted"), "{answer}");
        }
    }
}

#[test]
fn no_value_is_in_counts_decisions_or_refusals() {
    let gate = with(&format!("{POLICY}    users: true\n"), "refuse");
    let plants = ["plantone@example.org", "4111111111111111", "EMP-123456", "hunter22x", "TOP SECRET"];
    for plant in plants {
        let mut body = request(false);
        body["messages"] = json!([
            { "role": "user", "content": format!("password: {plant} planted") },
            { "role": "assistant", "content": null, "tool_calls": [call("c0", "lookup", r#"{"key":"k"}"#)] },
            { "role": "tool", "tool_call_id": "c0", "content": format!("password: {plant}") },
        ]);
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        let effect = send_with(&mut exchange, &crate::common::request_headers("clerk"), body.to_string().as_bytes());
        let mut seen = match effect {
            Effect::Reply(reply) => String::from_utf8(reply.body).unwrap(),
            Effect::Forward(forward) => String::from_utf8(forward.body).unwrap(),
            effect => panic!("{effect:?}"),
        };
        if plant != "TOP SECRET" {
            let batch = batch(answered(&mut exchange, &answer(Value::Null, &[call("c1", "lookup", r#"{"key":"k"}"#)])));
            let result = json!({ "found": format!("password: {plant}") }).to_string();
            seen.push_str(&String::from_utf8(model_request(ran(&mut exchange, &batch, &[&result])).body).unwrap());
        }
        let decisions = exchange.take_decisions().map(|decisions| format!("{decisions:?}")).unwrap_or_default();
        for text in [seen, format!("{:?} {}", exchange.tally(), exchange.tally().verdict()), decisions] {
            assert!(!text.contains(plant), "{plant}: {text}");
        }
    }
}
