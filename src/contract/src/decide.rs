//! The decision on one call.
//!
//! The checks run in this order and the first failure wins: name in table, role may use it, arguments are strict
//! JSON, arguments valid against the schema, marked strings under the role's profile, the rules about sources (`origin`, entities, confidential values, `requires`), `when` of the role, `when` of the tool, turn limit, approval. Each is a lookup, one pass over
//! the arguments, or a condition with a bound on its steps. None depends on how many tools the contract has, and nothing is compiled
//! here. A message is built only for a denial.
//!
//! The limit comes before approval, so nobody is asked to approve a call over the limit.
//!
//! A rule that is not enforced (`shadow: true`, or any with `enforce: false`) denies nothing: the next check follows, and
//! the first such rule that it breaks stands in [`Approved::shadowed`].
//!
//! A condition without a value denies: if a fact is absent, or an operation has no result.
//!
//! A rule with `otherwise: approve` lets the other checks go on, and a person must approve the call if they all pass.

use std::fmt;
use std::sync::Arc;

use callgate_condition::Condition;
use callgate_json::{Map, Value, name_in_sentence};

use crate::claims::CallerClaims;
use crate::conditions::{CallFacts, ConversationFacts, holds};
use crate::kinds::facts::KindFacts;
use crate::kinds::{self, JudgedString};
use crate::model::{Approval, Contract, Role, Tool};
use crate::run::Run;
use crate::sources::{self, Texts};
use crate::violation::{Code, Violation};

/// The caller of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The tenant, for limits and logs.
    pub tenant: String,
    /// The role, which decides what may be used.
    pub role: String,
    /// The claims, as [`ClaimTypes::admit`](crate::ClaimTypes::admit) takes them for the contract.
    pub claims: CallerClaims,
    /// The value of the header that [`Contract::workspace_header`] names; `None` if the request has no such header, or more than one.
    pub workspace: Option<String>,
}

// === impl Caller ===

impl Caller {
    /// A caller without claims.
    #[must_use]
    pub fn new(tenant: impl Into<String>, role: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), role: role.into(), ..Self::default() }
    }
}

/// One tool call as the model wrote it. Nothing in it is trusted.
#[derive(Clone, Copy, Debug)]
pub struct ProposedCall<'a> {
    /// The tool's name; empty if the model wrote none.
    pub name: &'a str,
    /// The text of the arguments. The empty text means `{}` if the tool's schema accepts `{}`.
    pub arguments: &'a str,
}

/// The facts on which a decision depends, beside the caller and the call.
///
/// [`Contract::reads`] says which of them the conditions of a contract read. If one of those is absent, the condition has no value, and
/// the call is denied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conversation<'a> {
    /// The number of earlier calls in the same turn.
    pub calls_before: u32,
    /// The model of the request.
    pub model: Option<&'a str>,
    /// The time, in milliseconds since the Unix epoch.
    pub now: Option<u64>,
    /// The facts of the conversation before this call.
    pub facts: Option<&'a ConversationFacts>,
    /// The texts before this call, if [`Tool::reads_texts`] says that the call's tool needs them.
    pub texts: Texts<'a>,
    /// True if the model can be told of a broken rule with `otherwise: feedback`. If not, a person must approve the call.
    pub can_feed_back: bool,
}

/// The outcome.
#[derive(Clone, Debug)]
pub enum Verdict<'c> {
    /// The call may run, in this form.
    Allow(Approved<'c>),
    /// The call may run once a person has agreed to just this tool with just these arguments for this caller.
    NeedsApproval(Approved<'c>),
    /// The call may not run.
    Deny(Violation),
}

/// A call that may run. Only this form is forwarded: what is checked is what runs.
#[derive(Clone, Debug)]
pub struct Approved<'c> {
    /// The tool in the contract's table.
    pub tool: &'c Tool,
    /// The called name. It differs from the tool's if that is a glob.
    pub name: Arc<str>,
    /// The arguments as they were checked.
    pub arguments: Value,
    /// The same arguments as RFC 8785 text.
    pub canonical: String,
    /// The broken rule because of which a person must approve the call; `None` if the contract asks for approval by itself.
    pub because: Option<Violation>,
    /// The first broken rule that is not enforced: one with `shadow: true`, or any in shadow mode.
    pub shadowed: Option<Violation>,
}

// === impl Verdict ===

