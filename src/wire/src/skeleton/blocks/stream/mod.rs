//! A streamed turn of blocks.

mod steps;

use std::collections::BTreeMap;

use callgate_json::{Map, Value};

use super::call::OpenCall;
use super::calls::TurnCalls;
use super::event::overlay;
use super::output::ClientBlocks;
use super::write::{self, stop_event};
use super::{BlockEvent, BlockFormat, Meaning, TextBlock, USAGE};
use crate::checks::add;
use crate::framing::Frame;
use crate::skeleton::list::{BlockAnswer, Part};
use crate::{ApiError, Call, ChoiceIndex, Delta, End, ReportedUsage, StreamError};

/// A stream under way.
#[derive(Debug)]
pub struct BlockStream<F: BlockFormat> {
    /// The provider's tools of the request.
    provided: Vec<String>,
    phase: Phase,
    /// The open blocks, by the upstream's index.
    open: BTreeMap<u32, OpenBlock>,
    /// The lowest index above all so far.
    next: u32,
    /// The blocks without a call, in the order in which they began.
    text_blocks: Vec<F::TextBlock>,
    calls: TurnCalls,
    /// The number of blocks without a call before each call.
    calls_at: Vec<usize>,
    output: ClientBlocks<<F::TextBlock as TextBlock>::FastPath>,
    /// The end of the turn.
    closing: Option<BlockEvent>,
    /// The turn's usage as an event of its own.
    used: Option<BlockEvent>,
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

/// An open block.
#[derive(Debug)]
enum OpenBlock {
    /// Without a call: its position in [`BlockStream::text_blocks`].
    Text(usize),
    Call(OpenCall),
    /// Left out for the client: its position in [`BlockStream::text_blocks`].
    Hidden(usize),
    Unknown,
}

// === impl BlockStream ===

impl<F: BlockFormat> BlockStream<F> {
    /// A new stream in answer to a request that makes the provider run the tools `provided`.
    #[must_use]
    pub fn new(provided: &[&str]) -> Self {
        Self {
            provided: provided.iter().map(|&tool| tool.to_owned()).collect(),
            phase: Phase::New,
            open: BTreeMap::new(),
            next: 0,
            text_blocks: Vec::new(),
            calls: TurnCalls::default(),
            calls_at: Vec::new(),
            output: ClientBlocks::new(),
            closing: None,
            used: None,
            usage: Value::Null,
        }
    }

    /// Reads a delta that differs from the last one of its block in text only.
    fn repeat(&mut self, event: Option<&str>, data: &[u8]) -> Option<()> {
        let (block, learned) = self.output.learned()?;
        self.text_blocks.get_mut(block)?.replay(learned, event, data)
    }

    fn close(&mut self, event: BlockEvent, reason: bool) {
        match &mut self.closing {
            Some(closing) => closing.merge(event),
            None => self.closing = Some(event),
        }
        if reason {
            self.phase = Phase::Ending;
        }
    }

    /// Ends the turn: stops all blocks, and gives out the held events.
    fn finish_turn(&mut self) -> Vec<Delta> {
        let mut deltas = Vec::new();
        forward(self.close_output(), &mut deltas);
        for open in std::mem::take(&mut self.open).into_values() {
            if let OpenBlock::Call(call) = open {
                self.calls.stop(call, &mut deltas);
            }
        }
        self.calls.ends(&mut deltas);
        self.phase = Phase::Over;
        let end = self.closing.take().map(BlockEvent::into_end::<F>).unwrap_or_default();
        deltas.push(Delta::Finish { choice: ChoiceIndex::FIRST, end });
        if let Some(event) = self.used.take() {
            deltas.push(Delta::Usage { frame: self.corrected(event.into_end::<F>()) });
        }
        deltas
    }

    /// Writes an end, without its words on calls that were not released.
    fn corrected(&self, end: End) -> Vec<u8> {
        let correct = |kind: &str, body: &mut Map<String, Value>| {
            self.calls.some_left_out() && F::correct(kind, body, self.calls.none_left())
        };
        end.corrected(correct, |kind, body| F::event(kind.unwrap_or_default(), body)).into_frame()
    }

    /// Notes the usage so far: later numbers replace earlier ones.
    fn use_up(&mut self, usage: Value) {
        match (&mut self.usage, usage) {
            (Value::Object(known), Value::Object(usage)) => overlay(known, usage),
            (known, usage @ Value::Object(_)) => *known = usage,
            _ => {}
        }
    }

    /// The stop of the client's open block; empty if no block is open.
    fn close_output(&mut self) -> Vec<u8> {
        self.output.close().map(stop_event::<F>).unwrap_or_default()
    }
}

impl<F: BlockFormat> crate::Stream for BlockStream<F> {
    fn replay(&mut self, event: Option<&str>, data: &[u8]) -> bool {
        self.repeat(event, data).is_some()
    }

