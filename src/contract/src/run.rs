//! What runs an allowed call.

use std::time::Duration;

/// What runs a tool. Nothing of it comes from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// The calling application: Callgate only decides.
    Client,
    /// A WebAssembly module in the executor's sandbox.
    Wasm(WasmRun),
}

/// A WebAssembly module, what it is given and how far it may go. What is not granted here is denied.
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
    /// Names of environment variables that are handed on from the executor.
    pub env: Vec<String>,
}

/// A file or folder of the host that a module may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGrant {
    /// Path on the host: absolute, or relative to the contract's file.
    pub host: String,
    /// Absolute path under which the module sees it.
    pub guest: String,
    /// Whether it may write.
    pub mode: FileMode,
}

/// Whether a module may write to what it is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// Read only; the default.
    Ro,
    /// Read and write.
    Rw,
}

// === impl WasmRun ===

impl WasmRun {
    /// `memory` where the contract says nothing: 64 MiB.
    pub const MEMORY: u64 = 64 << 20;
    /// `fuel` where the contract says nothing: 500 million.
    pub const FUEL: u64 = 500_000_000;
    /// `timeout` where the contract says nothing: 2 s.
    pub const TIMEOUT: Duration = Duration::from_secs(2);
    /// `outputBytes` where the contract says nothing: 1 MiB.
    pub const OUTPUT_BYTES: u64 = 1 << 20;
}