impl Verdict<'_> {
    /// Puts the called name into violations that name the glob.
    fn name_call(&mut self, glob: &Tool, name: &str) {
        let (first, second) = match self {
            Self::Allow(approved) | Self::NeedsApproval(approved) => {
                (approved.because.as_mut(), approved.shadowed.as_mut())
            }
            Self::Deny(violation) => (Some(violation), None),
        };
        for violation in first.into_iter().chain(second).filter(|violation| violation.tool == glob.name()) {
            violation.tool = name_in_sentence(name);
        }
    }
}

/// Decides one call. A pure function: the same inputs give the same verdict.
pub fn decide<'c>(
    contract: &'c Contract,
    caller: &Caller,
    conversation: &Conversation<'_>,
    call: &ProposedCall<'_>,
) -> Verdict<'c> {
    let decided = check(contract, caller, conversation, call).and_then(|(mut approved, mut shadow, judged)| {
        let needs_approval = match (approved.tool.approval(), &approved.tool.approval_when) {
            (Approval::Never, _) => false,
            (Approval::When { .. }, Some(when)) => {
                let kinds = KindFacts::of(approved.tool, &judged);
                let facts = CallFacts { contract, caller, conversation, arguments: &approved.arguments, kinds: &kinds };
                match value(when, Named::Approval, &facts, call) {
                    Ok(needs_approval) => needs_approval,
                    Err(violation) => shadow.broken(false, violation).map(|()| false)?,
                }
            }
            (Approval::Always { .. } | Approval::When { .. }, _) => true,
        };
        if shadow.covers_all {
            let asked = || {
                let (tool, message) = (approved.tool.name(), "expected a person's approval".to_owned());
                Violation::new(Code::ApprovalRequired, tool, String::new(), message)
            };
            let broken = approved.because.take().or_else(|| needs_approval.then(asked));
            approved.shadowed = shadow.first.or(broken);
            return Ok(Verdict::Allow(approved));
        }
        approved.shadowed = shadow.first;
        let needs_approval = needs_approval || approved.because.is_some();
        Ok(if needs_approval { Verdict::NeedsApproval(approved) } else { Verdict::Allow(approved) })
    });
    let mut verdict = decided.unwrap_or_else(Verdict::Deny);
    if let Some(tool) = contract.tool(call.name).filter(|tool| tool.is_glob()) {
        verdict.name_call(tool, call.name);
    }
    verdict
}

fn check<'c>(
    contract: &'c Contract,
    caller: &Caller,
    conversation: &Conversation<'_>,
    call: &ProposedCall<'_>,
) -> Result<(Approved<'c>, Shadow, Vec<JudgedString>), Violation> {
    let deny = |code, message| Violation::new(code, call.name, String::new(), message);
    if call.name.is_empty() {
        return Err(deny(Code::CallMalformed, "expected the call to name a tool".to_owned()));
    }
    let role = contract.role(&caller.role);
    let mut shadow = Shadow { covers_all: covers_all(contract, call.name), first: None };
    let tool = match contract.permit(role, call.name) {
        Ok(tool) => tool,
        Err(forbidden) => {
            shadow.broken(false, deny(forbidden.code(), expected_tool(contract, role)))?;
            contract.tool(call.name).ok_or_else(|| deny(forbidden.code(), expected_tool(contract, role)))?
        }
    };
    let (arguments, canonical) = read_arguments(tool, call, &mut shadow)?;
    let mut judged = Vec::new();
    let asked = match kinds::check(contract, (role, caller.workspace.as_deref()), tool, &arguments, &mut judged) {
        Ok(asked) => asked,
        Err(violation) => shadow.broken(false, violation).map(|()| None)?,
    };
    let asked = match kinds::code::check(contract, caller, conversation, tool, &judged) {
        Ok(inner) => {
            shadow.first = shadow.first.or(inner.shadowed);
            asked.or(inner.held)
        }
        Err(violation) => shadow.broken(false, violation).map(|()| asked)?,
    };
    let broken = sources::check(contract, tool, conversation, &arguments);
    let because = match broken {
        Ok(sources::Broken { held, shadowed }) => {
            shadow.first = shadow.first.or(shadowed);
            asked.or(held)
        }
        Err(violation) => shadow.broken(false, violation).map(|()| asked)?,
    };
    let of_role = role.and_then(|role| Some((role.when.as_ref()?, Named::Role(role.name()))));
    let of_tool = tool.when.as_ref().map(|when| (when, Named::Tool));
    let readings = KindFacts::of(tool, &judged);
    let facts = CallFacts { contract, caller, conversation, arguments: &arguments, kinds: &readings };
    for (when, named) in of_role.into_iter().chain(of_tool) {
        match value(&when.condition, named, &facts, call) {
            Ok(true) => {}
            Ok(false) => {
                shadow.broken(when.shadow, deny(Code::ConditionUnmet, format!("expected {named} to hold")))?;
            }
            Err(violation) => shadow.broken(when.shadow, violation)?,
        }
    }
    let limit = contract.limits().max_tool_calls_per_turn;
    if conversation.calls_before >= limit {
        let message = format!("expected at most {limit} tool calls in one turn");
        shadow.broken(false, deny(Code::LimitExceeded, message))?;
    }
    let name = if tool.is_glob() { call.name.into() } else { tool.shared_name() };
    Ok((Approved { tool, name, arguments, canonical, because, shadowed: None }, shadow, judged))
}

