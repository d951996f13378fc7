//! A request: the body of *create a message* and of *count tokens in a message*.

mod blocks;
mod conversation;
mod references;
mod tools;

use callgate_json::{Map, Span, Value, with_member};
use serde_json::json;

use super::block;
use super::stream::Messages;
use crate::checks::exact;
use crate::conversation::Each;
use crate::members::{ANTHROPIC_MESSAGES, Fields};
use crate::skeleton::blocks::with_calls;
use crate::skeleton::document::{
    Body, Checked, Draft, Endpoint, NameRule, Read, RequestFormat, additional, may_bring_tools,
};
use crate::skeleton::list::call_block;
use crate::{CallResult, Declaration, Form, RequestError, Target, Wants};

/// The state of a request of Messages.
#[derive(Debug, Clone)]
pub(crate) struct MessagesRequest {
    endpoint: Endpoint,
}

// === impl MessagesRequest ===

impl RequestFormat for MessagesRequest {
    const TURNS: &'static str = "messages";
    const NAMES: NameRule = NameRule { longest: 128, beside: b"_-", begins_plain: false };

    /// Also refuses a request with a tool defined inside of the conversation.
    ///
    /// Its provider tools are the types of tools that the API defines and the provider runs, by their full names; `mcp` and `skills`;
    /// and the kinds of code allowed to call functions. State at the provider is a continued thread, or a container from an earlier
    /// exchange.
    fn read(target: &Target<'_>, checked: &Checked<'_>) -> Result<Read<MessagesRequest>, RequestError> {
        let (mut draft, fields) = Draft::read(checked, &ANTHROPIC_MESSAGES)?;
        draft.model(&fields, target)?;
        let streams = check(&fields, checked)?;
        draft.judged().state |= is_state(&fields);
        let wants = if target.path.ends_with("/count_tokens") {
            Wants::Count
        } else if streams {
            Wants::Stream
        } else {
            Wants::Whole
        };
        if checked.turns().is_none_or(|(messages, _)| may_bring_tools(messages)) {
            additional(fields.get("messages").into_iter().flat_map(Span::items), "messages", draft.judged())?;
        }
        let tools = tools::read(&fields, draft.judged())?;
        Ok(Read { draft, tools, wants, format: MessagesRequest { endpoint: Endpoint::new(target) } })
    }

    fn conversation<'t>(body: &'t Body, each: Each<'_, 't>) {
        conversation::show(body, each);
    }

    fn declare(&mut self, body: &mut Body, declarations: &[&Declaration], _form: Form) {
        tools::write(body, declarations);
    }

    fn limit(&self, body: &mut Body, max: u64) {
        if body.get("max_tokens").is_none() {
            body.set("max_tokens", max.to_string());
        }
    }

    /// Vertex AI has the method in the path.
    fn answer_whole(&mut self, body: &mut Body, streamed: bool) {
        if streamed {
            self.endpoint.replace_end(":streamRawPredict", ":rawPredict");
            body.set("stream", "false".to_owned());
        }
    }

    fn free_choice(&self, body: &mut Body) {
        let kind = body.get("tool_choice").and_then(|choice| choice.get("type")).and_then(Span::string);
        if !kind.is_some_and(|kind| kind == "auto" || kind == "none") {
            choose_freely(body);
        }
    }

    fn drop_provided(&self, body: &mut Body) {
        tools::drop_provided(body);
    }

    /// The API refuses a choice without tools.
    fn limit_choice(&self, body: &mut Body, tools_left: bool, is_offered: &dyn Fn(&str) -> bool) {
        if !tools_left {
            return body.remove("tool_choice");
        }
        let chosen = body.get("tool_choice").and_then(|choice| choice.get("name")).and_then(Span::string);
        let is_left = chosen.is_none_or(|name| is_offered(&name) || tools::provided(body).any(|tool| tool == name));
        if !is_left {
            choose_freely(body);
        }
    }

    /// Writes one message of the model, with its blocks and calls in their order, and one of the user with the results.
    fn turn(&self, _body: &mut Body, said: &[Value], results: &[CallResult]) -> Vec<String> {
        let calls = results.iter().map(|result| call_block::<Messages>(&result.call));
        let turn = with_calls(said, calls, |block| Some(block.to_string()));
        let results: Vec<Value> = results.iter().map(result).collect();
        let turn = format!(r#"{{"role":"assistant","content":[{}]}}"#, turn.join(","));
        vec![turn, json!({ "role": "user", "content": results }).to_string()]
    }

    fn target(&self) -> Option<String> {
        self.endpoint.changed()
    }
}

fn choose_freely(body: &mut Body) {
    let Some(choice) = body.get("tool_choice") else { return };
    let unnamed = with_member(choice, "name", None);
    let free = with_member(Span::new(unnamed.as_bytes()), "type", Some(r#""auto""#.to_owned()));
    body.set("tool_choice", free);
}

/// Writes the result of a call as a block.
fn result(CallResult { call, content, failed }: &CallResult) -> Value {
    let mut members = Map::new();
    members.insert("type".to_owned(), Value::from("tool_result"));
    members.insert("tool_use_id".to_owned(), Value::from(call.id.as_str()));
    members.insert("content".to_owned(), Value::from(content.as_str()));
    if *failed {
        members.insert("is_error".to_owned(), Value::Bool(true));
    }
    if let Some(family) = call.extra.get(block::FAMILY) {
        members.insert(block::FAMILY.to_owned(), family.clone());
    }
    Value::Object(members)
}

/// Checks the types of the members which decide something; tools are read elsewhere. Returns true if a stream is asked for.
fn check(fields: &Fields<'_>, checked: &Checked<'_>) -> Result<bool, RequestError> {
    let messages = fields.required("messages", "an array", Span::array)?;
    let choice = fields.read("tool_choice", "an object", Span::object)?;
    fields.read("thread", "an object", Span::object)?;
    let container = |value: Span<'_>| (value.is_string() || value.is_object()).then_some(());
    fields.read("container", "a string or an object", container)?;
    for (param, value, members) in [
        ("tool_choice", choice, &["type", "name"]),
        ("container", fields.get("container").and_then(Span::object), &["id", "skills"]),
    ] {
        value.map_or(Ok(()), |value| exact(value, param, members))?;
    }
    blocks::check(fields.get("system"), "system")?;
    // Most conversations have nothing that a look at each message could find.
    let is_plain = |(messages, blocks)| blocks::are_plain(messages, blocks);
    let searched = (!checked.turns().is_some_and(is_plain)).then_some(messages);
    for message in searched.into_iter().flat_map(Span::items) {
        let message = message.object().ok_or(RequestError::invalid("messages", "an array of objects"))?;
        exact(message, "messages", &["content"])?;
        blocks::check(message.get("content"), "messages")?;
    }
    fields.flag("stream")
}

/// Returns true for a continued thread, or a container from an earlier exchange.
fn is_state(fields: &Fields<'_>) -> bool {
    let container = fields.get("container").is_some_and(|value| value.is_string() || value.some("id").is_some());
    let creates = |thread: Span<'_>| thread.get("type").and_then(Span::string).is_some_and(|kind| kind == "create");
    container || fields.get("thread").is_some_and(|thread| !creates(thread))
}
