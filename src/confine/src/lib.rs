//! Programs that nobody trusts, such as an MCP server on standard input and output, started with nothing inherited.
//!
//! A confined program has:
//!
//! - files: those of the system that programs need, and the folders that a [`Confinement`] lists; `/tmp` is its own and in memory;
//! - network: none, not even loopback, unless it is granted;
//! - a user of its own without capabilities, and no way to get any;
//! - only its own processes, which end with it; and it ends with the process that started it;
//! - the environment that the starter gives, and bounds on memory, processes and open files.
//!
//! Linux namespaces do this (`man 7 namespaces`), without root. A program whose confinement fails is never started.
//!
//! The process that wants a confined program starts itself again, with [`CONFINE_ARGUMENT`]: that process enters the namespaces
//! ([`run_confined`]) and becomes the program. So no code runs between `fork` and `exec` of a process with threads.
//!
//! ```no_run
//! use callgate_confine::{Confinement, Confining};
//!
//! let confinement = Confinement { read: vec!["/srv/docs".into()], ..Confinement::of("/usr/bin/mcp-server-files") };
//! let mut command = confinement.command(&Confining::this())?;
//! let program = command.env("LANG", "C.UTF-8").spawn()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod confinement;
mod error;
#[cfg(target_os = "linux")]
mod linux;

use std::process::ExitCode;

use self::confinement::SAID;
pub use self::confinement::{Confinement, Confining};
pub use self::error::ConfineError;

/// The first argument of a process that becomes a confined program.
pub const CONFINE_ARGUMENT: &str = "confined-program";

/// The exit code if the program could not be confined or started. The reason is one line on standard error.
pub const NOT_STARTED: u8 = 125;

/// Becomes a confined program. `arguments` are those after [`CONFINE_ARGUMENT`], as [`Confinement::command`] wrote them. The process
/// must have one thread only.
#[must_use]
pub fn run_confined(arguments: &[String]) -> ExitCode {
    match start(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{SAID}{error}");
            ExitCode::from(NOT_STARTED)
        }
    }
}

#[cfg(target_os = "linux")]
fn start(arguments: &[String]) -> Result<ExitCode, ConfineError> {
    linux::start(arguments)
}

#[cfg(not(target_os = "linux"))]
fn start(_: &[String]) -> Result<ExitCode, ConfineError> {
    Err(ConfineError::NotLinux)
}
