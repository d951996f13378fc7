//! `callgate`: the commands for a contract before Envoy loads it, and for the audit log after.
//!
//! No command decides anything itself: the contract crate validates and decides. So this program reports the same verdicts
//! as the filter and the executor.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 success (`check`: allowed), 1 an error,
//! 2 `check` denied the call, 3 `audit verify` found a damaged log. A wrong command line exits with 1 too, so that 2 always
//! and only means "denied", but for `diff` and `replay`, which exit as diff does: 0 the same, 1 different, 2 an error. `call` becomes the executor's program, which has the same codes, and 4 if the tool gave no
//! result.

mod approve;
mod args;
mod audit;
mod call;
mod captured;
mod check;
mod contracts;
mod diff;
mod disk;
mod doctor;
mod document;
mod facts;
mod init;
mod learn;
mod lint;
mod monitoring;
mod new;
mod output;
mod pin;
mod prices;
mod proposal;
mod render;
mod replay;
mod shell;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Command, CommandLine};
use crate::output::{Exit, Failure, Outcome};

fn main() -> ExitCode {
    let arguments = match CommandLine::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            let wrong = usage.use_stderr();
            // If even the help cannot be printed, no message can be.
            drop(usage.print());
            return if wrong { ExitCode::from(1) } else { ExitCode::SUCCESS };
        }
    };
    let compares = matches!(arguments.command, Command::Diff(_) | Command::Replay(_));
    match run(&arguments.command).and_then(finish) {
        Ok(Exit::Success) => ExitCode::SUCCESS,
        Ok(Exit::Different) => ExitCode::from(1),
        Ok(Exit::Denied) => ExitCode::from(2),
        Ok(Exit::Broken) => ExitCode::from(3),
        Ok(Exit::Failed(errors)) => fail(&errors, 1),
        Err(error) => fail(&[error], if compares { 2 } else { 1 }),
    }
}

fn run(command: &Command) -> Result<Outcome, Failure> {
    Ok(match command {
        Command::Lint(arguments) => lint::lint(arguments),
        Command::Digest(arguments) => Outcome::success(lint::digest(&arguments.file)?),
        Command::Pin(arguments) => pin::pin(arguments),
        Command::Prices(arguments) => prices::prices(arguments)?,
        Command::Check(arguments) => check::check(arguments)?,
        Command::Diff(arguments) => diff::diff(arguments)?,
        Command::Replay(arguments) => replay::replay(arguments)?,
        Command::Init(arguments) => Outcome::success(init::init(arguments)?),
        Command::Learn(arguments) => Outcome::success(learn::learn(arguments)?),
        Command::New(arguments) => Outcome::success(new::new(arguments)?),
        Command::Call(arguments) => match call::call(arguments)? {},
        Command::Approve(arguments) => Outcome::success(approve::approve(arguments)?),
        Command::Doctor(arguments) => doctor::doctor(arguments)?,
        Command::Render(arguments) => Outcome::success(render::render(arguments)?),
        Command::Monitoring(arguments) => Outcome::success(monitoring::monitoring(arguments)?),
        Command::Completions(arguments) => Outcome::success(shell::completions(arguments)),
        Command::Man(arguments) => Outcome::success(shell::man(arguments)?),
        Command::Audit(arguments) => audit::audit(arguments)?,
    })
}

fn finish(outcome: Outcome) -> Result<Exit, Failure> {
    output::print(&outcome.out)?;
    Ok(outcome.exit)
}

fn fail(errors: &[Failure], code: u8) -> ExitCode {
    for error in errors {
        eprintln!("{}", error.to_string().trim_end());
    }
    ExitCode::from(code)
}
