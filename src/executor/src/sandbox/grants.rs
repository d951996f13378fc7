//! What one tool is given, resolved once at start. What is not here is denied.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wasmtime_wasi::FsPerms;

use super::outgoing::Outgoing;
use super::quota::Account;
use super::secret::SecretVariable;

/// Standard error is kept for a person to read, so its bound is ours and not the contract's.
pub(super) const STDERR_BYTES: usize = 64 << 10;

/// The grants of one tool.
#[derive(Clone, Debug)]
pub struct Grants {
    /// The whole argument vector: the tool's name, then the contract's `args`.
    pub args: Vec<String>,
    /// The environment that is no secret.
    pub env: Vec<(String, String)>,
    /// The rest of the environment.
    pub secrets: Vec<SecretVariable>,
    /// The whole file system.
    pub folders: Vec<Folder>,
    /// Where it may send HTTP requests.
    pub outgoing: Outgoing,
    /// Linear memory in bytes, over all memories of a call.
    pub memory: u64,
    /// Fuel, in units of the engine: about one for an instruction.
    pub fuel: u64,
    /// Wall clock over the whole call, waiting for a free sandbox included.
    pub timeout: Duration,
    /// Bytes on standard output.
    pub output_bytes: usize,
}

/// A folder of the host that the guest sees.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Where it is on the host.
    pub host: PathBuf,
    /// Where the guest sees it.
    pub guest: String,
    /// Whether the guest may change what is in it.
    pub perms: FsPerms,
    /// How much the folder may hold; `None` where nothing is written.
    pub quota: Option<Quota>,
}

/// How much a folder may hold, and how much it does.
#[derive(Clone, Debug)]
pub struct Quota {
    /// Bytes it may hold.
    pub bytes: u64,
    /// What it holds, over all calls of all tools.
    pub account: Arc<Account>,
}
