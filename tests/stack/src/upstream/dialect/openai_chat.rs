//! OpenAI Chat Completions: one JSON object, or the events of a stream.
//!
//! Source: OpenAI API reference, "Create chat completion", "Chat completion object" and "Chat completion chunk object".

use serde_json::{Map, Value, json};

use super::{CREATED, Dialect, Route, StreamEvent, StreamStep, fill, fragments, list, text_of, texts};
use crate::upstream::chat::{Chat, Message, Must};
use crate::upstream::script::{Round, ScriptedCall, Wire};

/// `POST /v1/chat/completions`
#[derive(Debug)]
pub(super) struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn route(&self, path: &str, _query: &str) -> Option<Route> {
        super::plain(path, "/chat/completions")
    }

    fn read(&self, _route: Route, body: Value) -> Option<Chat> {
        let messages = body.get("messages")?.as_array()?.iter();
        let said = messages.filter_map(|message| match text_of(message, "role").as_str() {
            "user" => Some(Message::User(texts(message.get("content")))),
            "assistant" => Some(Message::Model),
            "tool" | "function" => Some(Message::Result(texts(message.get("content")))),
            _ => None,
        });
        let choice = body.get("tool_choice").unwrap_or(&Value::Null);
        let must = match choice.pointer("/function/name").and_then(Value::as_str) {
            Some(name) => Must::Tool(name.to_owned()),
            None if choice == "required" => Must::Any,
            None => Must::Nothing,
        };
        Some(Chat {
            model: body.get("model").and_then(Value::as_str).unwrap_or("scripted").to_owned(),
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            said: said.collect(),
            declared: declared(&body),
            must,
            body,
        })
    }

    fn whole(&self, chat: &Chat, round: &Round) -> Value {
        whole(chat, round)
    }

    fn stream(&self, chat: &Chat, round: &Round) -> Vec<StreamStep> {
        stream(chat, round)
    }

    fn done(&self) -> Option<&'static str> {
        Some("[DONE]")
    }

    fn error(&self, status: u16, message: &str) -> Value {
        error(status, message)
    }

    fn failure(&self, _sent: usize) -> StreamEvent {
        StreamEvent { name: "", data: error(500, "The scripted provider fails.") }
    }

    fn headers(&self, _status: u16) -> Vec<(&'static str, String)> {
        vec![("x-request-id", "req_scripted".into())]
    }
}

/// Writes the body of an OpenAI error.
pub(super) fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        429 => "rate_limit_exceeded",
        400..500 => "invalid_request_error",
        _ => "server_error",
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": kind}})
}

/// Returns the declared functions of a body, in the form of Chat Completions.
pub(super) fn declared(body: &Value) -> Vec<(String, Value)> {
    let tools = list(body, "tools").iter().filter_map(|tool| tool.get("function"));
    let all = tools.chain(list(body, "functions"));
    all.filter_map(|f| Some((f.get("name")?.as_str()?.to_owned(), f.get("parameters").cloned().unwrap_or_default())))
        .collect()
}

/// Writes the answer as one JSON object.
fn whole(chat: &Chat, round: &Round) -> Value {
    let choices: Vec<Value> = choices(round)
        .map(|(index, choice)| {
            let text = fill(chat, &[choice.text.as_slice(), choice.after.as_slice()].concat().concat());
            let has_call = !choice.calls.is_empty() || choice.function.is_some();
            let content = if text.is_empty() && has_call { Value::Null } else { json!(text) };
            let mut message = Map::new();
            message.insert("role".into(), json!("assistant"));
            message.insert("content".into(), content);
            message.insert("refusal".into(), Value::Null);
            if !choice.calls.is_empty() {
                let calls = choice.calls.iter().enumerate();
                message.insert("tool_calls".into(), calls.map(|(n, call)| call_object(chat, index, n, call)).collect());
            }
            if let Some(call) = &choice.function {
                message.insert("function_call".into(), json!({"name": call.name, "arguments": call.arguments}));
            }
            json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish(choice)})
        })
        .collect();
    json!({
        "id": id(chat), "object": "chat.completion", "created": CREATED, "model": chat.model,
        "choices": choices, "usage": usage(), "system_fingerprint": "fp_scripted",
    })
}

