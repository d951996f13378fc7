//! The end of a command: its output and its exit code.

use std::io::Write as _;

/// The result of a command.
pub(crate) struct Outcome {
    /// The text for standard output.
    pub(crate) out: String,
    pub(crate) exit: Exit,
}

pub(crate) enum Exit {
    Success,
    /// `check` only: the contract denies the call.
    Denied,
    /// `audit verify` only: the log is not whole.
    Broken,
    /// `diff` and `replay` only: there is a difference.
    Different,
    /// Commands over several files: some files failed, and `out` reports the others.
    Failed(Vec<Failure>),
}

/// The error of any command; the user reads its text.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written: {0}")]
pub(crate) struct PrintError(pub(crate) std::io::Error);

/// Prints to standard output; false if nobody reads it any more, as in `callgate … | head`.
pub(crate) fn print(text: &str) -> Result<bool, PrintError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(reason) if reason.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(reason) => Err(PrintError(reason)),
    }
}

/// Prints to standard error, beside a result.
pub(crate) fn note(text: &str) -> Result<(), PrintError> {
    std::io::stderr().lock().write_all(text.as_bytes()).map_err(PrintError)
}

// === impl Outcome ===

impl Outcome {
    pub(crate) fn success(out: String) -> Self {
        Self { out, exit: Exit::Success }
    }

    /// Makes the outcome of a command over several files.
    pub(crate) fn of_files(out: String, errors: Vec<Failure>) -> Self {
        Self { out, exit: if errors.is_empty() { Exit::Success } else { Exit::Failed(errors) } }
    }
}
