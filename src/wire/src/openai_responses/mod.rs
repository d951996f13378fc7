//! OpenAI Responses: `POST /v1/responses`.
//!
//! Source: OpenAI's API reference, *Responses* (create, the response object, streaming events), the types of its own client
//! (`openai` 3.54, `types/responses`), and what servers that imitate it send: item ids that change from event to event, events
//! without `event:` line or `sequence_number`, a last event with an empty `output`, `[DONE]` after it. These are understood, for
//! they leave one reading; calls that differ between the events that repeat them are refused.
//!
//! Two things carry calls: `output` of the response, and events. A call is an item of the kind `function_call`; every other kind of
//! item that makes something run is told by the tool that makes it ([`kinds`]), and so accepted only if the request has that
//! tool. Calls of custom tools, and of functions in a namespace, are calls that no contract decides on: each is refused.
//!
//! Not covered: a conversation that goes on
//! by `previous_response_id` after a turn of which a call was refused or run here (the provider remembers the turn as it was).

mod answer;
mod error;
mod items;
mod kinds;
mod request;
mod stream;

use crate::framing::Framing;
use crate::skeleton::format::{ErrorFormat, Format, provider_tools};
use crate::{AnswerError, Request};
use answer::ResponsesAnswer;
use request::ResponsesRequest;
use stream::ResponsesStream;

/// The dialect.
#[derive(Debug)]
pub struct OpenAiResponses;

impl Format for OpenAiResponses {
    type Request = ResponsesRequest;
    type Answer = ResponsesAnswer;
    type Stream = ResponsesStream;

    const FRAMING: Framing = Framing::Sse;
    const ERRORS: ErrorFormat = ErrorFormat { body: error::body, is_error: error::is_error_body };

    fn read_answer(request: &dyn Request, body: &[u8]) -> Result<ResponsesAnswer, AnswerError> {
        ResponsesAnswer::read(body, &provider_tools(request))
    }

    fn begin_stream(request: &dyn Request) -> ResponsesStream {
        ResponsesStream::new(provider_tools(request))
    }
}
