//! Rulings of the executor on calls that the client runs: the held stream or request meanwhile, and the next step.

use super::rounds::after;
use super::state::answer_stream::AnswerStream;
use super::state::authorizing::{HeldRequest, HeldRun, HeldStream};
use super::state::{ExchangeState, Forwarded};
use super::streaming::after_error;
use super::{Core, Transition, exceeds};
use crate::authorize;
use crate::effect::{Effect, Forward, ReleaseRule, Reply, RunCall};
use crate::event::{Authorization, CallFailed, Outcome};
use crate::mcp::request::{self as message, Checked, CheckedMessage};
use crate::mcp::running;
use crate::refusal::{Code, Refusal};
use crate::stream::Progress;
use crate::unary::too_large;

// === impl Core ===

impl Core {
    /// Asks about calls of a stream. `unsent` are the decided bytes before them.
    pub(super) fn stream_asks(
        &mut self,
        answer_stream: AnswerStream,
        (calls, release): (Vec<RunCall>, ReleaseRule),
        unsent: Vec<u8>,
        ended: bool,
    ) -> Transition {
        match answer_stream {
            AnswerStream::Turn(turn) => {
                let held = HeldStream { turn, unsent, unread: Vec::new(), overflow: false, ended };
                self.ask_about(held, calls, release)
            }
            AnswerStream::Messages(_) => self.replace(&Refusal::new(Code::OutOfOrder, "An MCP server makes no calls.")),
        }
    }

    fn ask_about(&mut self, held: HeldStream, calls: Vec<RunCall>, release: ReleaseRule) -> Transition {
        let checked = &held.turn.checked;
        let asker = (&checked.caller, checked.round, &checked.facts);
        let batch = authorize::batch(&self.gate, &self.ledger.correlation, asker, calls, release);
        (ExchangeState::AskingForStream(Box::new(held)), Effect::Authorize(batch))
    }

    /// Keeps bytes that come while the executor is asked, at most as many as any answer has.
    pub(super) fn stream_held(&self, mut held: Box<HeldStream>, chunk: &[u8], ended: bool) -> Transition {
        let most = self.gate.contract.limits().response_bytes;
        held.ended |= ended;
        held.overflow |= exceeds(held.unread.len().saturating_add(chunk.len()), most);
        if !held.overflow {
            held.unread.extend_from_slice(chunk);
        }
        (ExchangeState::AskingForStream(held), Effect::Hold)
    }

    /// The executor ruled on calls of a stream.
    pub(super) fn stream_ruled(
        &mut self,
        mut held: HeldStream,
        rulings: Result<Vec<Authorization>, CallFailed>,
    ) -> Transition {
        let mut out = std::mem::take(&mut held.unsent);
        let progress = self.stream_continues(&mut held, rulings, &mut out);
        let ended = held.ended;
        if matches!(progress, Ok(Progress::Complete) | Err(_)) {
            self.tally.count_round(&self.gate, &held.turn.checked, &held.turn.usage(&self.gate));
        }
        match progress {
            Ok(Progress::Ask(calls, release)) => self.ask_about(HeldStream { unsent: out, ..held }, calls, release),
            Ok(Progress::Open) if out.is_empty() => (streaming(held), Effect::Hold),
            Ok(Progress::Open) => (streaming(held), Effect::Emit(out)),
            Ok(Progress::Complete) => (after(ended, ExchangeState::Closed), Effect::Finish(out)),
            Ok(Progress::Again(next)) => self.stream_again(AnswerStream::Turn(held.turn), next, out, ended),
            Err(refusal) => {
                self.tally.error = Some(refusal.code);
                out.extend_from_slice(&held.turn.stream.error(&refusal.api_error()));
                (after(ended, after_error(held.turn.stream.is_cut_after_error())), Effect::Finish(out))
            }
        }
    }

    fn stream_continues(
        &mut self,
        held: &mut HeldStream,
        rulings: Result<Vec<Authorization>, CallFailed>,
        out: &mut Vec<u8>,
    ) -> Result<Progress, Refusal> {
        let rulings = authorize::matched(&self.gate, held.turn.asked(), rulings, &mut self.tally)?;
        let mut context = self.context(out);
        let mut progress = held.turn.ruled(&mut context, rulings)?;
        if matches!(progress, Progress::Open) && !held.unread.is_empty() {
            let unread = std::mem::take(&mut held.unread);
            progress = held.turn.data(&mut context, &unread)?;
        }
        if matches!(progress, Progress::Open) && held.overflow {
            return Err(too_large(context.gate, "model's API"));
        }
        if matches!(progress, Progress::Open) && held.ended {
            progress = held.turn.end(&mut context)?;
        }
        Ok(progress)
    }

    /// Ends a held stream in an error.
    pub(super) fn fail_held(&mut self, mut held: HeldStream, refusal: &Refusal) -> Transition {
        self.tally.error = Some(refusal.code);
        held.unsent.extend_from_slice(&held.turn.stream.error(&refusal.api_error()));
        (after(held.ended, ExchangeState::Cut), Effect::Finish(held.unsent))
    }

    /// The executor ruled on the call of a request to an MCP server.
    pub(super) fn request_ruled(
        &mut self,
        held: HeldRequest,
        rulings: Result<Vec<Authorization>, CallFailed>,
    ) -> Transition {
        let HeldRequest { asked, remove, content_type, .. } = held;
        match message::ruled(&self.gate, asked, rulings, &mut self.tally) {
            Ok(Checked::Forward(message)) => {
                let CheckedMessage { sent, body, set } = *message;
                self.forward(Forwarded::Mcp(sent), Forward { body, remove, set, content_type })
            }
            Ok(Checked::Answer(body)) => (ExchangeState::Refused, Effect::Reply(Reply::new(200, body))),
            Ok(Checked::Ask(_) | Checked::Run(_) | Checked::Confirm) => {
                self.refuse(&authorize::failed(CallFailed::Unreadable))
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    /// The executor ran the call of a request.
    pub(super) fn request_ran(
        &mut self,
        HeldRun { call, .. }: HeldRun,
        outcomes: Result<Vec<Outcome>, CallFailed>,
    ) -> Transition {
        match running::answer(&self.gate, &call, outcomes, &mut self.tally) {
            Ok(body) => (ExchangeState::Refused, Effect::Reply(Reply::new(200, body))),
            Err(refusal) => self.refuse(&refusal),
        }
    }
}

fn streaming(held: HeldStream) -> ExchangeState {
    ExchangeState::Streaming(AnswerStream::Turn(held.turn))
}
