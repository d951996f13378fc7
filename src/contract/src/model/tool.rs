//! Roles and tools of a contract.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use callgate_condition::Condition;
use callgate_json::Value;
use callgate_limits::Limit;
use callgate_provenance::Extent;

use super::Contract;
use crate::kinds::RoleProfile;
use crate::kinds::mark::Mark;
use crate::mcp::ArgumentHeader;
use crate::run::Run;
use crate::schema::Schema;
use crate::sources::SourceRules;
use crate::tool_names;
use crate::violation::{Code, Violation};

/// A role: a name, the tools it may use, when, and how often.
#[derive(Debug)]
pub struct Role {
    pub(crate) name: Arc<str>,
    pub(crate) tools: BTreeSet<String>,
    /// The beginnings of its globs.
    pub(crate) beginnings: Vec<String>,
    pub(crate) profile: Option<Arc<RoleProfile>>,
    pub(crate) when: Option<When>,
    pub(crate) limits: Vec<Limit>,
}

/// A condition on calls.
#[derive(Debug)]
pub(crate) struct When {
    pub(crate) condition: Condition,
    /// It is decided and reported, and not enforced.
    pub(crate) shadow: bool,
}

/// The effects of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effects {
    /// It only reads.
    Read,
    /// It may change something.
    Write,
    /// It may delete or revoke something, or change it beyond repair.
    Destructive,
}

/// The trust in a tool's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// It has no text of outsiders.
    Trusted,
    /// It may have text of outsiders; the default.
    Untrusted,
}

/// The approval a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// No approval; the default.
    Never,
    /// Approval of every call, each by itself.
    Always {
        /// The number of different persons who must agree, 1 to 3.
        approvers: u8,
    },
    /// Approval of each call for which `approval.when` holds.
    When {
        /// The number of different persons who must agree, 1 to 3.
        approvers: u8,
    },
}

/// The form in which the audit log keeps a call's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Their SHA-256; the default.
    Digest,
    /// The arguments themselves too.
    Full,
}

/// One tool of the contract.
#[derive(Debug)]
pub struct Tool {
    pub(crate) name: Arc<str>,
    pub(crate) description: Option<String>,
    pub(crate) parameters: Arc<Schema>,
    /// The arguments that clients of MCP repeat in headers.
    pub(crate) argument_headers: Vec<ArgumentHeader>,
    pub(crate) result: Option<Arc<Schema>>,
    pub(crate) effects: Effects,
    /// The strings of its arguments with a kind.
    pub(crate) marks: Vec<Mark>,
    /// True if the profile of a role may ask a person because of a marked string.
    pub(crate) may_ask: bool,
    /// True if a condition of the tool reads what a marked string means.
    pub(crate) asks_kinds: bool,
    pub(crate) sources: SourceRules,
    pub(crate) when: Option<When>,
    pub(crate) approval: Approval,
    pub(crate) approval_when: Option<Condition>,
    pub(crate) audit: Audit,
    pub(crate) limits: Vec<Limit>,
    /// The digest of the reviewed definition of an MCP server.
    pub(crate) definition: Option<String>,
    pub(crate) run: Run,
}

// === impl Effects ===

impl Effects {
    /// Its word in a contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
        }
    }
}

// === impl Role ===

impl Role {
    /// Its name in the contract.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name, without a copy.
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Returns true if it may use that tool. [`Contract::permit`] is the public form.
    pub(crate) fn may_use(&self, tool: &Tool) -> bool {
        self.tools.contains(&*tool.name)
    }

    /// Returns true if it may use a tool whose name begins with `prefix`. If not, [`decide`](crate::decide) refuses
    /// every call whose name begins with it, whatever its arguments.
    pub fn may_use_one_named(&self, prefix: &str) -> bool {
        let of_glob = || self.beginnings.iter().any(|beginning| prefix.starts_with(beginning.as_str()));
        self.tools
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .next()
            .is_some_and(|name| name.starts_with(prefix))
            || of_glob()
    }

    /// Its rates and budgets, for the callers of each tenant together.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The tools it may use, in the contract's order.
    pub fn tools<'a>(&'a self, contract: &'a Contract) -> impl Iterator<Item = &'a Tool> {
        contract.tools.iter().filter(|tool| self.may_use(tool))
    }
}

// === impl Approval ===

impl Approval {
    /// Returns the number of persons who must agree to a call that needs approval; 0 if none ever does.
    #[must_use]
    pub fn approvers(self) -> u8 {
        match self {
            Self::Never => 0,
            Self::Always { approvers } | Self::When { approvers } => approvers,
        }
    }
}

// === impl Tool ===

impl Tool {
    /// Its name: 1 to 128 of `A-Z a-z 0-9 _ - . : /`, with a `*` at its end if it is a [glob](Tool::is_glob).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns true if it stands for every name with its beginning.
    pub fn is_glob(&self) -> bool {
        tool_names::beginning(&self.name).is_some()
    }

    /// Its name, without a copy.
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// The description for the model.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The JSON Schema of its arguments, self-contained and without marks of argument kinds.
    pub fn parameters(&self) -> &Value {
        self.parameters.value()
    }

    /// The JSON Schema of its result, if the contract has one.
    pub fn result(&self) -> Option<&Value> {
        self.result.as_deref().map(Schema::value)
    }

    /// Its effects.
    pub fn effects(&self) -> Effects {
        self.effects
    }

    /// The trust in its whole result. A result with places of its own is [`Output::Untrusted`] here.
    pub fn output(&self) -> Output {
        match self.sources.output.trusted {
            Extent::Everywhere => Output::Trusted,
            Extent::Nowhere | Extent::Places(_) => Output::Untrusted,
        }
    }

    /// Returns true if the meaning of an argument may depend on the workspace.
    #[must_use]
    pub fn needs_workspace(&self) -> bool {
        self.marks.iter().any(|mark| mark.kind.needs_workspace())
    }

    /// Returns true if a decision on a call needs the texts of the conversation.
    pub fn reads_texts(&self) -> bool {
        self.sources.reads_texts()
    }

    /// Returns true if the model may be told of a broken rule and asked again, whatever `onViolation` says.
    pub fn may_feed_back(&self) -> bool {
        self.sources.may_feed_back()
    }

    /// The approval a call needs.
    pub fn approval(&self) -> Approval {
        self.approval
    }

    /// Returns true if [`decide`](crate::decide) may hold a call of this tool for a person.
    pub fn may_need_approval(&self) -> bool {
        self.approval != Approval::Never || self.may_ask || self.sources.may_hold()
    }

    /// True if a string of its arguments has an argument kind.
    pub fn is_marked(&self) -> bool {
        !self.marks.is_empty()
    }

    /// The form in which the audit log keeps a call's arguments.
    pub fn audit(&self) -> Audit {
        self.audit
    }

    /// The rates of its calls, for the callers of each tenant together, whatever their roles are.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The runner of its calls.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Checks a tool's result against `result`; everything passes if the contract has none.
    ///
    /// # Errors
    /// `result_invalid`, with the place in the result and the expected value.
    pub fn check_result(&self, result: &Value) -> Result<(), Violation> {
        match &self.result {
            Some(schema) if !schema.accepts(result) => {
                let problem = schema.explain(result);
                Err(Violation::new(Code::ResultInvalid, &self.name, problem.pointer, problem.message))
            }
            _ => Ok(()),
        }
    }
}
