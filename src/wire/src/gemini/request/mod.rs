//! A request: path, query, and the body of *generateContent* and *countTokens*.

mod address;
mod declared;

use callgate_json::{Span, Value};
use serde_json::json;

use super::names::FUNCTION_CALLING_CONFIG;
use super::turn;
use crate::body::{Body, checked, with_member};
use crate::members::{Fields, GEMINI, is_limit};
use crate::{CallResult, Declaration, Declared, Form, RequestError, Target, UnknownMembers, Wants};
use address::Address;
use declared::Tools;

const CONFIG: &str = "generationConfig";
const LIMIT: &str = "maxOutputTokens";
const WHOLE_REQUEST: &str = "generateContentRequest";

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub(super) struct Request {
    address: Address,
    /// The member that the request is in: *countTokens* takes a whole request as the only member of its body.
    within: Option<String>,
    /// The body as it came, while nothing is changed in it.
    around: Vec<u8>,
    body: Body,
    tools: Tools,
    choices: u64,
    /// The spellings of members that are rewritten.
    spelled: Spelled,
}

/// The spellings of members that are rewritten.
#[derive(Debug, Clone)]
struct Spelled {
    config: String,
    tools: String,
    choice: String,
}

// === impl Request ===

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`] as [`crate::Dialect::request`] says; also for a stream in another form than server-sent events, a member in both
    /// spellings, and arguments that are to be streamed piece by piece.
    pub(super) fn read(target: &Target<'_>, text: &[u8]) -> Result<Request, RequestError> {
        let address = Address::read(target)?;
        let whole = checked(text)?;
        let (mut body, mut fields) = Body::read(whole, &GEMINI)?;
        let mut within = None;
        if let Some(inner) = fields.get(WHOLE_REQUEST) {
            if address.wants != Wants::Count {
                return Err(invalid(WHOLE_REQUEST, "a member of a request that counts tokens"));
            }
            if whole.members().count() > 1 {
                return Err(invalid(WHOLE_REQUEST, "the only member"));
            }
            within = fields.key(WHOLE_REQUEST).map(str::to_owned);
            (body, fields) = Body::read(inner.object().ok_or(invalid(WHOLE_REQUEST, "an object"))?, &GEMINI)?;
            if fields.get(WHOLE_REQUEST).is_some() {
                return Err(invalid(WHOLE_REQUEST, "found within another"));
            }
        }
        check(&fields)?;
        let in_body = fields.read("model", "a string", Span::string)?;
        body.judged().model("model", &address.model)?;
        if let Some(name) = &in_body {
            body.judged().model("model", name.strip_prefix("models/").unwrap_or(name))?;
        }
        let tools = Tools::read(&fields, body.judged())?;
        let config = fields.get(CONFIG);
        let choices = config.and_then(|config| member(config, "candidateCount")).and_then(|(_, count)| count.count());
        let spelled = |name: &str| fields.key(name).unwrap_or(name).to_owned();
        let spelled = Spelled { config: spelled(CONFIG), tools: spelled("tools"), choice: spelled("toolConfig") };
        let around = if within.is_some() { whole.bytes().to_vec() } else { Vec::new() };
        Ok(Request { address, within, around, body, tools, choices: choices.unwrap_or(1), spelled })
    }

    /// Gives `functionCallingConfig` another value, or takes it out.
    fn set_calling(&mut self, text: Option<&str>) {
        let Some(config) = self.body.get(&self.spelled.choice) else { return };
        let mut config = config.text().into_owned();
        for name in ["functionCallingConfig", "function_calling_config"] {
            config = with_member(Span::new(config.as_bytes()), name, None);
        }
        if let Some(text) = text {
            config = with_member(Span::new(config.as_bytes()), FUNCTION_CALLING_CONFIG.camel, Some(text.to_owned()));
        }
        self.body.set(&self.spelled.choice, config);
    }
}

impl crate::Request for Request {
    fn models(&self) -> Vec<&str> {
        self.body.models()
    }

    fn wants(&self) -> Wants {
        self.address.wants
    }

    fn choices(&self) -> u64 {
        self.choices
    }

    /// A cache brings contents and tools, a continuation token the turn that it continues.
    fn server_state(&self) -> bool {
        self.body.server_state()
    }

    fn provider_tools(&self) -> Vec<&str> {
        self.body.provider_tools()
    }

    fn declared(&self) -> &[Declared] {
        &self.tools.declared
    }

    fn chosen(&self) -> Vec<&str> {
        self.tools.chosen.iter().collect()
    }

    /// The API has one list of functions: [`Form::Tool`].
    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        if form == Form::Tool {
            self.tools.declare(&mut self.body, &self.spelled.tools, declarations);
        }
    }

    fn drop_unknown_members(&mut self, allow: &[String]) -> UnknownMembers {
        self.body.drop_unknown(allow)
    }

    /// 0 is what proto3 takes for a limit that is not set.
    fn clamp_output_tokens(&mut self, max: u64) {
        self.body.clamp(max);
        let config = self.body.get(&self.spelled.config).unwrap_or(Span::new(b"{}"));
        let limit = member(config, LIMIT);
        if !is_limit(limit.as_ref().map(|(_, limit)| *limit)) {
            let config =
                with_member(config, limit.map_or(LIMIT.into(), |(key, _)| key).as_ref(), Some(max.to_string()));
            self.body.set(&self.spelled.config, config);
        }
    }

    fn answer_whole(&mut self) {
        self.address.answer_whole();
    }

    /// Only the mode `ANY` forces a call (enumerations may also be numbers in proto3 JSON, and those are not told apart here).
    /// `AUTO` takes no list of allowed functions.
    fn free_choice(&mut self) {
        let config = self.body.get(&self.spelled.choice);
        let calling = config.and_then(|config| FUNCTION_CALLING_CONFIG.find(config).ok().flatten());
        let Some(mode) = calling.and_then(|calling| calling.get("mode")) else { return };
        if mode.number().is_some() || mode.string().is_some_and(|mode| mode == "ANY") {
            self.set_calling(Some(r#"{"mode":"AUTO"}"#));
        }
    }

    fn drop_choice(&mut self, tools_left: bool) {
        self.set_calling(tools_left.then_some(r#"{"mode":"AUTO"}"#));
    }

    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        let mut written = turn::Written::default();
        let calls = results.iter().map(|result| written.call(&result.call));
        let parts: Vec<Value> = said.iter().cloned().chain(calls).collect();
        let responses: Vec<Value> = results.iter().map(turn::response).collect();
        let contents = [json!({ "role": "model", "parts": parts }), json!({ "role": "user", "parts": responses })];
        self.body.extend_list("contents", &contents.map(|content| content.to_string()));
    }

    fn target(&self) -> Option<String> {
        self.address.changed()
    }

    fn held(&self) -> usize {
        self.body.held().saturating_add(self.around.len())
    }

    fn write(&self) -> Vec<u8> {
        let Some(within) = &self.within else { return self.body.write() };
        if !self.body.is_changed() {
            return self.around.clone();
        }
        let mut out = format!(r#"{{"{within}":"#).into_bytes();
        out.extend_from_slice(&self.body.write());
        out.push(b'}');
        out
    }
}

fn invalid(param: &'static str, expected: &'static str) -> RequestError {
    RequestError::Invalid { param, expected }
}

/// A member in the spelling that it has.
fn member<'t>(object: Span<'t>, camel: &str) -> Option<(std::borrow::Cow<'t, str>, Span<'t>)> {
    object.members().find(|(key, _)| super::camel(key) == camel)
}

/// The types of the members that are decided on; tools are read apart.
fn check(fields: &Fields<'_>) -> Result<(), RequestError> {
    fields.required("contents", "an array of objects", Span::objects)?;
    for state in ["cachedContent", "continuationToken"] {
        fields.read(state, "a string", Span::string)?;
    }
    Ok(())
}
