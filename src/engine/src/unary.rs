//! A whole JSON answer of the model: decided, and rewritten if necessary.

use callgate_wire::{Answer, AnswerOrError, ChoiceIndex, Earlier};

use crate::authorize::{Planned, failed, resolve};
use crate::effect::{ReleaseRule, RunCall};
use crate::error_format::failure;
use crate::event::{CallFailed, CallRuling};
use crate::headers::media::{JSON, Media, is_identity_encoded};
use crate::headers::{self, Headers};
use crate::ledger::Ledger;
use crate::plan::{TurnPlan, plan};
use crate::request::CheckedRequest;
use crate::settle::{Decided, TurnSoFar, settle};
use crate::tool_results::{Next, TurnCall};
use crate::{Code, Gate, Refusal, Tally, weight};

const PEER: &str = "model's API";

/// The next step after a decided answer.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It goes to the client.
    Release(Box<dyn Answer>),
    /// The model is asked again.
    Again(Next),
    /// The executor must release calls of it first.
    Ask(Box<HeldAnswer>),
}

/// A decided answer with calls that the executor must release.
#[derive(Debug)]
pub(crate) struct HeldAnswer {
    answer: Box<dyn Answer>,
    /// The choices with calls.
    choices: Vec<(ChoiceIndex, Vec<Planned>)>,
    pub(crate) release: ReleaseRule,
}

/// Reads a model's answer to a further round: status, encoding, type, body.
pub(crate) fn read(
    gate: &Gate,
    checked: &CheckedRequest,
    headers: &Headers<'_>,
    body: &[u8],
) -> Result<Box<dyn Answer>, Refusal> {
    let status = headers::status(headers);
    let most = gate.contract.limits().response_bytes;
    let fits = u64::try_from(body.len()).unwrap_or(u64::MAX) <= most;
    if (400..600).contains(&status) {
        let text = Some(body).filter(|_| fits && is_identity_encoded(headers));
        return Err(Refusal::of_upstream(status, failure(PEER, status, text), headers::retry_after(headers)));
    }
    if status != 200 {
        return Err(Refusal::new(
            Code::UpstreamError,
            format!("The model's API answered with status {status} in a further round."),
        ));
    }
    if !is_identity_encoded(headers) {
        return Err(Refusal::new(
            Code::UpstreamEncoded,
            "The model's API answered with a compressed body, which cannot be checked.",
        ));
    }
    if !Media::of(headers).is(JSON) {
        return Err(Refusal::new(Code::UpstreamInvalid, "The model's API did not answer with `application/json`."));
    }
    if !fits {
        return Err(too_large(gate, PEER));
    }
    match parse(checked, body.to_vec())? {
        AnswerOrError::Answer(answer) => Ok(answer),
        AnswerOrError::Error(body) => Err(Refusal::new(Code::UpstreamError, failure(PEER, status, Some(&body)))),
    }
}

/// Reads the body of an answer or of an error in the API's own format.
pub(crate) fn parse(checked: &CheckedRequest, body: Vec<u8>) -> Result<AnswerOrError, Refusal> {
    if weight::is_excessive(&body) {
        return Err(too_many_values());
    }
    checked
        .dialect
        .answer_or_error(&*checked.request, body)
        .map_err(|error| Refusal::new(Code::UpstreamInvalid, format!("The model's answer cannot be read: {error}")))
}

/// Refuses an answer before its tree is built.
pub(crate) fn too_many_values() -> Refusal {
    let message = "The model's answer has more arrays and objects than any answer of its size; it is not read.";
    Refusal::new(Code::ResponseTooLarge, message)
}

pub(crate) fn too_large(gate: &Gate, peer: &str) -> Refusal {
    let most = gate.contract.limits().response_bytes;
    Refusal::new(
        Code::ResponseTooLarge,
        format!("The answer of the {peer} is larger than the contract's `responseBytes`, {most} bytes."),
    )
}

/// Decides all calls of an answer and rewrites it, at a time in milliseconds since the Unix epoch. `earlier` has the content of earlier
/// rounds.
pub(crate) fn decide(
    (gate, now): (&Gate, Option<u64>),
    checked: &CheckedRequest,
    answer: Box<dyn Answer>,
    earlier: &[Earlier],
    tally: &mut Tally,
    ledger: &mut Ledger,
) -> Result<Turn, Refusal> {
    let choices = answer.choices();
    checked.check_choices(choices)?;
    let alone = choices == 1;
    let mut before = TurnSoFar::new(checked.round, checked.facts.clone());
    let basis = checked.basis(gate, now, alone);
    let mut planned = Vec::new();
    let mut rule = None;
    for position in 0..choices {
        let choice = ChoiceIndex::at(position);
        let decided = settle(basis, choice, answer.calls_of(choice), &mut before, tally, ledger);
        if decided.is_empty() {
            continue;
        }
        tally.refuse(decided.iter().filter_map(Decided::violation).map(|violation| violation.code));
        match plan(gate, decided, checked.round, alone) {
            TurnPlan::Release(fates) => planned.push((choice, fates.into_iter().map(Planned::from).collect())),
            TurnPlan::Ask(calls, release) => {
                rule = Some(release);
                planned.push((choice, calls));
            }
            TurnPlan::Fail(refusal) => return Err(refusal),
            TurnPlan::Again(calls) => return Ok(again(&*answer, choice, calls)),
        }
    }
    let held = HeldAnswer { answer, choices: planned, release: rule.unwrap_or(ReleaseRule::Each) };
    match rule {
        Some(_) => Ok(Turn::Ask(Box::new(held))),
        None => ruled(checked, held, Vec::new(), earlier, tally),
    }
}

/// Rewrites an answer by the rulings on its asked calls: one for each, in order.
pub(crate) fn ruled(
    checked: &CheckedRequest,
    HeldAnswer { mut answer, choices, release }: HeldAnswer,
    rulings: Vec<CallRuling>,
    earlier: &[Earlier],
    tally: &mut Tally,
) -> Result<Turn, Refusal> {
    let mut rulings = rulings.into_iter();
    for (choice, planned) in choices {
        match resolve(planned, &mut rulings, release, tally) {
            TurnPlan::Release(fates) => {
                tally.release(&fates);
                answer.settle(choice, fates, checked.hold);
            }
            TurnPlan::Fail(refusal) => return Err(refusal),
            TurnPlan::Again(calls) => return Ok(again(&*answer, choice, calls)),
            // Every call has its ruling.
            TurnPlan::Ask(..) => return Err(failed(CallFailed::Unreadable)),
        }
    }
    answer.prepend(earlier);
    Ok(Turn::Release(answer))
}

fn again(answer: &dyn Answer, choice: ChoiceIndex, calls: Vec<TurnCall>) -> Turn {
    let said = Earlier { said: answer.turn(choice), usage: answer.usage() };
    Turn::Again(Next { said, calls })
}

// === impl HeldAnswer ===

impl HeldAnswer {
    /// Returns the calls to ask about, in order.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &RunCall> {
        self.choices.iter().flat_map(|(_, calls)| calls).filter_map(Planned::asked)
    }
}
