//! The command line of `callgate render`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(crate) use super::guards::GuardArguments;
pub(crate) use super::mcp::McpArguments;
pub(crate) use super::oauth::args::{CredentialArguments, OauthArguments};

/// Write the Envoy, Istio or Envoy Gateway configuration for a contract to standard output
#[derive(Args)]
#[command(after_help = "Examples:\n  \
                  callgate render --target envoy contract.yaml > envoy.yaml\n  \
                  callgate render --target envoy contract.yaml --upstream 127.0.0.1:8080 --wasm dist/callgate.wasm > envoy.yaml\n  \
                  callgate render --target istio contract.yaml --namespace llm --selector istio=llm-gateway | kubectl apply -f -\n  \
                  callgate render --target envoy-gateway --host native contract.yaml --namespace llm --gateway llm | kubectl apply -f -")]
pub(crate) struct RenderArguments {
    /// File of a contract, or of a contract set: several contracts, each with the requests that get it
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A contract that decides every call too, and enforces nothing: differences are counted
    #[arg(long, value_name = "FILE")]
    pub(crate) candidate: Option<PathBuf>,
    /// The proxy to configure
    #[arg(long, value_enum)]
    pub(crate) target: Target,

    /// The address on which Envoy accepts applications
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:10000", help_heading = "Envoy")]
    pub(crate) listen: String,
    /// The address of Envoy's admin interface; keep it on loopback
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9901", help_heading = "Envoy")]
    pub(crate) admin: String,
    /// --target envoy: an address with nothing but Envoy's metrics (/stats/prometheus) and readiness (/ready), for Prometheus and
    /// for probes; by default none
    #[arg(long, value_name = "HOST:PORT", help_heading = "Envoy")]
    pub(crate) metrics: Option<String>,
    /// The host of the gate inside Envoy
    #[arg(long, value_enum, default_value_t = HostOption::Wasm, help_heading = "Envoy")]
    pub(crate) host: HostOption,
    /// --host native: the path of the dynamic module on Envoy's machine
    #[arg(long, value_name = "PATH", default_value = "/etc/callgate/libcallgate.so", help_heading = "Envoy")]
    pub(crate) native: String,
    /// --host wasm: the path of the filter's module on Envoy's machine; for a WasmPlugin also an oci:// or https:// URL
    #[arg(long, value_name = "PATH", default_value = "/etc/callgate/callgate.wasm", help_heading = "Envoy")]
    pub(crate) wasm: String,

