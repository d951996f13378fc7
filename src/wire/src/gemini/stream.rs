//! A streamed answer: each event is a *GenerateContentResponse* with the news.
//!
//! A call comes whole in one event, or in pieces that are put together. Either way its fragment and its end come from one event. A
//! call that the stream does not end has arguments that are no JSON. The API has no last event: a stream is
//! complete if every candidate has a `finishReason`, or the prompt was blocked. Some servers give a reason with each event, so it
//! ends a candidate only when the stream ends. The end of a candidate with calls is held until then, because it must come after
//! them. If more of the candidate follows, the event did not end it and is forwarded.

use std::collections::BTreeMap;

use callgate_json::{Map, Value};

use super::answer::GeminiAnswer;
use super::error;
use super::event::{self, Head};
use super::message::{self, Candidate};
use super::text_event::TextEvent;
use super::turn::{self, CallReader, WrittenTurn};
use super::usage;
use crate::framing::{Frame, sse};
use crate::{ApiError, Call, ChoiceIndex, Delta, End, ReportedUsage, ShapeError, StreamError, unknown};

/// The maximum bytes of calls in pieces, over all candidates.
const MOST_HELD: usize = 2 << 20;

/// A stream under way.
#[derive(Debug)]
pub(crate) struct GeminiStream {
    /// The provider's tools of the request.
    tools: Vec<String>,
    head: Option<Head>,
    choices: BTreeMap<ChoiceIndex, StreamedCandidate>,
    usage: Option<Value>,
    blocked: bool,
    /// The last event, if it was text of one candidate.
    learned: Option<TextEvent>,
}

/// One candidate so far.
#[derive(Debug, Default)]
struct StreamedCandidate {
    said: Vec<Value>,
    calls: CallReader,
    written: WrittenTurn,
    finished: bool,
    /// The last end, while nothing followed it.
    end: Option<Vec<u8>>,
}

// === impl GeminiStream ===

impl GeminiStream {
    /// A new stream in answer to a request for these `tools` of the provider.
    pub(super) fn new(tools: Vec<String>) -> GeminiStream {
        GeminiStream { tools, head: None, choices: BTreeMap::new(), usage: None, blocked: false, learned: None }
    }

    fn choice(&mut self, index: ChoiceIndex) -> &mut StreamedCandidate {
        self.choices.entry(index).or_default()
    }

    /// Reads an event that differs from the last one in text and counts only. Its text is joined to the part the last event was
    /// joined to. Nothing was written since, so no break belongs before it.
    fn repeat(&mut self, event: Option<&str>, data: &[u8]) -> Option<()> {
        let learned = self.learned.as_ref().filter(|_| event.is_none())?;
        let told = learned.replay(data)?;
        let last = self.choices.get_mut(&learned.choice).and_then(|choice| choice.said.last_mut())?;
        let Some(Value::String(text)) = last.get_mut("text") else { return None };
        text.push_str(&told.text);
        if let Some(usage) = &mut self.usage {
            told.count(usage);
        }
        Some(())
    }

    fn part(&self, index: ChoiceIndex, part: Value) -> Vec<u8> {
        self.head.as_ref().unwrap_or(&Head::default()).part(index, part)
    }

