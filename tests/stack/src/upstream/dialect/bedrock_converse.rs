//! Amazon Bedrock Converse and ConverseStream: blocks of content, whole or as event-stream messages.
//!
//! Source: Amazon Bedrock API reference, "Converse", "ConverseStream", "ContentBlock" and "Common Errors".

use serde_json::{Value, json};

use super::{
    Dialect, Route, SIGNATURE, StreamEvent, StreamStep, call_id, decoded, filled, fragments, list, quoted, text_of,
    texts, user_messages,
};
use crate::upstream::chat::{Chat, Message, Must};
use crate::upstream::framing::{Framing, arguments};
use crate::upstream::script::{Round, ScriptedCall};

/// `POST /model/{modelId}/converse` and `/converse-stream`
#[derive(Debug)]
pub(super) struct BedrockConverse;

impl Dialect for BedrockConverse {
    fn route(&self, path: &str, _query: &str) -> Option<Route> {
        let (model, operation) = path.rsplit_once("/model/")?.1.rsplit_once('/')?;
        let stream = match operation {
            "converse" => false,
            "converse-stream" => true,
            _ => return None,
        };
        Some(Route { model: Some(decoded(model)), stream })
    }

    fn read(&self, route: Route, body: Value) -> Option<Chat> {
        let mut said = Vec::new();
        for message in body.get("messages")?.as_array()? {
            match text_of(message, "role").as_str() {
                "assistant" => said.push(Message::Model),
                "user" => said.extend(user_messages(results(message), texts(message.get("content")))),
                _ => {}
            }
        }
        let config = body.get("toolConfig").unwrap_or(&Value::Null);
        let specs = list(config, "tools").iter().filter_map(|tool| tool.get("toolSpec"));
        let schema = |spec: &Value| spec.pointer("/inputSchema/json").cloned().unwrap_or_default();
        let declared = specs.map(|spec| (text_of(spec, "name"), schema(spec))).collect();
        let must = match (config.pointer("/toolChoice/tool/name"), config.pointer("/toolChoice/any")) {
            (Some(name), _) => Must::Tool(quoted(name)),
            (None, Some(_)) => Must::Any,
            (None, None) => Must::Nothing,
        };
        Some(Chat { model: route.model.unwrap_or_default(), stream: route.stream, said, declared, must, body })
    }

    fn whole(&self, chat: &Chat, round: &Round) -> Value {
        let content: Vec<Value> = blocks(chat, round).iter().map(Block::whole).collect();
        json!({
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": stop_reason(round), "usage": usage(), "metrics": {"latencyMs": 5},
        })
    }

    fn stream(&self, chat: &Chat, round: &Round) -> Vec<StreamStep> {
        let mut steps = vec![event("messageStart", json!({"role": "assistant"}))];
        let blocks = blocks(chat, round);
        let called = blocks.iter().position(|block| matches!(block, Block::Call(..)));
        for (index, block) in blocks.iter().enumerate() {
            if round.hold && called == Some(index) {
                steps.push(StreamStep::Hold);
            }
            // The API announces calls only.
            steps.extend(
                block
                    .start()
                    .map(|start| event("contentBlockStart", json!({"contentBlockIndex": index, "start": start}))),
            );
            let delta = |delta| event("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}));
            steps.extend(block.deltas().into_iter().map(delta));
            steps.push(event("contentBlockStop", json!({"contentBlockIndex": index})));
        }
        let holds = if called.is_some() { 1 } else { 2 };
        steps.extend((0..holds).filter(|_| round.hold).map(|_| StreamStep::Hold));
        steps.push(event("messageStop", json!({"stopReason": stop_reason(round)})));
        steps.push(event("metadata", json!({"metrics": {"latencyMs": 5}, "usage": usage()})));
        steps
    }

    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn error(&self, _status: u16, message: &str) -> Value {
        json!({"message": message})
    }

    fn failure(&self, _sent: usize) -> StreamEvent {
        StreamEvent { name: "modelStreamErrorException", data: json!({"message": "The scripted provider fails."}) }
    }

    fn headers(&self, status: u16) -> Vec<(&'static str, String)> {
        let kind = match status {
            200..300 => None,
            403 => Some("AccessDeniedException"),
            404 => Some("ResourceNotFoundException"),
            408 => Some("ModelTimeoutException"),
            424 => Some("ModelErrorException"),
            429 => Some("ThrottlingException"),
            400..500 => Some("ValidationException"),
            503 => Some("ServiceUnavailableException"),
            _ => Some("InternalServerException"),
        };
        let id = ("x-amzn-requestid", "00000000-0000-4000-8000-000000000000".to_owned());
        std::iter::once(id).chain(kind.map(|kind| ("x-amzn-errortype", kind.to_owned()))).collect()
    }
}

/// One block of content.
enum Block {
    Reasoning(Vec<String>),
    Text(Vec<String>),
    /// A call with its id.
    Call(String, ScriptedCall),
}

/// Writes an event, with the padding (`p`) the API puts into each to hide sizes.
fn event(name: &'static str, mut data: Value) -> StreamStep {
    if let Some(members) = data.as_object_mut() {
        members.insert("p".into(), json!("abcdefgh"));
    }
    StreamStep::Event(StreamEvent { name, data })
}

/// Returns the results in a user message.
fn results(message: &Value) -> Vec<String> {
    let results = list(message, "content").iter().filter_map(|block| block.get("toolResult"));
    let part = |part: &Value| part.get("json").map_or_else(|| text_of(part, "text"), quoted);
    results.map(|result| list(result, "content").iter().map(part).collect()).collect()
}

fn blocks(chat: &Chat, round: &Round) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !round.think.is_empty() {
        blocks.push(Block::Reasoning(filled(chat, &round.think)));
    }
    if !round.text.is_empty() {
        blocks.push(Block::Text(filled(chat, &round.text)));
    }
    let calls = round.calls.iter().enumerate();
    blocks.extend(calls.map(|(n, call)| Block::Call(call_id(chat, "tooluse", n, call), call.clone())));
    if !round.after.is_empty() {
        blocks.push(Block::Text(filled(chat, &round.after)));
    }
    blocks
}

