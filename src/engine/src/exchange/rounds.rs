//! Between rounds: the executor runs or releases calls, the model is asked again, the response is held back meanwhile.

use callgate_json::Value;
use callgate_wire::{Answer, CallResult, Earlier};

use super::state::ExchangeState;
use super::state::rounds::{AnswerForm, Rounds, Waiting};
use super::{Core, Transition};
use crate::authorize;
use crate::effect::{Effect, RunCall};
use crate::event::{Authorization, CallFailed, ModelReply, Outcome};
use crate::refusal::{Code, Refusal};
use crate::tool_results::{self, Next, TurnCall, TurnResult};
use crate::unary::{self, Turn};

// === impl Core ===

impl Core {
    /// Begins another round for a turn: first its calls, if it has any to run, then the model.
    pub(super) fn again(&mut self, mut rounds: Rounds, next: Next) -> Transition {
        let Next { said: Earlier { said, .. }, calls } = next;
        let run: Vec<RunCall> = calls.iter().filter_map(TurnCall::run).cloned().collect();
        if run.is_empty() {
            let answered = tool_results::answered(&self.gate, calls, Vec::new(), &mut self.tally);
            return self.calls_answered(rounds, said, answered);
        }
        self.tally.run = self.tally.run.saturating_add(u32::try_from(run.len()).unwrap_or(u32::MAX));
        let batch = tool_results::batch(&self.gate, &self.ledger.correlation, &rounds.checked, run);
        rounds.waiting = Waiting::Calls { said, calls };
        (ExchangeState::BetweenRounds(Box::new(rounds)), Effect::Run(batch))
    }

    pub(super) fn calls_run(&mut self, mut rounds: Rounds, outcomes: Result<Vec<Outcome>, CallFailed>) -> Transition {
        let Waiting::Calls { said, calls } = std::mem::replace(&mut rounds.waiting, Waiting::Model) else {
            let refusal = Refusal::new(Code::OutOfOrder, "Outcomes of calls came when none were awaited.");
            return self.fail(rounds, &refusal);
        };
        let answered = outcomes
            .map_err(tool_results::failed)
            .and_then(|outcomes| tool_results::answered(&self.gate, calls, outcomes, &mut self.tally));
        self.calls_answered(rounds, said, answered)
    }

    fn calls_answered(
        &mut self,
        rounds: Rounds,
        said: Vec<Value>,
        answered: Result<Vec<TurnResult>, Refusal>,
    ) -> Transition {
        match answered {
            Ok(results) => self.count_round(rounds, said, results),
            Err(refusal) => self.fail(rounds, &refusal),
        }
    }

    /// Asks the model again.
    pub(super) fn ask(&mut self, mut rounds: Rounds, said: &[Value], results: Vec<TurnResult>) -> Transition {
        let feeds_back =
            |result: &TurnResult| matches!(result, TurnResult::Refused(refused) if refused.violation.feeds_back);
        rounds.checked.fed_back |= results.iter().any(feeds_back);
        rounds.checked.facts.add_round(&self.gate, &results);
        let role = &rounds.checked.caller.role;
        let results: Vec<CallResult> =
            results.into_iter().map(|result| tool_results::told(&self.gate, role, result)).collect();
        let left = self.clock.left(self.gate.contract.limits().turn_timeout);
        self.tally.rounds = self.tally.rounds.saturating_add(1);
        let request = tool_results::ask(&mut rounds.checked, said, &results, left);
        (ExchangeState::BetweenRounds(Box::new(rounds)), Effect::Ask(request))
    }

