//! Reads the events of a stream: the *chat completion chunk object*.
//!
//! 1. The fast path reads an event that differs from the last plain one in text only; every other event is parsed.
//! 2. The reader gives calls as fragments, which carry no bytes, and forwards everything else at once.
//! 3. It holds the finish of a choice with calls until `[DONE]`, the usage or the end of the stream: some servers send a finish
//!    with every call. It forwards the finish of any other choice at once.
//! 4. If one choice was asked for, a second one with nothing but calls belongs to the first: GitHub Copilot splits a turn so.
//!
//! Not covered: log probabilities in later events than the tokens they belong to.

use callgate_json::template::{Hole, unescaped};
use callgate_json::{Item, Outline};

use super::split::{self, ChunkEvent, ChunkPart};
use super::stream::ChatStream;
use super::{StreamHead, checks, error, turn_text, usage};
use crate::framing::Frame;
use crate::skeleton::fast_path::{FastPath, Holes};
use crate::{Call, ChoiceIndex, Delta, End, ShapeError, StreamError, unknown};

/// The members that may differ between two plain events: the texts, and members nothing is decided by.
const HOLES: Holes<5> = [
    (&["choices", "0", "delta", "content"], Hole::Text),
    (&["choices", "0", "delta", "reasoning_content"], Hole::Text),
    (&["choices", "0", "delta", "reasoning"], Hole::Text),
    (&["obfuscation"], Hole::Text),
    (&["created"], Hole::Number),
];
/// The members of a delta for the holes after the first.
const REASONING: [&str; 2] = ["reasoning_content", "reasoning"];

impl ChatStream {
    /// Reads an event that differs from the learned one in text only.
    pub(super) fn repeat(&mut self, event: Option<&str>, data: &[u8]) -> Option<()> {
        let (choice, learned) = self.learned.as_ref().filter(|_| event.is_none())?;
        let [content, reasoning_content, reasoning, ..] = learned.replay("", data)?;
        let content = unescaped(content)?;
        let pieces = [unescaped(reasoning_content)?, unescaped(reasoning)?];
        let said = &mut self.choices.entry(*choice).or_default().said;
        said.text.push_str(&content);
        for (key, piece) in REASONING.into_iter().zip(pieces) {
            said.add_piece(key, &piece);
        }
        Some(())
    }

    /// Learns from an event with one choice, without a call and a finish.
    fn learn(&mut self, frame: &Frame, part: &ChunkPart<'_>) -> Option<(ChoiceIndex, FastPath<5>)> {
        let data = frame.data.as_deref().filter(|_| frame.event.is_none())?;
        if !part.finish.is_empty() || !part.fragments.is_empty() || self.base(part.counted) != part.counted {
            return None;
        }
        let text = |key: &str| part.delta.and_then(|delta| delta.get(key)).and_then(Item::string).unwrap_or_default();
        let [first, second] = REASONING.map(text);
        let learned = FastPath::learn("", data, &HOLES, &[&part.text, &first, &second])?;
        part.delta.is_none_or(|delta| turn_text::keeps_only(delta, &REASONING)).then_some((part.index, learned))
    }

    /// Reads one event in full.
    ///
    /// # Errors
    /// [`StreamError`] as [`crate::Stream::read`] says.
    pub(super) fn parse(&mut self, frame: &Frame) -> Result<Vec<Delta>, StreamError> {
        let forward = || vec![Delta::Forward { frame: frame.raw.clone() }];
        let data = frame.data.as_deref().unwrap_or_default().trim_ascii();
        if data.is_empty() {
            return Ok(forward());
        }
        if data == b"[DONE]" {
            let mut deltas = self.last_finishes(true);
            deltas.push(Delta::Done { frame: frame.raw.clone() });
            return Ok(deltas);
        }
        if unknown::are_words(data) {
            return Ok(Vec::new());
        }
        let outline = Outline::read(data)?;
        let body = outline.root();
        if error::is_error_value(body) || frame.event.as_deref() == Some("error") {
            checks::no_call(body)?;
            return Ok(vec![Delta::Error { frame: frame.raw.clone() }]);
        }
        if !body.is_object() {
            // No chunk: a sign of life of a server's own. Clients would fail on it.
            checks::no_call(body)?;
            return Ok(Vec::new());
        }
        let [choices, usage] = checks::members(body, &["choices", "usage"], 1, checks::pass)?;
        let mut parts = split::parts(checks::choices(choices)?)?;
        let usage = usage.filter(|usage| usage.is_object());
        if let Some(usage) = usage {
            self.reported = usage::read(usage);
        }
        if parts.is_empty() {
            let Some(usage) = usage else { return Ok(forward()) };
            self.usage = Some(usage.value());
            let mut deltas = self.last_finishes(false);
            if !self.hides_usage {
                deltas.push(Delta::Usage { frame: frame.raw.clone() });
            }
            return Ok(deltas);
        }
        self.head.get_or_insert_with(|| StreamHead::of(body));
        parts.iter_mut().for_each(|part| self.place(part));
        Ok(self.tell(frame, body, &parts, usage)?)
    }

    /// Finds the choice of a part.
    fn place(&mut self, part: &mut ChunkPart<'_>) {
        let base = self.base(part.counted);
        if !part.says_something() {
            part.index = base;
        }
    }

