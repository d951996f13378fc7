//! Reasons why a configuration cannot be rendered.

use std::borrow::Cow;

use crate::disk::FileError;

/// Why a configuration cannot be rendered from this contract and these options.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{option} {given:?}: expected {expected}, for example {example}")]
    Option { option: &'static str, given: String, expected: Cow<'static, str>, example: &'static str },
    #[error("{option} is needed with {because}")]
    Missing { option: &'static str, because: &'static str },
    #[error("{option} has no use with {because}")]
    Useless { option: &'static str, because: &'static str },
    #[error(
        "the contract cannot go into a WasmPlugin: the integer {number} at {pointer} would be rounded to a double on its \
         way, and the digest would change; use --form envoyfilter"
    )]
    Rounded { number: String, pointer: String },
    #[error("the filter would refuse this configuration: {0}")]
    Gate(callgate_engine::GateError),
    #[error("a template is wrong; please report this: {0}")]
    Template(#[from] minijinja::Error),
    #[error("the contract's canonical text cannot be read again; please report this: {0}")]
    Contract(#[from] serde_json::Error),
}

// === impl RenderError ===

impl RenderError {
    /// The error of an option that has another value than it takes.
    pub(super) fn option(
        option: &'static str,
        given: &str,
        expected: impl Into<Cow<'static, str>>,
        example: &'static str,
    ) -> Self {
        Self::Option { option, given: given.to_owned(), expected: expected.into(), example }
    }
}
