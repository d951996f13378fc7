//! OpenAI Responses: items of output, whole or event by event; the last event repeats the whole answer.
//!
//! Source: OpenAI API reference, "Create a model response", "The response object" and "Streaming events".

use serde_json::{Value, json};

use super::{
    CREATED, Dialect, Route, SIGNATURE, StreamEvent, StreamStep, call_id, filled, fragments, list, openai_chat,
    text_of, texts, typed,
};
use crate::upstream::chat::{Chat, Message, Must};
use crate::upstream::script::{Round, ScriptedCall};

/// `POST /v1/responses`
#[derive(Debug)]
pub(super) struct OpenAiResponses;

impl Dialect for OpenAiResponses {
    fn route(&self, path: &str, _query: &str) -> Option<Route> {
        super::plain(path, "/responses")
    }

    fn read(&self, _route: Route, body: Value) -> Option<Chat> {
        let choice = body.get("tool_choice").unwrap_or(&Value::Null);
        let must = match choice.get("name").and_then(Value::as_str) {
            Some(name) => Must::Tool(name.to_owned()),
            None if choice == "required" => Must::Any,
            None => Must::Nothing,
        };
        let functions = list(&body, "tools").iter().filter(|tool| tool.get("type").is_some_and(|t| t == "function"));
        let declared =
            functions.map(|f| (text_of(f, "name"), f.get("parameters").cloned().unwrap_or_default())).collect();
        Some(Chat {
            model: body.get("model").and_then(Value::as_str).unwrap_or("scripted").to_owned(),
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            said: said(body.get("input")?)?,
            declared,
            must,
            body,
        })
    }

    fn whole(&self, chat: &Chat, round: &Round) -> Value {
        let output = items(chat, round).iter().map(|item| item.whole("completed")).collect();
        response(chat, round, Some(output))
    }

    fn stream(&self, chat: &Chat, round: &Round) -> Vec<StreamStep> {
        let mut stream = ResponseStream::default();
        stream.event("response.created", json!({"response": response(chat, round, None)}));
        stream.event("response.in_progress", json!({"response": response(chat, round, None)}));
        let items = items(chat, round);
        // The first hold is before the calls, or at the end of the text if there are no calls.
        let called = items.iter().position(|item| matches!(item, OutputItem::Call(..)));
        for (index, item) in items.iter().enumerate() {
            if round.hold && called == Some(index) {
                stream.steps.push(StreamStep::Hold);
            }
            stream.item(index, item);
        }
        let holds = if called.is_some() { 1 } else { 2 };
        stream.steps.extend((0..holds).filter(|_| round.hold).map(|_| StreamStep::Hold));
        let name = if round.finish.is_some() { "response.incomplete" } else { "response.completed" };
        stream.event(name, json!({"response": self.whole(chat, round)}));
        stream.steps
    }

    fn error(&self, status: u16, message: &str) -> Value {
        openai_chat::error(status, message)
    }

    fn failure(&self, sent: usize) -> StreamEvent {
        let message = "The scripted provider fails.";
        typed("error", json!({"code": "server_error", "message": message, "param": null, "sequence_number": sent}))
    }

    fn headers(&self, status: u16) -> Vec<(&'static str, String)> {
        openai_chat::OpenAiChat.headers(status)
    }
}

/// One item of the output.
enum OutputItem {
    /// A summary of thoughts, in fragments: id, text.
    Reasoning(String, Vec<String>),
    /// Text, in fragments.
    Message(String, Vec<String>),
    /// A call: id of the item, id of the call.
    Call(String, String, ScriptedCall),
}

/// A stream while it is written.
#[derive(Default)]
struct ResponseStream {
    steps: Vec<StreamStep>,
    /// The next `sequence_number`.
    sent: u64,
}

