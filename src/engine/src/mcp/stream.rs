//! A stream of a server's messages: each is decided and goes on, or ends the stream.
//!
//! The answer to a request is bounded in time and size as a model's is, and ends its stream: what a server says after it goes
//! nowhere. The server's own stream has no end that anybody waits for, so only each event is bounded.

use std::time::Duration;

use callgate_wire::framing::{Decoder, Frame, Framing};
use callgate_wire::mcp::{Event, Id, error, event};

use super::Asked;
use super::answer::{Said, decide, invalid};
use crate::{Code, Gate, Refusal, Tally};

/// A stream under way.
#[derive(Debug)]
pub(crate) struct Messages {
    asked: Asked,
    decoder: Decoder,
    bytes: u64,
    /// Until when the answer must have come; none on the server's own stream.
    deadline: Option<Duration>,
}

/// Where a stream stands after some of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It goes on.
    Open,
    /// What was asked for has come.
    Complete,
}

// === impl Messages ===

impl Messages {
    pub(crate) fn new(gate: &Gate, asked: Asked, deadline: Option<Duration>) -> Self {
        let most = usize::try_from(gate.contract.limits().response_bytes).unwrap_or(usize::MAX);
        Self { asked, decoder: Decoder::new(Framing::Sse, most), bytes: 0, deadline }
    }

    /// Takes bytes; what may go on is added to `out`.
    pub(crate) fn data(
        &mut self,
        gate: &Gate,
        tally: &mut Tally,
        out: &mut Vec<u8>,
        chunk: &[u8],
        now: Duration,
    ) -> Result<Progress, Refusal> {
        if self.deadline.is_some_and(|deadline| now > deadline) {
            return Err(late());
        }
        let mut frames = Vec::new();
        let decoded = self.decoder.push(chunk, &mut frames);
        for frame in frames {
            if self.frame(gate, tally, out, frame)? == Progress::Complete {
                return Ok(Progress::Complete);
            }
        }
        // After what fits in the bound went on, so that where a chunk is cut changes nothing.
        decoded.map_err(|_| too_large(gate))?;
        Ok(Progress::Open)
    }

    /// The stream ended.
    pub(crate) fn end(&mut self, gate: &Gate, tally: &mut Tally, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let truncated =
            || Refusal::new(Code::UpstreamTruncated, "The MCP server's stream ended before its answer came.");
        // An event without its end: some clients read it, so it is decided too.
        let last = self.decoder.finish().map_err(|_| truncated())?;
        let mut progress = Progress::Open;
        if let Some(frame) = last {
            let before = out.len();
            progress = self.frame(gate, tally, out, frame).map_err(|_| truncated())?;
            if out.len() > before && !out.ends_with(b"\n\n") {
                out.extend_from_slice(self.decoder.terminator());
            }
        }
        match (&self.asked, progress) {
            (Asked::Listening, _) | (_, Progress::Complete) => Ok(()),
            (Asked::Request { .. } | Asked::Told, Progress::Open) => Err(truncated()),
        }
    }

    fn frame(&mut self, gate: &Gate, tally: &mut Tally, out: &mut Vec<u8>, frame: Frame) -> Result<Progress, Refusal> {
        if self.deadline.is_some() {
            self.bytes = self.bytes.saturating_add(u64::try_from(frame.raw.len()).unwrap_or(u64::MAX));
            if self.bytes > gate.contract.limits().response_bytes {
                return Err(too_large(gate));
            }
        }
        let (answer, bytes) = match Event::read(frame).map_err(|error| invalid(format!("cannot be read: {error}")))? {
            Event::Aside { frame } => {
                out.extend_from_slice(&frame);
                return Ok(Progress::Open);
            }
            Event::Said { answer, frame } => (answer, frame),
        };
        let (answer, progress) = match decide(gate, &self.asked, *answer, tally)? {
            Said::Meanwhile(answer) => (answer, Progress::Open),
            Said::Answer(answer) => (answer, Progress::Complete),
        };
        if answer.is_changed() {
            out.extend_from_slice(&event(&answer.write()));
        } else {
            out.extend_from_slice(&bytes);
        }
        Ok(progress)
    }

    /// Whether it is the server's own.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.asked, Asked::Listening)
    }

    /// An error as the last event: the answer, where one is awaited.
    pub(crate) fn error(&self, refusal: &Refusal) -> Vec<u8> {
        let id: Option<&Id> = match &self.asked {
            Asked::Request { id, .. } => Some(id),
            Asked::Listening | Asked::Told => None,
        };
        error::frame(id, &refusal.api_error())
    }
}

pub(crate) fn late() -> Refusal {
    Refusal::new(Code::LimitExceeded, "The MCP server's answer took longer than the contract's `turnTimeout`.")
}

pub(crate) fn too_large(gate: &Gate) -> Refusal {
    let most = gate.contract.limits().response_bytes;
    let message = format!("The MCP server's answer is larger than the contract's `responseBytes`, {most} bytes.");
    Refusal::new(Code::ResponseTooLarge, message)
}
