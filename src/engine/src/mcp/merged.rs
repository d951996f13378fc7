//! An address without a server: the gate answers from the contract alone, and the executor runs every tool.
//!
//! The tools of many servers stand here under the contract's names, such as `github__search`. The list is whole also while a server is
//! down, because no server is asked for it. There are no sessions: a client of an older revision gets none, and each of its requests
//! stands for itself.

use callgate_contract::Caller;
use callgate_wire::mcp::{self, CALL_TOOL, DISCOVER, Era, INITIALIZE, Id, LIST_TOOLS, McpRequest};

use super::listed;
use crate::{Code, Gate, Refusal};

const PING: &str = "ping";

/// Returns true for the methods of a server that has tools alone.
pub(super) fn knows(method: &str) -> bool {
    [INITIALIZE, DISCOVER, PING, LIST_TOOLS, CALL_TOOL].contains(&method)
}

/// Answers a request that makes no call.
pub(super) fn answer(
    gate: &Gate,
    caller: &Caller,
    (id, era): (&Id, Era),
    request: &McpRequest,
) -> Result<Vec<u8>, Refusal> {
    let server = (gate.contract.name(), gate.contract.version());
    Ok(match request.envelope().method().unwrap_or_default() {
        INITIALIZE => {
            let Some(asked) = request.parameter("protocolVersion") else {
                let message = "An `initialize` names the revision of MCP that its client speaks.";
                return Err(Refusal::at(Code::RequestInvalid, "params.protocolVersion", message));
            };
            mcp::introduction(id, asked, server)
        }
        DISCOVER => mcp::discovery(id, server),
        LIST_TOOLS if request.parameter("cursor").is_some() => {
            let message = "This list has one page and no cursor; list the tools again without.";
            return Err(Refusal::at(Code::RequestInvalid, "params.cursor", message));
        }
        LIST_TOOLS => mcp::tools(id, &listed::listings(&listed::of_executor(gate, (caller, era))), era),
        _ => mcp::empty(id),
    })
}
