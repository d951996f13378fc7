//! Gemini: `POST …/models/{model}:generateContent`, `:streamGenerateContent?alt=sse` and `:countTokens`.
//!
//! Source: Google's *Gemini API* reference (`GenerateContentRequest`, `GenerateContentResponse`, `Content`, `Part`, `Tool`), its
//! page on thought signatures, and the types and stream reader of its own client (`google-genai`). Requests are proto3 JSON with
//! two spellings of each member; both are read ([`names`]). Servers write camel case, so a call of another spelling in an answer
//! is refused.
//!
//! Arguments in pieces (`partialArgs`) are put together, and the call is released whole.
//!
//! Not covered: streams without `alt=sse`, which are one JSON array; tokens of a call in log probabilities of later events than the
//! call.

mod answer;
mod error;
mod event;
mod message;
mod names;
mod pieces;
mod request;
mod stream;
mod text_event;
mod turn;
mod usage;

pub(crate) use names::camel;

use callgate_json::Outline;

use crate::framing::Framing;
use crate::skeleton::format::{ErrorFormat, Format, TurnMember, provider_tools};
use crate::{AnswerError, Request};
use answer::GeminiAnswer;
use request::GeminiRequest;
use stream::GeminiStream;

/// The dialect.
#[derive(Debug)]
pub struct Gemini;

impl Format for Gemini {
    type Request = GeminiRequest;
    type Answer = GeminiAnswer;
    type Stream = GeminiStream;

    const FRAMING: Framing = Framing::Sse;
    const ERRORS: ErrorFormat = ErrorFormat { body: error::body, is_error: error::is_error_body };
    const TURN: TurnMember = TurnMember::List("candidates");

    fn read_answer(request: &dyn Request, body: Outline<'_>) -> Result<GeminiAnswer, AnswerError> {
        GeminiAnswer::of(body, &provider_tools(request))
    }

    fn begin_stream(request: &dyn Request) -> GeminiStream {
        GeminiStream::new(provider_tools(request))
    }
}
