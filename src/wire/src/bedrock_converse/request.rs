//! A request: path and body of *Converse* and *ConverseStream*.

mod address;
mod fields;
mod tools;
mod turn;

use callgate_json::{Keep, Map, Value};

use crate::shape::exact_members;
use crate::{CallResult, Declaration, Declared, Form, RequestError, Target, Wants, raw, splice};
use address::Address;
use tools::Tools;

/// Members that are decided on or rewritten.
const READ_MEMBERS: [&str; 5] =
    ["messages", "inferenceConfig", "toolConfig", "additionalModelRequestFields", "modelId"];

/// Other members that are known. None of them brings a tool.
const OTHER_MEMBERS: [&str; 8] = [
    "system",
    "guardrailConfig",
    "promptVariables",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
];

/// What is built of a request. The conversation and the schemas are the bulk of it, and nothing is decided on them: they are
/// checked and passed on as bytes, or replaced. Only blocks of other kinds than these are looked into.
const BUILT: Keep = Keep::Members(&[
    ("messages", Keep::Items(&Keep::Members(&[("content", Keep::Items(&BLOCK))]))),
    ("system", Keep::Shell),
    (
        "toolConfig",
        Keep::Members(&[(
            "tools",
            Keep::Items(&Keep::Members(&[(
                "toolSpec",
                Keep::Members(&[("description", Keep::Shell), ("inputSchema", Keep::Shell)]),
            )])),
        )]),
    ),
    ("guardrailConfig", Keep::Shell),
    ("promptVariables", Keep::Shell),
    ("requestMetadata", Keep::Shell),
    ("outputConfig", Keep::Shell),
]);
const BLOCK: Keep = Keep::Members(&[
    ("text", Keep::Shell),
    ("image", Keep::Shell),
    ("document", Keep::Shell),
    ("video", Keep::Shell),
    ("audio", Keep::Shell),
    ("toolUse", Keep::Shell),
    ("toolResult", Keep::Shell),
    ("guardContent", Keep::Shell),
    ("cachePoint", Keep::Shell),
    ("reasoningContent", Keep::Shell),
    ("citationsContent", Keep::Shell),
    ("searchResult", Keep::Shell),
    ("toolRemoval", Keep::Shell),
]);
/// The blocks of [`BLOCK`], and the one that is looked into.
const BLOCKS: [&str; 14] = [
    "text",
    "image",
    "document",
    "video",
    "audio",
    "toolUse",
    "toolResult",
    "guardContent",
    "cachePoint",
    "reasoningContent",
    "citationsContent",
    "searchResult",
    "toolRemoval",
    TOOL_ADDITION,
];
const TOOL_ADDITION: &str = "toolAddition";

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub struct Request {
    address: Address,
    text: Vec<u8>,
    /// A model that the body names beside the path. The API takes no notice of it; what stands before the API might.
    other_model: Option<String>,
    max_tokens: Option<u64>,
    tools: Tools,
    /// Tools that the provider would run.
    provided: Vec<String>,
    edits: Vec<splice::Edit>,
}

