//! The grants of a confined program, and the command that starts it.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::{CONFINE_ARGUMENT, ConfineError};

/// The default bound on memory, in bytes.
const MEMORY: u64 = 1 << 30;
/// The default bound on processes and threads.
const PROCESSES: u64 = 128;
/// The default bound on open files of one process.
const OPEN_FILES: u64 = 1024;

/// Argument of a probe.
pub(crate) const PROBE: &str = "--probe";
/// The start of a line about a fault on standard error.
pub(crate) const SAID: &str = "callgate: ";

/// A program, and what it may use. Everything that is not listed is denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Confinement {
    /// The program, an absolute path.
    pub program: PathBuf,
    /// Its arguments, without its name.
    pub arguments: Vec<String>,
    /// The current directory: `/`, or one of the listed folders or a folder below.
    pub directory: PathBuf,
    /// Absolute paths of files and folders that it may read, with all below, and without links in them.
    pub read: Vec<PathBuf>,
    /// The same, which it may change too.
    pub write: Vec<PathBuf>,
    /// True if it may use the host's network, and so reach all that the host reaches.
    pub network: bool,
    /// Bytes of private memory of each of its processes.
    pub memory: u64,
    /// Its processes and threads at once.
    pub processes: u64,
    /// Open files of each of its processes.
    pub open_files: u64,
}

/// The program that confines: its `main` calls [`run_confined`](crate::run_confined) if its first argument is [`CONFINE_ARGUMENT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confining(PathBuf);

// === impl Confinement ===

impl Confinement {
    /// A program that may use nothing, with the default bounds: 1 GiB of memory, 128 processes, 1,024 open files.
    #[must_use]
    pub fn of(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            directory: PathBuf::from("/"),
            read: Vec::new(),
            write: Vec::new(),
            network: false,
            memory: MEMORY,
            processes: PROCESSES,
            open_files: OPEN_FILES,
        }
    }

    /// Returns a command that becomes the program. Its environment is empty; variables that the caller adds are the program's. Its
    /// standard input, output and error are the program's too.
    ///
    /// # Errors
    /// A path is not UTF-8.
    pub fn command(&self, confining: &Confining) -> Result<Command, ConfineError> {
        self.with(confining, &[])
    }

    /// Does all but the start of the program: so a fault is known before anybody needs the program. Blocks for some milliseconds.
    ///
    /// # Errors
    /// The confinement fails here.
    pub fn probe(&self, confining: &Confining) -> Result<(), ConfineError> {
        let output = self.with(confining, &[PROBE])?.stdin(Stdio::null()).output();
        let output = output.map_err(|reason| ConfineError::Step { step: "start this program again", reason })?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().next().unwrap_or("it ended without a reason");
        Err(ConfineError::Probe { reason: line.strip_prefix(SAID).unwrap_or(line).to_owned() })
    }

    fn with(&self, confining: &Confining, before: &[&str]) -> Result<Command, ConfineError> {
        let confinement = serde_json::to_string(self).map_err(|_| ConfineError::NotUtf8)?;
        let mut command = Command::new(&confining.0);
        command.arg(CONFINE_ARGUMENT).args(before).arg(confinement).env_clear().current_dir("/");
        Ok(command)
    }
}

// === impl Confining ===

impl Confining {
    /// The program of this process.
    #[must_use]
    pub fn this() -> Self {
        // The name of the file may stand for another program by now; the link never does.
        let link = PathBuf::from("/proc/self/exe");
        Self(if link.exists() { link } else { env::current_exe().unwrap_or(link) })
    }

    /// Another program, for tests.
    #[must_use]
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self(program.into())
    }
}
