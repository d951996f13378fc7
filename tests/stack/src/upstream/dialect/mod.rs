//! One file per API: it reads a request, and writes a round of a script.
//!
//! All implement [`Dialect`]; [`DIALECTS`] lists them. An API leaves out anything it cannot express. Only Chat Completions and Gemini
//! have further choices ([`Round::also`]). Only Chat Completions has the legacy `function_call` and streams without indexes.

mod anthropic_messages;
mod bedrock_converse;
mod gemini;
mod ollama_chat;
mod openai_chat;
mod openai_responses;

use std::fmt::Debug;

use serde_json::{Value, json};

use super::chat::{Chat, Message};
use super::framing::Framing;
use super::script::{Round, ScriptedCall};

/// The number of characters of arguments in one event of a stream.
const FRAGMENT: usize = 7;
const CREATED: u64 = 1_750_000_000;
/// The signature of a thought (`signature`, `thoughtSignature`, `encrypted_content`); base64, like the real ones.
const SIGNATURE: &str = "c2NyaXB0ZWQ=";

/// All APIs of the upstream.
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
    /// Reads the path and query of a request; `None` if they belong to another API.
    fn route(&self, path: &str, query: &str) -> Option<Route>;

    /// Reads a request; `None` if it is not one of this API.
    fn read(&self, route: Route, body: Value) -> Option<Chat>;

    /// Writes the answer as one JSON value.
    fn whole(&self, chat: &Chat, round: &Round) -> Value;

    /// Writes the answer as the steps of a stream.
    fn stream(&self, chat: &Chat, round: &Round) -> Vec<StreamStep>;

    /// Returns the framing of the events of a stream.
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    /// Returns the end of an SSE stream after its last event.
    fn done(&self) -> Option<&'static str> {
        None
    }

    /// Writes the body of an error.
    fn error(&self, status: u16, message: &str) -> Value;

    /// Writes the error event of a stream; `sent` events were before it.
    fn failure(&self, sent: usize) -> StreamEvent;

    /// Returns the headers of every answer and error of this API.
    fn headers(&self, status: u16) -> Vec<(&'static str, String)>;
}

/// The content of a request's path and query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// The model, if the path names it.
    pub model: Option<String>,
    /// True if the path asks for a stream; `None` if the body decides.
    pub stream: bool,
}

/// One step of a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamStep {
    /// Sends an event.
    Event(StreamEvent),
    /// Waits for a release.
    Hold,
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// Its name, if the framing has names; else empty.
    pub name: &'static str,
    /// Its data.
    pub data: Value,
}

/// Returns the API of a path and query.
pub fn find(path: &str, query: &str) -> Option<(&'static dyn Dialect, Route)> {
    DIALECTS.iter().find_map(|dialect| Some((*dialect, dialect.route(path, query)?)))
}

/// Returns the route of an API whose body has everything.
fn plain(path: &str, end: &str) -> Option<Route> {
    path.ends_with(end).then(Route::default)
}

/// Returns an event whose name is also its `type`.
fn typed(name: &'static str, data: Value) -> StreamEvent {
    let mut members = serde_json::Map::new();
    members.insert("type".into(), json!(name));
    members.extend(data.as_object().cloned().unwrap_or_default());
    StreamEvent { name, data: Value::Object(members) }
}

fn text_of(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns a text, or the joined texts of parts.
fn texts(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().map(|part| text_of(part, "text")).collect(),
        _ => String::new(),
    }
}

/// Quotes a JSON value as a result: a text stays as it is.
fn quoted(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Reads a message of an API that has results in user messages.
fn user_messages(results: Vec<String>, text: String) -> Vec<Message> {
    if results.is_empty() { vec![Message::User(text)] } else { results.into_iter().map(Message::Result).collect() }
}

/// Returns the text of a script with the tool results in it.
fn fill(chat: &Chat, text: &str) -> String {
    text.replace("{{results}}", &chat.results().join(" | "))
}

fn filled(chat: &Chat, fragments: &[String]) -> Vec<String> {
    fragments.iter().map(|text| fill(chat, text)).collect()
}

/// Returns the id of the `n`th call.
fn call_id(chat: &Chat, prefix: &str, n: usize, call: &ScriptedCall) -> String {
    call.id.clone().unwrap_or_else(|| format!("{prefix}_{}_{n}", chat.round()))
}

/// Splits a text into pieces of a few characters, or of a few thousand if it is huge.
fn fragments(text: &str) -> Vec<String> {
    let size = FRAGMENT.max(text.len() / 200);
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|piece| piece.iter().collect()).collect()
}

/// Decodes the percent-encoding of a part of a path.
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

    /// Returns a request of this path, without a conversation.
    pub(super) fn chat(path: &str, stream: bool) -> (&'static dyn Dialect, Chat) {
        let (dialect, route) = find(path, "alt=sse").unwrap();
        let body = json!({"model": "m", "stream": stream, "input": "hi", "messages": [{"role": "user", "content": "hi"}],
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
        (dialect, dialect.read(route, body).unwrap())
    }

    /// Returns the events of a stream, read like a client.
    pub(super) fn events(path: &str, round: &Round) -> Vec<Value> {
        let (dialect, chat) = chat(path, true);
        let event = |step| if let StreamStep::Event(event) = step { Some(event.data) } else { None };
        dialect.stream(&chat, round).into_iter().filter_map(event).map(|event| read(&event)).collect()
    }

    /// Returns the whole answer, read like a client.
    pub(super) fn whole(path: &str, round: &Round) -> Value {
        let (dialect, chat) = chat(path, false);
        read(&dialect.whole(&chat, round))
    }

    /// Returns a round with one of everything.
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
                steps.iter().enumerate().filter(|(_, s)| **s == StreamStep::Hold).map(|(n, _)| n).collect();
            let says = |text: &str| {
                let event = |step: &StreamStep| {
                    if let StreamStep::Event(e) = step { e.data.to_string().contains(text) } else { false }
                };
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
