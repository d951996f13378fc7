//! Compares the names in sources and documents with the ones of this crate.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step is a failed test")]

use std::path::{Path, PathBuf};

use callgate_genai as genai;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Collects the files below a folder with one of these extensions.
fn files(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extensions, found);
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one)) {
            found.push(path);
        }
    }
}

/// Returns the names in a text that begin with `gen_ai.`, without a full stop at the end of a sentence.
fn names(text: &str) -> Vec<&str> {
    let plain = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '_');
    text.match_indices("gen_ai.")
        .map(|(at, _)| {
            let rest = &text[at..];
            rest[..rest.find(|c| !plain(c)).unwrap_or(rest.len())].trim_end_matches('.')
        })
        .filter(|name| *name != "gen_ai")
        .collect()
}

#[test]
fn every_name_in_sources_and_documents_is_one_of_the_conventions() {
    let mut found = Vec::new();
    for folder in ["src", "docs", "contracts", "envoy"] {
        files(&repository().join(folder), &["rs", "md", "yaml", "json", "proto"], &mut found);
    }
    let mut seen = 0;
    for file in found {
        let text = std::fs::read_to_string(&file).unwrap();
        for name in names(&text) {
            assert!(genai::ALL.contains(&name), "{}: {name} is not in callgate-genai", file.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn only_this_crate_spells_the_names_in_code() {
    let mut found = Vec::new();
    files(&repository().join("src"), &["rs"], &mut found);
    for file in found.iter().filter(|file| !file.components().any(|part| part.as_os_str() == "tests")) {
        if file.starts_with(repository().join("src/genai")) {
            continue;
        }
        let text = std::fs::read_to_string(file).unwrap();
        let spelled = text.lines().find(|line| !line.trim_start().starts_with("//") && line.contains("\"gen_ai."));
        assert_eq!(spelled, None, "{}: take the name from callgate-genai", file.display());
    }
}

#[test]
fn the_documented_version_is_the_one_of_this_crate() {
    let page = std::fs::read_to_string(repository().join("docs/operate/telemetry.md")).unwrap();
    assert!(page.contains(&format!("version {}", genai::VERSION)), "docs/operate/telemetry.md");
    assert!(genai::SCHEMA_URL.ends_with(genai::VERSION));
}

#[test]
fn the_page_gives_the_members_of_the_access_log_their_names() {
    let page = std::fs::read_to_string(repository().join("docs/operate/telemetry.md")).unwrap();
    for (member, names) in [
        ("| `conversation` |", &[genai::CONVERSATION_ID][..]),
        ("| `input_tokens`, `output_tokens` |", &[genai::USAGE_INPUT_TOKENS, genai::USAGE_OUTPUT_TOKENS]),
        ("| `calls[].tool` |", &[genai::TOOL_NAME]),
    ] {
        let row = page.lines().find(|line| line.starts_with(member)).unwrap();
        assert!(names.iter().all(|name| row.contains(&format!("`{name}`"))), "{row}");
    }
}
