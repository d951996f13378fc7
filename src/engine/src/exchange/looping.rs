//! Between rounds: calls at the executor, the model asked again, the response held back meanwhile.

use callgate_json::Value;
use callgate_wire::{Answer, CallResult, Earlier, Stream};

use super::{Exchange, State};
use crate::effect::Effect;
use crate::event::{CallFailed, ModelReply, Outcome};
use crate::refusal::{Code, Refusal};
use crate::request::Asked;
use crate::rounds::{self, Next};
use crate::settle::{Refused, Runnable};
use crate::stream::StreamTurn;
use crate::whole::{self, Turn};

/// An exchange between two rounds.
#[derive(Debug)]
pub(super) struct Looping {
    asked: Asked,
    /// What the rounds before said, as far as the client has not got it.
    earlier: Vec<Earlier>,
    form: AnswerForm,
    waiting: Waiting,
}

/// What the client is being answered with.
#[derive(Debug)]
pub(super) enum AnswerForm {
    /// One JSON body; its headers are still held back.
    Whole,
    /// A stream that has begun; `unsent` is what it had yet to say when it was held back.
    Stream { stream: Box<dyn Stream>, unsent: Vec<u8> },
}

/// What a loop waits for.
#[derive(Debug)]
enum Waiting {
    /// The executor, for the outcomes of `run`.
    Calls { said: Vec<Value>, run: Vec<Runnable>, refused: Vec<Refused> },
    /// The model.
    Model,
}

impl Exchange {
    pub(super) fn stream_again(&mut self, turn: StreamTurn, next: Next, unsent: Vec<u8>) -> Effect {
        let form = AnswerForm::Stream { stream: turn.stream, unsent };
        self.again(turn.asked, Vec::new(), form, next)
    }

    /// A turn needs another round: first its calls, if it has any to run, then the model.
    pub(super) fn again(&mut self, asked: Asked, earlier: Vec<Earlier>, form: AnswerForm, next: Next) -> Effect {
        let Next { said: Earlier { said, .. }, run, refused } = next;
        if run.is_empty() {
            return self.ask(Looping { asked, earlier, form, waiting: Waiting::Model }, &said, Vec::new(), refused);
        }
        let batch = rounds::batch(&self.gate, &self.ledger.about, &asked, &run);
        self.tally.run = self.tally.run.saturating_add(u32::try_from(run.len()).unwrap_or(u32::MAX));
        let waiting = Waiting::Calls { said, run, refused };
        self.state = State::Looping(Box::new(Looping { asked, earlier, form, waiting }));
        Effect::Run(batch)
    }

    pub(super) fn calls_run(&mut self, mut looping: Looping, outcomes: Result<Vec<Outcome>, CallFailed>) -> Effect {
        let Waiting::Calls { said, run, refused } = std::mem::replace(&mut looping.waiting, Waiting::Model) else {
            let refusal = Refusal::new(Code::OutOfOrder, "Outcomes of calls came when none were awaited.");
            return self.fail(looping.form, &refusal);
        };
        let answered =
            outcomes.map_err(rounds::failed).and_then(|outcomes| rounds::answered(&self.gate, run, outcomes));
        match answered {
            Ok(results) => self.ask(looping, &said, results, refused),
            Err(refusal) => self.fail(looping.form, &refusal),
        }
    }

    pub(super) fn ask(
        &mut self,
        mut looping: Looping,
        said: &[Value],
        mut results: Vec<CallResult>,
        refused: Vec<Refused>,
    ) -> Effect {
        let role = &looping.asked.caller.role;
        results.extend(refused.into_iter().map(|refused| rounds::told(&self.gate, role, refused)));
        let request = rounds::ask(&self.gate, &mut looping.asked, said, &results);
        self.state = State::Looping(Box::new(looping));
        Effect::Ask(request)
    }

    pub(super) fn model_answered(&mut self, mut looping: Looping, reply: Result<ModelReply<'_>, CallFailed>) -> Effect {
        if matches!(looping.waiting, Waiting::Calls { .. }) {
            let refusal = Refusal::new(Code::OutOfOrder, "The model answered when it was not asked.");
            return self.fail(looping.form, &refusal);
        }
        let most = self.gate.contract.limits().response_bytes;
        let turn = reply
            .map_err(rounds::unanswered)
            .and_then(|reply| whole::read(&looping.asked, reply.headers, reply.body, most))
            .and_then(|answer| self.decide_again(&looping, answer));
        match turn {
            Ok(Turn::Again(next)) => {
                looping.earlier.push(next.said.clone());
                self.again(looping.asked, looping.earlier, looping.form, next)
            }
            Ok(Turn::Release(answer)) => match looping.form {
                AnswerForm::Whole => Effect::Finish(answer.write()),
                AnswerForm::Stream { mut stream, mut unsent } => {
                    unsent.extend_from_slice(&stream.append(&answer.write()));
                    Effect::Finish(unsent)
                }
            },
            Err(refusal) => self.fail(looping.form, &refusal),
        }
    }

    fn decide_again(&mut self, looping: &Looping, answer: Box<dyn Answer>) -> Result<Turn, Refusal> {
        let (tally, ledger) = (&mut self.tally, &mut self.ledger);
        whole::decide(&self.gate, &looping.asked, answer, &looping.earlier, tally, ledger)
    }

    /// Ends a loop in an error, in the form that the client can still be answered in.
    pub(super) fn fail(&mut self, form: AnswerForm, refusal: &Refusal) -> Effect {
        match form {
            AnswerForm::Whole => self.replace(refusal),
            AnswerForm::Stream { stream, unsent } => self.broken(stream, unsent, refusal),
        }
    }

    /// Ends a stream in an error.
    pub(super) fn broken(&mut self, mut stream: Box<dyn Stream>, mut unsent: Vec<u8>, refusal: &Refusal) -> Effect {
        self.tally.error = Some(refusal.code);
        unsent.extend_from_slice(&stream.error(&refusal.api_error()));
        Effect::Finish(unsent)
    }
}
