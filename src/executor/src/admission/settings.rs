//! The settings of contracts and their grants.

use std::path::PathBuf;

use callgate_policies::{PolicySettings, WorkerProgram};
use callgate_sandbox::SandboxSettings;
use callgate_settings::Allow;

/// The contracts, the sandbox, and the limits of grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionSettings {
    /// The configuration file, for errors.
    pub file: PathBuf,
    /// The contracts' files.
    pub contracts: Vec<PathBuf>,
    /// The maximum number of calls that run at once.
    pub concurrency: u32,
    /// The state directory, in which compiled code is kept.
    pub state_dir: PathBuf,
    /// The sandbox, and the folders and variables a contract may grant.
    pub sandbox: SandboxSettings,
    /// Files a contract may hand to tools as secrets, and folders of such files.
    pub secrets: Allow,
    /// The policies that decide each call beside its contract.
    pub policies: Vec<PolicySettings>,
    /// The program that evaluates them: this one, but for tests.
    pub policy_worker: WorkerProgram,
    /// The executor's own files. No tool may be granted any of them.
    pub own: Vec<OwnPath>,
    /// The files and folders of the programs that the executor starts.
    pub programs: Vec<ProgramPath>,
}

/// A file or folder that the configuration gives to a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramPath {
    /// The program's name in the configuration.
    pub program: String,
    /// True if the program may change it.
    pub writes: bool,
    /// Its path.
    pub path: PathBuf,
}

/// A file or folder of the executor's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnPath {
    /// Its name in errors.
    pub what: &'static str,
    /// Its path.
    pub path: PathBuf,
    /// True if everybody may read it, such as the certificate of an authority. Programs may too, and tools may not.
    pub public: bool,
}
