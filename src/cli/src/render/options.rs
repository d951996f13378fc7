//! The command line of `render`, parsed once: fills in defaults and refuses nonsense.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use callgate_engine::{DIALECTS, GateError, Offer, Paths, Reach, RuleSet, Rules, SealingKeys};

use super::address::Address;
use super::args::{HostOption, IdentityOption, IstioForm, RenderArguments, Target, Tools};
use super::error::RenderError;
use super::executor::Executor;
use super::guards::Guards;
use super::identity::{self, Clients};
use super::mcp::McpServers;
use super::oauth::credential::Credential;
use super::oauth::{self, Oauth};
use super::paths;
use super::providers::{MODEL_HEADER, Providers};
use super::rate_limit::RateLimit;
use crate::contracts::{Contracts, ListedContract};

/// The name of the cluster that the gate sends to.
pub(super) const LLM_API: &str = "llm-api";

/// Everything that determines the output.
pub(super) struct Options<'a> {
    pub(super) arguments: &'a RenderArguments,
    pub(super) contracts: &'a Contracts,
    pub(super) target: Target,
    pub(super) form: IstioForm,
    pub(super) wasm: &'a str,
    pub(super) listen: Address,
    pub(super) admin: Address,
    pub(super) mcp: McpServers,
    /// `None`: Envoy's metrics and readiness stay on its admin interface.
    pub(super) metrics: Option<Address>,
    pub(super) upstream: Address,
    pub(super) upstream_tls: bool,
    pub(super) upstream_ca: &'a str,
    pub(super) authority: String,
    /// `None` with one upstream.
    pub(super) providers: Option<Providers>,
    /// `None` if the client runs every tool of the contract and the command line names no executor.
    pub(super) executor: Option<Executor>,
    pub(super) executor_timeout: Duration,
    pub(super) clients: Clients,
    pub(super) oauth: Oauth,
    /// `None`: the gate gives the upstream no credential.
    pub(super) credential: Option<Credential>,
    pub(super) guards: Guards,
    /// `None` without a service of rate limits.
    pub(super) rate_limit: Option<RateLimit>,
    /// True if the filter may ask the model again by itself.
    pub(super) loops: bool,
    /// Other paths of APIs than their own.
    pub(super) paths: BTreeMap<String, Vec<String>>,
    pub(super) namespace: &'a str,
    pub(super) selector: (&'a str, &'a str),
}

impl<'a> Options<'a> {
    pub(super) fn read(arguments: &'a RenderArguments, contracts: &'a Contracts) -> Result<Self, RenderError> {
        let upstream = Address::read("--upstream", arguments.upstream.as_deref().unwrap_or("api.openai.com:443"))?;
        let upstream_tls = arguments.upstream_tls || arguments.upstream.is_none();
        let mcp = McpServers::read(arguments, contracts)?;
        let providers = Providers::read(arguments, contracts)?;
        // Each provider's own listener writes its authority.
        let authority = match &providers {
            Some(_) => LLM_API.to_owned(),
            None => arguments.authority.clone().unwrap_or_else(|| upstream.authority(upstream_tls)),
        };
        let executor = Executor::read(arguments, contracts.runs() || contracts.asks() || arguments.mcp.mcp_merged)?;
        host(arguments)?;
        wasm(arguments)?;
        let clients = Clients::read(arguments)?;
        let oauth = Oauth::read(arguments)?;
        let credential = Credential::read(arguments)?;
        held_bytes(arguments, contracts)?;
        let executor_timeout = executor_timeout(arguments.executor_timeout.as_deref(), contracts)?;
        let mut paths = paths::read(arguments)?;
        mcp.add_paths(&mut paths);
        for (option, name) in [
            ("--tenant-header", arguments.tenant_header.as_str()),
            ("--role-header", &arguments.role_header),
            ("--jwt-header", oauth::token_header(arguments)),
            ("--api-key-header", &arguments.api_key_header),
        ] {
            header(option, name)?;
        }
        Ok(Self {
            arguments,
            contracts,
            target: arguments.target,
            form: arguments.form,
            wasm: &arguments.wasm,
            listen: Address::read_bindable("--listen", &arguments.listen)?,
            admin: Address::read_bindable("--admin", &arguments.admin)?,
            metrics: metrics(arguments)?,
            upstream,
            upstream_tls,
            upstream_ca: &arguments.upstream_ca,
            authority,
            providers,
            executor,
            executor_timeout,
            clients,
            oauth,
            credential,
            guards: Guards::read(arguments)?,
            rate_limit: RateLimit::read(arguments)?,
            loops: mcp.has_upstream && (contracts.runs() || contracts.feeds_back()),
            mcp,
            paths,
            namespace: &arguments.namespace,
            selector: selector(&arguments.selector)?,
        })
    }

