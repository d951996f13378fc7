//! A request: path, query, and the body of *generateContent* and *countTokens*.

mod address;
mod declared;

use callgate_json::{Keep, Map, Value};
use serde_json::json;

use super::names::{
    CACHED_CONTENT, CANDIDATE_COUNT, CONTENTS, CONTINUATION_TOKEN, FUNCTION_CALLING_CONFIG, GENERATE_CONTENT_REQUEST,
    GENERATION_CONFIG, MAX_OUTPUT_TOKENS, MODEL, TOOL_CONFIG,
};
use super::turn;
use crate::{CallResult, Declaration, Declared, Form, RequestError, Target, Wants, raw, splice};
use address::Address;
use declared::Tools;

/// What is built of a request. The conversation and the schemas are the bulk of it, and nothing is decided on them: they are
/// checked and passed on as bytes, or replaced.
const BUILT: Keep = Keep::Members(&[
    ("contents", Keep::Items(&Keep::Shell)),
    ("systemInstruction", Keep::Shell),
    ("system_instruction", Keep::Shell),
    (
        "tools",
        Keep::Items(&Keep::Members(&[("functionDeclarations", FUNCTIONS), ("function_declarations", FUNCTIONS)])),
    ),
    ("generateContentRequest", Keep::Shell),
    ("generate_content_request", Keep::Shell),
]);
const FUNCTIONS: Keep = Keep::Items(&Keep::Members(&[
    ("description", Keep::Shell),
    ("parameters", Keep::Shell),
    ("parametersJsonSchema", Keep::Shell),
    ("parameters_json_schema", Keep::Shell),
    ("response", Keep::Shell),
    ("responseJsonSchema", Keep::Shell),
    ("response_json_schema", Keep::Shell),
]));

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub(super) struct Request {
    address: Address,
    /// What stands around `text`: *countTokens* takes a whole request as one member.
    around: Option<Around>,
    text: Vec<u8>,
    /// As [`BUILT`] says; `contents` whole once they are edited.
    body: Map<String, Value>,
    tools: Tools,
    edits: Vec<splice::Edit>,
}

/// A body that has the request as its only member.
#[derive(Debug, Clone)]
struct Around {
    text: Vec<u8>,
    member: &'static str,
}