/// Reads the conversation; consecutive items of the model are one answer.
fn said(input: &Value) -> Option<Vec<Message>> {
    if let Some(text) = input.as_str() {
        return Some(vec![Message::User(text.to_owned())]);
    }
    let mut all: Vec<Message> = Vec::new();
    for item in input.as_array()? {
        let said = match (text_of(item, "type").as_str(), text_of(item, "role").as_str()) {
            ("" | "message", "user") => Message::User(texts(item.get("content"))),
            ("" | "message", "assistant") | ("function_call" | "reasoning", _) => Message::Model,
            ("function_call_output", _) => Message::Result(texts(item.get("output"))),
            _ => continue,
        };
        if said != Message::Model || all.last() != Some(&Message::Model) {
            all.push(said);
        }
    }
    Some(all)
}

fn items(chat: &Chat, round: &Round) -> Vec<OutputItem> {
    let n = chat.round();
    let mut items = Vec::new();
    if !round.think.is_empty() {
        items.push(OutputItem::Reasoning(format!("rs_{n}"), filled(chat, &round.think)));
    }
    if !round.text.is_empty() || (round.calls.is_empty() && round.after.is_empty()) {
        items.push(OutputItem::Message(format!("msg_{n}_0"), filled(chat, &round.text)));
    }
    for (at, call) in round.calls.iter().enumerate() {
        items.push(OutputItem::Call(format!("fc_{n}_{at}"), call_id(chat, "call", at, call), call.clone()));
    }
    if !round.after.is_empty() {
        items.push(OutputItem::Message(format!("msg_{n}_1"), filled(chat, &round.after)));
    }
    items
}

/// Returns the response object; without output it has only begun.
fn response(chat: &Chat, round: &Round, output: Option<Vec<Value>>) -> Value {
    let asked = |name: &str, default: Value| chat.body.get(name).cloned().unwrap_or(default);
    let status = match (&output, &round.finish) {
        (None, _) => "in_progress",
        (_, Some(_)) => "incomplete",
        (_, None) => "completed",
    };
    let incomplete = round.finish.as_ref().filter(|_| output.is_some()).map(|reason| json!({"reason": reason}));
    let usage = json!({
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15,
    });
    json!({
        "id": format!("resp_scripted_{}", chat.round()), "object": "response", "created_at": CREATED, "status": status,
        "background": false, "error": null, "incomplete_details": incomplete,
        "instructions": asked("instructions", Value::Null), "max_output_tokens": asked("max_output_tokens", Value::Null),
        "model": chat.model, "usage": output.as_ref().map(|_| usage), "output": output.unwrap_or_default(),
        "parallel_tool_calls": asked("parallel_tool_calls", json!(true)),
        "previous_response_id": asked("previous_response_id", Value::Null),
        "reasoning": {"effort": null, "summary": null}, "store": asked("store", json!(true)), "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": asked("tool_choice", json!("auto")),
        "tools": asked("tools", json!([])), "top_p": 1.0, "truncation": "disabled", "user": null,
        "metadata": asked("metadata", json!({})),
    })
}

fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

