//! Adds two numbers. Arguments come on standard input, the result goes to standard output, and a person reads standard error.

use std::io::{stdin, stdout};
use std::process::ExitCode;

#[derive(serde::Deserialize)]
struct Arguments {
    a: f64,
    b: f64,
}

#[derive(serde::Serialize)]
struct Answer {
    sum: f64,
}

fn run() -> Result<(), serde_json::Error> {
    let Arguments { a, b } = serde_json::from_reader(stdin().lock())?;
    serde_json::to_writer(stdout().lock(), &Answer { sum: a + b })
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the sum cannot be computed: {error}");
            ExitCode::FAILURE
        }
    }
}
