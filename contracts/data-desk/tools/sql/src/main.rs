//! SQL over the CSV and JSON files of one folder: the tool behind `contracts/data-desk`.
//!
//! A WASI preview 1 command. The first argument is what to do, standard input is the call's arguments, standard output is
//! one JSON value. It reads `/data`, which the contract grants it read-only; there is nothing else that it could touch.
//!
//! | argument | standard input                        | standard output                                     |
//! |----------|---------------------------------------|-----------------------------------------------------|
//! | `query`  | `{"sql": "SELECT …", "max_rows": 50}` | `{"columns", "rows", "row_count", "truncated"}`     |
//! | `tables` | `{}`                                  | `{"tables": [{"name", "columns": [{"name","type"}], "rows"}]}` |
//!
//! What goes wrong is one line on standard error, written for the model that asked, and exit code 1.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use crate::error::Error;

mod error;
mod query;
mod store;
mod table;

/// Where the contract's `files` grant mounts the data.
const DATA: &str = "/data";

fn main() -> ExitCode {
    let action = std::env::args().nth(1).unwrap_or_default();
    match run(&action, Path::new(DATA)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
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
