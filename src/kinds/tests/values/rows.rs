//! Rows of inputs with verdicts, read from `kinds/*.json` in `CALLGATE_DATA`, else in `shared/data` beside the workspace.

use std::path::PathBuf;

/// An input with its verdict.
pub(crate) struct Row {
    /// The text.
    pub(crate) input: String,
    /// The name of the rules.
    pub(crate) policy: String,
    /// The verdict.
    pub(crate) is_allowed: bool,
    /// The reason.
    pub(crate) why: String,
    /// The text after it is read, if the row says so.
    pub(crate) normal: Option<String>,
}

/// Reads a file. Returns no row, and says so, if the file is missing.
pub(crate) fn read(file: &str) -> Vec<Row> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CALLGATE_DATA").map_or(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("kinds").join(file)) else {
        eprintln!("SKIPPED: kinds/{file} is not there; set CALLGATE_DATA to the folder that holds it");
        return Vec::new();
    };
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().map(str::to_owned);
    let row = |row: &serde_json::Value| Row {
        input: text(row, "input").unwrap(),
        policy: text(row, "policy").unwrap(),
        is_allowed: row["verdict"] == "allow",
        why: text(row, "why").unwrap_or_default(),
        normal: text(row, "normal"),
    };
    rows.iter().map(row).collect()
}
