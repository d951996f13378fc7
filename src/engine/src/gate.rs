//! What does not change between exchanges.

use std::collections::HashMap;

use callgate_contract::{Contract, OnViolation, Run};
use callgate_wire::Declaration;

/// A contract and how its callers are told, their paths found and their tools offered. Built once, shared by exchanges.
#[derive(Debug)]
pub struct Gate {
    pub(crate) contract: Contract,
    pub(crate) identity: Identity,
    pub(crate) paths: Paths,
    pub(crate) offer: Offer,
    /// What models are told of the contract's tools, by name.
    pub(crate) declarations: HashMap<String, Declaration>,
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

/// Exact paths, without query. A passthrough path may end in `*`: it then stands for every path that begins so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// OpenAI Chat Completions.
    pub chat_completions: Vec<String>,
    /// Go on unread, in both directions.
    pub passthrough: Vec<String>,
}

impl Default for Paths {
    fn default() -> Self {
        Self { chat_completions: vec!["/v1/chat/completions".to_owned()], passthrough: Vec::new() }
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
        for dialect_path in &paths.chat_completions {
            if let Some(path) = paths.passthrough.iter().find(|entry| covers(entry, dialect_path)) {
                return Err(GateError::PassthroughHidesDialect {
                    path: path.clone(),
                    dialect_path: dialect_path.clone(),
                });
            }
        }
        let declarations = contract
            .tools()
            .iter()
            .map(|tool| {
                let declaration = Declaration::new(tool.name(), tool.description(), tool.parameters());
                (tool.name().to_owned(), declaration)
            })
            .collect();
        Ok(Self { contract, identity, paths, offer, declarations })
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
