//! A request: the body of *create chat completion*.

mod choice;
mod conversation;
mod declared;
mod limit;

use callgate_json::{Map, Span, Value, with_member};
use serde_json::json;

use super::{calls, turn_text};
use crate::conversation::Each;
use crate::members::{Fields, OPENAI_CHAT};
use crate::skeleton::document::{Body, Checked, Draft, Read, RequestFormat, messages};
use crate::{CallResult, Declaration, Form, OutputLimit, RequestError, Target, Wants};

/// The member with the wish for the usage.
const STREAM_OPTIONS: &str = "stream_options";

/// The state of a request of Chat Completions.
#[derive(Debug, Clone)]
pub(crate) struct ChatRequest {
    include_usage: bool,
    /// The gate asks for the usage, and the client does not.
    hides_usage: bool,
    choices: u64,
    limit: limit::Limit,
    /// [`Tools::keeps`](crate::skeleton::document::Tools::keeps).
    keeps_tools: bool,
}

// === impl ChatRequest ===

impl RequestFormat for ChatRequest {
    const TURNS: &'static str = "messages";
    const FORMS: &'static [Form] = &[Form::Tool, Form::Function];

    fn read(target: &Target<'_>, checked: &Checked<'_>) -> Result<Read<ChatRequest>, RequestError> {
        let (mut draft, fields) = Draft::read(checked, &OPENAI_CHAT)?;
        let in_path = draft.model(&fields, target)?;
        let model = fields.get("model").and_then(Span::string);
        let model = model.as_deref().or(in_path.as_deref()).unwrap_or_default();
        let limit = limit::Limit::new(model, in_path.is_some());
        check(&fields, checked, &mut draft)?;
        let tools = declared::read(&fields, draft.judged())?;
        let options = fields.get(STREAM_OPTIONS);
        let include_usage = options.and_then(|options| options.get("include_usage")).and_then(Span::bool) == Some(true);
        let wants = if fields.flag("stream")? { Wants::Stream } else { Wants::Whole };
        let choices = fields.get("n").and_then(Span::count).unwrap_or(1);
        let format = ChatRequest { include_usage, hides_usage: false, choices, limit, keeps_tools: tools.keeps };
        Ok(Read { draft, tools, wants, format })
    }

    fn choices(&self) -> u64 {
        self.choices
    }

    fn include_usage(&self) -> bool {
        self.include_usage
    }

    fn ask_for_usage(&mut self, body: &mut Body) {
        if !self.include_usage {
            let options = body.get(STREAM_OPTIONS).and_then(Span::object).unwrap_or(Span::new(b"{}"));
            let asking = with_member(options, "include_usage", Some("true".to_owned()));
            body.set(STREAM_OPTIONS, asking);
            self.hides_usage = true;
        }
    }

    fn hides_usage(&self) -> bool {
        self.hides_usage
    }

    fn conversation<'t>(body: &'t Body, each: Each<'_, 't>) {
        conversation::show(body, each);
    }

    fn declare(&mut self, body: &mut Body, declarations: &[&Declaration], form: Form) {
        declared::write(body, declarations, form, self.keeps_tools);
    }

    fn name_output_limit(&mut self, name: OutputLimit) {
        self.limit.name = name;
    }

    fn limit(&self, body: &mut Body, max: u64) {
        self.limit.set(body, max);
    }

    fn answer_whole(&mut self, body: &mut Body, streamed: bool) {
        if streamed {
            body.set("stream", "false".to_owned());
        }
        self.include_usage = false;
        body.remove(STREAM_OPTIONS);
    }

    fn free_choice(&self, body: &mut Body) {
        choice::unforce(body);
    }

    fn limit_choice(&self, body: &mut Body, tools_left: bool, is_offered: &dyn Fn(&str) -> bool) {
        choice::limit(body, tools_left, is_offered);
    }

    /// Writes an assistant message with the calls, then one message for each result. Each legacy function call gets an assistant
    /// message of its own, since one holds only one. The first assistant message has the turn's text and reasoning.
    fn turn(&self, _body: &mut Body, said: &[Value], results: &[CallResult]) -> Vec<String> {
        let mut messages = Vec::new();
        let text = turn_text::text(said);
        let mut content = if text.is_empty() { Value::Null } else { Value::from(text) };
        let mut beside = turn_text::members(said);
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
        messages.iter().map(Value::to_string).collect()
    }
}

/// Checks the types of the members which decide something. Tools are read elsewhere.
fn check(fields: &Fields<'_>, checked: &Checked<'_>, draft: &mut Draft) -> Result<(), RequestError> {
    let list = fields.required("messages", "an array of objects", Span::array)?;
    messages(list, checked.turns().map(|(messages, _)| messages), "messages", draft.judged())?;
    match fields.read("route", "a string", Span::string)?.as_deref() {
        None | Some("fallback" | "sort") => Ok(()),
        Some(model) => draft.judged().model("route", model),
    }
}
