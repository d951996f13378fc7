//! SQL over the CSV and JSON files of one folder: the tool behind `contracts/data-desk`.
//!
//! The tool is a WASI preview 1 command. The first argument names the action, standard input holds the call's arguments,
//! and standard output receives one JSON value. The tool reads `/data`, which the contract grants read-only; it can reach
//! nothing else.
//!
//! | argument | standard input                        | standard output                                     |
//! |----------|---------------------------------------|-----------------------------------------------------|
//! | `query`  | `{"sql": "SELECT …", "max_rows": 50}` | `{"columns", "rows", "row_count", "truncated"}`     |
//! | `tables` | `{}`                                  | `{"tables": [{"name", "columns": [{"name","type"}], "rows"}]}` |
//!
//! A failure is one line on standard error, written for the model, and exit code 1.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use crate::error::Error;

mod error;
mod query;
mod store;
mod table;

/// The path at which the contract's `files` grant mounts the data.
const DATA: &str = "/data";

fn main() -> ExitCode {
    let action = std::env::args().nth(1).unwrap_or_default();
    match run(&action, Path::new(DATA)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, nobody can read the message.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(action: &str, data: &Path) -> Result<(), Error> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).map_err(Error::Stdin)?;
    let arguments: Value = serde_json::from_slice(&input).map_err(Error::Arguments)?;
    let answer = match action {
        "query" => query::query(data, &arguments)?,
        "tables" => query::tables(data)?,
        other => return Err(Error::Action(other.to_owned())),
    };
    std::io::stdout().write_all(answer.to_string().as_bytes()).map_err(Error::Stdout)
}
