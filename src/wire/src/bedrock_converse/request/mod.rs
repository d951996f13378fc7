//! A request: path and body of *Converse* and *ConverseStream*.

mod address;
mod betas;
mod messages;
mod tools;
mod turn;

use callgate_json::{Span, Value};

use crate::body::{Body, checked, with_member};
use crate::members::{BEDROCK_CONVERSE, is_limit};
use crate::{CallResult, Declaration, Declared, Form, RequestError, Target, UnknownMembers, Wants};
use address::Address;
use tools::Tools;

const CONFIG: &str = "inferenceConfig";
const LIMIT: &str = "maxTokens";

/// A request that was read, and perhaps changed since.
#[derive(Debug, Clone)]
pub struct Request {
    address: Address,
    body: Body,
    tools: Tools,
}

// === impl Request ===

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`] as [`crate::Dialect::request`] says; also if the path names no model, a message has a block of an unknown
    /// kind, or `additionalModelRequestFields` something that brings tools.
    pub fn read(target: &Target<'_>, text: &[u8]) -> Result<Request, RequestError> {
        let address = Address::read(target)?;
        let (mut body, fields) = Body::read(checked(text)?, &BEDROCK_CONVERSE)?;
        // The API takes no notice of a model that the body names; what stands before the API might.
        fields.read("modelId", "a string", Span::string)?;
        let judged = body.judged();
        judged.model("model", address.model())?;
        let mut tools = Tools::read(&fields, judged)?;
        messages::read(&fields, &mut tools, judged)?;
        betas::check(&fields)?;
        judged.state |= judged.models.iter().any(address::is_prompt);
        Ok(Request { address, body, tools })
    }
}

impl crate::Request for Request {
    fn models(&self) -> Vec<&str> {
        self.body.models()
    }

    fn wants(&self) -> Wants {
        if self.address.streams() { Wants::Stream } else { Wants::Whole }
    }

    /// The end of every stream says what was used.
    fn include_usage(&self) -> bool {
        true
    }

    /// A stored prompt in place of a model can bring messages and tools.
    fn server_state(&self) -> bool {
        self.body.server_state()
    }

    fn provider_tools(&self) -> Vec<&str> {
        self.body.provider_tools()
    }

    fn declared(&self) -> &[Declared] {
        &self.tools.declared
    }

    /// The provider's tools can be named too, and are allowed or not by themselves.
    fn chosen(&self) -> Vec<&str> {
        let provided = self.body.provider_tools();
        self.tools.chosen.iter().filter(|name| !provided.contains(name)).collect()
    }

    /// The API has one list of functions: [`Form::Tool`].
    fn declare(&mut self, declarations: &[&Declaration], form: Form) {
        if form != Form::Tool {
            return;
        }
        let config = self.body.get("toolConfig").unwrap_or(Span::new(b"{}"));
        let list = self.tools.replace(config.get("tools"), declarations);
        if list.is_empty() {
            self.body.remove("toolConfig");
        } else {
            let config = with_member(config, "tools", Some(format!("[{}]", list.join(","))));
            self.body.set("toolConfig", config);
        }
    }

    fn drop_unknown_members(&mut self, allow: &[String]) -> UnknownMembers {
        self.body.drop_unknown(allow)
    }

    fn clamp_output_tokens(&mut self, max: u64) {
        self.body.clamp(max);
        let config = self.body.get(CONFIG).unwrap_or(Span::new(b"{}"));
        if !is_limit(config.get(LIMIT)) {
            let config = with_member(config, LIMIT, Some(max.to_string()));
            self.body.set(CONFIG, config);
        }
    }

    fn answer_whole(&mut self) {
        self.address.answer_whole();
    }

    fn free_choice(&mut self) {
        if let Some(config) = self.body.get("toolConfig") {
            let config = with_member(config, "toolChoice", None);
            self.body.set("toolConfig", config);
        }
    }

    fn drop_choice(&mut self, _tools_left: bool) {
        self.free_choice();
    }

    /// A message of the assistant, then one of the user with the results.
    fn append_turn(&mut self, said: &[Value], results: &[CallResult]) {
        let messages = [turn::of_assistant(said, results), turn::of_user(results)];
        self.body.extend_list("messages", &messages.map(|message| message.to_string()));
    }

    fn target(&self) -> Option<String> {
        self.address.changed()
    }

    fn held(&self) -> usize {
        self.body.held()
    }

    fn write(&self) -> Vec<u8> {
        self.body.write()
    }
}
