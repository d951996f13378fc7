//! The facts that conditions read, and the evaluation of a condition on one call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use callgate_condition::{
    Condition, Environment, EvalError, Fact, Facts, LiteralArgument, Member, Place, Timestamp, Type,
};
use callgate_json::Value;
use callgate_kinds::Workspace;

use crate::claims::ClaimTypes;
use crate::decide::{Caller, Conversation};
use crate::kinds::facts::{self, KindFacts};
use crate::kinds::mark::Mark;
use crate::model::{Contract, Role, Tool};

/// The facts of the conversation before one call.
///
/// A call counts if the model made it before: in an earlier turn, or earlier in the same turn if it was not refused then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationFacts {
    /// The conversation has words that an outsider may have written, as the rule `requires: { untainted: true }` means it: an untrusted
    /// value of a result that is not empty, a result of a tool that the contract lacks, or one without a call. False if no condition
    /// [reads](Reads::tainted) it.
    pub tainted: bool,
    /// The earlier rounds of the exchange.
    pub rounds: u32,
    /// The earlier answers of the model.
    pub turns: u32,
    /// The number of calls of each tool of the contract.
    pub calls: BTreeMap<String, u32>,
}

/// The facts that the conditions of a contract read, beside arguments and caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// The model of the request.
    pub model: bool,
    /// The time.
    pub now: bool,
    /// [`ConversationFacts`].
    pub conversation: bool,
    /// [`ConversationFacts::tainted`], which costs the reading of all texts.
    pub tainted: bool,
    /// The caller's claims.
    pub claims: bool,
}

/// A fact. The environment has those of [`KNOWN`], then the claims in the order of their names, then the arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known<'n> {
    Tenant,
    Role,
    Model,
    Now,
    Tainted,
    Rounds,
    Turns,
    Claim(&'n str),
    Arguments,
}

const KNOWN: [(&str, Known<'static>, Type); 7] = [
    ("caller.tenant", Known::Tenant, Type::Text),
    ("caller.role", Known::Role, Type::Text),
    ("model", Known::Model, Type::Text),
    ("now", Known::Now, Type::Timestamp),
    ("conversation.tainted", Known::Tainted, Type::Bool),
    ("conversation.rounds", Known::Rounds, Type::Int),
    ("conversation.turns", Known::Turns, Type::Int),
];
/// The position of `conversation.called` among the functions. The other one is `conversation.count`.
const CALLED: usize = 0;
/// The number of functions of the conversation. Those of kinds follow.
const OF_CONVERSATION: usize = 2;

/// Returns the known names and their types. A role's condition has no arguments.
pub(crate) fn environment(
    tools: &Arc<[String]>,
    claims: &ClaimTypes,
    arguments: Option<Type>,
    marks: &[Mark],
) -> Environment {
    let mut environment = Environment::default();
    for (name, _, kind) in KNOWN {
        environment = environment.fact(name, Member::required(kind));
    }
    for (name, kind) in claims.iter() {
        environment = environment.fact(&format!("caller.claims.{name}"), kind.member());
    }
    if let Some(kind) = arguments {
        environment = environment.fact("args", Member::required(kind));
    }
    let environment = environment
        .function_of_names("conversation.called", Arc::clone(tools), Type::Bool)
        .function_of_names("conversation.count", Arc::clone(tools), Type::Int);
    facts::functions(environment, marks)
}

/// Returns true if a condition reads facts of the conversation.
pub(crate) fn reads_conversation(condition: &Condition) -> bool {
    let of_conversation =
        |index: &usize| matches!(KNOWN.get(*index), Some((_, Known::Tainted | Known::Rounds | Known::Turns, _)));
    condition.functions().iter().any(|function| *function < OF_CONVERSATION)
        || condition.facts().iter().any(of_conversation)
}

/// Returns true if a condition reads what a marked string means.
pub(crate) fn reads_kinds(condition: &Condition) -> bool {
    condition.functions().iter().any(|function| *function >= OF_CONVERSATION)
}

/// Returns the first literal argument without a meaning, with its place and the problem.
pub(crate) fn faulty_literal(condition: &Condition, workspace: Option<&Workspace>) -> Option<(Place, String)> {
    condition.literals().iter().find_map(|LiteralArgument { function, place, text }| {
        let function = function.checked_sub(OF_CONVERSATION)?;
        facts::check_literal(function, text, workspace).err().map(|problem| (*place, problem))
    })
}

/// Evaluates a condition on a call. An absent fact is an error.
pub(crate) fn holds(condition: &Condition, facts: &CallFacts<'_>) -> Result<bool, EvalError> {
    condition.holds(facts)
}

/// The facts of one call.
pub(crate) struct CallFacts<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) caller: &'a Caller,
    pub(crate) conversation: &'a Conversation<'a>,
    pub(crate) arguments: &'a Value,
    /// The readings of its marked strings.
    pub(crate) kinds: &'a KindFacts<'a>,
}

// === impl CallFacts ===

