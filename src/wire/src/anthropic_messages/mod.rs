//! Anthropic Messages: `POST /v1/messages` and `POST /v1/messages/count_tokens`.
//!
//! Source: Anthropic's API reference, *Messages* (create, count tokens, streaming, errors) with its beta members, in the types of
//! the official Python SDK 2.12.0 (`anthropic.types`, `anthropic.types.beta`), and the answers of imitating servers.
//!
//! Not covered: `thinking.budget_tokens` keeps its value if `max_tokens` is lowered beneath it; the API refuses the request
//! itself then. The output limit of an advisor tool, which the contract allows as a tool, is its own.

mod block;
mod client_tools;
pub mod error;
mod events;
mod request;
mod stream;
mod text_block;
mod usage;

pub use stream::{MessagesAnswer, MessagesStream};

use callgate_json::Outline;

use crate::framing::Framing;
use crate::skeleton::format::{ErrorFormat, Format, TurnMember};
use crate::{AnswerError, Request};
use request::MessagesRequest;

/// The dialect.
#[derive(Debug)]
pub struct AnthropicMessages;

impl Format for AnthropicMessages {
    type Request = MessagesRequest;
    type Answer = MessagesAnswer;
    type Stream = MessagesStream;

    const FRAMING: Framing = Framing::Sse;
    const ERRORS: ErrorFormat = ErrorFormat { body: error::body, is_error: error::is_error_body };
    const TURN: TurnMember = TurnMember::List("content");

    fn read_answer(request: &dyn Request, body: Outline<'_>) -> Result<MessagesAnswer, AnswerError> {
        MessagesAnswer::of(&request.provider_tools(), body)
    }

    fn begin_stream(request: &dyn Request) -> MessagesStream {
        MessagesStream::new(&request.provider_tools())
    }
}
