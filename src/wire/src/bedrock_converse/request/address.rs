//! The path of a request: the model, and the wish for a stream.

use crate::target::decoded;
use crate::{RequestError, Target};

pub(super) const WHOLE: &str = "/converse";
pub(super) const STREAM: &str = "/converse-stream";
pub(super) const COUNT: &str = "/count-tokens";

/// Returns the model in the path. An id or ARN of a model has no other characters than letters, digits and `-_.:/`, so nobody can
/// decode it a second time to another one.
pub(super) fn model(target: &Target<'_>) -> Result<String, RequestError> {
    let is_id = |model: &String| {
        let may = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/');
        !model.is_empty() && model.bytes().all(may)
    };
    let end = [WHOLE, STREAM, COUNT].into_iter().find(|end| target.path.ends_with(end));
    let model = match target.model {
        Some(model) => decoded(model),
        None => target.between("/model/", end.unwrap_or(WHOLE)),
    };
    let expected = "the id or ARN of a model, in a path such as `/model/{modelId}/converse`";
    model.filter(|model| end.is_some() && is_id(model)).ok_or(RequestError::invalid("modelId", expected))
}

/// Returns true if a stored prompt stands in place of a model: `arn:aws:bedrock:REGION:ACCOUNT:prompt/ID`.
pub(super) fn is_prompt(model: &str) -> bool {
    model.contains(":prompt/")
}
