//! The facts of a call that conditions of a contract read, given on the command line.

use std::time::SystemTime;

use callgate_contract::{CallerClaims, ClaimType, Contract, Conversation, ConversationFacts, parse_time};
use clap::Args;

/// Facts for the conditions of the contract. Without them: the first call of an empty conversation, now
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Facts for conditions")]
pub(crate) struct FactArguments {
    /// The caller's tenant
    #[arg(long, value_name = "TENANT", default_value = "check")]
    pub(crate) tenant: String,
    /// A claim of the caller that the contract declares; may be given for several claims. The texts of a list are separated by commas
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) claim: Vec<String>,
    /// The caller's workspace, as the header states it that the contract names in `spec.workspace`
    #[arg(long, value_name = "PATH")]
    pub(crate) workspace: Option<String>,
    /// The model of the request; without it, a condition that reads `model` has no value
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// The time, such as 2026-01-31T12:00:00Z; by default the present
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<String>,
    /// The conversation has a result that may hold text of outsiders
    #[arg(long)]
    pub(crate) tainted: bool,
    /// An earlier call of a tool, or so many; may be given for several tools
    #[arg(long, value_name = "TOOL[=COUNT]")]
    pub(crate) called: Vec<String>,
    /// The number of earlier answers of the model
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) turns: u32,
    /// The number of earlier rounds of the exchange
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) rounds: u32,
}

/// Reasons why a fact cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FactError {
    #[error("--now {0}: not a time; write one such as 2026-01-31T12:00:00Z (RFC 3339)")]
    Now(String),
    #[error(
        "--claim {0}: not a claim that the contract declares in `spec.claims`, or not a value of its type; write NAME=VALUE"
    )]
    Claim(String),
    #[error(
        "--workspace: the contract reads no header for it; write `root: header:NAME` in `spec.workspace`, or leave it out"
    )]
    Workspace,
    #[error("--called {0}: not a tool of the contract, or not a count; write TOOL or TOOL=2")]
    Called(String),
}

/// The facts of one call.
#[derive(Debug)]
pub(crate) struct GivenFacts {
    pub(crate) claims: CallerClaims,
    pub(crate) workspace: Option<String>,
    model: Option<String>,
    now: Option<u64>,
    facts: ConversationFacts,
}

// === impl FactArguments ===

impl FactArguments {
    /// Reads the facts.
    pub(crate) fn read(&self, contract: &Contract) -> Result<GivenFacts, FactError> {
        let now = match &self.now {
            Some(text) => Some(parse_time(text).ok_or_else(|| FactError::Now(text.clone()))?),
            None => present(),
        };
        let (tainted, rounds, turns) = (self.tainted, self.rounds, self.turns);
        let mut facts = ConversationFacts { tainted, rounds, turns, ..ConversationFacts::default() };
        for called in &self.called {
            let (tool, count) = called.split_once('=').unwrap_or((called, "1"));
            let known = contract.entry(tool).or_else(|| contract.tool(tool)).zip(count.parse::<u32>().ok());
            let (tool, count) = known.ok_or_else(|| FactError::Called(called.clone()))?;
            facts.calls.insert(tool.name().to_owned(), count);
        }
        if self.workspace.is_some() && contract.workspace_header().is_none() {
            return Err(FactError::Workspace);
        }
        let workspace = self.workspace.clone();
        Ok(GivenFacts { claims: self.claims(contract)?, workspace, model: self.model.clone(), now, facts })
    }
}

impl FactArguments {
    fn claims(&self, contract: &Contract) -> Result<CallerClaims, FactError> {
        let mut claims = CallerClaims::default();
        for given in &self.claim {
            let read = || {
                let (name, text) = given.split_once('=')?;
                let value = match contract.claims().get(name)? {
                    ClaimType::Texts => text.split(',').map(serde_json::Value::from).collect(),
                    kind => kind.parse(text)?,
                };
                Some((name, value))
            };
            let (name, value) = read().ok_or_else(|| FactError::Claim(given.clone()))?;
            claims.insert(name, value);
        }
        contract.claims().admit(claims.iter()).map_err(|fault| FactError::Claim(fault.name))
    }
}

// === impl GivenFacts ===

impl GivenFacts {
    /// Lends them to a decision on the first call of a turn.
    pub(crate) fn conversation(&self) -> Conversation<'_> {
        Conversation {
            model: self.model.as_deref(),
            now: self.now,
            facts: Some(&self.facts),
            ..Conversation::default()
        }
    }
}

fn present() -> Option<u64> {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(time.as_millis()).ok()
}
