//! Amazon Bedrock: `POST /model/{modelId}/converse` and `POST /model/{modelId}/converse-stream`.
//!
//! Source: Amazon Bedrock API reference, *Converse* and *ConverseStream*, and the service model of the AWS SDKs
//! (`bedrock-runtime`, 2023-09-30). The path has the model and the wish for a stream; streams are AWS event streams.
//!
//! **Signatures.** The gate changes requests: declarations become the contract's own, limits are lowered, a further round has
//! another path. An AWS signature (SigV4) covers body and path, so the upstream rejects a request the application signed. Two
//! ways work. Either applications use a Bedrock API key, which is a bearer token (`AWS_BEARER_TOKEN_BEDROCK`; boto3 sends it only
//! to an `https` endpoint, so Envoy needs a certificate). Or they sign with keys without meaning, and Envoy signs again behind
//! the gate (`aws_request_signing` among the filters of the cluster, which further rounds pass too). Envoy must leave escaped
//! slashes in paths alone (its default), because ARNs as model ids have them.
//!
//! **Stored prompts.** If the model is a prompt of Prompt management, it brings messages and tools the gate does not see; it is
//! [state of the provider](crate::Request::server_state). The API takes no limit of output tokens beside one, so a contract with
//! such a limit keeps stored prompts out.
//!
//! **Fields of models.** `additionalModelRequestFields` reaches the model unchanged, tools of its own API included, so a field is
//! refused unless it is known to be harmless. Unknown members at the top or in `toolConfig` count as [tools of the
//! provider](crate::Request::provider_tools) by their names: they are refused unless the contract has them.

mod block;
pub mod error;
mod events;
mod request;
mod stream;
mod text_block;
mod usage;

pub use stream::{ConverseAnswer, ConverseStream};

use callgate_json::Outline;

use crate::framing::Framing;
use crate::skeleton::format::{ErrorFormat, Format, TurnMember};
use crate::{AnswerError, Request};
use request::ConverseRequest;

/// The dialect.
#[derive(Debug)]
pub struct BedrockConverse;

impl Format for BedrockConverse {
    type Request = ConverseRequest;
    type Answer = ConverseAnswer;
    type Stream = ConverseStream;

    const FRAMING: Framing = Framing::EventStream;
    const ERRORS: ErrorFormat = ErrorFormat { body: error::body, is_error: error::is_error_body };
    const TURN: TurnMember = TurnMember::Object("output");

    fn read_answer(request: &dyn Request, body: Outline<'_>) -> Result<ConverseAnswer, AnswerError> {
        ConverseAnswer::of(&request.provider_tools(), body)
    }

    fn begin_stream(request: &dyn Request) -> ConverseStream {
        ConverseStream::new(&request.provider_tools())
    }
}
