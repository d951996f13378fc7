//! The facts of a conversation that the conditions of a contract, or the executor's policies, read.
//!
//! They come from the request in one pass, and only if a condition reads them or the contract has `authorize: true`. Rounds inside of the exchange are added as they happen.
//!
//! Not covered: calls and results that the provider or another program keeps. With state at the provider, the facts are unknown, and a
//! condition that reads them denies.

use std::collections::HashMap;

use callgate_contract::{Contract, ConversationFacts, Output, Tool};
use callgate_json::Span;
use callgate_wire::{CallResult, Part, Request, Role};

use crate::gate::Gate;
use crate::history::history;
use crate::settle::Refused;

/// The kinds of blocks in which a model speaks to itself or refuses, of any API. Blocks of other kinds may hold a result.
const OWN_WORDS: [&str; 4] = ["thinking", "redacted_thinking", "reasoning", "refusal"];
/// The members of such blocks, and of marks between blocks, in APIs whose blocks have no type.
const OWN_MEMBERS: [&str; 3] = ["reasoningContent", "cachePoint", "thoughtSignature"];

/// The facts of one request, as far as somebody reads them.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestFacts {
    /// The model that answers. `None` if several may, or if nobody asks.
    pub(crate) model: Option<String>,
    /// The conversation before the round under way. `None` if it is unknown, or if nobody asks.
    pub(crate) conversation: Option<ConversationFacts>,
    /// The same for the candidate, whose conditions may read other facts and trust other tools.
    pub(crate) candidate: Option<Box<RequestFacts>>,
}

// === impl RequestFacts ===

impl RequestFacts {
    /// Reads the facts for the gate's contract, and for its candidate.
    pub(crate) fn read(gate: &Gate, request: &dyn Request) -> Self {
        let candidate = gate.candidate.as_ref().map(|candidate| Box::new(Self::of(candidate, request)));
        Self { candidate, ..Self::of(&gate.contract, request) }
    }

    fn of(contract: &Contract, request: &dyn Request) -> Self {
        let reads = contract.sends();
        let model = match request.models().as_slice() {
            [model] if reads.model => Some((*model).to_owned()),
            _ => None,
        };
        let is_read = reads.conversation && !request.server_state();
        let conversation = is_read.then(|| conversation_facts(contract, request));
        Self { model, conversation, candidate: None }
    }

    /// The facts where nobody speaks, as with an MCP server.
    pub(crate) fn without_conversation(gate: &Gate) -> Self {
        let of = |contract: &Contract| Self {
            conversation: contract.sends().conversation.then(ConversationFacts::default),
            ..Self::default()
        };
        Self { candidate: gate.candidate.as_ref().map(|candidate| Box::new(of(candidate))), ..of(&gate.contract) }
    }

    /// Adds a round of the exchange: the results of calls that ran, and the calls that were refused.
    pub(crate) fn add_round(&mut self, gate: &Gate, results: &[CallResult], refused: &[Refused]) {
        if let (Some(facts), Some(candidate)) = (&mut self.candidate, &gate.candidate) {
            facts.add_round_of(candidate, results, refused);
        }
        self.add_round_of(&gate.contract, results, refused);
    }

    fn add_round_of(&mut self, contract: &Contract, results: &[CallResult], refused: &[Refused]) {
        let Some(facts) = &mut self.conversation else { return };
        facts.rounds = facts.rounds.saturating_add(1);
        facts.turns = facts.turns.saturating_add(1);
        for result in results {
            facts.add_call(&result.call.name);
            facts.tainted |= !contract.tool(&result.call.name).is_some_and(is_trusted);
        }
        // The result of a refused call is the gate's own sentence.
        for refused in refused {
            if let Some(tool) = contract.tool(&refused.call.name) {
                facts.add_call(tool.name());
            }
        }
    }
}

