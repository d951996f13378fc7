//! The contracts of one configuration. A request gets one of them as soon as its caller is known ([`crate::select`]).

use std::rc::Rc;
use std::sync::Arc;

use callgate_contract::{Caller, Contract, ContractMatch};

use crate::budget::Budget;
use crate::gate::{Gate, GateError, Rules};
use crate::headers::{Headers, single};
use crate::select::Selector;

/// The contracts of one configuration. Built once, shared by the gates of all workers.
#[derive(Debug)]
pub struct RuleSet {
    /// At least one.
    first: Arc<Rules>,
    /// The rules by the position of their entries; empty if there is one contract for every request.
    rules: Vec<Arc<Rules>>,
    selector: Selector,
}

/// The gates of a worker, by the position of their entries.
#[derive(Debug)]
pub(crate) struct Choice {
    set: Arc<RuleSet>,
    gates: Vec<Rc<Gate>>,
}

// === impl RuleSet ===

impl RuleSet {
    /// One contract for every request.
    ///
    /// # Errors
    /// The candidate declares other claims.
    pub fn one(rules: Rules) -> Result<Self, GateError> {
        rules.check_candidate()?;
        rules.paths.check()?;
        rules.identity.check(&[&rules], |_| vec![rules.contract()])?;
        Ok(Self { first: Arc::new(rules), rules: Vec::new(), selector: Selector::default() })
    }

    /// Several contracts, each with the requests that get it. All have the same paths and the same source of identity.
    ///
    /// # Errors
    /// Names the first fault, and the entry.
    pub fn new(entries: Vec<(Vec<ContractMatch>, Arc<Rules>)>) -> Result<Self, GateError> {
        let selector = Selector::new(entries.iter().map(|(matches, rules)| (matches.as_slice(), rules.contract())))?;
        for (position, (matches, rules)) in entries.iter().enumerate() {
            let fault = |reason: GateError| GateError::Entry { position, reason: Box::new(reason) };
            let prefixes = matches.iter().filter_map(|one| one.path_prefix.as_ref());
            if let Some(prefix) = prefixes.into_iter().find(|prefix| !rules.paths.has_below(prefix)) {
                return Err(fault(GateError::MatchPath { prefix: prefix.clone() }));
            }
            rules.check_candidate().map_err(fault)?;
        }
        let rules: Vec<Arc<Rules>> = entries.into_iter().map(|(_, rules)| rules).collect();
        let Some(first) = rules.iter().max_by_key(|rules| rules.contract().limits().request_bytes) else {
            return Err(GateError::NoContracts);
        };
        first.paths.check()?;
        let possible = |caller: &Caller| -> Vec<&Contract> {
            let found = selector.possible(caller).filter_map(|position| rules.get(position));
            found.map(|rules| rules.contract()).collect()
        };
        let all: Vec<&Rules> = rules.iter().map(|rules| &**rules).collect();
        first.identity.check(&all, possible)?;
        Ok(Self { first: Arc::clone(first), rules, selector })
    }

    /// Returns the contracts, in the order of their entries. Entries with the same contract give it again.
    pub fn contracts(&self) -> impl Iterator<Item = &Contract> {
        let only = self.rules.is_empty().then_some(&self.first);
        self.rules.iter().chain(only).map(|rules| rules.contract())
    }

    /// Returns the contract of a request; `None` if no entry matches. For tools that show the choice.
    #[must_use]
    pub fn contract_of(&self, caller: &Caller, authority: Option<&str>, path: &str) -> Option<(usize, &Contract)> {
        if self.rules.is_empty() {
            return Some((0, self.first.contract()));
        }
        let position = self.selector.find(caller, authority, path)?;
        self.rules.get(position).map(|rules| (position, rules.contract()))
    }

    /// Creates the gate of one worker.
    #[must_use]
    pub fn gate(self: &Arc<Self>) -> Gate {
        let gate = self.first.gate();
        if self.rules.is_empty() {
            return gate;
        }
        let choice = Choice::new(self, &gate.budget, gate.counts);
        Gate { choice: Some(choice), ..gate }
    }
}

// === impl Choice ===

impl Choice {
    /// Makes a gate for each contract. They share the worker's budget, which has the counters of limits.
    fn new(set: &Arc<RuleSet>, budget: &Rc<Budget>, counts: bool) -> Self {
        let gate = |rules: &Arc<Rules>| {
            let (rules, budget) = (Arc::clone(rules), Rc::clone(budget));
            Rc::new(Gate { rules, budget, counts, choice: None })
        };
        Self { set: Arc::clone(set), gates: set.rules.iter().map(gate).collect() }
    }

    /// Makes the gates again, which count limits or not.
    pub(crate) fn again(&self, budget: &Rc<Budget>, counts: bool) -> Self {
        Self::new(&self.set, budget, counts)
    }
}

// === impl Gate ===

impl Gate {
    /// Returns the gate of the caller's contract; `None` if no entry matches.
    pub(crate) fn select(self: &Rc<Self>, caller: &Caller, headers: &Headers<'_>, path: &str) -> Option<Rc<Self>> {
        let Some(Choice { set, gates }) = &self.choice else { return Some(Rc::clone(self)) };
        let position = set.selector.find(caller, single(headers, ":authority"), path)?;
        gates.get(position).cloned()
    }
}

// === impl Rules ===

impl Rules {
    /// Refuses a candidate with a claim of another type, or another header for the workspace: a caller is read once, for both.
    fn check_candidate(&self) -> Result<(), GateError> {
        let Some(candidate) = &self.candidate else { return Ok(()) };
        let types = self.contract().claims();
        let differs = |name, kind| types.get(name).is_some_and(|other| other != kind);
        if let Some((name, _)) = candidate.claims().iter().find(|(name, kind)| differs(name, *kind)) {
            return Err(GateError::CandidateClaim { name: name.to_owned() });
        }
        match (self.contract().workspace_header(), candidate.workspace_header()) {
            (Some(own), Some(other)) if own != other => Err(GateError::CandidateWorkspace { header: other.to_owned() }),
            _ => Ok(()),
        }
    }
}
