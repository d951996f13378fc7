//! The command line of `callgate render`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Write the Envoy or Istio configuration that enforces a contract, to standard output
#[derive(Args)]
#[command(after_help = "Examples:\n  \
                  callgate render --target envoy contract.yaml > envoy.yaml\n  \
                  callgate render --target envoy contract.yaml --upstream 127.0.0.1:8080 --wasm dist/callgate.wasm > envoy.yaml\n  \
                  callgate render --target istio contract.yaml --namespace llm --selector istio=llm-gateway | kubectl apply -f -")]
pub(crate) struct RenderArguments {
    /// Contract file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What to configure
    #[arg(long, value_enum)]
    pub(crate) target: Target,

    /// Where Envoy listens for applications
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:10000", help_heading = "Envoy")]
    pub(crate) listen: String,
    /// Where Envoy's admin interface listens; keep it on loopback
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9901", help_heading = "Envoy")]
    pub(crate) admin: String,
    /// The filter's module on the machine that Envoy runs on; for a WasmPlugin also an oci:// or https:// URL
    #[arg(long, value_name = "PATH", default_value = "/etc/callgate/callgate.wasm", help_heading = "Envoy")]
    pub(crate) wasm: String,

    /// The LLM API; without this, api.openai.com:443 with TLS
    #[arg(long, value_name = "HOST:PORT", help_heading = "Upstream and executor")]
    pub(crate) upstream: Option<String>,
    /// Speak TLS to the upstream and verify its certificate
    #[arg(long, help_heading = "Upstream and executor")]
    pub(crate) upstream_tls: bool,
    /// CA bundle that the upstream's certificate must chain to
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/etc/ssl/certs/ca-certificates.crt",
        help_heading = "Upstream and executor"
    )]
    pub(crate) upstream_ca: String,
    /// The `host` header the upstream expects; by default the upstream's own name
    #[arg(long, value_name = "AUTHORITY", help_heading = "Upstream and executor")]
    pub(crate) authority: Option<String>,
    /// callgate-executor, which runs tools and keeps the audit log; by default 127.0.0.1:7070, or none when every tool of the
    /// contract is run by the client
    #[arg(long, value_name = "HOST:PORT|unix:/PATH", help_heading = "Upstream and executor")]
    pub(crate) executor: Option<String>,
    /// Speak TLS to the executor: CA bundle that its certificate must chain to, on the machine that Envoy runs on
    #[arg(long, value_name = "PATH", help_heading = "Upstream and executor")]
    pub(crate) executor_ca: Option<String>,
    /// With --executor-ca: the name in the executor's certificate, a DNS name, an IP address or a spiffe:// ID; by default the
    /// host of --executor
    #[arg(long, value_name = "NAME", help_heading = "Upstream and executor")]
    pub(crate) executor_name: Option<String>,
    /// With --executor-ca: the certificate that Envoy shows, which the executor's `allowedClients` names
    #[arg(long, value_name = "PATH", help_heading = "Upstream and executor")]
    pub(crate) executor_certificate: Option<String>,
    /// The key of --executor-certificate
    #[arg(long, value_name = "PATH", help_heading = "Upstream and executor")]
    pub(crate) executor_key: Option<String>,
    /// The longest the executor may take for the calls of one turn, such as 10s or 500ms; by default 10s, or 2s more than the
    /// longest `timeout` of the contract's tools
    #[arg(long, value_name = "DURATION", help_heading = "Upstream and executor")]
    pub(crate) executor_timeout: Option<String>,

    /// Where the caller's tenant and role come from
    #[arg(long, value_enum, default_value_t = Identity::Header, help_heading = "Identity")]
    pub(crate) identity: Identity,
    /// --identity header: the header with the tenant
    #[arg(long, value_name = "NAME", default_value = "x-callgate-tenant", help_heading = "Identity")]
    pub(crate) tenant_header: String,
    /// --identity header: the header with the role
    #[arg(long, value_name = "NAME", default_value = "x-callgate-role", help_heading = "Identity")]
    pub(crate) role_header: String,
    /// --identity jwt: the claim with the tenant
    #[arg(long, value_name = "NAME", default_value = "tenant", help_heading = "Identity")]
    pub(crate) tenant_claim: String,
    /// --identity jwt: the claim with the role
    #[arg(long, value_name = "NAME", default_value = "role", help_heading = "Identity")]
    pub(crate) role_claim: String,
    /// --identity jwt: the issuer (`iss`) that signs the tokens
    #[arg(long, value_name = "ISSUER", help_heading = "Identity")]
    pub(crate) jwt_issuer: Option<String>,
    /// --identity jwt: an audience (`aud`) that tokens must name; may be repeated
    #[arg(long, value_name = "AUDIENCE", help_heading = "Identity")]
    pub(crate) jwt_audience: Vec<String>,
    /// --identity jwt: a file with the issuer's public keys (JWKS) on the machine that Envoy runs on
    #[arg(long, value_name = "PATH", help_heading = "Identity")]
    pub(crate) jwt_jwks: Option<String>,
    /// --identity jwt: the request header with the token (`authorization` usually carries the LLM API's own key)
    #[arg(long, value_name = "NAME", default_value = "x-callgate-token", help_heading = "Identity")]
    pub(crate) jwt_header: String,

    /// The path of an API instead of its own, such as chatCompletions=/v2/chat; may be repeated. `{model}` stands for one segment,
    /// or a part of one, which names the model
    #[arg(long = "path", value_name = "API=PATH", help_heading = "What the gate lets through")]
    pub(crate) paths: Vec<String>,
    /// A path that goes through unread, such as /v1/models or /v1/files/*; may be repeated; none by default
    #[arg(long, value_name = "PATH", help_heading = "What the gate lets through")]
    pub(crate) passthrough: Vec<String>,
    /// Which tools the model is told of
    #[arg(long, value_enum, default_value_t = Tools::Declared, help_heading = "What the gate lets through")]
    pub(crate) tools: Tools,
    /// Chat Completions: the member that carries `maxOutputTokens` when a request sets no limit of its own
    #[arg(long, value_enum, default_value_t = OutputLimitMember::Auto, help_heading = "What the gate lets through")]
    pub(crate) output_limit_member: OutputLimitMember,
    /// Bytes of bodies that one worker holds at once, such as 256MiB (the filter's default); beyond them new exchanges get 503
    #[arg(long, value_name = "SIZE", help_heading = "What the gate lets through")]
    pub(crate) held_bytes: Option<String>,

    /// --target istio: which kind of resource
    #[arg(long, value_enum, default_value_t = Form::Envoyfilter, help_heading = "Istio")]
    pub(crate) form: Form,
    /// --target istio: the namespace of the gateway
    #[arg(long, value_name = "NAME", default_value = "callgate", help_heading = "Istio")]
    pub(crate) namespace: String,
    /// --target istio: the label of the gateway's pods
    #[arg(
        long,
        value_name = "LABEL=VALUE",
        default_value = "gateway.networking.k8s.io/gateway-name=llm",
        help_heading = "Istio"
    )]
    pub(crate) selector: String,
}

/// What to configure.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// A whole bootstrap for a standalone Envoy (1.36 to 1.40)
    Envoy,
    /// Resources for an Istio gateway
    Istio,
}

/// The Istio resource that inserts the filter.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// EnvoyFilter: sets everything the gate needs
    Envoyfilter,
    /// WasmPlugin: can fetch the module from a registry, but cannot set everything (the output says what)
    Wasmplugin,
}

/// Where the caller's tenant and role come from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Identity {
    /// Request headers that something trusted in front of Envoy sets
    Header,
    /// Claims of a token that Envoy's jwt_authn filter verified
    Jwt,
}

/// Which tools the model is told of.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tools {
    /// Those the application declares, as the contract describes them
    Declared,
    /// All that the caller's role may use, declared or not
    Inject,
}

/// The member of a Chat Completions request that limits its output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputLimitMember {
    /// The one that the request has, or else the one that the model knows by its name
    Auto,
    /// `max_tokens`, which most servers that speak OpenAI's API know
    #[value(name = "max_tokens")]
    MaxTokens,
    /// `max_completion_tokens`, which OpenAI's reasoning models want
    #[value(name = "max_completion_tokens")]
    MaxCompletionTokens,
}
