//! The request's side: its headers, its body, and the form in which it is forwarded.

use callgate_wire::RequestScan;
use callgate_wire::mcp::{Era, McpRequest};

use super::state::admission::{CountedRequest, HeldAdmission};
use super::state::request_body::RequestBody;
use super::state::{ExchangeState, Forwarded, RequestReader};
use super::{Core, Transition, exceeds};
use crate::catalog::CatalogHead;
use crate::destination::Destination;
use crate::effect::{Effect, Forward, Reply};
use crate::error_format::ErrorFormat;
use crate::event::Verified;
use crate::head::{self, ApiHead, Head};
use crate::headers::{self, Headers};
use crate::limits;
use crate::mcp::{self, McpHead, Verb};
use crate::refusal::{Code, Refusal};
use crate::request;

/// The answer to a sign of life, as Anthropic's API gives it. The host sends none of it in answer to `HEAD`.
const HELLO: &[u8] = br#"{"message":"hello"}"#;

impl Core {
    pub(super) fn request_head(&mut self, headers: &Headers<'_>, verified: Option<Verified>, end: bool) -> Transition {
        let destination = Destination::of(&self.gate, headers);
        let row = destination.row();
        self.format = destination.error_format(headers);
        self.tally.dialect = row.map(|row| row.name);
        self.ledger.correlation.read(headers);
        let head = head::read(&self.gate, destination, headers, verified, end);
        let head = head.map(|(gate, head)| {
            self.gate = gate;
            head
        });
        let admitted = head.and_then(|head| match head.caller().map(|caller| self.admit(caller, headers)) {
            None | Some(Ok(())) => Ok(head),
            Some(Err(refusal)) => Err(refusal),
        });
        match admitted {
            Ok(Head::Passthrough) => (ExchangeState::Open, Effect::PassWithout(head::removed(&self.gate, headers))),
            Ok(Head::Api(head)) => self.gather(RequestReader::Model(head), headers),
            Ok(Head::Mcp(McpHead { verb, remove, .. })) if end => {
                self.clock.begin(false);
                (ExchangeState::Sent(Forwarded::Mcp(without_message(verb))), Effect::PassWithout(remove))
            }
            Ok(Head::Mcp(head)) => self.gather(RequestReader::Mcp(head), headers),
            Ok(Head::Catalog(CatalogHead { sent, remove, .. })) if end => {
                self.clock.begin(false);
                (ExchangeState::Sent(Forwarded::Catalog(sent)), Effect::PassWithout(remove))
            }
            Ok(Head::Catalog(head)) => self.gather(RequestReader::Catalog(head), headers),
            Ok(Head::Hello) => {
                let body = HELLO.to_vec();
                (ExchangeState::Refused, Effect::Reply(Reply::new(200, body)))
            }
            Err(refusal) => {
                // Answered before its body is read, an HTTP/1.1 request would cost the client its connection.
                let most = self.gate.contract.limits().request_bytes;
                if !end && headers::length(headers).is_some_and(|length| length <= most) {
                    self.tally.error = Some(refusal.code);
                    return (ExchangeState::Refusing { refusal, size: 0 }, Effect::Hold);
                }
                self.refuse(&refusal)
            }
        }
    }

    /// Gathers the body of a request, unless the headers declare too long a one.
    fn gather(&mut self, reader: RequestReader, headers: &Headers<'_>) -> Transition {
        let (length, most) = (headers::length(headers), self.gate.contract.limits().request_bytes);
        if length.is_some_and(|length| length > most) {
            return self.refuse(&too_large(most));
        }
        let body = RequestBody::new(length);
        (ExchangeState::Gathering { reader, body }, Effect::Hold)
    }

    /// Drops more bytes of a refused request, up to the limit of any request.
    pub(super) fn refused_data(&mut self, refusal: Refusal, size: usize, chunk: &[u8], end: bool) -> Transition {
        let size = size.saturating_add(chunk.len());
        if end || exceeds(size, self.gate.contract.limits().request_bytes) {
            return self.refuse(&refusal);
        }
        (ExchangeState::Refusing { refusal, size }, Effect::Hold)
    }

