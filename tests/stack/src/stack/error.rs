//! The errors of a stack.

use std::io;
use std::path::PathBuf;

/// The error of a stack, or of a part of it.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A built file is missing.
    #[error("{what} is missing: {path} does not exist. Run `make build` first, or point {variable} at it.")]
    Missing {
        /// Its name.
        what: &'static str,
        /// The expected path.
        path: PathBuf,
        /// The environment variable for another path.
        variable: &'static str,
    },
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// The attempted step.
        what: String,
        /// The system's error.
        source: io::Error,
    },
    /// A command ended with an error.
    #[error("`{command}` failed:\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// Its standard error.
        output: String,
    },
    /// A process ended, or was not ready in time.
    #[error("{name} {what}. The end of its log ({log}):\n{tail}")]
    Process {
        /// The name of the process.
        name: String,
        /// Its end, or its missed deadline.
        what: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of that file.
        tail: String,
    },
    /// A file has unexpected content.
    #[error("{what}")]
    Unfit {
        /// The file, and its fault.
        what: String,
    },
}

impl StackError {
    /// Wraps an error of the operating system, for `map_err`.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
