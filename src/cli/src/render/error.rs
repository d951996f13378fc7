//! Reasons why a configuration cannot be rendered.

use std::borrow::Cow;

use crate::contracts::ContractsError;
use crate::disk::FileError;

/// The reason why a configuration cannot be rendered from this contract and these options.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{option} {given:?}: expected {expected}, for example {example}")]
    Option { option: &'static str, given: String, expected: Cow<'static, str>, example: &'static str },
    #[error("missing {option}; {because} needs it")]
    Missing { option: &'static str, because: &'static str },
    #[error(
        "no contract is for the MCP server `{name}`; write a contract set with an entry `match: {{ pathPrefix: {path} }}`, because tools of two servers may have one name"
    )]
    Unmatched { name: String, path: String },
    #[error("{option} has no effect with {because}; leave it out")]
    Useless { option: &'static str, because: &'static str },
    #[error(
        "{carrier} would round the integer {number} at {pointer} to a double, and the digest would change; {instead}"
    )]
    Rounded { carrier: &'static str, number: String, pointer: String, instead: &'static str },
    #[error("the filter would refuse this configuration: {0}")]
    Gate(callgate_engine::GateError),
    #[error(transparent)]
    Contracts(#[from] ContractsError),
    #[error(transparent)]
    NotYaml(#[from] crate::document::NotYaml),
    #[error("{file}:{line}: {reason}")]
    Clients { file: String, line: usize, reason: String },
    #[error("{file}:{line}: {reason}")]
    Providers { file: String, line: usize, reason: String },
    #[error("broken template ({0}); please report this")]
    Template(#[from] minijinja::Error),
    #[error("the contract's canonical text cannot be read again ({0}); please report this")]
    Contract(#[from] serde_json::Error),
}

// === impl RenderError ===

impl RenderError {
    /// Makes the error of a file with clients.
    pub(super) fn clients(file: &std::path::Path, line: usize, reason: String) -> Self {
        Self::Clients { file: file.display().to_string(), line, reason }
    }

    /// Makes the error of an option with a wrong value.
    pub(super) fn option(
        option: &'static str,
        given: &str,
        expected: impl Into<Cow<'static, str>>,
        example: &'static str,
    ) -> Self {
        Self::Option { option, given: given.to_owned(), expected: expected.into(), example }
    }
}
