//! Runs one call in its store, and interprets its end.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Engine, Trap};
use wasmtime_wasi::I32Exit;

use super::caller::Caller;
use super::deterministic::Deterministic;
use super::grants::{Grants, STDERR_BYTES};
use super::host::{Outputs, store};
use super::limits::{Meter, OutOfMemory};
use super::output::TooMuch;
use super::program::{Ended, Program};
use super::secret::redact;
use super::tenants::NoFolder;

/// The bytes of standard error, or of a tool's own message, reported with a failure.
const TOLD: usize = 1024;

/// The reason a call failed. The texts name limits and kinds; of the guest's output they contain only the end of
/// standard error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The whole call took too long.
    #[error("took longer than its timeout of {limit:?}")]
    Timeout {
        /// The contract's `timeout`.
        limit: Duration,
    },
    /// It consumed all its fuel.
    #[error("used up its {limit} units of fuel")]
    OutOfFuel {
        /// The contract's `fuel`.
        limit: u64,
    },
    /// It asked for more than its memory or table space, and failed because of it.
    #[error("asked for more memory than the {limit} bytes it is granted, or for too large a table")]
    OutOfMemory {
        /// The contract's `memory`.
        limit: u64,
    },
    /// It trapped.
    #[error("trapped: {reason}{}", Tail(stderr))]
    Trap {
        /// The kind of trap.
        reason: String,
        /// The end of standard error.
        stderr: String,
    },
    /// It exited with a code other than 0.
    #[error("ended with exit code {code}{}", Tail(stderr))]
    NonzeroExit {
        /// The code.
        code: i32,
        /// The end of standard error.
        stderr: String,
    },
    /// It returned a failure, if its form can.
    #[error("failed ({code}){}", ToolMessage(message))]
    Failed {
        /// The kind of failure, in the tool's own terms.
        code: &'static str,
        /// The tool's message, on one line.
        message: String,
    },
    /// It wrote too much.
    #[error("wrote more than the {limit} bytes it is granted {stream}")]
    OutputTooLarge {
        /// The stream.
        stream: OutputStream,
        /// The limit in bytes.
        limit: usize,
    },
    /// It never began: its tenant cannot have its own folder.
    #[error("was not started: {0}")]
    Tenant(String),
    /// It never began: a granted folder is missing, or a fault of ours.
    #[error("was not started: {0}")]
    Setup(String),
}

/// A stream a guest writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output: the result.
    Stdout,
    /// Standard error: for people.
    Stderr,
    /// The returned value, if its form returns its result.
    Result,
}

struct Tail<'a>(&'a str);
struct ToolMessage<'a>(&'a str);

/// Runs `program` once. Returns its result or the reason it stopped, and the fuel it consumed (0 if unknown).
#[expect(clippy::too_many_arguments, reason = "the one call of it hands over what a task owns")]
pub(super) async fn run(
    engine: &Engine,
    program: &Program,
    grants: &Arc<Grants>,
    caller: Caller,
    deterministic: Option<Deterministic>,
    arguments: String,
    outputs: &Outputs,
    meter: Arc<Meter>,
    deadline: Instant,
) -> (Result<Vec<u8>, Stop>, u64) {
    let (stdin, arguments) =
        if program.reads_stdin() { (arguments, String::new()) } else { (String::new(), arguments) };
    let folders = match grants.open_folders(&caller.tenant).await {
        Ok(folders) => folders,
        Err(error @ NoFolder::Name(_)) => return (Err(Stop::Tenant(error.to_string())), 0),
        Err(error @ NoFolder::System(_)) => return (Err(Stop::Setup(error.to_string())), 0),
    };
    let expired = move || Instant::now() >= deadline;
    let mut store = match store(engine, grants, &folders, caller, deterministic, stdin, outputs, meter, expired) {
        Ok(store) => store,
        Err(error) => return (Err(Stop::Setup(format!("{error:#}"))), 0),
    };
    let ended = program.run(&mut store, grants, arguments).await;
    let refused = store.data().limits.refused();
    let left = store.get_fuel().unwrap_or(grants.fuel);
    drop(store);

    let result = match ended {
        Ok(ended) => outputs.too_large(grants).map_or_else(|| result(ended, outputs), Err),
        Err(error) => classify(&error, grants, refused, outputs).map_or_else(|| Ok(outputs.stdout.take()), Err),
    };
    let fuel = match &result {
        // The engine keeps the count in a register, which an interruption leaves behind.
        Err(Stop::Timeout { .. }) => 0,
        Err(Stop::OutOfFuel { limit }) => *limit,
        Ok(_) | Err(_) => grants.fuel.saturating_sub(left),
    };
    (result, fuel)
}

