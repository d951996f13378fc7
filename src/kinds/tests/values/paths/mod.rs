//! Paths, and the rules that allow and forbid them.

mod globs;
mod refusals;
mod roots;
mod rows_of_data;
mod rules;

use callgate_kinds::path::{Os, PathRules, ResolvedPath, Workspace};

/// The workspace of most tests.
fn project() -> Workspace {
    Workspace::new("/work/project", Os::Posix).unwrap()
}

/// A workspace of Windows.
fn windows() -> Workspace {
    Workspace::new(r"C:\work\project", Os::Windows).unwrap()
}

/// Compiles entries against a workspace.
fn compile(entries: &[&str], workspace: &Workspace) -> PathRules {
    let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
    PathRules::compile(&entries, workspace).unwrap()
}

/// Resolves a path that begins at the root.
fn resolve(text: &str, workspace: &Workspace) -> ResolvedPath {
    workspace.resolve(text, &workspace.root()).unwrap_or_else(|refusal| panic!("{text:?}: {refusal}"))
}
