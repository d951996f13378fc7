//! The command line. What it says in `--help` is its documentation.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::audit::AuditArguments;
use crate::call::CallArguments;
use crate::new::NewArguments;

/// The command line as a whole.
#[derive(Parser)]
#[command(
    name = "callgate",
    version,
    about = "Begins tools; lints, pins and tries contracts, writes the Envoy configuration that enforces them, answers calls that wait for \
             approval, and reads what came of it.",
    after_help = "The model may ask; only the contract decides.\n\n\
                  Exit codes: 0 fine, 1 an error, 2 `callgate check` or `call` denied the call, 3 `callgate audit verify` found the log not \
                  whole, 4 `callgate call` ran the tool and it gave no result.",
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    New(NewArguments),
    Lint(LintArguments),
    Digest(DigestArguments),
    Pin(PinArguments),
    Check(CheckArguments),
    Call(CallArguments),
    Render(Box<RenderArguments>),
    Approve(ApproveArguments),
    Audit(AuditArguments),
}

/// Say whether contracts are valid, and every reason why not
#[derive(Args)]
#[command(after_help = "Example:\n  callgate lint contracts/*/contract.yaml")]
pub(crate) struct LintArguments {
    /// Contract files (YAML or JSON)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// Print the digest of a contract: what the filter and the executor must agree on
#[derive(Args)]
#[command(
    after_help = "The digest is the SHA-256 of the contract's canonical JSON (RFC 8785) with every $ref file inlined:\n\
                  comments, layout and key order do not change it, anything else does."
)]
pub(crate) struct DigestArguments {
    /// Contract file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Write the SHA-256 of each tool's module into the contract
#[derive(Args)]
#[command(
    after_help = "Only the values of `sha256` change, or are added where they are missing; comments and layout stay byte for byte.\n\
                  Nothing is written unless every module is there and the result is a valid contract."
)]
pub(crate) struct PinArguments {
    /// Contract files; modules are looked up beside each
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Pin the module of this tool only; those of others need not be there
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: Option<String>,
}

/// Decide one call as the gate would
#[derive(Args)]
#[command(after_help = "Exit code 0: allowed. 2: denied. 1: no decision, because of an error.\n\n\
                  Examples:\n  \
                  callgate check contract.yaml --role clerk --tool create_order --arguments '{\"sku\": \"A-100\", \"quantity\": 2}'\n  \
                  jq -c .arguments call.json | callgate check contract.yaml --role viewer --tool get_order --arguments - --json")]
pub(crate) struct CheckArguments {
    /// Contract file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The caller's role
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: String,
    /// The name that the model called
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: String,
    /// The arguments as the model wrote them, or `-` for standard input
    #[arg(long, value_name = "JSON|-", allow_hyphen_values = true)]
    pub(crate) arguments: String,
    /// Print the verdict as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

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

/// List the calls that wait for approval, look at one, answer it
#[derive(Args)]
#[command(
    after_help = "An approval counts for one call: the same tenant, role, contract, tool and arguments, byte for byte.\n\n\
                  Examples:\n  \
                  callgate approve\n  \
                  callgate approve 0199a5c2-7a51-7c3e-9d2f-6b1f8a3e4d5c\n  \
                  callgate approve 0199a5c2-7a51-7c3e-9d2f-6b1f8a3e4d5c --deny --reason 'not before Monday'\n  \
                  callgate approve --url https://callgate.example:7071 --token-file ~/.callgate-token"
)]
pub(crate) struct ApproveArguments {
    /// The request to look at; you are asked for an answer. Without it, the requests that wait are listed
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Approve without asking
    #[arg(long, requires = "id", conflicts_with = "deny")]
    pub(crate) yes: bool,
    /// Deny without asking
    #[arg(long, requires = "id")]
    pub(crate) deny: bool,
    /// Why; a caller that is denied is told
    #[arg(long, value_name = "TEXT", requires = "id")]
    pub(crate) reason: Option<String>,
    /// List requests that have ended too
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
    /// Print what the executor answers, as JSON; nobody is asked
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) executor: ExecutorArguments,
}

/// Where the executor is, and who asks it.
#[derive(Args)]
#[command(next_help_heading = "Executor")]
pub(crate) struct ExecutorArguments {
    /// The executor's HTTP side: http:// to this machine, https:// or unix:/PATH
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7071")]
    pub(crate) url: String,
    /// The executor's state directory, with the token that it made
    #[arg(long, value_name = "DIR", default_value = "callgate-state")]
    pub(crate) state: PathBuf,
    /// A file with a token, instead of the one in the state directory
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The authorities that may have signed the executor's certificate (PEM), instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
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
