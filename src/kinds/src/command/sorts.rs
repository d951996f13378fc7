//! Checks the texts of words by their sorts, as the table of models names them.

use super::scripts;
use super::value::Value;

const SORT: &str = "a word that the program's model does not allow here";
const NAME: &str = "a name with letters that the model does not allow here";

/// Checks a text of a sort that is neither a path nor free.
pub(super) fn check(sort: &str, text: &str) -> Result<(), &'static str> {
    if let Some(choices) = sort.strip_prefix('=') {
        return if choices.split(',').any(|choice| choice == text) { Ok(()) } else { Err(SORT) };
    }
    let is_fine = match sort {
        "n" => is_number(text),
        "b" => is_name(text),
        "h" => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')),
        "m" => return if is_mode(text) { Ok(()) } else { Err("a mode that is not read, or sets a set-id bit") },
        "i" => text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-')),
        "f" => text.starts_with('+'),
        "l" => matches!(text, "-D" | "-W" | "-A" | "-F") || is_lint(text),
        "p" => is_package(text),
        "a" => return Ok(()),
        "s" => return scripts::check_sed(text),
        "k" => return scripts::check_awk(text),
        "j" => return scripts::check_jq(text),
        _ => false,
    };
    if is_fine { Ok(()) } else { Err(if sort == "b" || sort == "h" { NAME } else { SORT }) }
}

/// Returns the path in a text of a sort that may hold one, as written; `None` if it holds none.
pub(super) fn path_in<'a>(sort: &str, text: &'a str) -> Result<Option<&'a str>, &'static str> {
    Ok(match sort {
        // Another version of the program could read the text as a path.
        "t" => (text.starts_with(['/', '~']) || has_parent(text)).then_some(text),
        "o" => {
            let is_left_out = [":!", ":^", ":(exclude)"].iter().any(|magic| text.starts_with(magic));
            if text.starts_with(':') && !is_left_out {
                return Err("a path of git that begins with `:`, and is not one to leave out");
            }
            // A pattern of git reaches any depth below its literal directory.
            let start =
                text.find(['*', '?', '[']).map(|at| text.get(..at).and_then(|rest| rest.rfind('/')).unwrap_or(0));
            let directory = start.map(|end| text.get(..end).filter(|rest| !rest.is_empty()).unwrap_or("."));
            (!is_left_out).then_some(directory.unwrap_or(text))
        }
        "L" => text.rsplit_once(':').map(|(_, path)| path),
        "y" if text.starts_with('@') => return Err("a file of arguments, which nobody judges"),
        "y" => Some(text.split_once("::").map_or(text, |(path, _)| path)),
        "q" => {
            if text.contains(['@', ':', '=']) {
                return Err("a package with a version, which go would fetch");
            }
            let path = text.strip_suffix("...").unwrap_or(text);
            text.starts_with(['.', '/']).then_some(if path.is_empty() { "." } else { path })
        }
        _ => None,
    })
}

/// Splits a revision of git from a path behind it. Returns the path and true if it is relative to the root of the repository.
pub(super) fn revision_path(text: &str) -> Result<(&str, bool), &'static str> {
    let Some((revision, path)) = text.split_once(':') else {
        return Ok((text, false));
    };
    let path = match revision {
        "" => path.strip_prefix(['0', '1', '2', '3']).and_then(|rest| rest.strip_prefix(':')).unwrap_or(path),
        _ => path,
    };
    if path.starts_with(['/', ':', '!', '^', '(']) {
        return Err("a revision of git that is not read");
    }
    Ok((path, !path.starts_with("./") && !path.starts_with("../")))
}

/// Returns true if a component of the text is `..`.
pub(super) fn has_parent(text: &str) -> bool {
    text.split('/').any(|name| name == "..")
}

/// Returns the names in `A..B`, without `~2`, `^` and `@{…}` behind them.
pub(super) fn revisions(text: &str) -> impl Iterator<Item = &str> {
    let names = text.split("..").enumerate().map(|(index, name)| {
        // The third dot of `A...B` belongs to no name.
        name.strip_prefix('.').filter(|_| index > 0).unwrap_or(name).trim_start_matches('^')
    });
    let names =
        names.map(|name| name.find(['~', '^']).or(name.find("@{")).and_then(|at| name.get(..at)).unwrap_or(name));
    names.filter(|name| !name.is_empty())
}

/// Returns true for a text that git can read as a revision, and nothing as a path outside the directory.
pub(super) fn is_revision(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._/@{}^~-".contains(&byte);
    !text.starts_with(['/', '~']) && text.bytes().all(is_letter) && text.split('/').all(|name| name != "..")
}

/// Returns true for a number with a sign and a unit, such as `+5`, `10k`, `1.5s`.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    text.len() <= digits.len() + 2
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1
}

/// Returns true for a name: of a branch, a script of npm, a module.
fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._/@:+-".contains(&byte);
    !text.is_empty()
        && text.bytes().all(is_letter)
        && !text.starts_with(['-', '/', ':', '+', '.'])
        && !text.contains("..")
        && !text.contains("://")
        && !text.contains("::")
}

/// Returns true for a mode of `chmod` without set-id and sticky bits.
fn is_mode(text: &str) -> bool {
    let octal = text.strip_prefix('0').unwrap_or(text);
    if octal.len() == 3 && octal.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return true;
    }
    text.split(',').all(|part| {
        let change = part.trim_start_matches(['u', 'g', 'o', 'a']);
        change.strip_prefix(['+', '-', '=']).is_some_and(|bits| bits.bytes().all(|bit| b"rwxX".contains(&bit)))
    })
}

/// Returns true for the name of a lint, or a level with one.
fn is_lint(text: &str) -> bool {
    let name = ["-D", "-W", "-A", "-F"].iter().find_map(|level| text.strip_prefix(level)).unwrap_or(text);
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b':' | b'-'))
        && !name.starts_with('-')
}

/// Returns true for a package of a registry with a version: no path, no URL, no repository.
fn is_package(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._@/=<>!~^,[]*-".contains(&byte);
    let slashes = text.bytes().filter(|byte| *byte == b'/').count();
    text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'@')
        && text.bytes().all(is_letter)
        && !text.contains("..")
        && slashes == usize::from(text.starts_with('@'))
}

/// Returns each text of a word whose text is known.
pub(super) fn texts<'a>(value: &Value<'a>) -> Option<Vec<&'a str>> {
    match value {
        Value::One(text) => Some(vec![text]),
        Value::Any(texts) => Some(texts.iter().map(String::as_str).collect()),
        Value::Pattern(_) | Value::Open { .. } | Value::Stream | Value::Found { .. } => None,
    }
}
