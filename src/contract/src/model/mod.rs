//! The contract as it is used: everything resolved, compiled and looked up by key.

mod settings;
mod tool;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use callgate_limits::Unit;
use callgate_redact::Policy;

pub use self::settings::{
    CountStore, Limits, OnViolation, RequestMembers, ServerState, StoreUnavailable, UndeclaredTools, UnknownMembers,
};
pub(crate) use self::tool::When;
pub use self::tool::{Approval, Audit, Effects, Output, Role, Tool};
use crate::claims::ClaimTypes;
use crate::conditions::Reads;
use crate::conversation::ConversationPolicy;
use crate::error::Diagnostic;
use crate::glob::Glob;
use crate::kinds::RoleProfile;
use crate::kinds::workspace::WorkspaceRule;
use crate::mcp_rules::McpRules;
use crate::prices::Prices;
use crate::run::Run;
use crate::tool_names::ToolNames;

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
