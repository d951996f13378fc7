//! A JSON answer of the model, whole: decided, and rewritten where it must be.

use callgate_wire::{Answer, Call, ChoiceIndex, Earlier};

use crate::error_format::failure;
use crate::ledger::Ledger;
use crate::plan::{Plan, plan};
use crate::request::Asked;
use crate::settle::{Before, settle};
use crate::tool_results::Next;
use crate::{Code, Gate, Headers, Refusal, Tally, head, weight};

const PEER: &str = "model's API";

/// What a decided answer leads to.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It goes to the client.
    Release(Box<dyn Answer>),
    /// The model is asked again.
    Again(Next),
}

/// Reads a model's answer to a further round: status, encoding, type, body.
pub(crate) fn read(gate: &Gate, asked: &Asked, headers: &Headers, body: &[u8]) -> Result<Box<dyn Answer>, Refusal> {
    let status = head::status(headers);
    let most = gate.contract.limits().response_bytes;
    let fits = u64::try_from(body.len()).unwrap_or(u64::MAX) <= most;
    if (400..600).contains(&status) {
        let text = Some(body).filter(|_| fits && head::is_identity_encoded(headers));
        return Err(Refusal::of_upstream(status, failure(PEER, status, text), head::retry_after(headers)));
    }
    if status != 200 {
        return Err(Refusal::new(
            Code::UpstreamError,
            format!("The model's API answered with status {status} in a further round."),
        ));
    }
    if !head::is_identity_encoded(headers) {
        return Err(Refusal::new(
            Code::UpstreamEncoded,
            "The model's API answered with a compressed body, which cannot be checked.",
        ));
    }
    if !head::is_type(headers, "application/json") {
        return Err(Refusal::new(Code::UpstreamInvalid, "The model's API did not answer with `application/json`."));
    }
    if !fits {
        return Err(too_large(gate, PEER));
    }
    if !weight::is_excessive(body) && asked.dialect.is_error(body) {
        return Err(Refusal::new(Code::UpstreamError, failure(PEER, status, Some(body))));
    }
    parse(asked, body)
}

/// Reads the body of an answer.
pub(crate) fn parse(asked: &Asked, body: &[u8]) -> Result<Box<dyn Answer>, Refusal> {
    if weight::is_excessive(body) {
        return Err(too_many_values());
    }
    asked
        .dialect
        .answer(&*asked.request, body)
        .map_err(|error| Refusal::new(Code::UpstreamInvalid, format!("The model's answer cannot be read: {error}")))
}

/// An answer whose tree is not built.
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

/// Decides all calls of an answer and rewrites it. `earlier` is what the rounds before left behind.
pub(crate) fn decide(
    gate: &Gate,
    asked: &Asked,
    mut answer: Box<dyn Answer>,
    earlier: &[Earlier],
    tally: &mut Tally,
    ledger: &mut Ledger,
) -> Result<Turn, Refusal> {
    let choices: Vec<Vec<Call>> = answer.calls().into_iter().map(<[Call]>::to_vec).collect();
    asked.check_choices(choices.len())?;
    let alone = choices.len() == 1;
    let mut before = Before::new(asked.round);
    for (position, calls) in choices.into_iter().enumerate().filter(|(_, calls)| !calls.is_empty()) {
        let choice = ChoiceIndex::at(position);
        let decided = settle(gate, &asked.caller, choice, calls, &mut before, ledger);
        tally.count(&decided);
        match plan(gate, decided, asked.round, alone) {
            Plan::Release(fates) => {
                tally.release(&fates);
                answer.settle(choice, fates, asked.hold);
            }
            Plan::Fail(refusal) => return Err(refusal),
            Plan::Again { run, refused } => {
                let said = Earlier { said: answer.said(choice), usage: answer.usage().cloned() };
                return Ok(Turn::Again(Next { said, run, refused }));
            }
        }
    }
    answer.prepend(earlier);
    Ok(Turn::Release(answer))
}