// === impl Request ===

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`] as [`crate::Dialect::request`] says; also if the path names no model, a message has a block of an unknown
    /// kind, or `additionalModelRequestFields` something that could bring tools.
    pub fn read(target: &Target<'_>, text: &[u8]) -> Result<Request, RequestError> {
        let address = Address::read(target)?;
        let Value::Object(body) = callgate_json::read_only(text, &BUILT)? else {
            return Err(RequestError::NotAnObject);
        };
        for param in READ_MEMBERS {
            exact_members(&body, param, &[param])?;
        }
        let mut tools = Tools::read(&body)?;
        read_messages(&body, &mut tools)?;
        fields::check(&body)?;
        let unknown = unknown(&body, &[&READ_MEMBERS, &OTHER_MEMBERS]);
        let provided = tools.provided().map(str::to_owned).chain(unknown).collect();
        let other_model = match body.get("modelId") {
            None | Some(Value::Null) => None,
            Some(Value::String(model)) => Some(model.clone()),
            Some(_) => return Err(RequestError::Invalid { param: "modelId", expected: "a string" }),
        };
        let max_tokens = max_tokens(&body)?;
        Ok(Request { address, text: text.to_vec(), other_model, max_tokens, tools, provided, edits: Vec::new() })
    }

    /// Gives a member another text, or takes it out.
    fn set(&mut self, member: &'static str, text: Option<String>) {
        self.edits.retain(|edit| edit.member != member);
        self.edits.push(splice::Edit { member, text });
    }

    /// A member's text as it is now.
    fn member(&self, name: &str) -> Option<&[u8]> {
        let now = match self.edits.iter().find(|edit| edit.member == name) {
            Some(edit) => edit.text.as_deref().map(str::as_bytes),
            None => raw::member(&self.text, name),
        };
        now.filter(|text| *text != b"null")
    }
}

impl crate::Request for Request {
    fn models(&self) -> Vec<&str> {
        std::iter::once(self.address.model()).chain(self.other_model.as_deref()).collect()
    }

    fn wants(&self) -> Wants {
        if self.address.streams() { Wants::Stream } else { Wants::Whole }
    }

    /// The end of every stream says what was used.
    fn include_usage(&self) -> bool {
        true
    }

    fn server_state(&self) -> bool {
        self.models().iter().any(|model| address::is_prompt(model))
    }

    fn provider_tools(&self) -> Vec<&str> {
        self.provided.iter().map(String::as_str).collect()
    }

    fn declared(&self) -> &[Declared] {
        self.tools.declared()
    }

    fn chosen(&self) -> Vec<&str> {
        self.tools.chosen()
    }

    /// The API has one list of functions: [`Form::Tool`].
    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        if form != Form::Tool {
            return;
        }
        let config = self.member("toolConfig").unwrap_or(b"{}").to_vec();
        let list = self.tools.replace(raw::member(&config, "tools").unwrap_or_default(), declarations);
        let text = (!list.is_empty()).then(|| with_member(&config, "tools", format!("[{}]", list.join(","))));
        self.set("toolConfig", text);
    }

    fn clamp_output_tokens(&mut self, max: u64) {
        if self.max_tokens.is_some_and(|limit| limit <= max) {
            return;
        }
        self.max_tokens = Some(max);
        let config = self.member("inferenceConfig").unwrap_or(b"{}").to_vec();
        self.set("inferenceConfig", Some(with_member(&config, "maxTokens", max.to_string())));
    }

    fn answer_whole(&mut self) {
        self.address.answer_whole();
    }

    fn free_choice(&mut self) {
        if let Some(config) = self.member("toolConfig").filter(|config| raw::member(config, "toolChoice").is_some()) {
            let edit = splice::Edit { member: "toolChoice", text: None };
            let text = String::from_utf8_lossy(&splice::write(config, &Map::new(), &[edit])).into_owned();
            self.set("toolConfig", Some(text));
        }
    }

    /// A message of the assistant, then one of the user with the results.
    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        let mut messages: Vec<String> = raw::items(self.member("messages").unwrap_or_default())
            .into_iter()
            .map(|message| String::from_utf8_lossy(message).into_owned())
            .collect();
        messages.push(turn::of_assistant(said, results).to_string());
        messages.push(turn::of_user(results).to_string());
        self.set("messages", Some(format!("[{}]", messages.join(","))));
    }

    fn target(&self) -> Option<String> {
        self.address.changed()
    }

    fn write(&self) -> Vec<u8> {
        splice::write(&self.text, &Map::new(), &self.edits)
    }
}

/// A JSON object with another text under a member.
fn with_member(object: &[u8], member: &'static str, text: String) -> String {
    let edit = splice::Edit { member, text: Some(text) };
    String::from_utf8_lossy(&splice::write(object, &Map::new(), &[edit])).into_owned()
}

/// The members that are in none of these lists and ask for something.
fn unknown(members: &Map<String, Value>, known: &[&[&str]]) -> Vec<String> {
    let is_unknown = |key: &str| !known.iter().any(|known| known.contains(&key));
    members
        .iter()
        .filter(|(key, value)| is_unknown(key) && !asks_for_nothing(value))
        .map(|(key, _)| key.clone())
        .collect()
}

/// `null`, `false` and empty lists do; an empty object can be a switch.
fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// The types of messages and their blocks; of a block that adds a tool, which.
fn read_messages(body: &Map<String, Value>, tools: &mut Tools) -> Result<(), RequestError> {
    let invalid = |expected| RequestError::Invalid { param: "messages", expected };
    let messages = match body.get("messages") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(messages)) => messages,
        Some(_) => return Err(invalid("an array")),
    };
    for message in messages {
        let message = message.as_object().ok_or(invalid("an array of objects"))?;
        exact_members(message, "messages", &["role", "content"])?;
        let content = message.get("content").and_then(Value::as_array);
        for block in content.ok_or(invalid("an array of messages with a list of blocks"))? {
            let block = block.as_object().ok_or(invalid("an array of messages with a list of blocks"))?;
            exact_members(block, "messages", &BLOCKS)?;
            if !unknown(block, &[&BLOCKS]).is_empty() {
                return Err(invalid("an array of messages with blocks of known kinds"));
            }
            if let Some(addition) = block.get(TOOL_ADDITION).filter(|addition| !addition.is_null()) {
                tools.added(addition).ok_or(invalid("an array of messages that add tools by name"))?;
            }
        }
    }
    Ok(())
}

fn max_tokens(body: &Map<String, Value>) -> Result<Option<u64>, RequestError> {
    let config = match body.get("inferenceConfig") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(config)) => config,
        Some(_) => return Err(RequestError::Invalid { param: "inferenceConfig", expected: "an object" }),
    };
    exact_members(config, "inferenceConfig", &["maxTokens"])?;
    match config.get("maxTokens") {
        None | Some(Value::Null) => Ok(None),
        Some(limit) => match limit.as_u64() {
            Some(limit) => Ok(Some(limit)),
            None => {
                Err(RequestError::Invalid { param: "inferenceConfig.maxTokens", expected: "a whole number, 0 or more" })
            }
        },
    }
}
