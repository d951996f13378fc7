//! Between rounds: calls at the executor, the model asked again, the response held back meanwhile.

use callgate_wire::openai_chat::StreamHead;

use super::{Exchange, State};
use crate::effect::Effect;
use crate::event::{CallFailed, ModelReply, Outcome};
use crate::refusal::{Code, Refusal};
use crate::request::Asked;
use crate::rounds::{self, Next, Said};
use crate::settle::{Refused, Runnable};
use crate::stream::{self, StreamTurn};
use crate::whole::{self, Turn};

/// An exchange between two rounds.
#[derive(Debug)]
pub(super) struct Looping {
    asked: Asked,
    said: Said,
    form: AnswerForm,
    waiting: Waiting,
}

/// What the client is being answered with.
#[derive(Debug)]
pub(super) enum AnswerForm {
    /// One JSON body; its headers are still held back.
    Whole,
    /// A stream that has begun; `unsent` is what it had yet to say when it was held back.
    Stream { head: Box<StreamHead>, unsent: Vec<u8> },
}

/// What a loop waits for.
#[derive(Debug)]
enum Waiting {
    /// The executor, for the outcomes of `run`.
    Calls { text: String, run: Vec<Runnable>, refused: Vec<Refused> },
    /// The model.
    Model,
}

impl Exchange {
    pub(super) fn stream_again(&mut self, turn: StreamTurn, next: Next, unsent: Vec<u8>) -> Effect {
        let head = match turn.head() {
            Ok(head) => Box::new(head),
            Err(refusal) => return self.broken(unsent, &refusal),
        };
        let said = Said::streamed(&next);
        self.again(turn.asked, said, AnswerForm::Stream { head, unsent }, next)
    }

    /// A turn needs another round: first its calls, if it has any to run, then the model.
    pub(super) fn again(&mut self, asked: Asked, said: Said, form: AnswerForm, next: Next) -> Effect {
        let Next { text, run, refused, .. } = next;
        if run.is_empty() {
            return self.ask(Looping { asked, said, form, waiting: Waiting::Model }, &text, Vec::new(), refused);
        }
        let batch = rounds::batch(&self.gate, &asked, &run);
        self.tally.run = self.tally.run.saturating_add(u32::try_from(run.len()).unwrap_or(u32::MAX));
        let waiting = Waiting::Calls { text, run, refused };
        self.state = State::Looping(Box::new(Looping { asked, said, form, waiting }));
        Effect::Run(batch)
    }

    pub(super) fn calls_run(&mut self, mut looping: Looping, outcomes: Result<Vec<Outcome>, CallFailed>) -> Effect {
        let Waiting::Calls { text, run, refused } = std::mem::replace(&mut looping.waiting, Waiting::Model) else {
            let refusal = Refusal::new(Code::OutOfOrder, "Outcomes of calls came when none were awaited.");
            return self.fail(looping.form, &refusal);
        };
        let answered =
            outcomes.map_err(rounds::failed).and_then(|outcomes| rounds::answered(&self.gate, run, outcomes));
        match answered {
            Ok(results) => self.ask(looping, &text, results, refused),
            Err(refusal) => self.fail(looping.form, &refusal),
        }
    }

    pub(super) fn ask(
        &mut self,
        mut looping: Looping,
        text: &str,
        mut results: Vec<callgate_wire::CallResult>,
        refused: Vec<Refused>,
    ) -> Effect {
        results.extend(refused.into_iter().map(rounds::told));
        let request = rounds::ask(&self.gate, &mut looping.asked, text, &results);
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
            .and_then(|reply| whole::read(reply.headers, reply.body, most))
            .and_then(|answer| whole::decide(&self.gate, &looping.asked, answer, &looping.said, &mut self.tally));
        match turn {
            Ok(Turn::Again(next)) => {
                looping.said.add(&next);
                self.again(looping.asked, looping.said, looping.form, next)
            }
            Ok(Turn::Release(answer)) => match looping.form {
                AnswerForm::Whole => Effect::Finish(answer.write()),
                AnswerForm::Stream { head, mut unsent } => {
                    unsent.extend_from_slice(&stream::close(&head, &answer, looping.asked.include_usage));
                    Effect::Finish(unsent)
                }
            },
            Err(refusal) => self.fail(looping.form, &refusal),
        }
    }

    /// Ends a loop in an error, in the form that the client can still be answered in.
    pub(super) fn fail(&mut self, form: AnswerForm, refusal: &Refusal) -> Effect {
        match form {
            AnswerForm::Whole => self.replace(refusal),
            AnswerForm::Stream { unsent, .. } => self.broken(unsent, refusal),
        }
    }

    /// Ends a stream in an error.
    pub(super) fn broken(&mut self, mut unsent: Vec<u8>, refusal: &Refusal) -> Effect {
        self.tally.error = Some(refusal.code);
        unsent.extend_from_slice(&refusal.frame());
        Effect::Finish(unsent)
    }
}
