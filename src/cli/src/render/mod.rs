//! `callgate render`: turns a contract and a few addresses into configuration for an operator to read, copy and own.
//!
//! The templates are beside the sources. Every value from a contract or the command line goes through [`yaml`], so that no
//! value can become structure.

mod address;
mod args;
mod configuration;
mod error;
mod executor;
mod guards;
mod identity;
mod mcp;
mod oauth;
mod options;
mod paths;
mod providers;
mod rate_limit;
mod yaml;

use std::sync::Arc;
use std::time::Duration;

use minijinja::{Environment, UndefinedBehavior, Value, context};

use self::address::Address;
pub(crate) use self::args::RenderArguments;
use self::args::{HostOption, IstioForm, Target};
use self::error::RenderError;
use self::executor::Executor;
use self::oauth::credential::Credential;
use self::options::Options;
use self::providers::Providers;
use self::rate_limit::RateLimit;
use crate::contracts::Contracts;
use crate::disk;

const TEMPLATES: [(&str, &str); 40] = [
    ("envoy.yaml", include_str!("../../templates/envoy.yaml.j2")),
    ("istio-envoyfilter.yaml", include_str!("../../templates/istio-envoyfilter.yaml.j2")),
    ("istio-wasmplugin.yaml", include_str!("../../templates/istio-wasmplugin.yaml.j2")),
    ("istio-buffers.yaml", include_str!("../../templates/istio-buffers.yaml.j2")),
    ("istio-clusters.yaml", include_str!("../../templates/istio-clusters.yaml.j2")),
    ("envoy-gateway.yaml", include_str!("../../templates/envoy-gateway.yaml.j2")),
    ("metrics.yaml", include_str!("../../templates/metrics.yaml.j2")),
    ("jwt.yaml", include_str!("../../templates/jwt.yaml.j2")),
    ("api-key.yaml", include_str!("../../templates/api-key.yaml.j2")),
    ("certificate.yaml", include_str!("../../templates/certificate.yaml.j2")),
    ("gateway-api-key.yaml", include_str!("../../templates/gateway-api-key.yaml.j2")),
    ("unpinned.yaml", include_str!("../../templates/unpinned.yaml.j2")),
    ("filter.yaml", include_str!("../../templates/filter.yaml.j2")),
    ("native.yaml", include_str!("../../templates/native.yaml.j2")),
    ("decompressor.yaml", include_str!("../../templates/decompressor.yaml.j2")),
    ("istio-before-router.yaml", include_str!("../../templates/istio-before-router.yaml.j2")),
    ("oauth-replies.yaml", include_str!("../../templates/oauth-replies.yaml.j2")),
    ("oauth-routes.yaml", include_str!("../../templates/oauth-routes.yaml.j2")),
    ("authorization.yaml", include_str!("../../templates/authorization.yaml.j2")),
    ("credential.yaml", include_str!("../../templates/credential.yaml.j2")),
    ("mcp-credential.yaml", include_str!("../../templates/mcp-credential.yaml.j2")),
    ("mcp-routes.yaml", include_str!("../../templates/mcp-routes.yaml.j2")),
    ("subject.yaml", include_str!("../../templates/subject.yaml.j2")),
    ("no-subject.yaml", include_str!("../../templates/no-subject.yaml.j2")),
    ("exchanged.yaml", include_str!("../../templates/exchanged.yaml.j2")),
    ("exchange.yaml", include_str!("../../templates/exchange.yaml.j2")),
    ("cluster-peer.yaml", include_str!("../../templates/cluster-peer.yaml.j2")),
    ("claims.yaml", include_str!("../../templates/claims.yaml.j2")),
    ("cluster-llm-api.yaml", include_str!("../../templates/cluster-llm-api.yaml.j2")),
    ("security-headers.yaml", include_str!("../../templates/security-headers.yaml.j2")),
    ("cors.yaml", include_str!("../../templates/cors.yaml.j2")),
    ("local-rate-limit.yaml", include_str!("../../templates/local-rate-limit.yaml.j2")),
    ("ext-authz.yaml", include_str!("../../templates/ext-authz.yaml.j2")),
    ("cluster-ext-authz.yaml", include_str!("../../templates/cluster-ext-authz.yaml.j2")),
    ("providers-listeners.yaml", include_str!("../../templates/providers-listeners.yaml.j2")),
    ("providers-retry.yaml", include_str!("../../templates/providers-retry.yaml.j2")),
    ("providers-clusters.yaml", include_str!("../../templates/providers-clusters.yaml.j2")),
    ("rate-limit.yaml", include_str!("../../templates/rate-limit.yaml.j2")),
    ("cluster-rate-limit.yaml", include_str!("../../templates/cluster-rate-limit.yaml.j2")),
    ("cluster-executor.yaml", include_str!("../../templates/cluster-executor.yaml.j2")),
];

