//! Anthropic Messages: blocks of content, whole or event by event; and counting the tokens of a request.
//!
//! Source: Anthropic API reference, "Create a Message", "Streaming Messages", "Count tokens in a Message" and "Errors".

use serde_json::{Map, Value, json};

use super::{
    Dialect, Route, SIGNATURE, StreamEvent, StreamStep, call_id, filled, fragments, list, text_of, texts, typed,
    user_messages,
};
use crate::upstream::chat::{Chat, Message, Must};
use crate::upstream::framing::arguments;
use crate::upstream::script::{Round, ScriptedCall};

/// `POST /v1/messages`
#[derive(Debug)]
pub(super) struct AnthropicMessages;

/// `POST /v1/messages/count_tokens`: the same request; of a script it uses only the faults.
#[derive(Debug)]
pub(super) struct CountTokens;

impl Dialect for AnthropicMessages {
    fn route(&self, path: &str, _query: &str) -> Option<Route> {
        super::plain(path, "/messages")
    }

    fn read(&self, _route: Route, body: Value) -> Option<Chat> {
        let mut said = Vec::new();
        for message in body.get("messages")?.as_array()? {
            match text_of(message, "role").as_str() {
                "assistant" => said.push(Message::Model),
                "user" => said.extend(user_messages(results(message), texts(message.get("content")))),
                _ => {}
            }
        }
        let choice = body.get("tool_choice").unwrap_or(&Value::Null);
        let must = match text_of(choice, "type").as_str() {
            "tool" => Must::Tool(text_of(choice, "name")),
            "any" => Must::Any,
            _ => Must::Nothing,
        };
        let tools = list(&body, "tools").iter();
        let declared = tools.filter_map(|tool| Some((text_of(tool, "name"), tool.get("input_schema")?.clone())));
        Some(Chat {
            model: body.get("model").and_then(Value::as_str).unwrap_or("scripted").to_owned(),
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            said,
            declared: declared.collect(),
            must,
            body,
        })
    }

    fn whole(&self, chat: &Chat, round: &Round) -> Value {
        let content = blocks(chat, round).iter().map(Block::whole).collect();
        message(chat, content, Some(stop_reason(round)))
    }

    fn stream(&self, chat: &Chat, round: &Round) -> Vec<StreamStep> {
        let mut steps = vec![event("message_start", json!({"message": message(chat, Vec::new(), None)}))];
        let blocks = blocks(chat, round);
        let called = blocks.iter().position(|block| matches!(block, Block::Call(..)));
        for (index, block) in blocks.iter().enumerate() {
            if round.hold && called == Some(index) {
                steps.push(StreamStep::Hold);
            }
            steps.push(event("content_block_start", json!({"index": index, "content_block": block.start()})));
            let mut deltas = block.deltas().into_iter();
            let delta = |delta| event("content_block_delta", json!({"index": index, "delta": delta}));
            // The API may ping anywhere: here after the start of the first block, and in the middle of every call.
            if matches!(block, Block::Call(..)) {
                steps.extend(deltas.next().map(delta));
            }
            if index == 0 || matches!(block, Block::Call(..)) {
                steps.push(event("ping", json!({})));
            }
            steps.extend(deltas.map(delta));
            steps.push(event("content_block_stop", json!({"index": index})));
        }
        let holds = if called.is_some() { 1 } else { 2 };
        steps.extend((0..holds).filter(|_| round.hold).map(|_| StreamStep::Hold));
        let delta = json!({"stop_reason": stop_reason(round), "stop_sequence": null, "stop_details": null});
        steps.push(event("message_delta", json!({"delta": delta, "usage": usage(5)})));
        steps.push(event("message_stop", json!({})));
        steps
    }

    fn error(&self, status: u16, message: &str) -> Value {
        let kind = match status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            529 => "overloaded_error",
            400..500 => "invalid_request_error",
            _ => "api_error",
        };
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"})
    }

    fn failure(&self, _sent: usize) -> StreamEvent {
        typed("error", json!({"error": {"type": "overloaded_error", "message": "Overloaded"}}))
    }

    fn headers(&self, _status: u16) -> Vec<(&'static str, String)> {
        vec![("request-id", "req_scripted".into())]
    }
}

impl Dialect for CountTokens {
    fn route(&self, path: &str, _query: &str) -> Option<Route> {
        super::plain(path, "/messages/count_tokens")
    }

    fn read(&self, route: Route, body: Value) -> Option<Chat> {
        Some(Chat { stream: false, ..AnthropicMessages.read(route, body)? })
    }

    fn whole(&self, _chat: &Chat, _round: &Round) -> Value {
        json!({"input_tokens": 10})
    }

    fn stream(&self, _chat: &Chat, _round: &Round) -> Vec<StreamStep> {
        Vec::new()
    }

    fn error(&self, status: u16, message: &str) -> Value {
        AnthropicMessages.error(status, message)
    }

    fn failure(&self, sent: usize) -> StreamEvent {
        AnthropicMessages.failure(sent)
    }

    fn headers(&self, status: u16) -> Vec<(&'static str, String)> {
        AnthropicMessages.headers(status)
    }
}

/// One block of content.
enum Block {
    Thinking(Vec<String>),
    Text(Vec<String>),
    /// A call with its id.
    Call(String, ScriptedCall),
}

