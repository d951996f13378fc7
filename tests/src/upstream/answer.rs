//! A round of a script as Chat Completions: one JSON object, or the events of a stream.
//!
//! Source: OpenAI API reference, "Chat completion object" and "Chat completion chunk object".

use serde_json::{Map, Value, json};

use super::chat::Chat;
use super::script::{Call, Round, Wire};

/// How many bytes of arguments one event of a stream carries.
const FRAGMENT: usize = 7;
const CREATED: u64 = 1_750_000_000;

/// One thing that a stream does.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Sends an event.
    Event(Value),
    /// Waits until it is released.
    Hold,
}

/// The answer as one JSON object.
pub fn whole(chat: &Chat, round: &Round) -> Value {
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
        "id": id(chat), "object": "chat.completion", "created": CREATED, "model": chat.model(),
        "choices": choices, "usage": usage(), "system_fingerprint": "fp_scripted",
    })
}

/// The answer as the steps of a stream, without `[DONE]`.
pub fn stream(chat: &Chat, round: &Round) -> Vec<Step> {
    let mut steps = Vec::new();
    let delta = |index: usize, delta: Value, finish: Option<&str>| {
        let choice = json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish});
        let mut event = chunk(chat, json!([choice]));
        if chat.include_usage() {
            event.insert("usage".into(), Value::Null);
        }
        Step::Event(Value::Object(event))
    };
    for (index, choice) in choices(round) {
        steps.push(delta(index, json!({"role": "assistant", "content": "", "refusal": null}), None));
        for text in &choice.text {
            steps.push(delta(index, json!({"content": fill(chat, text)}), None));
        }
        if choice.hold {
            steps.push(Step::Hold);
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
            parts.extend(fragments(&call.arguments).map(|text| json!({"function_call": {"arguments": text}})));
        }
        let with_finish = round.wire == Wire::FinishWithCall && choice.after.is_empty() && !parts.is_empty();
        let last = if with_finish { parts.pop() } else { None };
        steps.extend(parts.into_iter().map(|part| delta(index, part, None)));
        for text in &choice.after {
            steps.push(delta(index, json!({"content": fill(chat, text)}), None));
        }
        if choice.hold {
            steps.push(Step::Hold);
        }
        steps.push(delta(index, last.unwrap_or(json!({})), Some(finish(choice))));
    }
    if chat.include_usage() {
        let mut event = chunk(chat, json!([]));
        event.insert("usage".into(), usage());
        steps.push(Step::Event(Value::Object(event)));
    }
    steps
}

/// What a provider says of an error.
pub fn error(status: u16, message: &str) -> Value {
    let kind = if status == 429 { "rate_limit_exceeded" } else { "server_error" };
    json!({"error": {"message": message, "type": kind, "param": null, "code": kind}})
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
        ("model", json!(chat.model())),
        ("choices", choices),
        ("system_fingerprint", json!("fp_scripted")),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn call_id(chat: &Chat, choice: usize, n: usize, call: &Call) -> String {
    call.id.clone().unwrap_or_else(|| format!("call_{}_{choice}_{n}", chat.round()))
}

fn call_object(chat: &Chat, choice: usize, n: usize, call: &Call) -> Value {
    call.raw.clone().unwrap_or_else(|| {
        let function = json!({"name": call.name, "arguments": call.arguments});
        json!({"id": call_id(chat, choice, n, call), "type": "function", "function": function})
    })
}

fn call_parts(chat: &Chat, choice: usize, n: usize, call: &Call, indexed: bool) -> Vec<Value> {
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

/// Pieces of a text, each of a few bytes, or a few thousand of a text that is huge.
fn fragments(text: &str) -> impl Iterator<Item = String> {
    let size = FRAGMENT.max(text.len() / 200);
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|piece| piece.iter().collect()).collect::<Vec<String>>().into_iter()
}

fn fill(chat: &Chat, text: &str) -> String {
    text.replace("{{results}}", &chat.results().join(" | "))
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

    fn chat(stream: bool) -> Chat {
        Chat { body: json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}) }
    }

    #[test]
    fn a_stream_says_what_the_whole_answer_says() {
        let round = Round { text: vec!["a".into(), "b".into()], ..Round::default() }
            .and_call("t", r#"{"a":"long enough to split"}"#);
        let answer = whole(&chat(false), &round);
        let (mut text, mut arguments) = (String::new(), String::new());
        for step in stream(&chat(true), &round) {
            let Step::Event(event) = step else { continue };
            text += event.pointer("/choices/0/delta/content").and_then(Value::as_str).unwrap_or("");
            let part = "/choices/0/delta/tool_calls/0/function/arguments";
            arguments += event.pointer(part).and_then(Value::as_str).unwrap_or("");
        }
        assert_eq!(answer.pointer("/choices/0/message/content").unwrap(), &json!(text));
        assert_eq!(answer.pointer("/choices/0/message/tool_calls/0/function/arguments").unwrap(), &json!(arguments));
        assert_eq!(answer.pointer("/choices/0/finish_reason").unwrap(), "tool_calls");
    }

    #[test]
    fn a_held_stream_waits_after_its_text_and_after_its_calls() {
        let round = Round { hold: true, ..Round::say("a") }.and_call("t", "{}");
        assert_eq!(stream(&chat(true), &round).iter().filter(|step| **step == Step::Hold).count(), 2);
    }
}
