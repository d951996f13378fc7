//! A whole answer: the *response object*.

use callgate_json::{Map, Value};

use super::items;
use crate::skeleton::list::{AnswerBody, Settled, settle};
use crate::{AnswerError, Call, ChoiceIndex, Earlier, Fate, ReleasePolicy, ShapeError};

/// An answer that was read, and perhaps changed since. It has one alternative.
#[derive(Debug, Clone)]
pub(crate) struct ResponsesAnswer {
    body: AnswerBody,
    /// The provider's tools of the request.
    tools: Vec<String>,
    calls: Vec<Call>,
}

// === impl ResponsesAnswer ===

impl ResponsesAnswer {
    /// Reads an answer to a request for these `tools` of the provider.
    ///
    /// # Errors
    /// [`AnswerError`] as in [`crate::Dialect::answer`].
    pub(super) fn read(text: &[u8], tools: &[String]) -> Result<ResponsesAnswer, AnswerError> {
        let body = AnswerBody::read(text)?;
        items::no_stray_call(body.members())?;
        if !body.members().get("output").is_some_and(Value::is_array) {
            return Err(ShapeError::Type { at: "output", expected: "an array" }.into());
        }
        let calls = items::calls(items::output(body.members())?, tools)?;
        let mut answer = ResponsesAnswer { body, tools: tools.to_vec(), calls };
        answer.amend();
        Ok(answer)
    }

    /// Drops items of unknown kinds, and gives each call without an id our id of it.
    fn amend(&mut self) {
        let has_id = |item: &Value| item.get("call_id").and_then(Value::as_str).is_some_and(|id| !id.is_empty());
        let is_as_it_was = |item: &Value| {
            !items::is_unknown(item, &self.tools) && (!items::is_call(item, &self.tools) || has_id(item))
        };
        if self.items().iter().all(is_as_it_was) {
            return;
        }
        let mut calls = self.calls.iter();
        let mut output = Vec::new();
        for item in self.items().iter().filter(|item| !items::is_unknown(item, &self.tools)) {
            let mut item = item.clone();
            if items::is_call(&item, &self.tools)
                && let (Some(call), Value::Object(members)) = (calls.next(), &mut item)
            {
                members.insert("call_id".to_owned(), Value::from(call.id.as_str()));
            }
            output.push(item);
        }
        self.set_output(output);
    }

    /// The response object.
    pub(super) fn members(&self) -> &Map<String, Value> {
        self.body.members()
    }

    fn items(&self) -> &[Value] {
        items::output(self.body.members()).unwrap_or_default()
    }

    fn set_output(&mut self, output: Vec<Value>) {
        self.body.change(|members| items::set_output(members, output));
    }
}

impl crate::Answer for ResponsesAnswer {
    fn calls(&self) -> Vec<&[Call]> {
        vec![&self.calls]
    }

    fn settle(&mut self, _choice: ChoiceIndex, fates: Vec<Fate>, policy: ReleasePolicy) {
        let is_as_it_was = |(fate, call): (&Fate, &Call)| matches!(fate, Fate::Keep(kept) if kept == call);
        if fates.len() == self.calls.len() && fates.iter().zip(&self.calls).all(is_as_it_was) {
            return;
        }
        let mut kept = Vec::new();
        let response = self.body.members().get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let with_kinds = self.items().iter().map(|item| (item, items::is_call(item, &self.tools)));
        let settled = settle(with_kinds, fates, policy, Settled::is_of_call).into_iter().enumerate();
        let output = settled.map(|(place, settled)| match settled {
            Settled::Other(item) => item.clone(),
            Settled::Kept(item, call) => {
                let item = rewritten(item, &call);
                kept.push(call);
                item
            }
            Settled::Notice(text) => items::of_text(&text, &response, place),
        });
        let output = output.collect();
        self.calls = kept;
        self.set_output(output);
    }

    fn said(&self, _choice: ChoiceIndex) -> Vec<Value> {
        self.items().iter().filter(|item| !items::is_call(item, &self.tools)).cloned().collect()
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        if earlier.iter().any(|turn| !turn.said.is_empty()) {
            let said = earlier.iter().flat_map(|turn| &turn.said);
            self.set_output(items::joined(said.chain(self.items())));
        }
        for usage in earlier.iter().filter_map(|turn| turn.usage.as_ref()) {
            self.body.add_usage("usage", usage);
        }
    }

    fn usage(&self) -> Option<Value> {
        self.body.usage("usage").cloned()
    }

    fn write(&self) -> Vec<u8> {
        self.body.write()
    }
}

/// The item of a call with the canonical arguments.
fn rewritten(item: &Value, call: &Call) -> Value {
    let mut item = item.clone();
    if let Value::Object(members) = &mut item {
        members.insert("arguments".to_owned(), Value::from(call.arguments.as_str()));
    }
    item
}
