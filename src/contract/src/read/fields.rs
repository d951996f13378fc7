//! Mappings with a fixed set of fields.

use crate::error::Diagnostic;
use crate::nearest::nearest;
use crate::source::node::{At, Data, MapEntry, Node, join};

/// A value and its JSON Pointer.
#[derive(Clone, Debug)]
pub(super) struct Located<'n> {
    pub(super) node: &'n Node,
    pub(super) path: String,
}

/// A mapping all of whose fields are known.
pub(super) struct Fields<'n> {
    item: Located<'n>,
    entries: &'n [MapEntry],
}

/// The faults found so far, and notes on valid values.
pub(super) struct Report<'r> {
    found: &'r mut Vec<Diagnostic>,
    notes: Vec<Diagnostic>,
}

// === impl Report ===

impl<'r> Report<'r> {
    pub(super) fn new(found: &'r mut Vec<Diagnostic>) -> Self {
        Self { found, notes: Vec::new() }
    }

    /// Notes something about a valid value.
    pub(super) fn note(&mut self, item: &Located<'_>, message: impl Into<String>) {
        self.note_at(&item.node.at, item.path.clone(), message);
    }

    /// Notes something at a place.
    pub(super) fn note_at(&mut self, at: &At, path: String, message: impl Into<String>) {
        let At { file, line, column, .. } = at;
        let file = file.to_string();
        self.notes.push(Diagnostic { file, line: *line, column: *column, path, message: message.into() });
    }

    pub(super) fn into_notes(self) -> Vec<Diagnostic> {
        self.notes
    }

    /// Reports a fault of that value. Returns `None`, so a reader can end with it.
    pub(super) fn fault<T>(&mut self, item: &Located<'_>, message: impl Into<String>) -> Option<T> {
        self.fault_at(&item.node.at, item.path.clone(), message)
    }

    pub(super) fn fault_at<T>(&mut self, at: &At, path: String, message: impl Into<String>) -> Option<T> {
        let (file, line, column) = (at.file.to_string(), at.line, at.column);
        self.found.push(Diagnostic { file, line, column, path, message: message.into() });
        None
    }
}

// === impl Fields ===

impl<'n> Fields<'n> {
    /// Opens a mapping. A field not in `known` is a fault, and so is one in `unenforced`.
    pub(super) fn open(
        item: &Located<'n>,
        known: &[&str],
        unenforced: &[(&str, &str)],
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let entries = item.entries(report)?;
        for entry in entries {
            let key = entry.key.as_str();
            if known.contains(&key) {
                continue;
            }
            let message = match unenforced.iter().find(|(name, _)| *name == key) {
                Some((_, why)) => {
                    format!("{why} is not enforced yet, and a rule that is not enforced is worse than none; remove it")
                }
                None => unknown(key, known, unenforced),
            };
            report.fault_at::<()>(&entry.at, join(&item.path, key), message);
        }
        Some(Self { item: item.clone(), entries })
    }

    pub(super) fn get(&self, name: &str) -> Option<Located<'n>> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(Located { node: &entry.value, path: join(&self.item.path, name) })
    }

    /// Returns a required field; `expected` completes "expected".
    pub(super) fn need(&self, name: &str, expected: &str, report: &mut Report<'_>) -> Option<Located<'n>> {
        let found = self.get(name);
        if found.is_none() {
            report.fault::<()>(&self.item, format!("missing field `{name}`; expected {expected}"));
        }
        found
    }
}

/// "unknown field", with the nearest known one if one is near, else with all of them.
fn unknown(key: &str, known: &[&str], unenforced: &[(&str, &str)]) -> String {
    match nearest(key, known.iter().chain(unenforced.iter().map(|(name, _)| name)).copied()) {
        Some(near) => format!("unknown field; did you mean `{near}`?"),
        None => format!("unknown field; expected {}", one_of(known)),
    }
}

/// "`a`", "`a` or `b`", "`a`, `b` or `c`".
pub(super) fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "no field".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

// === impl Located ===

impl<'n> Located<'n> {
    pub(super) fn entries(&self, report: &mut Report<'_>) -> Option<&'n [MapEntry]> {
        match &self.node.data {
            Data::Map(entries) => Some(entries),
            _ => report.fault(self, format!("expected a mapping, found {}", self.node.kind())),
        }
    }

    pub(super) fn list(&self, report: &mut Report<'_>) -> Option<Vec<Located<'n>>> {
        match &self.node.data {
            Data::List(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, node)| Located { node, path: format!("{}/{index}", self.path) })
                    .collect(),
            ),
            _ => report.fault(self, format!("expected a list, found {}", self.node.kind())),
        }
    }

    /// A string with something in it and no control characters.
    pub(super) fn text(&self, report: &mut Report<'_>) -> Option<&'n str> {
        let text = self.any_text(report)?;
        if text.is_empty() {
            return report.fault(self, "expected a string; it is empty");
        }
        if text.chars().any(char::is_control) {
            return report.fault(self, "expected a string without control characters");
        }
        Some(text)
    }

    /// Any string, the empty one and several lines included.
    pub(super) fn any_text(&self, report: &mut Report<'_>) -> Option<&'n str> {
        match &self.node.data {
            Data::Text(text) => Some(text),
            Data::Number(_) | Data::Bool(_) => {
                report.fault(self, format!("expected a string, found {}; put it in quotes", self.node.kind()))
            }
            _ => report.fault(self, format!("expected a string, found {}", self.node.kind())),
        }
    }

    /// A list of strings as [`Located::text`] reads them, none twice.
    pub(super) fn texts(&self, report: &mut Report<'_>) -> Option<Vec<(Located<'n>, &'n str)>> {
        let mut texts: Vec<(Located<'n>, &'n str)> = Vec::new();
        for item in self.list(report)? {
            let Some(text) = item.text(report) else { continue };
            if texts.iter().any(|(_, earlier)| *earlier == text) {
                report.fault::<()>(&item, format!("expected each name once; `{text}` is there twice, remove one"));
            } else {
                texts.push((item, text));
            }
        }
        Some(texts)
    }

    /// A whole number from 1 up.
    pub(super) fn count<T: TryFrom<u64>>(&self, report: &mut Report<'_>) -> Option<T> {
        let number = match &self.node.data {
            Data::Number(number) => number.as_u64().filter(|n| *n > 0).and_then(|n| T::try_from(n).ok()),
            _ => None,
        };
        number.or_else(|| report.fault(self, "expected a whole number from 1 up"))
    }

    /// `true` or `false`.
    pub(super) fn switch(&self, report: &mut Report<'_>) -> Option<bool> {
        match self.node.data {
            Data::Bool(bool) => Some(bool),
            _ => report.fault(self, "expected `true` or `false`"),
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], report: &mut Report<'_>) -> Option<T> {
        let found = self.node.text().and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let expected: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            report.fault::<()>(self, format!("expected {}", one_of(&expected)));
        }
        found.map(|(_, value)| *value)
    }
}
