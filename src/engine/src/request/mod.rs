//! A request: checked against the contract, then rewritten.

mod tools;

use callgate_contract::{Caller, Contract, Run, ServerState, UnknownMembers};
use callgate_json::printable;
use callgate_wire::{Dialect, Hold, Request, RequestError, Target, Wants};

use crate::head::ApiHead;
use crate::ledger::Ledger;
use crate::tally::Tally;
use crate::{Code, Gate, Refusal};

/// A request that was found allowed, in the form in which it is forwarded.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) request: Box<dyn Request>,
    pub(crate) caller: Caller,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Until when the calls of a turn are held.
    pub(crate) hold: Hold,
    /// The round under way, counted from 1.
    pub(crate) round: u32,
}

// === impl Asked ===

impl Asked {
    /// Refuses an answer of more choices than were asked for: what becomes of a turn depends on how many there are.
    pub(crate) fn check_choices(&self, came: usize) -> Result<(), Refusal> {
        if u64::try_from(came).unwrap_or(u64::MAX) <= self.request.choices() {
            return Ok(());
        }
        let message = "The model's API answered with more choices than were asked for.";
        Err(Refusal::new(Code::UpstreamInvalid, message))
    }
}

/// Checks and rewrites. The order is DESIGN §5's.
pub(crate) fn check(
    gate: &Gate,
    head: ApiHead,
    body: &[u8],
    tally: &mut Tally,
    ledger: &mut Ledger,
) -> Result<Asked, Refusal> {
    let target = Target::new(&head.path).with_model(head.model.as_deref());
    let mut request = head.dialect.request(&target, body).map_err(unreadable)?;
    let contract = &gate.contract;
    let role = contract
        .role(&head.caller.role)
        .ok_or_else(|| Refusal::new(Code::RoleForbidden, "The caller's role is not in the contract."))?;
    check_members(contract, &mut *request, tally)?;
    // Some APIs take models to fall back to: each is a model that may answer.
    if !request.models().iter().all(|model| contract.allows_model(model)) {
        return Err(Refusal::at(Code::ModelNotAllowed, "model", "The contract does not allow this model."));
    }
    if let Some(kind) = request.provider_tools().into_iter().find(|kind| !contract.allows_provider_tool(kind)) {
        let message =
            format!("The request uses `{}`, which runs at the provider and is not in the contract.", printable(kind));
        return Err(Refusal::at(Code::ProviderToolForbidden, "tools", message));
    }
    if request.server_state() && contract.server_state() == ServerState::Refused {
        let message = "The request continues from state that the provider keeps (such as `previous_response_id`, \
                       `conversation`, `prompt`, `item_reference`, compaction, `container`, `background`), which the gate \
                       cannot see, and the contract's `serverState` does not allow it; send the whole conversation.";
        return Err(Refusal::new(Code::ServerStateForbidden, message));
    }
    let offered = tools::offer(gate, role, &mut *request)?;
    offered.note(gate, &head.caller, tally, ledger);
    if request.choices() > 1 && offered.tools.iter().any(|(tool, _)| !matches!(tool.run(), Run::Client)) {
        let message = "Tools that are run by the executor need `n` to be 1: the model continues from one answer.";
        return Err(Refusal::at(Code::RequestInvalid, "n", message));
    }
    offered.declare(gate, &mut *request);
    if let Some(most) = contract.limits().max_output_tokens.filter(|_| request.wants() != Wants::Count) {
        request.name_output_limit(gate.output_limit);
        request.clamp_output_tokens(most);
    }
    let ApiHead { dialect, caller, path, headers, .. } = head;
    let hold = gate.hold(&caller.role);
    Ok(Asked { dialect, request, caller, path, headers, hold, round: 1 })
}

/// Leaves out the members that no table of the gate knows and the contract does not list, or refuses them.
fn check_members(contract: &Contract, request: &mut dyn Request, tally: &mut Tally) -> Result<(), Refusal> {
    let rule = contract.request_members();
    let unknown = request.drop_unknown_members(&rule.allow);
    if unknown.is_empty() {
        return Ok(());
    }
    match rule.unknown {
        UnknownMembers::Drop => {
            tally.dropped_members = unknown.names;
            tally.dropped_members_unnamed = unknown.more;
            Ok(())
        }
        UnknownMembers::Refuse => {
            let message = match unknown.names.first() {
                Some(name) => format!(
                    "The request has the member `{name}`, which the gate does not know; leave it out, or add \
                     `requestMembers: {{ allow: [\"{name}\"] }}` to the contract."
                ),
                None => "The request has a member whose name is not printable or too long; leave it out.".to_owned(),
            };
            let param = unknown.names.into_iter().next();
            Err(Refusal { param, ..Refusal::new(Code::RequestMemberUnknown, message) })
        }
    }
}

pub(crate) fn unreadable(error: RequestError) -> Refusal {
    let code = match error {
        RequestError::NotJson(_) => Code::RequestNotJson,
        RequestError::DeclaredTwice { .. } => Code::ToolDeclaredTwice,
        RequestError::NotAnObject | RequestError::Invalid { .. } | RequestError::Ambiguous { .. } => {
            Code::RequestInvalid
        }
    };
    Refusal { param: error.param().map(str::to_owned), ..Refusal::new(code, error.to_string()) }
}
