//! The event that ends a response and repeats its output: written to agree with the forwarded items.

use callgate_json::{Map, Value, span, splice};

use super::event::ResponseEvent;
use super::numbering::Numbering;
use super::output::StreamedOutput;
use crate::checks::add;
use crate::framing::Frame;
use crate::openai_responses::items;

/// The last event of the response.
#[derive(Debug)]
pub(super) struct ResponseEnd {
    pub(super) frame: Frame,
    pub(super) body: Map<String, Value>,
}

// === impl ResponseEnd ===

impl ResponseEnd {
    /// The end of a response with this output, and with the status, the error and the usage of the answer after it.
    pub(super) fn write(
        &self,
        numbering: &mut Numbering,
        mut response: Map<String, Value>,
        output: Vec<Value>,
        last: &Map<String, Value>,
    ) -> Vec<u8> {
        let mut changed = items::set_output(&mut response, output);
        for key in ["status", "incomplete_details", "error", "completed_at"] {
            if let Some(value) = last.get(key) {
                response.insert(key.to_owned(), value.clone());
                changed.push(key);
            }
        }
        if let Some(used) = last.get("usage").filter(|usage| usage.is_object()) {
            add(response.entry("usage").or_insert(Value::Null), used);
            changed.push("usage");
        }
        let kind = match last.get("status").and_then(Value::as_str) {
            Some("incomplete") => "response.incomplete",
            Some("failed") => "response.failed",
            _ => "response.completed",
        };
        let mut edits = vec![response_with(&self.frame, &response, &changed)];
        let Ok(event) = ResponseEvent::read(&self.frame, &self.body) else { return Vec::new() };
        if event.kind == kind {
            return numbering.forward(&self.frame, &event, edits);
        }
        edits.push(splice::Edit { member: "type", text: Some(Value::from(kind).to_string()) });
        let name = self.frame.event.as_ref().map(|_| kind.to_owned());
        numbering.forward(&Frame { event: name, ..self.frame.clone() }, &event, edits)
    }
}

/// The change of the last event that makes it agree with the forwarded items.
pub(super) fn agreed(
    frame: &Frame,
    response: &Map<String, Value>,
    output: &StreamedOutput,
    tools: &[String],
) -> Option<splice::Edit> {
    let output = output.instead_of(items::output(response).unwrap_or_default(), tools)?;
    let mut response = response.clone();
    let changed = items::set_output(&mut response, output);
    Some(response_with(frame, &response, &changed))
}

/// The edit of an event in which these members of its response changed: the others keep their bytes.
fn response_with(frame: &Frame, response: &Map<String, Value>, changed: &[&'static str]) -> splice::Edit {
    let mut edits = Vec::new();
    changed.iter().for_each(|member| splice::Edit::value(&mut edits, member));
    let text = span::member(frame.data.as_deref().unwrap_or_default(), "response").unwrap_or_default();
    let text = splice::write(text, response, &edits);
    splice::Edit { member: "response", text: Some(callgate_json::text(&text).into_owned()) }
}
