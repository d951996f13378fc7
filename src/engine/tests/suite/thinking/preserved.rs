//! Messages and Converse: a provider that checks thoughts as *preserved thinking* does, and a client that sends back what it got.
//!
//! The provider takes a thought back only if it signed exactly this thought, and if `system`, `tools` and every block before it are
//! those that the model had before it. It wants a result for each call right after the turn.

use std::rc::Rc;

use callgate_engine::{Effect, Event, Exchange, Gate, ModelReply, Offer, lend};
use callgate_test_apis::anthropic_messages;
use callgate_test_apis::event_stream::{event, events};
use serde_json::{Value, json};

use crate::common::{NOW, begun, feed, finished, gate_over, headers, ran};

/// The words of one API.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Api {
    Messages,
    Converse,
}

use Api::{Converse, Messages};

/// A block of the model.
#[derive(Clone, Copy, Debug)]
enum Said {
    /// A thought with this signature.
    T(&'static str),
    /// A thought of nothing but encrypted words.
    R(&'static str),
    X(&'static str),
    /// A call of a tool, with this amount. One over 9 is refused for `order`.
    C(&'static str, u32),
}

use Said::{C, R, T, X};

/// One signed thought: what stood before it, and its block.
struct Issued {
    before: Value,
    block: Value,
}

#[derive(Default)]
struct Provider {
    issued: Vec<Issued>,
    calls: usize,
}

// === impl Api ===

impl Api {
    fn block(self, said: Said, id: usize) -> Value {
        match (self, said) {
            (Messages, T(signature)) => json!({ "type": "thinking", "thinking": "Hm.", "signature": signature }),
            (Messages, R(data)) => json!({ "type": "redacted_thinking", "data": data }),
            (Messages, X(text)) => json!({ "type": "text", "text": text }),
            (Messages, C(name, amount)) => {
                json!({ "type": "tool_use", "id": format!("c{id}"), "name": name, "input": { "amount": amount } })
            }
            (Converse, T(signature)) => {
                json!({ "reasoningContent": { "reasoningText": { "text": "Hm.", "signature": signature } } })
            }
            (Converse, R(data)) => json!({ "reasoningContent": { "redactedContent": data } }),
            (Converse, X(text)) => json!({ "text": text }),
            (Converse, C(name, amount)) => {
                json!({ "toolUse": { "toolUseId": format!("c{id}"), "name": name, "input": { "amount": amount } } })
            }
        }
    }

    fn is_thought(self, block: &Value) -> bool {
        match self {
            Messages => block["type"].as_str().unwrap().contains("thinking"),
            Converse => block["reasoningContent"].is_object(),
        }
    }

    /// Returns false for a thought that a server without signatures made.
    fn is_signed(self, block: &Value) -> bool {
        let thought = &block["reasoningContent"];
        let signed = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        match self {
            Messages => self.is_thought(block) && (signed(&block["signature"]) || signed(&block["data"])),
            Converse => signed(&thought["reasoningText"]["signature"]) || signed(&thought["redactedContent"]),
        }
    }

    fn call_id(self, block: &Value) -> Option<&str> {
        match self {
            Messages => (block["type"] == "tool_use").then(|| block["id"].as_str().unwrap()),
            Converse => block["toolUse"]["toolUseId"].as_str(),
        }
    }

    fn result_id(self, block: &Value) -> Option<&str> {
        match self {
            Messages => block["tool_use_id"].as_str(),
            Converse => block["toolResult"]["toolUseId"].as_str(),
        }
    }

    fn result(self, id: &str) -> Value {
        match self {
            Messages => json!({ "type": "tool_result", "tool_use_id": id, "content": "done" }),
            Converse => json!({ "toolResult": { "toolUseId": id, "content": [{ "text": "done" }] } }),
        }
    }

    fn path(self, stream: bool) -> &'static str {
        match (self, stream) {
            (Messages, _) => "/v1/messages",
            (Converse, false) => "/model/m-1/converse",
            (Converse, true) => "/model/m-1/converse-stream",
        }
    }

    fn request(self, messages: &[Value], stream: bool) -> Value {
        let schema = json!({ "type": "object" });
        match self {
            Messages => json!({
                "model": "m-1", "max_tokens": 99, "stream": stream, "system": "S", "thinking": { "type": "adaptive" },
                "tools": [{ "name": "order", "input_schema": schema }, { "name": "fetch", "input_schema": schema }],
                "messages": messages,
            }),
            Converse => json!({
                "system": [{ "text": "S" }], "messages": messages,
                "toolConfig": { "tools": [{ "toolSpec": { "name": "order", "inputSchema": { "json": schema } } }, { "toolSpec": { "name": "fetch", "inputSchema": { "json": schema } } }] },
            }),
        }
    }

    fn answer(self, content: &[Value]) -> Value {
        let calls = content.iter().any(|block| self.call_id(block).is_some());
        let reason = if calls { "tool_use" } else { "end_turn" };
        match self {
            Messages => {
                json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "content": content,
                "stop_reason": reason, "stop_sequence": null, "usage": { "input_tokens": 5, "output_tokens": 7 } })
            }
            Converse => {
                json!({ "output": { "message": { "role": "assistant", "content": content } }, "stopReason": reason,
                "usage": { "inputTokens": 5, "outputTokens": 7, "totalTokens": 12 }, "metrics": { "latencyMs": 3 } })
            }
        }
    }

    fn stream(self, content: &[Value]) -> Vec<u8> {
        if self == Messages {
            return anthropic_messages::stream(&self.answer(content), &[], 3);
        }
        let mut bytes = event("messageStart", &json!({ "role": "assistant", "p": "abcd" }));
        for (index, block) in content.iter().enumerate() {
            let mut add = |delta: Value| {
                bytes.extend(event(
                    "contentBlockDelta",
                    &json!({ "contentBlockIndex": index, "delta": delta, "p": "abc" }),
                ))
            };
            if let Some(text) = block["text"].as_str() {
                add(json!({ "text": text }));
            } else if let Some(used) = block["toolUse"].as_object() {
                let start = json!({ "toolUse": { "toolUseId": used["toolUseId"], "name": used["name"] } });
                bytes.extend(event(
                    "contentBlockStart",
                    &json!({ "contentBlockIndex": index, "start": start, "p": "a" }),
                ));
                let delta = json!({ "toolUse": { "input": used["input"].to_string() } });
                bytes.extend(event(
                    "contentBlockDelta",
                    &json!({ "contentBlockIndex": index, "delta": delta, "p": "abc" }),
                ));
            } else if let Some(thought) = block["reasoningContent"]["reasoningText"].as_object() {
                add(json!({ "reasoningContent": { "text": thought["text"] } }));
                add(json!({ "reasoningContent": { "signature": thought["signature"] } }));
            } else {
                add(block.clone());
            }
            bytes.extend(event("contentBlockStop", &json!({ "contentBlockIndex": index })));
        }
        bytes.extend(event("messageStop", &json!({ "stopReason": "tool_use", "p": "a" })));
        bytes.extend(event("metadata", &json!({ "usage": { "inputTokens": 5, "outputTokens": 7, "totalTokens": 12 }, "metrics": { "latencyMs": 3 } })));
        bytes
    }

    /// The content of an answer as the client puts it together.
    fn read(self, bytes: &[u8], stream: bool) -> Vec<Value> {
        let content = match (self, stream) {
            (Messages, true) => anthropic_messages::accumulate(bytes).message["content"].clone(),
            (Messages, false) => serde_json::from_slice::<Value>(bytes).unwrap()["content"].clone(),
            (Converse, false) => {
                serde_json::from_slice::<Value>(bytes).unwrap()["output"]["message"]["content"].clone()
            }
            (Converse, true) => accumulated(bytes),
        };
        content.as_array().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(bytes))).clone()
    }
}

