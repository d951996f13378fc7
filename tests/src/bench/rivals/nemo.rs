//! The tool rail of NeMo Guardrails, without its server and without a model: parsing and validation alone.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bench::exchange::{Answer, Exchange};
use crate::stack::{StackError, run, workspace};

/// Returns the CPU time for one exchange, in microseconds. The script checks that the rail allows the calls and blocks others.
pub(super) fn measure(python: &Path, exchange: &Exchange, folder: &Path) -> Result<f64, StackError> {
    let unfit = |what: &str| StackError::Unfit { what: format!("the tool rail of NeMo Guardrails: {what}") };
    let Answer::Whole(answer) = &exchange.answer else { return Err(unfit("no whole answer to validate")) };
    let files = [("request.json", &exchange.request), ("answer.json", answer)];
    for (name, text) in files {
        let file = folder.join(name);
        fs::write(&file, text).map_err(StackError::io(file.display().to_string()))?;
    }
    println!("NeMo Guardrails: its tool rail, alone");
    let script = workspace().join("tests/python/rival_rail.py");
    let said = run(Command::new(python).arg(script).args(["request.json", "answer.json"]).current_dir(folder))?;
    let last = said.lines().last().unwrap_or_default();
    let figures: Value = serde_json::from_str(last).map_err(|error| unfit(&error.to_string()))?;
    figures.get("cpu_us").and_then(Value::as_f64).ok_or_else(|| unfit("no figure"))
}