/// The broken rules that are not enforced.
struct Shadow {
    /// No rule is enforced on this call.
    covers_all: bool,
    first: Option<Violation>,
}

// === impl Shadow ===

impl Shadow {
    /// Denies the call, or remembers the broken rule if it is not enforced.
    fn broken(&mut self, is_shadow: bool, violation: Violation) -> Result<(), Violation> {
        if !self.covers_all && !is_shadow {
            return Err(violation);
        }
        self.first.get_or_insert(violation);
        Ok(())
    }
}

/// Returns true in shadow mode, for a tool that the client runs. The executor runs nothing against the contract.
fn covers_all(contract: &Contract, tool: &str) -> bool {
    !contract.enforces() && contract.tool(tool).is_some_and(|tool| matches!(tool.run(), Run::Client))
}

/// A condition in a sentence.
#[derive(Clone, Copy)]
enum Named<'c> {
    Role(&'c str),
    Tool,
    Approval,
}

// === impl Named ===

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(name) => write!(f, "`when` of role `{name}`"),
            Self::Tool => f.write_str("the tool's `when`"),
            Self::Approval => f.write_str("the tool's `approval.when`"),
        }
    }
}

/// Returns the value of a condition.
fn value(
    condition: &Condition,
    named: Named<'_>,
    facts: &CallFacts<'_>,
    call: &ProposedCall<'_>,
) -> Result<bool, Violation> {
    holds(condition, facts).map_err(|error| {
        let message = format!("expected {named} to have a value: {error}");
        Violation::new(Code::ConditionUnmet, call.name, String::new(), message)
    })
}

/// The arguments, strict and valid against the tool's schema, and their canonical text.
fn read_arguments(tool: &Tool, call: &ProposedCall<'_>, shadow: &mut Shadow) -> Result<(Value, String), Violation> {
    let schema = &tool.parameters;
    if call.arguments.is_empty() {
        let nothing = Value::Object(Map::new());
        if schema.accepts(&nothing) {
            return Ok((nothing, "{}".to_owned()));
        }
        let message = "expected a JSON object; the text is empty, and the tool has required arguments";
        shadow.broken(false, Violation::new(Code::ArgumentsNotJson, call.name, String::new(), message.to_owned()))?;
        return Ok((nothing, "{}".to_owned()));
    }
    let (arguments, canonical) = callgate_json::read_canonical(call.arguments.as_bytes()).map_err(|error| {
        let message = format!("expected one strict JSON object: {error}");
        Violation::new(Code::ArgumentsNotJson, call.name, String::new(), message)
    })?;
    if arguments.is_object() && schema.accepts(&arguments) {
        return Ok((arguments, canonical));
    }
    let problem = schema.explain(&arguments);
    let violation = Violation::new(Code::ArgumentsInvalid, call.name, problem.pointer, problem.message);
    if !arguments.is_object() {
        return Err(violation);
    }
    shadow.broken(false, violation)?;
    Ok((arguments, canonical))
}

/// Names the caller's role, and no tool, because people and clients read the sentence.
fn expected_tool(contract: &Contract, role: Option<&Role>) -> String {
    match role {
        None => "expected the caller to have a role of the contract".to_owned(),
        Some(role) if role.tools(contract).next().is_none() => {
            format!("expected no call: role `{}` may use no tool", role.name())
        }
        Some(role) => format!("expected a tool that role `{}` may use", role.name()),
    }
}