/// The content of a stream of Converse.
fn accumulated(bytes: &[u8]) -> Value {
    let mut content: Vec<Value> = Vec::new();
    for (kind, value) in events(bytes) {
        let index = usize::try_from(value["contentBlockIndex"].as_u64().unwrap_or_default()).unwrap();
        if kind.starts_with("contentBlock") && content.len() == index {
            content.push(json!({}));
        }
        let text = |to: &mut Value, piece: &Value| {
            *to = json!(format!("{}{}", to.as_str().unwrap_or_default(), piece.as_str().unwrap()))
        };
        match kind.as_str() {
            "contentBlockStart" => content[index] = value["start"].clone(),
            "contentBlockDelta" => {
                let (block, delta) = (&mut content[index], &value["delta"]);
                let thought = &delta["reasoningContent"];
                if delta["text"].is_string() {
                    text(&mut block["text"], &delta["text"]);
                } else if delta["toolUse"].is_object() {
                    text(&mut block["toolUse"]["input"], &delta["toolUse"]["input"]);
                } else if thought["redactedContent"].is_string() {
                    *block = delta.clone();
                } else {
                    for member in ["text", "signature"].into_iter().filter(|member| thought[*member].is_string()) {
                        text(&mut block["reasoningContent"]["reasoningText"][member], &thought[member]);
                    }
                }
            }
            "contentBlockStop" => {
                if let Some(input) = content[index]["toolUse"]["input"].as_str() {
                    content[index]["toolUse"]["input"] = serde_json::from_str(input).unwrap();
                }
            }
            "messageStart" | "messageStop" | "metadata" => {}
            kind => panic!("{kind}: {value}"),
        }
        // Indexing makes members.
        for block in &mut content {
            block.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        }
    }
    Value::Array(content)
}