    /// Builds the filter's gate, so that a configuration the filter would refuse when Envoy starts is refused now.
    pub(super) fn try_gate(&self) -> Result<(), RenderError> {
        let arguments = self.arguments;
        let identity = identity::source(arguments, &self.clients, &self.oauth);
        let offer = match arguments.tools {
            Tools::Declared => Offer::Declared,
            Tools::Inject => Offer::Inject,
        };
        let reach = Reach { executor: self.executor.is_some(), upstream: self.loops };
        // The keys are Envoy's to know.
        let stand_in = SealingKeys::read(&["A".repeat(44)]).ok().map(Arc::new);
        let sealing = stand_in.filter(|_| !arguments.sealing_variables.is_empty());
        let named = self.paths.clone().into_iter().collect();
        let (paths, identity) = (Arc::new(Paths::new(&named, arguments.passthrough.clone())), Arc::new(identity));
        let rules = |entry: &ListedContract| {
            let (identity, paths) = (Arc::clone(&identity), Arc::clone(&paths));
            let rules = Rules::of_one(Arc::clone(&entry.contract), identity, paths, offer, reach)?;
            let rules = rules.with_sealing(sealing.clone())?;
            let rules = rules.with_model_header(self.providers.as_ref().map(|_| MODEL_HEADER))?;
            Ok(match &entry.candidate {
                Some(candidate) => rules.with_candidate(Arc::clone(candidate)),
                None => rules,
            })
        };
        let set = || match self.contracts.entries.as_slice() {
            [only] if !self.contracts.is_set => RuleSet::one(rules(only)?),
            entries => {
                let entries = entries.iter().enumerate().map(|(position, entry)| {
                    let rules =
                        rules(entry).map_err(|reason| GateError::Entry { position, reason: Box::new(reason) })?;
                    Ok((entry.matches.clone(), Arc::new(rules)))
                });
                RuleSet::new(entries.collect::<Result<_, GateError>>()?)
            }
        };
        match set() {
            Ok(_) => Ok(()),
            Err(reason @ GateError::Entry { .. }) => Err(RenderError::Contracts(self.contracts.placed(reason))),
            Err(reason) => Err(RenderError::Gate(reason)),
        }
    }

    /// Returns the longest `timeout` of the contract's tools, if the filter does not wait for so long.
    pub(super) fn too_short(&self) -> Option<Duration> {
        Some(self.contracts.longest_timeout())
            .filter(|longest| self.executor.is_some() && self.executor_timeout <= *longest)
    }

    /// Returns the paths of the API with that key.
    pub(super) fn paths_of(&self, key: &str) -> Vec<String> {
        let own =
            || DIALECTS.iter().filter(|row| row.key == key).flat_map(|row| row.paths).map(|path| (*path).to_owned());
        self.paths.get(key).cloned().unwrap_or_else(|| own().collect())
    }

    /// Returns the module for a WasmPlugin: a path becomes a `file://` URL.
    pub(super) fn wasm_url(&self) -> String {
        if self.wasm.contains("://") { self.wasm.to_owned() } else { format!("file://{}", self.wasm) }
    }
}

