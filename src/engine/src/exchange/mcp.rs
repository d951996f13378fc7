//! An exchange with an MCP server: its states, and which event leads from which to which.

use std::time::Duration;

use callgate_wire::mcp::Request;

use super::respond::{close, emit};
use super::{Exchange, State, exceeds};
use crate::effect::{Effect, Forward, Reply};
use crate::event::{Event, Headers};
use crate::head;
use crate::mcp::answer::{self, Said};
use crate::mcp::request::{self, Checked};
use crate::mcp::stream::{Messages, Progress, late, too_large};
use crate::mcp::{Asked, McpHead, Verb};
use crate::refusal::{Code, Refusal};
use crate::voice::Voice;

/// Where such an exchange stands. Each state owns what it needs.
#[derive(Debug)]
pub(super) enum Phase {
    /// The request's body is being gathered.
    Gathering { head: McpHead, body: Vec<u8> },
    /// The request went on; the server's answer is awaited.
    Sent { asked: Asked, deadline: Option<Duration> },
    /// One message is being gathered.
    Whole { asked: Asked, body: Vec<u8>, deadline: Option<Duration> },
    /// Messages come one by one.
    Streaming(Messages),
    /// The server's own stream broke off after an error; it is cut as soon as it can be.
    Cut(Refusal),
    /// A body that says nothing is being dropped, `size` bytes so far.
    Dropping { size: usize },
    /// An error of the server is being gathered.
    Failing { status: u16, json: bool, body: Vec<u8> },
}

impl Exchange {
    pub(super) fn mcp_head(&mut self, head: McpHead, end: bool) -> Effect {
        if !end {
            self.state = State::Mcp(Box::new(Phase::Gathering { head, body: Vec::new() }));
            return Effect::Hold;
        }
        let (asked, remove) = (without_message(head.verb), head.remove);
        self.state = State::Mcp(Box::new(Phase::Sent { asked, deadline: None }));
        Effect::PassWithout(remove)
    }

    pub(super) fn mcp(&mut self, phase: Phase, event: Event<'_>) -> Effect {
        match (phase, event) {
            (Phase::Gathering { head, body }, Event::RequestData { chunk, end, now }) => {
                self.mcp_request(head, body, chunk, end.then_some(now))
            }
            (Phase::Gathering { head, body }, Event::RequestTrailers { now }) => {
                self.mcp_request(head, body, &[], Some(now))
            }
            // An answer that comes before the request went on is the host's own.
            (Phase::Gathering { .. }, Event::ResponseHead { headers, end }) => self.mcp_response(None, headers, end),
            (Phase::Sent { asked, deadline }, Event::ResponseHead { headers, end }) => {
                self.mcp_response(Some((asked, deadline)), headers, end)
            }
            (Phase::Whole { asked, body, deadline }, Event::ResponseData { chunk, end, now }) => {
                self.mcp_whole(asked, body, deadline, chunk, end, now)
            }
            (Phase::Whole { asked, body, deadline }, Event::ResponseTrailers { now, .. }) => {
                self.mcp_whole(asked, body, deadline, &[], true, now)
            }
            (Phase::Streaming(messages), Event::ResponseData { chunk, end, now }) => {
                self.mcp_stream(messages, chunk, end, now)
            }
            (Phase::Streaming(messages), Event::ResponseTrailers { writable, .. }) => {
                self.mcp_trailers(messages, writable)
            }
            (Phase::Cut(refusal), Event::ResponseData { end: false, .. }) => self.replace(&refusal),
            (Phase::Cut(_), Event::ResponseData { end: true, .. } | Event::ResponseTrailers { .. }) => {
                Effect::Finish(Vec::new())
            }
            (Phase::Dropping { size }, Event::ResponseData { chunk, end, .. }) => {
                let size = size.saturating_add(chunk.len());
                if end {
                    return Effect::Finish(Vec::new());
                }
                if exceeds(size, self.gate.contract.limits().response_bytes) {
                    return self.replace(&too_large(&self.gate));
                }
                self.state = State::Mcp(Box::new(Phase::Dropping { size }));
                Effect::Hold
            }
            (Phase::Dropping { .. }, Event::ResponseTrailers { .. }) => Effect::Finish(Vec::new()),
            (Phase::Failing { status, json, body }, Event::ResponseData { chunk, end, .. }) => {
                self.mcp_failing(status, json, body, chunk, end)
            }
            (Phase::Failing { status, json, body }, Event::ResponseTrailers { .. }) => {
                self.mcp_failing(status, json, body, &[], true)
            }
            (phase, _) => {
                let refusal = Refusal::new(Code::OutOfOrder, "The exchange is in a state in which this cannot happen.");
                match phase {
                    Phase::Gathering { .. } => self.refuse(&refusal),
                    _ => self.replace(&refusal),
                }
            }
        }
    }