// === impl Provider ===

impl Provider {
    /// Checks a request.
    fn check(&self, api: Api, request: &Value, why: &str) {
        let messages = request["messages"].as_array().unwrap();
        for (at, message) in messages.iter().enumerate() {
            let blocks = message["content"].as_array().cloned().unwrap_or_default();
            for (place, block) in blocks.iter().enumerate().filter(|(_, block)| api.is_signed(block)) {
                let issued = self.issued.iter().find(|issued| issued.block == *block);
                let issued = issued.unwrap_or_else(|| panic!("{why}: invalid signature: {block}"));
                let before = before(request, &messages[..at], &blocks[..place]);
                assert_eq!(before, issued.before, "{why}: the block is bound to a different conversation");
            }
            let calls: Vec<&str> = blocks.iter().filter_map(|block| api.call_id(block)).collect();
            if !calls.is_empty() {
                let results =
                    messages.get(at + 1).and_then(|message| message["content"].as_array()).cloned().unwrap_or_default();
                let results: Vec<&str> = results.iter().filter_map(|block| api.result_id(block)).collect();
                assert_eq!(calls, results, "{why}: a call without a result");
            }
        }
    }

    /// Answers a request, and signs its thoughts.
    fn say(&mut self, api: Api, request: &Value, turn: &[Said]) -> Vec<Value> {
        let mut content = Vec::new();
        for said in turn {
            self.calls += 1;
            let block = api.block(*said, self.calls);
            if api.is_signed(&block) {
                let before = before(request, request["messages"].as_array().unwrap(), &content);
                self.issued.push(Issued { before, block: block.clone() });
            }
            content.push(block);
        }
        content
    }
}

fn before(request: &Value, messages: &[Value], blocks: &[Value]) -> Value {
    json!([request["system"], request["tools"], request["toolConfig"], messages, blocks])
}

fn gate(mode: &str, max_rounds: u32) -> Rc<Gate> {
    let sha256 = "0".repeat(64);
    let contract = format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["m-*"]
  onViolation: {mode}
  limits: {{ maxRounds: {max_rounds}, requestBytes: 4MiB }}
  roles: {{ clerk: {{ tools: ["order", "fetch"] }}, server: {{ tools: ["*"] }} }}
  tools:
    - {{ name: order, description: Ours., effects: write, parameters: {{ type: object, required: [amount], properties: {{ amount: {{ type: number, maximum: 9 }} }} }}, run: {{ client: {{}} }} }}
    - {{ name: fetch, effects: read, parameters: {{ type: object }}, run: {{ client: {{}} }} }}
    - {{ name: search, effects: read, parameters: {{ type: object }}, run: {{ wasm: {{ module: search.wasm, sha256: "{sha256}" }} }} }}
"#
    );
    gate_over(&contract, Offer::Declared)
}

