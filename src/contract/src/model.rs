//! The contract as it is used: everything resolved, compiled and looked up by key.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use callgate_condition::Condition;
use callgate_json::Value;
use callgate_limits::{Limit, Unit};
use callgate_provenance::Extent;
use callgate_redact::Policy;

use crate::claims::ClaimTypes;
use crate::conditions::Reads;
use crate::conversation::ConversationPolicy;
use crate::error::Diagnostic;
use crate::glob::Glob;
use crate::kinds::RoleProfile;
use crate::kinds::mark::Mark;
use crate::kinds::workspace::WorkspaceRule;
use crate::mcp::ArgumentHeader;
use crate::mcp_rules::McpRules;
use crate::prices::Prices;
use crate::run::Run;
use crate::schema::Schema;
use crate::sources::SourceRules;
use crate::tool_names::{self, ToolNames};
use crate::violation::{Code, Violation};

/// A table by names of a contract. Its author is trusted, so its hasher is fast rather than safe from names that collide.
pub type NameTable<V> = HashMap<String, V, foldhash::fast::RandomState>;

/// A valid contract: the table that decides every call.
///
/// It is immutable, holds no cell and can be shared by threads.
#[derive(Debug)]
pub struct Contract {
    pub(crate) digest: String,
    pub(crate) canonical: String,
    pub(crate) notes: Vec<Diagnostic>,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) models: Vec<Glob>,
    pub(crate) provider_tools: Vec<String>,
    pub(crate) server_state: ServerState,
    pub(crate) undeclared_tools: UndeclaredTools,
    pub(crate) request_members: RequestMembers,
    pub(crate) limits: Limits,
    pub(crate) conversation: Option<ConversationPolicy>,
    pub(crate) prices: Option<Prices>,
    pub(crate) on_violation: OnViolation,
    pub(crate) authorize: bool,
    pub(crate) results: Option<Policy>,
    pub(crate) trusts_users: bool,
    pub(crate) mcp: McpRules,
    pub(crate) enforce: bool,
    pub(crate) claims: ClaimTypes,
    pub(crate) workspace: Option<WorkspaceRule>,
    pub(crate) profiles: NameTable<Arc<RoleProfile>>,
    pub(crate) roles: NameTable<Role>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) names: ToolNames,
    pub(crate) reads: Reads,
    pub(crate) is_limited: bool,
    /// A role has a limit on tokens or cost.
    pub(crate) charges_usage: bool,
}

/// Limits of one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Output tokens a caller may ask for; no limit by default.
    pub max_output_tokens: Option<u64>,
    /// Calls in one answer of the model; 8 by default.
    pub max_tool_calls_per_turn: u32,
    /// Calls of the model in one exchange; 4 by default.
    pub max_rounds: u32,
    /// Bytes of a request's body; 8 MiB by default.
    pub request_bytes: u64,
    /// Bytes of a response's body; 4 MiB by default.
    pub response_bytes: u64,
    /// Time for one turn: one answer of the model, from the request for it to its last byte; 10 min by default.
    pub turn_timeout: Duration,
    /// Time in which nothing of a turn arrives: before its first byte, and between two bytes. By default 60 s,
    /// or `turn_timeout` if shorter.
    pub turn_idle_timeout: Duration,
    /// The store of the counts of rates, budgets and conversations; Envoy's by default.
    pub store: CountStore,
    /// The rule for requests and calls if the executor's store does not answer.
    pub store_unavailable: StoreUnavailable,
}

/// The store of the counts of rates, budgets and conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountStore {
    /// Each Envoy counts by itself; the default.
    #[default]
    Envoy,
    /// The executor counts for all Envoys that ask it.
    Executor,
}

/// The rule for requests and calls that cannot be counted, because the executor or its store does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreUnavailable {
    /// They are refused; the default.
    #[default]
    Refuse,
    /// They pass uncounted.
    Allow,
}

/// The answer to a turn with a refused call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnViolation {
    /// A well-formed answer with the refused call and the reason; the default.
    Refuse,
    /// An error in the dialect's own shape.
    Error,
    /// The violation goes back to the model as the tool's result, and it is asked again.
    Feedback,
}

/// The rule for conversations continued from state at the provider, which the gate cannot see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// Every request carries its whole conversation; the default.
    Refused,
    /// A request may name an earlier answer or a conversation instead.
    Allowed,
}

/// The rule for a declared or chosen tool missing from the contract or the caller's role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UndeclaredTools {
    /// The request is refused; the default.
    #[default]
    Refuse,
    /// The tool is left out of the request; the model never learns of it.
    Drop,
}

/// The rules for members of a request unknown to the gate's tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestMembers {
    /// The rule for members not in `allow`.
    pub unknown: UnknownMembers,
    /// Forwarded members, by the name of the top-level member or as a dotted path (`extra_body.store_hint`).
    pub allow: Vec<String>,
}

/// The rule for an unknown member. It never reaches the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownMembers {
    /// The member is left out of the request; the default.
    #[default]
    Drop,
    /// The request is refused.
    Refuse,
}

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

/// Returns true for a possible model name: printable ASCII without spaces.
#[must_use]
pub fn is_model_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Returns true if a name of a contract's `models`, in which `*` stands for any run of characters, matches a model.
#[must_use]
pub fn matches_model(pattern: &str, model: &str) -> bool {
    is_model_name(model) && Glob::new(pattern).matches(model)
}

// === impl Contract ===