/// Reads the facts of the conversation in a request.
#[must_use]
pub fn conversation_facts(contract: &Contract, request: &dyn Request) -> ConversationFacts {
    let mut reader = ConversationReader::new(contract);
    request.conversation(&mut |part| reader.part(part));
    let mut facts = reader.facts;
    if contract.trusts_parts() {
        facts.tainted = history(contract, request).is_tainted();
    }
    facts
}

/// Reads the parts of a conversation, in their order.
struct ConversationReader<'c> {
    contract: &'c Contract,
    facts: ConversationFacts,
    /// The last part was the model's.
    speaks: bool,
    /// The tools of calls without a result, by the call's id. `None` for tools that the contract lacks.
    by_id: HashMap<String, Vec<Option<&'c Tool>>>,
    /// The number of calls without a result, by the tool's name.
    by_name: HashMap<&'c str, u32>,
}

// === impl ConversationReader ===

impl<'c> ConversationReader<'c> {
    fn new(contract: &'c Contract) -> Self {
        let (by_id, by_name) = (HashMap::new(), HashMap::new());
        Self { contract, facts: ConversationFacts::default(), speaks: false, by_id, by_name }
    }

    fn part(&mut self, part: Part<'_>) {
        match part {
            Part::Text { role, .. } => {
                self.speaker(role);
                self.facts.tainted |= role == Role::Tool;
            }
            Part::Call { id, name, .. } => {
                self.speaker(Role::Assistant);
                self.call(id, name);
            }
            Part::Result { id, name, .. } => {
                self.speaks = false;
                let tool = self.called(id, name);
                self.facts.tainted |= !tool.is_some_and(is_trusted);
            }
            Part::Other { role, value } => {
                self.speaker(role);
                let may_be_a_result = match role {
                    Role::System | Role::User => false,
                    Role::Assistant | Role::Unknown => !is_own_words(value),
                    Role::Tool => true,
                };
                self.facts.tainted |= may_be_a_result;
            }
        }
    }

    /// An answer is what the model says without a break.
    fn speaker(&mut self, role: Role) {
        let speaks = match role {
            Role::Assistant => true,
            // Some APIs write a part of an answer without a role.
            Role::Unknown => self.speaks,
            Role::System | Role::User | Role::Tool => false,
        };
        if speaks && !self.speaks {
            self.facts.turns = self.facts.turns.saturating_add(1);
        }
        self.speaks = speaks;
    }

    fn call(&mut self, id: Option<Span<'_>>, name: Option<Span<'_>>) {
        let tool = text(name).and_then(|name| self.contract.tool(&name));
        if let Some(tool) = tool {
            self.facts.add_call(tool.name());
            let open = self.by_name.entry(tool.name()).or_default();
            *open = open.saturating_add(1);
        }
        if let Some(id) = text(id) {
            self.by_id.entry(id.into_owned()).or_default().push(tool);
        }
    }

    /// Returns the tool of the call that a result answers. A call has one result, and the id counts more than the name.
    fn called(&mut self, id: Option<Span<'_>>, name: Option<Span<'_>>) -> Option<&'c Tool> {
        let tool = match text(id) {
            Some(id) => {
                let open = self.by_id.get_mut(id.as_ref())?;
                // If calls share an id, the result may be of any of them.
                let trusted = open.iter().all(|tool| tool.is_some_and(is_trusted));
                open.pop().flatten().filter(|tool| trusted || !is_trusted(tool))
            }
            None => text(name).and_then(|name| self.contract.tool(&name)),
        }?;
        let open = self.by_name.get_mut(tool.name())?;
        *open = open.checked_sub(1)?;
        Some(tool)
    }
}

fn text(value: Option<Span<'_>>) -> Option<std::borrow::Cow<'_, str>> {
    value.and_then(Span::string)
}

fn is_trusted(tool: &Tool) -> bool {
    tool.output() == Output::Trusted
}

pub(crate) fn is_own_words(block: Span<'_>) -> bool {
    let kind = text(block.get("type"));
    match kind.as_deref() {
        Some(kind) => OWN_WORDS.contains(&kind),
        None => OWN_MEMBERS.iter().any(|member| block.get(member).is_some()),
    }
}
