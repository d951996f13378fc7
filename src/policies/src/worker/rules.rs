//! One policy of any language.

use std::time::Duration;

use super::cedar::Cedar;
use super::rego::Rego;
use crate::message::{Fault, FileTexts, PolicyAnswer, PolicyFile, PolicyText};
use crate::place::place;

/// One loaded policy.
pub(super) enum Rules {
    Rego(Box<Rego>),
    Cedar(Box<Cedar>),
}

/// A fault of a policy, before its name is known.
pub(super) struct Flaw {
    pub(super) at: String,
    pub(super) reason: String,
}

// === impl Rules ===

impl Rules {
    pub(super) fn load(source: PolicyText) -> Result<Self, Fault> {
        let PolicyText { name, text, timeout_millis } = source;
        let loaded = match text {
            FileTexts::Rego { module, allow, data } => {
                let timeout = Duration::from_millis(timeout_millis);
                Rego::load(module, allow, data, timeout).map(|rego| Self::Rego(Box::new(rego)))
            }
            FileTexts::Cedar { policies, entities } => {
                Cedar::load(&policies, entities.as_ref()).map(|cedar| Self::Cedar(Box::new(cedar)))
            }
        };
        loaded.map_err(|Flaw { at, reason }| Fault { policy: name, at, reason })
    }

    pub(super) fn evaluate(&mut self, document: &str) -> PolicyAnswer {
        match self {
            Self::Rego(rego) => rego.evaluate(document),
            Self::Cedar(cedar) => cedar.evaluate(document),
        }
    }
}

// === impl Flaw ===

impl Flaw {
    /// A fault of a whole file.
    pub(super) fn of(file: &PolicyFile, reason: impl std::fmt::Display) -> Self {
        Self { at: file.path.clone(), reason: one_line(&reason.to_string()) }
    }

    /// A fault at a byte of a file.
    pub(super) fn at(file: &PolicyFile, offset: usize, reason: impl std::fmt::Display) -> Self {
        Self { at: place(&file.path, &file.text, offset), reason: one_line(&reason.to_string()) }
    }

    /// A fault at a line and a column of a file, both from 1.
    pub(super) fn in_line(file: &PolicyFile, line: usize, column: usize, reason: impl std::fmt::Display) -> Self {
        Self { at: format!("{}:{line}:{column}", file.path), reason: one_line(&reason.to_string()) }
    }

    /// Checks that a file is JSON.
    pub(super) fn unless_json(file: &PolicyFile) -> Result<(), Self> {
        serde_json::from_str::<serde::de::IgnoredAny>(&file.text).map(drop).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let reason = error.to_string();
            let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
            Self::in_line(file, line, column.max(1), format!("not JSON: {reason}"))
        })
    }
}

/// Joins the lines of an error.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
