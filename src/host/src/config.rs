//! The filter's configuration: one JSON object, the same in every host. Unknown fields are refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use callgate_contract::Contract;
use callgate_engine::{
    DEFAULT_HELD_BYTES, DIALECTS, GateError, KeyError, Offer, OutputLimit, Paths, Reach, RuleSet, Rules, StreamUsage,
};
use serde::Deserialize;
use serde_json::Value;

use crate::contracts::{Contracts, EntryDocument};
use crate::identity::{IdentityDocument, VerifiedSource};
use crate::sealing::SealingDocument;

/// The key of the paths that are forwarded unread.
const PASSTHROUGH: &str = "passthrough";

/// The filter's configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// The compiled contracts, identity and paths.
    pub rules: Arc<RuleSet>,
    /// The clusters for callouts.
    pub clusters: Clusters,
    /// The identity that the host reads, if it is in no header.
    pub verified: Option<VerifiedSource>,
}

/// The clusters for callouts.
#[derive(Debug)]
pub struct Clusters {
    /// The executor's, if there is one.
    pub executor: Option<Executor>,
    /// The model's, if it can be asked again.
    pub upstream: Option<Upstream>,
}

/// The executor's cluster.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Executor {
    /// 1 to 120 ASCII characters.
    pub cluster: String,
    /// The time limit for one call.
    #[serde(default = "ten_seconds", deserialize_with = "duration")]
    pub timeout: Duration,
}

/// The cluster on which the model is asked again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// 1 to 120 ASCII characters.
    pub cluster: String,
    /// `:authority` of the request.
    pub authority: String,
}

/// The reason for refusing a configuration, in one line.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation")]
pub enum ConfigError {
    #[error("the plugin has no configuration; expected one JSON object with `contract` or `contracts`, and `identity`")]
    Missing,
    #[error("the plugin's configuration is not strict JSON: {0}")]
    Json(callgate_json::ReadError),
    #[error("the plugin's configuration: {0}")]
    Shape(serde_json::Error),
    #[error("expected either `contract`, one for every request, or `contracts`, a list with a `match` for each")]
    Contracts,
    #[error("`candidate` stands beside `contracts`; move it into the entry of the contract that it may replace")]
    CandidateAlone,
    #[error("`contracts[{position}]`: {reason}")]
    Entry { position: usize, reason: Box<ConfigError> },
    #[error("`contract`: {0}")]
    Contract(String),
    #[error("`candidate`: {0}")]
    Candidate(String),
    #[error("`identity`: `{0}` is not a header name in lower case")]
    Header(String),
    #[error("`identity.jwt`: `{0}` names no claim; give the name of a claim, or a JSON Pointer such as `/realm/role`")]
    Claim(String),
    #[error("`identity.jwt`: expected either `roleClaim`, a claim with the role, or `scopes`, the role of each scope")]
    Role,
    #[error("`identity`: `callers` is empty, so no request would be accepted; name at least one client")]
    NoCaller,
    #[error("`identity`: the caller of client `{0}` is incomplete; give an id without commas, a tenant and a role")]
    Caller(String),
    #[error("`paths`: unknown API `{key}`; known: `{known}`")]
    Path { key: String, known: String },
    #[error("`{0}` is not a cluster name; use 1 to 120 ASCII characters")]
    Cluster(String),
    #[error("`heldBytes`: `{0}` is not a size; give bytes, or a whole number of KiB, MiB or GiB, such as `256MiB`")]
    HeldBytes(String),
    #[error("`sealing.keys`: {0}")]
    Sealing(KeyError),
    #[error("`sealing.keys[{position}]`: {because}")]
    SealingKey { position: usize, because: String },
    #[error("{0}")]
    Gate(#[from] GateError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    /// The contract of every request.
    contract: Option<Value>,
    /// A contract that decides too and enforces nothing.
    candidate: Option<Value>,
    /// Several contracts, each with the requests that get it.
    contracts: Option<Vec<EntryDocument>>,
    identity: IdentityDocument,
    executor: Option<Executor>,
    upstream: Option<Upstream>,
    #[serde(default)]
    paths: HashMap<String, Vec<String>>,
    #[serde(default)]
    tools: OfferDocument,
    #[serde(default)]
    output_limit_member: OutputLimitDocument,
    #[serde(default)]
    stream_usage: StreamUsageDocument,
    /// The request header for the model, such as `x-callgate-model`.
    model_header: Option<String>,
    /// A size as in a contract, such as `256MiB`.
    held_bytes: Option<String>,
    /// The keys of the texts that clients carry for the gate.
    sealing: Option<SealingDocument>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
enum OfferDocument {
    #[default]
    Declared,
    Inject,
}

/// The name of the output token limit in Chat Completions.
#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum OutputLimitDocument {
    #[default]
    Auto,
    MaxTokens,
    MaxCompletionTokens,
}

/// The rule for the usage of streams in Chat Completions.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
enum StreamUsageDocument {
    #[default]
    Ask,
    Leave,
}

/// Reads a configuration that names no variable of the environment. See [`read_with`].
///
/// # Errors
/// As [`read_with`].
pub fn read(bytes: &[u8]) -> Result<Config, ConfigError> {
    read_with(bytes, &|_| None)
}

/// Reads a configuration and compiles its contract. `variable` returns a variable of Envoy's environment.
///
/// # Errors
/// The first fault, in one line.
pub fn read_with(bytes: &[u8], variable: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ConfigError::Missing);
    }
    let value = callgate_json::read(bytes).map_err(ConfigError::Json)?;
    let document: Document = serde_json::from_value(value).map_err(ConfigError::Shape)?;
    let contracts = Contracts::read(document.contract, document.candidate, document.contracts)?;
    let (identity, mut verified) = document.identity.resolve()?;
    if let Some(verified) = &mut verified {
        let undeclared = verified.named().find(|name| contracts.claims().all(|declared| declared != *name));
        if let Some(name) = undeclared {
            return Err(GateError::ClaimUndeclared { name: name.to_owned() }.into());
        }
        verified.complete(contracts.claims());
    }
    let (identity, paths) = (Arc::new(identity), Arc::new(paths(document.paths)?));
    let offer = match document.tools {
        OfferDocument::Declared => Offer::Declared,
        OfferDocument::Inject => Offer::Inject,
    };
    let output_limit = match document.output_limit_member {
        OutputLimitDocument::Auto => OutputLimit::Auto,
        OutputLimitDocument::MaxTokens => OutputLimit::MaxTokens,
        OutputLimitDocument::MaxCompletionTokens => OutputLimit::MaxCompletionTokens,
    };
    let stream_usage = match document.stream_usage {
        StreamUsageDocument::Ask => StreamUsage::Ask,
        StreamUsageDocument::Leave => StreamUsage::Leave,
    };
    let clusters = [
        document.executor.as_ref().map(|executor| &executor.cluster),
        document.upstream.as_ref().map(|upstream| &upstream.cluster),
    ];
    for cluster in clusters.into_iter().flatten() {
        if cluster.is_empty() || cluster.len() > 120 || !cluster.is_ascii() {
            return Err(ConfigError::Cluster(cluster.clone()));
        }
    }
    let reach = Reach { executor: document.executor.is_some(), upstream: document.upstream.is_some() };
    let held_bytes = match document.held_bytes {
        None => DEFAULT_HELD_BYTES,
        Some(text) => callgate_contract::parse_size(&text).ok_or(ConfigError::HeldBytes(text))?,
    };
    let sealing = document.sealing.map(|sealing| sealing.resolve(variable)).transpose()?;
    let rules = contracts.rules(|contract| {
        Rules::of_one(contract, Arc::clone(&identity), Arc::clone(&paths), offer, reach)?
            .with_output_limit(output_limit)
            .with_stream_usage(stream_usage)
            .with_sealing(sealing.clone())?
            .with_model_header(document.model_header.as_deref())?
            .with_held_bytes(held_bytes)
    })?;
    Ok(Config {
        rules: Arc::new(rules),
        clusters: Clusters { executor: document.executor, upstream: document.upstream },
        verified,
    })
}