    fn read(&mut self, frame: Frame) -> Result<Vec<Delta>, StreamError> {
        if let Some(data) = &frame.data
            && self.replay(frame.event.as_deref(), data)
        {
            return Ok(vec![Delta::Forward { frame: frame.raw }]);
        }
        match (F::read(frame, &self.provided)?, self.phase) {
            (Meaning::Pass(frame), _) => Ok(vec![Delta::Forward { frame }]),
            (Meaning::Error(frame), _) => Ok(vec![Delta::Error { frame }]),
            (Meaning::Drop, _) => Ok(Vec::new()),
            (Meaning::Begin(event, usage), Phase::New) => {
                self.use_up(usage);
                self.phase = Phase::Turn;
                Ok(vec![Delta::Forward { frame: event.frame }])
            }
            // Official SDKs keep the first, or refuse a second.
            (Meaning::Begin(_, usage), Phase::Turn | Phase::Ending) => {
                self.use_up(usage);
                Ok(Vec::new())
            }
            (Meaning::Start(event, begun), Phase::Turn | Phase::Ending) => self.start(event, begun),
            (Meaning::Delta(event), Phase::Turn | Phase::Ending) => self.delta(event),
            (Meaning::Stop(event), Phase::Turn | Phase::Ending) => self.stop(event),
            (Meaning::Close { event, usage, reason }, Phase::Turn | Phase::Ending) => {
                self.use_up(usage);
                self.close(event, reason);
                Ok(Vec::new())
            }
            (Meaning::Usage(event, usage), Phase::Turn | Phase::Ending) => {
                self.use_up(usage);
                self.used.get_or_insert(event);
                crate::Stream::end(self)
            }
            (Meaning::Over(frame), Phase::Turn | Phase::Ending) => {
                let mut deltas = self.finish_turn();
                deltas.push(Delta::Done { frame });
                Ok(deltas)
            }
            (Meaning::Over(frame), Phase::Over) => Ok(vec![Delta::Done { frame }]),
            // The client has the end already.
            (Meaning::Stop(_) | Meaning::Close { .. } | Meaning::Usage(..), Phase::Over) => Ok(Vec::new()),
            (_, Phase::New | Phase::Over) => Err(StreamError::OutOfOrder),
        }
    }

    fn end(&mut self) -> Result<Vec<Delta>, StreamError> {
        Ok(if self.phase == Phase::Ending { self.finish_turn() } else { Vec::new() })
    }

    fn call(&mut self, _choice: ChoiceIndex, call: &Call) -> Vec<u8> {
        self.calls.release();
        let mut out = self.close_output();
        out.extend(write::call::<F>(self.output.place(), call));
        out
    }

    fn text(&mut self, _choice: ChoiceIndex, text: &str) -> Vec<u8> {
        let mut out = self.close_output();
        out.extend(write::text::<F>(self.output.place(), text));
        out
    }

    fn finish(&mut self, _choice: ChoiceIndex, end: End) -> Vec<u8> {
        self.corrected(end)
    }

    fn choices(&self) -> usize {
        usize::from(self.phase != Phase::New)
    }

    fn said(&self, _choice: ChoiceIndex) -> Vec<Value> {
        self.text_blocks.iter().flat_map(TextBlock::whole).collect()
    }

    fn turn(&self, _choice: ChoiceIndex) -> Vec<Value> {
        let mut said = Vec::new();
        let mut calls = self.calls_at.iter().peekable();
        for (position, block) in self.text_blocks.iter().enumerate() {
            while calls.next_if(|before| **before <= position).is_some() {
                said.push(Value::Null);
            }
            said.extend(block.whole());
        }
        said.extend(calls.map(|_| Value::Null));
        said
    }

    fn reported_usage(&self) -> ReportedUsage {
        F::usage(&self.usage)
    }

    fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Ending | Phase::Over)
    }

    fn append(&mut self, answer: &[u8]) -> Vec<u8> {
        let provided: Vec<&str> = self.provided.iter().map(String::as_str).collect();
        let Ok(answer) = BlockAnswer::<F>::read(&provided, answer) else { return Vec::new() };
        let (content, closing) = answer.into_parts();
        let mut out = self.close_output();
        for part in content.parts() {
            let bytes = match part {
                Part::Text(block) if F::is_signed(&block) => None,
                Part::Text(block) => write::block::<F>(self.output.next(), &block),
                Part::Call(call) => Some(write::call::<F>(self.output.next(), call)),
            };
            if let Some(bytes) = bytes {
                self.output.place();
                out.extend(bytes);
            }
        }
        let mut usage = closing.get(USAGE).cloned().unwrap_or_default();
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
