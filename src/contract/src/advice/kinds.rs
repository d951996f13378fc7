//! Strings whose names and descriptions say that they have a meaning, and the mark that each usually needs.
//!
//! They are guesses for a person. A name with many meanings, such as `query`, counts only if the description says the same.

use callgate_json::Value;

use super::names::words;
use crate::keywords::local;
use crate::kinds::PlaceStep;
use crate::model::{Contract, Effects, Tool};
use crate::source::node::join;

/// Words that end the names of arguments, and the kind that each usually has.
const NAMES: [(&str, GuessedKind); 14] = [
    ("command", GuessedKind::Command),
    ("cmd", GuessedKind::Command),
    ("path", GuessedKind::Path),
    ("paths", GuessedKind::Path),
    ("filepath", GuessedKind::Path),
    ("directory", GuessedKind::Path),
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
}

/// A kind, as names and descriptions say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GuessedKind {
    Command,
    Path,
    /// A path that other arguments are relative to.
    Directory,
    Glob,
    Url,
    Patch,
    Diff,
    Sql,
    Cidr,
}

/// A string that may hold any text, or a list of them.
struct FreeString<'s> {
    name: &'s str,
    kind: GuessedKind,
    is_list: bool,
}

/// Guesses which top arguments of a tool have a meaning, and the mark of each. `parameters` is the schema of its arguments.
#[must_use]
pub fn guess_marks(effects: Effects, parameters: &Value) -> Vec<MarkGuess> {
    guessed(effects, parameters, kind_of).into_iter().map(|(_, guess)| guess).collect()
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
    // Who writes profiles wants to know about every `query`.
    let kind =
        |name: &str, schema: &Value| kind_of(name, schema).or_else(|| (name == "query").then_some(GuessedKind::Sql));
    let guesses = guessed(tool.effects(), root, kind).into_iter().filter(|(name, _)| !is_marked(name));
    let sentence = |MarkGuess { place, mark }: MarkGuess| {
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

/// Returns the names of top arguments that `kind` knows, and their guesses.
fn guessed(
    effects: Effects,
    parameters: &Value,
    kind: impl Fn(&str, &Value) -> Option<GuessedKind>,
) -> Vec<(String, MarkGuess)> {
    let members = parameters.get("properties").and_then(Value::as_object);
    let read = |(name, schema): (&'_ String, &Value)| {
        let is_list = list_of_texts(parameters, resolved(parameters, schema))?;
        Some((name.clone(), kind(name, schema)?, is_list))
    };
    let found: Vec<(String, GuessedKind, bool)> = members.into_iter().flatten().filter_map(read).collect();
    let strings: Vec<FreeString<'_>> =
        found.iter().map(|(name, kind, is_list)| FreeString { name, kind: *kind, is_list: *is_list }).collect();
    let has_command = strings.iter().any(|one| one.kind == GuessedKind::Command);
    let directory = strings.iter().find(|one| one.kind == GuessedKind::Directory && !one.is_list);
    // The mark of a command names its directory, which needs none of its own.
    let directory = directory.filter(|_| has_command).map(|one| one.name);
    let others = strings.iter().filter(|one| Some(one.name) != directory);
    others.map(|one| (one.name.to_owned(), guess(one, effects, directory))).collect()
}

fn guess(one: &FreeString<'_>, effects: Effects, directory: Option<&str>) -> MarkGuess {
    let place = join("", one.name);
    let is_vector = one.is_list && one.kind == GuessedKind::Command;
    let place = if one.is_list && !is_vector { format!("{place}/*") } else { place };
    let cwd = directory.map(|name| format!(", cwd: {}", join("", name))).unwrap_or_default();
    let mark = match one.kind {
        GuessedKind::Command if is_vector => format!("{{ command: {{ shell: none{cwd} }} }}"),
        GuessedKind::Command => format!("{{ command: {{ shell: bash{cwd} }} }}"),
        GuessedKind::Path if effects != Effects::Read => "{ path: write }".to_owned(),
        GuessedKind::Path | GuessedKind::Directory => "{ path: read }".to_owned(),
        GuessedKind::Glob => "glob".to_owned(),
        GuessedKind::Url => "url".to_owned(),
        GuessedKind::Patch => "{ patch: codex }".to_owned(),
        GuessedKind::Diff => "{ patch: unified }".to_owned(),
        GuessedKind::Sql => "{ sql: { dialect: postgres } }".to_owned(),
        GuessedKind::Cidr => "cidr".to_owned(),
    };
    MarkGuess { place, mark }
}

/// Returns the kind that the description says, or the name.
fn kind_of(name: &str, schema: &Value) -> Option<GuessedKind> {
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let said = PHRASES.iter().find(|(phrase, _)| description.contains(phrase)).map(|(_, kind)| *kind);
    let named = || {
        let words = words(name);
        let last = words.last()?;
        NAMES.iter().find(|(word, _)| word == last).map(|(_, kind)| *kind)
    };
    named().or(said)
}

/// Returns false for a string, and true for a list of strings; `None` for another type, or one with few values.
fn list_of_texts(root: &Value, schema: &Value) -> Option<bool> {
    let is_type = |schema: &Value, name: &str| schema.get("type").and_then(Value::as_str) == Some(name);
    let is_free =
        |schema: &Value| is_type(schema, "string") && schema.get("enum").is_none() && schema.get("const").is_none();
    if is_type(schema, "array") {
        return is_free(resolved(root, schema.get("items")?)).then_some(true);
    }
    is_free(schema).then_some(false)
}

/// Follows a reference inside of the schema.
fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    schema.get("$ref").and_then(Value::as_str).and_then(|name| local(root, name)).unwrap_or(schema)
}
