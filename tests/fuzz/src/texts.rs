//! The obligations of the readers of patches, queries and programs.

use callgate_kinds::patch::{self, MAX_FILES, PatchFormat};
use callgate_kinds::script::{self, MAX_CALLS};
use callgate_kinds::sql::{self, Dialect};

/// Reads a text as each kind, and checks what is accepted.
///
/// # Panics
///
/// A reading breaks an obligation.
pub fn check(text: &str) {
    for format in [PatchFormat::Codex, PatchFormat::Git, PatchFormat::Unified] {
        for strip in 0..3 {
            let files = patch::read(text, format, strip).unwrap_or_default();
            assert!(files.len() <= MAX_FILES);
            for file in files {
                let line = text.split('\n').nth(file.line - 1).unwrap_or_default();
                let is_there = line.contains(&file.path) || text.contains(&format!("{}\n", file.path));
                assert!(!file.path.is_empty() && is_there, "a path stands in the patch");
            }
        }
    }
    for dialect in Dialect::ALL {
        let Ok(reading) = sql::read(text, dialect) else { continue };
        for table in reading.tables {
            assert!((1..=3).contains(&table.parts.len()) && text.is_char_boundary(table.at), "a table has a name and a place");
        }
        for function in reading.functions {
            assert!(!function.name.is_empty() && text.is_char_boundary(function.at), "a function has a name and a place");
        }
    }
    let calls = script::read(text).unwrap_or_default();
    assert!(calls.len() <= MAX_CALLS);
    for call in calls {
        assert!(callgate_json::read(call.arguments.as_bytes()).is_ok(), "arguments are strict JSON");
        assert!(text.contains(&call.name), "the name stands in the program");
    }
}
