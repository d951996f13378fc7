//! OpenAI Responses: `POST /v1/responses`, `/v1/responses/input_tokens` and `/v1/responses/compact`.
//!
//! Source: OpenAI's API reference, *Responses* (create, the response object, streaming events), the types of its own client
//! (`openai` 3.54, `types/responses`), and the answers of imitating servers: item ids may change from event to event, events may
//! lack the `event:` line or `sequence_number`, a last event may have an empty `output`, `[DONE]` may follow. These are read,
//! because they are unambiguous. Calls with different repetitions in several events are refused.
//!
//! Two places carry calls: `output` of the response, and events. A call is an item of the kind `function_call`, `custom_tool_call`,
//! or of a tool that the API defines and the client runs ([`kinds`]). Every other kind of item that makes something run belongs to a
//! tool of the provider, so it is accepted only if the request has the tool.
//!
//! A tool of a namespace has the name `NAMESPACE__NAME` in a contract ([`crate::name_in_contract`]). The text of a custom call is
//! judged as `{"input": TEXT}`, a call of the API's own tools by the members of its action.
//!
//! Not covered: a conversation continued by `previous_response_id` after a turn with a call refused or run here (the provider
//! remembers the turn as it was).

mod answer;
mod call_items;
mod error;
mod items;
mod kinds;
mod request;
mod results;
mod stream;
mod usage;

use callgate_json::Outline;

use crate::framing::Framing;
use crate::skeleton::format::{ErrorFormat, Format, TurnMember, provider_tools};
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
    const TURN: TurnMember = TurnMember::List("output");

    fn read_answer(request: &dyn Request, body: Outline<'_>) -> Result<ResponsesAnswer, AnswerError> {
        ResponsesAnswer::of(body, &provider_tools(request))
    }

    fn begin_stream(request: &dyn Request) -> ResponsesStream {
        ResponsesStream::new(provider_tools(request))
    }
}
