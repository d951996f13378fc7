//! `spec.mcp`: the rules for MCP servers alone.

use super::fields::{Fields, Located, Report};
use crate::mcp::McpPolicy;

const WORDS: [(&str, bool); 2] = [("refuse", false), ("allow", true)];

/// Reads the requests a server may make of a client.
pub(super) fn policy(item: &Located<'_>, report: &mut Report<'_>) -> Option<McpPolicy> {
    let fields = Fields::open(item, &["elicitation", "sampling", "roots"], &[], report)?;
    let mut may = |name| fields.get(name).map_or(Some(false), |item| item.word(&WORDS, report));
    let (elicitation, sampling, roots) = (may("elicitation"), may("sampling"), may("roots"));
    Some(McpPolicy { elicitation: elicitation?, sampling: sampling?, roots: roots? })
}