    pub(super) fn request_data(
        &mut self,
        reader: RequestReader,
        mut body: RequestBody,
        chunk: &[u8],
        end: bool,
    ) -> Transition {
        let most = self.gate.contract.limits().request_bytes;
        if exceeds(body.len().saturating_add(chunk.len()), most) {
            return self.refuse(&too_large(most));
        }
        body.push(chunk);
        if !end {
            return match body.check(|| reader.scan()) {
                Ok(()) => (ExchangeState::Gathering { reader, body }, Effect::Hold),
                // Nothing that still comes makes the request valid.
                Err(fault) => self.refuse(&request::unreadable(fault)),
            };
        }
        let (body, scan) = body.into_parts();
        let checked =
            match reader {
                RequestReader::Model(head) => self.model_request(*head, body, scan),
                RequestReader::Mcp(head) => self.mcp_request(head, body),
                RequestReader::Catalog(CatalogHead { sent, remove, .. }) if body.is_empty() => Ok(self
                    .forward(Forwarded::Catalog(sent), Forward { body, remove, content_type: None, set: Vec::new() })),
                RequestReader::Catalog(_) => {
                    Err(Refusal::new(Code::RequestInvalid, "A request for models has no body; send it without."))
                }
            };
        checked.unwrap_or_else(|refusal| self.refuse(&refusal))
    }

    fn model_request(
        &mut self,
        mut head: ApiHead,
        body: Vec<u8>,
        scan: Option<RequestScan>,
    ) -> Result<Transition, Refusal> {
        let scan = scan.unwrap_or_else(|| head.dialect.scan_request());
        let (remove, content_type) = (std::mem::take(&mut head.remove), head.content_type.take());
        let checked = request::check(&self.gate, head, (body, scan), &mut self.tally, &mut self.ledger)?;
        self.ledger.correlation.conversation.clone_from(&checked.conversation);
        let (conversation, now) = (checked.conversation.as_deref(), self.clock.unix_millis());
        let counting = limits::request(&self.gate, &self.ledger.correlation, &checked.caller, conversation, now);
        let held = CountedRequest::Model(Box::new(checked));
        self.count(HeldAdmission { held, remove, content_type }, counting)
    }

    fn mcp_request(
        &mut self,
        McpHead { caller, answerer, verb, routing, remove, content_type }: McpHead,
        body: Vec<u8>,
    ) -> Result<Transition, Refusal> {
        if verb != Verb::Send {
            if !body.is_empty() {
                return Err(Refusal::new(Code::RequestInvalid, "Only a POST request has a message for its body."));
            }
            return Ok(self.forward(
                Forwarded::Mcp(without_message(verb)),
                Forward { body, remove, set: Vec::new(), content_type },
            ));
        }
        let bytes = body.len().saturating_add(routing.as_ref().map_or(0, |routing| routing.bytes()));
        let request = Box::new(McpRequest::read(&body).map_err(request::unreadable)?);
        let era = if routing.is_some() { Era::Stateless } else { Era::Sessions };
        self.format = ErrorFormat::Mcp(request.id().cloned(), era);
        self.ledger.correlation.read_message(request.traceparent());
        let now = self.clock.unix_millis();
        let counting = limits::request(&self.gate, &self.ledger.correlation, &caller, None, now);
        let held = CountedRequest::Mcp { caller, answerer, request, routing, bytes };
        self.count(HeldAdmission { held, remove, content_type }, counting)
    }

    pub(super) fn forward(&mut self, forwarded: Forwarded, forward: Forward) -> Transition {
        self.clock.begin(true);
        self.tally.rounds = u32::from(matches!(forwarded, Forwarded::Model(_)));
        (ExchangeState::Sent(forwarded), Effect::Forward(forward))
    }
}

fn too_large(most: u64) -> Refusal {
    let message = format!("The request is larger than the contract's `requestBytes`, {most} bytes.");
    Refusal::new(Code::RequestTooLarge, message)
}

/// Returns the sent message of a request without a body.
fn without_message(verb: Verb) -> mcp::SentMessage {
    match verb {
        Verb::Listen => mcp::SentMessage::Listening,
        Verb::EndSession | Verb::Send => mcp::SentMessage::OneWay,
    }
}
