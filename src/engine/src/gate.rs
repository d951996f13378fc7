//! The gate: everything that stays the same between exchanges.

use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use callgate_contract::{Caller, Contract, NameTable, OnViolation, Role, Run, Tool};
use callgate_limits::Slots;
use callgate_wire::{DIALECTS, Declaration, OutputLimit, ReleasePolicy, Row, is_judged};

use crate::budget::{Budget, DEFAULT_HELD_BYTES};
use crate::path::{Route, hides_a_slash, is_normal};

/// The rules of a contract, and the memory budget of one worker. Shared by the exchanges of a worker.
#[derive(Debug)]
pub struct Gate {
    rules: Arc<Rules>,
    pub(crate) budget: Rc<Budget>,
    /// False if limits over time and conversations do not count.
    counts: bool,
}

/// A contract, the source of callers' identities, the paths of APIs and the offer of tools. Built once, shared by the gates of all
/// workers.
#[derive(Debug)]
pub struct Rules {
    pub(crate) contract: Contract,
    /// A contract that decides too and enforces nothing.
    pub(crate) candidate: Option<Contract>,
    pub(crate) identity: IdentitySource,
    pub(crate) paths: Paths,
    pub(crate) offer: Offer,
    pub(crate) output_limit: OutputLimit,
    pub(crate) stream_usage: StreamUsage,
    /// The declarations of the contract's tools for models, by name.
    pub(crate) declarations: NameTable<Declaration>,
    /// Roles whose calls are decided together: one may lead to a further round, or wait for the executor's release.
    goes_on: NameTable<()>,
    /// True if an executor records decisions.
    records: bool,
    held_bytes: usize,
}

/// The source of the caller's tenant and role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// Two headers that only a trusted proxy can set. They are not forwarded to the upstream.
    Header {
        /// Name of the tenant's, in lower case.
        tenant: String,
        /// Name of the role's, in lower case.
        role: String,
    },
    /// A header with the client's id, which only Envoy's `api_key_auth` can set, and the caller of each id. The header is not forwarded
    /// to the upstream.
    Client {
        /// Name of the header, in lower case.
        header: String,
        /// The callers by the clients' ids.
        callers: HashMap<String, Caller>,
    },
    /// Claims of a token verified by the host.
    Claims,
    /// A client certificate verified by the host, and the caller of each name in it.
    Certificate {
        /// The callers by the certificates' URI SANs, such as SPIFFE ids.
        callers: HashMap<String, Caller>,
    },
}

// === impl IdentitySource ===

impl IdentitySource {
    /// Refuses a client whose role the contract lacks.
    fn check(&self, contract: &Contract) -> Result<(), GateError> {
        let (Self::Client { callers, .. } | Self::Certificate { callers }) = self else { return Ok(()) };
        match callers.iter().find(|(_, caller)| contract.role(&caller.role).is_none()) {
            Some((client, caller)) => Err(GateError::ClientRole { client: client.clone(), role: caller.role.clone() }),
            None => Ok(()),
        }
    }
}

/// The paths of the APIs, and the paths forwarded unread.
#[derive(Debug, Clone)]
pub struct Paths {
    routes: Vec<(Route, &'static Row)>,
    passthrough: Vec<String>,
}

impl Paths {
    /// Puts every dialect at its own paths, or at those `named` gives for its [`Row::key`]. A path is exact, without query;
    /// `{model}` in it matches one segment or a part of one. Requests and responses of a passthrough path are forwarded unread. It
    /// may end in `*`, which matches every path with that beginning.
    #[must_use]
    pub fn new(named: &HashMap<String, Vec<String>>, passthrough: Vec<String>) -> Self {
        let own = |row: &Row| row.paths.iter().map(|path| (*path).to_owned()).collect();
        let paths = |row: &'static Row| -> Vec<String> { named.get(row.key).cloned().unwrap_or_else(|| own(row)) };
        let routes = DIALECTS.iter().flat_map(|row| paths(row).into_iter().map(move |path| (Route::new(&path), row)));
        Self { routes: routes.collect(), passthrough }
    }

    /// Returns the dialect of a path.
    pub(crate) fn dialect(&self, path: &str) -> Option<(&Route, &'static Row)> {
        self.routes.iter().find(|(route, _)| route.matches(path)).map(|(route, row)| (route, *row))
    }

    /// Refuses paths that can never match, and ambiguous paths.
    fn check(&self) -> Result<(), GateError> {
        for (position, (route, row)) in self.routes.iter().enumerate() {
            if !route.is_valid(row.dialect().is_some()) {
                return Err(GateError::PathPattern { key: row.key, path: route.to_string() });
            }
            if self.routes.iter().take(position).any(|(other, _)| other == route) {
                return Err(GateError::PathTwice { path: route.to_string() });
            }
            if let Some(path) = self.passthrough.iter().find(|entry| route.meets(entry)) {
                return Err(GateError::PassthroughHidesDialect { path: path.clone(), dialect_path: route.to_string() });
            }
        }
        let plain = |entry: &&String| {
            let path = entry.strip_suffix('*').unwrap_or(entry);
            // An entry may end in the middle of a segment, because `*` matches the rest.
            !is_normal(path) || hides_a_slash(path) || path.contains('*')
        };
        match self.passthrough.iter().find(plain) {
            Some(path) => Err(GateError::PathPattern { key: "passthrough", path: path.clone() }),
            None => Ok(()),
        }
    }

