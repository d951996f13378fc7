//! Rows with verdicts that are not part of the project.

use callgate_kinds::path::Glob;

use super::{compile, project, windows};
use crate::rows::{rows, text};

#[test]
fn each_row_of_paths_has_its_verdict() {
    let (posix, drives) = (project(), windows());
    let (look, all) = (compile(&[".", "!.git", "!.env*"], &posix), compile(&["."], &drives));
    for row in rows("path").into_iter().filter(|row| text(row, "policy") != "project-glob") {
        let (workspace, rules) = if text(&row, "policy") == "win" { (&drives, &all) } else { (&posix, &look) };
        let path = workspace.resolve(text(&row, "input"), &workspace.root());
        let verdict = path.clone().and_then(|path| rules.check(&path));
        assert_eq!(
            verdict.is_ok(),
            row["verdict"] == "allow",
            "{:?} ({}): {verdict:?}",
            text(&row, "input"),
            text(&row, "why")
        );
        if let Some(normal) = row["normal"].as_str() {
            assert_eq!(path.unwrap().to_string(), normal);
        }
    }
}

#[test]
fn each_row_of_globs_has_its_verdict() {
    let workspace = project();
    let rules = compile(&[".", "!.git", "!.env*"], &workspace);
    let rows = rows("path").into_iter().chain(rows("glob"));
    for row in rows.filter(|row| text(row, "policy") == "project-glob") {
        let glob = Glob::read(text(&row, "input"), &workspace, &workspace.root());
        let verdict = glob.and_then(|glob| rules.check_glob(&glob));
        assert_eq!(
            verdict.is_ok(),
            row["verdict"] == "allow",
            "{:?} ({}): {verdict:?}",
            text(&row, "input"),
            text(&row, "why")
        );
    }
}
