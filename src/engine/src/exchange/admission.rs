//! A request or a further round that counts: here, or at the executor while it is held.

use callgate_json::Value;

use super::state::ExchangeState;
use super::state::Forwarded;
use super::state::admission::{CountedRequest, HeldAdmission};
use super::state::authorizing::{HeldRequest, HeldRun};
use super::state::rounds::{Rounds, Waiting};
use super::{Core, Transition};
use crate::effect::{Effect, Forward, Reply};
use crate::event::{AdmissionReply, CallFailed};
use crate::limits::{self, Counting};
use crate::mcp::request::{self as message, Checked, CheckedMessage};
use crate::model_header;
use crate::refusal::{Code, Refusal};
use crate::tally::SeenConversation;
use crate::tool_results::TurnResult;

// === impl Core ===

impl Core {
    /// Forwards a request that is counted here, or asks the executor first.
    pub(super) fn count(&mut self, held: HeldAdmission, counting: Counting) -> Result<Transition, Refusal> {
        match counting {
            Counting::Done(reply) => self.counted(held, Ok(Some(reply))),
            Counting::Ask(ask) => Ok((ExchangeState::Admitting(Box::new(held)), Effect::Admit(ask))),
        }
    }

    /// The executor counted a request.
    pub(super) fn admitted(&mut self, held: HeldAdmission, reply: Result<AdmissionReply, CallFailed>) -> Transition {
        let reply = limits::answered(&self.gate, reply);
        self.counted(held, reply).unwrap_or_else(|refusal| self.refuse(&refusal))
    }

    fn counted(
        &mut self,
        HeldAdmission { held, remove, content_type }: HeldAdmission,
        reply: Result<Option<AdmissionReply>, Refusal>,
    ) -> Result<Transition, Refusal> {
        self.take_counts(reply)?;
        match held {
            CountedRequest::Model(mut checked) => {
                self.charged = limits::charges(&self.gate, &checked.caller).then(|| Box::new(checked.caller.clone()));
                let body = checked.request.write();
                checked.sent_bytes = body.len();
                let set = model_header::of(&self.gate, &mut checked);
                Ok(self.forward(Forwarded::Model(checked), Forward { body, remove, set, content_type }))
            }
            CountedRequest::Mcp { caller, answerer, request, routing, bytes } => {
                let (gate, now) = (&self.gate, self.clock.unix_millis());
                let sender = (caller, answerer, routing);
                let checked = message::check((gate, now), sender, *request, &mut self.tally, &mut self.ledger)?;
                Ok(match checked {
                    Checked::Forward(message) => {
                        let CheckedMessage { sent, body, set } = *message;
                        self.forward(Forwarded::Mcp(sent), Forward { body, remove, set, content_type })
                    }
                    Checked::Ask(asked) => {
                        let batch = asked.batch(&self.gate, &self.ledger.correlation);
                        let held = HeldRequest { asked: *asked, remove, content_type, bytes };
                        (ExchangeState::AskingForRequest(Box::new(held)), Effect::Authorize(batch))
                    }
                    Checked::Run(call) => {
                        self.tally.run = self.tally.run.saturating_add(1);
                        let batch = call.batch(&self.gate, &self.ledger.correlation);
                        (ExchangeState::RunningForRequest(Box::new(HeldRun { call: *call, bytes })), Effect::Run(batch))
                    }
                    Checked::Confirm => (ExchangeState::Refused, Effect::Reply(Reply::new(202, Vec::new()))),
                    Checked::Answer(body) => (ExchangeState::Refused, Effect::Reply(Reply::new(200, body))),
                })
            }
        }
    }

    /// Takes the counts of a request. In shadow mode a limit that is reached is reported only.
    fn take_counts(&mut self, reply: Result<Option<AdmissionReply>, Refusal>) -> Result<(), Refusal> {
        let refusals = match reply {
            Ok(None) => {
                self.tally.uncounted = true;
                return Ok(());
            }
            Ok(Some(AdmissionReply { standing, refusals })) => {
                let label = self.ledger.correlation.conversation.clone();
                let seen = label.zip(standing).map(|(label, standing)| SeenConversation { label, standing });
                self.tally.conversation = self.tally.conversation.take().or(seen);
                refusals.into_iter().map(Refusal::from).collect()
            }
            Err(refusal) => vec![refusal],
        };
        self.enforce(refusals)
    }

    /// Returns the first refusal. In shadow mode it reports each one, and refuses nothing.
    fn enforce(&mut self, refusals: Vec<Refusal>) -> Result<(), Refusal> {
        for refusal in refusals {
            if self.gate.contract.enforces() {
                return Err(refusal);
            }
            self.tally.shadowed_errors.push(refusal.code);
        }
        Ok(())
    }

    /// Begins a further round with these results, once it is counted.
    pub(super) fn count_round(&mut self, mut rounds: Rounds, said: Vec<Value>, results: Vec<TurnResult>) -> Transition {
        let checked = &rounds.checked;
        let turn = (checked.conversation.as_deref(), checked.round.saturating_add(1));
        let now = self.clock.unix_millis();
        match limits::turn(&self.gate, &self.ledger.correlation, &checked.caller, turn, now) {
            Counting::Done(reply) => self.round_counted(rounds, (said, results), Ok(Some(reply))),
            Counting::Ask(ask) => {
                rounds.waiting = Waiting::Count { said, results };
                (ExchangeState::BetweenRounds(Box::new(rounds)), Effect::Admit(ask))
            }
        }
    }

    /// The executor counted a further round.
    pub(super) fn round_admitted(
        &mut self,
        mut rounds: Rounds,
        reply: Result<AdmissionReply, CallFailed>,
    ) -> Transition {
        let Waiting::Count { said, results } = std::mem::replace(&mut rounds.waiting, Waiting::Model) else {
            let refusal = Refusal::new(Code::OutOfOrder, "A count came when none was awaited.");
            return self.fail(rounds, &refusal);
        };
        let reply = limits::answered(&self.gate, reply);
        self.round_counted(rounds, (said, results), reply)
    }

    fn round_counted(
        &mut self,
        rounds: Rounds,
        (said, results): (Vec<Value>, Vec<TurnResult>),
        reply: Result<Option<AdmissionReply>, Refusal>,
    ) -> Transition {
        let refusals = match reply {
            Ok(None) => {
                self.tally.uncounted = true;
                Vec::new()
            }
            Ok(Some(reply)) => reply.refusals.into_iter().map(Refusal::from).collect(),
            Err(refusal) => vec![refusal],
        };
        match self.enforce(refusals) {
            Err(refusal) => self.fail(rounds, &refusal),
            Ok(()) => self.ask(rounds, &said, results),
        }
    }
}
