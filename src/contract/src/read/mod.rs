//! From the tree to the model: every field is known, every fault is found.

mod claims;
mod commands;
mod conditions;
pub(crate) mod contract_set;
mod conversation;
mod fields;
mod limits;
mod mcp_rules;
mod prices;
mod profiles;
mod provider_tools;
mod results;
mod roles;
mod run;
pub(crate) mod sources;
mod spec;
mod tools;
pub(crate) mod units;

use fields::{Located, Report};

use crate::error::Diagnostic;
use crate::model::Contract;
use crate::pool::Parts;
use crate::source::node::Node;

/// Reads a document whose files are inlined. The digest and the canonical text are left empty.
pub(crate) fn contract(document: &Node, parts: &mut Parts, found: &mut Vec<Diagnostic>) -> Option<Contract> {
    let mut report = Report::new(found);
    let contract = spec::contract(&Located { node: document, path: String::new() }, parts, &mut report)?;
    Some(Contract { notes: report.into_notes(), ..contract })
}
