//! Gemini `generateContent` and `streamGenerateContent`: candidates with parts; a call is one part, in a stream too.
//!
//! Source: Gemini API reference, "Generating content" (`GenerateContentResponse`, `FunctionCall`), "Thought signatures", and
//! Google's "Errors" design guide (`google.rpc.Status`).

use serde_json::{Value, json};

use super::{
    Dialect, Route, SIGNATURE, StreamEvent, StreamStep, decoded, filled, list, quoted, text_of, texts, user_messages,
};
use crate::upstream::chat::{Chat, Message, Must};
use crate::upstream::framing::arguments;
use crate::upstream::script::{Round, Wire};

/// `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`
///
/// Without `alt=sse` the real API streams one JSON array; this one refuses such a request.
#[derive(Debug)]
pub(super) struct Gemini;

impl Dialect for Gemini {
    fn route(&self, path: &str, query: &str) -> Option<Route> {
        let (model, method) = path.rsplit_once("/models/")?.1.rsplit_once(':')?;
        let stream = match method {
            "generateContent" => false,
            "streamGenerateContent" if query.split('&').any(|pair| pair == "alt=sse") => true,
            _ => return None,
        };
        Some(Route { model: Some(decoded(model)), stream })
    }

    fn read(&self, route: Route, body: Value) -> Option<Chat> {
        let mut said = Vec::new();
        for content in body.get("contents")?.as_array()? {
            match text_of(content, "role").as_str() {
                "model" => said.push(Message::Model),
                _ => said.extend(user_messages(results(content), texts(content.get("parts")))),
            }
        }
        let declarations = list(&body, "tools").iter().flat_map(|tool| list(tool, "functionDeclarations"));
        let declared = declarations.map(|f| {
            let schema = f.get("parametersJsonSchema").or(f.get("parameters")).cloned();
            (text_of(f, "name"), schema.unwrap_or_default())
        });
        let config = body.pointer("/toolConfig/functionCallingConfig").unwrap_or(&Value::Null);
        let must = match (text_of(config, "mode").as_str(), list(config, "allowedFunctionNames").first()) {
            ("ANY", Some(name)) => Must::Tool(quoted(name)),
            ("ANY", None) => Must::Any,
            _ => Must::Nothing,
        };
        Some(Chat {
            model: route.model.unwrap_or_default(),
            stream: route.stream,
            said,
            declared: declared.collect(),
            must,
            body,
        })
    }

    fn whole(&self, chat: &Chat, round: &Round) -> Value {
        let candidates = candidates(round).map(|(index, choice)| {
            let text = |fragments: &[String]| Some(filled(chat, fragments).concat()).filter(|text| !text.is_empty());
            let mut parts = Vec::new();
            parts.extend(text(&choice.think).map(|text| json!({"text": text, "thought": true})));
            parts.extend(text(&choice.text).map(|text| json!({"text": text})));
            parts.extend(calls(choice));
            parts.extend(text(&choice.after).map(|text| json!({"text": text})));
            candidate(index, parts, Some(finish(choice)))
        });
        answer(chat, candidates.collect())
    }

    fn stream(&self, chat: &Chat, round: &Round) -> Vec<StreamStep> {
        let mut steps = Vec::new();
        for (index, choice) in candidates(round) {
            let chunk = |parts: Vec<Value>, finish: Option<&str>| {
                StreamStep::Event(StreamEvent { name: "", data: answer(chat, vec![candidate(index, parts, finish)]) })
            };
            let said = |fragments: &[String]| filled(chat, fragments).into_iter().map(|text| json!({"text": text}));
            for text in filled(chat, &choice.think) {
                steps.push(chunk(vec![json!({"text": text, "thought": true})], None));
            }
            steps.extend(said(&choice.text).map(|part| chunk(vec![part], None)));
            if choice.hold {
                steps.push(StreamStep::Hold);
            }
            let mut calls = calls(choice);
            let with_finish = round.wire == Wire::FinishWithCall && choice.after.is_empty();
            let last = if with_finish { calls.pop() } else { None };
            steps.extend(calls.into_iter().map(|call| chunk(vec![call], None)));
            steps.extend(said(&choice.after).map(|part| chunk(vec![part], None)));
            if choice.hold {
                steps.push(StreamStep::Hold);
            }
            steps.push(chunk(vec![last.unwrap_or(json!({"text": ""}))], Some(finish(choice))));
        }
        steps
    }