// === impl Request ===

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`] as [`crate::Dialect::request`] says; also for a stream that is no server-sent events, a member in both
    /// spellings, and arguments that are to be streamed piece by piece.
    pub(super) fn read(target: &Target<'_>, text: &[u8]) -> Result<Request, RequestError> {
        let address = Address::read(target)?;
        let mut text = text.to_vec();
        let mut body = object(&text)?;
        let mut around = None;
        if address.wants == Wants::Count
            && let Some((member, _)) = GENERATE_CONTENT_REQUEST.find(&body)?
        {
            if body.len() > 1 {
                let param = GENERATE_CONTENT_REQUEST.camel;
                return Err(RequestError::Invalid { param, expected: "the only member" });
            }
            let inner = raw::member(&text, member).unwrap_or_default().to_vec();
            body = object(&inner)?;
            around = Some(Around { text: std::mem::replace(&mut text, inner), member });
        }
        check(&body)?;
        let tools = Tools::read(&body)?;
        Ok(Request { address, around, text, body, tools, edits: Vec::new() })
    }

    /// The member that holds the limits, as it is spelled, and its value.
    fn config(&self) -> (&'static str, Map<String, Value>) {
        match GENERATION_CONFIG.find(&self.body) {
            Ok(Some((key, Value::Object(config)))) => (key, config.clone()),
            _ => {
                let is_snake = self.body.contains_key("generation_config");
                (if is_snake { "generation_config" } else { GENERATION_CONFIG.camel }, Map::new())
            }
        }
    }

    fn limit(&self, of: &super::names::Name) -> Option<u64> {
        let (_, config) = self.config();
        of.find(&config).ok().flatten().and_then(|(_, value)| value.as_u64())
    }

    fn edit(&mut self, member: &'static str) {
        splice::Edit::value(&mut self.edits, member);
    }
}

impl crate::Request for Request {
    fn models(&self) -> Vec<&str> {
        let in_body = self.body.get(MODEL.camel).and_then(Value::as_str);
        let in_body = in_body.map(|name| name.strip_prefix("models/").unwrap_or(name));
        std::iter::once(self.address.model.as_str()).chain(in_body).collect()
    }

    fn wants(&self) -> Wants {
        self.address.wants
    }

    fn choices(&self) -> u64 {
        self.limit(&CANDIDATE_COUNT).unwrap_or(1)
    }

    /// A cache brings contents and tools, a continuation token the turn that it continues.
    fn server_state(&self) -> bool {
        let is_given = |value: &Value| value.as_str() != Some("");
        [CACHED_CONTENT, CONTINUATION_TOKEN]
            .iter()
            .any(|name| matches!(name.find(&self.body), Ok(Some((_, value))) if is_given(value)))
    }

    fn provider_tools(&self) -> Vec<&str> {
        self.tools.provided()
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
        let list = self.tools.replace(&self.body, declarations);
        self.edits.retain(|edit| edit.member != "tools");
        if list.is_empty() {
            if self.body.shift_remove("tools").is_some() {
                self.edit("tools");
            }
            return;
        }
        self.edits.push(splice::Edit { member: "tools", text: Some(format!("[{}]", list.join(","))) });
    }

    /// 0 is what proto3 takes for a limit that is not set.
    fn clamp_output_tokens(&mut self, max: u64) {
        if self.limit(&MAX_OUTPUT_TOKENS).is_some_and(|limit| (1..=max).contains(&limit)) {
            return;
        }
        let (member, mut config) = self.config();
        let key = MAX_OUTPUT_TOKENS.find(&config).ok().flatten().map_or(MAX_OUTPUT_TOKENS.camel, |(key, _)| key);
        // A `null` in the other spelling would be a second limit.
        config.retain(|key, value| !(value.is_null() && MAX_OUTPUT_TOKENS.is(key)));
        config.insert(key.to_owned(), Value::from(max));
        self.body.insert(member.to_owned(), Value::Object(config));
        self.edit(member);
    }

    fn answer_whole(&mut self) {
        self.address.answer_whole();
    }

    /// Of the modes only `ANY` forces a call (enumerations may also be numbers in proto3 JSON, and those are not told apart here).
    /// `AUTO` takes no list of allowed functions.
    fn free_choice(&mut self) {
        let Ok(Some((member, Value::Object(config)))) = TOOL_CONFIG.find(&self.body) else { return };
        let mode = match FUNCTION_CALLING_CONFIG.find(config) {
            Ok(Some((_, calling))) => calling.get("mode"),
            _ => return,
        };
        if mode.is_some_and(|mode| mode == "ANY" || mode.is_number()) {
            let mut config = config.clone();
            config.retain(|key, _| !FUNCTION_CALLING_CONFIG.is(key));
            config.insert(FUNCTION_CALLING_CONFIG.camel.to_owned(), json!({ "mode": "AUTO" }));
            self.body.insert(member.to_owned(), Value::Object(config));
            self.edit(member);
        }
    }

    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        if !self.edits.iter().any(|edit| edit.member == CONTENTS.camel) {
            let whole = callgate_json::read(&self.text).unwrap_or_default();
            let contents = whole.get(CONTENTS.camel).cloned().unwrap_or_default();
            self.body.insert(CONTENTS.camel.to_owned(), contents);
        }
        let Some(Value::Array(contents)) = self.body.get_mut(CONTENTS.camel) else { return };
        let mut written = turn::Written::default();
        let calls = results.iter().map(|result| written.call(&result.call));
        let parts: Vec<Value> = said.iter().cloned().chain(calls).collect();
        let responses: Vec<Value> = results.iter().map(turn::response).collect();
        contents.push(json!({ "role": "model", "parts": parts }));
        contents.push(json!({ "role": "user", "parts": responses }));
        self.edit(CONTENTS.camel);
    }

    fn target(&self) -> Option<String> {
        self.address.changed()
    }

    fn write(&self) -> Vec<u8> {
        let Some(around) = &self.around else { return splice::write(&self.text, &self.body, &self.edits) };
        if self.edits.is_empty() {
            return around.text.clone();
        }
        let mut out = format!(r#"{{"{}":"#, around.member).into_bytes();
        out.extend_from_slice(&splice::write(&self.text, &self.body, &self.edits));
        out.push(b'}');
        out
    }
}

fn object(text: &[u8]) -> Result<Map<String, Value>, RequestError> {
    match callgate_json::read_only(text, &BUILT)? {
        Value::Object(body) => Ok(body),
        _ => Err(RequestError::NotAnObject),
    }
}

/// The types of the members that are decided on; tools are read apart.
fn check(body: &Map<String, Value>) -> Result<(), RequestError> {
    let objects = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_object));
    let contents = CONTENTS.read(body, "an array of objects", |value| Some(value).filter(|value| objects(value)))?;
    contents.ok_or(RequestError::Invalid { param: CONTENTS.camel, expected: "an array of objects" })?;
    MODEL.read(body, "a string", Value::as_str)?;
    for state in [CACHED_CONTENT, CONTINUATION_TOKEN] {
        state.read(body, "a string", Value::as_str)?;
    }
    if let Some(config) = GENERATION_CONFIG.read(body, "an object", Value::as_object)? {
        MAX_OUTPUT_TOKENS.read(config, "a whole number, 0 or more", Value::as_u64)?;
        let above_0 = |value: &Value| value.as_u64().filter(|&count| count > 0);
        CANDIDATE_COUNT.read(config, "a whole number above 0", above_0)?;
    }
    match GENERATE_CONTENT_REQUEST.find(body)? {
        None => Ok(()),
        Some(_) => {
            let param = GENERATE_CONTENT_REQUEST.camel;
            Err(RequestError::Invalid { param, expected: "a member of a request that counts tokens" })
        }
    }
}
