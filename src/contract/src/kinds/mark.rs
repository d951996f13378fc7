//! One mark: the value of `x-callgate` in a schema.

use callgate_json::{Map, Value};
use callgate_kinds::command::ShellSyntax;
use callgate_kinds::patch::PatchFormat;
use callgate_kinds::sql::Dialect;
use callgate_kinds::{CommandForm, Kind, PathMode};

use super::ArgumentPlace;
use crate::nearest::nearest;

/// The keyword.
pub(crate) const KEYWORD: &str = "x-callgate";

const FORMS: &str = "`{ path: read }`, `{ command: { shell: bash } }`, `{ patch: codex }`, `glob`, `url`, `email`, `cidr`, \
                     `{ sql: { dialect: postgres } }` or `script`";
/// Each kind, and the members that may stand beside its name.
const KINDS: [(&str, &[&str]); 9] = [
    ("path", &["base"]),
    ("command", &[]),
    ("patch", &["base", "strip"]),
    ("glob", &["base"]),
    ("url", &[]),
    ("email", &[]),
    ("cidr", &[]),
    ("sql", &[]),
    ("script", &[]),
];
const SHELLS: [(&str, CommandForm); 3] = [
    ("sh", CommandForm::Line(ShellSyntax::Sh)),
    ("bash", CommandForm::Line(ShellSyntax::Bash)),
    ("none", CommandForm::Vector),
];
const MODES: [(&str, PathMode); 3] =
    [("read", PathMode::Read), ("write", PathMode::Write), ("delete", PathMode::Delete)];
const FORMATS: [(&str, PatchFormat); 3] =
    [("codex", PatchFormat::Codex), ("git", PatchFormat::Git), ("unified", PatchFormat::Unified)];
/// The maximum of `strip`. No applier is called with more in earnest.
const STRIP_MAX: u8 = 16;

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
            Value::String(word) => Self::of(word, None, &Map::new()),
            Value::Object(members) => {
                let kind = members.iter().find(|(name, _)| KINDS.iter().any(|(kind, _)| kind == name));
                match kind.or_else(|| members.iter().next()) {
                    Some((name, value)) => Self::of(name, Some(value), members),
                    None => Err(format!("expected a kind: {FORMS}")),
                }
            }
            _ => Err(format!("expected a kind: {FORMS}")),
        }
    }

    /// Reads a kind. `value` is `None` for a kind that is one word.
    fn of(name: &str, value: Option<&Value>, members: &Map<String, Value>) -> Result<Self, String> {
        let Some((_, known)) = KINDS.iter().find(|(kind, _)| *kind == name) else { return Err(unknown(name)) };
        let is_unknown = |other: &&String| *other != name && !known.contains(&other.as_str());
        if let Some(other) = members.keys().find(is_unknown) {
            return Err(format!("`{other}` has no meaning beside `{name}`; remove it"));
        }
        let mut base = members.get("base").map(place).transpose()?;
        let kind = match (name, value) {
            ("glob", None) => Kind::Glob,
            ("glob", Some(value)) => word(value, &[("read", Kind::Glob)])?,
            ("command", Some(Value::Object(members))) => {
                if let Some(other) = members.keys().find(|name| *name != "shell" && *name != "cwd") {
                    return Err(format!("`{other}` has no meaning in `command`; expected `shell` or `cwd`"));
                }
                base = members.get("cwd").map(place).transpose()?;
                let shell = members.get("shell").map(|shell| word(shell, &SHELLS)).transpose()?;
                Kind::Command(shell.unwrap_or(CommandForm::Line(ShellSyntax::Sh)))
            }
            ("path", Some(value)) => Kind::Path(word(value, &MODES)?),
            ("patch", Some(value)) => {
                let format = word(value, &FORMATS)?;
                Kind::Patch { format, strip: strip(members.get("strip"), format)? }
            }
            ("sql", Some(Value::Object(members))) => {
                let dialects = Dialect::ALL.map(|dialect| (dialect.as_str(), dialect));
                match (members.get("dialect"), members.keys().find(|name| *name != "dialect")) {
                    (Some(dialect), None) => Kind::Sql(word(dialect, &dialects)?),
                    (_, Some(other)) => return Err(format!("`{other}` has no meaning in `sql`; expected `dialect`")),
                    (None, None) => return Err("missing `dialect`; dialects read the same text differently".to_owned()),
                }
            }
            ("url", None) => Kind::Url,
            ("email", None) => Kind::Email,
            ("cidr", None) => Kind::Cidr,
            ("cidr", Some(Value::Object(members))) if members.is_empty() => Kind::Cidr,
            ("script", None) => Kind::Script,
            _ => return Err(format!("unknown form of `{name}`; expected {FORMS}")),
        };
        Ok(Self { kind, base })
    }

    /// Returns the type that the schema must have.
    pub(crate) fn marked_type(&self) -> MarkedType {
        match self.kind {
            Kind::Command(CommandForm::Vector) => MarkedType::Words,
            _ => MarkedType::Text,
        }
    }
}

fn unknown(name: &str) -> String {
    match nearest(name, KINDS.iter().map(|(kind, _)| *kind)) {
        Some(near) => format!("unknown kind; did you mean `{near}`? Expected {FORMS}"),
        None => format!("unknown kind; expected {FORMS}"),
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

/// Reads the place of the argument with a directory.
fn place(value: &Value) -> Result<ArgumentPlace, String> {
    let place = value.as_str().and_then(ArgumentPlace::of_members);
    place.ok_or_else(|| "expected the JSON Pointer of an argument, such as `/workdir`".to_owned())
}

/// Reads `strip`; 1 by default, as `git apply` and `patch -p1` remove.
fn strip(value: Option<&Value>, format: PatchFormat) -> Result<u8, String> {
    let Some(value) = value else { return Ok(1) };
    if format == PatchFormat::Codex {
        return Err("`strip` has no meaning for `patch: codex`; remove it".to_owned());
    }
    let strip = value.as_u64().and_then(|strip| u8::try_from(strip).ok()).filter(|strip| *strip <= STRIP_MAX);
    strip.ok_or_else(|| format!("expected the number of components to remove, 0 to {STRIP_MAX}"))
}
