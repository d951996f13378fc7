//! One mark: the value of `x-callgate` in a schema.

use callgate_json::{Map, Value};
use callgate_kinds::{Kind, PathMode};

use super::ArgumentPlace;
use crate::nearest::nearest;

/// The keyword.
pub(crate) const KEYWORD: &str = "x-callgate";

const FORMS: &str = "`{ path: read }`, `{ path: write }` or `{ path: delete }`";
const KINDS: [&str; 1] = ["path"];

/// A marked string of a tool.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// The place of the string.
    pub(crate) place: ArgumentPlace,
    pub(crate) kind: Kind,
    /// The argument with the directory in which relative paths begin; `None` for the workspace's root.
    pub(crate) base: Option<ArgumentPlace>,
}

/// A mark without its place.
#[derive(Debug)]
pub(crate) struct MarkForm {
    pub(crate) kind: Kind,
    pub(crate) base: Option<ArgumentPlace>,
}

/// The type that a schema with a mark must have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkedType {
    Text,
    /// A list of strings: an argument vector.
    Words,
}

// === impl MarkForm ===

impl MarkForm {
    /// Reads the value of the keyword.
    ///
    /// # Errors
    /// The problem, as a sentence with the known forms.
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(word) => Err(unknown(word)),
            Value::Object(members) => Self::of(members),
            _ => Err(format!("expected a kind: {FORMS}")),
        }
    }

    fn of(members: &Map<String, Value>) -> Result<Self, String> {
        let (name, value) = match members.iter().find(|(name, _)| *name != "base") {
            Some((name, value)) => (name.as_str(), value),
            None => return Err(format!("expected a kind: {FORMS}")),
        };
        if let Some(other) = members.keys().find(|other| *other != "base" && *other != name) {
            return Err(format!("expected one kind; `{other}` beside `{name}` has no meaning"));
        }
        let base = members.get("base").map(base).transpose()?;
        let kind = match name {
            "path" => Kind::Path(word(value, &[("read", PathMode::Read), ("write", PathMode::Write), ("delete", PathMode::Delete)])?),
            other => return Err(unknown(other)),
        };
        Ok(Self { kind, base })
    }

    /// Returns the type that the schema must have.
    pub(crate) fn marked_type(&self) -> MarkedType {
        match self.kind {
            Kind::Path(_) => MarkedType::Text,
        }
    }
}

fn unknown(name: &str) -> String {
    match nearest(name, KINDS.into_iter()) {
        Some(near) if near != name => format!("unknown kind; did you mean `{near}`? The kinds are {FORMS}"),
        _ => format!("unknown kind or form; expected {FORMS}"),
    }
}

/// Reads one of a few words.
fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let names: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        format!("expected {}", names.join(" or "))
    })
}

fn base(value: &Value) -> Result<ArgumentPlace, String> {
    let place = value.as_str().and_then(ArgumentPlace::of_members);
    place.ok_or_else(|| "expected the JSON Pointer of an argument, such as `/workdir`".to_owned())
}
