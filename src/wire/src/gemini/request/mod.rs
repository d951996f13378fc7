//! A request: path, query, and the body of *generateContent* and *countTokens*.

mod address;
mod conversation;
mod declared;

use callgate_json::{Span, Value, with_member};
use serde_json::json;

use super::names::{FUNCTION_CALLING_CONFIG, STREAM_ARGUMENTS};
use super::turn;
use crate::conversation::Each;
use crate::members::{Fields, GEMINI};
use crate::skeleton::document::{Body, Checked, Draft, Endpoint, NameRule, Read, RequestFormat};
use crate::{CallResult, Declaration, Form, RequestError, Target, Wants};

const CONFIG: &str = "generationConfig";
const LIMIT: &str = "maxOutputTokens";
const WHOLE_REQUEST: &str = "generateContentRequest";

/// The state of a request of the Gemini API.
#[derive(Debug, Clone)]
pub(crate) struct GeminiRequest {
    endpoint: Endpoint,
    /// The member with the request: *countTokens* takes a whole request as the only member of its body.
    within: Option<String>,
    /// The body as it came, for as long as nothing is changed in it.
    around: Vec<u8>,
    choices: u64,
    spelled: Spelled,
}

/// The spellings of the rewritten members.
#[derive(Debug, Clone)]
struct Spelled {
    config: String,
    tools: String,
    choice: String,
}

// === impl GeminiRequest ===

impl GeminiRequest {
    /// Takes back the wish for arguments in pieces.
    fn whole_arguments(&self, body: &mut Body) {
        let config = body.get(&self.spelled.choice);
        let calling = config.and_then(|config| FUNCTION_CALLING_CONFIG.find(config).ok().flatten());
        let Some(calling) = calling.filter(|calling| member(*calling, STREAM_ARGUMENTS.camel).is_some()) else {
            return;
        };
        let mut whole = calling.text().into_owned();
        for name in ["streamFunctionCallArguments", "stream_function_call_arguments"] {
            whole = with_member(Span::new(whole.as_bytes()), name, None);
        }
        self.set_calling(body, Some(&whole));
    }

    /// Sets `functionCallingConfig`, or removes it.
    fn set_calling(&self, body: &mut Body, text: Option<&str>) {
        let Some(config) = body.get(&self.spelled.choice) else { return };
        let mut config = config.text().into_owned();
        for name in ["functionCallingConfig", "function_calling_config"] {
            config = with_member(Span::new(config.as_bytes()), name, None);
        }
        if let Some(text) = text {
            config = with_member(Span::new(config.as_bytes()), FUNCTION_CALLING_CONFIG.camel, Some(text.to_owned()));
        }
        body.set(self.spelled.choice.clone(), config);
    }
}

impl RequestFormat for GeminiRequest {
    const TURNS: &'static str = "contents";
    const NAMES: NameRule = NameRule { longest: 128, beside: b"_-.:", begins_plain: true };

    /// Also refuses a stream in another form than server-sent events, and a member in both spellings.
    ///
    /// A cache brings contents and tools, and a continuation token an earlier turn: both are state at the provider.
    fn read(target: &Target<'_>, checked: &Checked<'_>) -> Result<Read<GeminiRequest>, RequestError> {
        let (model, wants) = address::read(target)?;
        let (mut draft, mut fields) = Draft::read(checked, &GEMINI)?;
        let mut within = None;
        if let Some(inner) = fields.get(WHOLE_REQUEST) {
            let invalid = |expected| RequestError::invalid(WHOLE_REQUEST, expected);
            if wants != Wants::Count {
                return Err(invalid("a member of a request that counts tokens"));
            }
            if checked.object().members().count() > 1 {
                return Err(invalid("the only member"));
            }
            within = fields.key(WHOLE_REQUEST).map(str::to_owned);
            (draft, fields) = Draft::inner(inner.object().ok_or(invalid("an object"))?, &GEMINI)?;
            if fields.get(WHOLE_REQUEST).is_some() {
                return Err(invalid("found within another"));
            }
        }
        // The contents of an inner request are no member of the text's object.
        let known = within.is_none() && checked.turns().is_some();
        check(&fields, known)?;
        let in_body = fields.read("model", "a string", Span::string)?;
        draft.judged().model("model", &model)?;
        if let Some(name) = &in_body {
            draft.judged().model("model", name.strip_prefix("models/").unwrap_or(name))?;
        }
        let tools = declared::read(&fields, draft.judged())?;
        let config = fields.get(CONFIG);
        let choices = config.and_then(|config| member(config, "candidateCount")).and_then(|(_, count)| count.count());
        let spelled = |name: &str| fields.key(name).unwrap_or(name).to_owned();
        let spelled = Spelled { config: spelled(CONFIG), tools: spelled("tools"), choice: spelled("toolConfig") };
        let around = if within.is_some() { checked.text().to_vec() } else { Vec::new() };
        let endpoint = Endpoint::new(target);
        let format = GeminiRequest { endpoint, within, around, choices: choices.unwrap_or(1), spelled };
        Ok(Read { draft, tools, wants, format })
    }

