//! A request: path and body of *Converse*, *ConverseStream* and *CountTokens*.

mod address;
mod betas;
mod conversation;
mod messages;
mod tools;
mod turn;

use callgate_json::{Span, Value, with_member};

use crate::conversation::Each;
use crate::members::BEDROCK_CONVERSE;
use crate::skeleton::document::{Body, Checked, Draft, Endpoint, Read, RequestFormat};
use crate::{CallResult, Declaration, Form, RequestError, Target, Wants};

/// The state of a request of Converse.
#[derive(Debug, Clone)]
pub(crate) struct ConverseRequest {
    endpoint: Endpoint,
    /// The body is that of a count of tokens, with the request inside.
    counts: bool,
}

/// The text around the request in a count of tokens.
const AROUND: (&[u8], &[u8]) = (br#"{"input":{"converse":"#, b"}}");

/// Returns the request whose tokens are counted. A request of *InvokeModel* is in base64 and not read, and nothing stands beside a request.
fn counted(body: Span<'_>) -> Option<Span<'_>> {
    let only = |object: Span<'_>| object.object().is_some_and(|object| object.members().count() == 1);
    let input = body.get("input").filter(|input| only(body) && only(*input))?;
    input.get("converse")?.object()
}

// === impl ConverseRequest ===

impl RequestFormat for ConverseRequest {
    const TURNS: &'static str = "messages";

    /// Also refuses a path without a model, blocks of an unknown kind, and `additionalModelRequestFields` that bring tools.
    ///
    /// A stored prompt in place of a model can bring messages and tools, so it is state at the provider.
    fn read(target: &Target<'_>, checked: &Checked<'_>) -> Result<Read<ConverseRequest>, RequestError> {
        let model = address::model(target)?;
        let counts = target.path.ends_with(address::COUNT);
        let (mut draft, fields) = if counts {
            let inner = counted(checked.object())
                .ok_or(RequestError::invalid("input.converse", "the only member, an object"))?;
            Draft::inner(inner, &BEDROCK_CONVERSE)?
        } else {
            Draft::read(checked, &BEDROCK_CONVERSE)?
        };
        // The API ignores a model that the body names; a proxy before the API might not.
        fields.read("modelId", "a string", Span::string)?;
        let judged = draft.judged();
        judged.model("model", &model)?;
        let mut tools = tools::read(&fields, judged)?;
        messages::read(&fields, &mut tools, judged)?;
        betas::check(&fields)?;
        judged.state |= judged.models.iter().any(address::is_prompt);
        // A choice can name the provider's tools too. They are allowed or refused by themselves.
        tools.chosen.retain(|name| !judged.runs.uses(name));
        let wants = match counts {
            true => Wants::Count,
            false if target.path.ends_with(address::STREAM) => Wants::Stream,
            false => Wants::Whole,
        };
        Ok(Read { draft, tools, wants, format: ConverseRequest { endpoint: Endpoint::new(target), counts } })
    }

    /// The end of every stream has the usage.
    fn include_usage(&self) -> bool {
        true
    }

    fn conversation<'t>(body: &'t Body, each: Each<'_, 't>) {
        conversation::show(body, each);
    }

    fn declare(&mut self, body: &mut Body, declarations: &[&Declaration], _form: Form) {
        let config = body.get("toolConfig").unwrap_or(Span::new(b"{}"));
        let list = tools::replaced(config.get("tools"), declarations, body.runs());
        if list.is_empty() {
            body.remove("toolConfig");
        } else {
            let config = with_member(config, "tools", Some(format!("[{}]", list.join(","))));
            body.set("toolConfig", config);
        }
    }

    fn limit(&self, body: &mut Body, max: u64) {
        body.limit_in("inferenceConfig", "maxTokens", max);
    }

    fn answer_whole(&mut self, _body: &mut Body, _streamed: bool) {
        self.endpoint.replace_end(address::STREAM, address::WHOLE);
    }

    fn free_choice(&self, body: &mut Body) {
        if let Some(config) = body.get("toolConfig") {
            let config = with_member(config, "toolChoice", None);
            body.set("toolConfig", config);
        }
    }

    fn drop_provided(&self, body: &mut Body) {
        let config = body.get("toolConfig").and_then(|config| tools::without_dropped(config, body.runs()));
        if let Some(config) = config {
            body.set("toolConfig", config);
        }
    }

    fn limit_choice(&self, body: &mut Body, tools_left: bool, is_offered: &dyn Fn(&str) -> bool) {
        let chosen = body.get("toolConfig").and_then(tools::chosen);
        let is_left = chosen.is_none_or(|name| is_offered(&name) || body.runs().uses(&name));
        if !tools_left || !is_left {
            self.free_choice(body);
        }
    }

    /// Writes a message of the assistant, then one of the user with the results.
    fn turn(&self, _body: &mut Body, said: &[Value], results: &[CallResult]) -> Vec<String> {
        [turn::of_assistant(said, results), turn::of_user(results)].map(|message| message.to_string()).into()
    }

    fn target(&self) -> Option<String> {
        self.endpoint.changed()
    }

    fn write(&self, body: &Body) -> Vec<u8> {
        let inner = body.write();
        if self.counts { [AROUND.0, &inner, AROUND.1].concat() } else { inner }
    }
}
