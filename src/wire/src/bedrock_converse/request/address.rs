//! The path of a request: which model, and whether a stream is wanted.

use crate::target::decoded;
use crate::{RequestError, Target};

const BEFORE: &str = "/model/";
const WHOLE: &str = "/converse";
const STREAM: &str = "/converse-stream";

/// Where a request came to, and where it is to go.
#[derive(Debug, Clone)]
pub(super) struct Address {
    path: String,
    query: String,
    model: String,
    changed: bool,
}

// === impl Address ===

impl Address {
    /// Reads the path. An id or ARN of a model has no other characters than letters, digits and `-_.:/`, so that nobody can
    /// decode it a second time to another one.
    pub(super) fn read(target: &Target<'_>) -> Result<Address, RequestError> {
        let is_id = |model: &String| {
            let may = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/');
            !model.is_empty() && model.bytes().all(may)
        };
        let ends = target.path.ends_with(WHOLE) || target.path.ends_with(STREAM);
        let model = match target.model {
            Some(model) => decoded(model),
            None => target.between(BEFORE, WHOLE),
        };
        let model = model.filter(|model| ends && is_id(model));
        let model = model.ok_or(RequestError::Invalid {
            param: "modelId",
            expected: "the id or ARN of a model, in a path such as `/model/{modelId}/converse`",
        })?;
        let (path, query) = (target.path.to_owned(), target.query.to_owned());
        Ok(Address { path, query, model, changed: false })
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    pub(super) fn streams(&self) -> bool {
        self.path.ends_with(STREAM)
    }

    pub(super) fn answer_whole(&mut self) {
        if let Some(before) = self.path.strip_suffix(STREAM) {
            self.path = format!("{before}{WHOLE}");
            self.changed = true;
        }
    }

    /// Path and query, where they are not those that were read.
    pub(super) fn changed(&self) -> Option<String> {
        let separator = if self.query.is_empty() { "" } else { "?" };
        self.changed.then(|| format!("{}{separator}{}", self.path, self.query))
    }
}

/// Whether what stands for a model is a stored prompt: `arn:aws:bedrock:REGION:ACCOUNT:prompt/ID`.
pub(super) fn is_prompt(model: &str) -> bool {
    model.contains(":prompt/")
}
