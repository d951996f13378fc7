//! An accepted path is the one that other libraries resolve.

use crate::{Seeded, ask};
use callgate_kinds::path::{Os, ResolvedPath, Workspace};
use serde_json::{Value, json};
use typed_path::{Utf8UnixPath, Utf8WindowsPath};

/// Pieces that paths are made of.
const PIECES: [&str; 40] = [
    "a",
    "b c",
    "..",
    ".",
    "",
    "...",
    ".git",
    "src",
    "\u{e9}",
    "\u{65e5}",
    "~",
    "$x",
    "%2e",
    "%41",
    "%",
    "a:b",
    "C:",
    "c:",
    "d:",
    "CON",
    "con.txt",
    "com1",
    "com\u{b9}",
    "x~1",
    "GIT~1",
    "a.",
    "a ",
    " a",
    "*",
    "?",
    "[x]",
    "{a,b}",
    "\\",
    "\u{202e}",
    "\u{2215}",
    "\0",
    "\n",
    "-x",
    "\u{2025}",
    "|",
];

/// Returns accepted texts, each with what they resolve to.
fn accepted(workspace: &Workspace, base: &ResolvedPath) -> Vec<(String, ResolvedPath)> {
    let mut seeded = Seeded(0x2545_f491_4f6c_dd1d);
    let separators: &[&str] = if workspace.os() == Os::Windows { &["\\", "/", "\\\\"] } else { &["/", "//", "/"] };
    let begins: &[&str] = &["", "", "", "/", "///", "C:\\", "c:/", "\\\\", "../", "/work/"];
    let mut accepted = Vec::new();
    for _ in 0..24_000 {
        let mut text = seeded.pick(begins).to_owned();
        for _ in 0..=seeded.below(7) {
            // Most pieces are plain, so that many texts are accepted.
            let count = if seeded.below(3) == 0 { PIECES.len() } else { 8 };
            text.push_str(PIECES[seeded.below(count)]);
            text.push_str(seeded.pick(separators));
        }
        if seeded.below(2) == 0 {
            text.pop();
        }
        if let Ok(path) = workspace.resolve(&text, base) {
            accepted.push((text, path));
        }
    }
    assert!(accepted.len() > 2000, "{} texts are accepted", accepted.len());
    accepted
}

/// Returns both systems, each with a base directory.
fn systems() -> [(&'static str, Workspace, ResolvedPath); 2] {
    let posix = Workspace::new("/work/project", Os::Posix).unwrap();
    let windows = Workspace::new("C:\\work\\project", Os::Windows).unwrap();
    let bases = [&posix, &windows].map(|workspace| workspace.resolve("sub/dir", &workspace.root()).unwrap());
    let [posix_base, windows_base] = bases;
    [("posix", posix, posix_base), ("windows", windows, windows_base)]
}

#[test]
fn a_resolved_path_has_only_names() {
    for (_, workspace, base) in systems() {
        for (text, path) in accepted(&workspace, &base) {
            for name in path.components() {
                assert!(!matches!(name.as_str(), "" | "." | ".."), "{text:?}");
                assert!(!name.contains('/'), "{text:?}");
                assert!(workspace.os() == Os::Posix || !name.contains('\\'), "{text:?}");
            }
            let again = workspace.resolve(&path.to_string(), &base).unwrap();
            assert_eq!(again, path, "a resolved path resolves to itself: {text:?}");
        }
    }
}

#[test]
fn typed_path_resolves_an_accepted_path_alike() {
    for (system, workspace, base) in systems() {
        for (text, path) in accepted(&workspace, &base) {
            let other = match system {
                "posix" => Utf8UnixPath::new(&base.to_string()).join(&text).normalize().to_string(),
                _ => Utf8WindowsPath::new(&base.to_string()).join(&text).normalize().to_string(),
            };
            assert!(is_same(&other, &path), "{system} {text:?}: {other:?}, not {path}");
        }
    }
}

#[test]
fn python_resolves_an_accepted_path_alike() {
    for (system, workspace, base) in systems() {
        let accepted = accepted(&workspace, &base);
        let questions: Vec<Value> = accepted.iter().map(|(text, _)| json!([system, base.to_string(), text])).collect();
        for (index, answer) in ask("python3", "paths.py", &Value::from(questions)).into_iter().flatten().enumerate() {
            let (text, path) = &accepted[index];
            let other = answer.as_str().unwrap();
            assert!(is_same(other, path), "{system} {text:?}: {other:?}, not {path}");
        }
    }
}

/// Returns true if both are one path; the case of a drive does not count.
fn is_same(other: &str, path: &ResolvedPath) -> bool {
    let text = path.to_string();
    if text.as_bytes().get(1) == Some(&b':') {
        let (drive, rest) = other.split_at(1);
        return [&drive.to_ascii_uppercase(), rest].concat() == text;
    }
    other == text
}
