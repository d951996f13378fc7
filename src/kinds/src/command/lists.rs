//! Programs whose output is a list of names, for `xargs -0`.

use super::feed::Feed;
use super::judge::Surroundings;
use super::options::Sorted;
use super::programs::{LISTS, Model};
use super::sorts;
use crate::path::{ResolvedPath, Workspace};

/// Returns the names that a command prints, if all that it prints is names below directories that it may read.
pub(super) fn feed(
    model: &Model,
    sorted: &Sorted<'_>,
    place: &Surroundings<'_>,
    workspace: &Workspace,
) -> Option<Feed> {
    let prints_names = match model.words {
        "rg" => {
            sorted.has("l", &["--files", "--files-with-matches", "--files-without-match"])
                && !sorted.has("", &["--json", "--type-list"])
        }
        "grep" => sorted.has("lL", &["--files-with-matches", "--files-without-match"]),
        "git grep" => sorted.has("lL", &["--files-with-matches", "--files-without-match", "--name-only"]),
        "fd" => true,
        "git ls-files" => !sorted.has("", &["--eol"]),
        // A filter of names that end with NUL.
        "sort" => {
            return place.feed.filter(|_| sorted.items.is_empty() && sorted.has("z", &["--zero-terminated"])).cloned();
        }
        "head" => {
            let is_filter = sorted.items.iter().all(|item| !item.is_operand) && sorted.has("z", &["--zero-terminated"]);
            return place.feed.filter(|_| is_filter && !sorted.has("c", &["--bytes"])).cloned();
        }
        _ => false,
    };
    if !prints_names || !model.has(LISTS) {
        return None;
    }
    let mut paths = Vec::new();
    for item in sorted.items.iter().filter(|item| item.is_operand && matches!(item.sort, "r" | "o")) {
        for text in sorts::texts(&item.given.value)? {
            paths.extend(if item.sort == "o" { sorts::path_in("o", text).ok()? } else { Some(text) });
        }
    }
    let may_be_option = paths.is_empty() || paths.iter().any(|path| path.starts_with('-'));
    below(&paths, place.bases, workspace).map(|below| Feed { below, may_be_option })
}

/// Returns the directories that paths name; the current ones without a path.
pub(super) fn below(paths: &[&str], bases: &[ResolvedPath], workspace: &Workspace) -> Option<Vec<ResolvedPath>> {
    if paths.is_empty() {
        return Some(bases.to_vec());
    }
    let mut below = Vec::new();
    for base in bases {
        for path in paths {
            let path = workspace.resolve(path, base).ok()?;
            // As for the paths of the report, looking further back would cost more than it saves.
            if !below.iter().rev().take(16).any(|own| *own == path) {
                below.push(path);
            }
        }
    }
    Some(below)
}