    /// Returns true for a path that is forwarded unread.
    pub(crate) fn passes(&self, path: &str) -> bool {
        self.passthrough.iter().any(|entry| covers(entry, path))
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self::new(&HashMap::new(), Vec::new())
    }
}

/// The tools declared to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Offer {
    /// The caller's declared tools.
    #[default]
    Declared,
    /// The caller's declared tools and the role's server-run tools. The application need not know of the latter.
    Inject,
}

/// The rule for streams whose API reports the usage only if it is asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StreamUsage {
    /// The gate asks if a rule needs the usage, and hides it from clients that did not ask.
    #[default]
    Ask,
    /// The gate never asks, for upstreams that refuse `stream_options`. A missing usage is estimated.
    Leave,
}

/// The reason for refusing a gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// A server-run tool without an executor to run it.
    #[error("`executor` is missing: tool `{tool}` is run by the executor; name its cluster")]
    NoExecutor {
        /// The first such tool.
        tool: String,
    },
    /// Calls that the executor must release, without an executor.
    #[error(
        "`executor` is missing: the contract lets the client have calls of `{tool}` only if the executor releases them; name its \
         cluster"
    )]
    NoAuthorizer {
        /// The first such tool.
        tool: String,
    },
    /// Further rounds without a cluster to ask the model again.
    #[error("`upstream` is missing: {because}; name the cluster on which the model is asked again")]
    NoUpstream {
        /// The part of the contract that needs further rounds.
        because: String,
    },
    /// An entry of `requestMembers.allow` on which the gate itself decides.
    #[error(
        "`requestMembers.allow` lists `{member}`, which the gate reads and decides on itself; remove it, because listing it \
             would change nothing"
    )]
    MemberJudged {
        /// The entry.
        member: String,
    },
    /// A path that no request can have, or with a `{model}` its API does not read.
    #[error(
        "`paths.{key}` lists `{path}`, which no request can match; write a path in normal form, with one `{{model}}` at most and \
             only if the API is a model's"
    )]
    PathPattern {
        /// The list with the path.
        key: &'static str,
        /// The path.
        path: String,
    },
    /// A budget too small for one exchange.
    #[error(
        "`heldBytes` is too small for the contract; give at least {least} bytes, twice `requestBytes` and `responseBytes`"
    )]
    HeldBytes {
        /// Bytes.
        least: u64,
    },
    /// A client whose role the contract lacks.
    #[error(
        "`identity` gives client `{client}` the role `{role}`, which the contract lacks; name a role of `spec.roles`"
    )]
    ClientRole {
        /// The client's id.
        client: String,
        /// The role.
        role: String,
    },
    /// Two APIs at one path.
    #[error("`paths` lists `{path}` twice; give each API paths of its own")]
    PathTwice {
        /// The path.
        path: String,
    },
    /// A passthrough path that would forward calls undecided.
    #[error("`paths.passthrough` lists `{path}`, which would let the calls of `{dialect_path}` through undecided")]
    PassthroughHidesDialect {
        /// The passthrough entry.
        path: String,
        /// The covered path of a dialect.
        dialect_path: String,
    },
}

/// Which clusters an adapter can reach.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// There is an executor.
    pub executor: bool,
    /// The model can be asked again.
    pub upstream: bool,
}

impl Rules {
    /// Compiles the rules of a gate, if everything the contract needs is there.
    ///
    /// # Errors
    /// Names the first fault.
    pub fn new(
        contract: Contract,
        identity: IdentitySource,
        paths: Paths,
        offer: Offer,
        reach: Reach,
    ) -> Result<Self, GateError> {
        let server_run = contract.tools().iter().find(|tool| !matches!(tool.run(), Run::Client));
        if let Some(tool) = server_run {
            if !reach.executor {
                return Err(GateError::NoExecutor { tool: tool.name().to_owned() });
            }
            if !reach.upstream {
                let because = format!("the result of tool `{}` goes back to the model", tool.name());
                return Err(GateError::NoUpstream { because });
            }
        }
        let asked = contract.tools().iter().find(|tool| contract.may_need_authorization(tool));
        if let (Some(tool), false) = (asked, reach.executor) {
            return Err(GateError::NoAuthorizer { tool: tool.name().to_owned() });
        }
        if matches!(contract.on_violation(), OnViolation::Feedback) && !reach.upstream {
            return Err(GateError::NoUpstream { because: "the contract has `onViolation: feedback`".to_owned() });
        }
        if let Some(tool) = contract.tools().iter().find(|tool| tool.may_feed_back())
            && !reach.upstream
        {
            let because = format!("tool `{}` has `feedback`", tool.name());
            return Err(GateError::NoUpstream { because });
        }
        paths.check()?;
        identity.check(&contract)?;
        if let Some(member) = contract.request_members().allow.iter().find(|member| is_judged(member)) {
            return Err(GateError::MemberJudged { member: member.clone() });
        }
        let declarations = contract
            .tools()
            .iter()
            .map(|tool| {
                let declaration = Declaration::new(tool.name(), tool.description(), tool.parameters());
                (tool.name().to_owned(), declaration)
            })
            .collect();
        let leads_on = |tool: &Tool| {
            tool.may_feed_back() || !matches!(tool.run(), Run::Client) || contract.may_need_authorization(tool)
        };
        let goes_on = |role: &Role| role.tools(&contract).any(leads_on);
        let goes_on = contract.roles().filter(|role| goes_on(role)).map(|role| (role.name().to_owned(), ())).collect();
        Ok(Self {
            contract,
            candidate: None,
            identity,
            paths,
            offer,
            output_limit: OutputLimit::Auto,
            stream_usage: StreamUsage::Ask,
            declarations,
            goes_on,
            records: reach.executor,
            held_bytes: usize::try_from(DEFAULT_HELD_BYTES).unwrap_or(usize::MAX),
        })
    }

