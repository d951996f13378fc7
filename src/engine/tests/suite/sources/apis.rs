//! A conversation of Chat Completions, written for every other API.

use serde_json::{Value, json};

/// Writes a conversation for the API of that name. `ids` gives calls and results ids in APIs that may have none.
pub(super) fn request(api: &str, conversation: &Value, stream: bool, ids: bool) -> Value {
    let messages = conversation["messages"].as_array().unwrap();
    let convert: fn(&Message<'_>) -> Vec<Value> = match api {
        "Chat Completions" => |message| vec![message.raw.clone()],
        "Responses" => responses,
        "Messages" => anthropic,
        "Gemini" => gemini,
        "Ollama" => ollama,
        _ => converse,
    };
    let mut turns = Vec::new();
    let mut system = String::new();
    for raw in messages {
        let message = Message { raw, messages, ids };
        if message.role() == "system" {
            system.push_str(message.text());
        }
        if message.role() != "system" || matches!(api, "Chat Completions" | "Ollama") {
            turns.extend(convert(&message));
        }
    }
    let model = crate::conditions::apis::MODEL;
    match api {
        "Chat Completions" | "Ollama" => json!({"model": model, "stream": stream, "messages": turns}),
        "Responses" => json!({"model": model, "stream": stream, "instructions": system, "input": turns}),
        "Messages" => {
            json!({"model": model, "max_tokens": 9, "stream": stream, "system": system, "messages": turns})
        }
        "Gemini" => json!({"systemInstruction": {"parts": [{"text": system}]}, "contents": turns}),
        _ => json!({"system": [{"text": system}], "messages": turns}),
    }
}

struct Message<'m> {
    raw: &'m Value,
    messages: &'m [Value],
    ids: bool,
}

impl Message<'_> {
    fn role(&self) -> &str {
        self.raw["role"].as_str().unwrap()
    }

    fn text(&self) -> &str {
        self.raw["content"].as_str().unwrap_or_default()
    }

    /// Id, name and arguments of each call.
    fn calls(&self) -> Vec<(Value, Value, Value)> {
        let call = |call: &Value| {
            let arguments = call["function"]["arguments"].as_str().unwrap();
            (call["id"].clone(), call["function"]["name"].clone(), serde_json::from_str(arguments).unwrap())
        };
        self.raw["tool_calls"].as_array().into_iter().flatten().map(call).collect()
    }

    /// The id and the name of the tool whose result it is.
    fn answers(&self) -> (Value, Value) {
        let id = &self.raw["tool_call_id"];
        let mut calls = self.messages.iter().flat_map(|raw| Message { raw, ..*self }.calls());
        let name = calls.find(|(other, ..)| other == id).map(|(_, name, _)| name);
        (id.clone(), name.unwrap_or_else(|| "never_called".into()))
    }
}

fn responses(message: &Message<'_>) -> Vec<Value> {
    match message.role() {
        "tool" => {
            vec![json!({"type": "function_call_output", "call_id": message.answers().0, "output": message.text()})]
        }
        role => {
            let text = Some(message.text()).filter(|text| !text.is_empty());
            let text = text.map(|text| json!({"role": role, "content": text}));
            let calls = message.calls().into_iter().map(|(id, name, arguments)| {
                json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments.to_string()})
            });
            text.into_iter().chain(calls).collect()
        }
    }
}

fn anthropic(message: &Message<'_>) -> Vec<Value> {
    match message.role() {
        "tool" => vec![json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": message.answers().0, "content": message.text()}]})],
        role => {
            let text = Some(message.text()).filter(|text| !text.is_empty());
            let text = text.map(|text| json!({"type": "text", "text": text}));
            let calls = message
                .calls()
                .into_iter()
                .map(|(id, name, arguments)| json!({"type": "tool_use", "id": id, "name": name, "input": arguments}));
            vec![json!({"role": role, "content": text.into_iter().chain(calls).collect::<Vec<_>>()})]
        }
    }
}

fn gemini(message: &Message<'_>) -> Vec<Value> {
    match message.role() {
        "tool" => {
            let (id, name) = message.answers();
            let mut response = json!({"name": name, "response": {"result": message.text()}});
            if message.ids {
                response["id"] = id;
            }
            vec![json!({"role": "user", "parts": [{"functionResponse": response}]})]
        }
        role => {
            let role = if role == "assistant" { "model" } else { role };
            let text = Some(message.text()).filter(|text| !text.is_empty()).map(|text| json!({"text": text}));
            let calls = message.calls().into_iter().map(|(id, name, arguments)| {
                let mut call = json!({"name": name, "args": arguments});
                if message.ids {
                    call["id"] = id;
                }
                json!({"functionCall": call, "thoughtSignature": "s"})
            });
            vec![json!({"role": role, "parts": text.into_iter().chain(calls).collect::<Vec<_>>()})]
        }
    }
}

fn ollama(message: &Message<'_>) -> Vec<Value> {
    match message.role() {
        "tool" => {
            let (id, name) = message.answers();
            let mut result = json!({"role": "tool", "tool_name": name, "content": message.text()});
            if message.ids {
                result["tool_call_id"] = id;
            }
            vec![result]
        }
        role => {
            let calls: Vec<Value> = message
                .calls()
                .into_iter()
                .map(|(id, name, arguments)| {
                    let mut call = json!({"function": {"name": name, "arguments": arguments}});
                    if message.ids {
                        call["id"] = id;
                    }
                    call
                })
                .collect();
            let mut written = json!({"role": role, "content": message.text()});
            if !calls.is_empty() {
                written["tool_calls"] = calls.into();
            }
            vec![written]
        }
    }
}

fn converse(message: &Message<'_>) -> Vec<Value> {
    match message.role() {
        "tool" => vec![json!({"role": "user", "content": [
            {"toolResult": {"toolUseId": message.answers().0, "content": [{"text": message.text()}]}}]})],
        role => {
            let text = Some(message.text()).filter(|text| !text.is_empty()).map(|text| json!({"text": text}));
            let calls = message
                .calls()
                .into_iter()
                .map(|(id, name, arguments)| json!({"toolUse": {"toolUseId": id, "name": name, "input": arguments}}));
            vec![json!({"role": role, "content": text.into_iter().chain(calls).collect::<Vec<_>>()})]
        }
    }
}
