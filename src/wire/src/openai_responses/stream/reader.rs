//! The meaning of each event of a stream: the deltas it gives.

use callgate_json::{Map, Value, splice};

use super::end::{self, ResponseEnd};
use super::event::{ResponseEvent, Tells};
use super::output::ItemStep;
use super::{Begun, HOLES, ResponsesStream};
use crate::checks::text;
use crate::framing::Frame;
use crate::openai_responses::{items, kinds, usage};
use crate::skeleton::fast_path::FastPath;
use crate::usage::word_bytes;
use crate::{Call, ChoiceIndex, Delta, End, ShapeError, StreamError};

impl ResponsesStream {
    pub(super) fn read_event(&mut self, frame: &Frame, event: &ResponseEvent<'_>) -> Result<Vec<Delta>, StreamError> {
        let about = event.about();
        match event.tells() {
            Tells::Error => {
                items::no_call_of_any_kind(event.body)?;
                Ok(vec![Delta::Error { frame: self.numbering.forward(frame, event, Vec::new()) }])
            }
            Tells::Unknown => {
                event.is_harmless()?;
                Ok(self.dropped(event))
            }
            Tells::Aside if self.ended.is_some() => {
                event.says_no_call()?;
                Ok(self.dropped(event))
            }
            _ if self.ended.is_some() => Err(StreamError::OutOfOrder),
            Tells::Begun => {
                let response = event.response()?;
                if !items::output(response)?.is_empty() {
                    return Err(ShapeError::StrayCall.into());
                }
                self.identify(response);
                Ok(self.forward(frame, event, None))
            }
            Tells::Added => match event.body.get("item") {
                // Some servers announce an item without one: clients take no notice.
                None | Some(Value::Null) => Ok(self.dropped(event)),
                Some(item) => {
                    let step = self.output.added(about, item, &self.tools)?;
                    Ok(self.step(frame, event, step))
                }
            },
            Tells::ArgumentsDelta => {
                let (slot, open) = self.output.open(about)?;
                let piece = open.delta(text(event.body, "delta")?)?;
                self.numbering.dropped(event);
                Ok(vec![fragment(slot, piece)])
            }
            Tells::ArgumentsDone => {
                let (slot, open) = self.output.open(about)?;
                let news = open.arguments_done(event.body)?;
                self.numbering.dropped(event);
                Ok(vec![fragment(slot, news)])
            }
            Tells::InputDelta => {
                let (_, open) = self.output.open(about)?;
                open.input_delta(text(event.body, "delta")?)?;
                Ok(self.dropped(event))
            }
            Tells::InputDone => {
                let (_, open) = self.output.open(about)?;
                open.input_done(event.body)?;
                Ok(self.dropped(event))
            }
            Tells::Done => {
                let item = event.body.get("item").unwrap_or(&Value::Null);
                let step = self.output.done(about, item, &self.tools)?;
                let end = match &step {
                    ItemStep::Call(slot, _) => Some(Delta::CallEnd { choice: ChoiceIndex::FIRST, slot: *slot }),
                    ItemStep::Item(_) | ItemStep::Dropped => None,
                };
                let mut deltas = self.step(frame, event, step);
                deltas.extend(end);
                Ok(deltas)
            }
            Tells::Said(kinds) => {
                event.says_no_call()?;
                let at = self.output.under_way(about, |kind| kinds.contains(&kind)).ok_or(StreamError::OutOfOrder)?;
                let forwarded = self.forward(frame, event, Some(at));
                if event.kind.ends_with(".delta") {
                    let bytes = event.body.get("delta").map_or(0, word_bytes);
                    self.delta_bytes = self.delta_bytes.saturating_add(bytes);
                }
                if event.kind.ends_with(".delta") && self.numbering.is_level() && event.index.map(place) == Some(at) {
                    let name = frame.event.clone().unwrap_or_default();
                    self.learned = frame.data.as_deref().and_then(|data| FastPath::learn(name, data, &HOLES, &[]));
                }
                Ok(forwarded)
            }
            Tells::Made => {
                event.says_no_call()?;
                match self.output.under_way(about, |kind| kinds::tells_of(event.kind, kind)) {
                    Some(at) => Ok(self.forward(frame, event, Some(at))),
                    // It is about a held call, or about nothing.
                    None => Ok(self.dropped(event)),
                }
            }
            Tells::Aside => {
                event.says_no_call()?;
                Ok(self.forward(frame, event, None))
            }
            Tells::Ended => self.ended(frame, event),
            // Held calls are not released any more, so the last event must not have them either.
            Tells::Failed => {
                let response = event.response()?;
                items::calls(items::output(response)?, &self.tools)?;
                self.count(response);
                let output = end::agreed(frame, response, &self.output, &self.tools);
                let edits = output.into_iter().collect();
                Ok(vec![Delta::Error { frame: self.numbering.forward(frame, event, edits) }])
            }
        }
    }

