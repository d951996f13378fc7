//! Strings whose names and descriptions say that they have a meaning, and the mark that each usually needs.
//!
//! They are guesses for a person. A name with many meanings, such as `query`, counts only if the description says the same.

use callgate_json::Value;

use super::names::words;
use super::strings::{DEPTH, guessed};
use crate::kinds::PlaceStep;
use crate::model::{Contract, Effects, Tool};

/// Words that end the names of arguments, and the kind that each usually has.
const NAMES: [(&str, GuessedKind); 16] = [
    ("command", GuessedKind::Command),
    ("commands", GuessedKind::Command),
    ("cmd", GuessedKind::Command),
    ("path", GuessedKind::Path),
    ("paths", GuessedKind::Path),
    ("filepath", GuessedKind::Path),
    ("directory", GuessedKind::Folder),
    ("dir", GuessedKind::Folder),
    ("workdir", GuessedKind::Directory),
    ("cwd", GuessedKind::Directory),
    ("url", GuessedKind::Url),
    ("urls", GuessedKind::Url),
    ("patch", GuessedKind::Patch),
    ("sql", GuessedKind::Sql),
    ("cidr", GuessedKind::Cidr),
    ("glob", GuessedKind::Glob),
];

/// Phrases of descriptions, in lower case. The first one counts.
const PHRASES: [(&str, GuessedKind); 13] = [
    ("shell command", GuessedKind::Command),
    ("bash command", GuessedKind::Command),
    ("command to run", GuessedKind::Command),
    ("command to execute", GuessedKind::Command),
    ("glob pattern", GuessedKind::Glob),
    ("unified diff", GuessedKind::Diff),
    ("begin patch", GuessedKind::Patch),
    ("working directory", GuessedKind::Directory),
    ("path to the", GuessedKind::Path),
    ("path of the", GuessedKind::Path),
    ("url to", GuessedKind::Url),
    ("sql query", GuessedKind::Sql),
    ("sql statement", GuessedKind::Sql),
];

/// The fields that one line names.
const NAMED: usize = 8;
/// A string of a tool that may have a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkGuess {
    /// The place in the arguments, with `*` for every item of a list: `/paths/*`.
    pub place: String,
    /// The value of `x-callgate`, in YAML.
    pub mark: String,
    /// The same value.
    pub value: Value,
    /// The reason, for a person.
    pub because: &'static str,
}

/// A kind, as names and descriptions say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuessedKind {
    Command,
    Path,
    /// A path that other arguments are relative to.
    Directory,
    /// A directory: beside a command, the one that it runs in.
    Folder,
    Glob,
    Url,
    Patch,
    Diff,
    Sql,
    Cidr,
}

/// Guesses which strings in the arguments of a tool have a meaning, and the mark of each. `parameters` is the schema of its arguments.
#[must_use]
pub fn guess_marks(effects: Effects, parameters: &Value) -> Vec<MarkGuess> {
    guessed(effects, parameters, DEPTH, kind_of).into_iter().map(|(_, guess)| guess).collect()
}

/// Returns a sentence for each top argument that is a string without a mark, and another for an open object beside marks. Empty for a
/// contract without profiles, which does not use kinds.
pub(super) fn unmarked(contract: &Contract, tool: &Tool) -> Vec<String> {
    if contract.profiles.is_empty() {
        return Vec::new();
    }
    let root = tool.parameters();
    let is_marked = |name: &str| {
        let is_it = |step: Option<&PlaceStep>| matches!(step, Some(PlaceStep::Member(member)) if member == name);
        let is_base = |mark: &crate::kinds::mark::Mark| mark.base.as_ref().is_some_and(|base| is_it(base.0.first()));
        tool.marks.iter().any(|mark| is_it(mark.place.0.first()) || is_base(mark))
    };
    // Who writes profiles wants to know about every `query`, apart from searches for words.
    let is_search = words(tool.name()).iter().any(|word| word == "search");
    let kind = |name: &str, schema: &Value| {
        kind_of(name, schema).or_else(|| (name == "query" && !is_search).then_some((GuessedKind::Sql, NAME)))
    };
    let guesses = guessed(tool.effects(), root, 1, kind).into_iter().filter(|(name, _)| !is_marked(name));
    let sentence = |MarkGuess { place, mark, .. }: MarkGuess| {
        format!("`{place}` has no mark, so only its schema is checked; if it is one, add `x-callgate: {mark}`")
    };
    let mut found: Vec<String> = guesses.map(|(_, guess)| sentence(guess)).collect();
    if !tool.marks.is_empty() && root.get("additionalProperties") != Some(&Value::Bool(false)) {
        found.push("arguments beside the marked ones are not judged; add `additionalProperties: false`".to_owned());
    }
    found
}

/// Returns one sentence about the strings of all tools of a contract without profiles; `None` if no name says that one has a meaning.
pub(super) fn unjudged(contract: &Contract) -> Option<String> {
    if !contract.profiles.is_empty() {
        return None;
    }
    let named = |tool: &Tool| -> Vec<String> {
        let guesses = guess_marks(tool.effects(), tool.parameters());
        guesses.iter().map(|guess| format!("`{} {}`", tool.name(), guess.place)).collect()
    };
    let all: Vec<String> = contract.tools().iter().flat_map(named).collect();
    let shown = all.get(..all.len().min(NAMED))?.join(", ");
    let more = match all.len().saturating_sub(NAMED) {
        0 if all.is_empty() => return None,
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "only the schema checks {shown}{more}; to judge what such strings mean, add profiles and `x-callgate` marks"
    ))
}

const NAME: &str = "its name";

/// Returns the kind that the name says, or the description, and which of the two.
fn kind_of(name: &str, schema: &Value) -> Option<(GuessedKind, &'static str)> {
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let said =
        PHRASES.iter().find(|(phrase, _)| description.contains(phrase)).map(|(_, kind)| (*kind, "its description"));
    let words = words(name);
    let last = words.last();
    // `dir_path` names a directory, as `directory` does.
    let is_folder = words.iter().any(|word| word == "dir" || word == "directory" || word == "folder");
    let named = last.and_then(|last| NAMES.iter().find(|(word, _)| word == last)).map(|(_, kind)| match kind {
        GuessedKind::Path if is_folder => (GuessedKind::Folder, NAME),
        kind => (*kind, NAME),
    });
    // `working_directory` and `working_dir`.
    let is_working = words.len() > 1 && words.first().is_some_and(|first| first == "working" || first == "work");
    match named {
        Some((GuessedKind::Folder, because)) if is_working => Some((GuessedKind::Directory, because)),
        named => named.or(said),
    }
}
