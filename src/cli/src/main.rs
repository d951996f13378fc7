//! `callgate`: everything a person does with a contract before Envoy sees it, and with the audit log after.
//!
//! No command decides anything itself: validation and verdicts are the contract crate's, so that what this program says of a
//! contract or a call is what the filter and the executor will do.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 fine (`check`: allowed), 1 an error,
//! 2 `check` denied the call, 3 `audit verify` found the log not whole. A wrong command line exits with 1 too, so that 2 always and
//! only means "denied". `call` becomes the executor's program, which has the same codes, and 4 for a tool that gave no result.

mod approve;
mod args;
mod audit;
mod call;
mod check;
mod disk;
mod document;
mod lint;
mod new;
mod output;
mod pin;
mod render;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Command};
use crate::output::{Exit, Failure, Outcome};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            let wrong = usage.use_stderr();
            // Nothing is left to tell when even the help cannot be printed.
            drop(usage.print());
            return if wrong { ExitCode::from(1) } else { ExitCode::SUCCESS };
        }
    };
    match run(&arguments.command).and_then(finish) {
        Ok(Exit::Success) => ExitCode::SUCCESS,
        Ok(Exit::Denied) => ExitCode::from(2),
        Ok(Exit::Broken) => ExitCode::from(3),
        Ok(Exit::Failed(errors)) => fail(&errors),
        Err(error) => fail(&[error]),
    }
}

fn run(command: &Command) -> Result<Outcome, Failure> {
    Ok(match command {
        Command::Lint(arguments) => lint::lint(&arguments.files),
        Command::Digest(arguments) => Outcome::success(lint::digest(&arguments.file)?),
        Command::Pin(arguments) => pin::pin(arguments),
        Command::Check(arguments) => check::check(arguments)?,
        Command::New(arguments) => Outcome::success(new::new(arguments)?),
        Command::Call(arguments) => match call::call(arguments)? {},
        Command::Approve(arguments) => Outcome::success(approve::approve(arguments)?),
        Command::Render(arguments) => Outcome::success(render::render(arguments)?),
        Command::Audit(arguments) => audit::audit(arguments)?,
    })
}

fn finish(outcome: Outcome) -> Result<Exit, Failure> {
    output::print(&outcome.out)?;
    Ok(outcome.exit)
}

fn fail(errors: &[Failure]) -> ExitCode {
    for error in errors {
        eprintln!("{}", error.to_string().trim_end());
    }
    ExitCode::from(1)
}
