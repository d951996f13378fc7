//! A stream of a server's messages: each is decided, and forwarded or dropped.
//!
//! A client waits for the answer to its call, and the call may have run already. So no message before the answer
//! ends the stream: a forbidden or unreadable message is dropped.
//!
//! The answer to a request has the same limits on time and size as a model's, and ends its stream. Later messages are not
//! forwarded. Nobody waits for the end of the server's own stream, so only each event is bounded.

use callgate_wire::framing::{Decoder, Frame, Framing};
use callgate_wire::mcp::{McpEvent, error, event};

use super::answer::{Disposition, decide, invalid};
use super::asking::AskedSoFar;
use super::{SentMessage, definitions};
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
    /// The questions of the server so far.
    asked: AskedSoFar,
    /// The reason for dropping the first unreadable event.
    fault: Option<Refusal>,
}

// === impl Messages ===

impl Messages {
    pub(crate) fn new(gate: &Gate, sent: SentMessage) -> Self {
        let most = usize::try_from(gate.contract.limits().response_bytes).unwrap_or(usize::MAX);
        Self { sent, decoder: Decoder::new(Framing::Sse, most), bytes: 0, asked: AskedSoFar::default(), fault: None }
    }

    /// Returns the bytes held.
    pub(crate) fn held(&self) -> usize {
        self.decoder.held().saturating_add(self.sent.bytes())
    }

    /// Takes bytes, and adds the forwarded ones to the context's.
    pub(crate) fn data(&mut self, context: &mut StreamContext<'_>, chunk: &[u8]) -> Result<Progress, Refusal> {
        let mut frames = Vec::new();
        let decoded = self.decoder.push(chunk, &mut frames);
        for frame in frames {
            if let Progress::Complete = self.frame(context, frame)? {
                return Ok(Progress::Complete);
            }
        }
        // This comes after all frames within the bound, so the cuts between chunks change nothing.
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
        // Some clients read an event without its end, so it is decided too.
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
            (SentMessage::Listening | SentMessage::Subscribed(_), _) | (_, Progress::Complete) => {
                Ok(Progress::Complete)
            }
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
        let (answer, bytes) = match McpEvent::read(frame) {
            Ok(McpEvent::Aside { frame }) => {
                context.out.extend_from_slice(&frame);
                return Ok(Progress::Open);
            }
            Ok(McpEvent::Said { answer, frame }) => (answer, frame),
            // It is dropped, and the answer may still come.
            Err(error) => {
                self.fault.get_or_insert(invalid(format!("cannot be read: {error}")));
                return Ok(Progress::Open);
            }
        };
        if self.is_own() {
            self.asked.renew(context.now);
        }
        definitions::report(context.gate, &self.sent, &answer, context.tally, context.ledger);
        let (answer, progress) =
            match decide((context.gate, context.now), &self.sent, *answer, &mut self.asked, context.tally)? {
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

    /// Returns true for the server's own stream, and for a subscription.
    pub(crate) fn is_own(&self) -> bool {
        self.sent.is_endless()
    }

    /// Writes an error as the last event: the answer, if one is awaited.
    pub(crate) fn error(&self, refusal: &Refusal) -> Vec<u8> {
        error::frame(self.sent.id(), &refusal.api_error())
    }
}
