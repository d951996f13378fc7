//! Ollama: `POST /api/chat`.
//!
//! Source: Ollama's `docs/api.md` (*Generate a chat completion*), its server's types (`api/types.go`, `server/routes.go`) and its
//! official clients. The server is written in Go and reads keys in any case, so a request is refused unless its spelling is the
//! documented one.
//!
//! A call comes whole in one line. No line before the last says if more of the turn follows, and a message has one text and one
//! list of calls. So calls wait for the last line under each release policy.
//!
//! Not covered: the API's other paths (`/api/generate` has no calls, the rest no turns), and log probabilities of calls in lines
//! with other text.

mod answer;
mod conversation;
mod error;
mod message;
mod request;
mod stream;
mod usage;

use callgate_json::Outline;

use crate::framing::Framing;
use crate::skeleton::format::{ErrorFormat, Format, TurnMember};
use crate::{AnswerError, Request};
use answer::OllamaAnswer;
use request::OllamaRequest;
use stream::OllamaStream;

/// The dialect.
#[derive(Debug)]
pub struct Ollama;

impl Format for Ollama {
    type Request = OllamaRequest;
    type Answer = OllamaAnswer;
    type Stream = OllamaStream;

    const FRAMING: Framing = Framing::JsonLines;
    const ERRORS: ErrorFormat = ErrorFormat { body: error::body, is_error: error::is_error_body };
    const TURN: TurnMember = TurnMember::Object("message");

    fn read_answer(_request: &dyn Request, body: Outline<'_>) -> Result<OllamaAnswer, AnswerError> {
        OllamaAnswer::of(body)
    }

    fn begin_stream(_request: &dyn Request) -> OllamaStream {
        OllamaStream::default()
    }
}
