//! What does not change between exchanges.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use callgate_contract::{Contract, OnViolation, Role, Run};
use callgate_wire::{DIALECTS, Declaration, OutputLimit, ReleasePolicy, Row, is_judged};

use crate::budget::{Budget, DEFAULT_HELD_BYTES};
use crate::head::{Route, hides_a_slash, is_normal};

/// A contract and how its callers are told, their paths found and their tools offered. Built once, shared by exchanges.
#[derive(Debug)]
pub struct Gate {
    pub(crate) contract: Contract,
    pub(crate) identity: Identity,
    pub(crate) paths: Paths,
    pub(crate) offer: Offer,
    pub(crate) output_limit: OutputLimit,
    /// What models are told of the contract's tools, by name.
    pub(crate) declarations: HashMap<String, Declaration>,
    /// Roles that may use a tool which the executor runs.
    server_run: HashSet<String>,
    /// Whether there is an executor, to keep what was decided.
    records: bool,
    pub(crate) budget: Rc<Budget>,
}

/// Where the caller's tenant and role come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Two headers that only a trusted proxy can set. They do not go on to the upstream.
    Header {
        /// Name of the tenant's, in lower case.
        tenant: String,
        /// Name of the role's, in lower case.
        role: String,
    },
    /// Claims of a token that the host has verified.
    Claims,
}

/// Where the APIs stand, and what is not read.
#[derive(Debug, Clone)]
pub struct Paths {
    routes: Vec<(Route, &'static Row)>,
    passthrough: Vec<String>,
}

impl Paths {
    /// Every dialect at its own paths, or at those that `named` gives for its [`Row::key`]: exact, without query, in which
    /// `{model}` stands for one segment or a part of one. A passthrough path goes on unread in both directions; it may end in `*`
    /// and then stands for every path that begins so.
    #[must_use]
    pub fn new(named: &HashMap<String, Vec<String>>, passthrough: Vec<String>) -> Self {
        let own = |row: &Row| row.paths.iter().map(|path| (*path).to_owned()).collect();
        let paths = |row: &'static Row| -> Vec<String> { named.get(row.key).cloned().unwrap_or_else(|| own(row)) };
        let routes = DIALECTS.iter().flat_map(|row| paths(row).into_iter().map(move |path| (Route::new(&path), row)));
        Self { routes: routes.collect(), passthrough }
    }

    /// The dialect that is spoken at a path.
    pub(crate) fn dialect(&self, path: &str) -> Option<(&Route, &'static Row)> {
        self.routes.iter().find(|(route, _)| route.matches(path)).map(|(route, row)| (route, *row))
    }

    /// Refuses paths that could never match, or that two readers could take for two things.
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
            // What follows a `*` completes a segment, so that the entry itself may end in the middle of one.
            !is_normal(path) || hides_a_slash(path) || path.contains('*')
        };
        match self.passthrough.iter().find(plain) {
            Some(path) => Err(GateError::PathPattern { key: "passthrough", path: path.clone() }),
            None => Ok(()),
        }
    }

    /// Whether a path goes on unread.
    pub(crate) fn passes(&self, path: &str) -> bool {
        self.passthrough.iter().any(|entry| covers(entry, path))
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self::new(&HashMap::new(), Vec::new())
    }
}

/// Which tools the model is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Offer {
    /// Those that the caller declared.
    #[default]
    Declared,
    /// Those, and the role's server-run tools: the application need not know of them.
    Inject,
}

/// A gate that could not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// A server-run tool without an executor to run it.
    #[error("`executor` is missing: tool `{tool}` is run by the executor; name its cluster")]
    NoExecutor {
        /// The first such tool.
        tool: String,
    },
    /// A loop without a cluster to ask the model again.
    #[error("`upstream` is missing: {because}; name the cluster on which the model is asked again")]
    NoUpstream {
        /// What needs the loop.
        because: String,
    },
    /// An entry of `requestMembers.allow` that the gate decides on itself.
    #[error(
        "`requestMembers.allow` lists `{member}`, which the gate reads and decides on itself; remove it, because listing it \
             would change nothing"
    )]
    MemberJudged {
        /// The entry.
        member: String,
    },
    /// A path that no request can have, or with a `{model}` that its API does not read.
    #[error(
        "`paths.{key}` lists `{path}`, which no request can match; write a path in normal form, with one `{{model}}` at most and \
             only if the API is a model's"
    )]
    PathPattern {
        /// The list that has it.
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
    /// Two APIs at one path.
    #[error("`paths` lists `{path}` twice; give each API paths of its own")]
    PathTwice {
        /// The path.
        path: String,
    },
    /// A path that is listed as passthrough would let calls by undecided.
    #[error("`paths.passthrough` lists `{path}`, which would let the calls of `{dialect_path}` through undecided")]
    PassthroughHidesDialect {
        /// The passthrough entry.
        path: String,
        /// The dialect's path that it covers.
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

impl Gate {
    /// Checks that what the contract needs is there.
    ///
    /// # Errors
    /// Names the first thing that is missing.
    pub fn new(
        contract: Contract,
        identity: Identity,
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
        if matches!(contract.on_violation(), OnViolation::Feedback) && !reach.upstream {
            return Err(GateError::NoUpstream { because: "the contract says `onViolation: feedback`".to_owned() });
        }
        paths.check()?;
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
        let runs = |role: &Role| role.tools(&contract).any(|tool| !matches!(tool.run(), Run::Client));
        let server_run = contract.roles().filter(|role| runs(role)).map(|role| role.name().to_owned()).collect();
        Ok(Self {
            contract,
            identity,
            paths,
            offer,
            output_limit: OutputLimit::Auto,
            declarations,
            server_run,
            records: reach.executor,
            budget: Rc::new(Budget::new(usize::try_from(DEFAULT_HELD_BYTES).unwrap_or(usize::MAX))),
        })
    }

    /// The same gate with another bound on the bytes that all its exchanges hold together.
    ///
    /// # Errors
    /// [`GateError::HeldBytes`] if one exchange of the contract could not hold what the contract lets it.
    pub fn with_held_bytes(self, most: u64) -> Result<Self, GateError> {
        let limits = self.contract.limits();
        // A tenant alone gets half of the budget.
        let least = limits.request_bytes.saturating_add(limits.response_bytes).saturating_mul(2);
        match usize::try_from(most) {
            Ok(bytes) if most >= least => Ok(Self { budget: Rc::new(Budget::new(bytes)), ..self }),
            _ => Err(GateError::HeldBytes { least }),
        }
    }

    /// The same gate with another name for the limit of output tokens that it sets in Chat Completions.
    #[must_use]
    pub fn with_output_limit(self, output_limit: OutputLimit) -> Self {
        Self { output_limit, ..self }
    }

    /// Until when a role's calls are held: a call can go on by itself only where no later one can take it back, be it because the
    /// model is then asked again or because what runs here comes first.
    pub(crate) fn hold(&self, role: &str) -> ReleasePolicy {
        let again = matches!(self.contract.on_violation(), OnViolation::Feedback) || self.server_run.contains(role);
        if again { ReleasePolicy::Turn } else { ReleasePolicy::Call }
    }

    /// Whether decisions are written down.
    pub(crate) fn records(&self) -> bool {
        self.records
    }

    /// The contract that decides.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }
}

/// Whether a passthrough entry stands for a path.
pub(crate) fn covers(entry: &str, path: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => entry == path,
    }
}
