//! The declared and chosen tools of a request, checked against the contract and the caller's role.

use std::borrow::Cow;

use callgate_contract::{Caller, Contract, Forbidden, Role, Run, Tool, UndeclaredTools, Violation, name_in_sentence};
use callgate_wire::{Declaration, Form, Request, Wants};

use super::Faults;
use crate::ledger::{Ledger, Ruling};
use crate::tally::Tally;
use crate::{Code, Gate, Offer, Refusal};

/// The maximum number of dropped declarations to record.
const MOST_NOTED: usize = 64;

/// The tools to declare to the model.
#[derive(Debug)]
pub(super) struct Offered<'g> {
    pub(super) tools: Vec<OfferedTool<'g>>,
    /// Dropped declarations with the reasons, at most [`MOST_NOTED`].
    dropped: Vec<Violation>,
    /// The number of all dropped declarations.
    dropped_count: u32,
    /// The forms with a rewritten list of declarations.
    forms: Vec<Form>,
}

/// A tool to declare.
#[derive(Debug)]
pub(super) struct OfferedTool<'g> {
    pub(super) tool: &'g Tool,
    form: Form,
    /// The name of the request, if the tool is a glob.
    name: Option<String>,
}

/// Takes the provider's tools out of the request that the contract does not list, if it says so, and as far as their places let it.
/// Returns their names. In shadow mode they stay.
pub(super) fn drop_provided(contract: &Contract, request: &mut dyn Request, faults: &Faults<'_>) -> Vec<String> {
    if !faults.enforces || contract.undeclared_tools() != UndeclaredTools::Drop {
        return Vec::new();
    }
    request.drop_provider_tools(&|kind| contract.allows_provider_tool(kind))
}

/// Checks the declared and chosen tools. Each declared tool is offered, and with [`Offer::Inject`] the role's server-run
/// ones. A tool the contract or the role lacks is an error, or is dropped if the contract says so.
///
/// In shadow mode such a tool is counted, and its declaration stays as it came. With [`Offer::Inject`] it cannot stay, because the
/// declarations are rewritten, so the rule of the contract holds. `provided` are the provider's tools that were taken out.
pub(super) fn offer<'g>(
    gate: &'g Gate,
    role: &'g Role,
    request: &mut dyn Request,
    provided: Vec<String>,
    faults: &mut Faults<'_>,
) -> Result<Offered<'g>, Refusal> {
    let keeps = !faults.enforces && gate.offer == Offer::Declared;
    let drops = gate.contract.undeclared_tools() == UndeclaredTools::Drop;
    let mut offered = Offered { tools: Vec::new(), dropped: Vec::new(), dropped_count: 0, forms: Vec::new() };
    for kind in provided {
        offered.drop_provided(&kind);
    }
    for declared in request.declared() {
        match gate.contract.permit(Some(role), &declared.name) {
            Ok(tool) => offered.add(tool, declared.form, &declared.name),
            Err(forbidden) if keeps => faults.found(refusal(forbidden, role, &declared.name, "tools"))?,
            Err(forbidden) => {
                let refusal = refusal(forbidden, role, &declared.name, "tools");
                offered.drop_or(drops, forbidden, &declared.name, declared.form, refusal)?;
            }
        }
    }
    // Whoever makes a conversation shorter needs no tools.
    if gate.offer == Offer::Inject && request.wants() != Wants::Compact {
        // A tool whose name the API does not take stays out of sight there.
        let server_run = role.tools(&gate.contract).filter(|tool| !matches!(tool.run(), Run::Client));
        for tool in server_run.filter(|tool| request.accepts_name(tool.name())) {
            if offered.tools.iter().all(|known| known.name() != tool.name()) {
                offered.add(tool, Form::Tool, tool.name());
            }
        }
    }
    let mut choice_stands = true;
    for name in request.chosen() {
        let is_offered = offered.tools.iter().any(|offered| offered.name() == name);
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
    offered.check_size(gate)?;
    if keeps && offered.dropped_count == 0 {
        return Ok(offered);
    }
    let tools_left = !offered.tools.is_empty() || !request.provider_tools().is_empty();
    if !choice_stands || offered.dropped_count > 0 {
        request.limit_choice(tools_left, &|name| offered.tools.iter().any(|offered| offered.name() == name));
    }
    Ok(offered)
}

// === impl Offered ===

impl<'g> Offered<'g> {
    fn add(&mut self, tool: &'g Tool, form: Form, name: &str) {
        let name = tool.is_glob().then(|| name.to_owned());
        self.tools.push(OfferedTool { tool, form, name });
        self.write(form);
    }

    /// Refuses a request that would grow beyond all bounds: the one schema of a glob is written for each of its names.
    fn check_size(&self, gate: &Gate) -> Result<(), Refusal> {
        let copies = self.tools.iter().filter(|offered| offered.name.is_some());
        let sizes = copies.filter_map(|offered| gate.declarations.get(offered.tool.name())).map(Declaration::size);
        let bytes = sizes.fold(0usize, usize::saturating_add);
        if u64::try_from(bytes).unwrap_or(u64::MAX) <= gate.contract.limits().request_bytes {
            return Ok(());
        }
        let message = "The request declares more tools under globs of the contract than `limits.requestBytes` has room for, \
                       because each gets the description and the schema of its glob; declare fewer tools.";
        Err(Refusal::at(Code::RequestTooLarge, "tools", message))
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
        self.drop(forbidden, name, form, refusal.message);
        Ok(())
    }

    /// Drops a tool of the provider.
    fn drop_provided(&mut self, kind: &str) {
        let name = name_in_sentence(kind);
        let message =
            format!("The request declares `{name}`, which runs at the provider and is not in `providerTools`.");
        self.drop(Forbidden::ToolNotInContract, kind, Form::Tool, message);
    }

    fn drop(&mut self, forbidden: Forbidden, name: &str, form: Form, message: String) {
        self.write(form);
        self.dropped_count = self.dropped_count.saturating_add(1);
        if self.dropped.len() < MOST_NOTED {
            let (code, tool) = (forbidden.code(), name_in_sentence(name));
            self.dropped.push(Violation { code, tool, pointer: String::new(), message, feeds_back: false });
        }
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
            let of_form = || self.tools.iter().filter(|offered| offered.form == *form);
            let of_globs = of_form().filter(|offered| offered.tool.is_glob());
            let copies: Vec<Declaration> = of_globs
                .filter_map(|offered| gate.declaration(offered.tool, offered.name()).map(Cow::into_owned))
                .collect();
            let mut copies = copies.iter();
            let declaration = |offered: &OfferedTool<'_>| {
                let one = gate.declarations.get(offered.tool.name())?;
                if offered.tool.is_glob() { copies.next() } else { Some(one) }
            };
            let declarations: Vec<&Declaration> = of_form().filter_map(declaration).collect();
            request.declare(&declarations, *form);
        }
    }
}

// === impl OfferedTool ===

impl OfferedTool<'_> {
    /// Returns the name under which the model sees the tool.
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.tool.name())
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
