//! A contract set: a file that lists several contracts, each with the requests that get it.
//!
//! The command `callgate` reads it to check and render all of them; the executor reads it for the list of contracts. Files are relative
//! to the set's own.

use crate::error::{Diagnostic, Errors};
use crate::read::contract_set;
use crate::source;

/// The requests that get a contract. An absent field matches every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContractMatch {
    /// The caller's tenant, byte for byte.
    pub tenant: Option<String>,
    /// The caller's role, byte for byte.
    pub role: Option<String>,
    /// The host of the request, without its port and in any case.
    pub host: Option<String>,
    /// The first segments of the path. `/team-a` matches `/team-a` and `/team-a/v1`, and not `/team-ab`.
    pub path_prefix: Option<String>,
}

/// A contract of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetEntry {
    /// At least one; a request must fit one of them.
    pub matches: Vec<ContractMatch>,
    /// The contract's file.
    pub contract: String,
    /// The file of a contract that decides too and enforces nothing.
    pub candidate: Option<String>,
    /// Its line in the set's file.
    pub line: u32,
}

/// Reads a contract set from YAML or JSON text; `None` if the text is of another `kind`, such as a contract.
///
/// # Errors
/// Every fault, with line and column.
pub fn read_set(file: &str, text: &str) -> Result<Option<Vec<SetEntry>>, Errors> {
    // A text that cannot be read has no kind. Whoever reads it as a contract reports its faults.
    let Ok(document) = source::read(file, text) else { return Ok(None) };
    if document.get("kind").and_then(source::node::Node::text) != Some(contract_set::KIND) {
        return Ok(None);
    }
    let mut found: Vec<Diagnostic> = Vec::new();
    let entries = contract_set::read(&document, &mut found);
    match entries.filter(|_| found.is_empty()) {
        Some(entries) => Ok(Some(entries)),
        None => Err(Errors::new(found, file)),
    }
}