fn usage() -> Value {
    json!({"inputTokens": 10, "outputTokens": 5, "totalTokens": 15})
}

fn stop_reason(round: &Round) -> &str {
    match &round.finish {
        Some(reason) => reason,
        None if !round.calls.is_empty() => "tool_use",
        None => "end_turn",
    }
}

// === impl Block ===

impl Block {
    fn whole(&self) -> Value {
        match self {
            Self::Reasoning(text) => {
                json!({"reasoningContent": {"reasoningText": {"text": text.concat(), "signature": SIGNATURE}}})
            }
            Self::Text(text) => json!({"text": text.concat()}),
            Self::Call(_, ScriptedCall { raw: Some(raw), .. }) => json!({"toolUse": raw}),
            Self::Call(id, call) => {
                json!({"toolUse": {"toolUseId": id, "name": call.name, "input": arguments(&call.arguments)}})
            }
        }
    }

    /// Returns the announcement in a stream.
    fn start(&self) -> Option<Value> {
        match self {
            Self::Reasoning(_) | Self::Text(_) => None,
            Self::Call(_, ScriptedCall { raw: Some(raw), .. }) => Some(json!({"toolUse": raw})),
            Self::Call(id, call) => Some(json!({"toolUse": {"toolUseId": id, "name": call.name}})),
        }
    }

    fn deltas(&self) -> Vec<Value> {
        match self {
            Self::Reasoning(text) => {
                let texts = text.iter().map(|text| json!({"reasoningContent": {"text": text}}));
                texts.chain([json!({"reasoningContent": {"signature": SIGNATURE}})]).collect()
            }
            Self::Text(text) => text.iter().map(|text| json!({"text": text})).collect(),
            Self::Call(_, ScriptedCall { raw: Some(_), .. }) => Vec::new(),
            Self::Call(_, call) => {
                let parts = std::iter::once(String::new()).chain(fragments(&call.arguments));
                parts.map(|text| json!({"toolUse": {"input": text}})).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::dialect::tests::{chat, events, everything, whole};

    #[test]
    fn a_stream_says_what_the_whole_answer_says() {
        let answer = whole("/model/m/converse", &everything());
        let path = "/model/m/converse-stream";
        let mut content: Vec<Value> = vec![json!({}); 5];
        let mut input = vec![String::new(); 5];
        for event in events(path, &everything()) {
            let Some(index) = event["contentBlockIndex"].as_u64().map(|index| usize::try_from(index).unwrap()) else {
                continue;
            };
            let block = &mut content[index];
            if let Some(start) = event.get("start") {
                *block = start.clone();
            }
            let delta = &event["delta"];
            if let Some(text) = delta.get("text") {
                block["text"] = json!(text_of(block, "text") + text.as_str().unwrap());
            }
            for member in ["text", "signature"] {
                if let Some(more) = delta["reasoningContent"].get(member) {
                    let reasoning = &mut block["reasoningContent"]["reasoningText"];
                    let before = reasoning.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
                    reasoning[member] = json!(before + more.as_str().unwrap());
                }
            }
            input[index] += &text_of(&delta["toolUse"], "input");
        }
        for (block, input) in content.iter_mut().zip(input).filter(|(block, _)| block.get("toolUse").is_some()) {
            let input = if input.is_empty() { "{}" } else { &input };
            block["toolUse"]["input"] = serde_json::from_str(input).unwrap();
        }
        assert_eq!(answer["output"]["message"]["content"], json!(content));
        let (dialect, chat) = chat(path, true);
        let names: Vec<&str> = dialect
            .stream(&chat, &everything())
            .iter()
            .filter_map(|step| if let StreamStep::Event(e) = step { Some(e.name) } else { None })
            .collect();
        assert_eq!(
            (names[0], names[names.len() - 2], names[names.len() - 1]),
            ("messageStart", "messageStop", "metadata")
        );
    }

    #[test]
    fn an_error_names_its_exception_in_a_header() {
        assert!(BedrockConverse.headers(429).contains(&("x-amzn-errortype", "ThrottlingException".into())));
        assert_eq!(BedrockConverse.headers(200).len(), 1);
    }
}