    fn mcp_request(&mut self, head: McpHead, mut body: Vec<u8>, chunk: &[u8], end: Option<Duration>) -> Effect {
        let most = self.gate.contract.limits().request_bytes;
        if exceeds(body.len().saturating_add(chunk.len()), most) {
            let message = format!("The request is larger than the contract's `requestBytes`, {most} bytes.");
            return self.refuse(&Refusal::new(Code::RequestTooLarge, message));
        }
        body.extend_from_slice(chunk);
        let Some(now) = end else {
            self.state = State::Mcp(Box::new(Phase::Gathering { head, body }));
            return Effect::Hold;
        };
        let McpHead { caller, verb, remove, content_type } = head;
        if verb != Verb::Send {
            if !body.is_empty() {
                return self
                    .refuse(&Refusal::new(Code::RequestInvalid, "Only a POST request has a message for its body."));
            }
            self.state = State::Mcp(Box::new(Phase::Sent { asked: without_message(verb), deadline: None }));
            return Effect::Forward(Forward { body, remove, content_type });
        }
        let request = match Request::read(&body) {
            Ok(request) => request,
            Err(error) => return self.refuse(&crate::request::unreadable(error)),
        };
        self.voice = Voice::Mcp(request.id().cloned());
        match request::check(&self.gate, caller, request, &mut self.tally, &mut self.ledger) {
            Ok(Checked::Forward(asked, body)) => {
                let deadline = Some(now.saturating_add(self.gate.contract.limits().turn_timeout));
                self.state = State::Mcp(Box::new(Phase::Sent { asked, deadline }));
                Effect::Forward(Forward { body, remove, content_type })
            }
            Ok(Checked::Answer(body)) => {
                self.state = State::Refused;
                Effect::Reply(Reply { status: 200, body, retry_after: None })
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn mcp_response(&mut self, sent: Option<(Asked, Option<Duration>)>, headers: &Headers, end: bool) -> Effect {
        let status = head::status(headers);
        if end && (400..600).contains(&status) {
            // Nothing is said but the status, and what goes with it: where to get a token, which methods there are.
            self.tally.error = Some(Code::UpstreamError);
            self.state = State::Open;
            return Effect::Pass;
        }
        if !head::is_identity_encoded(headers) {
            let message = "The MCP server answered with a compressed body, which cannot be checked.";
            return self.replace(&Refusal::new(Code::UpstreamEncoded, message));
        }
        let json = head::is_type(headers, "application/json");
        if (400..600).contains(&status) {
            self.state = State::Mcp(Box::new(Phase::Failing { status, json, body: Vec::new() }));
            return Effect::Hold;
        }
        let stream = head::is_type(headers, "text/event-stream");
        let phase = match sent {
            Some((Asked::Told, _)) if (200..300).contains(&status) && end => {
                self.state = State::Open;
                return Effect::Pass;
            }
            Some((Asked::Told, _)) if (200..300).contains(&status) && !stream => Phase::Dropping { size: 0 },
            Some((asked @ (Asked::Request { .. } | Asked::Listening), deadline)) if status == 200 && stream && !end => {
                self.state = State::Mcp(Box::new(Phase::Streaming(Messages::new(&self.gate, asked, deadline))));
                return Effect::BeginStream;
            }
            Some((asked @ Asked::Request { .. }, deadline)) if status == 200 && json && !end => {
                Phase::Whole { asked, body: Vec::new(), deadline }
            }
            _ => {
                let message = format!(
                    "The MCP server answered with status {status} and a body of a type that cannot be decided on here."
                );
                return self.replace(&Refusal::new(Code::UpstreamInvalid, message));
            }
        };
        self.state = State::Mcp(Box::new(phase));
        Effect::Hold
    }

    fn mcp_whole(
        &mut self,
        asked: Asked,
        mut body: Vec<u8>,
        deadline: Option<Duration>,
        chunk: &[u8],
        end: bool,
        now: Duration,
    ) -> Effect {
        if exceeds(body.len().saturating_add(chunk.len()), self.gate.contract.limits().response_bytes) {
            return self.replace(&too_large(&self.gate));
        }
        if deadline.is_some_and(|deadline| now > deadline) {
            return self.replace(&late());
        }
        body.extend_from_slice(chunk);
        if !end {
            self.state = State::Mcp(Box::new(Phase::Whole { asked, body, deadline }));
            return Effect::Hold;
        }
        let said = answer::read(&body).and_then(|answer| answer::decide(&self.gate, &asked, answer, &mut self.tally));
        match said {
            Ok(Said::Answer(answer)) => Effect::Finish(answer.write()),
            Ok(Said::Meanwhile(_)) => self.replace(&answer::invalid("is no answer, and no other follows it")),
            Err(refusal) => self.replace(&refusal),
        }
    }

    fn mcp_stream(&mut self, mut messages: Messages, chunk: &[u8], end: bool, now: Duration) -> Effect {
        let mut out = Vec::new();
        let mut progress = messages.data(&self.gate, &mut self.tally, &mut out, chunk, now);
        if end && progress == Ok(Progress::Open) {
            progress = messages.end(&self.gate, &mut self.tally, &mut out).map(|()| Progress::Complete);
        }
        match progress {
            Ok(Progress::Open) => {
                self.state = State::Mcp(Box::new(Phase::Streaming(messages)));
                emit(out)
            }
            Ok(Progress::Complete) => close(out, end),
            Err(refusal) => {
                self.tally.error = Some(refusal.code);
                out.extend_from_slice(&messages.error(&refusal));
                if messages.is_own() && !end {
                    self.state = State::Mcp(Box::new(Phase::Cut(refusal)));
                }
                close(out, end)
            }
        }
    }

    fn mcp_trailers(&mut self, mut messages: Messages, writable: bool) -> Effect {
        let mut out = Vec::new();
        let ended = messages.end(&self.gate, &mut self.tally, &mut out);
        if let Err(refusal) = &ended {
            self.tally.error = Some(refusal.code);
            out.extend_from_slice(&messages.error(refusal));
        }
        // What is left to say cannot be said where nothing is held: the stream ends without it.
        Effect::Finish(if writable { out } else { Vec::new() })
    }

    fn mcp_failing(&mut self, status: u16, json: bool, mut body: Vec<u8>, chunk: &[u8], end: bool) -> Effect {
        let fits = !exceeds(body.len().saturating_add(chunk.len()), self.gate.contract.limits().response_bytes);
        if fits && !end {
            body.extend_from_slice(chunk);
            self.state = State::Mcp(Box::new(Phase::Failing { status, json, body }));
            return Effect::Hold;
        }
        body.extend_from_slice(chunk);
        self.tally.error = Some(Code::UpstreamError);
        if fits && self.voice.is_error(&body) {
            return Effect::Finish(body);
        }
        let message = format!("The MCP server answered with status {status} and no JSON-RPC error.");
        let Reply { body, .. } = self.voice.reply(&Refusal::new(Code::UpstreamError, message));
        if fits && json {
            // Its headers stay, such as the one that says where to get a token.
            return Effect::Finish(body);
        }
        self.state = State::Replaced;
        Effect::Reply(Reply { status, body, retry_after: None })
    }
}

/// What a request without a message asks for.
fn without_message(verb: Verb) -> Asked {
    match verb {
        Verb::Listen => Asked::Listening,
        Verb::EndSession | Verb::Send => Asked::Told,
    }
}
