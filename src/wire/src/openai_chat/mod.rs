//! OpenAI Chat Completions: `POST /v1/chat/completions`.
//!
//! Source: OpenAI's API reference, *Chat Completions* (create, object, chunk object), and what servers that imitate it send.
//! If those differ from the reference without ambiguity (no `index`, no `id`, a name in every fragment, a finish reason beside each
//! call, arguments as an object), the calls are read. If two clients could read two different calls, the call is refused.

mod answer;
mod calls;
mod choice;
pub mod error;
mod head;
mod merged;
mod message;
mod reader;
mod replayed;
mod request;
mod said;
mod shape;
mod slots;
mod split;
mod stream;

pub use answer::{Answer, Choice, Rewrite};
pub use head::{DONE, StreamHead, with_reason};
pub use stream::Stream;

use crate::framing::Framing;
use crate::skeleton::document::RequestFormat;
use crate::{AnswerError, ApiError, Dialect, RequestError, Target};

/// The dialect.
#[derive(Debug)]
pub struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn request(&self, target: &Target<'_>, body: &[u8]) -> Result<Box<dyn crate::Request>, RequestError> {
        Ok(Box::new(request::ChatRequest::read(target, body)?))
    }

    fn answer(&self, request: &dyn crate::Request, body: &[u8]) -> Result<Box<dyn crate::Answer>, AnswerError> {
        Ok(Box::new(if request.choices() == 1 { Answer::read_one(body)? } else { Answer::read(body)? }))
    }

    fn stream(&self, request: &dyn crate::Request) -> Box<dyn crate::Stream> {
        Box::new(Stream::new(request.include_usage(), request.choices()))
    }

    fn error(&self, error: &ApiError) -> Vec<u8> {
        error::body(error)
    }

    fn is_error(&self, body: &[u8]) -> bool {
        error::is_error_body(body)
    }
}
