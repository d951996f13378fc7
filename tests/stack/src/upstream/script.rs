//! The language of scripts: what the model says in each round, and how its provider puts that on the wire.
//!
//! ```json
//! {"rounds": [
//!   {"text": ["Let me ", "look."], "calls": [{"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}]},
//!   {"text": ["It says: {{results}}"]}
//! ]}
//! ```
//!
//! The round that is played is the number of answers that the model has given since the user last spoke; the last one repeats.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the model does, round by round.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// One for each answer; the last one repeats.
    pub rounds: Vec<Round>,
}

/// One answer of the model.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Round {
    /// Fragments of thoughts before the text, where the API has them; what vouches for them is made up.
    pub think: Vec<String>,
    /// Fragments of text; a stream sends one event for each. `{{results}}` stands for the tool results of the round before.
    pub text: Vec<String>,
    /// Tool calls, after the text.
    pub calls: Vec<Call>,
    /// A call in the legacy form of Chat Completions, `function_call`.
    pub function: Option<Call>,
    /// Fragments of text after the calls.
    pub after: Vec<String>,
    /// `finish_reason`, `stop_reason`, …, where it is not to follow from the rest; in Responses, why the answer is incomplete.
    pub finish: Option<String>,
    /// Further choices of the same answer (`n` over 1), where the API has them: Chat Completions, Gemini.
    pub also: Vec<Round>,
    /// A stream waits to be released twice: after its text, and after its calls.
    pub hold: bool,
    /// Milliseconds between the events of a stream.
    pub pause: u64,
    /// What the provider does wrong, or unusually.
    pub wire: Wire,
    /// A body to send exactly as it is, instead of an answer.
    pub body: Option<String>,
    /// The status; 200 unless given.
    pub status: Option<u16>,
}

/// One call.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Call {
    /// The call's id; one is made up unless given. `""` sends an empty one.
    pub id: Option<String>,
    /// Name of the tool.
    pub name: String,
    /// The text of the arguments; a stream splits it, where the API does.
    pub arguments: String,
    /// The call as it is to stand in `tool_calls`, in the output, in the content, …, instead of all of the above.
    pub raw: Option<Value>,
}

/// How a provider sends an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// As documented.
    #[default]
    Honest,
    /// Compressed, whatever the request accepted.
    Gzip,
    /// The JSON text, or the stream, stops in the middle of a call; the HTTP message is whole.
    Truncated,
    /// The connection is cut in the middle of the body.
    Cut,
    /// The connection is closed without an answer.
    HangUp,
    /// Nothing: a body of no bytes.
    Empty,
    /// Bytes that never end.
    NeverEnding,
    /// An SSE line of 10 MB; or a line or message of that size, where the API has no SSE.
    HugeLine,
    /// CRLF line ends, comments, a byte order mark.
    Crlf,
    /// The body ends with trailers.
    Trailers,
    /// The last event of a call carries `finish_reason` too, where the API has both in one event.
    FinishWithCall,
    /// A stream without `[DONE]`; or without its last event, where the API has no `[DONE]`.
    NoDone,
    /// One byte a chunk.
    Bytes,
    /// The whole stream in one chunk.
    OneChunk,
    /// A stream of Chat Completions without `index` in its calls.
    NoIndex,
    /// An answer that is a stream though none was asked for, or the other way round.
    WrongForm,
    /// No `content-type`.
    Untyped,
    /// A stream that ends half-way with the API's own event for an error.
    FailsMidway,
    /// A byte of the last event-stream message is wrong, so that its checksum is.
    BadChecksum,
}

impl Script {
    /// A script of one round.
    pub fn once(round: Round) -> Self {
        Self { rounds: vec![round] }
    }

    /// The round to play for the `n`th answer.
    pub fn round(&self, n: usize) -> Round {
        self.rounds.get(n).or(self.rounds.last()).cloned().unwrap_or_default()
    }

    /// The user message that plays this script.
    pub fn message(&self) -> String {
        format!("script {}", serde_json::to_string(self).unwrap_or_default())
    }
}

impl Round {
    /// An answer of text, in one fragment.
    pub fn say(text: &str) -> Self {
        Self { text: vec![text.into()], ..Self::default() }
    }

    /// An answer of one call.
    pub fn call(name: &str, arguments: &str) -> Self {
        Self::default().and_call(name, arguments)
    }

    /// A body sent as it is.
    pub fn body(text: impl Into<String>) -> Self {
        Self { body: Some(text.into()), ..Self::default() }
    }

    /// The same with one call more.
    #[must_use]
    pub fn and_call(mut self, name: &str, arguments: &str) -> Self {
        self.calls.push(Call { name: name.into(), arguments: arguments.into(), ..Call::default() });
        self
    }

    /// The same with a call that is sent exactly as given.
    #[must_use]
    pub fn and_raw(mut self, call: Value) -> Self {
        self.calls.push(Call { raw: Some(call), ..Call::default() });
        self
    }

    /// The same, sent in another way.
    #[must_use]
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// This round, then another.
    pub fn then(self, next: Round) -> Script {
        Script { rounds: vec![self, next] }
    }
}

impl From<Round> for Script {
    fn from(round: Round) -> Self {
        Self::once(round)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_survives_its_message() {
        let script = Round::call("a", "{}").wire(Wire::Crlf).then(Round::say("b"));
        let text = script.message();
        assert_eq!(serde_json::from_str::<Script>(text.strip_prefix("script ").unwrap()).unwrap(), script);
        assert_eq!(script.round(7), Round::say("b"));
    }

    #[test]
    fn a_misspelt_field_is_an_error() {
        assert!(serde_json::from_str::<Script>(r#"{"rounds":[{"txt":[]}]}"#).is_err());
    }
}
