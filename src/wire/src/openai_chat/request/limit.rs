//! The limit of output tokens, under the name known to the upstream.

use callgate_json::Span;

use crate::OutputLimit;
use crate::members::is_limit;
use crate::skeleton::document::Body;

const OLD: &str = "max_tokens";
const NEW: &str = "max_completion_tokens";

/// The choice of the limit's name.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) name: OutputLimit,
    wants_new: bool,
}

// === impl Limit ===

impl Limit {
    /// Chooses the name for this model. Azure has the model in its path and wants the new name.
    pub(super) fn new(model: &str, in_path: bool) -> Limit {
        Limit { name: OutputLimit::Auto, wants_new: in_path || wants_new(model) }
    }

    /// Sets a limit unless the request has one. A chosen name takes over the limit under the other name.
    pub(super) fn set(&self, body: &mut Body, max: u64) {
        let has = |body: &Body, name: &str| body.get(name).is_some();
        let (name, other) = match self.name {
            OutputLimit::MaxTokens => (OLD, NEW),
            OutputLimit::MaxCompletionTokens => (NEW, OLD),
            OutputLimit::Auto if is_limit(body.get(OLD)) || is_limit(body.get(NEW)) => return,
            OutputLimit::Auto if self.wants_new || has(body, NEW) => return body.set(NEW, max.to_string()),
            OutputLimit::Auto => return body.set(OLD, max.to_string()),
        };
        let limits = [name, other].map(|name| body.get(name).and_then(Span::count).filter(|limit| *limit > 0));
        let limit = limits.into_iter().flatten().min().unwrap_or(max);
        body.remove(other);
        body.set(name, limit.to_string());
    }
}

/// Returns true for OpenAI's reasoning models, which refuse `max_tokens`; `gpt-oss` runs at imitators.
fn wants_new(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or_default();
    let number =
        |text: &str| text.split(|letter: char| !letter.is_ascii_digit()).next().and_then(|text| text.parse().ok());
    let after = |prefix: &str| {
        let (start, rest) = name.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some(rest)
    };
    match (after("gpt-"), after("o")) {
        (Some(version), _) => number(version).is_some_and(|version: u32| version >= 5),
        (None, Some(version)) => number(version).is_some_and(|version: u32| version > 0),
        (None, None) => false,
    }
}
