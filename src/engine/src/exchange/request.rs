//! The request's side: its headers, its body, and the form in which it is forwarded.

use callgate_contract::Caller;
use callgate_wire::mcp::McpRequest;

use super::state::authorizing::HeldRequest;
use super::state::{ExchangeState, Forwarded, RequestReader};
use super::{Core, Transition, exceeds};
use crate::conversation::{self, Conversation};
use crate::effect::{Effect, Forward, Reply};
use crate::error_format::ErrorFormat;
use crate::event::Verified;
use crate::head::{self, ApiHead, Destination, Head};
use crate::headers::{self, Headers};
use crate::limits;
use crate::mcp::request::{self as message, Checked};
use crate::mcp::{self, McpHead, Verb};
use crate::refusal::{Code, Refusal};
use crate::request;
use crate::tally::SeenConversation;

impl Core {
    pub(super) fn request_head(&mut self, headers: &Headers<'_>, verified: Option<Verified>, end: bool) -> Transition {
        let destination = Destination::of(&self.gate, headers);
        let row = destination.row();
        self.format = ErrorFormat::of(row.map(|row| row.api));
        self.tally.dialect = row.map(|row| row.name);
        self.ledger.correlation.read(headers);
        let head = head::read(&self.gate, destination, headers, verified, end);
        let admitted = head.and_then(|head| match head.caller().map(|caller| self.admit(caller, headers)) {
            None | Some(Ok(())) => Ok(head),
            Some(Err(refusal)) => Err(refusal),
        });
        match admitted {
            Ok(Head::Passthrough) => {
                (ExchangeState::Open, Effect::PassWithout(head::identity_headers(&self.gate.identity)))
            }
            Ok(Head::Api(head)) => gather(RequestReader::Model(Box::new(head))),
            Ok(Head::Mcp(McpHead { verb, remove, .. })) if end => {
                self.clock.begin(false);
                (ExchangeState::Sent(Forwarded::Mcp(without_message(verb))), Effect::PassWithout(remove))
            }
            Ok(Head::Mcp(head)) => gather(RequestReader::Mcp(head)),
            Err(refusal) => {
                // Answered before its body is read, an HTTP/1.1 request would cost the client its connection.
                let most = self.gate.contract.limits().request_bytes;
                if !end && headers::length(headers).is_some_and(|length| length <= most) {
                    return (ExchangeState::Refusing { refusal, size: 0 }, Effect::Hold);
                }
                self.refuse(&refusal)
            }
        }
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
        mut body: Vec<u8>,
        chunk: &[u8],
        end: bool,
    ) -> Transition {
        let most = self.gate.contract.limits().request_bytes;
        if exceeds(body.len().saturating_add(chunk.len()), most) {
            let message = format!("The request is larger than the contract's `requestBytes`, {most} bytes.");
            return self.refuse(&Refusal::new(Code::RequestTooLarge, message));
        }
        body.extend_from_slice(chunk);
        if !end {
            return (ExchangeState::Gathering { reader, body }, Effect::Hold);
        }
        let checked = match reader {
            RequestReader::Model(head) => self.model_request(*head, body),
            RequestReader::Mcp(head) => self.mcp_request(head, body),
        };
        checked.unwrap_or_else(|refusal| self.refuse(&refusal))
    }

    fn model_request(&mut self, mut head: ApiHead, body: Vec<u8>) -> Result<Transition, Refusal> {
        let (remove, content_type) = (std::mem::take(&mut head.remove), head.content_type.take());
        let mut checked = request::check(&self.gate, head, body, &mut self.tally, &mut self.ledger)?;
        self.begin_conversation(checked.conversation.as_ref())?;
        if let Err(refusal) = self.count_request(&checked.caller) {
            if let Some(conversation) = &checked.conversation {
                conversation::take_back(&self.gate, conversation, self.clock.unix_millis());
            }
            return Err(refusal);
        }
        self.charged = limits::charges(&self.gate, &checked.caller).then(|| Box::new(checked.caller.clone()));
        let body = checked.request.write();
        checked.sent_bytes = body.len();
        Ok(self.forward(Forwarded::Model(Box::new(checked)), Forward { body, remove, content_type }))
    }

    fn mcp_request(
        &mut self,
        McpHead { caller, verb, remove, content_type }: McpHead,
        body: Vec<u8>,
    ) -> Result<Transition, Refusal> {
        if verb != Verb::Send {
            if !body.is_empty() {
                return Err(Refusal::new(Code::RequestInvalid, "Only a POST request has a message for its body."));
            }
            return Ok(self.forward(Forwarded::Mcp(without_message(verb)), Forward { body, remove, content_type }));
        }
        let bytes = body.len();
        let request = McpRequest::read(&body).map_err(request::unreadable)?;
        self.format = ErrorFormat::Mcp(request.id().cloned());
        self.count_request(&caller)?;
        let (gate, now) = (&self.gate, self.clock.unix_millis());
        Ok(match message::check((gate, now), caller, request, &mut self.tally, &mut self.ledger)? {
            Checked::Forward(sent, body) => self.forward(Forwarded::Mcp(sent), Forward { body, remove, content_type }),
            Checked::Ask(asked) => {
                let batch = asked.batch(&self.gate, &self.ledger.correlation);
                let held = HeldRequest { asked: *asked, remove, content_type, bytes };
                (ExchangeState::AskingForRequest(Box::new(held)), Effect::Authorize(batch))
            }
            Checked::Answer(body) => {
                (ExchangeState::Refused, Effect::Reply(Reply { status: 200, body, retry_after: None }))
            }
        })
    }

    /// Begins a turn of the conversation. In shadow mode a conversation that has ended is reported only.
    fn begin_conversation(&mut self, conversation: Option<&Conversation>) -> Result<(), Refusal> {
        let Some(conversation) = conversation else { return Ok(()) };
        self.ledger.correlation.conversation = Some(conversation.label.clone());
        match conversation::begin_turn(&self.gate, conversation, self.clock.unix_millis()) {
            Ok(standing) => {
                self.tally.conversation = Some(SeenConversation { label: conversation.label.clone(), standing });
                Ok(())
            }
            Err(refusal) if !self.gate.contract.enforces() => {
                self.tally.shadowed_errors.push(refusal.code);
                Ok(())
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Counts a request. In shadow mode a limit that is reached is reported only.
    fn count_request(&mut self, caller: &Caller) -> Result<(), Refusal> {
        match limits::request(&self.gate, caller, self.clock.unix_millis()) {
            Err(refusal) if !self.gate.contract.enforces() => {
                self.tally.shadowed_errors.push(refusal.code);
                Ok(())
            }
            counted => counted,
        }
    }

    pub(super) fn forward(&mut self, forwarded: Forwarded, forward: Forward) -> Transition {
        self.clock.begin(true);
        self.tally.rounds = u32::from(matches!(forwarded, Forwarded::Model(_)));
        (ExchangeState::Sent(forwarded), Effect::Forward(forward))
    }
}

fn gather(reader: RequestReader) -> Transition {
    (ExchangeState::Gathering { reader, body: Vec::new() }, Effect::Hold)
}

/// Returns the sent message of a request without a body.
fn without_message(verb: Verb) -> mcp::SentMessage {
    match verb {
        Verb::Listen => mcp::SentMessage::Listening,
        Verb::EndSession | Verb::Send => mcp::SentMessage::OneWay,
    }
}
