//! One file for each API: what it reads of a request, and how it says a round of a script.
//!
//! All have one shape, [`Dialect`]; [`DIALECTS`] lists them. What an API cannot say is left out of its answers: further
//! choices ([`Round::also`]) have Chat Completions and Gemini only, the legacy `function_call` and streams without indexes
//! Chat Completions only.

mod anthropic_messages;
mod bedrock_converse;
mod gemini;
mod ollama_chat;
mod openai_chat;
mod openai_responses;

use std::fmt::Debug;

use serde_json::{Value, json};

use super::chat::{Chat, Said};
use super::framing::Framing;
use super::script::{Call, Round};

/// How many characters of arguments one event of a stream carries.
const FRAGMENT: usize = 7;
const CREATED: u64 = 1_750_000_000;
/// What vouches for a thought (`signature`, `thoughtSignature`, `encrypted_content`); base64, as the real ones are.
const SIGNATURE: &str = "c2NyaXB0ZWQ=";

/// All APIs that the upstream speaks.
pub const DIALECTS: &[&dyn Dialect] = &[
    &openai_chat::OpenAiChat,
    &openai_responses::OpenAiResponses,
    &anthropic_messages::CountTokens,
    &anthropic_messages::AnthropicMessages,
    &gemini::Gemini,
    &ollama_chat::OllamaChat,
    &bedrock_converse::BedrockConverse,
];

/// One API.
pub trait Dialect: Debug + Sync {
    /// What path and query of a request say; `None` if they are not this API's.
    fn route(&self, path: &str, query: &str) -> Option<Route>;

    /// Reads a request; `None` if it is not one of this API.
    fn read(&self, route: Route, body: Value) -> Option<Chat>;

    /// The answer as one JSON value.
    fn whole(&self, chat: &Chat, round: &Round) -> Value;

    /// The answer as the steps of a stream.
    fn stream(&self, chat: &Chat, round: &Round) -> Vec<Step>;

    /// How the events of a stream are written.
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    /// What an SSE stream ends with after its last event.
    fn done(&self) -> Option<&'static str> {
        None
    }

    /// The body of an error.
    fn error(&self, status: u16, message: &str) -> Value;

    /// The event by which a stream says that it fails; `sent` events were before it.
    fn failure(&self, sent: usize) -> Event;

    /// Headers of every answer of this API, and of its errors.
    fn headers(&self, status: u16) -> Vec<(&'static str, String)>;
}

/// What path and query of a request say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// The model, where the path names it.
    pub model: Option<String>,
    /// Whether the answer is to be a stream, where the path says so.
    pub stream: bool,
}

/// One thing that a stream does.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Sends an event.
    Event(Event),
    /// Waits until it is released.
    Hold,
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name, where the framing has names; else empty.
    pub name: &'static str,
    /// What it says.
    pub data: Value,
}

/// The API that a path and query belong to.
pub fn find(path: &str, query: &str) -> Option<(&'static dyn Dialect, Route)> {
    DIALECTS.iter().find_map(|dialect| Some((*dialect, dialect.route(path, query)?)))
}

/// The route of an API whose body says all.
fn plain(path: &str, end: &str) -> Option<Route> {
    path.ends_with(end).then(Route::default)
}

/// An event whose name is also its `type`.
fn typed(name: &'static str, data: Value) -> Event {
    let mut members = serde_json::Map::new();
    members.insert("type".into(), json!(name));
    members.extend(data.as_object().cloned().unwrap_or_default());
    Event { name, data: Value::Object(members) }
}

fn text_of(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text, or the texts of the parts that have one.
fn texts(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().map(|part| text_of(part, "text")).collect(),
        _ => String::new(),
    }
}