    /// Changes the bound on the bytes held by all exchanges together.
    ///
    /// # Errors
    /// [`GateError::HeldBytes`] if one exchange could not hold as many bytes as the contract allows.
    pub fn with_held_bytes(self, most: u64) -> Result<Self, GateError> {
        let limits = self.contract.limits();
        // A tenant alone gets half of the budget.
        let least = limits.request_bytes.saturating_add(limits.response_bytes).saturating_mul(2);
        match usize::try_from(most) {
            Ok(bytes) if most >= least => Ok(Self { held_bytes: bytes, ..self }),
            _ => Err(GateError::HeldBytes { least }),
        }
    }

    /// Adds a candidate: a contract that decides every call too. Differences are counted, and only the first contract is enforced.
    #[must_use]
    pub fn with_candidate(self, candidate: Contract) -> Self {
        Self { candidate: Some(candidate), ..self }
    }

    /// Returns true if every call whose name has this beginning is refused, whatever its arguments. A contract that decides and does
    /// not enforce reads the arguments too.
    pub(crate) fn dooms(&self, role: &str, beginning: &str) -> bool {
        let may_use = |contract: &Contract| contract.role(role).is_some_and(|role| role.may_use_one_named(beginning));
        self.contract.enforces()
            && !may_use(&self.contract)
            && !self.candidate.as_ref().is_some_and(|candidate| !candidate.enforces() || may_use(candidate))
    }

    /// Changes the name of the output token limit in Chat Completions.
    #[must_use]
    pub fn with_output_limit(self, output_limit: OutputLimit) -> Self {
        Self { output_limit, ..self }
    }

    /// Changes the rule for the usage of streams.
    #[must_use]
    pub fn with_stream_usage(self, stream_usage: StreamUsage) -> Self {
        Self { stream_usage, ..self }
    }

    /// Returns the release policy of a role's calls. A call is released alone only if no later call can take it back. A later one can
    /// if the model is asked again, or if the executor runs a tool or releases a call first.
    pub(crate) fn hold(&self, role: &str) -> ReleasePolicy {
        let again = matches!(self.contract.on_violation(), OnViolation::Feedback) || self.goes_on.contains_key(role);
        if again { ReleasePolicy::Turn } else { ReleasePolicy::Call }
    }

    /// Returns true if decisions are recorded.
    pub(crate) fn records(&self) -> bool {
        self.records
    }

    /// Returns the contract.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Creates the gate of one worker, with counters of its own. See [`Gate::with_slots`].
    #[must_use]
    pub fn gate(self: &Arc<Self>) -> Gate {
        Gate { rules: Arc::clone(self), budget: Rc::new(Budget::new(self.held_bytes)), counts: true }
    }
}

impl Deref for Gate {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        &self.rules
    }
}

impl Gate {
    /// Counts limits in this store, which the workers of a process share.
    #[must_use]
    pub fn with_slots(self, slots: Rc<dyn Slots>) -> Self {
        self.budget.choose_slots(slots);
        self
    }

    /// Leaves limits over time and conversations out: for exchanges that are played again without their times and headers.
    #[must_use]
    pub fn without_counts(self) -> Self {
        Self { counts: false, ..self }
    }

    /// Returns true if limits over time and conversations count.
    pub(crate) fn counts(&self) -> bool {
        self.counts
    }

    /// The store of counters.
    pub(crate) fn slots(&self) -> &dyn Slots {
        self.budget.slots()
    }

    /// Creates the gate of a process with one worker. See [`Rules::new`].
    ///
    /// # Errors
    /// Names the first fault.
    pub fn new(
        contract: Contract,
        identity: IdentitySource,
        paths: Paths,
        offer: Offer,
        reach: Reach,
    ) -> Result<Self, GateError> {
        Ok(Arc::new(Rules::new(contract, identity, paths, offer, reach)?).gate())
    }
}

/// Returns true if a passthrough entry matches a path.
pub(crate) fn covers(entry: &str, path: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => entry == path,
    }
}
