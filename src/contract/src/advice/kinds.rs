//! Strings whose names say that they have a meaning, and that have no mark.

use callgate_json::Value;

use crate::keywords::local;
use crate::kinds::PlaceStep;
use crate::model::{Contract, Tool};

/// Names of arguments, and the mark that each usually needs.
const NAMES: [(&str, &str); 9] = [
    ("command", "{ command: { shell: bash } }"),
    ("cmd", "{ command: { shell: bash } }"),
    ("path", "{ path: read }"),
    ("file_path", "{ path: read }"),
    ("url", "url"),
    ("patch", "{ patch: codex }"),
    ("query", "{ sql: { dialect: postgres } }"),
    ("sql", "{ sql: { dialect: postgres } }"),
    ("workdir", "{ path: read }"),
];

/// Returns a sentence for each top argument that is a string without a mark, and another for an open object beside marks. Empty for a
/// contract without profiles, which does not use kinds.
pub(super) fn unmarked(contract: &Contract, tool: &Tool) -> Vec<String> {
    if contract.profiles.is_empty() {
        return Vec::new();
    }
    let root = tool.parameters();
    let members = root.get("properties").and_then(Value::as_object);
    let is_marked = |name: &str| {
        let is_it = |step: Option<&PlaceStep>| matches!(step, Some(PlaceStep::Member(member)) if member == name);
        let is_base = |mark: &crate::kinds::mark::Mark| mark.base.as_ref().is_some_and(|base| is_it(base.0.first()));
        tool.marks.iter().any(|mark| is_it(mark.place.0.first()) || is_base(mark))
    };
    let mut found = Vec::new();
    for (name, schema) in members.into_iter().flatten() {
        let schema = schema.get("$ref").and_then(Value::as_str).and_then(|name| local(root, name)).unwrap_or(schema);
        let is_free = schema.get("type").and_then(Value::as_str) == Some("string")
            && schema.get("enum").is_none()
            && schema.get("const").is_none();
        let mark = NAMES.iter().find(|(known, _)| known == name).filter(|_| is_free && !is_marked(name));
        if let Some((_, mark)) = mark {
            found.push(format!(
                "`/{name}` has no mark, so only its schema is checked; if it is one, add `x-callgate: {mark}`"
            ));
        }
    }
    if !tool.marks.is_empty() && root.get("additionalProperties") != Some(&Value::Bool(false)) {
        found.push("arguments beside the marked ones are not judged; add `additionalProperties: false`".to_owned());
    }
    found
}
