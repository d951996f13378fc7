//! Ollama chat: one JSON object, or one per line; a call is never split.
//!
//! Source: Ollama API, "Generate a chat message", "Streaming" and "Errors".

use serde_json::{Value, json};

use super::{Dialect, Route, StreamEvent, StreamStep, filled, openai_chat, text_of};
use crate::upstream::chat::{Chat, Message, Must};
use crate::upstream::framing::{Framing, arguments};
use crate::upstream::script::{Round, ScriptedCall, Wire};

/// `POST /api/chat`
#[derive(Debug)]
pub(super) struct OllamaChat;

impl Dialect for OllamaChat {
    fn route(&self, path: &str, _query: &str) -> Option<Route> {
        super::plain(path, "/api/chat")
    }

    fn read(&self, _route: Route, body: Value) -> Option<Chat> {
        let messages = body.get("messages")?.as_array()?.iter();
        let said = messages.filter_map(|message| match text_of(message, "role").as_str() {
            "user" => Some(Message::User(text_of(message, "content"))),
            "assistant" => Some(Message::Model),
            "tool" => Some(Message::Result(text_of(message, "content"))),
            _ => None,
        });
        Some(Chat {
            model: text_of(&body, "model"),
            // This API streams by default.
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(true),
            said: said.collect(),
            declared: openai_chat::declared(&body),
            must: Must::Nothing,
            body,
        })
    }

    fn whole(&self, chat: &Chat, round: &Round) -> Value {
        let text = [filled(chat, &round.text), filled(chat, &round.after)].concat().concat();
        let thinking = filled(chat, &round.think).concat();
        let calls = round.calls.iter().map(call).collect();
        answer(chat, message(&text, &thinking, calls), Some(done_reason(round)))
    }

    fn stream(&self, chat: &Chat, round: &Round) -> Vec<StreamStep> {
        let line = |text: &str, thinking: &str, calls: Vec<Value>, done: Option<&str>| {
            StreamStep::Event(StreamEvent { name: "", data: answer(chat, message(text, thinking, calls), done) })
        };
        let mut steps = Vec::new();
        steps.extend(filled(chat, &round.think).iter().map(|text| line("", text, Vec::new(), None)));
        steps.extend(filled(chat, &round.text).iter().map(|text| line(text, "", Vec::new(), None)));
        if round.hold {
            steps.push(StreamStep::Hold);
        }
        let mut calls: Vec<Value> = round.calls.iter().map(call).collect();
        let with_finish = round.wire == Wire::FinishWithCall && round.after.is_empty();
        let last = if with_finish { calls.pop() } else { None };
        steps.extend(calls.into_iter().map(|call| line("", "", vec![call], None)));
        steps.extend(filled(chat, &round.after).iter().map(|text| line(text, "", Vec::new(), None)));
        if round.hold {
            steps.push(StreamStep::Hold);
        }
        steps.push(line("", "", last.into_iter().collect(), Some(done_reason(round))));
        steps
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn error(&self, _status: u16, message: &str) -> Value {
        json!({"error": message})
    }

    fn failure(&self, _sent: usize) -> StreamEvent {
        StreamEvent { name: "", data: self.error(500, "The scripted provider fails.") }
    }

    fn headers(&self, _status: u16) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// A call has an id only if the script gives one: releases of Ollama differ.
fn call(call: &ScriptedCall) -> Value {
    call.raw.clone().unwrap_or_else(|| {
        let function = json!({"name": call.name, "arguments": arguments(&call.arguments)});
        match &call.id {
            Some(id) => json!({"id": id, "function": function}),
            None => json!({"function": function}),
        }
    })
}

fn message(text: &str, thinking: &str, calls: Vec<Value>) -> Value {
    let mut message = json!({"role": "assistant", "content": text});
    if let Some(members) = message.as_object_mut() {
        if !thinking.is_empty() {
            members.insert("thinking".into(), json!(thinking));
        }
        if !calls.is_empty() {
            members.insert("tool_calls".into(), json!(calls));
        }
    }
    message
}

fn answer(chat: &Chat, message: Value, done_reason: Option<&str>) -> Value {
    let mut answer = json!({
        "model": chat.model, "created_at": "2025-06-15T15:06:40.000000Z", "message": message, "done": done_reason.is_some(),
    });
    if let (Some(reason), Some(members)) = (done_reason, answer.as_object_mut()) {
        members.insert("done_reason".into(), json!(reason));
        for (name, nanoseconds) in [("total_duration", 5_000_000), ("load_duration", 1_000_000)] {
            members.insert(name.into(), json!(nanoseconds));
        }
        members.extend([("prompt_eval_count".into(), json!(10)), ("prompt_eval_duration".into(), json!(2_000_000))]);
        members.extend([("eval_count".into(), json!(5)), ("eval_duration".into(), json!(2_000_000))]);
    }
    answer
}

/// A turn with calls ends like any other: the API has no separate reason.
fn done_reason(round: &Round) -> &str {
    round.finish.as_deref().unwrap_or("stop")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::dialect::list;
    use crate::upstream::dialect::tests::{events, everything, whole};

    const PATH: &str = "/api/chat";

    #[test]
    fn a_stream_says_what_the_whole_answer_says() {
        let answer = whole(PATH, &everything());
        let lines = events(PATH, &everything());
        let said = |member: &str| lines.iter().map(|line| text_of(&line["message"], member)).collect::<String>();
        let calls: Vec<Value> = lines.iter().flat_map(|line| list(&line["message"], "tool_calls")).cloned().collect();
        let message =
            json!({"role": "assistant", "content": said("content"), "thinking": said("thinking"), "tool_calls": calls});
        assert_eq!(answer["message"], message);
        assert_eq!(calls[1]["function"], json!({"name": "u", "arguments": {}}));
        let (last, before) = lines.split_last().unwrap();
        assert!(last["done"] == true && before.iter().all(|line| line["done"] == false));
        assert_eq!(last["done_reason"], answer["done_reason"]);
    }
}
