//! `callgate-protect CONTRACT`: decides the turns on standard input, one JSON object a line, and answers each with one line.
//!
//! See [`callgate_protect::Turn`] and [`callgate_protect::Decided`] for both. The contract is read once. A malformed line ends
//! the program.

use std::io::{BufRead, Write, stdin, stdout};
use std::process::ExitCode;

use callgate_protect::{Judge, Turn};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if standard error is closed too.
            let _ = writeln!(std::io::stderr(), "callgate-protect: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let path = std::env::args().nth(1).ok_or("no contract; give the path of one")?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let judge = Judge::new(&path, &text)?;
    let mut out = stdout().lock();
    for (index, line) in stdin().lock().lines().enumerate() {
        let fault = |error: &dyn std::fmt::Display| format!("line {}: {error}", index + 1);
        let line = line.map_err(|error| fault(&error))?;
        let turn: Turn = serde_json::from_str(&line).map_err(|error| fault(&error))?;
        let decided = serde_json::to_string(&judge.decide(&turn)).map_err(|error| fault(&error))?;
        writeln!(out, "{decided}").and_then(|()| out.flush()).map_err(|error| fault(&error))?;
    }
    Ok(())
}