/// A JSON value as a result is quoted: a text as it is.
fn quoted(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A message of an API in which results stand in messages of the user.
fn user_said(results: Vec<String>, text: String) -> Vec<Said> {
    if results.is_empty() { vec![Said::User(text)] } else { results.into_iter().map(Said::Result).collect() }
}

/// Text of a script with the tool results in it.
fn fill(chat: &Chat, text: &str) -> String {
    text.replace("{{results}}", &chat.results().join(" | "))
}

fn filled(chat: &Chat, fragments: &[String]) -> Vec<String> {
    fragments.iter().map(|text| fill(chat, text)).collect()
}

/// The id of the `n`th call.
fn call_id(chat: &Chat, prefix: &str, n: usize, call: &Call) -> String {
    call.id.clone().unwrap_or_else(|| format!("{prefix}_{}_{n}", chat.round()))
}

/// Pieces of a text, each of a few characters, or a few thousand of a text that is huge.
fn fragments(text: &str) -> Vec<String> {
    let size = FRAGMENT.max(text.len() / 200);
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|piece| piece.iter().collect()).collect()
}

/// A part of a path without its percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        let code = more.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code.filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::framing;

    /// A request of that path, without a conversation.
    pub(super) fn chat(path: &str, stream: bool) -> (&'static dyn Dialect, Chat) {
        let (dialect, route) = find(path, "alt=sse").unwrap();
        let body = json!({"model": "m", "stream": stream, "input": "hi", "messages": [{"role": "user", "content": "hi"}],
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
        (dialect, dialect.read(route, body).unwrap())
    }

    /// The events of a stream as a client reads them.
    pub(super) fn events(path: &str, round: &Round) -> Vec<Value> {
        let (dialect, chat) = chat(path, true);
        let event = |step| if let Step::Event(event) = step { Some(event.data) } else { None };
        dialect.stream(&chat, round).into_iter().filter_map(event).map(|event| read(&event)).collect()
    }

    /// The whole answer as a client reads it.
    pub(super) fn whole(path: &str, round: &Round) -> Value {
        let (dialect, chat) = chat(path, false);
        read(&dialect.whole(&chat, round))
    }

    /// A round that has one of everything.
    pub(super) fn everything() -> Round {
        let round = Round {
            think: vec!["hm ".into(), "so".into()],
            text: vec!["a".into(), "b".into()],
            after: vec!["c".into()],
            ..Round::default()
        };
        round.and_call("t", r#"{"a":"long enough to split"}"#).and_call("u", "")
    }

    fn read(value: &Value) -> Value {
        serde_json::from_str(&framing::text(value)).unwrap()
    }

    #[test]
    fn a_held_stream_waits_after_its_text_and_after_its_calls() {
        let paths = [
            "/v1/chat/completions",
            "/v1/responses",
            "/v1/messages",
            "/v1beta/models/m:streamGenerateContent",
            "/api/chat",
            "/model/m/converse-stream",
        ];
        for path in paths {
            let (dialect, chat) = chat(path, true);
            let steps = dialect.stream(&chat, &Round { hold: true, ..Round::say("a") }.and_call("t", "{}"));
            let held: Vec<usize> =
                steps.iter().enumerate().filter(|(_, s)| **s == Step::Hold).map(|(n, _)| n).collect();
            let says = |text: &str| {
                let event =
                    |step: &Step| if let Step::Event(e) = step { e.data.to_string().contains(text) } else { false };
                steps.iter().position(event).unwrap()
            };
            assert_eq!(held.len(), 2, "{path}");
            assert!(says(r#""a""#) < held[0] && held[0] < says(r#""t""#) && says(r#""t""#) < held[1], "{path}");
            assert!(held[1] < steps.len() - 1, "{path}");
        }
    }

    #[test]
    fn a_path_names_its_model_with_percent_encoding() {
        let (_, route) = find("/model/anthropic.claude-v1%3A0/converse", "").unwrap();
        assert_eq!(route.model.as_deref(), Some("anthropic.claude-v1:0"));
        assert_eq!(decoded("50%"), "50%");
    }
}
