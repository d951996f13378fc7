//! Recorded exchanges with real APIs, which are not part of the project.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use callgate_json::Value;
use flate2::read::GzDecoder;

/// The exchanges of a dialect, in `CALLGATE_DATA`, else in `shared/data` beside the workspace. Says so if they are missing.
pub(crate) fn recordings(dialect: &str) -> Option<Vec<Value>> {
    let folder = std::env::var_os("CALLGATE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(file) = File::open(folder.join("recorded.jsonl.gz")) else {
        println!("SKIPPED: no recorded.jsonl.gz in {}", folder.display());
        return None;
    };
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let exchanges = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    Some(exchanges.filter(|exchange| exchange["dialect"] == dialect).collect())
}

/// A text of an exchange.
pub(crate) fn text<'a>(exchange: &'a Value, key: &str) -> &'a str {
    exchange[key].as_str().unwrap_or_default()
}
