//! OpenAI Chat Completions: `POST /v1/chat/completions`.
//!
//! Source: OpenAI's API reference, *Chat Completions* (create, object, chunk object), and what servers that imitate it send.
//! Where those differ from the reference without ambiguity (a missing `index`, `null` for a missing text, a finish reason
//! beside the last call) they are understood; where two clients could read two different calls, they are refused.

mod answer;
pub mod error;
mod head;
mod reader;
mod replayed;
mod request;
mod shape;
mod slots;
mod split;
mod stream;

pub use answer::{Answer, Choice, Rewrite};
pub use head::{DONE, StreamHead};
pub use reader::{ChunkPart, StreamReader, with_reason};
pub use request::Request;
pub use stream::Stream;

use crate::framing::Framing;
use crate::{AnswerError, ApiError, Dialect, RequestError, Target};

/// The dialect.
#[derive(Debug)]
pub struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn request(&self, _target: &Target<'_>, body: &[u8]) -> Result<Box<dyn crate::Request>, RequestError> {
        Ok(Box::new(Request::read(body)?))
    }

    fn answer(&self, _request: &dyn crate::Request, body: &[u8]) -> Result<Box<dyn crate::Answer>, AnswerError> {
        Ok(Box::new(Answer::read(body)?))
    }

    fn stream(&self, request: &dyn crate::Request) -> Box<dyn crate::Stream> {
        Box::new(Stream::new(request.include_usage()))
    }

    fn error(&self, error: &ApiError) -> Vec<u8> {
        error::body(error)
    }

    fn is_error(&self, body: &[u8]) -> bool {
        error::is_error_body(body)
    }
}
