//! Why a stack cannot be had.

use std::io;
use std::path::PathBuf;

/// Why a stack, or a part of it, cannot be had. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Something that `make build` leaves is not there.
    #[error("{what} is missing: {path} does not exist. Run `make build` first, or point {variable} at it.")]
    Missing {
        /// What it is.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// The environment variable that names another place.
        variable: &'static str,
    },
    /// The operating system said no.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// A command ended with an error.
    #[error("`{command}` failed:\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// What it wrote to standard error.
        output: String,
    },
    /// A process ended, or was not ready in time.
    #[error("{name} {what}. The end of its log ({log}):\n{tail}")]
    Process {
        /// Which.
        name: String,
        /// What became of it.
        what: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of that file.
        tail: String,
    },
    /// A file does not say what it should.
    #[error("{what}")]
    Unfit {
        /// Which file, and what is wrong with it.
        what: String,
    },
}

impl StackError {
    /// For `map_err`: what was tried when the operating system said no.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
