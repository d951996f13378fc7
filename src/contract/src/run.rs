//! The runners of allowed calls.

use std::time::Duration;

/// The runner of a tool. Nothing of it comes from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// The calling application: Callgate only decides.
    Client,
    /// A WebAssembly module in the executor's sandbox.
    Wasm(WasmRun),
    /// A worker called by the executor over gRPC.
    Grpc(GrpcRun),
    /// An HTTP API called by the executor.
    Http(HttpRun),
    /// A tool of an MCP server called by the executor.
    Mcp(McpRun),
}

/// A method of `callgate.worker.v1.Worker`, at one of the executor's backends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcRun {
    /// Name of the backend in the executor's configuration.
    pub cluster: String,
    /// Which of the worker's methods.
    pub method: WorkerMethod,
    /// The limits of the call.
    pub bounds: Bounds,
}

/// The methods of `callgate.worker.v1.Worker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerMethod {
    /// `callgate.worker.v1.Worker/Invoke`: one answer.
    Invoke,
    /// `callgate.worker.v1.Worker/InvokeStream`: an answer in parts.
    InvokeStream,
}

/// A request of an HTTP API at one of the executor's backends. Its body, or for GET and DELETE its query, is the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRun {
    /// Name of the backend in the executor's configuration.
    pub cluster: String,
    /// Method.
    pub method: HttpMethod,
    /// Path, from `/` on.
    pub path: String,
    /// The limits of the call.
    pub bounds: Bounds,
}

/// The allowed methods (RFC 9110 §9.3, RFC 5789).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

/// A tool of an MCP server at one of the executor's backends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpRun {
    /// Name of the backend in the executor's configuration.
    pub cluster: String,
    /// The server's name of the tool.
    pub tool: String,
    /// The limits of the call.
    pub bounds: Bounds,
}

/// The limits of a call of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Wall clock over the whole call, waits and retries included; by default 5 s.
    pub timeout: Duration,
    /// Bytes of its answer; by default 1 MiB.
    pub output_bytes: u64,
}

/// A WebAssembly module, its grants and its limits. Everything not granted here is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasmRun {
    /// Path of the module, relative to the contract's file; it never leaves that folder.
    pub module: String,
    /// SHA-256 of the module's bytes.
    pub sha256: [u8; 32],
    /// Command-line arguments after the program's name.
    pub args: Vec<String>,
    /// Linear memory in bytes; by default 64 MiB.
    pub memory: u64,
    /// Fuel in units of the engine; by default 500 million.
    pub fuel: u64,
    /// Wall clock over the whole call, host waits included; by default 2 s.
    pub timeout: Duration,
    /// Bytes the tool may write to its output; by default 1 MiB.
    pub output_bytes: u64,
    /// Files and folders it may reach.
    pub files: Vec<FileGrant>,
    /// Names of environment variables passed on from the executor.
    pub env: Vec<String>,
    /// Environment variables whose values the executor reads from files: name, path on the executor's host.
    pub secret_env: Vec<(String, String)>,
    /// The hosts to which it may send HTTP requests.
    pub http: Vec<HttpGrant>,
}

/// A destination of a module's HTTP requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrant {
    /// Name or address, in lower case, as the module names it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// True if the name may resolve to a loopback, link-local or private address.
    pub private: bool,
    /// True if the module's own `authorization` and `cookie` headers are sent.
    pub authorization: bool,
}

/// A granted file or folder of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGrant {
    /// Path on the host: absolute, or relative to the contract's file. It may contain `{tenant}`; see [`FileGrant::per_tenant`].
    pub host: String,
    /// Absolute path under which the module sees it.
    pub guest: String,
    /// The mode: read only, or read and write.
    pub mode: FileMode,
    /// The maximum bytes of a writable folder; by default 64 MiB.
    pub quota: u64,
}

/// The mode of a granted folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// Read only; the default.
    Ro,
    /// Read and write.
    Rw,
}

// === impl Run ===

impl Run {
    /// The name of its backend; empty without one.
    pub fn cluster(&self) -> &str {
        match self {
            Self::Client | Self::Wasm(_) => "",
            Self::Grpc(run) => &run.cluster,
            Self::Http(run) => &run.cluster,
            Self::Mcp(run) => &run.cluster,
        }
    }

    /// Its field in `run`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Wasm(_) => "wasm",
            Self::Grpc(_) => "grpc",
            Self::Http(_) => "http",
            Self::Mcp(_) => "mcp",
        }
    }

    /// The wall clock limit of a call; `None` if the client runs it.
    pub const fn timeout(&self) -> Option<Duration> {
        match self {
            Self::Client => None,
            Self::Wasm(wasm) => Some(wasm.timeout),
            Self::Grpc(GrpcRun { bounds, .. })
            | Self::Http(HttpRun { bounds, .. })
            | Self::Mcp(McpRun { bounds, .. }) => Some(bounds.timeout),
        }
    }
}

// === impl Bounds ===

impl Default for Bounds {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), output_bytes: 1 << 20 }
    }
}

// === impl WorkerMethod ===

impl WorkerMethod {
    /// Its full name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoke => "callgate.worker.v1.Worker/Invoke",
            Self::InvokeStream => "callgate.worker.v1.Worker/InvokeStream",
        }
    }
}

// === impl HttpMethod ===

impl HttpMethod {
    /// As in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

// === impl FileGrant ===

impl FileGrant {
    /// The default of `quota`: 64 MiB.
    pub const QUOTA: u64 = 64 << 20;
    /// The segment of `host` replaced by the caller's tenant.
    pub const TENANT: &str = "{tenant}";

    /// Splits the host path of a folder per tenant: the folder above `{tenant}`, and the names below it.
    /// `None` if the folder is the same for all tenants.
    pub fn per_tenant(&self) -> Option<(&str, impl Iterator<Item = &str>)> {
        let at = self.host.find(Self::TENANT)?;
        let (above, rest) = (self.host.get(..at)?, self.host.get(at + Self::TENANT.len()..)?);
        let above = if above.is_empty() { "." } else { above };
        Some((above, rest.split('/').filter(|name| !name.is_empty())))
    }
}

// === impl WasmRun ===

impl WasmRun {
    /// The default of `memory`: 64 MiB.
    pub const MEMORY: u64 = 64 << 20;
    /// The default of `fuel`: 500 million.
    pub const FUEL: u64 = 500_000_000;
    /// The default of `timeout`: 2 s.
    pub const TIMEOUT: Duration = Duration::from_secs(2);
    /// The default of `outputBytes`: 1 MiB.
    pub const OUTPUT_BYTES: u64 = 1 << 20;
}
