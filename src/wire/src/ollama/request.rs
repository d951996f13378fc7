//! A request: the body of *generate a chat completion*.

use std::borrow::Cow;

use callgate_json::{Map, Span, Value};
use serde_json::json;

use super::shape;
use crate::body::{Body, checked, with_member};
use crate::checks::{declare, declared_once, exact};
use crate::declaration::additional;
use crate::members::{Fields, Judged, OLLAMA, is_limit};
use crate::{CallResult, Declaration, Declared, Form, RequestError, Target, UnknownMembers, Wants, body};

const LIMIT: &str = "num_predict";

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub(super) struct Request {
    body: Body,
    declared: Vec<Declared>,
    wants: Wants,
}

// === impl Request ===

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`] as [`crate::Dialect::request`] says.
    pub(super) fn read(target: &Target<'_>, text: &[u8]) -> Result<Request, RequestError> {
        let (mut body, fields) = Body::read(checked(text)?, &OLLAMA)?;
        let in_path = body::model_in_path(target)?;
        if fields.read("model", "a string", Span::string)?.is_none() && in_path.is_none() {
            return Err(RequestError::Invalid { param: "model", expected: "a string" });
        }
        if let Some(model) = &in_path {
            body.judged().model("model", model)?;
        }
        let messages = fields.read("messages", "an array of objects", Span::objects)?;
        let said = messages.into_iter().flat_map(Span::items);
        said.into_iter().try_for_each(|message| additional(message, "messages", body.judged()))?;
        let streams = fields.read("stream", "true or false", Span::bool)? != Some(false);
        let declared = declared(&fields, body.judged())?;
        // Streams unless told otherwise; without messages the server loads the model and says so in one object.
        let asks = messages.is_some_and(|messages| messages.items().next().is_some());
        Ok(Request { body, declared, wants: if asks && streams { Wants::Stream } else { Wants::Whole } })
    }
}

impl crate::Request for Request {
    fn models(&self) -> Vec<&str> {
        self.body.models()
    }

    fn wants(&self) -> Wants {
        self.wants
    }

    fn server_state(&self) -> bool {
        self.body.server_state()
    }

    /// Types of `tools` that are no functions. The server knows none today.
    fn provider_tools(&self) -> Vec<&str> {
        self.body.provider_tools()
    }

    fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// The API has no way to name the tool to call.
    fn chosen(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The API has one list of functions: [`Form::Tool`].
    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        if form != Form::Tool {
            return;
        }
        let entry = |tool: &&Declaration| format!(r#"{{"type":"function","function":{}}}"#, tool.object("parameters"));
        let came = self.body.came().get("tools").into_iter().flat_map(Span::items);
        let provided = came
            .filter(|tool| matches!(provided(*tool), Ok(Some(_))) && !has_function(*tool))
            .map(|tool| tool.text().into_owned());
        let list: Vec<String> = declarations.iter().map(entry).chain(provided).collect();
        self.declared = declarations.iter().map(|tool| Declared { name: tool.name().to_owned(), form }).collect();
        self.body.set_list("tools", &list);
    }

    fn drop_unknown_members(&mut self, allow: &[String]) -> UnknownMembers {
        self.body.drop_unknown(allow)
    }

    /// The server takes 0 and less for no limit.
    fn clamp_output_tokens(&mut self, max: u64) {
        self.body.clamp(max);
        let options = self.body.get("options").unwrap_or(Span::new(b"{}"));
        if !is_limit(options.get(LIMIT)) {
            let options = with_member(options, LIMIT, Some(max.to_string()));
            self.body.set("options", options);
        }
    }

    fn answer_whole(&mut self) {
        self.wants = Wants::Whole;
        self.body.set("stream", "false".to_owned());
    }

    /// The API has no way to force a call.
    fn free_choice(&mut self) {}

    fn drop_choice(&mut self, _tools_left: bool) {}

    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        let mut message = Map::new();
        message.insert("role".to_owned(), Value::from("assistant"));
        message.insert("content".to_owned(), Value::from(""));
        message.extend(
            said.iter().filter_map(Value::as_object).flatten().map(|(key, value)| (key.clone(), value.clone())),
        );
        let calls = results.iter().zip(0..).map(|(result, position)| shape::entry(&result.call, position));
        message.insert("tool_calls".to_owned(), calls.collect());
        let mut messages = vec![Value::Object(message).to_string()];
        for CallResult { call, content, .. } in results {
            let mut message = json!({ "role": "tool", "tool_name": call.name, "content": content });
            if shape::has_id(call)
                && let Value::Object(members) = &mut message
            {
                members.insert("tool_call_id".to_owned(), Value::from(call.id.as_str()));
            }
            messages.push(message.to_string());
        }
        self.body.extend_list("messages", &messages);
    }

    fn held(&self) -> usize {
        self.body.held()
    }

    fn write(&self) -> Vec<u8> {
        self.body.write()
    }
}

fn invalid(expected: &'static str) -> RequestError {
    RequestError::Invalid { param: "tools", expected }
}

fn declared(fields: &Fields<'_>, judged: &mut Judged) -> Result<Vec<Declared>, RequestError> {
    let mut declared = Vec::new();
    for tool in fields.list("tools")? {
        let tool = tool.object().ok_or(invalid("an array of objects"))?;
        exact(tool, "tools", &["type", "function"])?;
        if let Some(kind) = provided(tool)? {
            judged.runs.add("tools", &kind)?;
            if !has_function(tool) {
                continue;
            }
        }
        let function = tool.get("function").and_then(Span::object);
        let function = function.ok_or(invalid("an array of tools with a `function`"))?;
        exact(function, "tools", &["name"])?;
        let name = function.get("name").and_then(Span::string).filter(|name| !name.is_empty());
        declare(&mut declared, "tools", &name.ok_or(invalid("an array of functions with a `name`"))?, Form::Tool)?;
    }
    declared_once(declared)
}

/// Servers that ignore the type tell the model of every tool with a `function`.
fn has_function(tool: Span<'_>) -> bool {
    tool.some("function").is_some()
}

/// The type of a tool that does not run at the client. The server never looks at it, and clients leave it out.
fn provided(tool: Span<'_>) -> Result<Option<Cow<'_, str>>, RequestError> {
    let Some(kind) = tool.some("type") else { return Ok(None) };
    let kind = kind.string().ok_or(invalid("an array of tools whose `type` is a string"))?;
    Ok(Some(kind).filter(|kind| !kind.is_empty() && kind != "function"))
}
