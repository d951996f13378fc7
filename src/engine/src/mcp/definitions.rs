//! The server's own definitions of tools, compared with those that were reviewed. Clients get the contract's words, so another definition
//! is reported and not refused: the tool may do something else now.

use callgate_contract::{Code as CallCode, definition_digest};
use callgate_json::Value;
use callgate_wire::mcp::{Envelope, McpAnswer};

use super::methods::Answered;
use super::{Expected, SentMessage};
use crate::ledger::{Ledger, Ruling};
use crate::{Gate, Tally};

/// The maximum tools that one list reports.
const MOST: usize = 64;

/// Reports each tool of a list whose definition is not the reviewed one: in the audit log, and as a rule that is not enforced.
pub(crate) fn report(gate: &Gate, sent: &SentMessage, answer: &McpAnswer, tally: &mut Tally, ledger: &mut Ledger) {
    let SentMessage::Request { id, caller, expected: Expected::Answer { answered: Answered::Tools, .. }, .. } = sent
    else {
        return;
    };
    if !matches!(answer.envelope(), Envelope::Result { id: answered } if answered == id) {
        return;
    }
    let mut reported: Vec<&str> = Vec::new();
    for defined in answer.defined_tools() {
        let name = defined.get("name").and_then(Value::as_str).unwrap_or_default();
        let Some(tool) = gate.contract.tool(name) else { continue };
        let Some(digest) = tool.definition() else { continue };
        if reported.len() < MOST && !reported.contains(&name) && definition_digest(defined) != digest {
            reported.push(name);
            tally.shadowed.push(CallCode::DefinitionChanged);
            let ruling = Ruling::Shadow { code: CallCode::DefinitionChanged, pointer: String::new() };
            ledger.write_declaration(gate, caller, name, ruling);
        }
    }
}
