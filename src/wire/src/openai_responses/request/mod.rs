//! A request: the body of *create a model response*.

mod choice;
mod declared;
mod input;

use callgate_json::{Span, Value};
use serde_json::json;

use super::items;
use crate::body::{Body, checked, model_in_path};
use crate::members::{Fields, OPENAI_RESPONSES, is_limit};
use crate::{CallResult, Declaration, Declared, Form, RequestError, Target, UnknownMembers, Wants};
use declared::Tools;

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub(super) struct Request {
    body: Body,
    tools: Tools,
    wants: Wants,
}

// === impl Request ===

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`] as [`crate::Dialect::request`] says; also for one whose answer would not be in the response
    /// (`background`), and for items of input of an unknown kind, which could bring tools.
    pub(super) fn read(target: &Target<'_>, text: &[u8]) -> Result<Request, RequestError> {
        let (mut body, fields) = Body::read(checked(text)?, &OPENAI_RESPONSES)?;
        check(&fields)?;
        let in_path = model_in_path(target)?;
        match (&in_path, fields.get("model"), fields.get("prompt")) {
            (Some(model), _, _) => body.judged().model("model", model)?,
            (None, Some(_), _) => {}
            // A request that leaves the model to a stored prompt names none that could be allowed by name.
            (None, None, Some(_)) => body.judged().model("model", "")?,
            (None, None, None) => return Err(invalid("model", "a string")),
        }
        let tools = Tools::read(&fields, body.judged())?;
        if let Some(input) = input::read(&fields, body.judged())? {
            body.set("input", input);
        }
        let streams = fields.get("stream").and_then(Span::bool) == Some(true);
        Ok(Request { body, tools, wants: if streams { Wants::Stream } else { Wants::Whole } })
    }

    /// True if the provider keeps the answer, so that its items can be named later.
    fn is_stored(&self) -> bool {
        self.body.get("store").and_then(Span::bool) != Some(false)
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

    /// The API has one list of functions: [`Form::Tool`].
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
        if !is_limit(self.body.get("max_output_tokens")) {
            self.body.set("max_output_tokens", max.to_string());
        }
    }

    fn answer_whole(&mut self) {
        if self.wants == Wants::Stream {
            self.wants = Wants::Whole;
            self.body.set("stream", "false".to_owned());
        }
        self.body.remove("stream_options");
    }

    fn free_choice(&mut self) {
        choice::unforce(&mut self.body);
    }

    fn drop_choice(&mut self, tools_left: bool) {
        choice::take_back(&mut self.body, tools_left);
    }

    /// A conversation that the provider keeps has the turn already, and the input that led to it: only the results are new.
    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        let mut new = Vec::new();
        if self.body.get("conversation").is_some() {
            self.body.set("input", "[]".to_owned());
        } else {
            let stored = self.is_stored();
            if let Some(text) = self.body.get("input").filter(|input| input.is_string()) {
                let message = format!(r#"[{{"type":"message","role":"user","content":{}}}]"#, text.text());
                self.body.set("input", message);
            }
            new.extend(said.iter().filter_map(|item| items::as_input(item, stored)));
            new.extend(results.iter().map(|result| items::call_as_input(&result.call)));
        }
        new.extend(results.iter().map(|CallResult { call, content, .. }| {
            json!({ "type": "function_call_output", "call_id": call.id, "output": content })
        }));
        let new: Vec<String> = new.iter().map(Value::to_string).collect();
        self.body.extend_list("input", &new);
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

/// The types of the members that are decided on; tools and items are read apart.
fn check(fields: &Fields<'_>) -> Result<(), RequestError> {
    fields.read("model", "a string", Span::string)?;
    fields.read("stream", "true or false", Span::bool)?;
    fields.read("store", "true or false", Span::bool)?;
    let is_false = |value: Span<'_>| value.bool().filter(|background| !background);
    fields.read("background", "false: the answer must come in the response", is_false)?;
    Ok(())
}
