//! The variables that a line may set. An allow-list: about a hundred names make some program run code.

use super::value::Value;

/// Variables of programs that change their output only.
const ENVIRONMENT: &[&str] = &[
    "CI", "DEBUG", "RUST_LOG", "RUST_BACKTRACE", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "TERM", "COLUMNS", "LINES", "LANG", "LC_ALL", "LC_COLLATE",
    "LC_CTYPE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME", "TZ", "NODE_ENV", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "GOOS", "GOARCH",
    "CGO_ENABLED", "CARGO_TERM_COLOR", "CARGO_INCREMENTAL",
];
/// Variables with the one value that does no harm.
const FIXED: &[(&str, &str)] = &[("GIT_PAGER", "cat"), ("PAGER", "cat"), ("GIT_TERMINAL_PROMPT", "0")];
/// Names that no shell and no common program gives a meaning, in lower or upper case.
const OWN: &[&str] = &[
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z", "base",
    "branch", "commit", "content", "count", "dest", "dir", "dirs", "dst", "end", "ext", "file", "files", "found", "from", "id", "input", "item",
    "key", "kind", "last", "len", "line", "list", "max", "message", "min", "msg", "name", "names", "num", "out", "output", "pattern", "pkg",
    "prev", "result", "rev", "sha", "size", "src", "start", "sum", "tag", "target", "text", "title", "total", "val", "value", "version", "word",
];

/// Refuses the name of a variable of the shell that could be more than that.
pub(super) fn check_own(name: &str) -> Result<(), &'static str> {
    let lower = name.to_ascii_lowercase();
    if OWN.contains(&lower.as_str()) && (name == lower || name == name.to_ascii_uppercase()) {
        return Ok(());
    }
    Err("a variable that is not on the list of harmless ones")
}

/// Refuses an environment variable that is not on the list, or a value that could be a path.
pub(super) fn check_environment(name: &str, value: Value<'_>) -> Result<(), &'static str> {
    if let Some((_, only)) = FIXED.iter().find(|(own, _)| *own == name) {
        return if value.exact() == Some(only) { Ok(()) } else { Err("a variable that may have one value only, and has another") };
    }
    if !ENVIRONMENT.contains(&name) {
        return Err("a variable that is not on the list of harmless ones");
    }
    match value.exact() {
        Some(text) if !text.starts_with(['/', ':', '~']) && !text.contains("..") => Ok(()),
        _ => Err("a variable whose value may be a path, or is not known"),
    }
}
