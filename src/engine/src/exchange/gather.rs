//! The request's side: its headers, its body, and the form in which it goes on.

use std::time::Duration;

use super::{Exchange, State, exceeds};
use crate::effect::{Effect, Forward};
use crate::event::Headers;
use crate::head::{self, ApiHead, Head};
use crate::refusal::{Code, Refusal};
use crate::request;
use crate::voice::Voice;

impl Exchange {
    pub(super) fn request_head(&mut self, headers: &Headers, claims: Option<(Vec<u8>, Vec<u8>)>, end: bool) -> Effect {
        self.voice = Voice::of(head::api(&self.gate, headers));
        self.ledger.about.read(headers);
        match head::read(&self.gate, headers, claims, end) {
            Ok(Head::Passthrough) => {
                self.state = State::Open;
                Effect::PassWithout(head::identity_headers(&self.gate.identity))
            }
            Ok(Head::Api(head)) => {
                self.state = State::Gathering { head: Box::new(head), body: Vec::new() };
                Effect::Hold
            }
            Ok(Head::Mcp(head)) => self.mcp_head(head, end),
            Err(refusal) => {
                // Answered before its body is read, an HTTP/1.1 request would cost the client its connection.
                let most = self.gate.contract.limits().request_bytes;
                if !end && head::length(headers).is_some_and(|length| length <= most) {
                    self.state = State::Refusing { refusal, size: 0 };
                    return Effect::Hold;
                }
                self.refuse(&refusal)
            }
        }
    }

    /// More of a request that is refused: dropped, up to the limit of any request.
    pub(super) fn refused_data(&mut self, refusal: Refusal, size: usize, chunk: &[u8], end: bool) -> Effect {
        let size = size.saturating_add(chunk.len());
        if end || exceeds(size, self.gate.contract.limits().request_bytes) {
            return self.refuse(&refusal);
        }
        self.state = State::Refusing { refusal, size };
        Effect::Hold
    }

    pub(super) fn request_data(
        &mut self,
        head: Box<ApiHead>,
        mut body: Vec<u8>,
        chunk: &[u8],
        end: Option<Duration>,
    ) -> Effect {
        let most = self.gate.contract.limits().request_bytes;
        if exceeds(body.len().saturating_add(chunk.len()), most) {
            let message = format!("The request is larger than the contract's `requestBytes`, {most} bytes.");
            return self.refuse(&Refusal::new(Code::RequestTooLarge, message));
        }
        body.extend_from_slice(chunk);
        let Some(now) = end else {
            self.state = State::Gathering { head, body };
            return Effect::Hold;
        };
        let (remove, content_type) = (head.remove.clone(), head.content_type.clone());
        match request::check(&self.gate, *head, &body, &mut self.tally, &mut self.ledger) {
            Ok(asked) => {
                let body = asked.request.write();
                let deadline = now.saturating_add(self.gate.contract.limits().turn_timeout);
                self.state = State::Sent { asked: Box::new(asked), deadline };
                Effect::Forward(Forward { body, remove, content_type })
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }
}
