//! A stream of a server's messages: each is decided, and forwarded or dropped.
//!
//! A client waits for the answer to its call, which perhaps has changed something already. So nothing that comes before the answer
//! ends the stream: a message that may not be forwarded, or that cannot be read, is dropped.
//!
//! The answer to a request is bounded in time and size as a model's is, and ends its stream: what a server says after it goes
//! nowhere. The server's own stream has no end that anybody waits for, so only each event is bounded.

use callgate_wire::framing::{Decoder, Frame, Framing};
use callgate_wire::mcp::{Event, Id, error, event};

use super::SentMessage;
use super::answer::{Disposition, decide, invalid};
use crate::stream::{Progress, StreamContext};
use crate::unary::too_large;
use crate::{Code, Gate, Refusal};

const PEER: &str = "MCP server";

/// A stream under way.
#[derive(Debug)]
pub(crate) struct Messages {
    sent: SentMessage,
    decoder: Decoder,
    bytes: u64,
    /// Why the first event that could not be read was dropped.
    fault: Option<Refusal>,
}

// === impl Messages ===

impl Messages {
    pub(crate) fn new(gate: &Gate, sent: SentMessage) -> Self {
        let most = usize::try_from(gate.contract.limits().response_bytes).unwrap_or(usize::MAX);
        Self { sent, decoder: Decoder::new(Framing::Sse, most), bytes: 0, fault: None }
    }

    /// Returns the bytes that it holds.
    pub(crate) fn held(&self) -> usize {
        self.decoder.held()
    }

    /// Takes bytes; those that may be forwarded are added to the desk's.
    pub(crate) fn data(&mut self, context: &mut StreamContext<'_>, chunk: &[u8]) -> Result<Progress, Refusal> {
        let mut frames = Vec::new();
        let decoded = self.decoder.push(chunk, &mut frames);
        for frame in frames {
            if let Progress::Complete = self.frame(context, frame)? {
                return Ok(Progress::Complete);
            }
        }
        // After everything that fits in the bound, so that where a chunk is cut changes nothing.
        decoded.map_err(|_| too_large(context.gate, PEER))?;
        Ok(Progress::Open)
    }

    /// The stream ended.
    pub(crate) fn end(&mut self, context: &mut StreamContext<'_>) -> Result<Progress, Refusal> {
        let fault = self.fault.take();
        let truncated = || {
            let early = "The MCP server's stream ended before its answer came.";
            fault.clone().unwrap_or_else(|| Refusal::new(Code::UpstreamTruncated, early))
        };
        // An event without its end: some clients read it, so it is decided too.
        let last = self.decoder.finish().map_err(|_| truncated())?;
        let mut progress = Progress::Open;
        if let Some(frame) = last {
            let before = context.out.len();
            progress = self.frame(context, frame).map_err(|_| truncated())?;
            if context.out.len() > before && !context.out.ends_with(b"\n\n") {
                context.out.extend_from_slice(self.decoder.terminator());
            }
        }
        match (&self.sent, progress) {
            (SentMessage::Listening, _) | (_, Progress::Complete) => Ok(Progress::Complete),
            (SentMessage::Request { .. } | SentMessage::OneWay, _) => Err(truncated()),
        }
    }

    fn frame(&mut self, context: &mut StreamContext<'_>, frame: Frame) -> Result<Progress, Refusal> {
        if !self.is_own() {
            self.bytes = self.bytes.saturating_add(u64::try_from(frame.raw.len()).unwrap_or(u64::MAX));
            if self.bytes > context.gate.contract.limits().response_bytes {
                return Err(too_large(context.gate, PEER));
            }
        }
        let (answer, bytes) = match Event::read(frame) {
            Ok(Event::Aside { frame }) => {
                context.out.extend_from_slice(&frame);
                return Ok(Progress::Open);
            }
            Ok(Event::Said { answer, frame }) => (answer, frame),
            // Nothing of it is forwarded, and the answer may still come.
            Err(error) => {
                self.fault.get_or_insert(invalid(format!("cannot be read: {error}")));
                return Ok(Progress::Open);
            }
        };
        let (answer, progress) = match decide(context.gate, &self.sent, *answer, context.tally)? {
            Disposition::Drop => return Ok(Progress::Open),
            Disposition::Forward(answer) => (answer, Progress::Open),
            Disposition::Final(answer) => (answer, Progress::Complete),
        };
        if answer.is_changed() {
            context.out.extend_from_slice(&event(&answer.write()));
        } else {
            context.out.extend_from_slice(&bytes);
        }
        Ok(progress)
    }

    /// Whether it is the server's own.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.sent, SentMessage::Listening)
    }

    /// An error as the last event: the answer, where one is awaited.
    pub(crate) fn error(&self, refusal: &Refusal) -> Vec<u8> {
        let id: Option<&Id> = match &self.sent {
            SentMessage::Request { id, .. } => Some(id),
            SentMessage::Listening | SentMessage::OneWay => None,
        };
        error::frame(id, &refusal.api_error())
    }
}
