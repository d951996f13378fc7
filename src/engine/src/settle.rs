//! The decision on every call of a turn. It is made here and nowhere else.

use std::collections::HashSet;

use callgate_contract::{
    Audit, Caller, Code, Contract, Conversation, ProposedCall, Run, Texts, Tool, Verdict, Violation, decide,
    name_in_sentence,
};
use callgate_wire::{Call, ChoiceIndex, Form, Request};

use crate::effect::{RunCall, SourceRuling};
use crate::facts::RequestFacts;
use crate::gate::Gate;
use crate::history::ReadTexts;
use crate::ledger::{Ledger, Ruling};
use crate::limits;
use crate::tally::Tally;

/// A call for the executor: to run it, or to release it.
#[derive(Debug, Clone)]
pub(crate) struct Runnable {
    /// With canonical arguments.
    pub(crate) call: Call,
    pub(crate) run: RunCall,
}

/// A refused call.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    /// The call as the model may see it again: canonical arguments, or `{}` if they were not JSON.
    pub(crate) call: Call,
    pub(crate) violation: Violation,
}

/// The decision on one call.
#[derive(Debug, Clone)]
pub(crate) enum Decided {
    /// The client runs it; arguments canonical.
    Client(Call),
    /// The client runs it once the executor has released it; arguments canonical.
    Ask(Box<Runnable>),
    Run(Box<Runnable>),
    Refused(Box<Refused>),
}

/// The basis of the decisions on a turn.
#[derive(Clone, Copy)]
pub(crate) struct Basis<'a> {
    pub(crate) gate: &'a Gate,
    pub(crate) caller: &'a Caller,
    /// The time, in milliseconds since the Unix epoch.
    pub(crate) now: Option<u64>,
    /// The request with the conversation; `None` for a call to an MCP server.
    pub(crate) request: Option<&'a dyn Request>,
    /// The name of the conversation, if the contract has a rule for it.
    pub(crate) conversation: Option<&'a str>,
    /// True if the model can be told of a broken rule and asked again.
    pub(crate) can_feed_back: bool,
}

/// The earlier calls of a turn, as far as a decision needs them.
#[derive(Debug)]
pub(crate) struct TurnSoFar {
    /// The turn's round, counted from 1.
    round: u32,
    /// The facts before the turn, with the turn's calls that were not refused.
    facts: RequestFacts,
    /// The texts before the turn.
    texts: ReadTexts,
    /// The same as the candidate trusts them.
    candidate_texts: ReadTexts,
    /// The turn's calls over all its choices.
    calls: u32,
    ids: Ids,
}

/// The identifiers of the calls of each choice.
#[derive(Debug, Default)]
struct Ids {
    /// The first of them, which are compared one by one.
    few: Vec<(ChoiceIndex, String)>,
    many: HashSet<(ChoiceIndex, String)>,
}

/// Decides the calls of one choice, in order, and records each decision.
pub(crate) fn settle(
    basis: Basis<'_>,
    choice: ChoiceIndex,
    calls: &[Call],
    before: &mut TurnSoFar,
    tally: &mut Tally,
    ledger: &mut Ledger,
) -> Vec<Decided> {
    calls.iter().map(|call| settle_one(basis, choice, call, before, tally, ledger)).collect()
}

