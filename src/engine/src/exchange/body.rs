//! A response's body that is gathered and decided when it is whole.

use callgate_wire::framing::Framing;
use callgate_wire::{Wants, is_callless};

use super::response::JSON;
use super::rounds::{AnswerForm, Looping};
use super::state::State;
use super::{Core, Step, exceeds};
use crate::effect::Effect;
use crate::mcp;
use crate::mcp::answer::{self, Said};
use crate::refusal::{Code, Refusal};
use crate::request::Asked;
use crate::unary::{self, Turn};
use crate::weight;

/// The expected kind of a body.
#[derive(Debug)]
pub(super) enum Awaited {
    /// A model's turn, a count of tokens, or an error object.
    Turn(Box<Asked>),
    /// A model's answer whose type is not declared: a stream, or the same as [`Awaited::Turn`].
    Undeclared(Box<Asked>),
    /// One message of an MCP server.
    Message(mcp::Asked),
    /// An error of the upstream. A compressed one is not readable.
    Error { status: u16, readable: bool },
    /// Nothing: the body is dropped.
    Nothing,
}

// === impl Awaited ===

impl Awaited {
    /// Returns the bytes of the request that it keeps.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Turn(asked) | Self::Undeclared(asked) => asked.request.held(),
            Self::Message(_) | Self::Error { .. } | Self::Nothing => 0,
        }
    }
}

// === impl Core ===

impl Core {
    pub(super) fn body_data(&mut self, awaited: Awaited, mut body: Vec<u8>, chunk: &[u8], end: bool) -> Step {
        let fits = !exceeds(body.len().saturating_add(chunk.len()), self.gate.contract.limits().response_bytes);
        body.extend_from_slice(chunk);
        match awaited {
            Awaited::Error { status, readable } if end || !fits => {
                let text = Some(body.as_slice()).filter(|body| readable && fits && !weight::is_excessive(body));
                self.failed(status, text)
            }
            _ if !fits => self.replace(&unary::too_large(&self.gate, self.format.peer())),
            Awaited::Undeclared(asked) => self.undeclared(asked, body, end),
            Awaited::Turn(asked) if end => self.turn_came(asked, body),
            Awaited::Message(asked) if end => self.message_came(&asked, &body),
            Awaited::Nothing if end => (State::Ended, Effect::Finish(Vec::new())),
            awaited => (State::Body { awaited, body }, Effect::Hold),
        }
    }

    /// An error of the upstream: in its own words if they carry no call.
    fn failed(&mut self, status: u16, text: Option<&[u8]>) -> Step {
        self.tally.error = Some(Code::UpstreamError);
        self.content_type = Some(JSON.to_owned());
        (State::Closed, Effect::Finish(self.format.upstream_error(status, text)))
    }

    fn turn_came(&mut self, asked: Box<Asked>, body: Vec<u8>) -> Step {
        if weight::is_excessive(&body) {
            return self.replace(&unary::too_many_values());
        }
        // Some APIs report errors with status 200.
        if self.format.is_error(&body) {
            self.tally.error = Some(Code::UpstreamError);
            return (State::Ended, Effect::Finish(body));
        }
        if asked.request.wants() == Wants::Count {
            if is_callless(&body) {
                return (State::Ended, Effect::Finish(body));
            }
            let message = "The model's API answered a count with what is not JSON or could be a call.";
            return self.replace(&Refusal::new(Code::UpstreamInvalid, message));
        }
        let turn = unary::parse(&asked, &body)
            .and_then(|answer| unary::decide(&self.gate, &asked, answer, &[], &mut self.tally, &mut self.ledger));
        match turn {
            Ok(Turn::Release(answer)) => (State::Ended, Effect::Finish(answer.write())),
            Ok(Turn::Again(next)) => {
                let earlier = vec![next.said.clone()];
                let said = body.len().saturating_add(weight::excess(&body));
                self.again(Looping::new(*asked, earlier, AnswerForm::Whole { said }, true), next)
            }
            Err(refusal) => self.replace(&refusal),
        }
    }

    /// The first bytes tell a stream from a whole answer.
    fn undeclared(&mut self, asked: Box<Asked>, body: Vec<u8>, end: bool) -> Step {
        let stream = asked.request.wants() == Wants::Stream;
        match Opening::of(&body, asked.dialect.framing()) {
            Opening::Stream if stream => {
                self.content_type = Some(asked.dialect.framing().media_type().to_owned());
                let turn = self.turn(*asked);
                self.stream_data(turn, &body, end)
            }
            Opening::Json if end => {
                self.content_type = Some(JSON.to_owned());
                self.turn_came(asked, body)
            }
            Opening::Json | Opening::Unclear if !end => {
                (State::Body { awaited: Awaited::Undeclared(asked), body }, Effect::Hold)
            }
            Opening::Stream | Opening::Json | Opening::Unclear | Opening::Other => {
                let message = "The model's API answered without a content type, and with neither JSON nor a stream.";
                self.replace(&Refusal::new(Code::UpstreamInvalid, message))
            }
        }
    }

    fn message_came(&mut self, asked: &mcp::Asked, body: &[u8]) -> Step {
        let said = answer::read(body).and_then(|answer| answer::decide(&self.gate, asked, answer, &mut self.tally));
        match said {
            Ok(Said::Answer(answer)) => (State::Ended, Effect::Finish(answer.write())),
            Ok(Said::Meanwhile(_) | Said::Dropped) => {
                self.replace(&answer::invalid("does not answer the request, and no other follows it"))
            }
            Err(refusal) => self.replace(&refusal),
        }
    }
}

/// The kind of a body by its first bytes.
enum Opening {
    Stream,
    Json,
    /// Too few bytes to tell.
    Unclear,
    Other,
}

// === impl Opening ===

impl Opening {
    fn of(body: &[u8], framing: Framing) -> Self {
        const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
        const BLANKS: usize = 1024;
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        if BYTE_ORDER_MARK.starts_with(body) {
            return Self::Unclear;
        }
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        let text = body.get(..body.len().min(2 * BLANKS)).unwrap_or_default().trim_ascii_start();
        match (framing, text.first()) {
            // Each further chunk is looked at from the start, so blanks are bounded.
            (_, None) if body.len() > BLANKS => Self::Other,
            (_, None) => Self::Unclear,
            (Framing::JsonLines, Some(b'{')) => Self::Stream,
            (_, Some(b'{' | b'[')) => Self::Json,
            (Framing::Sse, Some(_)) if FIELDS.iter().any(|field| text.starts_with(field)) => Self::Stream,
            (Framing::Sse, Some(_)) if FIELDS.iter().any(|field| field.starts_with(text)) => Self::Unclear,
            (Framing::Sse | Framing::JsonLines | Framing::EventStream, Some(_)) => Self::Other,
        }
    }
}
