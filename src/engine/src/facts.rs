//! The facts of a conversation that the conditions of a contract, or the executor's policies, read.
//!
//! They come from the request in one pass, and only if a condition reads them or the contract has `authorize: true`. Rounds inside of the exchange are added as they happen.
//!
//! Not covered: calls and results that the provider or another program keeps, or that a summary replaces. With state at the provider, or
//! after a compaction, the facts are unknown, and a condition that reads them denies.

use callgate_contract::{Contract, ConversationFacts};
use callgate_json::Span;
use callgate_provenance::{Content, HistoryBuilder};
use callgate_wire::{CallResult, Part, Request, Role, called};

use crate::gate::Gate;
use crate::history::history;
use crate::tool_results::TurnResult;

/// The kinds of blocks in which a model speaks to itself or refuses, of any API. Blocks of other kinds may hold a result.
const OWN_WORDS: [&str; 4] = ["thinking", "redacted_thinking", "reasoning", "refusal"];
/// The members of such blocks, and of marks between blocks, in APIs whose blocks have no type.
const OWN_MEMBERS: [&str; 3] = ["reasoningContent", "cachePoint", "thoughtSignature"];

/// The kinds of summaries in place of earlier parts of a conversation: Responses has all, Messages the first.
const SUMMARIES: [&str; 3] = ["compaction", "compaction_summary", "context_compaction"];

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
        let conversation = if is_read { conversation_facts(contract, request) } else { None };
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

    /// Adds a round of the exchange: the results of calls that ran, and the calls that were refused. A call that did not run counts
    /// once the model asks for it again.
    pub(crate) fn add_round(&mut self, gate: &Gate, results: &[TurnResult]) {
        if let (Some(facts), Some(candidate)) = (&mut self.candidate, &gate.candidate) {
            facts.add_round_of(candidate, results);
        }
        self.add_round_of(&gate.contract, results);
    }

    fn add_round_of(&mut self, contract: &Contract, results: &[TurnResult]) {
        let Some(facts) = &mut self.conversation else { return };
        facts.rounds = facts.rounds.saturating_add(1);
        facts.turns = facts.turns.saturating_add(1);
        let called = results.iter().filter_map(|result| match result {
            TurnResult::Ran(result) => Some(&result.call),
            TurnResult::Refused(refused) => Some(&refused.call),
            TurnResult::Left(_) => None,
        });
        for tool in called.filter_map(|call| contract.tool(&call.name)) {
            facts.add_call(tool.name());
        }
        // The result of a call that did not run is the gate's own sentence.
        let ran = results.iter().filter_map(|result| match result {
            TurnResult::Ran(result) => Some(result),
            TurnResult::Refused(_) | TurnResult::Left(_) => None,
        });
        facts.tainted |= contract.sends().tainted && taints(contract, ran);
    }
}

/// Reads the facts of the conversation in a request. The texts are read only if a condition asks for the taint. Returns `None` if a summary
/// stands in place of earlier parts.
#[must_use]
pub fn conversation_facts(contract: &Contract, request: &dyn Request) -> Option<ConversationFacts> {
    let facts = ConversationFacts::default();
    let mut reader = ConversationReader { contract, facts, speaks: false, is_partial: false };
    request.conversation(&mut |part| reader.part(part));
    if reader.is_partial {
        return None;
    }
    let tainted = contract.sends().tainted && history(contract, request).is_tainted();
    Some(ConversationFacts { tainted, ..reader.facts })
}

/// Returns true if an outsider may have written a part of the results of a round. The rule is that of the conversation, which has these
/// results from then on.
fn taints<'r>(contract: &Contract, results: impl Iterator<Item = &'r CallResult>) -> bool {
    let mut round = HistoryBuilder::new(contract);
    for CallResult { call, content, .. } in results {
        round.call(None, &call.name, String::new());
        round.result(None, Some(&call.name), Content::Text(content.clone()));
    }
    round.finish().is_tainted()
}

/// Counts the turns and calls of a conversation, in their order.
struct ConversationReader<'c> {
    contract: &'c Contract,
    facts: ConversationFacts,
    /// The last part was the model's.
    speaks: bool,
    /// A summary stands in place of earlier parts.
    is_partial: bool,
}

// === impl ConversationReader ===

impl ConversationReader<'_> {
    fn part(&mut self, part: Part<'_>) {
        match part {
            Part::Other { value, .. } if is_summary(value) => self.is_partial = true,
            Part::Text { role, .. } | Part::Other { role, .. } => self.speaker(role),
            Part::Call { name, namespace, .. } => {
                self.speaker(Role::Assistant);
                if let Some(tool) = called(name, namespace).and_then(|name| self.contract.tool(&name)) {
                    self.facts.add_call(tool.name());
                }
            }
            Part::Result { .. } => self.speaks = false,
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
}

fn text(value: Option<Span<'_>>) -> Option<std::borrow::Cow<'_, str>> {
    value.and_then(Span::string)
}

/// Returns true for a summary in place of earlier parts.
pub(crate) fn is_summary(block: Span<'_>) -> bool {
    text(block.get("type")).is_some_and(|kind| SUMMARIES.contains(&&*kind))
}

pub(crate) fn is_own_words(block: Span<'_>) -> bool {
    let kind = text(block.get("type"));
    match kind.as_deref() {
        Some(kind) => OWN_WORDS.contains(&kind),
        None => OWN_MEMBERS.iter().any(|member| block.get(member).is_some()),
    }
}