fn summary_text(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

// === impl OutputItem ===

impl OutputItem {
    /// Returns the item in the output: `completed`, or `in_progress` and still without content.
    fn whole(&self, status: &str) -> Value {
        let done = status == "completed";
        let parts = |parts: &[String], part: fn(&str) -> Value| {
            if done { json!([part(&parts.concat())]) } else { json!([]) }
        };
        match self {
            Self::Reasoning(id, text) => {
                json!({"id": id, "type": "reasoning", "summary": parts(text, summary_text), "encrypted_content": SIGNATURE})
            }
            Self::Message(id, text) => {
                let content = parts(text, output_text);
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
            }
            Self::Call(.., ScriptedCall { raw: Some(raw), .. }) => raw.clone(),
            Self::Call(id, call_id, call) => {
                let arguments = if done { call.arguments.as_str() } else { "" };
                json!({"id": id, "type": "function_call", "status": status, "arguments": arguments, "call_id": call_id, "name": call.name})
            }
        }
    }
}

// === impl ResponseStream ===

impl ResponseStream {
    fn event(&mut self, name: &'static str, data: Value) {
        let mut event = typed(name, json!({"sequence_number": self.sent}));
        if let (Some(event), Value::Object(data)) = (event.data.as_object_mut(), data) {
            event.extend(data);
            if name.ends_with(".delta") {
                // The API pads each delta to hide sizes.
                event.insert("obfuscation".into(), json!("abcdefgh"));
            }
        }
        self.sent += 1;
        self.steps.push(StreamStep::Event(event));
    }

    fn item(&mut self, index: usize, item: &OutputItem) {
        self.event("response.output_item.added", json!({"output_index": index, "item": item.whole("in_progress")}));
        match item {
            OutputItem::Reasoning(id, text) => {
                let part = |part: &str| json!({"item_id": id, "output_index": index, "summary_index": 0, "part": summary_text(part)});
                self.event("response.reasoning_summary_part.added", part(""));
                for text in text {
                    let delta = json!({"item_id": id, "output_index": index, "summary_index": 0, "delta": text});
                    self.event("response.reasoning_summary_text.delta", delta);
                }
                let all = text.concat();
                let done = json!({"item_id": id, "output_index": index, "summary_index": 0, "text": all});
                self.event("response.reasoning_summary_text.done", done);
                self.event("response.reasoning_summary_part.done", part(&all));
            }
            OutputItem::Message(id, text) => {
                let part = |part: &str| json!({"item_id": id, "output_index": index, "content_index": 0, "part": output_text(part)});
                self.event("response.content_part.added", part(""));
                for text in text {
                    let delta = json!({"item_id": id, "output_index": index, "content_index": 0, "delta": text, "logprobs": []});
                    self.event("response.output_text.delta", delta);
                }
                let all = text.concat();
                let done =
                    json!({"item_id": id, "output_index": index, "content_index": 0, "text": all, "logprobs": []});
                self.event("response.output_text.done", done);
                self.event("response.content_part.done", part(&all));
            }
            OutputItem::Call(.., ScriptedCall { raw: Some(_), .. }) => {}
            OutputItem::Call(id, _, call) => {
                for text in fragments(&call.arguments) {
                    let delta = json!({"item_id": id, "output_index": index, "delta": text});
                    self.event("response.function_call_arguments.delta", delta);
                }
                let done = json!({"item_id": id, "output_index": index, "arguments": call.arguments});
                self.event("response.function_call_arguments.done", done);
            }
        }
        self.event("response.output_item.done", json!({"output_index": index, "item": item.whole("completed")}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::dialect::tests::{events, everything, whole};

    const PATH: &str = "/v1/responses";

    #[test]
    fn a_stream_says_what_the_whole_answer_says() {
        let answer = whole(PATH, &everything());
        let events = events(PATH, &everything());
        let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).cloned().collect::<Vec<Value>>();
        let items: Vec<Value> = of("response.output_item.done").iter().map(|event| event["item"].clone()).collect();
        assert_eq!(answer["output"], json!(items));
        assert_eq!(events.last().unwrap()["response"], answer);
        let said = |kind: &str, index: usize| -> String {
            let all = of(kind);
            let of = all.iter().filter(|event| event["output_index"] == index);
            of.map(|event| text_of(event, "delta")).collect()
        };
        assert_eq!(answer["output"][0]["summary"][0]["text"], said("response.reasoning_summary_text.delta", 0));
        assert_eq!(answer["output"][1]["content"][0]["text"], said("response.output_text.delta", 1));
        assert_eq!(answer["output"][2]["arguments"], said("response.function_call_arguments.delta", 2));
        assert_eq!(answer["output"][4]["content"][0]["text"], said("response.output_text.delta", 4));
    }

    #[test]
    fn events_are_numbered_without_a_gap() {
        let numbers: Vec<Value> =
            events(PATH, &everything()).iter().map(|event| event["sequence_number"].clone()).collect();
        assert_eq!(numbers, (0..numbers.len()).map(|n| json!(n)).collect::<Vec<_>>());
    }

    #[test]
    fn an_answer_that_was_cut_short_is_incomplete() {
        let round = Round { finish: Some("max_output_tokens".into()), ..Round::say("a") };
        let answer = whole(PATH, &round);
        assert_eq!(
            (&answer["status"], &answer["incomplete_details"]["reason"]),
            (&json!("incomplete"), &json!("max_output_tokens"))
        );
        assert_eq!(events(PATH, &round).last().unwrap()["type"], "response.incomplete");
    }
}
