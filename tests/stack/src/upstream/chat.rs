//! The parts of a request that the scripted model reads, the same for every API.

use serde_json::Value;

/// A request, read as its provider would read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chat {
    /// The whole body.
    pub body: Value,
    /// The requested model.
    pub model: String,
    /// True if the answer must be a stream.
    pub stream: bool,
    /// The conversation, oldest first. System texts are left out.
    pub said: Vec<Message>,
    /// The declared functions: name and parameters.
    pub declared: Vec<(String, Value)>,
    /// The choice of tool (`tool_choice`).
    pub must: Must,
}

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text from the user.
    User(String),
    /// One answer of the model, with all of its calls.
    Model,
    /// The text of a tool's result.
    Result(String),
}

/// The choice of tool (`tool_choice` and its equivalents).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Must {
    /// The model chooses.
    Nothing,
    /// Any tool, but one.
    Any,
    /// The tool of this name.
    Tool(String),
}

impl Chat {
    /// The text of the last user message.
    pub fn asked(&self) -> String {
        let user = |said: &Message| if let Message::User(text) = said { Some(text.clone()) } else { None };
        self.said.iter().rev().find_map(user).unwrap_or_default()
    }

    /// Counts the answers of the model since the last user message.
    pub fn round(&self) -> usize {
        self.since_user().iter().filter(|said| **said == Message::Model).count()
    }

    /// Returns the texts of the tool results after the last answer of the model.
    pub fn results(&self) -> Vec<String> {
        let since = self.since_user();
        let after = since.iter().rposition(|said| *said == Message::Model).map_or(0, |at| at + 1);
        let result = |said: &Message| if let Message::Result(text) = said { Some(text.clone()) } else { None };
        since.iter().skip(after).filter_map(result).collect()
    }

    fn since_user(&self) -> &[Message] {
        let after = self.said.iter().rposition(|said| matches!(said, Message::User(_))).map_or(0, |at| at + 1);
        self.said.get(after..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::upstream::dialect::{self, DIALECTS};

    /// One conversation in every API: an old round, then a question, two calls and their results.
    #[test]
    fn rounds_and_results_are_counted_since_the_user_spoke() {
        let bodies = [
            (
                "/v1/chat/completions",
                json!({"model": "m", "messages": [
                    {"role": "user", "content": "old"}, {"role": "assistant", "content": "old"},
                    {"role": "user", "content": [{"type": "text", "text": "new"}]},
                    {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}]}),
            ),
            (
                "/v1/responses",
                json!({"model": "m", "input": [
                    {"role": "user", "content": "old"}, {"role": "assistant", "content": [{"type": "output_text", "text": "old"}]},
                    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "new"}]},
                    {"type": "reasoning", "summary": []}, {"type": "function_call"}, {"type": "function_call"},
                    {"type": "function_call_output", "output": "1"}, {"type": "function_call_output", "output": [{"type": "input_text", "text": "2"}]}]}),
            ),
            (
                "/v1/messages",
                json!({"model": "m", "messages": [
                    {"role": "user", "content": "old"}, {"role": "assistant", "content": "old"},
                    {"role": "user", "content": [{"type": "text", "text": "new"}]}, {"role": "assistant", "content": [{"type": "tool_use"}]},
                    {"role": "user", "content": [{"type": "tool_result", "content": "1"}, {"type": "tool_result", "content": [{"type": "text", "text": "2"}]}]}]}),
            ),
            (
                "/v1beta/models/m:generateContent",
                json!({"contents": [
                    {"role": "user", "parts": [{"text": "old"}]}, {"role": "model", "parts": [{"text": "old"}]},
                    {"role": "user", "parts": [{"text": "new"}]}, {"role": "model", "parts": [{"functionCall": {}}]},
                    {"role": "user", "parts": [{"functionResponse": {"response": {"result": "1"}}}, {"functionResponse": {"response": {"output": 2}}}]}]}),
            ),
            (
                "/api/chat",
                json!({"model": "m", "messages": [
                    {"role": "user", "content": "old"}, {"role": "assistant", "content": "old"}, {"role": "user", "content": "new"},
                    {"role": "assistant", "content": ""}, {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}]}),
            ),
            (
                "/model/m/converse",
                json!({"messages": [
                    {"role": "user", "content": [{"text": "old"}]}, {"role": "assistant", "content": [{"text": "old"}]},
                    {"role": "user", "content": [{"text": "new"}]}, {"role": "assistant", "content": [{"toolUse": {}}]},
                    {"role": "user", "content": [{"toolResult": {"content": [{"text": "1"}]}}, {"toolResult": {"content": [{"json": 2}]}}]}]}),
            ),
        ];
        // Counting tokens reads the same body as Anthropic Messages.
        assert_eq!(bodies.len() + 1, DIALECTS.len());
        for (path, body) in bodies {
            let (dialect, route) = dialect::find(path, "").unwrap();
            let chat = dialect.read(route, body).unwrap();
            assert_eq!((chat.model.as_str(), chat.asked().as_str(), chat.round()), ("m", "new", 1), "{path}");
            assert_eq!(chat.results(), ["1", "2"], "{path}");
        }
    }
}