    fn error(&self, status: u16, message: &str) -> Value {
        let name = match status {
            400 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            429 => "RESOURCE_EXHAUSTED",
            503 => "UNAVAILABLE",
            504 => "DEADLINE_EXCEEDED",
            _ => "INTERNAL",
        };
        json!({"error": {"code": status, "message": message, "status": name}})
    }

    fn failure(&self, _sent: usize) -> StreamEvent {
        StreamEvent { name: "", data: self.error(503, "The model is overloaded.") }
    }

    fn headers(&self, _status: u16) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// Returns the results in a user content: `result`, `output` or `error` of the response, else all of it.
fn results(content: &Value) -> Vec<String> {
    let responses = list(content, "parts").iter().filter_map(|part| part.pointer("/functionResponse/response"));
    responses
        .map(|response| {
            let member = ["result", "output", "error"].into_iter().find_map(|name| response.get(name));
            quoted(member.unwrap_or(response))
        })
        .collect()
}

fn candidates(round: &Round) -> impl Iterator<Item = (usize, &Round)> {
    std::iter::once(round).chain(round.also.iter()).enumerate()
}

/// Returns the parts of the calls. After a thought, the first one is signed, as in the API.
fn calls(choice: &Round) -> Vec<Value> {
    let call = |(n, call): (usize, &crate::upstream::script::ScriptedCall)| {
        let mut part = call.raw.clone().unwrap_or_else(|| {
            let mut function = json!({"name": call.name, "args": arguments(&call.arguments)});
            // The API has ids for some models only, so a call has one if the script gives one.
            if let (Some(id), Some(members)) = (&call.id, function.as_object_mut()) {
                members.insert("id".into(), json!(id));
            }
            json!({"functionCall": function})
        });
        if let (0, false, Some(members)) = (n, choice.think.is_empty(), part.as_object_mut()) {
            members.insert("thoughtSignature".into(), json!(SIGNATURE));
        }
        part
    };
    choice.calls.iter().enumerate().map(call).collect()
}

fn candidate(index: usize, mut parts: Vec<Value>, finish: Option<&str>) -> Value {
    if parts.is_empty() {
        parts.push(json!({"text": ""}));
    }
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": index});
    if let (Some(finish), Some(members)) = (finish, candidate.as_object_mut()) {
        members.insert("finishReason".into(), json!(finish));
    }
    candidate
}

fn answer(chat: &Chat, candidates: Vec<Value>) -> Value {
    json!({
        "candidates": candidates,
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        "modelVersion": chat.model, "responseId": format!("scripted-{}", chat.round()),
    })
}

/// A turn with calls ends like any other: the API has no separate reason.
fn finish(choice: &Round) -> &str {
    choice.finish.as_deref().unwrap_or("STOP")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::dialect::find;
    use crate::upstream::dialect::tests::{events, everything, whole};

    #[test]
    fn a_stream_says_what_the_whole_answer_says() {
        let answer = whole("/v1beta/models/m:generateContent", &everything());
        let events = events("/v1beta/models/m:streamGenerateContent", &everything());
        let mut parts: Vec<Value> = Vec::new();
        for part in events.iter().flat_map(|event| list(&event["candidates"][0]["content"], "parts")) {
            // Text continues if the previous part is text of the same kind.
            match parts
                .last_mut()
                .filter(|last| last.get("text").is_some() && last.get("thought") == part.get("thought"))
            {
                Some(last) if part.get("text").is_some() => {
                    last["text"] = json!(text_of(last, "text") + &text_of(part, "text"));
                }
                _ => parts.push(part.clone()),
            }
        }
        assert_eq!(answer["candidates"][0]["content"]["parts"], json!(parts));
        assert_eq!(parts[2]["thoughtSignature"], SIGNATURE);
        assert_eq!(parts[3].get("thoughtSignature"), None);
        assert_eq!(events.last().unwrap()["candidates"][0]["finishReason"], "STOP");
    }

    #[test]
    fn the_path_names_model_and_form() {
        let stream = "/v1beta/models/gemini-3-pro:streamGenerateContent";
        let (_, route) = find(stream, "key=k&alt=sse").unwrap();
        assert_eq!(route, Route { model: Some("gemini-3-pro".into()), stream: true });
        assert!(find(stream, "").is_none());
    }
}
