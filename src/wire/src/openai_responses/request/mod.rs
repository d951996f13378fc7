//! A request: the body of *create a model response*, of *get input token counts* and of *compact a response*.

mod choice;
mod conversation;
mod declared;
mod entry;
mod input;
mod rewrite;
mod sentences;

use callgate_json::{Span, Value};

use super::{items, results};
use crate::conversation::Each;
use crate::members::{Fields, OPENAI_RESPONSES, is_limit};
use crate::skeleton::blocks::with_calls;
use crate::skeleton::document::{Body, Checked, Draft, Read, RequestFormat, model_in_path};
use crate::{CallResult, Declaration, Form, RequestError, Target, Wants};
use declared::Declarations;

/// The ends of the paths beside that of a turn.
const COUNT: &str = "input_tokens";
const COMPACT: &str = "compact";

/// The state of a request of Responses.
#[derive(Debug, Clone)]
pub(crate) struct ResponsesRequest {
    /// Items of input declare tools.
    has_lists: bool,
}

// === impl ResponsesRequest ===

impl RequestFormat for ResponsesRequest {
    const TURNS: &'static str = "input";

    /// Also refuses a request whose answer would not be in the response (`background`), and items of input of an unknown kind, which
    /// could bring tools.
    fn read(target: &Target<'_>, checked: &Checked<'_>) -> Result<Read<ResponsesRequest>, RequestError> {
        let (mut draft, fields) = Draft::read(checked, &OPENAI_RESPONSES)?;
        check(&fields)?;
        let in_path = model_in_path(target)?;
        match (&in_path, fields.get("model"), fields.get("prompt")) {
            (Some(model), _, _) => draft.judged().model("model", model)?,
            (None, Some(_), _) => {}
            // A request with a stored prompt in place of a model cannot be allowed by a model's name.
            (None, None, Some(_)) => draft.judged().model("model", "")?,
            // A count names no model if it is to be that of the API's own choice.
            (None, None, None) if target.path.ends_with(COUNT) => {}
            (None, None, None) => return Err(RequestError::invalid("model", "a string")),
        }
        let mut declarations = Declarations::default();
        declarations.list(fields.list("tools")?, "tools", draft.judged())?;
        let items = checked.turns().map(|(items, _)| items);
        if let Some(input) = input::read(&fields, items, &mut declarations, draft.judged())? {
            draft.set("input", input);
        }
        declarations.choice(&fields, draft.judged())?;
        let (tools, has_lists) = (declarations.tools, declarations.has_lists);
        let wants = match (target.path.rsplit('/').next(), fields.flag("stream")?) {
            (Some(COUNT), _) => Wants::Count,
            (Some(COMPACT), _) => Wants::Compact,
            (_, true) => Wants::Stream,
            (_, false) => Wants::Whole,
        };
        Ok(Read { draft, tools, wants, format: ResponsesRequest { has_lists } })
    }

    fn conversation<'t>(body: &'t Body, each: Each<'_, 't>) {
        conversation::show(body, each);
    }

    fn declare(&mut self, body: &mut Body, declarations: &[&Declaration], _form: Form) {
        rewrite::write(body, declarations, self.has_lists);
    }

    fn limit(&self, body: &mut Body, max: u64) {
        if !is_limit(body.get("max_output_tokens")) {
            body.set("max_output_tokens", max.to_string());
        }
    }

    fn answer_whole(&mut self, body: &mut Body, streamed: bool) {
        if streamed {
            body.set("stream", "false".to_owned());
        }
        body.remove("stream_options");
    }

    fn free_choice(&self, body: &mut Body) {
        choice::unforce(body);
    }

    fn drop_provided(&self, body: &mut Body) {
        rewrite::include(body);
    }

    fn limit_choice(&self, body: &mut Body, tools_left: bool, is_offered: &dyn Fn(&str) -> bool) {
        choice::limit(body, tools_left, is_offered);
    }

    /// Writes only the results if the provider keeps the conversation: it has the turn already, and the input that led to it.
    fn turn(&self, body: &mut Body, said: &[Value], results: &[CallResult]) -> Vec<String> {
        let mut turn = Vec::new();
        if body.get("conversation").is_some() {
            body.set("input", "[]".to_owned());
        } else {
            // The provider keeps the answer unless told otherwise, so its items can be named later.
            let stored = body.get("store").and_then(Span::bool) != Some(false);
            if let Some(text) = body.get("input").filter(|input| input.is_string()) {
                let message = format!(r#"[{{"type":"message","role":"user","content":{}}}]"#, text.text());
                body.set("input", message);
            }
            let calls = results.iter().map(|result| results::call_as_input(&result.call));
            turn.extend(with_calls(said, calls, |item| items::as_input(item, stored)));
        }
        turn.extend(results.iter().flat_map(results::of_call));
        turn.iter().map(Value::to_string).collect()
    }
}

/// Checks the types of the members which decide something. Tools and items are read elsewhere.
fn check(fields: &Fields<'_>) -> Result<(), RequestError> {
    fields.read("model", "a string", Span::string)?;
    fields.flag("stream")?;
    fields.flag("store")?;
    let is_false = |value: Span<'_>| value.bool().filter(|background| !background);
    fields.read("background", "false: the answer must come in the response", is_false)?;
    Ok(())
}