impl Contract {
    /// `sha256:` and 64 hexadecimal digits: SHA-256 of [`Contract::canonical`].
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Notes on valid values worth a look, such as a granted folder outside of the contract's own.
    pub fn notes(&self) -> &[Diagnostic] {
        &self.notes
    }

    /// RFC 8785 text of the contract with every file it refers to inlined. Reading it again gives the same contract.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `metadata.version`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns true if a caller may name this upstream model.
    ///
    /// A name of other characters than printable ASCII matches no glob, and neither does one with a space or the empty
    /// one. No provider gives such names. A provider that trims or folds them would serve another model than the checked one.
    pub fn allows_model(&self, model: &str) -> bool {
        is_model_name(model) && self.models.iter().any(|glob| glob.matches(model))
    }

    /// Returns true if this tool may run at the provider.
    pub fn allows_provider_tool(&self, name: &str) -> bool {
        self.provider_tools.iter().any(|listed| listed == name)
    }

    /// Decides whether a conversation may continue from state at the provider.
    pub fn server_state(&self) -> ServerState {
        self.server_state
    }

    /// The rule for declared tools missing from the contract or the role.
    pub fn undeclared_tools(&self) -> UndeclaredTools {
        self.undeclared_tools
    }

    /// The rules for unknown members of requests.
    pub fn request_members(&self) -> &RequestMembers {
        &self.request_members
    }

    /// The claims of callers that its conditions may read.
    pub fn claims(&self) -> &ClaimTypes {
        &self.claims
    }

    /// Returns the header that states the workspace of a request, in lower case; `None` if the contract reads none.
    ///
    /// Only a proxy may set it. It is for the gate, not for the upstream.
    #[must_use]
    pub fn workspace_header(&self) -> Option<&str> {
        self.workspace.as_ref()?.header_name()
    }

    /// Returns the role of that name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// Every role, in no order.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// Returns the tool that decides calls of that name: the tool of the name, else the glob with the longest beginning.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.get(self.names.of_call(name)?)
    }

    /// Returns the tool with this name, as the contract writes it. The name of a glob ends in `*`.
    pub fn entry(&self, name: &str) -> Option<&Tool> {
        self.tools.get(self.names.as_written(name)?)
    }

    /// Returns the tool that decides calls of a name, or the calls of a glob's names, whether the contract has that glob or not.
    pub(crate) fn deciding(&self, name: &str) -> Option<&Tool> {
        self.tools.get(self.names.deciding(name)?)
    }

    /// Every tool, in the contract's order.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// Returns the longest time limit of a call at the executor; zero if the client runs every tool.
    pub fn longest_timeout(&self) -> Duration {
        self.tools.iter().filter_map(|tool| tool.run.timeout()).max().unwrap_or_default()
    }

    /// The facts that its conditions read. Only these are needed for a decision.
    pub fn reads(&self) -> Reads {
        self.reads
    }

    /// The facts that the gate sends to the executor with calls: those of [`reads`](Self::reads), and with `authorize: true` all that the
    /// executor's policies may read.
    pub fn sends(&self) -> Reads {
        let (Reads { model, now, conversation, tainted, claims }, all) = (self.reads, self.authorize);
        Reads { model: model || all, now, conversation: conversation || all, tainted: tainted || all, claims }
    }

    /// The rule for conversations over time, if the contract has one.
    pub fn conversation(&self) -> Option<&ConversationPolicy> {
        self.conversation.as_ref()
    }

    /// Returns true if a role or a tool has a rate or a budget.
    pub fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// The limits of an exchange.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The prices of models, if the contract has any.
    pub fn prices(&self) -> Option<&Prices> {
        self.prices.as_ref()
    }

    /// Returns true if a caller with this role may not use a model without a price.
    pub fn refuses_unpriced(&self, role: &Role) -> bool {
        let has_budget = role.limits.iter().any(|limit| limit.unit == Unit::Cost);
        has_budget || self.prices.as_ref().is_some_and(Prices::refuses_unpriced)
    }

    /// Returns true if a rule needs the tokens of every turn: then the gate asks for them, and estimates what is not reported.
    pub fn needs_usage(&self) -> bool {
        self.prices.is_some() || self.charges_usage
    }

    /// Returns false in shadow mode: calls that the client runs are decided and reported, and forwarded whatever the decision is.
    ///
    /// Calls of tools that the executor runs are always enforced, and so is everything that cannot be read in just one way.
    pub fn enforces(&self) -> bool {
        self.enforce
    }

    /// The policy on results and on the text of users, if the contract has one.
    pub fn results(&self) -> Option<&Policy> {
        self.results.as_ref()
    }

    /// The answer to a turn with a refused call.
    pub fn on_violation(&self) -> OnViolation {
        self.on_violation
    }

    /// Returns true if the executor must release each allowed call that the client runs: it may hold policies of its own.
    pub fn authorize(&self) -> bool {
        self.authorize
    }

    /// Returns true if the executor may have to release a call of this tool, which the client runs.
    pub fn may_need_authorization(&self, tool: &Tool) -> bool {
        let is_counted = || {
            self.limits.store == CountStore::Executor
                && self.roles.keys().any(|role| self.counts_calls(role, tool, true))
        };
        matches!(tool.run, Run::Client) && (self.authorize || tool.may_need_approval() || is_counted())
    }
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

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_output_tokens: None,
            max_tool_calls_per_turn: 8,
            max_rounds: 4,
            request_bytes: 8 << 20,
            response_bytes: 4 << 20,
            turn_timeout: Duration::from_secs(600),
            turn_idle_timeout: Duration::from_secs(60),
            store: CountStore::Envoy,
            store_unavailable: StoreUnavailable::Refuse,
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
