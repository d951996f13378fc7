//! The declared and chosen tools of a request, checked against the contract and the caller's role.

use callgate_contract::{Caller, Forbidden, Role, Run, Tool, UndeclaredTools, Violation, name_in_sentence};
use callgate_wire::{Declaration, Form, Request};

use super::Faults;
use crate::ledger::{Ledger, Ruling};
use crate::tally::Tally;
use crate::{Code, Gate, Offer, Refusal};

/// The maximum number of dropped declarations to record.
const MOST_NOTED: usize = 64;

/// The tools to declare to the model.
#[derive(Debug)]
pub(super) struct Offered<'g> {
    pub(super) tools: Vec<(&'g Tool, Form)>,
    /// Dropped declarations with the reasons, at most [`MOST_NOTED`].
    dropped: Vec<Violation>,
    /// The number of all dropped declarations.
    dropped_count: u32,
    /// The forms with a rewritten list of declarations.
    forms: Vec<Form>,
}

/// Checks the declared and chosen tools. Each declared tool is offered, and with [`Offer::Inject`] the role's server-run
/// ones. A tool the contract or the role lacks is an error, or is dropped if the contract says so.
///
/// In shadow mode such a tool is counted, and its declaration stays as it came. With [`Offer::Inject`] it cannot stay, because the
/// declarations are rewritten, so the rule of the contract holds.
pub(super) fn offer<'g>(
    gate: &'g Gate,
    role: &'g Role,
    request: &mut dyn Request,
    faults: &mut Faults<'_>,
) -> Result<Offered<'g>, Refusal> {
    let keeps = !faults.enforces && gate.offer == Offer::Declared;
    let drops = gate.contract.undeclared_tools() == UndeclaredTools::Drop;
    let mut offered = Offered { tools: Vec::new(), dropped: Vec::new(), dropped_count: 0, forms: Vec::new() };
    for declared in request.declared() {
        match gate.contract.permit(Some(role), &declared.name) {
            Ok(tool) => offered.add(tool, declared.form),
            Err(forbidden) if keeps => faults.found(refusal(forbidden, role, &declared.name, "tools"))?,
            Err(forbidden) => {
                let refusal = refusal(forbidden, role, &declared.name, "tools");
                offered.drop_or(drops, forbidden, &declared.name, declared.form, refusal)?;
            }
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
    let mut choice_stands = true;
    for name in request.chosen() {
        let is_offered = offered.tools.iter().any(|(tool, _)| tool.name() == name);
        match gate.contract.permit(Some(role), name) {
            Ok(_) if is_offered => {}
            Ok(_) => {
                let message =
                    format!("`tool_choice` names `{}`, which the request does not declare.", name_in_sentence(name));
                return Err(Refusal::at(Code::RequestInvalid, "tool_choice", message));
            }
            // The declaration of the same tool is counted already.
            Err(_) if keeps => {}
            Err(_) if drops => choice_stands = false,
            Err(forbidden) => return Err(refusal(forbidden, role, name, "tool_choice")),
        }
    }
    if keeps && offered.dropped_count == 0 {
        return Ok(offered);
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

    /// Drops a declaration if the contract says so; returns `refusal` otherwise.
    fn drop_or(
        &mut self,
        drops: bool,
        forbidden: Forbidden,
        name: &str,
        form: Form,
        refusal: Refusal,
    ) -> Result<(), Refusal> {
        if !drops {
            return Err(refusal);
        }
        self.write(form);
        self.dropped_count = self.dropped_count.saturating_add(1);
        if self.dropped.len() < MOST_NOTED {
            let (code, tool) = (forbidden.code(), name_in_sentence(name));
            self.dropped.push(Violation {
                code,
                tool,
                pointer: String::new(),
                message: refusal.message,
                feeds_back: false,
            });
        }
        Ok(())
    }

    /// Counts and records the dropped declarations. A decision without a call id is about a declaration.
    pub(super) fn note(&self, gate: &Gate, caller: &Caller, tally: &mut Tally, ledger: &mut Ledger) {
        tally.undeclared_dropped = self.dropped_count;
        for violation in &self.dropped {
            ledger.write_declaration(gate, caller, &violation.tool, Ruling::from(violation));
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

/// Refuses a request with a forbidden tool.
fn refusal(forbidden: Forbidden, role: &Role, name: &str, param: &str) -> Refusal {
    match forbidden {
        Forbidden::ToolNotInContract => {
            let message =
                format!("The request names the tool `{}`, which is not in the contract.", name_in_sentence(name));
            Refusal::at(Code::ToolNotInContract, param, message)
        }
        Forbidden::RoleForbidden => {
            let message = format!("The role `{}` may not use the tool `{name}`.", role.name());
            Refusal::at(Code::RoleForbidden, param, message)
        }
    }
}