fn settle_one(
    basis: Basis<'_>,
    choice: ChoiceIndex,
    call: &Call,
    before: &mut TurnSoFar,
    tally: &mut Tally,
    ledger: &mut Ledger,
) -> Decided {
    let Basis { gate, caller, .. } = basis;
    let calls_before = before.calls;
    before.calls = before.calls.saturating_add(1);
    let verdict = match malformed(basis, choice, call, &mut before.ids) {
        Some(message) => Verdict::Deny(Violation {
            code: Code::CallMalformed,
            tool: name_in_sentence(&call.name),
            pointer: String::new(),
            message: message.to_owned(),
            feeds_back: false,
        }),
        None => {
            let verdict = judge(&gate.contract, basis, calls_before, (&before.facts, &mut before.texts), call);
            if let (Some(candidate), Some(facts)) = (&gate.candidate, &mut before.facts.candidate) {
                let other = judge(candidate, basis, calls_before, (&*facts, &mut before.candidate_texts), call);
                tally.compare(code(&verdict), code(&other));
                if let (Some(facts), Verdict::Allow(approved) | Verdict::NeedsApproval(approved)) =
                    (&mut facts.conversation, &other)
                {
                    facts.add_call(approved.tool.name());
                }
            }
            verdict
        }
    };
    let (approved, ruling) = match counted(basis, verdict) {
        Verdict::Allow(approved) => {
            let ruling = Ruling::allowed(approved.shadowed.as_ref());
            (approved, ruling)
        }
        // Only the executor knows of a person's approval: it holds the call until then, and reports it in the call's outcome.
        Verdict::NeedsApproval(approved) => {
            let ruling = Ruling::held(approved.because.as_ref());
            (approved, ruling)
        }
        Verdict::Deny(mut violation) => {
            violation.tool = name_in_sentence(&call.name);
            let named = (call.id.as_str(), call.name.as_str());
            if let Some(passed) = pass_undeclared(&gate.contract, call, &violation) {
                let recorded = Some((passed.arguments.as_str(), Audit::Digest));
                ledger.write(gate, caller, before.round, named, recorded, Ruling::allowed(Some(&violation)));
                tally.shadowed.push(violation.code);
                return Decided::Client(passed);
            }
            let arguments = callgate_json::read(call.arguments.as_bytes()).ok();
            let canonical = arguments.as_ref().map(callgate_json::canonical);
            let audit = gate.contract.tool(&call.name).map_or(Audit::Digest, Tool::audit);
            let recorded = canonical.as_deref().map(|text| (text, audit));
            ledger.write(gate, caller, before.round, named, recorded, Ruling::from(&violation));
            let shown = canonical.filter(|_| arguments.is_some_and(|arguments| arguments.is_object()));
            let is_known = gate.contract.tool(&call.name).is_some();
            let is_fit = is_known || basis.request.is_none_or(|request| request.accepts_name(&call.name));
            return Decided::Refused(Box::new(Refused { call: presentable(call, is_fit, shown), violation }));
        }
    };
    tally.shadowed.extend(approved.shadowed.as_ref().map(|violation| violation.code));
    if let Some(facts) = &mut before.facts.conversation {
        facts.add_call(approved.tool.name());
    }
    let named = (call.id.as_str(), &*approved.name);
    let recorded = Some((approved.canonical.as_str(), approved.tool.audit()));
    let needs_approval = matches!(ruling, Ruling::NeedsApproval { .. });
    let position = ledger.write(gate, caller, before.round, named, recorded, ruling);
    let call = Call { arguments: approved.canonical, ..call.clone() };
    let is_clients = matches!(approved.tool.run(), Run::Client);
    // In shadow mode no policy of the executor is enforced either.
    let asks = needs_approval || gate.contract.authorize() && gate.contract.enforces();
    let is_counted = limits::needs_release(gate, caller, basis.conversation.is_some(), approved.tool);
    if is_clients && !asks && !is_counted {
        return Decided::Client(call);
    }
    let (id, tool, arguments) = (call.id.clone(), approved.name.to_string(), call.arguments.clone());
    let sources = approved.tool.reads_texts().then_some(SourceRuling { held: approved.because });
    let run = RunCall { id, tool, arguments, position, needs_approval, sources, only_counted: !asks };
    let runnable = Box::new(Runnable { run, call });
    if is_clients { Decided::Ask(runnable) } else { Decided::Run(runnable) }
}

/// Counts a call that may run, and denies it if a limit is reached. In shadow mode that is reported only.
fn counted<'c>(Basis { gate, caller, now, conversation, .. }: Basis<'c>, verdict: Verdict<'c>) -> Verdict<'c> {
    let tool = match &verdict {
        Verdict::Allow(approved) | Verdict::NeedsApproval(approved) => approved.tool,
        Verdict::Deny(_) => return verdict,
    };
    let Err(violation) = limits::call(gate, (caller, conversation), tool, now) else { return verdict };
    match verdict {
        Verdict::Allow(mut approved) if !gate.contract.enforces() && matches!(tool.run(), Run::Client) => {
            approved.shadowed.get_or_insert(violation);
            Verdict::Allow(approved)
        }
        Verdict::Allow(_) | Verdict::NeedsApproval(_) | Verdict::Deny(_) => Verdict::Deny(violation),
    }
}

/// Decides a call under one contract, with the facts and the texts that this contract reads.
fn judge<'c>(
    contract: &'c Contract,
    Basis { caller, now, request, can_feed_back, .. }: Basis<'_>,
    calls_before: u32,
    (facts, texts): (&RequestFacts, &mut ReadTexts),
    call: &Call,
) -> Verdict<'c> {
    let proposed = ProposedCall { name: &call.name, arguments: &call.arguments };
    let texts = match contract.tool(&call.name) {
        Some(tool) if tool.reads_texts() => texts.read(contract, request),
        Some(_) | None => Texts::Unknown,
    };
    let (model, facts) = (facts.model.as_deref(), facts.conversation.as_ref());
    let conversation = Conversation { calls_before, model, now, facts, texts, can_feed_back };
    decide(contract, caller, &conversation, &proposed)
}

