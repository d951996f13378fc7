//! A message agrees with the headers that name its way of MCP, and its client offers a server only what the contract allows.

use callgate_wire::mcp::McpRequest;

use super::answer::may_ask;
use super::methods::{self, Answered, Method};
use super::request::forbidden;
use super::routing::{RoutingHeaders, mismatch};
use super::tasks;
use crate::request::unreadable;
use crate::{Code, Gate, Refusal, Tally};

/// Checks that a message belongs to the way of MCP that its headers name, and withholds what a server must not use of its client.
pub(super) fn agree(
    gate: &Gate,
    routing: Option<&RoutingHeaders>,
    row: Option<Method>,
    request: &mut McpRequest,
    tally: &mut Tally,
) -> Result<(), Refusal> {
    let withheld = || if gate.contract.enforces() { methods::withheld(gate.contract.mcp()) } else { Vec::new() };
    let Some(routing) = routing else {
        if request.states_itself() {
            return Err(mismatch("mcp-protocol-version", "is not the revision that the body is written for"));
        }
        if row.is_some_and(|row| row.answered == Answered::Introduction) {
            request.withhold_capabilities(&withheld());
        }
        return Ok(());
    };
    let stated = request.stated().map_err(unreadable)?;
    let method = request.envelope().method().unwrap_or_default();
    let Some(row) = row else { return Err(forbidden(method)) };
    routing.check(stated, method, row, request)?;
    if !row.takes_inputs() && request.is_retry() {
        let message = "Only `tools/call`, `prompts/get` and `resources/read` are repeated with inputs, and `tasks/update` has some.";
        return Err(Refusal::at(Code::RequestInvalid, "params.inputResponses", message));
    }
    for input in request.inputs().map_err(unreadable)? {
        if !may_ask(gate, input, tally) {
            let message =
                format!("No server may ask this client for `{}`, so it takes no answer to it.", input.method());
            return Err(Refusal::at(Code::McpInputForbidden, "params.inputResponses", message));
        }
    }
    request.withhold_stated(&withheld(), tasks::are_on(gate));
    Ok(())
}