/// Reads the paths of each API, by its key, and `passthrough`.
fn paths(mut named: HashMap<String, Vec<String>>) -> Result<Paths, ConfigError> {
    let passthrough = named.remove(PASSTHROUGH).unwrap_or_default();
    if let Some(key) = named.keys().find(|key| DIALECTS.iter().all(|row| row.key != key.as_str())) {
        let known = DIALECTS.iter().map(|row| row.key).chain([PASSTHROUGH]);
        return Err(ConfigError::Path { key: key.clone(), known: known.collect::<Vec<_>>().join("`, `") });
    }
    Ok(Paths::new(&named, passthrough))
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

/// `10s` or `500ms`, as in a contract.
fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    callgate_contract::parse_duration(&text).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "`{text}` is not a duration; use a whole number and a unit, such as `10s` or `500ms`"
        ))
    })
}

/// Warns if the callout can end before a tool does: the outcome of the call is then unknown.
pub fn warn_of_short_timeout(config: &Config) {
    let Some(executor) = &config.clusters.executor else { return };
    let longest = config.rules.contracts().map(Contract::longest_timeout).max().unwrap_or_default();
    if executor.timeout <= longest {
        log::warn!(
            "callgate: `executor.timeout`, {:?}, is not longer than the longest `timeout` of a contract's tools, {longest:?}: \
             what became of a call may stay unknown",
            executor.timeout
        );
    }
}

/// Logs the contracts: each one if they are few, else their number.
pub fn log_contracts(config: &Config) {
    const FEW: usize = 16;
    let contracts: Vec<&Contract> = config.rules.contracts().collect();
    match contracts.get(..FEW) {
        Some(_) if contracts.len() > FEW => log::info!("callgate: {} contracts", contracts.len()),
        _ => contracts.iter().for_each(|contract| {
            log::info!("callgate: contract {} {} ({})", contract.name(), contract.version(), contract.digest());
        }),
    }
}
