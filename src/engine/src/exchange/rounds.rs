//! Between rounds: calls at the executor, the model asked again, the response held back meanwhile.

use callgate_json::Value;
use callgate_wire::{Answer, CallResult, Earlier, Stream};

use super::state::State;
use super::{Core, Step};
use crate::effect::Effect;
use crate::event::{CallFailed, ModelReply, Outcome};
use crate::refusal::{Code, Refusal};
use crate::request::Asked;
use crate::settle::{Refused, Runnable};
use crate::tool_results::{self, Next};
use crate::unary::{self, Turn};

/// An exchange between two rounds.
#[derive(Debug)]
pub(super) struct Looping {
    asked: Asked,
    /// The content of earlier rounds that the client has not received.
    earlier: Vec<Earlier>,
    form: AnswerForm,
    waiting: Waiting,
    /// The upstream's response to the first round has ended.
    pub(super) ended: bool,
}

/// The form of the client's answer.
#[derive(Debug)]
pub(super) enum AnswerForm {
    /// One JSON body; its headers are still held back. The first turn said so many bytes.
    Whole { said: usize },
    /// A stream that has begun and said so many bytes; `unsent` is what it had yet to say when it was held back.
    Stream { stream: Box<dyn Stream>, said: usize, unsent: Vec<u8> },
}

/// The callout that a loop waits for.
#[derive(Debug)]
enum Waiting {
    /// The executor, for the outcomes of `run`.
    Calls { said: Vec<Value>, run: Vec<Runnable>, refused: Vec<Refused> },
    /// The model.
    Model,
}

// === impl Looping ===

impl Looping {
    pub(super) fn new(asked: Asked, earlier: Vec<Earlier>, form: AnswerForm, ended: bool) -> Self {
        Self { asked, earlier, form, waiting: Waiting::Model, ended }
    }

    /// Returns the bytes that it holds. The request has what earlier rounds said, and its text is written again for each round.
    pub(super) fn held(&self) -> usize {
        let stream = match &self.form {
            AnswerForm::Whole { said } => *said,
            AnswerForm::Stream { said, unsent, .. } => said.saturating_add(unsent.capacity()),
        };
        self.asked.request.held().saturating_mul(2).saturating_add(stream)
    }
}

// === impl Core ===

impl Core {
    /// Begins another round for a turn: first its calls, if it has any to run, then the model.
    pub(super) fn again(&mut self, mut looping: Looping, next: Next) -> Step {
        let Next { said: Earlier { said, .. }, run, refused } = next;
        if run.is_empty() {
            return self.ask(looping, &said, Vec::new(), refused);
        }
        let batch = tool_results::batch(&self.gate, &self.ledger.about, &looping.asked, &run);
        self.tally.run = self.tally.run.saturating_add(u32::try_from(run.len()).unwrap_or(u32::MAX));
        looping.waiting = Waiting::Calls { said, run, refused };
        (State::Looping(Box::new(looping)), Effect::Run(batch))
    }

    pub(super) fn calls_run(&mut self, mut looping: Looping, outcomes: Result<Vec<Outcome>, CallFailed>) -> Step {
        let Waiting::Calls { said, run, refused } = std::mem::replace(&mut looping.waiting, Waiting::Model) else {
            let refusal = Refusal::new(Code::OutOfOrder, "Outcomes of calls came when none were awaited.");
            return self.fail(looping, &refusal);
        };
        let answered = outcomes
            .map_err(tool_results::failed)
            .and_then(|outcomes| tool_results::answered(&self.gate, run, outcomes));
        match answered {
            Ok(results) => self.ask(looping, &said, results, refused),
            Err(refusal) => self.fail(looping, &refusal),
        }
    }

    fn ask(
        &mut self,
        mut looping: Looping,
        said: &[Value],
        mut results: Vec<CallResult>,
        refused: Vec<Refused>,
    ) -> Step {
        let role = &looping.asked.caller.role;
        results.extend(refused.into_iter().map(|refused| tool_results::told(&self.gate, role, refused)));
        let left = self.clock.left(self.gate.contract.limits().turn_timeout);
        let request = tool_results::ask(&mut looping.asked, said, &results, left);
        (State::Looping(Box::new(looping)), Effect::Ask(request))
    }

    pub(super) fn model_answered(&mut self, mut looping: Looping, reply: Result<ModelReply<'_>, CallFailed>) -> Step {
        if matches!(looping.waiting, Waiting::Calls { .. }) {
            let refusal = Refusal::new(Code::OutOfOrder, "The model answered when it was not asked.");
            return self.fail(looping, &refusal);
        }
        let turn = reply
            .map_err(tool_results::unanswered)
            .and_then(|reply| unary::read(&self.gate, &looping.asked, reply.headers, reply.body))
            .and_then(|answer| self.decide_again(&looping, answer));
        match turn {
            Ok(Turn::Again(next)) => {
                looping.earlier.push(next.said.clone());
                self.again(looping, next)
            }
            Ok(Turn::Release(answer)) => match looping.form {
                AnswerForm::Whole { .. } => (State::Ended, Effect::Finish(answer.write())),
                AnswerForm::Stream { mut stream, mut unsent, .. } => {
                    unsent.extend_from_slice(&stream.append(&answer.write()));
                    (after(looping.ended, State::Closed), Effect::Finish(unsent))
                }
            },
            Err(refusal) => self.fail(looping, &refusal),
        }
    }

    fn decide_again(&mut self, looping: &Looping, answer: Box<dyn Answer>) -> Result<Turn, Refusal> {
        let (tally, ledger) = (&mut self.tally, &mut self.ledger);
        unary::decide(&self.gate, &looping.asked, answer, &looping.earlier, tally, ledger)
    }

    /// Ends a loop in an error, in the form that the client can still be answered in.
    pub(super) fn fail(&mut self, looping: Looping, refusal: &Refusal) -> Step {
        match looping.form {
            AnswerForm::Whole { .. } => self.replace(refusal),
            AnswerForm::Stream { mut stream, mut unsent, .. } => {
                self.tally.error = Some(refusal.code);
                unsent.extend_from_slice(&stream.error(&refusal.api_error()));
                (after(looping.ended, State::Cut), Effect::Finish(unsent))
            }
        }
    }
}

/// The state after a stream's last bytes: over, if the upstream has ended too.
fn after(ended: bool, state: State) -> State {
    if ended { State::Ended } else { state }
}