/// Interprets a program's own end.
fn result(ended: Ended, outputs: &Outputs) -> Result<Vec<u8>, Stop> {
    match ended {
        Ended::Written => Ok(outputs.stdout.take()),
        Ended::Returned(result) => Ok(result.into_bytes()),
        Ended::Failed { code, message } => {
            let message = redact(message.as_bytes(), &outputs.secrets);
            Err(Stop::Failed { code, message: head(&String::from_utf8_lossy(&message)) })
        }
    }
}

/// Interprets an early end; `None` is success. The most specific cause wins: a guest that was refused memory and then
/// hit its own `unreachable` ran out of memory.
fn classify(error: &wasmtime::Error, grants: &Grants, refused: bool, outputs: &Outputs) -> Option<Stop> {
    if let Some(stop) = outputs.too_large(grants) {
        return Some(stop);
    }
    if error.is::<TooMuch>() {
        return Some(Stop::OutputTooLarge { stream: OutputStream::Result, limit: grants.output_bytes });
    }
    let exit = error.downcast_ref::<I32Exit>().map(|exit| exit.0);
    if exit == Some(0) {
        return None;
    }
    Some(match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Stop::OutOfFuel { limit: grants.fuel },
        Some(Trap::Interrupt) => Stop::Timeout { limit: grants.timeout },
        _ if refused || error.downcast_ref::<OutOfMemory>().is_some() => Stop::OutOfMemory { limit: grants.memory },
        Some(trap) => Stop::Trap { reason: trap.to_string(), stderr: outputs.tail() },
        None => match exit {
            Some(code) => Stop::NonzeroExit { code, stderr: outputs.tail() },
            None => Stop::Trap { reason: format!("{:#}", error.root_cause()), stderr: outputs.tail() },
        },
    })
}

// === impl Outputs ===

impl Outputs {
    fn too_large(&self, grants: &Grants) -> Option<Stop> {
        if self.stdout.overflowed() {
            Some(Stop::OutputTooLarge { stream: OutputStream::Stdout, limit: grants.output_bytes })
        } else if self.stderr.overflowed() {
            Some(Stop::OutputTooLarge { stream: OutputStream::Stderr, limit: STDERR_BYTES })
        } else {
            None
        }
    }

    /// Returns the end of standard error, as text on one line, without the tool's secrets.
    fn tail(&self) -> String {
        // Before it is cut: half a secret is a secret, too.
        tail(&redact(&self.stderr.take(), &self.secrets))
    }
}

fn tail(bytes: &[u8]) -> String {
    let end = bytes.get(bytes.len().saturating_sub(TOLD)..).unwrap_or_default();
    line(&String::from_utf8_lossy(end))
}

fn head(text: &str) -> String {
    line(text.get(..text.floor_char_boundary(TOLD)).unwrap_or_default())
}

/// Returns the words of a text, without characters a terminal or a log would interpret.
fn line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

// === impl OutputStream ===

impl fmt::Display for OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdout => "on standard output",
            Self::Stderr => "on standard error",
            Self::Result => "as its result",
        })
    }
}

// === impl Tail ===

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; its standard error ends: {}", self.0) }
    }
}

// === impl ToolMessage ===

impl fmt::Display for ToolMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_bounded_and_printable() {
        assert_eq!(tail(b"a\n\x1b[31mb\xff  c\n"), "a [31mb\u{fffd} c");
        assert!(tail(&[b'x'; 5000]).len() == TOLD);
    }

    #[test]
    fn a_tool_s_own_message_is_cut_between_characters() {
        let message = format!("{}\u{e9}\u{e9}", "x".repeat(TOLD - 1));
        assert_eq!(head(&message), "x".repeat(TOLD - 1));
        assert_eq!(head("no\nsuch\torder"), "no such order");
    }

    #[test]
    fn a_stop_without_standard_error_says_nothing_of_it() {
        let stop = Stop::NonzeroExit { code: 3, stderr: String::new() };
        assert_eq!(stop.to_string(), "ended with exit code 3");
        let stop = Stop::NonzeroExit { code: 3, stderr: "boom".into() };
        assert_eq!(stop.to_string(), "ended with exit code 3; its standard error ends: boom");
    }
}
