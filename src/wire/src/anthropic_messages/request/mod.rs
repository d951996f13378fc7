//! A request: the body of *create a message* and of *count tokens in a message*.

mod blocks;
mod tools;

use callgate_json::{Span, Value};
use serde_json::json;

use super::answer::new_block;
use crate::body::{Body, checked, model_in_path, with_member};
use crate::checks::exact;
use crate::declaration::additional;
use crate::members::{ANTHROPIC_MESSAGES, Fields};
use crate::{CallResult, Declaration, Declared, Form, RequestError, Target, UnknownMembers, Wants};
use tools::Tools;

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub struct Request {
    body: Body,
    tools: Tools,
    wants: Wants,
    /// Path and query at which a whole answer is asked for, if they differ.
    whole: Option<String>,
    target: Option<String>,
}

// === impl Request ===

impl Request {
    /// Reads a request that came to `target`.
    ///
    /// # Errors
    /// [`RequestError`] if the text is not a strict JSON object, names no model in body or path, lacks `messages`, has a member
    /// of a wrong type among those that are decided on, declares a tool twice, or defines one in the midst of the conversation.
    pub fn read(target: &Target<'_>, text: &[u8]) -> Result<Request, RequestError> {
        let (mut body, fields) = Body::read(checked(text)?, &ANTHROPIC_MESSAGES)?;
        let in_path = model_in_path(target)?;
        if fields.read("model", "a string", Span::string)?.is_none() && in_path.is_none() {
            return Err(invalid("model", "a string"));
        }
        if let Some(model) = &in_path {
            body.judged().model("model", model)?;
        }
        let streams = check(&fields)?;
        body.judged().state |= is_state(&fields);
        let wants = if target.path.ends_with("/count_tokens") {
            Wants::Count
        } else if streams {
            Wants::Stream
        } else {
            Wants::Whole
        };
        let messages = fields.get("messages").into_iter().flat_map(Span::items);
        messages.into_iter().try_for_each(|message| additional(message, "messages", body.judged()))?;
        let tools = Tools::read(&fields, body.judged())?;
        // Vertex AI has the method in the path.
        let whole = target
            .path
            .strip_suffix(":streamRawPredict")
            .map(|before| target.with_path(&format!("{before}:rawPredict")));
        Ok(Request { body, tools, wants, whole, target: None })
    }
}

impl crate::Request for Request {
    /// The model, those to fall back to (`default` where the API chooses them), and those that tools of the API ask.
    fn models(&self) -> Vec<&str> {
        self.body.models()
    }

    fn wants(&self) -> Wants {
        self.wants
    }

    /// A thread that continues, or a container that an earlier exchange left behind.
    fn server_state(&self) -> bool {
        self.body.server_state()
    }

    /// The types of tools that the API defines, whoever runs them, by their full names; `mcp` and `skills`; the kinds of code
    /// that may call functions.
    fn provider_tools(&self) -> Vec<&str> {
        self.body.provider_tools()
    }

    fn declared(&self) -> &[Declared] {
        &self.tools.declared
    }

    fn chosen(&self) -> Vec<&str> {
        self.tools.chosen.iter().map(String::as_str).collect()
    }

    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        if form == Form::Tool {
            self.tools.declare(&mut self.body, declarations);
        }
    }

    fn drop_unknown_members(&mut self, allow: &[String]) -> UnknownMembers {
        self.body.drop_unknown(allow)
    }

    fn clamp_output_tokens(&mut self, max: u64) {
        self.body.clamp(max);
        if self.body.get("max_tokens").is_none() {
            self.body.set("max_tokens", max.to_string());
        }
    }

    fn answer_whole(&mut self) {
        if self.wants == Wants::Stream {
            self.wants = Wants::Whole;
            self.target = self.whole.take();
            self.body.set("stream", "false".to_owned());
        }
    }

    fn free_choice(&mut self) {
        let Some(choice) = self.body.get("tool_choice") else { return };
        let kind = choice.get("type").and_then(Span::string);
        if !kind.is_some_and(|kind| kind == "auto" || kind == "none") {
            self.choose_freely();
        }
    }

    /// The API refuses a choice without tools.
    fn drop_choice(&mut self, tools_left: bool) {
        if tools_left { self.choose_freely() } else { self.body.remove("tool_choice") }
    }

    /// One message of the model, with all it said before the calls (thoughts keep their signatures), and one of the user with the
    /// results.
    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        let said = said.iter().map(Value::to_string);
        let turn: Vec<String> = said.chain(results.iter().map(|result| new_block(&result.call))).collect();
        let results: Vec<Value> = results.iter().map(result).collect();
        let turn = format!(r#"{{"role":"assistant","content":[{}]}}"#, turn.join(","));
        let answer = json!({ "role": "user", "content": results }).to_string();
        self.body.extend_list("messages", &[turn, answer]);
    }

    fn target(&self) -> Option<String> {
        self.target.clone()
    }

    fn held(&self) -> usize {
        self.body.held()
    }

    fn write(&self) -> Vec<u8> {
        self.body.write()
    }
}

impl Request {
    fn choose_freely(&mut self) {
        let Some(choice) = self.body.get("tool_choice") else { return };
        let unnamed = with_member(choice, "name", None);
        let free = with_member(Span::new(unnamed.as_bytes()), "type", Some(r#""auto""#.to_owned()));
        self.body.set("tool_choice", free);
    }
}

/// The result of a call, as a block.
fn result(CallResult { call, content, failed }: &CallResult) -> Value {
    if *failed {
        return json!({ "type": "tool_result", "tool_use_id": call.id, "content": content, "is_error": true });
    }
    json!({ "type": "tool_result", "tool_use_id": call.id, "content": content })
}

fn invalid(param: &'static str, expected: &'static str) -> RequestError {
    RequestError::Invalid { param, expected }
}

/// The types of the members that are decided on; tools are read apart. True if a stream is asked for.
fn check(fields: &Fields<'_>) -> Result<bool, RequestError> {
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
    for message in messages.items() {
        let message = message.object().ok_or(invalid("messages", "an array of objects"))?;
        exact(message, "messages", &["content"])?;
        blocks::check(message.get("content"), "messages")?;
    }
    Ok(fields.read("stream", "true or false", Span::bool)?.unwrap_or(false))
}

/// A thread that continues, or a container that an earlier exchange left behind.
fn is_state(fields: &Fields<'_>) -> bool {
    let container = fields.get("container").is_some_and(|value| value.is_string() || value.some("id").is_some());
    let creates = |thread: Span<'_>| thread.get("type").and_then(Span::string).is_some_and(|kind| kind == "create");
    container || fields.get("thread").is_some_and(|thread| !creates(thread))
}
