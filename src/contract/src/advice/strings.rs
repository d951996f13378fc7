//! The strings in the arguments of a tool, and the mark of each.

use callgate_json::Value;
use serde_json::json;

use super::kinds::{GuessedKind, MarkGuess};
use crate::keywords::local;
use crate::model::Effects;
use crate::source::node::join;

/// The maximum nesting of objects and lists in arguments.
pub(super) const DEPTH: usize = 6;
/// The maximum strings of one tool.
const STRINGS: usize = 256;

/// A string that may hold any text, or a list of them.
struct FreeString {
    /// The place of the object that it stands in.
    parent: String,
    name: String,
    kind: GuessedKind,
    is_list: bool,
    because: &'static str,
}

/// The strings of a tool that have a kind.
struct KindStrings(Vec<FreeString>);

// === impl KindStrings ===

impl KindStrings {
    /// Returns the string of a kind in the same object.
    fn beside(&self, one: &FreeString, kinds: &[GuessedKind]) -> Option<&str> {
        let fits = |other: &&FreeString| other.parent == one.parent && !other.is_list && kinds.contains(&other.kind);
        self.0.iter().find(fits).map(|other| other.name.as_str())
    }

    /// Returns the directory that a command runs in, or that a pattern is searched in.
    fn directory(&self, one: &FreeString) -> Option<&str> {
        match one.kind {
            GuessedKind::Command => {
                self.beside(one, &[GuessedKind::Directory]).or_else(|| self.beside(one, &[GuessedKind::Folder]))
            }
            GuessedKind::Glob => self.beside(one, &[GuessedKind::Folder, GuessedKind::Path]),
            _ => None,
        }
    }

    /// Returns true for the directory of a command, whose mark names it.
    fn is_of_command(&self, one: &FreeString) -> bool {
        let is_command = |other: &&FreeString| other.parent == one.parent && other.kind == GuessedKind::Command;
        self.0.iter().find(is_command).and_then(|command| self.directory(command)) == Some(one.name.as_str())
    }
}

/// Returns the strings that `kind` knows, each with the name of its top argument. `depth` 1 stands for top arguments alone.
pub(super) fn guessed(
    effects: Effects,
    parameters: &Value,
    depth: usize,
    kind: impl Fn(&str, &Value) -> Option<(GuessedKind, &'static str)>,
) -> Vec<(String, MarkGuess)> {
    let mut strings = Vec::new();
    collect(parameters, parameters, String::new(), depth, &kind, &mut strings);
    let strings = KindStrings(strings);
    let top = |one: &FreeString| match one.parent.split('/').nth(1) {
        Some(name) => name.to_owned(),
        None => one.name.clone(),
    };
    let others = strings.0.iter().filter(|one| !strings.is_of_command(one));
    others.map(|one| (top(one), guess(one, effects, strings.directory(one)))).collect()
}

/// Collects the strings of an object and of what stands in it.
fn collect(
    root: &Value,
    object: &Value,
    parent: String,
    depth: usize,
    kind: &impl Fn(&str, &Value) -> Option<(GuessedKind, &'static str)>,
    found: &mut Vec<FreeString>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let members = object.get("properties").and_then(Value::as_object);
    for (name, schema) in members.into_iter().flatten() {
        if found.len() >= STRINGS {
            return;
        }
        let schema = resolved(root, schema);
        if let Some(is_list) = list_of_texts(root, schema) {
            if let Some((kind, because)) = kind(name, schema) {
                found.push(FreeString { parent: parent.clone(), name: name.clone(), kind, is_list, because });
            }
            continue;
        }
        let place = join(&parent, name);
        match schema.get("items") {
            Some(items) => collect(root, resolved(root, items), format!("{place}/*"), depth, kind, found),
            None => collect(root, schema, place, depth, kind, found),
        }
    }
}

fn guess(one: &FreeString, effects: Effects, beside: Option<&str>) -> MarkGuess {
    let place = join(&one.parent, &one.name);
    // `command` is the words of one line, and each item of `commands` is a line.
    let is_vector = one.is_list && one.kind == GuessedKind::Command && !one.name.to_lowercase().ends_with('s');
    let place = if one.is_list && !is_vector { format!("{place}/*") } else { place };
    let within = |kind: &str, mut value: Value, member: &str| {
        if let (Some(name), Some(members)) = (beside, value.get_mut(kind).and_then(Value::as_object_mut)) {
            members.insert(member.to_owned(), join(&one.parent, name).into());
        }
        value
    };
    let value = match one.kind {
        GuessedKind::Command => {
            let shell = if is_vector { "none" } else { "bash" };
            within("command", json!({ "command": { "shell": shell } }), "cwd")
        }
        GuessedKind::Path | GuessedKind::Folder if effects != Effects::Read => json!({ "path": "write" }),
        GuessedKind::Path | GuessedKind::Folder | GuessedKind::Directory => json!({ "path": "read" }),
        GuessedKind::Glob => match beside {
            Some(name) => json!({ "glob": "read", "base": join(&one.parent, name) }),
            None => json!("glob"),
        },
        GuessedKind::Url => json!("url"),
        GuessedKind::Patch => json!({ "patch": "codex" }),
        GuessedKind::Diff => json!({ "patch": "unified" }),
        GuessedKind::Sql => json!({ "sql": { "dialect": "postgres" } }),
        GuessedKind::Cidr => json!("cidr"),
    };
    MarkGuess { place, mark: flow(&value), value, because: one.because }
}

/// Writes a mark in YAML. Its texts are words and places.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}: {}", flow(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Returns false for a string, and true for a list of strings; `None` for another type, or one with few values.
fn list_of_texts(root: &Value, schema: &Value) -> Option<bool> {
    let is_type = |schema: &Value, name: &str| match schema.get("type") {
        Some(Value::String(kind)) => kind == name,
        // `null` counts as absent.
        Some(Value::Array(kinds)) => {
            kinds.iter().all(|kind| kind == name || kind == "null") && kinds.iter().any(|kind| kind == name)
        }
        _ => false,
    };
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