    fn ended(&mut self, frame: &Frame, event: &ResponseEvent<'_>) -> Result<Vec<Delta>, StreamError> {
        let response = event.response()?;
        let output = items::output(response)?;
        self.identify(response);
        self.count(response);
        let mut deltas = Vec::new();
        let is_all = self.output.is_empty() && output.iter().any(|item| items::is_call(item, &self.tools));
        let news = self.output.ended(output, &self.tools)?;
        // If a server streams nothing, the other items of the end are written before its calls.
        let is_told = |item: &&Value| is_all && items::is_said(item, &self.tools);
        let said: Vec<&Value> = output.iter().filter(is_told).collect();
        for item in said {
            deltas.push(Delta::Forward { frame: self.say(item.clone()) });
        }
        for (slot, news) in news {
            deltas.push(fragment(slot, news));
            deltas.push(Delta::CallEnd { choice: ChoiceIndex::FIRST, slot });
        }
        self.ended = Some(ResponseEnd { frame: frame.clone(), body: event.body.clone() });
        deltas.push(Delta::Finish { choice: ChoiceIndex::FIRST, end: End::new(frame.raw.clone()) });
        Ok(deltas)
    }

    fn step(&mut self, frame: &Frame, event: &ResponseEvent<'_>, step: ItemStep) -> Vec<Delta> {
        match step {
            ItemStep::Call(slot, news) => {
                self.numbering.dropped(event);
                vec![fragment(slot, news)]
            }
            ItemStep::Item(at) => self.forward(frame, event, Some(at)),
            ItemStep::Dropped => self.dropped(event),
        }
    }

    fn dropped(&mut self, event: &ResponseEvent<'_>) -> Vec<Delta> {
        self.numbering.dropped(event);
        Vec::new()
    }

    fn count(&mut self, response: &Map<String, Value>) {
        self.reported = response.get("usage").map(usage::read).unwrap_or_default();
    }

    fn identify(&mut self, response: &Map<String, Value>) {
        if self.begun.id.is_none() {
            let text = |member: &str| response.get(member).and_then(Value::as_str).map(str::to_owned);
            let created_at = response.get("created_at").and_then(Value::as_u64).unwrap_or_default();
            self.begun = Begun { id: text("id"), model: text("model"), created_at };
        }
    }

    /// Forwards an event; `at` is the place of its item among the forwarded ones.
    fn forward(&mut self, frame: &Frame, event: &ResponseEvent<'_>, at: Option<usize>) -> Vec<Delta> {
        let moved = at.filter(|at| event.index.map(place) != Some(*at));
        let edit = |at: usize| splice::Edit { member: "output_index", text: Some(at.to_string()) };
        vec![Delta::Forward { frame: self.numbering.forward(frame, event, moved.map(edit).into_iter().collect()) }]
    }
}

fn fragment(slot: u32, piece: Call) -> Delta {
    Delta::Fragment { choice: ChoiceIndex::FIRST, slot, call: piece }
}

fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
