//! Handles a response's body: it is buffered, and decided once it is complete.

use callgate_wire::framing::Framing;
use callgate_wire::{Answer, AnswerOrError, ReleasePolicy, Wants, is_count};

use super::state::ExchangeState;
use super::state::awaited::AwaitedBody;
use super::state::rounds::{AnswerForm, Rounds};
use super::{Core, Transition, exceeds};
use crate::catalog::{self, SentCatalog};
use crate::effect::Effect;
use crate::headers::media::JSON;
use crate::mcp;
use crate::mcp::answer::{self, Disposition};
use crate::mcp::asking::AskedSoFar;
use crate::mcp::definitions;
use crate::refusal::{Code, Refusal};
use crate::request::CheckedRequest;
use crate::unary::{self, Turn};
use crate::weight;

// === impl Core ===

impl Core {
    pub(super) fn body_data(&mut self, awaited: AwaitedBody, mut body: Vec<u8>, chunk: &[u8], end: bool) -> Transition {
        let fits = !exceeds(body.len().saturating_add(chunk.len()), self.gate.contract.limits().response_bytes);
        body.extend_from_slice(chunk);
        match awaited {
            AwaitedBody::Error { status, readable } if end || !fits => {
                let text = Some(body.as_slice()).filter(|body| readable && fits && !weight::is_excessive(body));
                self.failed(status, text)
            }
            AwaitedBody::Turn(checked) | AwaitedBody::Undeclared(checked) if !fits => {
                let refusal = unary::too_large(&self.gate, self.format.peer());
                self.replace_unread(&checked, body.len(), &refusal)
            }
            _ if !fits => self.replace(&unary::too_large(&self.gate, self.format.peer())),
            AwaitedBody::Undeclared(checked) => self.undeclared(checked, body, end),
            AwaitedBody::Turn(checked) if end => self.turn_came(checked, body),
            AwaitedBody::Message(sent) if end => self.message_came(&sent, &body),
            AwaitedBody::Catalog(sent) if end => self.models_came(&sent, body),
            AwaitedBody::Nothing if end => (ExchangeState::Ended, Effect::Finish(Vec::new())),
            awaited => (ExchangeState::Body { awaited, body }, Effect::Hold),
        }
    }

    /// An error of the upstream: in its own words if they carry no call.
    fn failed(&mut self, status: u16, text: Option<&[u8]>) -> Transition {
        self.tally.error = Some(Code::UpstreamError);
        self.content_type = Some(JSON.into());
        (ExchangeState::Closed, Effect::Finish(self.format.upstream_error(status, text)))
    }

    fn turn_came(&mut self, checked: Box<CheckedRequest>, body: Vec<u8>) -> Transition {
        if checked.request.wants() == Wants::Count {
            return self.count_came(body);
        }
        // A turn that is released at once is not followed by another.
        let may_go_on = checked.hold == ReleasePolicy::Turn;
        let said = if may_go_on { body.len().saturating_add(weight::excess(&body)) } else { body.len() };
        let bytes = body.len();
        let answer = match unary::parse(&checked, body) {
            Ok(AnswerOrError::Answer(answer)) => answer,
            Ok(AnswerOrError::Error(body)) => return self.error_came(body),
            Err(refusal) => return self.replace_unread(&checked, bytes, &refusal),
        };
        self.count_answer(&checked, &*answer, bytes);
        if checked.request.wants() == Wants::Compact {
            return self.compaction_came(&*answer);
        }
        match unary::decide(
            (&self.gate, self.clock.unix_millis()),
            &checked,
            answer,
            &[],
            &mut self.tally,
            &mut self.ledger,
        ) {
            Ok(Turn::Release(answer)) => (ExchangeState::Ended, Effect::Finish(answer.write())),
            turn @ Ok(Turn::Again(_) | Turn::Ask(_)) => {
                self.turn_decided(Rounds::new(*checked, Vec::new(), AnswerForm::Whole { said }, true), turn, 0)
            }
            Err(refusal) => self.replace(&refusal),
        }
    }

    fn count_came(&mut self, body: Vec<u8>) -> Transition {
        if weight::is_excessive(&body) {
            return self.replace(&unary::too_many_values());
        }
        if self.format.is_error(&body) {
            return self.error_came(body);
        }
        if is_count(&body) {
            return (ExchangeState::Ended, Effect::Finish(body));
        }
        let message = "The model's API did not answer with a count: a small JSON object with a number and no call.";
        self.replace(&Refusal::new(Code::UpstreamInvalid, message))
    }

    /// A shorter conversation. The client puts its items into later requests, and runs nothing.
    fn compaction_came(&mut self, answer: &dyn Answer) -> Transition {
        if answer.calls().iter().all(|calls| calls.is_empty()) {
            return (ExchangeState::Ended, Effect::Finish(answer.write()));
        }
        let message = "The model's API answered a request for a shorter conversation with a call.";
        self.replace(&Refusal::new(Code::UpstreamInvalid, message))
    }

    fn models_came(&mut self, sent: &SentCatalog, body: Vec<u8>) -> Transition {
        match catalog::answer(&self.gate, sent, body) {
            Ok(body) => (ExchangeState::Ended, Effect::Finish(body)),
            Err(refusal) => self.replace(&refusal),
        }
    }

    fn error_came(&mut self, body: Vec<u8>) -> Transition {
        self.tally.error = Some(Code::UpstreamError);
        (ExchangeState::Ended, Effect::Finish(body))
    }

    /// The first bytes show a stream or a whole answer.
    fn undeclared(&mut self, checked: Box<CheckedRequest>, body: Vec<u8>, end: bool) -> Transition {
        let stream = checked.request.wants() == Wants::Stream;
        match Opening::of(&body, checked.dialect.framing()) {
            Opening::Stream if stream => {
                self.content_type = Some(checked.dialect.framing().media_type().into());
                let turn = self.turn(*checked);
                match self.stream_data(turn, &body, end) {
                    // The host has dropped the chunks before this one.
                    (state, Effect::Pass) => (state, Effect::Emit(body)),
                    step => step,
                }
            }
            Opening::Json if end => {
                self.content_type = Some(JSON.into());
                self.turn_came(checked, body)
            }
            Opening::Json | Opening::Unclear if !end => {
                (ExchangeState::Body { awaited: AwaitedBody::Undeclared(checked), body }, Effect::Hold)
            }
            Opening::Stream | Opening::Json | Opening::Unclear | Opening::Other => {
                let message = "The model's API answered without a content type, and with neither JSON nor a stream.";
                self.replace_unread(&checked, body.len(), &Refusal::new(Code::UpstreamInvalid, message))
            }
        }
    }

    fn message_came(&mut self, sent: &mcp::SentMessage, body: &[u8]) -> Transition {
        let now = self.clock.unix_millis();
        let decided = answer::read(body).and_then(|answer| {
            definitions::report(&self.gate, sent, &answer, &mut self.tally, &mut self.ledger);
            answer::decide((&self.gate, now), sent, answer, &mut AskedSoFar::default(), &mut self.tally)
        });
        match decided {
            Ok(Disposition::Final(answer)) => (ExchangeState::Ended, Effect::Finish(answer.write())),
            Ok(Disposition::Forward(_) | Disposition::Drop) => {
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
    /// Too few bytes to decide.
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
            // Each chunk makes the body be read from its start, so blanks are bounded.
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
