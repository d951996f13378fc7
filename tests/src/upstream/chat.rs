//! What the scripted model reads of a Chat Completions request.

use serde_json::Value;

/// A request, read as a provider would read it.
#[derive(Debug, Clone)]
pub struct Chat {
    /// The whole body.
    pub body: Value,
}

impl Chat {
    /// Reads a request body; `None` if it is not a JSON object with `messages`.
    pub fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        body.get("messages")?.as_array()?;
        Some(Self { body })
    }

    /// The messages, oldest first.
    pub fn messages(&self) -> &[Value] {
        self.body.get("messages").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The model that was asked for.
    pub fn model(&self) -> &str {
        self.body.get("model").and_then(Value::as_str).unwrap_or("scripted")
    }

    /// Whether the answer is to be a stream.
    pub fn stream(&self) -> bool {
        self.body.get("stream").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether a stream is to end with a usage event.
    pub fn include_usage(&self) -> bool {
        self.body.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false)
    }

    /// The text of the last user message.
    pub fn asked(&self) -> String {
        self.messages().iter().rfind(|message| role(message) == "user").map(text).unwrap_or_default()
    }

    /// How many times the model has answered since the user last spoke.
    pub fn round(&self) -> usize {
        self.since_user().iter().filter(|message| role(message) == "assistant").count()
    }

    /// The texts of the tool results that follow the last answer of the model.
    pub fn results(&self) -> Vec<String> {
        let messages = self.since_user();
        let after = messages.iter().rposition(|message| role(message) == "assistant").map_or(0, |at| at + 1);
        messages.iter().skip(after).filter(|message| matches!(role(message), "tool" | "function")).map(text).collect()
    }

    /// The declared functions: name and parameters.
    pub fn declared(&self) -> Vec<(&str, &Value)> {
        let tools =
            self.body.get("tools").and_then(Value::as_array).into_iter().flatten().filter_map(|t| t.get("function"));
        let legacy = self.body.get("functions").and_then(Value::as_array).into_iter().flatten();
        tools
            .chain(legacy)
            .filter_map(|f| Some((f.get("name")?.as_str()?, f.get("parameters").unwrap_or(&Value::Null))))
            .collect()
    }

    fn since_user(&self) -> &[Value] {
        let messages = self.messages();
        let after = messages.iter().rposition(|message| role(message) == "user").map_or(0, |at| at + 1);
        messages.get(after..).unwrap_or_default()
    }
}

fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

fn text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect::<Vec<_>>().join("")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rounds_and_results_are_counted_since_the_user_spoke() {
        let chat = Chat {
            body: json!({"messages": [
                {"role": "user", "content": "old"}, {"role": "assistant", "content": "old"},
                {"role": "user", "content": [{"type": "text", "text": "new"}]},
                {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"},
            ]}),
        };
        assert_eq!(chat.asked(), "new");
        assert_eq!(chat.round(), 1);
        assert_eq!(chat.results(), ["1", "2"]);
    }
}
