//! A request: checked against the contract, then rewritten.

mod tools;

use callgate_contract::{Caller, Contract, Price, Run, ServerState, UnknownMembers, name_in_sentence};
use callgate_wire::{Dialect, ReleasePolicy, Request, RequestError, RequestScan, Target, Wants};

use crate::conversation;
use crate::facts::RequestFacts;
use crate::head::ApiHead;
use crate::headers::kept::KeptHeaders;
use crate::ledger::Ledger;
use crate::settle::Basis;
use crate::tally::Tally;
use crate::{Code, Gate, Offer, Refusal, StreamUsage, redaction};

/// An allowed request, in the form to forward.
#[derive(Debug)]
pub(crate) struct CheckedRequest {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) request: Box<dyn Request>,
    pub(crate) caller: Caller,
    pub(crate) path: String,
    pub(crate) headers: KeptHeaders,
    /// The release policy of the turn's calls.
    pub(crate) hold: ReleasePolicy,
    /// The name of the conversation, if the contract has a rule for it: 32 hexadecimal digits.
    pub(crate) conversation: Option<String>,
    /// The round under way, counted from 1.
    pub(crate) round: u32,
    /// The facts before this round that conditions read.
    pub(crate) facts: RequestFacts,
    /// The bytes of the round's request.
    pub(crate) sent_bytes: usize,
    /// The price of the model, if the contract has one.
    pub(crate) price: Option<Price>,
    /// The model was told of a rule with `otherwise: feedback`, which happens once.
    pub(crate) fed_back: bool,
}

// === impl CheckedRequest ===

impl CheckedRequest {
    /// Returns the basis of the decisions on the round under way. `alone` is true if its answer has one choice.
    pub(crate) fn basis<'a>(&'a self, gate: &'a Gate, now: Option<u64>, alone: bool) -> Basis<'a> {
        let can_feed_back = alone && !self.fed_back && self.round < gate.contract.limits().max_rounds;
        let conversation = self.conversation.as_deref();
        Basis { gate, caller: &self.caller, now, request: Some(&*self.request), conversation, can_feed_back }
    }

    /// Refuses an answer with more choices than requested: the plan of a turn depends on their number.
    pub(crate) fn check_choices(&self, came: usize) -> Result<(), Refusal> {
        if u64::try_from(came).unwrap_or(u64::MAX) <= self.request.choices() {
            return Ok(());
        }
        let message = "The model's API answered with more choices than were asked for.";
        Err(Refusal::new(Code::UpstreamInvalid, message))
    }
}

/// Checks and rewrites a request, whose beginning `scan` has checked: members, models, provider-run tools, state at the provider, tools, limits.
pub(crate) fn check(
    gate: &Gate,
    mut head: ApiHead,
    (body, scan): (Vec<u8>, RequestScan),
    tally: &mut Tally,
    ledger: &mut Ledger,
) -> Result<CheckedRequest, Refusal> {
    let target = Target::new(&head.path).with_model(head.model.as_deref());
    let bytes = body.len();
    let mut request = head.dialect.read_scanned(&target, body, scan).map_err(unreadable)?;
    let contract = &gate.contract;
    let role = contract
        .role(&head.caller.role)
        .ok_or_else(|| Refusal::new(Code::RoleForbidden, "The caller's role is not in the contract."))?;
    let mut faults = Faults { enforces: contract.enforces(), tally };
    if faults.enforces {
        check_members(contract, &mut *request, faults.tally)?;
    }
    redaction::request(contract, &mut *request, bytes, faults.tally)?;
    // Before all that a tool of the provider brings, such as a model of its own.
    let provided = tools::drop_provided(contract, &mut *request, &faults);
    // Some APIs take fallback models, and each of them may answer.
    if !request.models().iter().all(|model| contract.allows_model(model)) {
        faults.found(Refusal::at(Code::ModelNotAllowed, "model", "The contract does not allow this model."))?;
    }
    let price = contract.prices().and_then(|prices| prices.of_any(&request.models()));
    // A count of tokens may name no model, and costs nothing.
    if price.is_none() && contract.refuses_unpriced(role) && !request.models().is_empty() {
        let message = "The contract has no price of this model in `prices`, and a rule needs its cost.";
        faults.found(Refusal::at(Code::ModelNotPriced, "model", message))?;
    }
    if let Some(kind) = request.provider_tools().into_iter().find(|kind| !contract.allows_provider_tool(kind)) {
        let message = format!(
            "The request uses `{}`, which runs at the provider and is not in the contract.",
            name_in_sentence(kind)
        );
        faults.found(Refusal::at(Code::ProviderToolForbidden, "tools", message))?;
    }
    if request.server_state() && contract.server_state() == ServerState::Refused {
        let message = "The request continues from state that the provider keeps (such as `previous_response_id`, \
                       `conversation`, `prompt`, `item_reference`, `container`, `background`), which the gate cannot see, \
                       and the contract's `serverState` does not allow it; send the whole conversation.";
        faults.found(Refusal::new(Code::ServerStateForbidden, message))?;
    }
    // A count of tokens counts as no turn.
    let named = head.conversation.take().filter(|_| gate.counts() && request.wants() != Wants::Count);
    let found = named.map(|named| named.and_then(|named| conversation::name(&head.caller, named, &*request)));
    let conversation = match found.transpose() {
        Ok(conversation) => conversation,
        Err(refusal) => faults.found(refusal).map(|()| None)?,
    };
    let offered = tools::offer(gate, role, &mut *request, provided, &mut faults)?;
    offered.note(gate, &head.caller, tally, ledger);
    if request.choices() > 1 && offered.tools.iter().any(|offered| !matches!(offered.tool.run(), Run::Client)) {
        let message = "Tools that are run by the executor need `n` to be 1: the model continues from one answer.";
        return Err(Refusal::at(Code::RequestInvalid, "n", message));
    }
    if contract.enforces() || gate.offer == Offer::Inject {
        offered.declare(gate, &mut *request);
    }
    let most = contract.limits().max_output_tokens.filter(|_| contract.enforces());
    if let Some(most) = most.filter(|_| request.wants() != Wants::Count) {
        request.name_output_limit(gate.output_limit);
        request.clamp_output_tokens(most);
    }
    if contract.needs_usage() && gate.stream_usage == StreamUsage::Ask {
        request.ask_for_usage();
    }
    let facts = RequestFacts::read(gate, &*request);
    let ApiHead { dialect, caller, path, headers, .. } = head;
    let hold = gate.hold(&caller.role);
    Ok(CheckedRequest {
        dialect,
        request,
        caller,
        path,
        headers,
        hold,
        conversation,
        round: 1,
        facts,
        sent_bytes: 0,
        price,
        fed_back: false,
    })
}

/// The faults of a request. In shadow mode they are counted, and the request is forwarded.
struct Faults<'t> {
    enforces: bool,
    tally: &'t mut Tally,
}

// === impl Faults ===

impl Faults<'_> {
    fn found(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        if self.enforces {
            return Err(refusal);
        }
        self.tally.shadowed_errors.push(refusal.code);
        Ok(())
    }
}

/// Drops or refuses the members that neither the gate's tables nor the contract list.
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

/// Turns an unreadable request into its refusal.
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
