//! The contract's view of a tool's results: their format, and the trust in their places.

use std::sync::Arc;

use crate::Place;
use crate::scalars::Step;

/// The format of a tool's results. It is declared and never guessed: the author of a web page or a file could otherwise write fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultFormat {
    /// Strict JSON.
    Json,
    /// A strict subset of YAML: one document without tags, anchors, aliases, merge keys and duplicate keys.
    Yaml,
    /// A list of lines, without empty ones.
    Lines,
    /// One text.
    Text,
}

/// The trust in a value of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// No outsider writes it.
    Trusted,
    /// A system recorded it as a whole value, and an outsider chose it: a sender, a payee, a participant.
    Attributed,
    /// An outsider may have written it.
    Untrusted,
}

/// A rule on the places of a tool's results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Extent {
    /// No place.
    #[default]
    Nowhere,
    /// Every place.
    Everywhere,
    /// These places. A place stands for the values at it, and not for the values inside of them.
    Places(Vec<Place>),
}

/// The contract's view of a tool's results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolOutput {
    /// The format of their texts. Without one, structured content is JSON and a text is [`ResultFormat::Text`].
    pub format: Option<ResultFormat>,
    /// True if a text is JSON at first, as the executor's results are. A string in it then has the format.
    pub is_json_first: bool,
    /// The places that no outsider writes.
    pub trusted: Extent,
    /// The places of values that a system records and an outsider chooses.
    pub attributed: Extent,
    /// The places of values that must not leave the organisation.
    pub confidential: Extent,
}

/// The contract's view of the tools in a conversation.
pub trait Outputs {
    /// Returns the view of a tool's results, and `None` for a tool outside of the contract.
    fn output(&self, tool: &str) -> Option<Arc<ToolOutput>>;

    /// Returns the name under which the contract has a tool: its own, or a glob's.
    fn entry<'a>(&'a self, tool: &'a str) -> &'a str {
        tool
    }

    /// Returns false if the text of users is as untrusted as that of outsiders.
    fn trusts_users(&self) -> bool {
        true
    }
}

// === impl Extent ===

impl Extent {
    pub(crate) fn covers(&self, path: &[Step], is_name: bool) -> bool {
        match self {
            Extent::Nowhere => false,
            Extent::Everywhere => true,
            Extent::Places(places) => places.iter().any(|place| place.leads_to(path, is_name)),
        }
    }
}

// === impl ToolOutput ===

impl ToolOutput {
    /// Returns true if no outsider writes any of it.
    pub(crate) fn trusts_all(&self) -> bool {
        self.trusted == Extent::Everywhere
    }

    /// Returns the trust in the value at a path.
    pub(crate) fn trust(&self, path: &[Step], is_name: bool) -> Trust {
        // A place that is listed twice is the less trusted of both.
        if self.attributed.covers(path, is_name) {
            Trust::Attributed
        } else if self.trusted.covers(path, is_name) {
            Trust::Trusted
        } else {
            Trust::Untrusted
        }
    }
}
