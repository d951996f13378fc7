//! The tools that a request declares and chooses, against the contract and the caller's role.

use callgate_contract::{Caller, Role, Run, Tool, UndeclaredTools, Violation};
use callgate_json::printable;
use callgate_wire::{Declaration, Form, Request};

use crate::ledger::Ledger;
use crate::tally::Tally;
use crate::{Code, Gate, Offer, Refusal, Ruling};

/// Names of dropped declarations that are written down, at most.
const MOST_NOTED: usize = 64;

/// The tools that the model will be told of.
#[derive(Debug)]
pub(super) struct Offered<'g> {
    pub(super) tools: Vec<(&'g Tool, Form)>,
    /// Declared tools that the model is not told of, at most [`MOST_NOTED`], and why not.
    dropped: Vec<Violation>,
    /// The number of all of them.
    dropped_count: u32,
    /// The forms whose list of declarations is rewritten.
    forms: Vec<Form>,
}

/// Checks what the request declares and chooses. Each declared tool is offered, and with [`Offer::Inject`] the role's server-run
/// ones. A tool that the contract or the role lacks is an error, or is dropped if the contract says so.
pub(super) fn offer<'g>(gate: &'g Gate, role: &'g Role, request: &mut dyn Request) -> Result<Offered<'g>, Refusal> {
    let drops = gate.contract.undeclared_tools() == UndeclaredTools::Drop;
    let mut offered = Offered { tools: Vec::new(), dropped: Vec::new(), dropped_count: 0, forms: Vec::new() };
    if request.has_custom_tools() {
        // Every call of one is refused, so the model is not told of it even if the contract lists such tools.
        let drops = drops || gate.contract.allows_provider_tool("custom");
        let message = "The request declares or chooses a custom tool (`type: custom`), whose free text no contract can decide \
                       on; declare it as a function with a schema.";
        offered.refuse(drops, "", Form::Tool, &Refusal::at(Code::ProviderToolForbidden, "tools", message))?;
    }
    for declared in request.declared() {
        match usable(gate, role, &declared.name, "tools") {
            Ok(tool) => offered.add(tool, declared.form),
            Err(refusal) => offered.refuse(drops, &declared.name, declared.form, &refusal)?,
        }
    }
    if gate.offer == Offer::Inject {
        let server_run = role.tools(&gate.contract).filter(|tool| !matches!(tool.run(), Run::Client));
        for tool in server_run {
            if offered.tools.iter().all(|(known, _)| known.name() != tool.name()) {
                offered.add(tool, Form::Tool);
            }
        }
    }
    let mut choice_stands = !request.has_custom_tools();
    for name in request.chosen() {
        let is_offered = offered.tools.iter().any(|(tool, _)| tool.name() == name);
        match usable(gate, role, name, "tool_choice") {
            Ok(_) if is_offered => {}
            Ok(_) => {
                let message = format!("`tool_choice` names `{}`, which the request does not declare.", printable(name));
                return Err(Refusal::at(Code::RequestInvalid, "tool_choice", message));
            }
            Err(_) if drops => choice_stands = false,
            Err(refusal) => return Err(refusal),
        }
    }
    let tools_left = !offered.tools.is_empty() || !request.provider_tools().is_empty();
    if !choice_stands || (offered.dropped_count > 0 && !tools_left) {
        request.drop_choice(tools_left);
    }
    Ok(offered)
}

// === impl Offered ===

impl<'g> Offered<'g> {
    fn add(&mut self, tool: &'g Tool, form: Form) {
        self.tools.push((tool, form));
        self.write(form);
    }

    fn write(&mut self, form: Form) {
        if !self.forms.contains(&form) {
            self.forms.push(form);
        }
    }

    /// Refuses the request, or drops the declaration.
    fn refuse(&mut self, drops: bool, name: &str, form: Form, refusal: &Refusal) -> Result<(), Refusal> {
        if !drops {
            return Err(refusal.clone());
        }
        self.write(form);
        self.dropped_count = self.dropped_count.saturating_add(1);
        if self.dropped.len() < MOST_NOTED {
            let code = match refusal.code {
                Code::RoleForbidden => callgate_contract::Code::RoleForbidden,
                _ => callgate_contract::Code::ToolNotInContract,
            };
            let name = if name.is_empty() { "custom" } else { name };
            let message = refusal.message.clone();
            self.dropped.push(Violation { code, tool: printable(name), pointer: String::new(), message });
        }
        Ok(())
    }

    /// Counts the dropped declarations and writes them down. A decision without a call id is one on a declaration.
    pub(super) fn note(&self, gate: &Gate, caller: &Caller, tally: &mut Tally, ledger: &mut Ledger) {
        tally.undeclared_dropped = self.dropped_count;
        for violation in &self.dropped {
            ledger.write(gate, caller, 1, ("", &violation.tool), None, Ruling::from(violation));
        }
    }

    /// Writes the declarations in the contract's own words.
    pub(super) fn declare(&self, gate: &Gate, request: &mut dyn Request) {
        for form in &self.forms {
            let of_form = self.tools.iter().filter(|(_, of)| of == form);
            let declarations: Vec<&Declaration> =
                of_form.filter_map(|(tool, _)| gate.declarations.get(tool.name())).collect();
            request.declare(&declarations, *form);
        }
    }
}

/// A tool that a request names, if the contract has it and the role may use it.
fn usable<'g>(gate: &'g Gate, role: &Role, name: &str, param: &str) -> Result<&'g Tool, Refusal> {
    let Some(tool) = gate.contract.tool(name) else {
        let message = format!("The request names the tool `{}`, which is not in the contract.", printable(name));
        return Err(Refusal::at(Code::ToolNotInContract, param, message));
    };
    if !role.may_use(tool) {
        let message = format!("The role `{}` may not use the tool `{}`.", role.name(), tool.name());
        return Err(Refusal::at(Code::RoleForbidden, param, message));
    }
    Ok(tool)
}
