//! A streamed turn of blocks.

mod steps;

use std::collections::BTreeMap;

use callgate_json::Value;

use super::called::Called;
use super::calls::Calls;
use super::event::overlay;
use super::output::Output;
use super::{Event, Format, Part, Said, Step};
use crate::checks::add;
use crate::framing::Frame;
use crate::{ApiError, Call, Delta, StreamError};

/// A stream under way.
#[derive(Debug)]
pub struct Stream<F: Format> {
    /// Tools that the provider may run.
    provided: Vec<String>,
    phase: Phase,
    /// The blocks that have not stopped, by the upstream's index.
    open: BTreeMap<u32, Open>,
    /// The lowest index above all that began.
    next: u32,
    /// The blocks without a call, in the order in which they began.
    said: Vec<F::Said>,
    calls: Calls,
    output: Output<<F::Said as Said>::Plain>,
    /// The event that ends the turn.
    closing: Option<Event>,
    /// The turn's usage as an event of its own.
    used: Option<Event>,
    usage: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Turn,
    /// The turn has a reason to end; more of it may follow.
    Ending,
    Over,
}

/// A block that has not stopped.
#[derive(Debug)]
enum Open {
    /// Without a call: its position in [`Stream::said`].
    Said(usize),
    Call(Called),
    Unknown,
}

// === impl Stream ===

impl<F: Format> Stream<F> {
    /// A stream of which nothing was read, the answer to a request that makes the provider run the tools `provided`.
    #[must_use]
    pub fn new(provided: &[&str]) -> Self {
        Self {
            provided: provided.iter().map(|&tool| tool.to_owned()).collect(),
            phase: Phase::New,
            open: BTreeMap::new(),
            next: 0,
            said: Vec::new(),
            calls: Calls::default(),
            output: Output::new(),
            closing: None,
            used: None,
            usage: Value::Null,
        }
    }

    /// Reads a delta that differs from the last one of its block in nothing but text.
    fn plain(&mut self, frame: &Frame) -> Option<()> {
        let (block, plain) = self.output.plain()?;
        self.said.get_mut(block)?.fill(plain, frame)
    }

    fn close(&mut self, event: Event, reason: bool) {
        match &mut self.closing {
            Some(closing) => closing.merge(event),
            None => self.closing = Some(event),
        }
        if reason {
            self.phase = Phase::Ending;
        }
    }

    /// Ends the turn: stops all blocks, and gives out the events that were held.
    fn finish_turn(&mut self) -> Vec<Delta> {
        let mut deltas = Vec::new();
        forward(self.close_output(), &mut deltas);
        for open in std::mem::take(&mut self.open).into_values() {
            if let Open::Call(call) = open {
                self.calls.stop(call, &mut deltas);
            }
        }
        self.calls.ends(&mut deltas);
        self.phase = Phase::Over;
        let frame = self.closing.as_ref().map(Event::bytes::<F>).unwrap_or_default();
        deltas.push(Delta::Finish { choice: 0, frame });
        if let Some(event) = self.used.take() {
            deltas.push(Delta::Usage { frame: self.corrected(event) });
        }
        deltas
    }

    /// An event that closes the turn, without what it says of calls that were not released.
    fn corrected(&self, mut event: Event) -> Vec<u8> {
        if self.calls.some_left_out() && F::correct(&event.kind, &mut event.body, self.calls.none_left()) {
            event.frame.clear();
        }
        event.bytes::<F>()
    }

    /// Notes the usage so far: later numbers replace earlier ones.
    fn use_up(&mut self, usage: Value) {
        match (&mut self.usage, usage) {
            (Value::Object(known), Value::Object(usage)) => overlay(known, usage),
            (known, usage @ Value::Object(_)) => *known = usage,
            _ => {}
        }
    }

    /// The event that stops the block that is open on the client's side; empty if no block is open.
    fn close_output(&mut self) -> Vec<u8> {
        self.output.close().map(F::stop).unwrap_or_default()
    }
}