    /// The choice for calls counted under `index`, if they come without text.
    fn base(&mut self, index: ChoiceIndex) -> ChoiceIndex {
        if self.one_choice { *self.first.get_or_insert(index) } else { index }
    }

    fn tell(
        &mut self,
        frame: &Frame,
        body: Item<'_>,
        parts: &[ChunkPart<'_>],
        usage: Option<Item<'_>>,
    ) -> Result<Vec<Delta>, ShapeError> {
        let mut deltas = Vec::with_capacity(parts.iter().map(|part| part.fragments.len()).sum());
        for part in parts {
            let choice = self.choice(part.index);
            for raw in &part.fragments {
                let told = choice.slots.take(part.counted, raw)?;
                deltas.extend(told.map(|(slot, news)| fragment(part.index, slot, news)));
            }
            // A call that stands there alone would be lost in silence.
            if part.repeats_calls && !choice.slots.any() {
                return Err(ShapeError::StrayCall);
            }
        }
        if parts.iter().all(|part| part.fragments.is_empty()) && self.keeps_bytes(parts) {
            return Ok(self.whole(frame, body, parts, usage));
        }
        let event = ChunkEvent { name: frame.event.as_deref(), body };
        for part in parts {
            let new_role = part.has_role() && !self.choice(part.index).role_told;
            // An empty choice is forwarded only if the event is its own: it may be a sign of life.
            let is_empty = part.fragments.is_empty() && part.finish.is_empty() && !part.is_moved();
            if part.says_something() || new_role || is_empty {
                self.hear(part);
                deltas.push(Delta::Forward { frame: event.said(part) });
            }
        }
        let last = parts.iter().rposition(|part| !part.finish.is_empty());
        for (position, part) in parts.iter().enumerate().filter(|(_, part)| !part.finish.is_empty()) {
            let usage = usage.filter(|_| last == Some(position));
            deltas.extend(self.finished(part, |_| event.end(part, usage.is_some()), usage));
        }
        Ok(deltas)
    }

    /// Returns true if an event without fragments keeps its bytes. It does not if a part belongs to another choice, or if it has
    /// both text and a held finish.
    fn keeps_bytes(&mut self, parts: &[ChunkPart<'_>]) -> bool {
        if parts.iter().any(|part| part.is_moved() || part.repeats_calls) {
            return false;
        }
        let mut held =
            |part: &ChunkPart<'_>| !part.finish.is_empty() && self.choice(part.index).holds_finish(&part.finish);
        match parts {
            [part] => !held(part) || !part.says_something(),
            parts => !parts.iter().any(held),
        }
    }

    /// Forwards an event with its original bytes.
    fn whole(&mut self, frame: &Frame, body: Item<'_>, parts: &[ChunkPart<'_>], usage: Option<Item<'_>>) -> Vec<Delta> {
        parts.iter().for_each(|part| self.hear(part));
        if let [part] = parts {
            if !part.finish.is_empty() && !part.says_something() {
                let end = |is_held| match is_held {
                    true => End::parsed(frame.raw.clone(), frame.event.clone(), body.value()),
                    false => End::new(frame.raw.clone()),
                };
                return self.finished(part, end, usage).into_iter().collect();
            }
            self.learned = self.learn(frame, part);
        }
        let mut deltas = vec![Delta::Forward { frame: frame.raw.clone() }];
        for part in parts.iter().filter(|part| !part.finish.is_empty()) {
            deltas.extend(self.finished(part, |_| End::default(), usage));
        }
        deltas
    }

    /// Notes the text of a part.
    fn hear(&mut self, part: &ChunkPart<'_>) {
        let choice = self.choice(part.index);
        choice.role_told |= part.has_role();
        if let Some(delta) = part.delta {
            choice.said.add(delta, &part.text);
        }
    }

    /// Takes the finish of a part; `None` if it is held, which `end` learns.
    fn finished(
        &mut self,
        part: &ChunkPart<'_>,
        end: impl FnOnce(bool) -> End,
        usage: Option<Item<'_>>,
    ) -> Option<Delta> {
        if let Some(usage) = usage {
            self.usage = Some(usage.value());
        }
        let choice = self.choice(part.index);
        if choice.holds_finish(&part.finish) {
            choice.hold_finish(&part.finish, end(true));
            return None;
        }
        choice.finish = Some(part.finish.as_ref().to_owned());
        Some(Delta::Finish { choice: part.index, end: end(false) })
    }

    /// Returns the held finishes, each after the last news of its calls. Some APIs never send a finish; then `[DONE]` finishes
    /// every choice with calls.
    pub(super) fn last_finishes(&mut self, done: bool) -> Vec<Delta> {
        let head = self.head.clone().unwrap_or_default();
        let mut deltas = Vec::new();
        for (&index, choice) in &mut self.choices {
            if done && choice.finish.is_none() && choice.slots.any() {
                choice.hold_finish("tool_calls", head.end(index, "tool_calls"));
            }
            let Some(end) = choice.take_finish() else { continue };
            let news = choice.slots.finish(head.id());
            deltas.extend(news.into_iter().map(|(slot, news)| fragment(index, slot, news)));
            deltas.push(Delta::Finish { choice: index, end });
        }
        deltas
    }
}

fn fragment(choice: ChoiceIndex, slot: u32, call: Call) -> Delta {
    Delta::Fragment { choice, slot, call }
}
