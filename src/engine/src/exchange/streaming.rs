//! Handles the events of a streamed answer.

use super::state::ExchangeState;
use super::state::answer_stream::AnswerStream;
use super::state::rounds::{AnswerForm, Rounds};
use super::{Core, Transition};
use crate::effect::Effect;
use crate::refusal::{Code, Refusal};
use crate::stream::{Progress, StreamContext};
use crate::tool_results::Next;

// === impl Core ===

impl Core {
    pub(super) fn stream_data(&mut self, mut answer_stream: AnswerStream, chunk: &[u8], end: bool) -> Transition {
        let (text, rest) = chunk.split_at(answer_stream.replay(&self.gate, chunk).min(chunk.len()));
        if rest.is_empty() && !text.is_empty() && !end {
            return (ExchangeState::Streaming(answer_stream), Effect::Pass);
        }
        let mut out = text.to_vec();
        let mut context = self.context(&mut out);
        let mut progress = answer_stream.data(&mut context, rest);
        if end && matches!(progress, Ok(Progress::Open)) {
            progress = answer_stream.end(&mut context);
        }
        match progress {
            Ok(Progress::Open) => (ExchangeState::Streaming(answer_stream), emit(out, chunk)),
            Ok(Progress::Complete) => {
                self.count_stream(&answer_stream);
                close(ExchangeState::Closed, out, chunk, end)
            }
            Ok(Progress::Again(next)) => self.stream_again(answer_stream, next, out, end),
            Ok(Progress::Ask(calls, release)) => self.stream_asks(answer_stream, (calls, release), out, end),
            Err(refusal) => {
                self.count_stream(&answer_stream);
                self.tally.error = Some(refusal.code);
                out.extend_from_slice(&answer_stream.error(&refusal));
                close(after_error(answer_stream.is_cut_after_error()), out, chunk, end)
            }
        }
    }

    /// The stream ends with trailers. A client learns of an early end only by an event or, if none can be written, by a reset.
    pub(super) fn stream_trailers(&mut self, mut answer_stream: AnswerStream, writable: bool) -> Transition {
        let mut out = Vec::new();
        let progress = answer_stream.end(&mut self.context(&mut out));
        if !writable || !matches!(progress, Ok(Progress::Again(_) | Progress::Ask(..))) {
            self.count_stream(&answer_stream);
        }
        match progress {
            Ok(Progress::Open | Progress::Complete) if writable || out.is_empty() => {
                (ExchangeState::Ended, Effect::Finish(out))
            }
            _ if !writable => {
                self.tally.error = Some(Code::UpstreamTruncated);
                (ExchangeState::Ended, Effect::Reset)
            }
            Ok(Progress::Open | Progress::Complete) => (ExchangeState::Ended, Effect::Finish(out)),
            Ok(Progress::Again(next)) => self.stream_again(answer_stream, next, out, true),
            Ok(Progress::Ask(calls, release)) => self.stream_asks(answer_stream, (calls, release), out, true),
            Err(refusal) => {
                self.tally.error = Some(refusal.code);
                out.extend_from_slice(&answer_stream.error(&refusal));
                (ExchangeState::Ended, Effect::Finish(out))
            }
        }
    }

    pub(super) fn stream_again(
        &mut self,
        answer_stream: AnswerStream,
        next: Next,
        unsent: Vec<u8>,
        ended: bool,
    ) -> Transition {
        self.count_stream(&answer_stream);
        match answer_stream {
            AnswerStream::Turn(turn) => {
                let form = AnswerForm::Stream { said: turn.said(), stream: turn.stream, unsent };
                self.again(Rounds::new(turn.checked, Vec::new(), form, ended), next)
            }
            AnswerStream::Messages(_) => {
                self.replace(&Refusal::new(Code::OutOfOrder, "An MCP server is never asked again."))
            }
        }
    }

    pub(super) fn context<'a>(&'a mut self, out: &'a mut Vec<u8>) -> StreamContext<'a> {
        StreamContext {
            gate: &self.gate,
            tally: &mut self.tally,
            ledger: &mut self.ledger,
            now: self.clock.unix_millis(),
            out,
        }
    }
}

/// The bytes to forward in place of `chunk`. A host forwards the same bytes without a copy.
fn emit(out: Vec<u8>, chunk: &[u8]) -> Effect {
    match out.as_slice() {
        [] => Effect::Hold,
        same if same == chunk => Effect::Pass,
        _ => Effect::Emit(out),
    }
}

/// The state after a stream's error, while the upstream has not ended.
pub(super) fn after_error(is_cut: bool) -> ExchangeState {
    if is_cut { ExchangeState::Cut } else { ExchangeState::Closed }
}

/// The stream's last bytes; `state` follows unless the upstream has ended too.
fn close(state: ExchangeState, out: Vec<u8>, chunk: &[u8], end: bool) -> Transition {
    if end { (ExchangeState::Ended, Effect::Finish(out)) } else { (state, emit(out, chunk)) }
}
