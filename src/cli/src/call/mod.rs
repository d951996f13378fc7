//! `callgate call`: decides a call and runs its tool on this machine, as the executor would.
//!
//! The sandbox and the backends' clients are in the executor's program, which is several times as large as this one. So this command finds
//! that program and becomes it: its output, its exit code and its signals are the executor's. Both must be of the same version.

mod args;
mod program;

use std::convert::Infallible;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

pub(crate) use self::args::CallArguments;

/// The reason why the executor's program did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(
        "callgate-executor, which runs the call, was found neither in {beside} nor in a folder of PATH; install it there, or name it with \
         --executor-program PATH"
    )]
    NoProgram { beside: String },
    #[error("{path}: is not a program that can be run; correct --executor-program", path = path.display())]
    NotAProgram { path: PathBuf },
    #[error("{path}: cannot be run: {reason}; name another with --executor-program", path = path.display())]
    Start { path: PathBuf, reason: io::Error },
}

/// Replaces this process by the executor's. Returns only on failure.
///
/// # Errors
/// The program is not found, or the system does not start it.
pub(crate) fn call(arguments: &CallArguments) -> Result<Infallible, CallError> {
    let path = program::find(arguments.executor_program.as_deref())?;
    let reason = Command::new(&path).arg("call").args(arguments.passed_on()).exec();
    Err(CallError::Start { path, reason })
}