    fn choices(&self) -> u64 {
        self.choices
    }

    fn conversation<'t>(body: &'t Body, each: Each<'_, 't>) {
        conversation::show(body, each);
    }

    fn declare(&mut self, body: &mut Body, declarations: &[&Declaration], _form: Form) {
        declared::write(body, &self.spelled.tools, declarations);
    }

    /// proto3 takes 0 for a missing limit.
    fn limit(&self, body: &mut Body, max: u64) {
        let limit = body.get(&self.spelled.config).and_then(|config| member(config, LIMIT));
        let limit = limit.map_or(LIMIT.into(), |(key, _)| key).into_owned();
        body.limit_in(&self.spelled.config, &limit, max);
    }

    /// The API streams arguments in streams only.
    fn answer_whole(&mut self, body: &mut Body, streamed: bool) {
        if streamed {
            address::answer_whole(&mut self.endpoint);
            self.whole_arguments(body);
        }
    }

    /// Only the mode `ANY` forces a call. Enumerations may also be numbers in proto3 JSON, and those are not told apart here. `AUTO`
    /// takes no list of allowed functions.
    fn free_choice(&self, body: &mut Body) {
        let config = body.get(&self.spelled.choice);
        let calling = config.and_then(|config| FUNCTION_CALLING_CONFIG.find(config).ok().flatten());
        let Some(mode) = calling.and_then(|calling| calling.get("mode")) else { return };
        if mode.number().is_some() || mode.string().is_some_and(|mode| mode == "ANY") {
            self.set_calling(body, Some(r#"{"mode":"AUTO"}"#));
        }
    }

    fn drop_provided(&self, body: &mut Body) {
        declared::drop_provided(body, &self.spelled.choice);
    }

    fn limit_choice(&self, body: &mut Body, tools_left: bool, is_offered: &dyn Fn(&str) -> bool) {
        if !tools_left {
            return self.set_calling(body, None);
        }
        let config = body.get(&self.spelled.choice);
        let calling = config.and_then(|config| FUNCTION_CALLING_CONFIG.find(config).ok().flatten());
        let Some(calling) = calling else { return };
        let limited = declared::limited(calling, is_offered);
        self.set_calling(body, Some(limited.as_deref().unwrap_or(r#"{"mode":"AUTO"}"#)));
    }

    fn turn(&self, _body: &mut Body, said: &[Value], results: &[CallResult]) -> Vec<String> {
        let mut written = turn::WrittenTurn::default();
        let calls = results.iter().map(|result| written.call(&result.call));
        let parts: Vec<Value> = said.iter().cloned().chain(calls).collect();
        let responses: Vec<Value> = results.iter().map(turn::response).collect();
        let contents = [json!({ "role": "model", "parts": parts }), json!({ "role": "user", "parts": responses })];
        contents.map(|content| content.to_string()).into()
    }

    fn target(&self) -> Option<String> {
        self.endpoint.changed()
    }

    fn held(&self, body: &Body) -> usize {
        body.held().saturating_add(self.around.len())
    }

    fn write(&self, body: &Body) -> Vec<u8> {
        let Some(within) = &self.within else { return body.write() };
        if !body.is_changed() {
            return self.around.clone();
        }
        let mut out = format!(r#"{{"{within}":"#).into_bytes();
        out.extend_from_slice(&body.write());
        out.push(b'}');
        out
    }
}

/// Returns a member in either spelling.
fn member<'t>(object: Span<'t>, camel: &str) -> Option<(std::borrow::Cow<'t, str>, Span<'t>)> {
    object.members().find(|(key, _)| super::camel(key) == camel)
}

/// Checks the types of the members which decide something. Tools are read elsewhere.
/// `known_objects` says that contents in a list are objects.
fn check(fields: &Fields<'_>, known_objects: bool) -> Result<(), RequestError> {
    let objects = if known_objects { Span::array } else { Span::objects };
    fields.required("contents", "an array of objects", objects)?;
    for state in ["cachedContent", "continuationToken"] {
        fields.read(state, "a string", Span::string)?;
    }
    Ok(())
}
