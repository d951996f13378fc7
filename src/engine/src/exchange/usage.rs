//! Counts the tokens of each round where it ends.

use callgate_wire::Answer;

use super::state::answer_stream::AnswerStream;
use super::state::awaited::AwaitedBody;
use super::state::rounds::Waiting;
use super::state::{ExchangeState, Forwarded};
use super::{Core, Transition};
use crate::refusal::Refusal;
use crate::request::CheckedRequest;
use crate::usage::{RoundEnd, RoundUsage};

impl Core {
    /// Counts a whole answer with a body of so many bytes.
    pub(super) fn count_answer(&mut self, checked: &CheckedRequest, answer: &dyn Answer, bytes: usize) {
        let round = RoundUsage { reported: answer.reported_usage(), end: RoundEnd::Whole, said_bytes: bytes };
        self.tally.count_round(&self.gate, checked, &round);
    }

    /// Counts an answer that could not be read, of which so many bytes came.
    pub(super) fn count_unread(&mut self, checked: &CheckedRequest, bytes: usize) {
        self.tally.count_round(&self.gate, checked, &RoundUsage::broken(bytes));
    }

    /// Counts a stream at its end.
    pub(super) fn count_stream(&mut self, answer_stream: &AnswerStream) {
        if let AnswerStream::Turn(turn) = answer_stream {
            self.tally.count_round(&self.gate, &turn.checked, &turn.usage(&self.gate));
        }
    }

    /// Counts the round that is under way in a state, when the exchange ends in it.
    pub(super) fn count_broken(&mut self, state: &ExchangeState) {
        match state {
            ExchangeState::Sent(Forwarded::Model(checked)) => self.count_unread(checked, 0),
            ExchangeState::Body { awaited: AwaitedBody::Turn(checked) | AwaitedBody::Undeclared(checked), body } => {
                self.count_unread(checked, body.len());
            }
            ExchangeState::Streaming(answer_stream) => self.count_stream(answer_stream),
            ExchangeState::AskingForStream(held) => {
                self.tally.count_round(&self.gate, &held.turn.checked, &held.turn.usage(&self.gate));
            }
            ExchangeState::BetweenRounds(rounds) if matches!(rounds.waiting, Waiting::Model) => {
                self.count_unread(&rounds.checked, 0);
            }
            ExchangeState::BetweenRounds(_)
            | ExchangeState::New
            | ExchangeState::Open
            | ExchangeState::Refusing { .. }
            | ExchangeState::Gathering { .. }
            | ExchangeState::Admitting(_)
            | ExchangeState::AskingForRequest(_)
            | ExchangeState::RunningForRequest(_)
            | ExchangeState::Sent(Forwarded::Mcp(_) | Forwarded::Catalog(_))
            | ExchangeState::Refused
            | ExchangeState::Body { .. }
            | ExchangeState::Closed
            | ExchangeState::Cut
            | ExchangeState::Ended => {}
        }
    }

    /// Replaces an answer that cannot be read, of which so many bytes came.
    pub(super) fn replace_unread(&mut self, checked: &CheckedRequest, bytes: usize, refusal: &Refusal) -> Transition {
        self.count_unread(checked, bytes);
        self.replace(refusal)
    }
}
