//! Advice on the rules about sources: what a contract lacks, and rules that let too much or nothing through.
//!
//! The advice comes from names and schemas alone. It is a start for a person, who knows what the tools do.

mod guess;
mod kinds;
mod names;
mod rules;
mod stanzas;
mod strings;

use crate::model::Contract;

pub use guess::{Guess, Hints, guess, guess_trust};
pub use kinds::{MarkGuess, guess_marks};

/// A piece of advice on one tool, or on the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The tool; empty for advice on the contract.
    pub tool: String,
    /// The tool's position in `spec.tools`; `None` for advice on the contract.
    pub position: Option<usize>,
    /// True if the contract has a rule that does not do what it seems to.
    pub is_warning: bool,
    /// One sentence.
    pub message: String,
    /// A finished field for the tool, in YAML; empty if there is nothing to add.
    pub stanza: String,
}

/// Returns the advice on a contract: for each tool first the warnings about its rules, then the rules that it lacks; at last the advice on
/// the contract.
#[must_use]
pub fn advice(contract: &Contract) -> Vec<Advice> {
    let mut found = Vec::new();
    for (position, tool) in contract.tools().iter().enumerate() {
        let warnings = rules::warnings(contract, tool).into_iter().map(|message| (true, message, String::new()));
        let unmarked = kinds::unmarked(contract, tool).into_iter().map(|message| (true, message, String::new()));
        let lacks = stanzas::missing(contract, tool).into_iter().map(|(message, stanza)| (false, message, stanza));
        found.extend(warnings.chain(unmarked).chain(lacks).map(|(is_warning, message, stanza)| Advice {
            tool: tool.name().to_owned(),
            position: Some(position),
            is_warning,
            message,
            stanza,
        }));
    }
    found.extend(kinds::unjudged(contract).map(|message| Advice {
        tool: String::new(),
        position: None,
        is_warning: false,
        message,
        stanza: String::new(),
    }));
    found
}
