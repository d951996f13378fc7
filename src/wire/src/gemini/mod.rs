//! Gemini: `POST …/models/{model}:generateContent`, `:streamGenerateContent?alt=sse` and `:countTokens`.
//!
//! Source: Google's *Gemini API* reference (`GenerateContentRequest`, `GenerateContentResponse`, `Content`, `Part`, `Tool`), its
//! page on thought signatures, and the types and stream reader of its own client (`google-genai`). Requests are proto3 JSON,
//! which spells each member in two ways: both are read ([`names`]). Servers write camel case, so in answers a call spelled
//! otherwise is refused.
//!
//! Not covered: streams without `alt=sse`, which are one JSON array; arguments that are streamed piece by piece (`partialArgs`);
//! tokens of a call in log probabilities that come in later events than the call.

mod answer;
mod error;
mod event;
mod names;
mod plain;
mod request;
mod shape;
mod stream;
mod turn;

pub(crate) use names::camel;

use crate::framing::Framing;
use crate::skeleton::document::RequestFormat;
use crate::{AnswerError, ApiError, Dialect, RequestError, Target};

/// The dialect.
#[derive(Debug)]
pub struct Gemini;

impl Dialect for Gemini {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn request(&self, target: &Target<'_>, body: &[u8]) -> Result<Box<dyn crate::Request>, RequestError> {
        Ok(Box::new(request::GeminiRequest::read(target, body)?))
    }

    fn answer(&self, request: &dyn crate::Request, body: &[u8]) -> Result<Box<dyn crate::Answer>, AnswerError> {
        Ok(Box::new(answer::Answer::read(body, &provider_tools(request))?))
    }

    fn stream(&self, request: &dyn crate::Request) -> Box<dyn crate::Stream> {
        Box::new(stream::Stream::new(provider_tools(request)))
    }

    fn error(&self, error: &ApiError) -> Vec<u8> {
        error::body(error)
    }

    fn is_error(&self, body: &[u8]) -> bool {
        error::is_error_body(body)
    }
}

fn provider_tools(request: &dyn crate::Request) -> Vec<String> {
    request.provider_tools().into_iter().map(str::to_owned).collect()
}
