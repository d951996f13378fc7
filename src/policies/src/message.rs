//! The lines between the executor and a process that evaluates policies.
//!
//! The first line has all policies, and its answer says that they are loaded, or why not. Each further line asks one policy. Each line
//! is answered by one line.

use serde::{Deserialize, Serialize};

/// The policies, with the texts of their files.
pub(crate) type PolicyTexts = Vec<PolicyText>;

/// One policy.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PolicyText {
    pub(crate) name: String,
    pub(crate) text: FileTexts,
    /// The limit of one evaluation.
    pub(crate) timeout_millis: u64,
}

/// The files of one policy.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FileTexts {
    Rego { module: PolicyFile, allow: String, data: Option<PolicyFile> },
    Cedar { policies: PolicyFile, entities: Option<PolicyFile> },
}

/// One file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PolicyFile {
    /// Its path, for errors.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The answer to the first line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Loaded {
    Ready,
    Fault(Fault),
    /// This system cannot bound the memory of a process.
    Unbounded {
        reason: String,
    },
}

/// The first fault of the policies.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) policy: String,
    /// The file, with line and column if they are known.
    pub(crate) at: String,
    pub(crate) reason: String,
}

/// A question to the policy at `policy`. The document has the rest of the line.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) policy: usize,
    pub(crate) document: &'a str,
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PolicyAnswer {
    Allow,
    Deny,
    /// The evaluation met an error, or the language cannot express the input.
    Error,
    /// The evaluation did not end in time.
    Timeout,
}

// === impl Question ===

impl<'a> Question<'a> {
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.policy, self.document)
    }

    pub(crate) fn read(line: &'a str) -> Option<Self> {
        let (policy, document) = line.trim_end_matches('\n').split_once(' ')?;
        Some(Self { policy: policy.parse().ok()?, document })
    }
}
