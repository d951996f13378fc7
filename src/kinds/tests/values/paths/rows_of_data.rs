//! Rows with verdicts that are not part of the project.

use callgate_kinds::path::Glob;

use super::{compile, project, windows};
use crate::rows;

#[test]
fn each_row_of_paths_has_its_verdict() {
    let (posix, drives) = (project(), windows());
    let (look, all) = (compile(&[".", "!.git", "!.env*"], &posix), compile(&["."], &drives));
    for row in rows::read("path.json").into_iter().filter(|row| row.policy != "project-glob") {
        let (workspace, rules) = if row.policy == "win" { (&drives, &all) } else { (&posix, &look) };
        let path = workspace.resolve(&row.input, &workspace.root());
        let verdict = path.clone().and_then(|path| rules.check(&path));
        assert_eq!(verdict.is_ok(), row.is_allowed, "{:?} ({}): {verdict:?}", row.input, row.why);
        if let Some(normal) = row.normal {
            assert_eq!(path.unwrap().to_string(), normal);
        }
    }
}

#[test]
fn each_row_of_globs_has_its_verdict() {
    let workspace = project();
    let rules = compile(&[".", "!.git", "!.env*"], &workspace);
    let rows = rows::read("path.json").into_iter().chain(rows::read("glob.json"));
    for row in rows.filter(|row| row.policy == "project-glob") {
        let glob = Glob::read(&row.input, &workspace, &workspace.root());
        let verdict = glob.and_then(|glob| rules.check_glob(&glob));
        assert_eq!(verdict.is_ok(), row.is_allowed, "{:?} ({}): {verdict:?}", row.input, row.why);
    }
}
