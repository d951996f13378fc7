//! Rows of the shared data: inputs of argument kinds with verdicts.

use std::path::PathBuf;

use serde_json::Value;

/// Returns the rows of `kinds/NAME.json`, or nothing if the data is not there, after it says so.
pub(crate) fn rows(name: &str) -> Vec<Value> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CALLGATE_DATA").map_or(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("kinds").join(format!("{name}.json"))) else {
        eprintln!("SKIPPED: kinds/{name}.json is not there; set CALLGATE_DATA to the folder that holds it");
        return Vec::new();
    };
    serde_json::from_str(&text).unwrap()
}

/// Returns a text member of a row.
pub(crate) fn text<'a>(row: &'a Value, member: &str) -> &'a str {
    row[member].as_str().unwrap()
}
