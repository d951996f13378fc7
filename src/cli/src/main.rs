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
mod error;
mod lint;
mod new;
mod pin;
mod render;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Command};
use crate::error::Error;

/// What a command has to say.
struct Outcome {
    /// Goes to standard output as it is.
    out: String,
    exit: Exit,
}

enum Exit {
    Success,
    /// `check` only: the contract denies the call.
    Denied,
    /// `audit verify` only: the log is not whole.
    Broken,
    /// Commands over several files: some of them went wrong; `out` is about the others.
    Failed(Vec<Error>),
}

impl Outcome {
    fn success(out: String) -> Self {
        Self { out, exit: Exit::Success }
    }

    /// The outcome of a command over several files.
    fn of_files(out: String, errors: Vec<Error>) -> Self {
        Self { out, exit: if errors.is_empty() { Exit::Success } else { Exit::Failed(errors) } }
    }
}

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
    match run(&arguments.command).and_then(print) {
        Ok(Exit::Success) => ExitCode::SUCCESS,
        Ok(Exit::Denied) => ExitCode::from(2),
        Ok(Exit::Broken) => ExitCode::from(3),
        Ok(Exit::Failed(errors)) => fail(&errors),
        Err(error) => fail(&[error]),
    }
}

fn run(command: &Command) -> Result<Outcome, Error> {
    match command {
        Command::Lint(arguments) => Ok(lint::lint(&arguments.files)),
        Command::Digest(arguments) => lint::digest(&arguments.file).map(Outcome::success),
        Command::Pin(arguments) => Ok(pin::pin(arguments)),
        Command::Check(arguments) => check::check(arguments),
        Command::New(arguments) => new::new(arguments).map(Outcome::success),
        Command::Call(arguments) => match call::call(arguments)? {},
        Command::Approve(arguments) => approve::approve(arguments).map(Outcome::success),
        Command::Render(arguments) => render::render(arguments).map(Outcome::success),
        Command::Audit(arguments) => audit::audit(arguments),
    }
}

fn print(outcome: Outcome) -> Result<Exit, Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(outcome.out.as_bytes()).and_then(|()| out.flush()) {
        // `callgate … | head` is no error.
        Err(reason) if reason.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Print(reason)),
        Ok(()) | Err(_) => Ok(outcome.exit),
    }
}

fn fail(errors: &[Error]) -> ExitCode {
    for error in errors {
        eprintln!("{}", error.to_string().trim_end());
    }
    ExitCode::from(1)
}