/// Plays a conversation to its end. The provider answers each request with the next turn and checks it. Returns the contents that the
/// client got.
fn play(api: Api, gate: &Rc<Gate>, role: &str, turns: &[&[Said]], stream: bool, why: &str) -> Vec<Vec<Value>> {
    let mut provider = Provider::default();
    let user = |text: &str| match api {
        Messages => json!({ "role": "user", "content": [{ "type": "text", "text": text }] }),
        Converse => json!({ "role": "user", "content": [{ "text": text }] }),
    };
    let mut messages = vec![user("hello")];
    let mut turns = turns.iter();
    let mut got = Vec::new();
    while !turns.as_slice().is_empty() {
        let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
        let head = headers(&[
            (":method", "POST"),
            (":path", api.path(stream)),
            ("content-type", "application/json"),
            ("x-tenant", "acme"),
            ("x-role", role),
        ]);
        assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false }), Effect::Hold);
        let body = api.request(&messages, stream).to_string();
        let Effect::Forward(forward) = exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW })
        else {
            panic!("{why}: refused")
        };
        let request: Value = serde_json::from_slice(&forward.body).unwrap();
        provider.check(api, &request, why);
        let content = provider.say(api, &request, turns.next().unwrap());
        let (mut out, mut effect) = (Vec::new(), None);
        if stream {
            let media = if api == Messages { "text/event-stream" } else { "application/vnd.amazon.eventstream" };
            assert_eq!(begun(&mut exchange, media), Effect::BeginStream);
            (out, effect) = feed(&mut exchange, &api.stream(&content), &[7]);
        } else {
            assert_eq!(begun(&mut exchange, "application/json"), Effect::Hold);
            let body = api.answer(&content).to_string();
            effect = effect.or(Some(exchange.on(Event::ResponseData { chunk: body.as_bytes(), end: true, now: NOW })));
        }
        while let Some(step) = effect.take() {
            effect = match step {
                Effect::Run(batch) => Some(ran(&mut exchange, &batch, &vec!["{}"; batch.calls.len()])),
                Effect::Ask(ask) => {
                    let request: Value = serde_json::from_slice(&ask.body).unwrap();
                    provider.check(api, &request, &format!("{why}, further round"));
                    let content =
                        provider.say(api, &request, turns.next().unwrap_or_else(|| panic!("{why}: no turn left")));
                    let body = api.answer(&content).to_string();
                    let head = headers(&[(":status", "200"), ("content-type", "application/json")]);
                    Some(
                        exchange
                            .on(Event::ModelAnswered(Ok(ModelReply { headers: &lend(&head), body: body.as_bytes() }))),
                    )
                }
                step => {
                    out.extend(finished(step));
                    None
                }
            };
        }
        let content = api.read(&out, stream);
        let results: Vec<Value> =
            content.iter().filter_map(|block| api.call_id(block)).map(|id| api.result(id)).collect();
        messages.push(json!({ "role": "assistant", "content": content }));
        messages.push(if results.is_empty() { user("next") } else { json!({ "role": "user", "content": results }) });
        got.push(content);
    }
    got
}

/// An effect of the gate, with the turns of the model.
struct Row {
    name: &'static str,
    mode: &'static str,
    max_rounds: u32,
    role: &'static str,
    turns: &'static [&'static [Said]],
    /// The thoughts that the client gets, by their signatures.
    kept: &'static [&'static str],
}

