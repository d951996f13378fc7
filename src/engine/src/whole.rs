//! A JSON answer of the model, whole: decided, and rewritten where it must be.

use callgate_wire::openai_chat::{Answer, Rewrite};

use crate::plan::{Plan, plan};
use crate::request::Asked;
use crate::rounds::{Next, Said};
use crate::settle::settle;
use crate::{Code, Gate, Headers, Refusal, Tally, head};

/// What a decided answer leads to.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It goes to the client.
    Release(Answer),
    /// The model is asked again.
    Again(Next),
}

/// Reads a model's answer to a further round: status, encoding, type, body.
pub(crate) fn read(headers: &Headers, body: &[u8], most: u64) -> Result<Answer, Refusal> {
    let status = head::status(headers);
    if status != 200 {
        return Err(Refusal::new(
            Code::UpstreamError,
            format!("The model's API answered with status {status} in a further round."),
        ));
    }
    check_encoding(headers)?;
    if !head::is_type(headers, "application/json") {
        return Err(Refusal::new(Code::UpstreamInvalid, "The model's API did not answer with `application/json`."));
    }
    if u64::try_from(body.len()).unwrap_or(u64::MAX) > most {
        return Err(too_large(most));
    }
    parse(body)
}

/// Reads the body of an answer.
pub(crate) fn parse(body: &[u8]) -> Result<Answer, Refusal> {
    Answer::read(body)
        .map_err(|error| Refusal::new(Code::UpstreamInvalid, format!("The model's answer cannot be read: {error}")))
}

/// Anything but identity encoding fails closed: what cannot be read cannot be decided.
pub(crate) fn check_encoding(headers: &Headers) -> Result<(), Refusal> {
    if head::is_identity_encoded(headers) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::UpstreamEncoded,
        "The model's API answered with a compressed body, which cannot be checked.",
    ))
}

pub(crate) fn late() -> Refusal {
    Refusal::new(Code::LimitExceeded, "The model's answer took longer than the contract's `turnTimeout`.")
}

pub(crate) fn too_large(most: u64) -> Refusal {
    Refusal::new(
        Code::ResponseTooLarge,
        format!("The model's answer is larger than the contract's `responseBytes`, {most} bytes."),
    )
}

/// Decides all calls of an answer and rewrites it. `said` is what the rounds before left behind.
pub(crate) fn decide(
    gate: &Gate,
    asked: &Asked,
    mut answer: Answer,
    said: &Said,
    tally: &mut Tally,
) -> Result<Turn, Refusal> {
    let choices = answer.choices().to_vec();
    let alone = choices.len() == 1;
    let mut calls_before = 0;
    for (position, choice) in choices.into_iter().enumerate() {
        let told = said.before(&choice.text);
        if choice.calls.is_empty() {
            if let Some(text) = told {
                answer.rewrite(position, Rewrite { text: Some(text), calls: Vec::new() });
            }
            continue;
        }
        let read = choice.calls.clone();
        let settled = settle(gate, &asked.caller, choice.calls, &mut calls_before);
        match plan(gate, tally.count(settled), asked.round, alone) {
            Plan::Release { calls, notices } => {
                tally.release(&calls);
                if told.is_some() || !notices.is_empty() || calls != read {
                    let text = with_notices(told.unwrap_or(choice.text), &notices);
                    answer.rewrite(position, Rewrite { text: Some(text).filter(|text| !text.is_empty()), calls });
                }
            }
            Plan::Fail(refusal) => return Err(refusal),
            Plan::Again { run, refused } => {
                let usage = answer.usage().cloned().into_iter().collect();
                return Ok(Turn::Again(Next { text: choice.text, run, refused, usage }));
            }
        }
    }
    for usage in said.usage() {
        answer.add_usage(usage);
    }
    Ok(Turn::Release(answer))
}

/// A text and, each in a paragraph of its own, what it must also say.
pub(crate) fn with_notices(mut text: String, notices: &[String]) -> String {
    for notice in notices {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(notice);
    }
    text
}
