//! The contracts of a command: one contract, or those of a contract set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use callgate_contract::{
    Caller, Contract, ContractMatch, ContractPool, CountStore, Limits, OnViolation, Run, SetEntry, read_set,
};
use callgate_engine::{GateError, Selector};

use crate::disk::{self, FileError};

/// Reasons why the contracts of a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContractsError {
    #[error(transparent)]
    File(#[from] FileError),
    /// A fault of one entry, with its line.
    #[error("{file}:{line}: {reason}")]
    Entry { file: String, line: u32, reason: GateError },
    #[error(
        "{file}: no contract is for tenant `{tenant}` and role `{role}` at this host and path (contract_unmatched)"
    )]
    Unmatched { file: String, tenant: String, role: String },
}

/// One contract of a command.
pub(crate) struct ListedContract {
    /// The requests that get it.
    pub(crate) matches: Vec<ContractMatch>,
    pub(crate) file: PathBuf,
    pub(crate) contract: Arc<Contract>,
    /// A contract that decides too and enforces nothing.
    pub(crate) candidate: Option<Arc<Contract>>,
    /// The line of the entry in the set; 0 without a set.
    line: u32,
}

/// The contracts of a command. At least one.
pub(crate) struct Contracts {
    file: PathBuf,
    pub(crate) entries: Vec<ListedContract>,
    /// True if the file is a contract set.
    pub(crate) is_set: bool,
}

// === impl Contracts ===

impl Contracts {
    /// Reads a contract, or a contract set and all its contracts.
    pub(crate) fn read(file: &Path) -> Result<Self, FileError> {
        let text = disk::text(file)?;
        let mut pool = ContractPool::default();
        let set = read_set(&file.display().to_string(), &text).map_err(FileError::Contract)?;
        let Some(set) = set else {
            let contract = Arc::new(disk::compile_in(&mut pool, file, &text)?);
            let matches = vec![ContractMatch::default()];
            let entry = ListedContract { matches, file: file.to_path_buf(), contract, candidate: None, line: 0 };
            return Ok(Self { file: file.to_path_buf(), entries: vec![entry], is_set: false });
        };
        let mut read: Vec<(PathBuf, Arc<Contract>)> = Vec::new();
        let mut contract = |name: &str| {
            let path = disk::folder(file).join(name);
            if let Some((_, contract)) = read.iter().find(|(known, _)| *known == path) {
                return Ok(Arc::clone(contract));
            }
            let contract = Arc::new(disk::compile_in(&mut pool, &path, &disk::text(&path)?)?);
            read.push((path, Arc::clone(&contract)));
            Ok::<_, FileError>(contract)
        };
        let entries = set.into_iter().map(|SetEntry { matches, contract: name, candidate, line }| {
            let candidate = candidate.as_deref().map(&mut contract).transpose()?;
            Ok(ListedContract {
                matches,
                file: disk::folder(file).join(&name),
                contract: contract(&name)?,
                candidate,
                line,
            })
        });
        let entries = entries.collect::<Result<_, FileError>>()?;
        Ok(Self { file: file.to_path_buf(), entries, is_set: true })
    }

    /// Returns the file of the command.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Checks the matches of the set against each other and against the roles of the contracts.
    pub(crate) fn selector(&self) -> Result<Selector, ContractsError> {
        let entries = self.entries.iter().map(|entry| (entry.matches.as_slice(), &*entry.contract));
        Selector::new(entries).map_err(|reason| self.placed(reason))
    }

    /// Returns the contract of a request.
    pub(crate) fn of(
        &self,
        caller: &Caller,
        host: Option<&str>,
        path: &str,
    ) -> Result<&ListedContract, ContractsError> {
        let found = self.selector()?.find(caller, host, path).and_then(|position| self.entries.get(position));
        found.ok_or_else(|| ContractsError::Unmatched {
            file: self.file.display().to_string(),
            tenant: caller.tenant.clone(),
            role: caller.role.clone(),
        })
    }

    /// Gives an entry's fault its line.
    pub(crate) fn placed(&self, reason: GateError) -> ContractsError {
        let (line, reason) = match reason {
            GateError::Entry { position, reason } => {
                (self.entries.get(position).map_or(0, |entry| entry.line), *reason)
            }
            reason => (0, reason),
        };
        ContractsError::Entry { file: self.file.display().to_string(), line, reason }
    }

    /// Returns each contract file once.
    pub(crate) fn files(&self) -> impl Iterator<Item = &ListedContract> {
        let entries = self.entries.iter().enumerate();
        let is_first = |position: usize, entry: &ListedContract| {
            !self.entries.iter().take(position).any(|other| Arc::ptr_eq(&other.contract, &entry.contract))
        };
        entries.filter(move |(position, entry)| is_first(*position, entry)).map(|(_, entry)| entry)
    }

    fn contracts(&self) -> impl Iterator<Item = &Contract> {
        self.entries.iter().map(|entry| &*entry.contract)
    }

    /// Returns the largest limits: Envoy's own must be above those of every contract.
    pub(crate) fn limits(&self) -> Limits {
        let mut all = self.contracts().map(Contract::limits);
        let first = all.next().cloned().unwrap_or_default();
        all.fold(first, |most, limits| Limits {
            max_rounds: most.max_rounds.max(limits.max_rounds),
            request_bytes: most.request_bytes.max(limits.request_bytes),
            response_bytes: most.response_bytes.max(limits.response_bytes),
            turn_timeout: most.turn_timeout.max(limits.turn_timeout),
            turn_idle_timeout: most.turn_idle_timeout.max(limits.turn_idle_timeout),
            ..most
        })
    }

    /// Returns the longest `timeout` of a tool.
    pub(crate) fn longest_timeout(&self) -> std::time::Duration {
        self.contracts().map(Contract::longest_timeout).max().unwrap_or_default()
    }

    /// Returns true if the executor runs a tool.
    pub(crate) fn runs(&self) -> bool {
        self.contracts().any(|contract| contract.tools().iter().any(|tool| !matches!(tool.run(), Run::Client)))
    }

    /// Returns true if the executor must release a call, or counts for a contract.
    pub(crate) fn asks(&self) -> bool {
        let asks = |contract: &Contract| contract.tools().iter().any(|tool| contract.may_need_authorization(tool));
        self.contracts().any(|contract| asks(contract) || contract.limits().store == CountStore::Executor)
    }

    /// Returns true if the model may be told of a refusal and asked again.
    pub(crate) fn feeds_back(&self) -> bool {
        self.contracts().any(|contract| {
            contract.on_violation() == OnViolation::Feedback || contract.tools().iter().any(|tool| tool.may_feed_back())
        })
    }
}