    /// The LLM API; by default api.openai.com:443 with TLS, or none beside --mcp-server and --mcp-merged
    #[arg(long, value_name = "HOST:PORT", help_heading = "Upstream and executor")]
    pub(crate) upstream: Option<String>,
    /// Use TLS to the upstream, and verify its certificate
    #[arg(long, help_heading = "Upstream and executor")]
    pub(crate) upstream_tls: bool,
    /// The CA bundle for the upstream's certificate, on Envoy's machine
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/etc/ssl/certs/ca-certificates.crt",
        help_heading = "Upstream and executor"
    )]
    pub(crate) upstream_ca: String,
    /// The `host` header for the upstream; by default the upstream's own name
    #[arg(long, value_name = "AUTHORITY", help_heading = "Upstream and executor")]
    pub(crate) authority: Option<String>,
    /// --target envoy: a YAML file with several providers and the models of each, in place of --upstream; see
    /// docs/guides/providers.md
    #[arg(long, value_name = "FILE", help_heading = "Upstream and executor")]
    pub(crate) providers: Option<PathBuf>,
    /// The address of callgate-executor, which runs tools and keeps the audit log; by default 127.0.0.1:7070, or none if
    /// the client runs every tool of the contract
    #[arg(long, value_name = "HOST:PORT|unix:/PATH", help_heading = "Upstream and executor")]
    pub(crate) executor: Option<String>,
    /// Use TLS to the executor: the CA bundle for its certificate, on Envoy's machine
    #[arg(long, value_name = "PATH", help_heading = "Upstream and executor")]
    pub(crate) executor_ca: Option<String>,
    /// With --executor-ca: the name in the executor's certificate, a DNS name, an IP address or a spiffe:// ID; by default
    /// the host of --executor
    #[arg(long, value_name = "NAME", help_heading = "Upstream and executor")]
    pub(crate) executor_name: Option<String>,
    /// With --executor-ca: Envoy's own certificate, named in the executor's `allowedClients`
    #[arg(long, value_name = "PATH", help_heading = "Upstream and executor")]
    pub(crate) executor_certificate: Option<String>,
    /// The key of --executor-certificate
    #[arg(long, value_name = "PATH", help_heading = "Upstream and executor")]
    pub(crate) executor_key: Option<String>,
    /// The longest time for the executor to run the calls of one turn, such as 10s or 500ms; by default 10s, or 2s more
    /// than the longest `timeout` of the contract's tools
    #[arg(long, value_name = "DURATION", help_heading = "Upstream and executor")]
    pub(crate) executor_timeout: Option<String>,

    /// The source of the caller's tenant and role
    #[arg(long, value_enum, default_value_t = IdentityOption::Header, help_heading = "Identity")]
    pub(crate) identity: IdentityOption,
    /// --identity fixed: the tenant of every request
    #[arg(long, value_name = "TENANT", help_heading = "Identity")]
    pub(crate) tenant: Option<String>,
    /// --identity fixed: the role of every request
    #[arg(long, value_name = "ROLE", help_heading = "Identity")]
    pub(crate) role: Option<String>,
    /// --identity fixed: the workspace of every request, if the contract reads it from a header; no header then states it
    #[arg(long, value_name = "DIR", help_heading = "Identity")]
    pub(crate) workspace: Option<String>,
    /// --identity header: the header with the tenant
    #[arg(long, value_name = "NAME", default_value = "x-callgate-tenant", help_heading = "Identity")]
    pub(crate) tenant_header: String,
    /// --identity header: the header with the role
    #[arg(long, value_name = "NAME", default_value = "x-callgate-role", help_heading = "Identity")]
    pub(crate) role_header: String,
    /// --identity jwt: the claim with the tenant: a name, or a JSON Pointer such as /organisation/id
    #[arg(long, value_name = "NAME", default_value = "tenant", help_heading = "Identity")]
    pub(crate) tenant_claim: String,
    /// --identity jwt: the claim with the role: a name, or a JSON Pointer such as /realm_access/roles/0; by default role, or none
    /// with --scope-role
    #[arg(long, value_name = "NAME", help_heading = "Identity")]
    pub(crate) role_claim: Option<String>,
    /// --identity jwt: the issuer (`iss`) that signs the tokens
    #[arg(long, value_name = "ISSUER", help_heading = "Identity")]
    pub(crate) jwt_issuer: Option<String>,
    /// --identity jwt: an audience (`aud`) that tokens must name; may be repeated
    #[arg(long, value_name = "AUDIENCE", help_heading = "Identity")]
    pub(crate) jwt_audience: Vec<String>,
    /// --identity jwt: a file with the issuer's public keys (JWKS) on Envoy's machine
    #[arg(long, value_name = "PATH", help_heading = "Identity")]
    pub(crate) jwt_jwks: Option<String>,
    /// --identity jwt: the request header with the token; by default x-callgate-token, because `authorization` usually carries the LLM
    /// API's own key, or authorization with --oauth-resource
    #[arg(long, value_name = "NAME", help_heading = "Identity")]
    pub(crate) jwt_header: Option<String>,
    /// --identity header or jwt: the source of a claim that contracts declare: a header, or a claim of the token by name or JSON Pointer;
    /// may be repeated. A claim that is not listed has the same name in the token
    #[arg(long = "claim", value_name = "NAME=SOURCE", help_heading = "Identity")]
    pub(crate) claims: Vec<String>,
    /// --identity api-key or certificate: a YAML file with the caller of each client, `CLIENT: { tenant: …, role: …, claims: { … } }`. A client of a
    /// certificate is its URI SAN, such as a SPIFFE id
    #[arg(long, value_name = "FILE", help_heading = "Identity")]
    pub(crate) callers: Option<PathBuf>,
    /// --identity api-key: a YAML file with the key of each client, `CLIENT: KEY`; the output then holds the keys
    #[arg(long, value_name = "FILE", help_heading = "Identity")]
    pub(crate) api_keys: Option<PathBuf>,
    /// --identity api-key: the request header with the key (`authorization` usually carries the LLM API's own key)
    #[arg(long, value_name = "NAME", default_value = "x-callgate-key", help_heading = "Identity")]
    pub(crate) api_key_header: String,
    /// --identity certificate: the listener's certificate, on Envoy's machine
    #[arg(long, value_name = "PATH", help_heading = "Identity")]
    pub(crate) listen_certificate: Option<String>,
    /// --identity certificate: the key of --listen-certificate
    #[arg(long, value_name = "PATH", help_heading = "Identity")]
    pub(crate) listen_key: Option<String>,
    /// --identity certificate: the CA bundle for the clients' certificates, on Envoy's machine
    #[arg(long, value_name = "PATH", help_heading = "Identity")]
    pub(crate) client_ca: Option<String>,

    #[command(flatten)]
    pub(crate) mcp: McpArguments,
    #[command(flatten)]
    pub(crate) oauth: OauthArguments,
    #[command(flatten)]
    pub(crate) credential: CredentialArguments,

    #[command(flatten)]
    pub(crate) guards: GuardArguments,
    /// --target envoy: the address of a rate limit service that several Envoys share (envoy.service.ratelimit.v3, in plaintext). Envoy
    /// asks it about each request, with the tenant and the role, or with the client of an API key
    #[arg(long, value_name = "HOST:PORT", help_heading = "Gate")]
    pub(crate) rate_limit: Option<String>,
    /// With --rate-limit: the domain of the service's limits; by default callgate
    #[arg(long, value_name = "NAME", help_heading = "Gate")]
    pub(crate) rate_limit_domain: Option<String>,
    /// Another path for an API, such as chatCompletions=/v2/chat; may be repeated. `{model}` matches one segment, or a part
    /// of one, and names the model
    #[arg(long = "path", value_name = "API=PATH", help_heading = "Gate")]
    pub(crate) paths: Vec<String>,
    /// A path to forward without reading, such as /v1/embeddings or /v1/files/*; may be repeated; none by default
    #[arg(long, value_name = "PATH", help_heading = "Gate")]
    pub(crate) passthrough: Vec<String>,
    /// The tools the model sees
    #[arg(long, value_enum, default_value_t = Tools::Declared, help_heading = "Gate")]
    pub(crate) tools: Tools,
    /// Chat Completions: the member for `maxOutputTokens` if a request sets no limit of its own
    #[arg(long, value_enum, default_value_t = OutputLimitMember::Auto, help_heading = "Gate")]
    pub(crate) output_limit_member: OutputLimitMember,
    /// Chat Completions: asking for the usage of streams, if the contract needs it and the client did not ask
    #[arg(long, value_enum, default_value_t = StreamUsage::Ask, help_heading = "Gate")]
    pub(crate) stream_usage: StreamUsage,
    /// A variable of Envoy's environment with a key in base64 that seals what clients carry for the gate, such as handles of MCP tasks
    /// (`openssl rand -base64 32`). May be repeated: the first key seals, each one opens
    #[arg(long = "sealing-variable", value_name = "NAME", help_heading = "Gate")]
    pub(crate) sealing_variables: Vec<String>,
    /// The most bytes of bodies one worker buffers at once, such as 256MiB (the filter's default); beyond it new exchanges
    /// get 503
    #[arg(long, value_name = "SIZE", help_heading = "Gate")]
    pub(crate) held_bytes: Option<String>,

    /// --target istio: the kind of resource
    #[arg(long, value_enum, default_value_t = IstioForm::Envoyfilter, help_heading = "Kubernetes")]
    pub(crate) form: IstioForm,
    /// --target istio or envoy-gateway: the namespace of the gateway
    #[arg(long, value_name = "NAME", default_value = "callgate", help_heading = "Kubernetes")]
    pub(crate) namespace: String,
    /// --target envoy-gateway: the name of the Gateway
    #[arg(long, value_name = "NAME", default_value = "llm", help_heading = "Kubernetes")]
    pub(crate) gateway: String,
    /// --target istio: the label of the gateway's pods
    #[arg(
        long,
        value_name = "LABEL=VALUE",
        default_value = "gateway.networking.k8s.io/gateway-name=llm",
        help_heading = "Kubernetes"
    )]
    pub(crate) selector: String,
}