impl<F: Format> crate::Stream for Stream<F> {
    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if self.plain(&frame).is_some() {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        match (F::read(frame, &self.provided)?, self.phase) {
            (Step::Pass(frame), _) => Ok(vec![Delta::Forward { frame }]),
            (Step::Error(frame), _) => Ok(vec![Delta::Error { frame }]),
            (Step::Drop, _) => Ok(Vec::new()),
            (Step::Begin(event, usage), Phase::New) => {
                self.use_up(usage);
                self.phase = Phase::Turn;
                Ok(vec![Delta::Forward { frame: event.frame }])
            }
            // Official SDKs keep the first, or refuse a second.
            (Step::Begin(_, usage), Phase::Turn | Phase::Ending) => {
                self.use_up(usage);
                Ok(Vec::new())
            }
            (Step::Start(event, begun), Phase::Turn | Phase::Ending) => self.start(event, begun),
            (Step::Delta(event), Phase::Turn | Phase::Ending) => self.delta(event),
            (Step::Stop(event), Phase::Turn | Phase::Ending) => self.stop(event),
            (Step::Close { event, usage, reason }, Phase::Turn | Phase::Ending) => {
                self.use_up(usage);
                self.close(event, reason);
                Ok(Vec::new())
            }
            (Step::Usage(event, usage), Phase::Turn | Phase::Ending) => {
                self.use_up(usage);
                self.used.get_or_insert(event);
                crate::Stream::end(self)
            }
            (Step::Over(frame), Phase::Turn | Phase::Ending) => {
                let mut deltas = self.finish_turn();
                deltas.push(Delta::Done { frame });
                Ok(deltas)
            }
            (Step::Over(frame), Phase::Over) => Ok(vec![Delta::Done { frame }]),
            // The client has the end already.
            (Step::Stop(_) | Step::Close { .. } | Step::Usage(..), Phase::Over) => Ok(Vec::new()),
            (_, Phase::New | Phase::Over) => Err(StreamError::OutOfOrder),
        }
    }

    fn end(&mut self) -> Result<Vec<Delta>, StreamError> {
        Ok(if self.phase == Phase::Ending { self.finish_turn() } else { Vec::new() })
    }

    fn call(&mut self, _choice: u32, call: &Call) -> Vec<u8> {
        self.calls.release();
        let mut out = self.close_output();
        out.extend(F::call(self.output.place(), call));
        out
    }

    fn text(&mut self, _choice: u32, text: &str) -> Vec<u8> {
        let mut out = self.close_output();
        out.extend(F::text(self.output.place(), text));
        out
    }

    fn finish(&mut self, _choice: u32, frame: Vec<u8>) -> Vec<u8> {
        self.closing.take().map_or(frame, |closing| self.corrected(closing))
    }

    fn choices(&self) -> usize {
        usize::from(self.phase != Phase::New)
    }

    fn said(&self, _choice: u32) -> Vec<Value> {
        self.said.iter().flat_map(Said::whole).collect()
    }

    fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Ending | Phase::Over)
    }

    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let provided: Vec<&str> = self.provided.iter().map(String::as_str).collect();
        let Some((content, closing)) = F::answer(&provided, answer) else { return Vec::new() };
        let mut out = self.close_output();
        for part in content.parts() {
            let bytes = match part {
                Part::Said(block) => F::said(self.output.next(), &block),
                Part::Call(call) => Some(F::call(self.output.next(), call)),
            };
            if let Some(bytes) = bytes {
                self.output.place();
                out.extend(bytes);
            }
        }
        let mut usage = closing.get("usage").cloned().unwrap_or_default();
        add(&mut usage, &self.usage);
        out.extend(F::end(&closing, &usage));
        out
    }

    fn error(&mut self, error: &ApiError) -> Vec<u8> {
        F::error(error)
    }
}

fn forward(frame: Vec<u8>, deltas: &mut Vec<Delta>) {
    if !frame.is_empty() {
        deltas.push(Delta::Forward { frame });
    }
}
