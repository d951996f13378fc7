//! Amazon Bedrock: `POST /model/{modelId}/converse` and `POST /model/{modelId}/converse-stream`.
//!
//! Source: Amazon Bedrock API reference, *Converse* and *ConverseStream*, and the service model that the AWS SDKs are made
//! from (`bedrock-runtime`, 2023-09-30). Model and wish for a stream are in the path; streams are AWS event streams.
//!
//! **Who signs.** The gate changes requests (declarations become the contract's own, limits are lowered, a further round goes to
//! another path), and an AWS signature (SigV4) covers body and path, so the upstream would reject a request signed
//! by the application. Two ways work: applications use a Bedrock API key, which is a bearer token (`AWS_BEARER_TOKEN_BEDROCK`;
//! boto3 sends it only to an `https` endpoint, so Envoy has to have a certificate), or they sign with meaningless keys
//! and Envoy signs again behind the gate (`aws_request_signing` among the filters of the cluster, through which further rounds pass too).
//! Envoy must leave escaped slashes in paths alone (its default), because model ids that are ARNs have them.
//!
//! **Stored prompts.** A prompt of Prompt management as the model brings messages and tools unseen by the gate; it is
//! [state of the provider](crate::Request::server_state). The API takes no limit of output tokens next to one, so a contract
//! with such a limit keeps stored prompts out.
//!
//! **Fields of models.** The members of `additionalModelRequestFields` reach the model unchanged, tools of its own API included, so
//! all but the harmless ones are refused. Unknown members at the top or in `toolConfig` count
//! as [tools of the provider](crate::Request::provider_tools) by their names: they are refused unless the contract has them.

mod block;
pub mod error;
mod events;
mod request;
mod stream;
mod text_block;

pub use stream::{ConverseAnswer, ConverseStream};

use crate::framing::Framing;
use crate::skeleton::format::{ErrorFormat, Format};
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

    fn read_answer(request: &dyn Request, body: &[u8]) -> Result<ConverseAnswer, AnswerError> {
        ConverseAnswer::read(&request.provider_tools(), body)
    }

    fn begin_stream(request: &dyn Request) -> ConverseStream {
        ConverseStream::new(&request.provider_tools())
    }
}
