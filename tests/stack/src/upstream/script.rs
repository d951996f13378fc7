//! The script language: the model's answer in each round, and the provider's faults.
//!
//! ```json
//! {"rounds": [
//!   {"text": ["Let me ", "look."], "calls": [{"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}]},
//!   {"text": ["It says: {{results}}"]}
//! ]}
//! ```
//!
//! The upstream counts the model's answers since the last user message and plays that round. The last round repeats.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The behaviour of the model, round by round.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// One round per answer; the last one repeats.
    pub rounds: Vec<Round>,
}

/// One answer of the model.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Round {
    /// Fragments of thoughts before the text, if the API has them. Their signature is made up.
    pub think: Vec<String>,
    /// Fragments of text; a stream sends one event for each. `{{results}}` inserts the tool results of the previous round.
    pub text: Vec<String>,
    /// Tool calls, after the text.
    pub calls: Vec<ScriptedCall>,
    /// A call in the legacy form of Chat Completions, `function_call`.
    pub function: Option<ScriptedCall>,
    /// Fragments of text after the calls.
    pub after: Vec<String>,
    /// `finish_reason`, `stop_reason`, …, if it must differ from the natural one; in Responses, the reason of an incomplete answer.
    pub finish: Option<String>,
    /// Further choices of the same answer (`n` over 1), if the API has them: Chat Completions, Gemini.
    pub also: Vec<Round>,
    /// A stream waits for two releases: after its text, and after its calls.
    pub hold: bool,
    /// Milliseconds between the events of a stream.
    pub pause: u64,
    /// The fault or peculiarity of the provider.
    pub wire: Wire,
    /// A body to send unchanged instead of an answer.
    pub body: Option<String>,
    /// The status; 200 by default.
    pub status: Option<u16>,
}

/// One call.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptedCall {
    /// The call's id; made up by default. `""` sends an empty one.
    pub id: Option<String>,
    /// Name of the tool.
    pub name: String,
    /// The text of the arguments; a stream splits it if the API does.
    pub arguments: String,
    /// The exact call in `tool_calls`, in the output, in the content, …, instead of all of the above.
    pub raw: Option<Value>,
}

/// The way a provider sends an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// As documented.
    #[default]
    Honest,
    /// Compressed, regardless of the request's `accept-encoding`.
    Gzip,
    /// The JSON text, or the stream, stops in the middle of a call; the HTTP message is complete.
    Truncated,
    /// The connection breaks in the middle of the body.
    Cut,
    /// The connection closes without an answer.
    HangUp,
    /// An empty body.
    Empty,
    /// Bytes that never end.
    NeverEnding,
    /// An SSE line of 10 MB; or a line or message of that size, if the API has no SSE.
    HugeLine,
    /// CRLF line ends, comments, a byte order mark.
    Crlf,
    /// The body ends with trailers.
    Trailers,
    /// The last event of a call carries `finish_reason` too, if the API has both in one event.
    FinishWithCall,
    /// A stream without `[DONE]`; or without its last event, if the API has no `[DONE]`.
    NoDone,
    /// One byte per chunk.
    Bytes,
    /// The whole stream in one chunk.
    OneChunk,
    /// A stream of Chat Completions without `index` in its calls.
    NoIndex,
    /// A stream if the request asked for none, or the other way round.
    WrongForm,
    /// No `content-type`.
    Untyped,
    /// A stream that ends half-way with the API's own error event.
    FailsMidway,
    /// A wrong byte in the last event-stream message, so its checksum is wrong.
    BadChecksum,
}

impl Script {
    /// A script of one round.
    pub fn once(round: Round) -> Self {
        Self { rounds: vec![round] }
    }

    /// Returns the round to play for the `n`th answer.
    pub fn round(&self, n: usize) -> Round {
        self.rounds.get(n).or(self.rounds.last()).cloned().unwrap_or_default()
    }

    /// Returns the user message that plays this script.
    pub fn message(&self) -> String {
        format!("script {}", serde_json::to_string(self).unwrap_or_default())
    }
}

impl Round {
    /// Returns an answer of text, in one fragment.
    pub fn say(text: &str) -> Self {
        Self { text: vec![text.into()], ..Self::default() }
    }

    /// Returns an answer of one call.
    pub fn call(name: &str, arguments: &str) -> Self {
        Self::default().and_call(name, arguments)
    }

    /// Returns a body to send unchanged.
    pub fn body(text: impl Into<String>) -> Self {
        Self { body: Some(text.into()), ..Self::default() }
    }

    /// Adds a call.
    #[must_use]
    pub fn and_call(mut self, name: &str, arguments: &str) -> Self {
        self.calls.push(ScriptedCall { name: name.into(), arguments: arguments.into(), ..ScriptedCall::default() });
        self
    }

    /// Adds a call to send exactly as given.
    #[must_use]
    pub fn and_raw(mut self, call: Value) -> Self {
        self.calls.push(ScriptedCall { raw: Some(call), ..ScriptedCall::default() });
        self
    }

    /// Sends the round in another way.
    #[must_use]
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// Plays this round, then another.
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
