//! Ollama: `POST /api/chat`.
//!
//! Source: Ollama's `docs/api.md` (*Generate a chat completion*), its server's types (`api/types.go`, `server/routes.go`) and its
//! official clients. The server is written in Go and reads keys in any case, so that a request is only read if it is spelled as
//! documented.
//!
//! A call comes whole in one line. Whether more of the turn follows, no line says before the last, and a message has one text and
//! one list of calls: so calls wait for the last line, whatever is held.
//!
//! Not covered: the API's other paths (`/api/generate` has no calls, the rest no turns), and log probabilities of calls in lines
//! that show other text.

mod answer;
mod error;
mod request;
mod shape;
mod stream;

use crate::framing::Framing;
use crate::skeleton::document::RequestFormat;
use crate::{AnswerError, ApiError, Dialect, RequestError, Target};

/// The dialect.
#[derive(Debug)]
pub struct Ollama;

impl Dialect for Ollama {
    fn framing(&self) -> Framing {
        Framing::JsonLines
    }

    fn request(&self, target: &Target<'_>, body: &[u8]) -> Result<Box<dyn crate::Request>, RequestError> {
        Ok(Box::new(request::OllamaRequest::read(target, body)?))
    }

    fn answer(&self, _request: &dyn crate::Request, body: &[u8]) -> Result<Box<dyn crate::Answer>, AnswerError> {
        Ok(Box::new(answer::Answer::read(body)?))
    }

    fn stream(&self, _request: &dyn crate::Request) -> Box<dyn crate::Stream> {
        Box::new(stream::Stream::default())
    }

    fn error(&self, error: &ApiError) -> Vec<u8> {
        error::body(error)
    }

    fn is_error(&self, body: &[u8]) -> bool {
        error::is_error_body(body)
    }
}
