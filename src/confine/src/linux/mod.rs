//! The two processes that lead to a confined program.
//!
//! 1. [`outer`]: leaves the executor's namespaces, and waits for the program.
//! 2. [`inner`]: the first process in the new ones. It builds the program's files, gives up its rights, and becomes the program.

mod inner;
mod outer;
mod rights;
mod root;

use std::io;
use std::process::ExitCode;

use crate::confinement::PROBE;
use crate::{ConfineError, Confinement};

/// Argument of the second process: become the program.
const INNER: &str = "--inner";
/// Argument of the second process: end where the program would begin.
const INNER_PROBE: &str = "--inner-probe";

/// The user and group of the program, as it sees them: `nobody`.
const USER: u32 = 65534;

/// Runs the process that the arguments name.
pub(crate) fn start(arguments: &[String]) -> Result<ExitCode, ConfineError> {
    match arguments {
        [confinement] => outer::run(confinement, &read(confinement)?, INNER),
        [probe, confinement] if probe == PROBE => outer::run(confinement, &read(confinement)?, INNER_PROBE),
        [inner, confinement] if inner == INNER => match inner::run(&read(confinement)?)? {},
        [inner, confinement] if inner == INNER_PROBE => {
            inner::confine(&read(confinement)?)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(ConfineError::Arguments),
    }
}

fn read(text: &str) -> Result<Confinement, ConfineError> {
    serde_json::from_str(text).map_err(|_| ConfineError::Arguments)
}

/// Names the step that failed.
fn step<T>(step: &'static str, done: Result<T, impl Into<io::Error>>) -> Result<T, ConfineError> {
    done.map_err(|reason| ConfineError::Step { step, reason: reason.into() })
}
