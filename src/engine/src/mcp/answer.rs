//! Decides a server's message by the request it answers.

use callgate_wire::AnswerError;
use callgate_wire::mcp::{ClientInput, Envelope, Era, McpAnswer};

use super::result::result;
use super::{SentMessage, methods};
use crate::{Code, Gate, Refusal, Tally, redaction};

/// The next step for a server's message.
#[derive(Debug)]
pub(crate) enum Disposition {
    /// Forward it; the answer is still to come.
    Forward(McpAnswer),
    /// Drop it: a notification or a request with an unknown method, or an answer to another request.
    /// The answer to this request may still come: a write has perhaps run already.
    Drop,
    /// The awaited answer, in the form to forward.
    Final(McpAnswer),
}

/// Reads a whole message.
pub(crate) fn read(body: &[u8]) -> Result<McpAnswer, Refusal> {
    McpAnswer::read(body).map_err(|error| match error {
        AnswerError::NotJson(error) => invalid(format!("is not strict JSON: {error}")),
        AnswerError::Shape(error) => misshapen(error),
    })
}

/// Decides one message.
pub(crate) fn decide(
    gate: &Gate,
    sent: &SentMessage,
    answer: McpAnswer,
    tally: &mut Tally,
) -> Result<Disposition, Refusal> {
    let answered = match answer.envelope() {
        Envelope::Request { method, .. } => {
            let is_forwarded = sent.era() == Era::Sessions
                && match ClientInput::of(method) {
                    // A model that got tools would make calls that the server runs undecided.
                    Some(input) => answer.asks_for_text_only().is_ok() && may_ask(gate, input, tally),
                    None => method == "ping",
                };
            return Ok(if is_forwarded { said(gate, answer, tally) } else { Disposition::Drop });
        }
        Envelope::Notification { method } => {
            let forwarded = match sent {
                SentMessage::Subscribed(subscription) => subscription.wants(method, &answer),
                SentMessage::Request { .. } | SentMessage::Listening | SentMessage::OneWay => {
                    methods::is_server_notification(sent.era(), method)
                }
            };
            return Ok(if forwarded { said(gate, answer, tally) } else { Disposition::Drop });
        }
        Envelope::Result { id } => Some(id),
        Envelope::Error { id } => id.as_ref(),
    };
    let Some(id) = sent.id() else {
        return Err(invalid("answers a request that was not made here"));
    };
    if Some(id) != answered {
        return Ok(Disposition::Drop);
    }
    if matches!(answer.envelope(), Envelope::Error { .. }) {
        return Ok(Disposition::Final(answer));
    }
    result(gate, sent, answer, tally).map(Disposition::Final)
}

/// Returns true if a server may ask a client for this. In shadow mode a forbidden one is reported only.
pub(super) fn may_ask(gate: &Gate, input: ClientInput, tally: &mut Tally) -> bool {
    let may = methods::may_ask(gate.contract.mcp(), input);
    if !may && !gate.contract.enforces() {
        tally.shadowed_errors.push(Code::McpInputForbidden);
        return true;
    }
    may
}

/// Redacts the words of a notification or a request of the server. One with words that the contract refuses is dropped.
fn said(gate: &Gate, mut answer: McpAnswer, tally: &mut Tally) -> Disposition {
    let Some(policy) = gate.contract.results() else { return Disposition::Forward(answer) };
    let redacted = match answer.params_text() {
        None => Ok(None),
        Some(params) => redaction::of_server(policy, None, &params, tally),
    };
    match redacted {
        Ok(None) => Disposition::Forward(answer),
        Ok(Some(params)) => {
            answer.replace_params(params);
            Disposition::Forward(answer)
        }
        Err(_) => Disposition::Drop,
    }
}

pub(super) fn misshapen(error: callgate_wire::ShapeError) -> Refusal {
    invalid(format!("has not the shape of MCP: {error}"))
}

/// Refuses a message of the server.
pub(crate) fn invalid(expected: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::UpstreamInvalid, format!("A message of the MCP server {expected}."))
}