/// Writes the answer as the steps of a stream, without `[DONE]`.
fn stream(chat: &Chat, round: &Round) -> Vec<StreamStep> {
    let include_usage = chat.body.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false);
    let mut steps = Vec::new();
    let delta = |index: usize, delta: Value, finish: Option<&str>| {
        let choice = json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish});
        let mut event = chunk(chat, json!([choice]));
        if include_usage {
            event.insert("usage".into(), Value::Null);
        }
        StreamStep::Event(StreamEvent { name: "", data: Value::Object(event) })
    };
    for (index, choice) in choices(round) {
        steps.push(delta(index, json!({"role": "assistant", "content": "", "refusal": null}), None));
        for text in &choice.text {
            steps.push(delta(index, json!({"content": fill(chat, text)}), None));
        }
        if choice.hold {
            steps.push(StreamStep::Hold);
        }
        let mut parts: Vec<Value> = Vec::new();
        for (n, call) in choice.calls.iter().enumerate() {
            let indexed = round.wire != Wire::NoIndex;
            parts.extend(
                call_parts(chat, index, n, call, indexed).into_iter().map(|part| json!({"tool_calls": [part]})),
            );
        }
        if let Some(call) = &choice.function {
            parts.push(json!({"function_call": {"name": call.name, "arguments": ""}}));
            parts.extend(
                fragments(&call.arguments).into_iter().map(|text| json!({"function_call": {"arguments": text}})),
            );
        }
        let with_finish = round.wire == Wire::FinishWithCall && choice.after.is_empty() && !parts.is_empty();
        let last = if with_finish { parts.pop() } else { None };
        steps.extend(parts.into_iter().map(|part| delta(index, part, None)));
        for text in &choice.after {
            steps.push(delta(index, json!({"content": fill(chat, text)}), None));
        }
        if choice.hold {
            steps.push(StreamStep::Hold);
        }
        steps.push(delta(index, last.unwrap_or(json!({})), Some(finish(choice))));
    }
    if include_usage {
        let mut event = chunk(chat, json!([]));
        event.insert("usage".into(), usage());
        steps.push(StreamStep::Event(StreamEvent { name: "", data: Value::Object(event) }));
    }
    steps
}

fn choices(round: &Round) -> impl Iterator<Item = (usize, &Round)> {
    std::iter::once(round).chain(round.also.iter()).enumerate()
}

fn finish(choice: &Round) -> &str {
    match &choice.finish {
        Some(reason) => reason,
        None if !choice.calls.is_empty() => "tool_calls",
        None if choice.function.is_some() => "function_call",
        None => "stop",
    }
}

fn chunk(chat: &Chat, choices: Value) -> Map<String, Value> {
    let members = [
        ("id", json!(id(chat))),
        ("object", json!("chat.completion.chunk")),
        ("created", json!(CREATED)),
        ("model", json!(chat.model)),
        ("choices", choices),
        ("system_fingerprint", json!("fp_scripted")),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn call_id(chat: &Chat, choice: usize, n: usize, call: &ScriptedCall) -> String {
    call.id.clone().unwrap_or_else(|| format!("call_{}_{choice}_{n}", chat.round()))
}

fn call_object(chat: &Chat, choice: usize, n: usize, call: &ScriptedCall) -> Value {
    call.raw.clone().unwrap_or_else(|| {
        let function = json!({"name": call.name, "arguments": call.arguments});
        json!({"id": call_id(chat, choice, n, call), "type": "function", "function": function})
    })
}

fn call_parts(chat: &Chat, choice: usize, n: usize, call: &ScriptedCall, indexed: bool) -> Vec<Value> {
    let index = |mut part: Map<String, Value>| {
        if indexed {
            part.insert("index".into(), json!(n));
        }
        Value::Object(part)
    };
    if let Some(raw) = &call.raw {
        return vec![index(raw.as_object().cloned().unwrap_or_default())];
    }
    let mut first = Map::new();
    first.insert("id".into(), json!(call_id(chat, choice, n, call)));
    first.insert("type".into(), json!("function"));
    first.insert("function".into(), json!({"name": call.name, "arguments": ""}));
    let mut parts = vec![index(first)];
    for text in fragments(&call.arguments) {
        let mut part = Map::new();
        part.insert("function".into(), json!({"arguments": text}));
        parts.push(index(part));
    }
    parts
}

fn id(chat: &Chat) -> String {
    format!("chatcmpl-scripted-{}", chat.round())
}

fn usage() -> Value {
    json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::dialect::tests::{events, everything, whole};

    const PATH: &str = "/v1/chat/completions";

    #[test]
    fn a_stream_says_what_the_whole_answer_says() {
        let answer = whole(PATH, &everything());
        let (mut text, mut arguments) = (String::new(), String::new());
        for event in events(PATH, &everything()) {
            text += event.pointer("/choices/0/delta/content").and_then(Value::as_str).unwrap_or("");
            let call = event.pointer("/choices/0/delta/tool_calls/0").filter(|call| call["index"] == 0);
            let part = call.and_then(|call| call.pointer("/function/arguments"));
            arguments += part.and_then(Value::as_str).unwrap_or("");
        }
        assert_eq!(answer.pointer("/choices/0/message/content").unwrap(), &json!(text));
        assert_eq!(text, "abc");
        assert_eq!(answer.pointer("/choices/0/message/tool_calls/0/function/arguments").unwrap(), &json!(arguments));
        assert_eq!(answer.pointer("/choices/0/finish_reason").unwrap(), "tool_calls");
    }
}