/// Returns the code of a verdict, as if every rule were enforced; `None` for an allowed call.
fn code(verdict: &Verdict<'_>) -> Option<Code> {
    match verdict {
        Verdict::Allow(approved) => approved.shadowed.as_ref().map(|violation| violation.code),
        Verdict::NeedsApproval(_) => Some(Code::ApprovalRequired),
        Verdict::Deny(violation) => Some(violation.code),
    }
}

/// In shadow mode, returns a call of a tool outside of the contract, which only the client can run. Its arguments are canonical, so they
/// must be one strict JSON object.
fn pass_undeclared(contract: &Contract, call: &Call, violation: &Violation) -> Option<Call> {
    if contract.enforces() || violation.code != Code::ToolNotInContract {
        return None;
    }
    let text = if call.arguments.is_empty() { "{}" } else { &call.arguments };
    let (arguments, canonical) = callgate_json::read_canonical(text.as_bytes()).ok()?;
    arguments.is_object().then(|| Call { arguments: canonical, ..call.clone() })
}

/// Returns the reason why a call cannot be decided. Results go back by id, so each call needs an id of its own; it is added to `ids`.
fn malformed(basis: Basis<'_>, choice: ChoiceIndex, call: &Call, ids: &mut Ids) -> Option<&'static str> {
    if call.name.is_empty() {
        return Some("The call has no name.");
    }
    match call.form {
        Form::Function => {}
        Form::Unknown => return Some("The call is of an unknown kind, or by an unknown kind of caller."),
        Form::Unclear => return Some("The call can be read in two ways."),
        Form::Tool | Form::Custom | Form::Native(_) if call.id.is_empty() => return Some("The call has no id."),
        Form::Tool | Form::Custom | Form::Native(_) if !ids.insert(choice, &call.id) => {
            return Some("The call has the id of another call of the same turn.");
        }
        Form::Tool | Form::Custom | Form::Native(_) => {}
    }
    // A client may take it for another tool than the contract's. A tool outside of the contract is refused as such.
    let is_other = basis.request.is_some_and(|request| !request.fits(call));
    let is_other = is_other && basis.gate.contract.tool(&call.name).is_some();
    is_other
        .then_some("The request declares the tool of the call in another form, in another namespace, or not at all.")
}

/// Returns a refused call in a form the API accepts back: a name that `name_is_fit` for it, an object for arguments.
fn presentable(call: &Call, name_is_fit: bool, arguments: Option<String>) -> Call {
    Call {
        id: if call.id.is_empty() { "call_without_id" } else { &call.id }.to_owned(),
        name: if name_is_fit { &call.name } else { "invalid_tool_name" }.to_owned(),
        namespace: if name_is_fit { call.namespace.clone() } else { String::new() },
        arguments: arguments.unwrap_or_else(|| "{}".to_owned()),
        form: call.form,
        extra: call.extra.clone(),
    }
}

// === impl Decided ===

impl Decided {
    /// Returns the reason for a refusal.
    pub(crate) fn violation(&self) -> Option<&Violation> {
        match self {
            Self::Refused(refused) => Some(&refused.violation),
            Self::Client(_) | Self::Ask(_) | Self::Run(_) => None,
        }
    }
}

// === impl TurnSoFar ===

impl TurnSoFar {
    /// Begins the turn of this round, with the facts before it.
    pub(crate) fn new(round: u32, facts: RequestFacts) -> Self {
        Self {
            round,
            facts,
            texts: ReadTexts::default(),
            candidate_texts: ReadTexts::default(),
            calls: 0,
            ids: Ids::default(),
        }
    }

    /// Returns the bytes that it holds, about.
    pub(crate) fn held(&self) -> usize {
        self.texts.held().saturating_add(self.candidate_texts.held())
    }
}

// === impl Ids ===

impl Ids {
    /// The number of identifiers compared one by one before further ones are hashed.
    const FEW: usize = 16;

    /// Adds an identifier. Returns false if the choice has it already.
    fn insert(&mut self, choice: ChoiceIndex, id: &str) -> bool {
        if self.few.iter().any(|(other, known)| *other == choice && known == id) {
            return false;
        }
        let id = (choice, id.to_owned());
        if self.few.len() < Self::FEW {
            self.few.push(id);
            return true;
        }
        self.many.insert(id)
    }
}