impl Facts for CallFacts<'_> {
    fn fact(&self, index: usize) -> Option<Fact<'_>> {
        let facts = self.conversation.facts;
        Some(match known(index, &self.contract.claims)? {
            Known::Tenant => Fact::Text(self.caller.tenant.as_str().into()),
            Known::Role => Fact::Text(self.caller.role.as_str().into()),
            Known::Model => Fact::Text(self.conversation.model?.into()),
            Known::Now => Fact::Timestamp(timestamp(self.conversation.now?)?),
            Known::Tainted => Fact::Bool(facts?.tainted),
            Known::Rounds => Fact::Int(facts?.rounds.into()),
            Known::Turns => Fact::Int(facts?.turns.into()),
            Known::Claim(name) => Fact::Json(self.caller.claims.get(name)?),
            Known::Arguments => Fact::Json(self.arguments),
        })
    }

    fn ask(&self, function: usize, arguments: &[Fact<'_>]) -> Option<Fact<'_>> {
        if let Some(function) = function.checked_sub(OF_CONVERSATION) {
            return match arguments {
                [Fact::Text(name), Fact::Text(literal)] if KindFacts::is_within(function) => {
                    Some(Fact::Bool(self.kinds.within(name, literal)?))
                }
                [Fact::Text(name)] => Some(Fact::Json(self.kinds.command(name)?)),
                _ => None,
            };
        }
        let [Fact::Text(name)] = arguments else { return None };
        let count = self.conversation.facts?.count(name);
        Some(if function == CALLED { Fact::Bool(count > 0) } else { Fact::Int(count.into()) })
    }
}

/// Returns the conditions of roles and tools.
fn all<'c>(roles: impl Iterator<Item = &'c Role>, tools: &'c [Tool]) -> impl Iterator<Item = &'c Condition> {
    let when = roles.map(|role| &role.when).chain(tools.iter().map(|tool| &tool.when)).flatten();
    let approval = tools.iter().filter_map(|tool| tool.approval_when.as_ref());
    when.map(|when| &when.condition).chain(approval)
}

/// Returns the first claim that no condition reads.
pub(crate) fn unread_claim<'c>(
    claims: &'c ClaimTypes,
    roles: impl Iterator<Item = &'c Role>,
    tools: &'c [Tool],
) -> Option<&'c str> {
    let read: BTreeSet<usize> = all(roles, tools).flat_map(Condition::facts).copied().collect();
    (KNOWN.len()..).zip(claims.iter()).find(|(index, _)| !read.contains(index)).map(|(_, (name, _))| name)
}

/// Returns the fact at a position of the environment.
fn known(index: usize, claims: &ClaimTypes) -> Option<Known<'_>> {
    let Some(after) = index.checked_sub(KNOWN.len()) else { return KNOWN.get(index).map(|(_, known, _)| *known) };
    let claim = claims.iter().nth(after).map(|(name, _)| Known::Claim(name));
    claim.or_else(|| (after == claims.len()).then_some(Known::Arguments))
}

/// The timestamp of a time in milliseconds since the Unix epoch.
fn timestamp(milliseconds: u64) -> Option<Timestamp> {
    let seconds = i64::try_from(milliseconds / 1000).ok()?;
    let nanos = u32::try_from(milliseconds % 1000).ok()?.checked_mul(1_000_000)?;
    Timestamp::new(seconds, nanos)
}

/// Reads a time of RFC 3339, such as `2026-01-31T12:00:00Z`, as [`Conversation::now`]. `None` for another text, and before 1970.
#[must_use]
pub fn parse_time(text: &str) -> Option<u64> {
    Timestamp::parse(text)?.unix_millis()
}

// === impl ConversationFacts ===

impl ConversationFacts {
    /// Returns the number of calls of a tool.
    #[must_use]
    pub fn count(&self, tool: &str) -> u32 {
        self.calls.get(tool).copied().unwrap_or_default()
    }

    /// Counts one more call of a tool.
    pub fn add_call(&mut self, tool: &str) {
        match self.calls.get_mut(tool) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(self.calls.insert(tool.to_owned(), 1)),
        }
    }
}

// === impl Reads ===

impl Reads {
    /// Collects the facts that the conditions of roles and tools read.
    pub(crate) fn of<'c>(claims: &ClaimTypes, roles: impl Iterator<Item = &'c Role>, tools: &'c [Tool]) -> Self {
        all(roles, tools).fold(Self::default(), |reads, condition| reads.and(condition, claims))
    }

    fn and(mut self, condition: &Condition, claims: &ClaimTypes) -> Self {
        self.conversation |= condition.functions().iter().any(|function| *function < OF_CONVERSATION);
        for index in condition.facts() {
            match known(*index, claims) {
                Some(Known::Claim(_)) => self.claims = true,
                Some(Known::Model) => self.model = true,
                Some(Known::Now) => self.now = true,
                Some(Known::Tainted) => (self.conversation, self.tainted) = (true, true),
                Some(Known::Rounds | Known::Turns) => self.conversation = true,
                Some(Known::Tenant | Known::Role | Known::Arguments) | None => {}
            }
        }
        self
    }

    /// Returns true if a decision needs none of these facts.
    #[must_use]
    pub fn nothing(self) -> bool {
        self == Self::default()
    }
}
