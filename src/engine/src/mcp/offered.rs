//! A server's tools for a client's list, in the contract's words.

use std::borrow::Cow;

use callgate_contract::{Caller, Effects, Run};
use callgate_wire::Declaration;
use callgate_wire::mcp::{Era, Hints, Listing};

use crate::Gate;

/// Returns a tool of the server as the contract declares it, if the server runs it and the role may use it.
///
/// It has a `result` only if the server promises a structured result too: clients then insist on one.
pub(super) fn offer<'g>(
    gate: &'g Gate,
    (caller, era): (&Caller, Era),
    name: &str,
    structured: bool,
) -> Option<OfferedTool<'g>> {
    let tool = gate.contract.permit(gate.contract.role(&caller.role), name).ok()?;
    let declaration = gate.declaration(tool, name).filter(|_| matches!(tool.run(), Run::Client))?;
    // Before 2026-07-28 a structured result is an object.
    let fits = |schema: &&callgate_json::Value| {
        era == Era::Stateless || schema.get("type").is_some_and(|kind| kind == "object")
    };
    let hints = match tool.effects() {
        Effects::Read => Hints { read_only: true, destructive: false },
        // A `write` need not add only, which is what a client would read from `destructiveHint: false`.
        Effects::Write | Effects::Destructive => Hints { read_only: false, destructive: true },
    };
    Some(OfferedTool { declaration, result: tool.result().filter(fits).filter(|_| structured), hints })
}

/// A tool for the client's list.
pub(super) struct OfferedTool<'g> {
    declaration: Cow<'g, Declaration>,
    result: Option<&'g callgate_json::Value>,
    hints: Hints,
}

// === impl OfferedTool ===

impl OfferedTool<'_> {
    pub(super) fn listing(&self) -> Listing<'_> {
        Listing { declaration: &self.declaration, result: self.result, hints: self.hints }
    }

    /// Returns the bytes of a declaration that is a copy of a glob's.
    pub(super) fn copied_bytes(&self) -> usize {
        match &self.declaration {
            Cow::Borrowed(_) => 0,
            Cow::Owned(declaration) => declaration.size(),
        }
    }
}
