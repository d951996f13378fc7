//! A request: the body of *generate a chat completion*.

use std::borrow::Cow;

use callgate_json::{Map, Span, Value};
use serde_json::json;

use super::{conversation, message};
use crate::checks::exact;
use crate::conversation::Each;
use crate::members::{Fields, Judged, OLLAMA};
use crate::skeleton::document::{
    Body, Checked, Draft, NameRule, Read, Replaced, RequestFormat, Tools, declare, declared_once, messages, redeclared,
};
use crate::{CallResult, Declaration, Form, RequestError, Target, Wants};

/// A request of Ollama has no state of its own.
#[derive(Debug, Clone)]
pub(crate) struct OllamaRequest;

// === impl OllamaRequest ===

impl RequestFormat for OllamaRequest {
    const TURNS: &'static str = "messages";
    const NAMES: NameRule = NameRule { longest: 128, beside: b"_-.:/", begins_plain: false };

    /// Its provider tools are types of `tools` besides functions; the server knows none today. The API has no way to name the tool to
    /// call.
    fn read(target: &Target<'_>, checked: &Checked<'_>) -> Result<Read<OllamaRequest>, RequestError> {
        let (mut draft, fields) = Draft::read(checked, &OLLAMA)?;
        draft.model(&fields, target)?;
        let list = fields.read("messages", "an array of objects", Span::array)?;
        list.map_or(Ok(()), |list| {
            messages(list, checked.turns().map(|(messages, _)| messages), "messages", draft.judged())
        })?;
        let streams = fields.read("stream", "true or false", Span::bool)? != Some(false);
        let tools = read_tools(&fields, draft.judged())?;
        // It streams by default. Without messages the server loads the model and answers with one object.
        let asks = list.is_some_and(|messages| messages.items().next().is_some());
        let wants = if asks && streams { Wants::Stream } else { Wants::Whole };
        Ok(Read { draft, tools, wants, format: OllamaRequest })
    }

    fn conversation<'t>(body: &'t Body, each: Each<'_, 't>) {
        conversation::show(body, each);
    }

    fn declare(&mut self, body: &mut Body, declarations: &[&Declaration], _form: Form) {
        let runs = body.runs();
        let sort = |tool| match provided(tool) {
            Ok(Some(kind)) if runs.is_dropped(&kind) => Replaced::Dropped,
            Ok(Some(_)) if !has_function(tool) => Replaced::Provided,
            _ => match tool.get("function").and_then(|function| function.get("name")).and_then(Span::string) {
                Some(name) => Replaced::Function(name, ()),
                None => Replaced::Dropped,
            },
        };
        let list = redeclared(body.original().get("tools"), declarations, sort, |out, tool, _| {
            out.push_str(r#"{"type":"function","function":"#);
            tool.write(out, "parameters", "");
            out.push('}');
        });
        body.put("tools", list);
    }

    /// The server takes 0 and less for no limit.
    fn limit(&self, body: &mut Body, max: u64) {
        body.limit_in("options", "num_predict", max);
    }

    fn answer_whole(&mut self, body: &mut Body, _streamed: bool) {
        body.set("stream", "false".to_owned());
    }

    /// The API has no way to force a call.
    fn free_choice(&self, _body: &mut Body) {}

    fn limit_choice(&self, _body: &mut Body, _tools_left: bool, _is_offered: &dyn Fn(&str) -> bool) {}

    fn turn(&self, _body: &mut Body, said: &[Value], results: &[CallResult]) -> Vec<String> {
        let mut message = Map::new();
        message.insert("role".to_owned(), Value::from("assistant"));
        message.insert("content".to_owned(), Value::from(""));
        message.extend(
            said.iter().filter_map(Value::as_object).flatten().map(|(key, value)| (key.clone(), value.clone())),
        );
        let calls = results.iter().zip(0..).map(|(result, position)| message::entry(&result.call, position));
        message.insert("tool_calls".to_owned(), calls.collect());
        let mut messages = vec![Value::Object(message).to_string()];
        for CallResult { call, content, .. } in results {
            let mut message = json!({ "role": "tool", "tool_name": call.name, "content": content });
            if message::has_id(call)
                && let Value::Object(members) = &mut message
            {
                members.insert("tool_call_id".to_owned(), Value::from(call.id.as_str()));
            }
            messages.push(message.to_string());
        }
        messages
    }
}

fn read_tools(fields: &Fields<'_>, judged: &mut Judged) -> Result<Tools, RequestError> {
    let mut tools = Tools::default();
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
        let name = name.ok_or(invalid("an array of functions with a `name`"))?;
        declare(&mut tools.declared, "tools", &name, Form::Tool)?;
    }
    declared_once(&tools.declared)?;
    Ok(tools)
}

/// Returns true for a tool with a `function`: servers that ignore the type tell the model of it.
fn has_function(tool: Span<'_>) -> bool {
    tool.some("function").is_some()
}

/// Returns the type of a tool that does not run at the client. The server never looks at it, and clients leave it out.
fn provided(tool: Span<'_>) -> Result<Option<Cow<'_, str>>, RequestError> {
    let Some(kind) = tool.some("type") else { return Ok(None) };
    let kind = kind.string().ok_or(invalid("an array of tools whose `type` is a string"))?;
    Ok(Some(kind).filter(|kind| !kind.is_empty() && kind != "function"))
}

fn invalid(expected: &'static str) -> RequestError {
    RequestError::invalid("tools", expected)
}