fn event(name: &'static str, data: Value) -> StreamStep {
    StreamStep::Event(typed(name, data))
}

/// Returns the results in a user message.
fn results(message: &Value) -> Vec<String> {
    let blocks = list(message, "content").iter();
    let results = blocks.filter(|block| block.get("type").is_some_and(|kind| kind == "tool_result"));
    results.map(|block| texts(block.get("content"))).collect()
}

fn blocks(chat: &Chat, round: &Round) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !round.think.is_empty() {
        blocks.push(Block::Thinking(filled(chat, &round.think)));
    }
    if !round.text.is_empty() {
        blocks.push(Block::Text(filled(chat, &round.text)));
    }
    let calls = round.calls.iter().enumerate();
    blocks.extend(calls.map(|(n, call)| Block::Call(call_id(chat, "toolu", n, call), call.clone())));
    if !round.after.is_empty() {
        blocks.push(Block::Text(filled(chat, &round.after)));
    }
    blocks
}

fn message(chat: &Chat, content: Vec<Value>, stop_reason: Option<&str>) -> Value {
    json!({
        "id": format!("msg_scripted_{}", chat.round()), "type": "message", "role": "assistant", "model": chat.model,
        "content": content, "stop_reason": stop_reason, "stop_sequence": null, "stop_details": null,
        "usage": usage(if stop_reason.is_some() { 5 } else { 1 }),
    })
}

fn usage(output: u64) -> Value {
    json!({
        "input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": output,
    })
}

fn stop_reason(round: &Round) -> &str {
    match &round.finish {
        Some(reason) => reason,
        None if !round.calls.is_empty() => "tool_use",
        None => "end_turn",
    }
}

// === impl Block ===

impl Block {
    fn whole(&self) -> Value {
        match self {
            Self::Thinking(text) => json!({"type": "thinking", "thinking": text.concat(), "signature": SIGNATURE}),
            Self::Text(text) => json!({"type": "text", "text": text.concat()}),
            Self::Call(_, ScriptedCall { raw: Some(raw), .. }) => raw.clone(),
            Self::Call(id, call) => {
                json!({"type": "tool_use", "id": id, "name": call.name, "input": arguments(&call.arguments), "caller": {"type": "direct"}})
            }
        }
    }

    /// Returns the block at its start in a stream, without the content of its deltas.
    fn start(&self) -> Value {
        match self {
            Self::Thinking(_) => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Self::Text(_) => json!({"type": "text", "text": ""}),
            Self::Call(_, ScriptedCall { raw: Some(raw), .. }) => raw.clone(),
            Self::Call(id, call) => {
                json!({"type": "tool_use", "id": id, "name": call.name, "input": {}, "caller": {"type": "direct"}})
            }
        }
    }

    fn deltas(&self) -> Vec<Value> {
        let each = |kind: &str, member: &str, texts: &[String]| -> Vec<Value> {
            let delta = |text: &String| {
                let mut delta = Map::new();
                delta.insert("type".into(), json!(kind));
                delta.insert(member.into(), json!(text));
                Value::Object(delta)
            };
            texts.iter().map(delta).collect()
        };
        match self {
            Self::Thinking(text) => {
                let mut deltas = each("thinking_delta", "thinking", text);
                deltas.push(json!({"type": "signature_delta", "signature": SIGNATURE}));
                deltas
            }
            Self::Text(text) => each("text_delta", "text", text),
            Self::Call(_, ScriptedCall { raw: Some(_), .. }) => Vec::new(),
            // The first one of a call is empty.
            Self::Call(_, call) => {
                let parts: Vec<String> = std::iter::once(String::new()).chain(fragments(&call.arguments)).collect();
                each("input_json_delta", "partial_json", &parts)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::dialect::tests::{events, everything, whole};

    const PATH: &str = "/v1/messages";

    #[test]
    fn a_stream_says_what_the_whole_answer_says() {
        let answer = whole(PATH, &everything());
        let mut content: Vec<Value> = Vec::new();
        let mut input = String::new();
        let mut stop = Value::Null;
        for event in events(PATH, &everything()) {
            match event["type"].as_str().unwrap() {
                "content_block_start" => {
                    assert_eq!(event["index"], content.len());
                    content.push(event["content_block"].clone());
                    input.clear();
                }
                "content_block_delta" => {
                    let block = content.last_mut().unwrap();
                    input += &text_of(&event["delta"], "partial_json");
                    for member in ["text", "thinking", "signature"] {
                        if let Some(more) = event["delta"].get(member) {
                            block[member] = json!(text_of(block, member) + more.as_str().unwrap());
                        }
                    }
                }
                "content_block_stop" if !input.is_empty() => {
                    content.last_mut().unwrap()["input"] = serde_json::from_str(&input).unwrap();
                }
                "message_delta" => stop = event["delta"]["stop_reason"].clone(),
                _ => {}
            }
        }
        assert_eq!(answer["content"], json!(content));
        assert_eq!((&answer["stop_reason"], stop), (&json!("tool_use"), json!("tool_use")));
        assert_eq!(content.len(), 5);
    }

    #[test]
    fn an_answer_that_says_nothing_has_no_blocks() {
        assert_eq!(whole(PATH, &Round::default())["content"], json!([]));
        assert_eq!(whole("/v1/messages/count_tokens", &Round::default()), json!({"input_tokens": 10}));
    }
}
