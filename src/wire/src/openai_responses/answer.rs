//! A whole answer: the *response object*.

use callgate_json::{Item, Map, Outline, Value};

use super::{call_items, items, usage};
use crate::skeleton::list::{Settled, settle};
use crate::skeleton::outlined_body::OutlinedBody;
use crate::{AnswerError, Call, ChoiceIndex, Earlier, Fate, Form, ReleasePolicy, ReportedUsage, ShapeError};

/// An answer that was read, and perhaps changed since. It has one alternative.
#[derive(Debug, Clone)]
pub(crate) struct ResponsesAnswer {
    /// Without changes of `output`.
    body: OutlinedBody,
    /// The items of `output`.
    output: Vec<Value>,
    /// True if `output` was changed.
    is_changed: bool,
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
        ResponsesAnswer::of(Outline::read(text)?, tools)
    }

    /// As [`ResponsesAnswer::read`], for a body that was read.
    pub(super) fn of(body: Outline<'_>, tools: &[String]) -> Result<ResponsesAnswer, AnswerError> {
        let body = OutlinedBody::new(body)?;
        let output = items::outlined_output(body.root())?;
        let Some(items) = output.filter(|output| output.is_array()) else {
            return Err(ShapeError::Type { at: "output", expected: "an array" }.into());
        };
        let output: Vec<Value> = items.items().map(Item::value).collect();
        let calls = items::calls(&output, tools)?;
        let mut answer = ResponsesAnswer { body, output, is_changed: false, tools: tools.to_vec(), calls };
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

    /// The response object, without its output.
    pub(super) fn others(&self) -> Map<String, Value> {
        self.body.others("output")
    }

    /// The items of the output.
    pub(super) fn items(&self) -> &[Value] {
        &self.output
    }

    fn set_output(&mut self, output: Vec<Value>) {
        if self.body.value("output_text").is_some_and(|text| text.is_string()) {
            self.body.set("output_text", Value::from(items::texts(&output)));
        }
        self.output = output;
        self.is_changed = true;
    }
}

impl crate::Answer for ResponsesAnswer {
    fn choices(&self) -> usize {
        1
    }

    fn calls_of(&self, choice: ChoiceIndex) -> &[Call] {
        if choice == ChoiceIndex::FIRST { &self.calls } else { &[] }
    }

    fn settle(&mut self, _choice: ChoiceIndex, fates: Vec<Fate>, policy: ReleasePolicy) {
        // The action of an API's own tool is JSON in the answer, whose text was not compared.
        let has_text = |call: &Call| !matches!(call.form, Form::Native(_));
        let is_as_it_was =
            |(fate, call): (&Fate, &Call)| matches!(fate, Fate::Keep(kept) if kept == call && has_text(call));
        // A stream whose turn is held has its calls last.
        let is_call = |item: &&Value| items::is_call(item, &self.tools);
        let is_in_order = || {
            policy == ReleasePolicy::Call
                || self.items().iter().skip_while(|item| !is_call(item)).all(|item| is_call(&item))
        };
        if fates.len() == self.calls.len() && fates.iter().zip(&self.calls).all(is_as_it_was) && is_in_order() {
            return;
        }
        let mut kept = Vec::new();
        let response = self.body.root().get("id").and_then(Item::string).unwrap_or_default().into_owned();
        let with_kinds = self.items().iter().map(|item| (item, items::is_call(item, &self.tools)));
        let settled = settle(with_kinds, fates, policy, Settled::is_of_call).into_iter().enumerate();
        let output = settled.map(|(place, settled)| match settled {
            Settled::Other(item) => item.clone(),
            Settled::Kept(item, call) => {
                let item = call_items::rewritten(item, &call);
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

    fn turn(&self, _choice: ChoiceIndex) -> Vec<Value> {
        let item = |item: &Value| if items::is_call(item, &self.tools) { Value::Null } else { item.clone() };
        self.items().iter().map(item).collect()
    }

    fn prepend(&mut self, earlier: &[Earlier]) {
        if earlier.iter().any(|turn| !turn.said.is_empty()) {
            let said = earlier.iter().flat_map(|turn| for_client(&turn.said));
            let output = items::joined(said.chain(self.items()));
            self.set_output(output);
        }
        for usage in earlier.iter().filter_map(|turn| turn.usage.as_ref()) {
            self.body.add_usage("usage", usage);
        }
    }

    fn usage(&self) -> Option<Value> {
        self.body.usage("usage")
    }

    fn reported_usage(&self) -> ReportedUsage {
        self.body.root().get("usage").map(usage::read).unwrap_or_default()
    }

    fn write(&self) -> Vec<u8> {
        let output = self.is_changed.then(|| {
            let mut text = Vec::new();
            items::write(&mut text, &self.output);
            callgate_json::text(&text).into_owned()
        });
        self.body.write_with("output", output)
    }
}

/// Returns the items of an earlier turn that the client gets, of a turn with a `null` for each call. The API takes reasoning back only
/// with the item that followed it, so reasoning before a call is left out.
fn for_client(turn: &[Value]) -> impl Iterator<Item = &Value> {
    let is_before_call = |position: usize| {
        let mut after = turn.iter().skip(position).skip_while(|item| items::kind(item) == "reasoning");
        after.next().is_some_and(Value::is_null)
    };
    let goes_on = move |(position, item): &(usize, &Value)| {
        let is_left_out = items::kind(item) == "reasoning" && is_before_call(*position);
        !item.is_null() && !is_left_out
    };
    turn.iter().enumerate().filter(goes_on).map(|(_, item)| item)
}
