//! A request: checked against the contract, then rewritten.

use callgate_contract::{Caller, Role, Run, ServerState, Tool};
use callgate_wire::{Declaration, Dialect, Form, Hold, Request, RequestError, Target, Wants};

use crate::head::ApiHead;
use crate::{Code, Gate, Offer, Refusal};

/// A request that was found allowed, in the form in which it goes on.
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
pub(crate) fn check(gate: &Gate, head: ApiHead, body: &[u8]) -> Result<Asked, Refusal> {
    let target = Target::new(&head.path).with_model(head.model.as_deref());
    let mut request = head.dialect.request(&target, body).map_err(unreadable)?;
    let contract = &gate.contract;
    let role = contract
        .role(&head.caller.role)
        .ok_or_else(|| Refusal::new(Code::RoleForbidden, "The caller's role is not in the contract."))?;
    // Some APIs take models to fall back to: each is a model that may answer.
    if !request.models().iter().all(|model| contract.allows_model(model)) {
        return Err(Refusal::at(Code::ModelNotAllowed, "model", "The contract does not allow this model."));
    }
    if let Some(kind) = request.provider_tools().into_iter().find(|kind| !contract.allows_provider_tool(kind)) {
        let message =
            format!("The request uses `{}`, which runs at the provider and is not in the contract.", short(kind));
        return Err(Refusal::at(Code::ProviderToolForbidden, "tools", message));
    }
    if request.server_state() && contract.server_state() == ServerState::Refused {
        let message = "The request goes on from a conversation that the provider keeps, which the gate cannot see; the contract's \
                       `serverState` does not allow it. Send the whole conversation.";
        return Err(Refusal::new(Code::ServerStateForbidden, message));
    }
    let offered = offered(gate, role, &*request)?;
    for name in request.chosen() {
        usable(gate, role, name, "tool_choice")?;
        if !offered.iter().any(|(tool, _)| tool.name() == name) {
            let message = format!("`tool_choice` names `{}`, which the request does not declare.", short(name));
            return Err(Refusal::at(Code::RequestInvalid, "tool_choice", message));
        }
    }
    if request.choices() > 1 && offered.iter().any(|(tool, _)| !matches!(tool.run(), Run::Client)) {
        let message = "Tools that are run by the executor need `n` to be 1: the model goes on from one answer.";
        return Err(Refusal::at(Code::RequestInvalid, "n", message));
    }
    for form in [Form::Tool, Form::Function] {
        let declarations: Vec<&Declaration> = offered
            .iter()
            .filter(|(_, of)| *of == form)
            .filter_map(|(tool, _)| gate.declarations.get(tool.name()))
            .collect();
        if !declarations.is_empty() {
            request.declare(&declarations, form);
        }
    }
    if let Some(most) = contract.limits().max_output_tokens.filter(|_| request.wants() != Wants::Count) {
        request.clamp_output_tokens(most);
    }
    let ApiHead { dialect, caller, path, headers, .. } = head;
    let hold = gate.hold(&caller.role);
    Ok(Asked { dialect, request, caller, path, headers, hold, round: 1 })
}

/// The tools that the model will be told of: each declared one, and with [`Offer::Inject`] the role's server-run ones.
fn offered<'g>(gate: &'g Gate, role: &'g Role, request: &dyn Request) -> Result<Vec<(&'g Tool, Form)>, Refusal> {
    let mut offered = Vec::new();
    for declared in request.declared() {
        offered.push((usable(gate, role, &declared.name, "tools")?, declared.form));
    }
    if gate.offer == Offer::Inject {
        let undeclared: Vec<&Tool> = role
            .tools(&gate.contract)
            .filter(|tool| !matches!(tool.run(), Run::Client))
            .filter(|tool| offered.iter().all(|(known, _)| known.name() != tool.name()))
            .collect();
        offered.extend(undeclared.into_iter().map(|tool| (tool, Form::Tool)));
    }
    Ok(offered)
}

/// A tool that a request names, if the contract has it and the role may use it.
fn usable<'g>(gate: &'g Gate, role: &Role, name: &str, param: &str) -> Result<&'g Tool, Refusal> {
    let Some(tool) = gate.contract.tool(name) else {
        let message = format!("The request names the tool `{}`, which is not in the contract.", short(name));
        return Err(Refusal::at(Code::ToolNotInContract, param, message));
    };
    if !role.may_use(tool) {
        let message = format!("The role `{}` may not use the tool `{}`.", role.name(), tool.name());
        return Err(Refusal::at(Code::RoleForbidden, param, message));
    }
    Ok(tool)
}

pub(crate) fn unreadable(error: RequestError) -> Refusal {
    let code = match error.code() {
        "request_not_json" => Code::RequestNotJson,
        "tool_declared_twice" => Code::ToolDeclaredTwice,
        _ => Code::RequestInvalid,
    };
    Refusal { code, message: error.to_string(), param: error.param().map(str::to_owned) }
}

/// A name that a caller chose, made fit for one line.
pub(crate) fn short(name: &str) -> String {
    name.chars().take(64).map(|char| if char.is_control() || char == '`' { '\u{fffd}' } else { char }).collect()
}