/// Checks that the target has the host.
fn host(arguments: &RenderArguments) -> Result<(), RenderError> {
    match (arguments.target, arguments.host) {
        (Target::Istio, HostOption::Native) => {
            Err(RenderError::option("--host", "native", "wasm, the only host on Istio", "wasm"))
        }
        (Target::EnvoyGateway, HostOption::Wasm) => {
            Err(RenderError::option("--host", "wasm", "native, the only host rendered for Envoy Gateway", "native"))
        }
        // Envoy Gateway has no field for the filter that copies verified claims to where a module reads them.
        (Target::EnvoyGateway, HostOption::Native) if arguments.identity == IdentityOption::Jwt => {
            let expected = "header; a SecurityPolicy with `claimToHeaders` sets these from a verified token";
            Err(RenderError::option("--identity", "jwt", expected, "header"))
        }
        (Target::EnvoyGateway, HostOption::Native) if arguments.identity == IdentityOption::Certificate => {
            let expected = "header, jwt on another target, or api-key; Envoy Gateway has no field for the filter that reads a certificate";
            Err(RenderError::option("--identity", "certificate", expected, "api-key"))
        }
        _ => Ok(()),
    }
}

/// Reads the address of the metrics. A mesh has a port for them of its own.
fn metrics(arguments: &RenderArguments) -> Result<Option<Address>, RenderError> {
    let Some(given) = arguments.metrics.as_deref() else { return Ok(None) };
    let because = match arguments.target {
        Target::Envoy => return Address::read_bindable("--metrics", given).map(Some),
        Target::Istio => "--target istio",
        Target::EnvoyGateway => "--target envoy-gateway",
    };
    Err(RenderError::Useless { option: "--metrics", because })
}

fn wasm(arguments: &RenderArguments) -> Result<(), RenderError> {
    let fetched = arguments.target == Target::Istio && arguments.form == IstioForm::Wasmplugin;
    if arguments.wasm.contains("://") && !fetched {
        let expected = "a path on the machine that Envoy runs on; only a WasmPlugin fetches modules from a URL";
        return Err(RenderError::option("--wasm", &arguments.wasm, expected, "/etc/callgate/callgate.wasm"));
    }
    Ok(())
}

/// The default is longer than any tool may take: if a callout ends before its call, the call's end is unknown.
fn executor_timeout(given: Option<&str>, contracts: &Contracts) -> Result<Duration, RenderError> {
    /// Covers the way there and back, and the executor's queue.
    const MORE: Duration = Duration::from_secs(2);
    const USUAL: Duration = Duration::from_secs(10);
    let Some(given) = given else { return Ok(USUAL.max(contracts.longest_timeout().saturating_add(MORE))) };
    callgate_contract::parse_duration(given)
        .ok_or_else(|| RenderError::option("--executor-timeout", given, "a whole number of ms, s, m or h", "10s"))
}

/// Formats a duration as contracts and the filter do: `10s`, `1500ms`.
pub(super) fn in_units(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// Checks that the budget has room for one exchange of the contract.
fn held_bytes(arguments: &RenderArguments, contracts: &Contracts) -> Result<(), RenderError> {
    let Some(given) = arguments.held_bytes.as_deref() else { return Ok(()) };
    let limits = contracts.limits();
    let least = limits.request_bytes.saturating_add(limits.response_bytes).saturating_mul(2);
    match callgate_contract::parse_size(given) {
        None => {
            Err(RenderError::option("--held-bytes", given, "bytes, or a whole number of KiB, MiB or GiB", "256MiB"))
        }
        Some(bytes) if bytes < least => {
            let expected = format!("at least {least} bytes, twice requestBytes and responseBytes of the contract");
            Err(RenderError::option("--held-bytes", given, expected, "256MiB"))
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn header(option: &'static str, name: &str) -> Result<(), RenderError> {
    let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.bytes().all(token) {
        return Ok(());
    }
    Err(RenderError::option(option, name, "a header name in lower case", "x-callgate-role"))
}

fn selector(given: &str) -> Result<(&str, &str), RenderError> {
    match given.split_once('=') {
        Some((label, value)) if !label.is_empty() && !value.is_empty() => Ok((label, value)),
        _ => Err(RenderError::option("--selector", given, "LABEL=VALUE", "istio=ingressgateway")),
    }
}
