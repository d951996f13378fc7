//! Anthropic Messages: `POST /v1/messages` and `POST /v1/messages/count_tokens`.
//!
//! Source: Anthropic's API reference, *Messages* (create, count tokens, streaming, errors) with its beta members, as the types of
//! the official Python SDK 2.12.0 (`anthropic.types`, `anthropic.types.beta`) have them, and what servers that imitate it send.
//!
//! Not covered: `thinking.budget_tokens` stays as it is where `max_tokens` is lowered beneath it, so that the API says no itself;
//! the output limit of an advisor tool, which the contract allows as a tool, is its own.

mod answer;
mod block;
pub mod error;
mod events;
mod request;
mod said;
mod stream;

pub use answer::Answer;
pub use stream::Stream;

use crate::framing::Framing;
use crate::skeleton::document::RequestFormat;
use crate::{AnswerError, ApiError, Dialect, RequestError, Target};

/// The dialect.
#[derive(Debug)]
pub struct AnthropicMessages;

impl Dialect for AnthropicMessages {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn request(&self, target: &Target<'_>, body: &[u8]) -> Result<Box<dyn crate::Request>, RequestError> {
        Ok(Box::new(request::MessagesRequest::read(target, body)?))
    }

    fn answer(&self, request: &dyn crate::Request, body: &[u8]) -> Result<Box<dyn crate::Answer>, AnswerError> {
        Ok(Box::new(Answer::read(&request.provider_tools(), body)?))
    }

    fn stream(&self, request: &dyn crate::Request) -> Box<dyn crate::Stream> {
        Box::new(Stream::new(&request.provider_tools()))
    }

    fn error(&self, error: &ApiError) -> Vec<u8> {
        error::body(error)
    }

    fn is_error(&self, body: &[u8]) -> bool {
        error::is_error_body(body)
    }
}
