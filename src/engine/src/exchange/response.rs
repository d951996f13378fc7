//! The response's headers: which kind of answer comes.

use callgate_wire::Wants;
use callgate_wire::framing::Framing;

use super::state::answer_stream::AnswerStream;
use super::state::awaited::AwaitedBody;
use super::state::{ExchangeState, Forwarded};
use super::{Core, Transition};
use crate::effect::Effect;
use crate::headers::media::{JSON, Media, is_identity_encoded};
use crate::headers::{self, Headers};
use crate::identity::IdentitySource;
use crate::mcp::{self, stream::Messages};
use crate::refusal::{Code, Refusal};
use crate::request::CheckedRequest;
use crate::stream::StreamTurn;

const SSE: &str = "text/event-stream";

impl Core {
    pub(super) fn response_head(&mut self, sent: Option<Forwarded>, headers: &Headers<'_>, end: bool) -> Transition {
        let status = headers::status(headers);
        if (400..600).contains(&status) {
            return self.failing_head(status, headers, end);
        }
        if !is_identity_encoded(headers) {
            let message =
                format!("The {} answered with a compressed body, which cannot be checked.", self.format.peer());
            let refusal = Refusal::new(Code::UpstreamEncoded, message);
            return match sent {
                Some(Forwarded::Model(checked)) => self.replace_unread(&checked, 0, &refusal),
                Some(Forwarded::Mcp(_) | Forwarded::Catalog(_)) | None => self.replace(&refusal),
            };
        }
        match sent {
            Some(Forwarded::Model(checked)) if status == 200 => self.model_head(checked, headers, end),
            Some(Forwarded::Mcp(message)) => self.mcp_head(message, status, headers, end),
            Some(Forwarded::Catalog(sent)) if status == 200 && !end && Media::of(headers).is(JSON) => {
                self.content_type = Media::of(headers).written();
                wait(AwaitedBody::Catalog(sent))
            }
            Some(Forwarded::Model(_) | Forwarded::Catalog(_)) | None => self.undecidable(status),
        }
    }

    /// An error keeps its status and its headers, such as `retry-after` and `www-authenticate`. An OAuth client would take a 401 for a
    /// fault of its own token, but the upstream never gets that token.
    fn failing_head(&mut self, status: u16, headers: &Headers<'_>, end: bool) -> Transition {
        if status == 401 && matches!(&*self.gate.identity, IdentitySource::Scopes(_)) {
            let message = format!("The {} does not accept the gate's own credential.", self.format.peer());
            return self.replace(&Refusal::new(Code::UpstreamError, message));
        }
        self.tally.error = Some(Code::UpstreamError);
        if end {
            return (ExchangeState::Open, Effect::Pass);
        }
        let readable = is_identity_encoded(headers);
        wait(AwaitedBody::Error { status, readable })
    }

    fn model_head(&mut self, checked: Box<CheckedRequest>, headers: &Headers<'_>, end: bool) -> Transition {
        if end {
            let refusal = Refusal::new(Code::UpstreamInvalid, "The model's API answered without a body.");
            return self.replace_unread(&checked, 0, &refusal);
        }
        let media = Media::of(headers);
        let (framing, wants) = (checked.dialect.framing(), checked.request.wants());
        let streams = wants == Wants::Stream;
        self.content_type = media.written();
        // Ollama's cloud declares its lines as JSON.
        if streams && (media.is(framing.media_type()) || (media.is(JSON) && framing == Framing::JsonLines)) {
            return (ExchangeState::Streaming(self.turn(*checked)), Effect::BeginStream);
        }
        // Some servers know no streams and answer whole.
        if media.is(JSON) {
            return wait(AwaitedBody::Turn(checked));
        }
        if media == Media::Missing || media.is("text/plain") {
            return wait(AwaitedBody::Undeclared(checked));
        }
        let expected = if streams { framing.media_type() } else { JSON };
        let message = format!("The model's API did not answer with `{expected}` in UTF-8, as the request asked.");
        self.replace_unread(&checked, 0, &Refusal::new(Code::UpstreamInvalid, message))
    }

    pub(super) fn turn(&self, checked: CheckedRequest) -> AnswerStream {
        AnswerStream::Turn(Box::new(StreamTurn::new(&self.gate, checked)))
    }

    fn mcp_head(&mut self, message: mcp::SentMessage, status: u16, headers: &Headers<'_>, end: bool) -> Transition {
        let media = Media::of(headers);
        let (json, stream) = (media.is(JSON), media.is(SSE));
        self.content_type = media.written();
        match message {
            mcp::SentMessage::OneWay if (200..300).contains(&status) && end => (ExchangeState::Open, Effect::Pass),
            mcp::SentMessage::OneWay if (200..300).contains(&status) && !stream => wait(AwaitedBody::Nothing),
            mcp::SentMessage::Request { .. } | mcp::SentMessage::Subscribed(_) | mcp::SentMessage::Listening
                if status == 200 && stream && !end =>
            {
                let messages = Messages::new(&self.gate, message);
                (ExchangeState::Streaming(AnswerStream::Messages(Box::new(messages))), Effect::BeginStream)
            }
            mcp::SentMessage::Request { .. } | mcp::SentMessage::Subscribed(_) if status == 200 && json && !end => {
                wait(AwaitedBody::Message(message))
            }
            mcp::SentMessage::OneWay
            | mcp::SentMessage::Request { .. }
            | mcp::SentMessage::Subscribed(_)
            | mcp::SentMessage::Listening => self.undecidable(status),
        }
    }

    fn undecidable(&mut self, status: u16) -> Transition {
        let message =
            format!("The {} answered with status {status} and a body of an unsupported type.", self.format.peer());
        self.replace(&Refusal::new(Code::UpstreamInvalid, message))
    }
}

fn wait(awaited: AwaitedBody) -> Transition {
    (ExchangeState::Body { awaited, body: Vec::new() }, Effect::Hold)
}
