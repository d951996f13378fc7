//! Decides a server's message by the request it answers.

use callgate_wire::AnswerError;
use callgate_wire::mcp::{ClientInput, Envelope, Era, McpAnswer};

use super::asking::{self, AskedSoFar};
use super::result::result;
use super::{SentMessage, methods, offers};
use crate::{Code, Gate, Refusal, Tally, redaction};

/// The maximum bytes of a log message, and of a report of progress.
const WORDS_BYTES: usize = 16 << 10;

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

/// Decides one message, at a time in milliseconds since the Unix epoch.
pub(crate) fn decide(
    (gate, now): (&Gate, Option<u64>),
    sent: &SentMessage,
    answer: McpAnswer,
    asked: &mut AskedSoFar,
    tally: &mut Tally,
) -> Result<Disposition, Refusal> {
    let answered = match answer.envelope() {
        Envelope::Request { method, .. } => {
            if sent.era() != Era::Sessions {
                return Ok(Disposition::Drop);
            }
            return Ok(match ClientInput::of(method) {
                Some(input) => match asking::ask(gate, input, answer.parameters(), asked, tally) {
                    Ok(new) => {
                        let mut answer = answer;
                        if let Some(new) = new {
                            answer.replace_params(new);
                        }
                        said(gate, answer, tally)
                    }
                    Err(_) => Disposition::Drop,
                },
                None if method == "ping" => said(gate, answer, tally),
                None => Disposition::Drop,
            });
        }
        Envelope::Notification { method } => {
            let forwarded = match sent {
                SentMessage::Subscribed(subscription) => subscription.wants(method, &answer),
                SentMessage::Request { .. } | SentMessage::Listening | SentMessage::OneWay => {
                    methods::is_server_notification(sent.era(), method)
                }
            };
            if !forwarded || !may_tell(gate, sent, method, &answer) {
                return Ok(Disposition::Drop);
            }
            let method = method.clone();
            return Ok(match sent {
                SentMessage::Subscribed(subscription) => match subscription.told(gate, &method, answer, tally) {
                    // Nothing else of the server is in it, and redaction would break a handle.
                    Some(answer) if subscription.has_tasks(&method) => Disposition::Forward(answer),
                    Some(answer) => said(gate, answer, tally),
                    None => Disposition::Drop,
                },
                SentMessage::Request { .. } | SentMessage::Listening | SentMessage::OneWay => said(gate, answer, tally),
            });
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
        asking::pages(gate, &answer, tally)?;
        return Ok(Disposition::Final(answer));
    }
    result((gate, now), sent, answer, tally).map(Disposition::Final)
}

/// Returns true if a server may ask a client for this. In shadow mode a forbidden one is reported only.
pub(super) fn may_ask(gate: &Gate, input: ClientInput, tally: &mut Tally) -> bool {
    let may = gate.contract.mcp().may_ask(asking::kind(input));
    if !may && !gate.contract.enforces() {
        tally.shadowed_errors.push(Code::McpInputForbidden);
        return true;
    }
    may
}

/// Returns true if a notification is one that the contract allows, of a bounded size.
fn may_tell(gate: &Gate, sent: &SentMessage, method: &str, answer: &McpAnswer) -> bool {
    let caller = match sent {
        SentMessage::Request { caller, .. } => Some(caller),
        SentMessage::Subscribed(_) | SentMessage::Listening | SentMessage::OneWay => None,
    };
    match method {
        "notifications/message" if gate.contract.mcp().drops_logs() && gate.contract.enforces() => false,
        "notifications/message" | "notifications/progress" => {
            answer.params_text().is_none_or(|params| params.len() <= WORDS_BYTES)
        }
        "notifications/resources/updated" => offers::tells_of(gate, caller, answer),
        _ => true,
    }
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