    /// The fragments of calls in an event and, for later, their ends.
    fn calls(&mut self, candidates: &[Candidate<'_>]) -> Result<(Vec<Delta>, Vec<Delta>), ShapeError> {
        let (mut fragments, mut ends) = (Vec::new(), Vec::new());
        for candidate in candidates {
            let choice = candidate.index;
            for raw in candidate.calls() {
                let Some((slot, call)) = self.choice(choice).calls.read_piece(raw)? else { continue };
                fragments.push(Delta::Fragment { choice, slot, call });
                ends.push(Delta::CallEnd { choice, slot });
            }
        }
        let held = self.choices.values().map(|choice| choice.calls.held());
        if held.fold(0, usize::saturating_add) > MOST_HELD {
            return Err(ShapeError::TooMany);
        }
        Ok((fragments, ends))
    }

    /// The held ends of candidates with more news.
    fn no_ends(&mut self, candidates: &[Candidate<'_>]) -> Vec<Delta> {
        let ends = candidates.iter().filter_map(|candidate| self.choices.get_mut(&candidate.index)?.end.take());
        ends.map(|frame| Delta::Forward { frame }).collect()
    }

    /// The end of a candidate: held if there are calls to release before it.
    fn finish(&mut self, index: ChoiceIndex, frame: Vec<u8>) -> Option<Delta> {
        let state = self.choice(index);
        if state.calls.any() {
            state.end = Some(frame);
            return None;
        }
        Some(Delta::Forward { frame })
    }

    /// Notes the parts of the candidates. Returns a break for each candidate with text after a text of ours.
    fn note(&mut self, candidates: &[Candidate<'_>]) -> Vec<u8> {
        let mut breaks = Vec::new();
        for candidate in candidates {
            let state = self.choice(candidate.index);
            candidate.said().for_each(|part| turn::join(&mut state.said, part));
            state.finished |= !candidate.finish.is_empty();
            if state.written.text(candidate.shows()) {
                breaks.extend(self.part(candidate.index, turn::paragraph_break()));
            }
        }
        breaks
    }

    /// Returns true if an event keeps its bytes: it has no calls, does not end a candidate with calls and say something besides,
    /// and spells out no calls.
    fn keeps_bytes(&self, candidates: &[Candidate<'_>]) -> bool {
        candidates.iter().all(|candidate| {
            let called = self.choices.get(&candidate.index).is_some_and(|choice| choice.calls.any());
            let says_more = candidates.len() > 1 || candidate.said().next().is_some();
            let spells = candidate.members.contains_key("logprobsResult");
            !candidate.has_calls()
                && !candidate.has_unknown()
                && !(called && (spells || !candidate.finish.is_empty() && says_more))
        })
    }
}

impl crate::Stream for GeminiStream {
    fn replay(&mut self, event: Option<&str>, data: &[u8]) -> bool {
        self.repeat(event, data).is_some()
    }

    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if let Some(data) = &frame.data
            && self.replay(frame.event.as_deref(), data)
        {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        self.learned = None;
        let data = frame.data.as_deref().unwrap_or_default().trim_ascii();
        if let Some(error) = error::bare(&frame.strays) {
            return Ok(vec![Delta::Error { frame: error }]);
        }
        if data.is_empty() {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        if unknown::are_words(data) {
            return Ok(Vec::new());
        }
        let value = callgate_json::read_nearest(data)?;
        let Value::Object(body) = &value else {
            return Err(ShapeError::Type { at: "data", expected: "an object" }.into());
        };
        if error::is_error(body) || frame.event.as_deref() == Some("error") {
            message::no_call(&value)?;
            return Ok(vec![Delta::Error { frame: frame.raw }]);
        }
        let candidates = message::candidates(body, data, &self.tools)?;
        let usage = body.get("usageMetadata").filter(|usage| usage.is_object());
        self.usage = usage.cloned().or(self.usage.take());
        if candidates.is_empty() {
            self.blocked |= body.get("promptFeedback").is_some_and(|feedback| !feedback.is_null());
            let only_usage = usage.is_some() && !body.contains_key("promptFeedback");
            let frame = frame.raw;
            return Ok(vec![if only_usage { Delta::Usage { frame } } else { Delta::Forward { frame } }]);
        }
        self.head.get_or_insert_with(|| Head::of(body));
        let mut deltas = self.no_ends(&candidates);
        let (fragments, ends) = self.calls(&candidates)?;
        deltas.extend(fragments);
        let keeps_bytes = self.keeps_bytes(&candidates);
        let mut breaks = self.note(&candidates);
        if !keeps_bytes {
            deltas.extend(said(body, &candidates, usage, breaks));
            deltas.extend(ends);
            for (index, frame) in finishes(body, &candidates, usage) {
                deltas.extend(self.finish(index, frame));
            }
            return Ok(deltas);
        }
        if let [only] = candidates.as_slice()
            && !only.finish.is_empty()
            && only.said().next().is_none()
        {
            deltas.extend(self.finish(only.index, frame.raw));
            return Ok(deltas);
        }
        if let [only] = candidates.as_slice()
            && frame.event.is_none()
        {
            self.learned = TextEvent::learn(data, only);
        }
        breaks.extend_from_slice(&frame.raw);
        deltas.push(Delta::Forward { frame: breaks });
        Ok(deltas)
    }

    fn end(&mut self) -> Result<Vec<Delta>, StreamError> {
        let mut deltas = Vec::new();
        for (choice, state) in &mut self.choices {
            if let Some((slot, call)) = state.calls.unfinished() {
                deltas.push(Delta::Fragment { choice: *choice, slot, call });
                deltas.push(Delta::CallEnd { choice: *choice, slot });
            }
        }
        let finished = self.choices.iter_mut().filter(|(_, state)| state.finished);
        let finish = |(choice, state): (&ChoiceIndex, &mut StreamedCandidate)| Delta::Finish {
            choice: *choice,
            end: End::new(state.end.take().unwrap_or_default()),
        };
        deltas.extend(finished.map(finish));
        Ok(deltas)
    }

    fn call(&mut self, choice: ChoiceIndex, call: &Call) -> Vec<u8> {
        self.learned = None;
        let part = self.choice(choice).written.call(call);
        self.part(choice, part)
    }

    fn text(&mut self, choice: ChoiceIndex, text: &str) -> Vec<u8> {
        self.learned = None;
        let state = self.choice(choice);
        let part = state.written.notice(text);
        turn::join(&mut state.said, &part);
        self.part(choice, part)
    }

    /// A turn with calls ends in `STOP`, as every other: there is nothing to correct.
    fn finish(&mut self, _choice: ChoiceIndex, end: End) -> Vec<u8> {
        end.into_frame()
    }

    fn choices(&self) -> usize {
        self.choices.len()
    }

    fn said(&self, choice: ChoiceIndex) -> Vec<Value> {
        self.choices.get(&choice).map(|choice| choice.said.clone()).unwrap_or_default()
    }

    fn reported_usage(&self) -> ReportedUsage {
        self.usage.as_ref().map(usage::read).unwrap_or_default()
    }

    fn is_complete(&self) -> bool {
        if self.choices.is_empty() { self.blocked } else { self.choices.values().all(|choice| choice.finished) }
    }

    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let Ok(mut answer) = GeminiAnswer::read(answer, &self.tools) else { return Vec::new() };
        for (choice, index) in answer.indexes().into_iter().enumerate() {
            if self.choices.get(&index).is_some_and(|streamed| streamed.written.shows()) {
                answer.follow_text(ChoiceIndex::at(choice));
            }
        }
        if let Some(earlier) = &self.usage {
            answer.add_usage(earlier);
        }
        sse::event(None, &answer.line())
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        error::frame(error)
    }

    /// A client that reads the error together with earlier bytes overlooks it, but no client overlooks a cut stream.
    fn is_cut_after_error(&self) -> bool {
        true
    }
}

/// The content of an event's candidates without calls and ends.
fn said(
    body: &Map<String, Value>,
    candidates: &[Candidate<'_>],
    usage: Option<&Value>,
    mut breaks: Vec<u8>,
) -> Vec<Delta> {
    let ends = candidates.iter().any(|candidate| !candidate.finish.is_empty());
    let mut deltas = Vec::new();
    for candidate in candidates {
        if let Some(said) = event::said(body, candidate, usage.filter(|_| !ends), deltas.is_empty()) {
            breaks.extend_from_slice(&said);
            deltas.push(Delta::Forward { frame: std::mem::take(&mut breaks) });
        }
    }
    deltas
}

/// The ends of candidates in an event; the usage stands in the last.
fn finishes(
    body: &Map<String, Value>,
    candidates: &[Candidate<'_>],
    usage: Option<&Value>,
) -> Vec<(ChoiceIndex, Vec<u8>)> {
    let finished: Vec<&Candidate<'_>> = candidates.iter().filter(|candidate| !candidate.finish.is_empty()).collect();
    let last = finished.len().saturating_sub(1);
    let finish = |(position, candidate): (usize, &&Candidate<'_>)| {
        (candidate.index, event::finish(body, candidate, usage.filter(|_| position == last), position == 0))
    };
    finished.iter().enumerate().map(finish).collect()
}