const ROWS: [Row; 13] = [
    Row {
        name: "nothing",
        mode: "refuse",
        max_rounds: 4,
        role: "clerk",
        kept: &["s1", "s2", "s3"],
        turns: &[&[T("s1"), X("Hi"), C("order", 1)], &[T("s2"), X("Done")], &[T("s3"), X("Bye")]],
    },
    Row {
        name: "interleaved calls",
        mode: "refuse",
        max_rounds: 4,
        role: "clerk",
        kept: &["s1", "s2", "s3"],
        turns: &[&[T("s1"), C("order", 1), T("s2"), C("order", 2)], &[T("s3"), X("Done")]],
    },
    Row {
        name: "a refused call",
        mode: "refuse",
        max_rounds: 4,
        role: "clerk",
        kept: &["s1", "s2"],
        turns: &[&[T("s1"), C("order", 10)], &[T("s2"), X("Done")]],
    },
    Row {
        name: "a refused call before a thought and a call",
        mode: "refuse",
        max_rounds: 4,
        role: "clerk",
        kept: &["s1", "s3"],
        turns: &[&[T("s1"), C("order", 10), T("s2"), C("order", 1)], &[T("s3"), X("Done")]],
    },
    Row {
        name: "a refused call behind an allowed one",
        mode: "refuse",
        max_rounds: 4,
        role: "clerk",
        kept: &["s1", "s2", "s3"],
        turns: &[&[T("s1"), C("order", 1), T("s2"), C("order", 10)], &[T("s3"), X("Done")]],
    },
    Row {
        name: "a thought behind the last call",
        mode: "refuse",
        max_rounds: 4,
        role: "clerk",
        kept: &["s1", "s2"],
        turns: &[&[C("order", 1), T("s1")], &[T("s2"), X("Done")]],
    },
    Row {
        name: "feedback",
        mode: "feedback",
        max_rounds: 4,
        role: "clerk",
        kept: &["s1", "s4"],
        turns: &[
            &[T("s1"), X("Hi"), C("order", 10), T("s2"), C("order", 1)],
            &[T("s3"), C("order", 1)],
            &[T("s4"), X("Done")],
        ],
    },
    Row {
        name: "feedback without a violation",
        mode: "feedback",
        max_rounds: 4,
        role: "clerk",
        kept: &["s1", "s3"],
        turns: &[&[T("s1"), C("order", 1), T("s2"), C("order", 2)], &[T("s3"), X("Done")]],
    },
    Row {
        name: "feedback without a round left",
        mode: "feedback",
        max_rounds: 2,
        role: "clerk",
        kept: &["s1", "s3"],
        turns: &[&[T("s1"), C("order", 10)], &[T("s2"), C("order", 10)], &[T("s3"), X("Done")]],
    },
    Row {
        name: "a server-run call",
        mode: "refuse",
        max_rounds: 4,
        role: "server",
        kept: &["s1", "s5"],
        turns: &[
            &[T("s1"), C("search", 1), T("s2"), C("order", 1)],
            &[R("s3"), C("search", 1)],
            &[T("s4"), C("order", 1)],
            &[T("s5"), X("Done")],
        ],
    },
    Row {
        name: "a server-run call that is the last",
        mode: "refuse",
        max_rounds: 4,
        role: "server",
        kept: &["s1", "s3"],
        turns: &[&[X("Hi"), R("s1"), C("search", 1)], &[T("s2"), X("Found")], &[T("s3"), X("Done")]],
    },
    Row {
        name: "thoughts without words",
        mode: "feedback",
        max_rounds: 4,
        role: "server",
        kept: &["s1", "s2", "s4"],
        turns: &[&[R("s1"), R("s2"), C("order", 10)], &[R("s3"), X("Sorry")], &[R("s4"), X("Done")]],
    },
    Row {
        name: "thoughts that nobody signed",
        mode: "feedback",
        max_rounds: 4,
        role: "server",
        kept: &["", "", ""],
        turns: &[&[T(""), C("order", 10)], &[T(""), X("Sorry")], &[T(""), X("Done")]],
    },
];

#[test]
fn whatever_the_gate_does_every_later_request_passes_the_providers_check() {
    for api in [Messages, Converse] {
        for row in &ROWS {
            for stream in [false, true] {
                let why = format!("{api:?}, {}, stream {stream}", row.name);
                let got = play(api, &gate(row.mode, row.max_rounds), row.role, row.turns, stream, &why).concat();
                let signature = |block: &Value| {
                    let thought = &block["reasoningContent"];
                    let all = [
                        &block["signature"],
                        &block["data"],
                        &thought["reasoningText"]["signature"],
                        &thought["redactedContent"],
                    ];
                    all.into_iter().find_map(Value::as_str).unwrap_or_default().to_owned()
                };
                let kept: Vec<String> = got.iter().filter(|block| api.is_thought(block)).map(signature).collect();
                assert_eq!(kept, row.kept, "{why}: {got:?}");
            }
        }
    }
}

#[test]
fn a_signature_of_a_mebibyte_comes_back_whole() {
    let long: &'static str = String::leak("s".repeat(1 << 20));
    let turns: [&[Said]; 2] = [&[T(long), C("order", 1)], &[T("s2"), X("Done")]];
    let contract = gate("refuse", 4);
    for api in [Messages, Converse] {
        let got = play(api, &contract, "clerk", &turns, false, "a long signature");
        assert!(got[0][0].to_string().contains(long));
    }
}
