//! A streamed answer: a model's turn, or the messages of an MCP server.

use super::rounds::{AnswerForm, Looping};
use super::state::State;
use super::{Core, Step};
use crate::effect::Effect;
use crate::mcp::stream::Messages;
use crate::refusal::{Code, Refusal};
use crate::stream::{Desk, Progress, StreamTurn};

/// The stream under way.
#[derive(Debug)]
pub(super) enum Answering {
    Turn(Box<StreamTurn>),
    Messages(Box<Messages>),
}

// === impl Answering ===

impl Answering {
    /// Returns whether it is an MCP server's own stream, for whose end nobody waits.
    pub(super) fn is_own(&self) -> bool {
        match self {
            Self::Turn(_) => false,
            Self::Messages(messages) => messages.is_own(),
        }
    }

    /// Returns the bytes that it holds.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Turn(turn) => turn.held(),
            Self::Messages(messages) => messages.held(),
        }
    }

    /// Writes an error as the last event.
    pub(super) fn error(&mut self, refusal: &Refusal) -> Vec<u8> {
        match self {
            Self::Turn(turn) => turn.stream.error(&refusal.api_error()),
            Self::Messages(messages) => messages.error(refusal),
        }
    }

    fn data(&mut self, desk: &mut Desk<'_>, chunk: &[u8]) -> Result<Progress, Refusal> {
        match self {
            Self::Turn(turn) => turn.data(desk, chunk),
            Self::Messages(messages) => messages.data(desk, chunk),
        }
    }

    fn end(&mut self, desk: &mut Desk<'_>) -> Result<Progress, Refusal> {
        match self {
            Self::Turn(turn) => turn.end(desk),
            Self::Messages(messages) => messages.end(desk),
        }
    }
}

// === impl Core ===

impl Core {
    pub(super) fn stream_data(&mut self, mut answering: Answering, chunk: &[u8], end: bool) -> Step {
        let mut out = Vec::new();
        let mut desk = self.desk(&mut out);
        let mut progress = answering.data(&mut desk, chunk);
        if end && matches!(progress, Ok(Progress::Open)) {
            progress = answering.end(&mut desk);
        }
        match progress {
            Ok(Progress::Open) => (State::Streaming(answering), emit(out)),
            Ok(Progress::Complete) => close(State::Closed, out, end),
            Ok(Progress::Again(next)) => self.stream_again(answering, next, out, end),
            Err(refusal) => {
                self.tally.error = Some(refusal.code);
                out.extend_from_slice(&answering.error(&refusal));
                // A client of the server's own stream comes again only if that is cut.
                close(if answering.is_own() { State::Cut } else { State::Closed }, out, end)
            }
        }
    }

    /// The stream ends with trailers. A client learns of an early end only by an event or, if none can be written, by a reset.
    pub(super) fn stream_trailers(&mut self, mut answering: Answering, writable: bool) -> Step {
        let mut out = Vec::new();
        let progress = answering.end(&mut self.desk(&mut out));
        match progress {
            Ok(Progress::Open | Progress::Complete) if writable || out.is_empty() => {
                (State::Ended, Effect::Finish(out))
            }
            _ if !writable => {
                self.tally.error = Some(Code::UpstreamTruncated);
                (State::Ended, Effect::Reset)
            }
            Ok(Progress::Open | Progress::Complete) => (State::Ended, Effect::Finish(out)),
            Ok(Progress::Again(next)) => self.stream_again(answering, next, out, true),
            Err(refusal) => {
                self.tally.error = Some(refusal.code);
                out.extend_from_slice(&answering.error(&refusal));
                (State::Ended, Effect::Finish(out))
            }
        }
    }

    fn stream_again(
        &mut self,
        answering: Answering,
        next: crate::tool_results::Next,
        unsent: Vec<u8>,
        ended: bool,
    ) -> Step {
        match answering {
            Answering::Turn(turn) => {
                let form = AnswerForm::Stream { said: turn.said(), stream: turn.stream, unsent };
                self.again(Looping::new(turn.asked, Vec::new(), form, ended), next)
            }
            Answering::Messages(_) => {
                self.replace(&Refusal::new(Code::OutOfOrder, "An MCP server is never asked again."))
            }
        }
    }

    fn desk<'a>(&'a mut self, out: &'a mut Vec<u8>) -> Desk<'a> {
        Desk { gate: &self.gate, tally: &mut self.tally, ledger: &mut self.ledger, out }
    }
}

fn emit(out: Vec<u8>) -> Effect {
    if out.is_empty() { Effect::Hold } else { Effect::Emit(out) }
}

/// The stream's last bytes; `state` follows unless the upstream has ended too.
fn close(state: State, out: Vec<u8>, end: bool) -> Step {
    if end { (State::Ended, Effect::Finish(out)) } else { (state, emit(out)) }
}
