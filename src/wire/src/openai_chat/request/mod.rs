//! A request: the body of *create chat completion*.

mod choice;
mod declared;
mod limit;

use callgate_json::{Map, Span, Value};
use serde_json::json;

use super::{calls, said};
use crate::body::{Body, checked, model_in_path};
use crate::declaration::additional;
use crate::members::{Fields, OPENAI_CHAT};
use crate::{CallResult, Declaration, Declared, Form, OutputLimit, RequestError, Target, UnknownMembers, Wants};
use declared::Tools;

/// A parsed request, possibly changed since.
#[derive(Debug, Clone)]
pub struct Request {
    body: Body,
    tools: Tools,
    wants: Wants,
    include_usage: bool,
    choices: u64,
    limit: limit::Limit,
}

// === impl Request ===

impl Request {
    /// Reads a request sent to `target`.
    ///
    /// # Errors
    /// [`RequestError`] if the text is not a strict JSON object, names no model in body or path, lacks `messages`, has
    /// a decisive member of a wrong type, or declares a tool twice.
    pub fn read(target: &Target<'_>, text: &[u8]) -> Result<Request, RequestError> {
        let (mut body, fields) = Body::read(checked(text)?, &OPENAI_CHAT)?;
        let in_path = model_in_path(target)?;
        let model = fields.read("model", "a string", Span::string)?;
        let asked = model.as_deref().or(in_path.as_deref());
        let limit = limit::Limit::new(asked.ok_or(invalid("model", "a string"))?, in_path.is_some());
        if let Some(model) = &in_path {
            body.judged().model("model", model)?;
        }
        check(&fields, &mut body)?;
        let tools = Tools::read(&fields, body.judged())?;
        let options = fields.get("stream_options");
        Ok(Request {
            wants: if flag(&fields, "stream")? { Wants::Stream } else { Wants::Whole },
            include_usage: options.and_then(|options| options.get("include_usage")).and_then(Span::bool) == Some(true),
            choices: fields.get("n").and_then(Span::count).unwrap_or(1),
            body,
            tools,
            limit,
        })
    }
}

impl crate::Request for Request {
    fn models(&self) -> Vec<&str> {
        self.body.models()
    }

    fn wants(&self) -> Wants {
        self.wants
    }

    fn choices(&self) -> u64 {
        self.choices
    }

    fn include_usage(&self) -> bool {
        self.include_usage
    }

    fn server_state(&self) -> bool {
        self.body.server_state()
    }

    fn provider_tools(&self) -> Vec<&str> {
        self.body.provider_tools()
    }

    fn declared(&self) -> &[Declared] {
        &self.tools.declared
    }

    fn has_custom_tools(&self) -> bool {
        self.tools.has_custom
    }

    fn chosen(&self) -> Vec<&str> {
        self.tools.chosen.iter().collect()
    }

    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        self.tools.declare(&mut self.body, declarations, form);
    }

    fn drop_unknown_members(&mut self, allow: &[String]) -> UnknownMembers {
        self.body.drop_unknown(allow)
    }

    fn name_output_limit(&mut self, name: OutputLimit) {
        self.limit.name = name;
    }

    fn clamp_output_tokens(&mut self, max: u64) {
        self.body.clamp(max);
        self.limit.set(&mut self.body, max);
    }

    fn answer_whole(&mut self) {
        if self.wants == Wants::Stream {
            self.body.set("stream", "false".to_owned());
        }
        self.wants = Wants::Whole;
        self.include_usage = false;
        self.body.remove("stream_options");
    }

    fn free_choice(&mut self) {
        choice::unforce(&mut self.body);
    }

    fn drop_choice(&mut self, tools_left: bool) {
        choice::take_back(&mut self.body, tools_left);
    }

    /// Returns an assistant message with the calls, then one message for each result. Each legacy function call gets
    /// its own assistant message, since one holds only one. The first assistant message has the turn's
    /// [text](crate::Answer::said), reasoning included.
    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        let mut messages = Vec::new();
        let text = said::text(said);
        let mut content = if text.is_empty() { Value::Null } else { Value::from(text) };
        let mut beside = said::members(said);
        let mut assistant = |member: &str, call: Value| {
            let mut message = Map::new();
            message.insert("role".to_owned(), Value::from("assistant"));
            message.insert("content".to_owned(), content.take());
            message.append(&mut beside);
            message.insert(member.to_owned(), call);
            Value::Object(message)
        };
        let (functions, tools): (Vec<_>, Vec<_>) =
            results.iter().partition(|result| result.call.form == Form::Function);
        if !tools.is_empty() {
            let calls = tools.iter().map(|result| calls::entry(&result.call, None)).collect();
            messages.push(assistant("tool_calls", calls));
        }
        for CallResult { call, content, .. } in tools {
            messages.push(json!({ "role": "tool", "tool_call_id": call.id, "content": content }));
        }
        for CallResult { call, content, .. } in functions {
            messages.push(assistant("function_call", json!({ "name": call.name, "arguments": call.arguments })));
            messages.push(json!({ "role": "function", "name": call.name, "content": content }));
        }
        let messages: Vec<String> = messages.iter().map(Value::to_string).collect();
        self.body.extend_list("messages", &messages);
    }

    fn held(&self) -> usize {
        self.body.held()
    }

    fn write(&self) -> Vec<u8> {
        self.body.write()
    }
}

fn invalid(param: &'static str, expected: &'static str) -> RequestError {
    RequestError::Invalid { param, expected }
}

fn flag(fields: &Fields<'_>, param: &'static str) -> Result<bool, RequestError> {
    Ok(fields.read(param, "true or false", Span::bool)?.unwrap_or(false))
}

/// Checks the types of decisive members; tools are read separately.
fn check(fields: &Fields<'_>, body: &mut Body) -> Result<(), RequestError> {
    let messages = fields.required("messages", "an array of objects", Span::objects)?;
    messages.items().try_for_each(|message| additional(message, "messages", body.judged()))?;
    match fields.read("route", "a string", Span::string)?.as_deref() {
        None | Some("fallback" | "sort") => Ok(()),
        Some(model) => body.judged().model("route", model),
    }
}
