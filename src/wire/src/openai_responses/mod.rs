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
use crate::skeleton::document::RequestFormat;
use crate::{AnswerError, ApiError, Dialect, RequestError, Target};

/// The dialect.
#[derive(Debug)]
pub struct OpenAiResponses;

impl Dialect for OpenAiResponses {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn request(&self, target: &Target<'_>, body: &[u8]) -> Result<Box<dyn crate::Request>, RequestError> {
        Ok(Box::new(request::ResponsesRequest::read(target, body)?))
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