/// The proxy to configure.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// A complete bootstrap for a standalone Envoy (1.36 to 1.40)
    Envoy,
    /// Resources for an Istio gateway
    Istio,
    /// Resources for a Gateway of Envoy Gateway, with --host native only
    EnvoyGateway,
}

/// The host of the gate inside Envoy.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HostOption {
    /// The proxy-wasm filter: in a sandbox, for Envoy 1.36 to 1.40
    Wasm,
    /// The dynamic module: faster, but without a sandbox, and for Envoy 1.40 and 1.41 only
    Native,
}

/// The Istio resource that inserts the filter.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IstioForm {
    /// EnvoyFilter: sets everything the gate needs
    Envoyfilter,
    /// WasmPlugin: can fetch the module from a registry, but cannot set everything (the output lists the rest)
    Wasmplugin,
}

/// The source of the caller's tenant and role.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IdentityOption {
    /// Request headers set by a trusted proxy in front of Envoy
    Header,
    /// Claims of a token verified by Envoy's jwt_authn filter
    Jwt,
    /// An API key checked by Envoy's api_key_auth filter
    ApiKey,
    /// The URI SAN, such as a SPIFFE id, of a client certificate verified by Envoy
    Certificate,
    /// One tenant and one role for every request: a listener for one application or coding agent
    Fixed,
}

// === impl IdentityOption ===

impl IdentityOption {
    /// Returns the option as it is given.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::Header => "--identity header",
            Self::Jwt => "--identity jwt",
            Self::ApiKey => "--identity api-key",
            Self::Certificate => "--identity certificate",
            Self::Fixed => "--identity fixed",
        }
    }
}

/// The tools the model sees.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tools {
    /// The tools the application declares, with the contract's descriptions
    Declared,
    /// All tools the caller's role may use, declared or not
    Inject,
}

/// The rule for the usage of streams in Chat Completions.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StreamUsage {
    /// Ask, and hide what the client did not ask for
    Ask,
    /// Never ask, for upstreams that refuse `stream_options`; missing counts are estimated
    Leave,
}

/// The member of a Chat Completions request that limits its output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputLimitMember {
    /// The member in the request, or else the one known for the model's name
    Auto,
    /// `max_tokens`, known to most servers with OpenAI's API
    #[value(name = "max_tokens")]
    MaxTokens,
    /// `max_completion_tokens`, required by OpenAI's reasoning models
    #[value(name = "max_completion_tokens")]
    MaxCompletionTokens,
}
