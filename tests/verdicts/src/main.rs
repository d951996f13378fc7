//! Writes the table of the corpus to standard output, for tests that cannot read files. Writes nothing if the data is
//! missing.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

use std::process::ExitCode;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> ExitCode {
    let text = callgate_verdicts::corpus::read(&callgate_verdicts::corpus::folder()).and_then(|table| {
        table.map(|table| serde_json::to_string(&table)).transpose().map_err(|error| error.to_string())
    });
    match text {
        Ok(text) => {
            print!("{}", text.unwrap_or_default());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn main() -> ExitCode {
    ExitCode::FAILURE
}
