//! The reasons why a program is not started.

use std::io;
use std::path::PathBuf;

/// The reason why a program cannot be confined. It is not started then.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// Only Linux has the namespaces.
    #[error("programs can be confined on Linux only; run the program elsewhere, and give its address")]
    NotLinux,
    /// The arguments are not those that a starter writes.
    #[error("not a confinement; only the executor starts programs so")]
    Arguments,
    /// A path or an argument is not UTF-8.
    #[error("a path is not UTF-8; rename it")]
    NotUtf8,
    /// A step failed.
    #[error("cannot {step} ({reason}); {advice}", advice = advice(reason))]
    Step {
        /// The step, as a verb and its object.
        step: &'static str,
        /// The system's reason.
        reason: io::Error,
    },
    /// A listed path cannot be shown to the program.
    #[error("cannot show {path} to the program ({reason}); name an existing path that the executor's user can read", path = path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// A [probe](crate::Confinement::probe) failed.
    #[error("{reason}")]
    Probe {
        /// The fault, as this type words it.
        reason: String,
    },
    /// The program cannot be run.
    #[error("cannot run {program} ({reason}); it must lie in /usr or in a listed path", program = program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
}

/// Returns the operator's next step.
fn advice(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::PermissionDenied => {
            "allow user namespaces on this host and in its container, or run the program elsewhere and give its address"
        }
        _ => "see the system's log",
    }
}
