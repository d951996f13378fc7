//! The tools in a client's list, in the contract's words: those of the server, and those that the executor runs.

use std::borrow::Cow;
use std::collections::HashSet;

use callgate_contract::{Caller, Effects, Run, Tool};
use callgate_wire::Declaration;
use callgate_wire::mcp::{Era, Hints, Listing, McpAnswer};

use super::answer::{invalid, misshapen};
use crate::{Gate, Refusal};

/// A tool for the client's list.
pub(super) struct OfferedTool<'g> {
    declaration: Cow<'g, Declaration>,
    result: Option<&'g callgate_json::Value>,
    hints: Hints,
}

/// Cuts a server's list to the contract and the role, and adds the tools that the executor runs to its last page.
///
/// In shadow mode the client sees every tool of the server, and a list that cannot be read stays as it came.
pub(super) fn of_server(gate: &Gate, (caller, era): (&Caller, Era), answer: &mut McpAnswer) -> Result<(), Refusal> {
    let listed = match answer.listed() {
        Err(_) if !gate.contract.enforces() => return Ok(()),
        listed => listed.map_err(misshapen)?,
    };
    let mut added = if answer.is_last_page() { of_executor(gate, (caller, era)) } else { Vec::new() };
    if !gate.contract.enforces() {
        added.retain(|tool| listed.iter().all(|listed| listed.name != tool.declaration.name()));
        return answer.add_tools(&listings(&added)).map_err(misshapen);
    }
    let mut seen = HashSet::new();
    let mut offered: Vec<OfferedTool<'_>> = listed
        .iter()
        .filter(|tool| seen.insert(tool.name.as_str()))
        .filter_map(|listed| offer(gate, (caller, era), &listed.name, listed.structured))
        .collect();
    // One schema of a glob is written for each of its names.
    let bytes = offered.iter().fold(0usize, |sum, tool| sum.saturating_add(tool.copied_bytes()));
    if u64::try_from(bytes).unwrap_or(u64::MAX) > gate.contract.limits().response_bytes {
        return Err(invalid("lists more tools under a glob than `limits.responseBytes` has room for"));
    }
    offered.append(&mut added);
    answer.list(&listings(&offered), era);
    Ok(())
}

/// Returns the tools that the executor runs and the role may use, in the order of the contract. Globs are never the executor's.
pub(super) fn of_executor<'g>(gate: &'g Gate, (caller, era): (&Caller, Era)) -> Vec<OfferedTool<'g>> {
    let Some(role) = gate.contract.role(&caller.role) else { return Vec::new() };
    let run = role.tools(&gate.contract).filter(|tool| !matches!(tool.run(), Run::Client));
    run.filter_map(|tool| {
        let declaration = gate.declaration(tool, tool.name())?;
        Some(OfferedTool { declaration, result: structure(tool, era), hints: hints(tool) })
    })
    .collect()
}

/// Returns the schema of a tool's results, if a result of it can be structured. Before 2026-07-28 a structured result is an object.
pub(super) fn structure(tool: &Tool, era: Era) -> Option<&callgate_json::Value> {
    let is_fit = |schema: &&callgate_json::Value| {
        era == Era::Stateless || schema.get("type").is_some_and(|kind| kind == "object")
    };
    tool.result().filter(is_fit)
}

/// Returns the tools as they are written.
pub(super) fn listings<'o>(tools: &'o [OfferedTool<'_>]) -> Vec<Listing<'o>> {
    tools.iter().map(OfferedTool::listing).collect()
}

/// Returns a tool of the server as the contract declares it, if the server runs it and the role may use it.
///
/// It has a `result` only if the server promises a structured result too: clients then insist on one.
fn offer<'g>(gate: &'g Gate, (caller, era): (&Caller, Era), name: &str, structured: bool) -> Option<OfferedTool<'g>> {
    let tool = gate.contract.permit(gate.contract.role(&caller.role), name).ok()?;
    let declaration = gate.declaration(tool, name).filter(|_| matches!(tool.run(), Run::Client))?;
    Some(OfferedTool { declaration, result: structure(tool, era).filter(|_| structured), hints: hints(tool) })
}

fn hints(tool: &Tool) -> Hints {
    match tool.effects() {
        Effects::Read => Hints { read_only: true, destructive: false },
        // A `write` need not add only, which is what a client would read from `destructiveHint: false`.
        Effects::Write | Effects::Destructive => Hints { read_only: false, destructive: true },
    }
}

// === impl OfferedTool ===

impl OfferedTool<'_> {
    fn listing(&self) -> Listing<'_> {
        Listing { declaration: &self.declaration, result: self.result, hints: self.hints }
    }

    /// Returns the bytes of a declaration that is a copy of a glob's.
    fn copied_bytes(&self) -> usize {
        match &self.declaration {
            Cow::Borrowed(_) => 0,
            Cow::Owned(declaration) => declaration.size(),
        }
    }
}
