//! Answers without a script: the model follows the user's own lines and quotes tool results.
//!
//! A user message may say
//! ```text
//! say I will look.
//! call get_weather {"city":"Oslo"}
//! call get_weather {"city":"Rome"}
//! then call send_mail {"to":"ops@example.com"}
//! ```
//! `then` begins the next answer. The text after a name is the exact text of the arguments.

use serde_json::{Map, Value, json};

use super::chat::{Chat, Must};
use super::script::{Round, Script};

/// Returns the model's answer to a conversation without a script.
pub fn answer(chat: &Chat) -> Round {
    let script = follow(&chat.asked());
    if let Some(round) = script.rounds.get(chat.round()) {
        return round.clone();
    }
    let results = chat.results();
    if !results.is_empty() {
        return Round { text: vec!["Done. ".into(), "{{results}}".into()], ..Round::default() };
    }
    match must_call(chat) {
        Some((name, arguments)) => Round::call(&name, &arguments),
        None => Round { text: vec!["You said: ".into(), chat.asked()], ..Round::default() },
    }
}

fn follow(text: &str) -> Script {
    let mut script = Script::default();
    let mut round = Round::default();
    for line in text.lines().map(str::trim) {
        let line = match line.strip_prefix("then ") {
            Some(rest) => {
                script.rounds.push(std::mem::take(&mut round));
                rest
            }
            None => line,
        };
        if let Some(text) = line.strip_prefix("say ") {
            round.text.extend(text.split_inclusive(' ').map(str::to_owned));
        } else if let Some(call) = line.strip_prefix("call ") {
            let (name, arguments) = call.split_once(' ').unwrap_or((call, ""));
            round = round.and_call(name, arguments);
        }
    }
    if round != Round::default() {
        script.rounds.push(round);
    }
    script
}

/// Calls the tool the request insists on, with the smallest arguments its schema allows.
fn must_call(chat: &Chat) -> Option<(String, String)> {
    let mut declared = chat.declared.iter();
    let (name, schema) = match &chat.must {
        Must::Nothing => return None,
        Must::Any => declared.next()?,
        Must::Tool(wanted) => declared.find(|(name, _)| name == wanted)?,
    };
    Some((name.clone(), sample(schema).to_string()))
}

/// Returns a small instance of a schema. Only plain schemas are supported.
fn sample(schema: &Value) -> Value {
    for key in ["const", "default"] {
        if let Some(value) = schema.get(key) {
            return value.clone();
        }
    }
    for key in ["examples", "enum"] {
        if let Some(value) = schema.get(key).and_then(|values| values.get(0)) {
            return value.clone();
        }
    }
    // Gemini writes types in capitals.
    match schema.get("type").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => json!("example"),
        Some("array") => json!([]),
        _ => {
            let required =
                schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let of = |name: &str| sample(schema.pointer(&format!("/properties/{name}")).unwrap_or(&Value::Null));
            Value::Object(required.map(|name| (name.to_owned(), of(name))).collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::dialect;

    fn read(path: &str, body: Value) -> Chat {
        let (dialect, route) = dialect::find(path, "").unwrap();
        dialect.read(route, body).unwrap()
    }

    fn chat(messages: Value) -> Chat {
        read("/v1/chat/completions", json!({ "messages": messages }))
    }

    #[test]
    fn lines_are_followed_round_by_round_and_results_quoted_at_the_end() {
        let user = json!({"role": "user", "content": "say on it\ncall a {\"x\":1}\ncall b\nthen call a {}"});
        let first = answer(&chat(json!([user])));
        assert_eq!(first.text, ["on ", "it"]);
        assert_eq!(first.calls.len(), 2);
        assert_eq!(first.calls[0].arguments, "{\"x\":1}");
        assert_eq!(first.calls[1].arguments, "");
        let said = json!({"role": "assistant"});
        let result = json!({"role": "tool", "content": "ok"});
        assert_eq!(answer(&chat(json!([user, said, result]))), Round::call("a", "{}"));
        assert_eq!(answer(&chat(json!([user, said, result, said, result]))).text, ["Done. ", "{{results}}"]);
    }

    #[test]
    fn a_required_tool_is_called_with_a_sample_of_its_schema() {
        let schema = json!({"type": "object", "required": ["n", "s"], "properties": {"n": {"type": "integer", "minimum": 3}, "s": {"enum": ["x"]}}});
        let body = json!({"messages": [{"role": "user", "content": "hi"}], "tool_choice": "required",
            "tools": [{"type": "function", "function": {"name": "t", "parameters": schema}}]});
        assert_eq!(answer(&read("/v1/chat/completions", body)), Round::call("t", r#"{"n":3,"s":"x"}"#));
    }

    #[test]
    fn every_api_can_insist_on_a_tool() {
        let user = json!([{"role": "user", "content": "hi"}]);
        let tool = |schema: &str| json!({"name": "t", schema: {"type": "object", "required": ["b"], "properties": {"b": {"type": "boolean"}}}});
        let mut flat = tool("parameters");
        flat["type"] = json!("function");
        let bodies = [
            (
                "/v1/responses",
                json!({"input": user, "tools": [flat], "tool_choice": {"type": "function", "name": "t"}}),
            ),
            (
                "/v1/messages",
                json!({"messages": user, "tools": [tool("input_schema")], "tool_choice": {"type": "any"}}),
            ),
            (
                "/v1beta/models/m:generateContent",
                json!({"contents": [], "tools": [{"functionDeclarations": [tool("parametersJsonSchema")]}],
                    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["t"]}}}),
            ),
            (
                "/model/m/converse",
                json!({"messages": [], "toolConfig": {"toolChoice": {"tool": {"name": "t"}}, "tools": [
                    {"toolSpec": {"name": "t", "inputSchema": {"json": flat["parameters"]}}}]}}),
            ),
        ];
        for (path, body) in bodies {
            assert_eq!(answer(&read(path, body)), Round::call("t", r#"{"b":true}"#), "{path}");
        }
    }
}