/// The codings of request bodies that Envoy decodes in front of the gate, as in the names of its messages.
const DECOMPRESSORS: [&str; 2] = ["Gzip", "Zstd"];

/// Returns the configuration for `arguments`.
pub(crate) fn render(arguments: &RenderArguments) -> Result<String, RenderError> {
    let mut contracts = Contracts::read(&arguments.file)?;
    if let Some(candidate) = &arguments.candidate {
        if contracts.is_set {
            return Err(RenderError::Useless {
                option: "--candidate",
                because: "a contract set, whose entries have a `candidate`",
            });
        }
        let candidate = Arc::new(disk::contract(candidate)?);
        contracts.entries.iter_mut().for_each(|entry| entry.candidate = Some(Arc::clone(&candidate)));
    }
    let options = Options::read(arguments, &contracts)?;
    options.try_gate()?;
    if let (Some(providers), Some(file)) = (&options.providers, &arguments.providers) {
        for warning in providers.warnings(file, &contracts)? {
            eprintln!("{warning}");
        }
    }
    fill(&options)
}

fn fill(options: &Options<'_>) -> Result<String, RenderError> {
    let name = match (options.target, options.form) {
        (Target::Envoy, _) => "envoy.yaml",
        (Target::Istio, IstioForm::Envoyfilter) => "istio-envoyfilter.yaml",
        (Target::Istio, IstioForm::Wasmplugin) => "istio-wasmplugin.yaml",
        (Target::EnvoyGateway, _) => "envoy-gateway.yaml",
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_keep_trailing_newline(true);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("scalar", yaml::scalar);
    environment.add_filter("comment", yaml::comment);
    environment.add_filter("indented", yaml::indented);
    environment.add_filter("item", yaml::item);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment.get_template(name)?.render(values(options)?)?)
}

/// Returns the values for the templates. Any other name is an error of the template.
fn values(options: &Options<'_>) -> Result<Value, RenderError> {
    let contracts = options.contracts;
    let limits = &contracts.limits();
    let largest = limits.request_bytes.max(limits.response_bytes);
    let plugin = configuration::plugin(options)?;
    Ok(context! {
        command => command_line(),
        contracts => titles(contracts),
        plugin => yaml::pretty(&plugin)?,
        wasm => options.wasm,
        native => (options.arguments.host == HostOption::Native).then_some(&options.arguments.native),
        wasm_url => options.wasm_url(),
        listen => options.listen.values(),
        admin => options.admin.values(),
        variables => options.arguments.sealing_variables,
        metrics => options.metrics.as_ref().map(Address::values),
        upstream => options.mcp.has_upstream.then(|| context! {
            cluster => "llm-api",
            address => options.upstream.values(),
            authority => options.authority,
            tls => options.upstream_tls,
            ca => options.upstream_ca,
        }),
        mcp_servers => options.mcp.values(options.upstream_ca),
        providers => options.providers.as_ref().map(Providers::values),
        executor => options.executor.as_ref().map(Executor::values),
        longest_timeout => options.too_short().map(options::in_units),
        loops => options.loops,
        runs => contracts.runs(),
        mcp_paths => options.paths_of("mcp").into_iter().filter(|path| !options.mcp.is_at(path)).collect::<Vec<_>>(),
        jwt => identity::jwt(options),
        headers => identity::headers(options),
        api_key => identity::api_key(options),
        certificate => identity::certificate(options),
        fixed => identity::fixed(options),
        decompressors => DECOMPRESSORS,
        front_filters => options.guards.in_front(),
        guards => options.guards.values(),
        identity_filters => filters(options),
        oauth => options.oauth.values(),
        oauth_skipped => skipped(options),
        credential => options.credential.as_ref().map(Credential::values),
        peers => peers(options),
        rate_limit => options.rate_limit.as_ref().map(RateLimit::values),
        request_bytes => limits.request_bytes,
        response_bytes => limits.response_bytes,
        // Twice the larger one: the received bytes and the arriving chunk both fit. So the filter's own limit, with its own
        // error, always comes first.
        buffer_bytes => largest.saturating_mul(2).clamp(1 << 20, u32::MAX.into()),
        // RFC 9113 §6.9.1: at most 2^31-1.
        http2_window => largest.saturating_mul(2).clamp(1 << 20, (1 << 31) - 1),
        route_timeout => yaml::duration(limits.turn_timeout.saturating_add(MARGIN)),
        idle_timeout => yaml::duration(longest_silence(options)),
        request_timeout => yaml::duration(longest_request(options)),
        unpinned => unpinned(contracts),
        candidate => contracts.entries.iter().any(|entry| entry.candidate.is_some()),
        namespace => options.namespace,
        gateway => options.arguments.gateway,
        gateway_times => context! {
            request => yaml::gateway_duration(longest_request(options)),
            idle => yaml::gateway_duration(longest_silence(options)),
            route => yaml::gateway_duration(limits.turn_timeout.saturating_add(MARGIN)),
        },
        selector => context! { label => options.selector.0, value => options.selector.1 },
    })
}

