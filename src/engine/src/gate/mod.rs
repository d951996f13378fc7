//! The gate: everything that stays the same between exchanges.

mod error;
mod paths;

use std::borrow::Cow;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use callgate_contract::{Contract, CountStore, NameTable, OnViolation, Role, Run, Tool};
use callgate_limits::Slots;
use callgate_wire::{Declaration, OutputLimit, ReleasePolicy, is_judged};

pub use self::error::GateError;
pub use self::paths::Paths;
use crate::budget::{Budget, DEFAULT_HELD_BYTES};
use crate::identity::IdentitySource;
use crate::rule_set::Choice;
use crate::seal::SealingKeys;

/// The rules of a contract, and the memory budget of one worker. Shared by the exchanges of a worker.
///
/// With several contracts, an exchange begins at a gate that only selects. The gate of the caller's contract takes over as soon as the
/// caller is known.
#[derive(Debug)]
pub struct Gate {
    pub(crate) rules: Arc<Rules>,
    pub(crate) budget: Rc<Budget>,
    /// False if limits over time and conversations do not count.
    pub(crate) counts: bool,
    /// `None` if this gate decides.
    pub(crate) choice: Option<Choice>,
}

/// A contract, the source of callers' identities, the paths of APIs and the offer of tools. Built once, shared by the gates of all
/// workers.
#[derive(Debug)]
pub struct Rules {
    pub(crate) contract: Arc<Contract>,
    /// A contract that decides too and enforces nothing.
    pub(crate) candidate: Option<Arc<Contract>>,
    pub(crate) identity: Arc<IdentitySource>,
    pub(crate) paths: Arc<Paths>,
    pub(crate) offer: Offer,
    pub(crate) output_limit: OutputLimit,
    pub(crate) stream_usage: StreamUsage,
    /// The request header that tells the next hop the model, in lower case.
    pub(crate) model_header: Option<Arc<str>>,
    /// The declarations of the contract's tools for models, by name.
    pub(crate) declarations: NameTable<Declaration>,
    /// Roles whose calls are decided together: one may lead to a further round, or wait for the executor's release.
    goes_on: NameTable<()>,
    /// The keys for texts that clients carry for the gate, if there are some.
    pub(crate) sealing: Option<Arc<SealingKeys>>,
    /// True if an executor records decisions.
    records: bool,
    held_bytes: usize,
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
        contract: impl Into<Arc<Contract>>,
        identity: IdentitySource,
        paths: Paths,
        offer: Offer,
        reach: Reach,
    ) -> Result<Self, GateError> {
        paths.check()?;
        let rules = Self::of_one(contract.into(), Arc::new(identity), Arc::new(paths), offer, reach)?;
        rules.identity.check(&[&rules], |_| vec![&*rules.contract])?;
        Ok(rules)
    }

    /// Compiles the rules of one of several contracts. [`RuleSet`](crate::RuleSet) checks paths and identity for all of them.
    ///
    /// # Errors
    /// Names the first fault.
    pub fn of_one(
        contract: Arc<Contract>,
        identity: Arc<IdentitySource>,
        paths: Arc<Paths>,
        offer: Offer,
        reach: Reach,
    ) -> Result<Self, GateError> {
        // Without a model nothing is asked again: a client of MCP gets each result itself.
        let can_ask = reach.upstream || !paths.has_models();
        if let (Some(route), false) = (paths.merged(), reach.executor) {
            return Err(GateError::NoRunner { path: route.to_string() });
        }
        let server_run = contract.tools().iter().find(|tool| !matches!(tool.run(), Run::Client));
        if let Some(tool) = server_run {
            if !reach.executor {
                return Err(GateError::NoExecutor { tool: tool.name().to_owned() });
            }
            if !can_ask {
                let because = format!("the result of tool `{}` goes back to the model", tool.name());
                return Err(GateError::NoUpstream { because });
            }
        }
        let asked = contract.tools().iter().find(|tool| contract.may_need_authorization(tool));
        if let (Some(tool), false) = (asked, reach.executor) {
            return Err(GateError::NoAuthorizer { tool: tool.name().to_owned() });
        }
        if contract.limits().store == CountStore::Executor && !reach.executor {
            return Err(GateError::NoCounter);
        }
        if matches!(contract.on_violation(), OnViolation::Feedback) && !can_ask {
            return Err(GateError::NoUpstream { because: "the contract has `onViolation: feedback`".to_owned() });
        }
        if let Some(tool) = contract.tools().iter().find(|tool| tool.may_feed_back())
            && !can_ask
        {
            let because = format!("tool `{}` has `feedback`", tool.name());
            return Err(GateError::NoUpstream { because });
        }
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
            model_header: None,
            declarations,
            goes_on,
            sealing: None,
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

    /// Seals what clients carry for the gate: the handles of an MCP server's tasks, and the number of its questions.
    ///
    /// # Errors
    /// [`GateError::NoSealingKey`] if the contract needs keys and there are none.
    pub fn with_sealing(self, sealing: Option<Arc<SealingKeys>>) -> Result<Self, GateError> {
        if sealing.is_none() && self.contract.mcp().task_lifetime().is_some() {
            return Err(GateError::NoSealingKey);
        }
        Ok(Self { sealing, ..self })
    }

    /// Adds a candidate: a contract that decides every call too. Differences are counted, and only the first contract is enforced.
    #[must_use]
    pub fn with_candidate(self, candidate: impl Into<Arc<Contract>>) -> Self {
        Self { candidate: Some(candidate.into()), ..self }
    }

    /// Returns the declaration of a tool under the name of a request. The contract has the text of it.
    pub(crate) fn declaration(&self, tool: &Tool, name: &str) -> Option<Cow<'_, Declaration>> {
        let declaration = self.declarations.get(tool.name())?;
        Some(if tool.is_glob() { Cow::Owned(declaration.named(name)) } else { Cow::Borrowed(declaration) })
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

    /// Tells the next hop the model of each request in this header, which a client's own never reaches.
    ///
    /// # Errors
    /// [`GateError::ModelHeader`] if the name does not begin with `x-`, is not in lower case, or is one that the gate reads.
    pub fn with_model_header(self, name: Option<&str>) -> Result<Self, GateError> {
        let Some(name) = name else { return Ok(self) };
        let contracts = (&*self.contract, self.candidate.as_deref());
        let is_read = self.identity.headers().iter().any(|known| known == name)
            || crate::head::workspace_header(contracts) == Some(name);
        if !crate::model_header::is_header_name(name) || is_read {
            return Err(GateError::ModelHeader { name: name.to_owned() });
        }
        Ok(Self { model_header: Some(name.into()), ..self })
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
        Gate { rules: Arc::clone(self), budget: Rc::new(Budget::new(self.held_bytes)), counts: true, choice: None }
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
        let choice = self.choice.as_ref().map(|choice| choice.again(&self.budget, false));
        Self { counts: false, choice, ..self }
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
        contract: impl Into<Arc<Contract>>,
        identity: IdentitySource,
        paths: Paths,
        offer: Offer,
        reach: Reach,
    ) -> Result<Self, GateError> {
        Ok(Arc::new(Rules::new(contract, identity, paths, offer, reach)?).gate())
    }
}
