//! The response's side: what kind of answer comes, and what becomes of it as it comes.

use std::time::Duration;

use callgate_wire::Wants;

use super::looping::AnswerForm;
use super::{Exchange, State, exceeds};
use crate::effect::{Effect, Reply};
use crate::event::Headers;
use crate::head;
use crate::refusal::{Code, Refusal};
use crate::request::Asked;
use crate::stream::{Desk, Progress, StreamTurn};
use crate::whole::{self, Turn};

impl Exchange {
    pub(super) fn response_head(
        &mut self,
        sent: Option<(Box<Asked>, Duration)>,
        headers: &Headers,
        end: bool,
    ) -> Effect {
        let status = head::status(headers);
        if (400..600).contains(&status) {
            if end || whole::check_encoding(headers).is_err() {
                return self.upstream_error(status);
            }
            self.state = State::Failing { status, body: Vec::new() };
            return Effect::Hold;
        }
        let Some((asked, deadline)) = sent.filter(|_| status == 200) else {
            let message = format!("The model's API answered with status {status}, which cannot be decided on.");
            return self.replace(&Refusal::new(Code::UpstreamInvalid, message));
        };
        if let Err(refusal) = whole::check_encoding(headers) {
            return self.replace(&refusal);
        }
        if end {
            return self.replace(&Refusal::new(Code::UpstreamInvalid, "The model's API answered without a body."));
        }
        let stream_type = asked.dialect.framing().media_type();
        let expected = if asked.request.wants() == Wants::Stream { stream_type } else { "application/json" };
        if !head::is_type(headers, expected) {
            let message = format!("The model's API did not answer with `{expected}`, as the request asked.");
            return self.replace(&Refusal::new(Code::UpstreamInvalid, message));
        }
        match asked.request.wants() {
            Wants::Stream => {
                self.state = State::Streaming(Box::new(StreamTurn::new(&self.gate, *asked, deadline)));
                Effect::BeginStream
            }
            Wants::Whole => {
                self.state = State::Whole { asked, body: Vec::new(), deadline };
                Effect::Hold
            }
            Wants::Count => {
                self.state = State::Open;
                Effect::Pass
            }
        }
    }

    pub(super) fn whole_data(
        &mut self,
        asked: Box<Asked>,
        mut body: Vec<u8>,
        deadline: Duration,
        chunk: &[u8],
        end: bool,
        now: Duration,
    ) -> Effect {
        let most = self.gate.contract.limits().response_bytes;
        if exceeds(body.len().saturating_add(chunk.len()), most) {
            return self.replace(&whole::too_large(most));
        }
        if now > deadline {
            return self.replace(&whole::late());
        }
        body.extend_from_slice(chunk);
        if !end {
            self.state = State::Whole { asked, body, deadline };
            return Effect::Hold;
        }
        let turn = whole::parse(&asked, &body)
            .and_then(|answer| whole::decide(&self.gate, &asked, answer, &[], &mut self.tally, &mut self.ledger));
        match turn {
            Ok(Turn::Release(answer)) => Effect::Finish(answer.write()),
            Ok(Turn::Again(next)) => {
                let earlier = vec![next.said.clone()];
                self.again(*asked, earlier, AnswerForm::Whole, next)
            }
            Err(refusal) => self.replace(&refusal),
        }
    }

    pub(super) fn failing_data(&mut self, status: u16, mut body: Vec<u8>, chunk: &[u8], end: bool) -> Effect {
        if exceeds(body.len().saturating_add(chunk.len()), self.gate.contract.limits().response_bytes) {
            return self.upstream_error(status);
        }
        body.extend_from_slice(chunk);
        if !end {
            self.state = State::Failing { status, body };
            return Effect::Hold;
        }
        if self.voice.is_error(&body) {
            self.tally.error = Some(Code::UpstreamError);
            return Effect::Finish(body);
        }
        self.upstream_error(status)
    }

    pub(super) fn stream_data(&mut self, mut turn: Box<StreamTurn>, chunk: &[u8], end: bool, now: Duration) -> Effect {
        let mut out = Vec::new();
        let mut desk = self.desk(&mut out);
        let mut progress = turn.data(&mut desk, chunk, now);
        if end && matches!(progress, Ok(Progress::Open)) {
            progress = turn.end(&mut desk);
        }
        match progress {
            Ok(Progress::Open) => {
                self.state = State::Streaming(turn);
                emit(out)
            }
            Ok(Progress::Complete) => close(out, end),
            Ok(Progress::Again(next)) => self.stream_again(*turn, next, out),
            Err(refusal) => {
                self.tally.error = Some(refusal.code);
                out.extend_from_slice(&turn.stream.error(&refusal.api_error()));
                close(out, end)
            }
        }
    }

    pub(super) fn stream_trailers(&mut self, mut turn: Box<StreamTurn>, writable: bool, _now: Duration) -> Effect {
        let mut out = Vec::new();
        let progress = turn.end(&mut self.desk(&mut out));
        match progress {
            // Whatever is left to say cannot be said any more: the stream ends without it, and nothing runs.
            Ok(_) | Err(_) if !writable => {
                self.tally.error = Some(Code::UpstreamTruncated);
                Effect::Finish(Vec::new())
            }
            Ok(Progress::Again(next)) => self.stream_again(*turn, next, out),
            Ok(Progress::Open | Progress::Complete) => Effect::Finish(out),
            Err(refusal) => self.broken(turn.stream, out, &refusal),
        }
    }

    fn desk<'a>(&'a mut self, out: &'a mut Vec<u8>) -> Desk<'a> {
        Desk { gate: &self.gate, tally: &mut self.tally, ledger: &mut self.ledger, out }
    }

    /// An upstream's error that is none of the dialect: its status, our body.
    fn upstream_error(&mut self, status: u16) -> Effect {
        let message = format!("The model's API answered with status {status} and no error object.");
        let Effect::Reply(reply) = self.replace(&Refusal::new(Code::UpstreamError, message)) else {
            return Effect::Hold;
        };
        Effect::Reply(Reply { status, ..reply })
    }
}

pub(super) fn emit(out: Vec<u8>) -> Effect {
    if out.is_empty() { Effect::Hold } else { Effect::Emit(out) }
}

/// The stream's last bytes; the exchange is [`State::Closed`] from here.
pub(super) fn close(out: Vec<u8>, end: bool) -> Effect {
    if end { Effect::Finish(out) } else { emit(out) }
}