/// Returns the templates of the filters in front of the gate that establish the caller and the upstream's credential and ask the
/// authorizer, in their order.
fn filters(options: &Options<'_>) -> Vec<&'static str> {
    let (before, after) = options.credential.as_ref().map_or((&[][..], &[][..]), Credential::filters);
    let bearer: &[_] = if options.oauth.is_resource() { &["authorization.yaml"] } else { &[] };
    [bearer, before, &identity::filters(options.arguments), after, options.guards.behind_identity()].concat()
}

/// Returns the names of the filters that a request for the resource's metadata skips: all that need a caller.
fn skipped(options: &Options<'_>) -> Vec<&'static str> {
    let name = |template: &str| match template {
        "authorization.yaml" => Some("envoy.filters.http.rbac"),
        "jwt.yaml" => Some("envoy.filters.http.jwt_authn"),
        "claims.yaml" => Some("envoy.filters.http.set_filter_state"),
        "credential.yaml" => Some("envoy.filters.http.credential_injector"),
        "exchange.yaml" => Some("callgate.token-exchange"),
        "exchanged.yaml" => Some("callgate.exchanged-token"),
        "ext-authz.yaml" => Some("envoy.filters.http.ext_authz"),
        _ => None,
    };
    filters(options).into_iter().filter_map(name).chain(["callgate"]).collect()
}

/// Returns the clusters of the parties that are neither the upstream nor the executor.
fn peers(options: &Options<'_>) -> Vec<Value> {
    let ca = &options.arguments.oauth.oauth_ca;
    let keys = options.oauth.keys.as_ref().map(|keys| keys.cluster("jwt-keys", "The issuer's public keys.", ca));
    let credential = options.credential.as_ref().and_then(|credential| credential.cluster(ca));
    keys.into_iter().chain(credential).collect()
}

/// Returns a line for each contract, or one for all if they are many.
fn titles(contracts: &Contracts) -> Vec<String> {
    const FEW: usize = 16;
    let files: Vec<_> = contracts.files().collect();
    if files.len() > FEW {
        return vec![format!("{} contracts of {}", files.len(), contracts.file().display())];
    }
    let title = |contract: &callgate_contract::Contract| {
        format!("Contract {} {}, {}", contract.name(), contract.version(), contract.digest())
    };
    files.into_iter().map(|entry| title(&entry.contract)).collect()
}

/// Returns the tools without a checksum.
fn unpinned(contracts: &Contracts) -> String {
    let tools = contracts.files().map(|entry| crate::lint::unpinned(&entry.contract));
    tools.filter(|names| !names.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Envoy waits this much longer than the filter, so that the filter ends late exchanges itself, with a code and a verdict.
const MARGIN: Duration = Duration::from_secs(30);

/// Returns the longest silence of a stream that the filter tolerates, and the margin.
///
/// A stream is silent for `turnIdleTimeout` while the upstream is. If the filter asks the model again, the stream is silent
/// for every round the contract allows, because Envoy does not count callouts as activity.
fn longest_silence(options: &Options<'_>) -> Duration {
    let limits = options.contracts.limits();
    let silence = if options.loops {
        limits.turn_timeout.saturating_add(options.executor_timeout).saturating_mul(limits.max_rounds)
    } else {
        limits.turn_idle_timeout
    };
    silence.max(limits.turn_idle_timeout).max(longest_run(options)).saturating_add(MARGIN)
}

/// Returns the longest time for which the gate holds a request: the executor runs the call of an MCP client before anything is answered.
fn longest_run(options: &Options<'_>) -> Duration {
    if options.contracts.runs() { options.executor_timeout } else { Duration::ZERO }
}

/// Returns the longest time for a request to arrive: a tolerated pause, the margin, and the body at 32 KiB a second. Envoy counts the time
/// for which the gate holds it too.
fn longest_request(options: &Options<'_>) -> Duration {
    const BYTES_PER_SECOND: u64 = 32 << 10;
    let limits = options.contracts.limits();
    let body = Duration::from_secs(limits.request_bytes.div_ceil(BYTES_PER_SECOND));
    limits.turn_idle_timeout.max(longest_run(options)).saturating_add(MARGIN).saturating_add(body)
}

/// Returns the command that writes this file again.
fn command_line() -> String {
    let arguments = std::env::args().skip(1).map(|argument| yaml::shell_word(&argument));
    std::iter::once("callgate".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}
