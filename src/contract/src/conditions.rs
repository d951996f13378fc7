//! The facts that conditions read, and the evaluation of a condition on one call.

use std::collections::BTreeMap;
use std::sync::Arc;

use callgate_condition::{Condition, Environment, EvalError, Fact, Facts, Member, Timestamp, Type};
use callgate_json::Value;

use crate::decide::{Caller, Conversation};
use crate::model::{Role, Tool};

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
}

/// A fact in the order of [`KNOWN`], which is the order of the environment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Tenant,
    Role,
    Model,
    Now,
    Tainted,
    Rounds,
    Turns,
    Arguments,
}

const KNOWN: [(&str, Known, Type); 7] = [
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

/// Returns the known names and their types. A role's condition has no arguments.
pub(crate) fn environment(tools: &Arc<[String]>, arguments: Option<Type>) -> Environment {
    let mut environment = Environment::default();
    for (name, _, kind) in KNOWN {
        environment = environment.fact(name, Member::required(kind));
    }
    if let Some(kind) = arguments {
        environment = environment.fact("args", Member::required(kind));
    }
    environment.function_of_names("conversation.called", Arc::clone(tools), Type::Bool).function_of_names(
        "conversation.count",
        Arc::clone(tools),
        Type::Int,
    )
}

/// Evaluates a condition on a call. An absent fact is an error.
pub(crate) fn holds(
    condition: &Condition,
    caller: &Caller,
    conversation: &Conversation<'_>,
    arguments: &Value,
) -> Result<bool, EvalError> {
    condition.holds(&CallFacts { caller, conversation, arguments })
}

struct CallFacts<'a> {
    caller: &'a Caller,
    conversation: &'a Conversation<'a>,
    arguments: &'a Value,
}

// === impl CallFacts ===

impl Facts for CallFacts<'_> {
    fn fact(&self, index: usize) -> Option<Fact<'_>> {
        let facts = self.conversation.facts;
        Some(match known(index)? {
            Known::Tenant => Fact::Text(self.caller.tenant.as_str().into()),
            Known::Role => Fact::Text(self.caller.role.as_str().into()),
            Known::Model => Fact::Text(self.conversation.model?.into()),
            Known::Now => Fact::Timestamp(timestamp(self.conversation.now?)?),
            Known::Tainted => Fact::Bool(facts?.tainted),
            Known::Rounds => Fact::Int(facts?.rounds.into()),
            Known::Turns => Fact::Int(facts?.turns.into()),
            Known::Arguments => Fact::Json(self.arguments),
        })
    }

    fn ask(&self, function: usize, arguments: &[Fact<'_>]) -> Option<Fact<'_>> {
        let [Fact::Text(name)] = arguments else { return None };
        let count = self.conversation.facts?.count(name);
        Some(if function == CALLED { Fact::Bool(count > 0) } else { Fact::Int(count.into()) })
    }
}

/// Returns the fact at a position of the environment.
fn known(index: usize) -> Option<Known> {
    match KNOWN.get(index) {
        Some((_, known, _)) => Some(*known),
        None => (index == KNOWN.len()).then_some(Known::Arguments),
    }
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
    pub(crate) fn of<'c>(roles: impl Iterator<Item = &'c Role>, tools: &'c [Tool]) -> Self {
        let when = roles.map(|role| &role.when).chain(tools.iter().map(|tool| &tool.when)).flatten();
        let approval = tools.iter().filter_map(|tool| tool.approval_when.as_ref());
        when.map(|when| &when.condition).chain(approval).fold(Self::default(), |reads, condition| reads.and(condition))
    }

    fn and(mut self, condition: &Condition) -> Self {
        self.conversation |= !condition.functions().is_empty();
        for index in condition.facts() {
            match known(*index) {
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
