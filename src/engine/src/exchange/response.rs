//! The response's headers: which kind of answer comes.

use callgate_wire::Wants;
use callgate_wire::framing::Framing;

use super::answering::Answering;
use super::body::Awaited;
use super::state::{Forwarded, State};
use super::{Core, Step};
use crate::effect::Effect;
use crate::event::Headers;
use crate::head::{self, Media};
use crate::mcp::{self, stream::Messages};
use crate::refusal::{Code, Refusal};
use crate::request::Asked;
use crate::stream::StreamTurn;

pub(super) const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

impl Core {
    pub(super) fn response_head(&mut self, sent: Option<Forwarded>, headers: &Headers, end: bool) -> Step {
        let status = head::status(headers);
        if (400..600).contains(&status) {
            return self.failing_head(status, headers, end);
        }
        if !head::is_identity_encoded(headers) {
            let message =
                format!("The {} answered with a compressed body, which cannot be checked.", self.format.peer());
            return self.replace(&Refusal::new(Code::UpstreamEncoded, message));
        }
        match sent {
            Some(Forwarded::Model(asked)) if status == 200 => self.model_head(asked, headers, end),
            Some(Forwarded::Mcp(asked)) => self.mcp_head(asked, status, headers, end),
            Some(Forwarded::Model(_)) | None => self.undecidable(status),
        }
    }

    /// An error keeps its status and its headers, such as `retry-after` and `www-authenticate`.
    fn failing_head(&mut self, status: u16, headers: &Headers, end: bool) -> Step {
        self.tally.error = Some(Code::UpstreamError);
        if end {
            return (State::Open, Effect::Pass);
        }
        let readable = head::is_identity_encoded(headers);
        wait(Awaited::Error { status, readable })
    }

    fn model_head(&mut self, asked: Box<Asked>, headers: &Headers, end: bool) -> Step {
        if end {
            return self.replace(&Refusal::new(Code::UpstreamInvalid, "The model's API answered without a body."));
        }
        let media = Media::of(headers);
        let (framing, wants) = (asked.dialect.framing(), asked.request.wants());
        let streams = wants == Wants::Stream;
        self.content_type = media.written();
        // Ollama's cloud declares its lines as JSON.
        if streams && (media.is(framing.media_type()) || (media.is(JSON) && framing == Framing::JsonLines)) {
            return (State::Streaming(self.turn(*asked)), Effect::BeginStream);
        }
        // Some servers know no streams and answer whole.
        if media.is(JSON) {
            return wait(Awaited::Turn(asked));
        }
        if media == Media::Missing || media.is("text/plain") {
            return wait(Awaited::Undeclared(asked));
        }
        let expected = if streams { framing.media_type() } else { JSON };
        let message = format!("The model's API did not answer with `{expected}` in UTF-8, as the request asked.");
        self.replace(&Refusal::new(Code::UpstreamInvalid, message))
    }

    pub(super) fn turn(&self, asked: Asked) -> Answering {
        Answering::Turn(Box::new(StreamTurn::new(&self.gate, asked)))
    }

    fn mcp_head(&mut self, asked: mcp::Asked, status: u16, headers: &Headers, end: bool) -> Step {
        let media = Media::of(headers);
        let (json, stream) = (media.is(JSON), media.is(SSE));
        self.content_type = media.written();
        match asked {
            mcp::Asked::Told if (200..300).contains(&status) && end => (State::Open, Effect::Pass),
            mcp::Asked::Told if (200..300).contains(&status) && !stream => wait(Awaited::Nothing),
            mcp::Asked::Request { .. } | mcp::Asked::Listening if status == 200 && stream && !end => {
                let messages = Messages::new(&self.gate, asked);
                (State::Streaming(Answering::Messages(Box::new(messages))), Effect::BeginStream)
            }
            mcp::Asked::Request { .. } if status == 200 && json && !end => wait(Awaited::Message(asked)),
            mcp::Asked::Told | mcp::Asked::Request { .. } | mcp::Asked::Listening => self.undecidable(status),
        }
    }

    fn undecidable(&mut self, status: u16) -> Step {
        let message = format!(
            "The {} answered with status {status} and a body of a type that cannot be decided on.",
            self.format.peer()
        );
        self.replace(&Refusal::new(Code::UpstreamInvalid, message))
    }
}

fn wait(awaited: Awaited) -> Step {
    (State::Body { awaited, body: Vec::new() }, Effect::Hold)
}
