//! OpenAI Chat Completions: `POST /v1/chat/completions`.
//!
//! Source: OpenAI's API reference, *Chat Completions* (create, object, chunk object), and the answers of imitating servers. If
//! those differ from the reference without ambiguity (no `index`, no `id`, a name in every fragment, a finish reason beside each
//! call, arguments as an object), the calls are read. If two clients could read two different calls, the call is refused.

mod answer;
mod calls;
mod checks;
mod choice;
pub mod error;
mod head;
mod hidden;
mod merged;
mod message;
mod reader;
mod replayed;
mod request;
mod signature;
mod slot_arguments;
mod slots;
mod split;
mod stream;
mod turn_text;
mod usage;

pub use answer::{ChatAnswer, Choice, Rewrite};
pub use head::{DONE, StreamHead};
pub use stream::ChatStream;

use callgate_json::Outline;

use crate::framing::Framing;
use crate::skeleton::format::{ErrorFormat, Format, TurnMember};
use crate::{AnswerError, AnswerOrError, Request};
use request::ChatRequest;

/// The dialect.
#[derive(Debug)]
pub struct OpenAiChat;

impl Format for OpenAiChat {
    type Request = ChatRequest;
    type Answer = ChatAnswer;
    type Stream = ChatStream;

    const FRAMING: Framing = Framing::Sse;
    const ERRORS: ErrorFormat = ErrorFormat { body: error::body, is_error: error::is_error_body };
    const TURN: TurnMember = TurnMember::List("choices");

    fn read_answer(request: &dyn Request, body: Outline<'_>) -> Result<ChatAnswer, AnswerError> {
        ChatAnswer::of(body, request.choices() == 1)
    }

    fn read_answer_or_error(request: &dyn Request, body: Vec<u8>) -> Result<AnswerOrError<ChatAnswer>, AnswerError> {
        let outline = Outline::keep(body)?;
        if error::is_error(outline.root()) {
            return Ok(AnswerOrError::Error(outline.into_text()));
        }
        ChatAnswer::of(outline, request.choices() == 1).map(AnswerOrError::Answer)
    }

    fn begin_stream(request: &dyn Request) -> ChatStream {
        ChatStream::new(request.include_usage(), request.choices()).hiding_usage(request.hides_usage())
    }
}
