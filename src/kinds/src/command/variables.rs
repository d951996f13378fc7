//! The variables that a line may set. An allow-list: about a hundred names make some program run code.

use super::value::Value;

/// Variables of programs that change their output only.
const ENVIRONMENT: &[&str] = &[
    "CI",
    "DEBUG",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "TERM",
    "COLUMNS",
    "LINES",
    "LANG",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_NUMERIC",
    "LC_TIME",
    "TZ",
    "NODE_ENV",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "GOOS",
    "GOARCH",
    "CGO_ENABLED",
    "CARGO_TERM_COLOR",
    "CARGO_INCREMENTAL",
];
/// Variables with the one value that does no harm.
const FIXED: &[(&str, &str)] = &[
    ("GIT_PAGER", "cat"),
    ("PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_EDITOR", "true"),
    ("GIT_SEQUENCE_EDITOR", "true"),
];
/// Names in upper case that no program gives a meaning.
const OWN: &[&str] = &[
    "BASE", "BRANCH", "COMMIT", "COUNT", "DEST", "DIR", "DST", "END", "EXT", "F", "FILE", "FILES", "I", "INPUT",
    "LINE", "MESSAGE", "MSG", "N", "NAME", "OUT", "OUTPUT", "RESULT", "SHA", "SRC", "START", "TAG", "TARGET",
    "VERSION", "X",
];
/// Names in lower case that zsh gives a meaning. The reader refuses more of them.
const SPECIAL: &[&str] = &[
    "errnos",
    "funcstack",
    "funcfiletrace",
    "funcsourcetrace",
    "functrace",
    "galiases",
    "historywords",
    "jobdirs",
    "jobstates",
    "jobtexts",
    "keymaps",
    "langinfo",
    "mapfile",
    "nameddirs",
    "patchars",
    "path",
    "reswords",
    "saliases",
    "sysparams",
    "termcap",
    "terminfo",
    "userdirs",
    "usergroups",
    "widgets",
];

/// Refuses the name of a variable of the shell that could be more than that.
pub(super) fn check_own(name: &str) -> Result<(), &'static str> {
    // Programs read variables whose names have capitals or `_`; others are the shell's.
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if OWN.contains(&name) || (is_plain && !SPECIAL.contains(&name)) {
        return Ok(());
    }
    Err("a variable that is not on the list of harmless ones")
}

/// Refuses an environment variable that is not on the list, or a value that could be a path.
pub(super) fn check_environment(name: &str, value: Value<'_>) -> Result<(), &'static str> {
    if let Some((_, only)) = FIXED.iter().find(|(own, _)| *own == name) {
        return if value.exact() == Some(only) {
            Ok(())
        } else {
            Err("a variable that may have one value only, and has another")
        };
    }
    if !ENVIRONMENT.contains(&name) {
        return Err("a variable that is not on the list of harmless ones");
    }
    match value.exact() {
        Some(text) if !text.starts_with(['/', ':', '~']) && !text.contains("..") => Ok(()),
        _ => Err("a variable whose value may be a path, or is not known"),
    }
}
