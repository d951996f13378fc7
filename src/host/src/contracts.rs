//! The contracts of a configuration: one for every request, or several, each with the requests that get it.

use std::collections::HashMap;
use std::sync::Arc;

use callgate_contract::{Contract, ContractPool};
use callgate_engine::{ContractMatch, GateError, RuleSet, Rules};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::config::ConfigError;

/// An entry of `contracts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryDocument {
    /// One or several matches; absent, every request.
    #[serde(default = "every", rename = "match", deserialize_with = "one_or_several")]
    matches: Vec<MatchDocument>,
    contract: Value,
    /// A contract that decides too and enforces nothing.
    candidate: Option<Value>,
}

/// The requests of an entry.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MatchDocument {
    tenant: Option<String>,
    role: Option<String>,
    host: Option<String>,
    path_prefix: Option<String>,
}

/// The contracts, read.
pub(crate) enum Contracts {
    One(Entry),
    Several(Vec<(Vec<ContractMatch>, Entry)>),
}

/// A contract and its candidate.
#[derive(Clone)]
pub(crate) struct Entry {
    contract: Arc<Contract>,
    candidate: Option<Arc<Contract>>,
}

// === impl Contracts ===

impl Contracts {
    /// Compiles the contracts. Equal ones are compiled once, and so are equal schemas of different ones.
    pub(crate) fn read(
        contract: Option<Value>,
        candidate: Option<Value>,
        entries: Option<Vec<EntryDocument>>,
    ) -> Result<Self, ConfigError> {
        let mut pool = ContractPool::default();
        match (contract, entries) {
            (Some(contract), None) => Entry::read(&mut pool, &contract, candidate.as_ref()).map(Self::One),
            (None, Some(_)) if candidate.is_some() => Err(ConfigError::CandidateAlone),
            (None, Some(entries)) => {
                let entries = entries.into_iter().enumerate().map(|(position, entry)| {
                    let EntryDocument { matches, contract, candidate } = entry;
                    let read = Entry::read(&mut pool, &contract, candidate.as_ref());
                    let read = read.map_err(|reason| ConfigError::Entry { position, reason: Box::new(reason) })?;
                    Ok((matches.into_iter().map(ContractMatch::from).collect(), read))
                });
                entries.collect::<Result<_, ConfigError>>().map(Self::Several)
            }
            (Some(_), Some(_)) | (None, None) => Err(ConfigError::Contracts),
        }
    }

    /// Returns the names of the claims that contracts and candidates declare.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &str> {
        let (one, several) = match self {
            Self::One(entry) => (Some(entry), None),
            Self::Several(entries) => (None, Some(entries.iter().map(|(_, entry)| entry))),
        };
        let entries = one.into_iter().chain(several.into_iter().flatten());
        let contracts = entries.flat_map(|entry| std::iter::once(&entry.contract).chain(&entry.candidate));
        contracts.flat_map(|contract| contract.claims().iter().map(|(name, _)| name))
    }

    /// Builds the rules of each contract with `build`; equal entries share theirs.
    pub(crate) fn rules(self, build: impl Fn(Arc<Contract>) -> Result<Rules, GateError>) -> Result<RuleSet, GateError> {
        let build = |Entry { contract, candidate }: Entry| {
            let rules = build(contract)?;
            Ok(match candidate {
                Some(candidate) => rules.with_candidate(candidate),
                None => rules,
            })
        };
        let entries = match self {
            Self::One(entry) => return RuleSet::one(build(entry)?),
            Self::Several(entries) => entries,
        };
        let mut built: HashMap<(String, Option<String>), Arc<Rules>> = HashMap::new();
        let mut set = Vec::with_capacity(entries.len());
        for (position, (matches, entry)) in entries.into_iter().enumerate() {
            let digest = |contract: &Arc<Contract>| contract.digest().to_owned();
            let key = (digest(&entry.contract), entry.candidate.as_ref().map(digest));
            let rules = match built.get(&key) {
                Some(rules) => Arc::clone(rules),
                None => {
                    let rules =
                        build(entry).map_err(|reason| GateError::Entry { position, reason: Box::new(reason) })?;
                    let rules = Arc::new(rules);
                    built.insert(key, Arc::clone(&rules));
                    rules
                }
            };
            set.push((matches, rules));
        }
        RuleSet::new(set)
    }
}

// === impl Entry ===

impl Entry {
    fn read(pool: &mut ContractPool, contract: &Value, candidate: Option<&Value>) -> Result<Self, ConfigError> {
        let one_line = |text: &str| text.lines().collect::<Vec<_>>().join("; ");
        let contract =
            pool.from_value(contract).map_err(|errors| ConfigError::Contract(one_line(&errors.to_string())))?;
        let candidate = candidate.map(|candidate| {
            pool.from_value(candidate).map_err(|errors| ConfigError::Candidate(one_line(&errors.to_string())))
        });
        Ok(Self { contract, candidate: candidate.transpose()? })
    }
}

// === impl MatchDocument ===

impl From<MatchDocument> for ContractMatch {
    fn from(MatchDocument { tenant, role, host, path_prefix }: MatchDocument) -> Self {
        Self { tenant, role, host, path_prefix }
    }
}

fn every() -> Vec<MatchDocument> {
    vec![MatchDocument::default()]
}

/// Reads a match, or a list of them of which one must hold. An absent one holds for every request; an empty list would hold for none.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<MatchDocument>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let matches = match value {
        Value::Array(items) if items.is_empty() => {
            return Err(serde::de::Error::custom("`match` is an empty list; leave it out to match every request"));
        }
        Value::Array(items) => items,
        one => vec![one],
    };
    let matches = matches.into_iter().map(serde_json::from_value);
    matches.collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}