    pub(super) fn model_answered(&mut self, rounds: Rounds, reply: Result<ModelReply<'_>, CallFailed>) -> Transition {
        if !matches!(rounds.waiting, Waiting::Model) {
            let refusal = Refusal::new(Code::OutOfOrder, "The model answered when it was not asked.");
            return self.fail(rounds, &refusal);
        }
        let bytes = reply.as_ref().map_or(0, |reply| reply.body.len());
        let came = reply.is_ok();
        let answer = reply
            .map_err(tool_results::unanswered)
            .and_then(|reply| unary::read(&self.gate, &rounds.checked, reply.headers, reply.body));
        match &answer {
            Ok(answer) => self.count_answer(&rounds.checked, &**answer, bytes),
            // The upstream refused the request.
            Err(refusal) if came && refusal.code == Code::UpstreamError => {}
            Err(_) => self.count_unread(&rounds.checked, bytes),
        }
        let turn = answer.and_then(|answer| self.decide_again(&rounds, answer));
        self.turn_decided(rounds, turn, bytes)
    }

    /// The executor ruled on the calls of an answer.
    pub(super) fn answer_ruled(
        &mut self,
        mut rounds: Rounds,
        rulings: Result<Vec<Authorization>, CallFailed>,
    ) -> Transition {
        let Waiting::Rulings { held, bytes } = std::mem::replace(&mut rounds.waiting, Waiting::Model) else {
            let refusal = Refusal::new(Code::OutOfOrder, "Rulings on calls came when none were awaited.");
            return self.fail(rounds, &refusal);
        };
        let turn = authorize::matched(&self.gate, held.asked(), rulings, &mut self.tally)
            .and_then(|rulings| unary::ruled(&rounds.checked, *held, rulings, &rounds.earlier, &mut self.tally));
        self.turn_decided(rounds, turn, bytes)
    }

    /// Takes the next step after a whole answer, which had so many bytes.
    pub(super) fn turn_decided(&mut self, mut rounds: Rounds, turn: Result<Turn, Refusal>, bytes: usize) -> Transition {
        match turn {
            Ok(Turn::Ask(held)) => {
                let asker = (&rounds.checked.caller, rounds.checked.round, &rounds.checked.facts);
                let calls = held.asked().cloned().collect();
                let batch = authorize::batch(&self.gate, &self.ledger.correlation, asker, calls, held.release);
                rounds.waiting = Waiting::Rulings { held, bytes };
                (ExchangeState::BetweenRounds(Box::new(rounds)), Effect::Authorize(batch))
            }
            Ok(Turn::Again(next)) => {
                rounds.earlier.push(next.said.clone());
                self.again(rounds, next)
            }
            Ok(Turn::Release(answer)) => match rounds.form {
                AnswerForm::Whole { .. } => (ExchangeState::Ended, Effect::Finish(answer.write())),
                AnswerForm::Stream { mut stream, mut unsent, .. } => {
                    unsent.extend_from_slice(&stream.append(&answer.write()));
                    (after(rounds.ended, ExchangeState::Closed), Effect::Finish(unsent))
                }
            },
            Err(refusal) => self.fail(rounds, &refusal),
        }
    }

    fn decide_again(&mut self, rounds: &Rounds, answer: Box<dyn Answer>) -> Result<Turn, Refusal> {
        let (tally, ledger) = (&mut self.tally, &mut self.ledger);
        unary::decide((&self.gate, self.clock.unix_millis()), &rounds.checked, answer, &rounds.earlier, tally, ledger)
    }

    /// Ends the rounds in an error, in the form the client can still read.
    pub(super) fn fail(&mut self, rounds: Rounds, refusal: &Refusal) -> Transition {
        match rounds.form {
            AnswerForm::Whole { .. } => self.replace(refusal),
            AnswerForm::Stream { mut stream, mut unsent, .. } => {
                self.tally.error = Some(refusal.code);
                unsent.extend_from_slice(&stream.error(&refusal.api_error()));
                (after(rounds.ended, ExchangeState::Cut), Effect::Finish(unsent))
            }
        }
    }
}

/// The state after a stream's last bytes: over, if the upstream has ended too.
pub(super) fn after(ended: bool, state: ExchangeState) -> ExchangeState {
    if ended { ExchangeState::Ended } else { state }
}
