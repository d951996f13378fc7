//! The response's headers: which kind of answer comes.

use callgate_wire::Wants;
use callgate_wire::framing::Framing;

use super::answering::Answering;
use super::body::Awaited;
use super::state::{Forwarded, State};
use super::{Core, Step};
use crate::effect::Effect;
use crate::event::Headers;
use crate::head;
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
        let framing = asked.dialect.framing();
        let undeclared = head::only(headers, "content-type").is_none() || head::is_type(headers, "text/plain");
        let json = head::is_type(headers, JSON);
        match asked.request.wants() {
            Wants::Stream if head::is_type(headers, framing.media_type()) => {
                self.stream_head(asked, framing.media_type())
            }
            // Ollama's cloud declares its lines so.
            Wants::Stream if json && framing == Framing::JsonLines => self.stream_head(asked, JSON),
            // Some servers know no streams and answer whole.
            Wants::Stream | Wants::Whole | Wants::Count if json => {
                self.content_type = Some(JSON.to_owned());
                wait(Awaited::Turn(asked))
            }
            Wants::Stream | Wants::Whole | Wants::Count if undeclared => wait(Awaited::Undeclared(asked)),
            wants @ (Wants::Stream | Wants::Whole | Wants::Count) => {
                let expected = if wants == Wants::Stream { framing.media_type() } else { JSON };
                let message = format!("The model's API did not answer with `{expected}`, as the request asked.");
                self.replace(&Refusal::new(Code::UpstreamInvalid, message))
            }
        }
    }

    fn stream_head(&mut self, asked: Box<Asked>, content_type: &str) -> Step {
        self.content_type = Some(content_type.to_owned());
        (State::Streaming(self.turn(*asked)), Effect::BeginStream)
    }

    pub(super) fn turn(&self, asked: Asked) -> Answering {
        Answering::Turn(Box::new(StreamTurn::new(&self.gate, asked)))
    }

    fn mcp_head(&mut self, asked: mcp::Asked, status: u16, headers: &Headers, end: bool) -> Step {
        let json = head::is_type(headers, JSON);
        let stream = head::is_type(headers, SSE);
        match asked {
            mcp::Asked::Told if (200..300).contains(&status) && end => (State::Open, Effect::Pass),
            mcp::Asked::Told if (200..300).contains(&status) && !stream => wait(Awaited::Nothing),
            mcp::Asked::Request { .. } | mcp::Asked::Listening if status == 200 && stream && !end => {
                self.content_type = Some(SSE.to_owned());
                let messages = Messages::new(&self.gate, asked);
                (State::Streaming(Answering::Messages(Box::new(messages))), Effect::BeginStream)
            }
            mcp::Asked::Request { .. } if status == 200 && json && !end => {
                self.content_type = Some(JSON.to_owned());
                wait(Awaited::Message(asked))
            }
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
