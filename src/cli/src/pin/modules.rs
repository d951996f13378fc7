//! The modules of a contract's tools, and the places of their `sha256` in its text.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

use super::error::PinError;
use crate::document::{self, Node, NodeKind};

/// One tool's module and its checksum.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PinnedModule {
    pub(super) tool: String,
    pub(super) module: String,
    /// The present checksum; empty if it is missing.
    pub(super) sha256: String,
    /// The bytes to replace by a checksum; empty if it is missing.
    pub(super) range: Range<usize>,
    form: ChecksumForm,
}

/// The way to write a checksum.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ChecksumForm {
    /// Replaces another checksum, in its author's quotes.
    Single,
    /// The same in double quotes, even if the old one has none, because 64 digits can look like a number.
    Double,
    /// Adds a member: this text, then the digits in double quotes.
    Member(String),
}

// === impl PinnedModule ===

impl PinnedModule {
    /// Returns the text for `range`.
    pub(super) fn written(&self, sum: &str) -> String {
        self.form.written(sum)
    }
}

// === impl ChecksumForm ===

impl ChecksumForm {
    /// Returns the text of a checksum.
    pub(super) fn written(&self, sum: &str) -> String {
        match self {
            Self::Single => format!("'{sum}'"),
            Self::Double => format!("\"{sum}\""),
            Self::Member(before) => format!("{before}\"{sum}\""),
        }
    }
}

/// Returns all modules, in the order of the text.
pub(super) fn modules(file: &str, text: &str) -> Result<Vec<PinnedModule>, PinError> {
    let root = document::read(file, text)?;
    let tools = match root.get("spec").and_then(|spec| spec.get("tools")) {
        Some(Node { kind: NodeKind::Sequence(tools), .. }) => tools.as_slice(),
        // The compiler reports every other fault of the contract.
        _ => &[],
    };
    let mut modules = Vec::new();
    for tool in tools {
        let Some(wasm) = tool.get("run").and_then(|run| run.get("wasm")) else { continue };
        let wrong = |node: &Node, reason| PinError::Place {
            file: file.to_owned(),
            line: node.line(),
            column: node.column(),
            reason,
        };
        let NodeKind::Mapping(members) = &wasm.kind else {
            return Err(wrong(wasm, "write `wasm` out as a mapping, so that each module has its own sha256"));
        };
        let member = members.iter().find(|(key, _)| key.text() == Some("module"));
        let (key, value) = member.ok_or_else(|| wrong(wasm, "`wasm` has no `module`"))?;
        let module = value.text().ok_or_else(|| wrong(value, "`module` must be a string"))?;
        let (sha256, range, form) = match wasm.get("sha256") {
            None => {
                let (at, before) = room(text, (wasm, "sha256"), key, value)
                    .ok_or_else(|| wrong(value, "`module` must be a plain or quoted string on one line"))?;
                (String::new(), at..at, ChecksumForm::Member(before))
            }
            Some(sha256) => {
                let NodeKind::Scalar { text: sum, style } = &sha256.kind else {
                    return Err(wrong(sha256, "`sha256` must be a plain or quoted string of 64 hexadecimal digits"));
                };
                let range = sha256
                    .range(text)
                    .ok_or_else(|| wrong(sha256, "`sha256` must be a plain or quoted string on one line"))?;
                let single = *style == ScalarStyle::SingleQuoted;
                (sum.clone(), range, if single { ChecksumForm::Single } else { ChecksumForm::Double })
            }
        };
        let tool = tool.get("name").and_then(Node::text).unwrap_or("?").to_owned();
        modules.push(PinnedModule { tool, module: module.to_owned(), sha256, range, form });
    }
    Ok(modules)
}

/// Returns the byte behind a value for a new member of its mapping, and the text before the new value.
pub(super) fn room(text: &str, (mapping, member): (&Node, &str), key: &Node, value: &Node) -> Option<(usize, String)> {
    let end = value.range(text)?.end;
    let quote = match &key.kind {
        NodeKind::Scalar { style: ScalarStyle::DoubleQuoted, .. } => "\"",
        _ => "",
    };
    if mapping.is_flow(text) {
        return Some((end, format!(", {quote}{member}{quote}: ")));
    }
    // A comment behind the value stays with it.
    let rest = text.get(end..)?;
    let line = rest.split('\n').next().unwrap_or_default();
    let (line, newline) = match line.strip_suffix('\r') {
        Some(line) => (line, "\r\n"),
        None => (line, "\n"),
    };
    let indent = " ".repeat(key.column().checked_sub(1)?);
    Some((end + line.len(), format!("{newline}{indent}{quote}{member}{quote}: ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> String {
        let mut text = text.to_owned();
        for module in modules("contract.yaml", &text).unwrap().iter().rev() {
            text.replace_range(module.range.clone(), &module.written("new"));
        }
        text
    }

    #[test]
    fn every_way_to_write_a_scalar_is_found_and_keeps_its_quotes() {
        for (wasm, expected) in [
            ("{ module: a.wasm, sha256: \"00\" }", "{ module: a.wasm, sha256: \"new\" }"),
            ("{ module: a.wasm, sha256: '00' }", "{ module: a.wasm, sha256: 'new' }"),
            ("{ module: a.wasm, sha256: 00 }", "{ module: a.wasm, sha256: \"new\" }"),
            ("{ sha256: 00, module: a.wasm }", "{ sha256: \"new\", module: a.wasm }"),
            (
                "\n          sha256:   00   # ä pinned\n          module: a",
                "\n          sha256:   \"new\"   # ä pinned\n          module: a",
            ),
        ] {
            let contract =
                |wasm| format!("# ünïcode 😀\nspec:\n  tools:\n    - name: a\n      run:\n        wasm: {wasm}\n");
            assert_eq!(replaced(&contract(wasm)), contract(expected));
            assert_eq!(replaced(&contract(wasm).replace('\n', "\r\n")), contract(expected).replace('\n', "\r\n"));
        }
    }

    #[test]
    fn a_checksum_in_json_is_found_after_a_byte_order_mark() {
        let text = "\u{feff}{\"spec\": {\"tools\": [{\"name\": \"a\", \"run\": {\"wasm\": {\"module\": \"m\", \"sha256\": \"0\"}}}]}}";
        assert_eq!(replaced(text), text.replace("\"0\"", "\"new\""));
    }

    #[test]
    fn a_missing_checksum_is_added_and_every_other_byte_stays() {
        for (wasm, expected) in [
            ("{ module: a.wasm, args: [] }", "{ module: a.wasm, sha256: \"new\", args: [] }"),
            ("{module: 'a.wasm'}", "{module: 'a.wasm', sha256: \"new\"}"),
            ("{\n          module: a.wasm\n        }", "{\n          module: a.wasm, sha256: \"new\"\n        }"),
            (
                "\n          module: a.wasm   # ä built by hand\n          args: []",
                "\n          module: a.wasm   # ä built by hand\n          sha256: \"new\"\n          args: []",
            ),
            (
                "\n          args: []\n          module: a.wasm",
                "\n          args: []\n          module: a.wasm\n          sha256: \"new\"",
            ),
        ] {
            let contract =
                |wasm| format!("# ünïcode 😀\nspec:\n  tools:\n    - name: a\n      run:\n        wasm: {wasm}\n");
            assert_eq!(replaced(&contract(wasm)), contract(expected));
            assert_eq!(replaced(&contract(wasm).replace('\n', "\r\n")), contract(expected).replace('\n', "\r\n"));
        }
        let json = "{\"spec\": {\"tools\": [{\"name\": \"a\", \"run\": {\"wasm\": {\"module\": \"m\"}}}]}}";
        assert_eq!(replaced(json), json.replace("\"m\"", "\"m\", \"sha256\": \"new\""));
    }

    #[test]
    fn a_sha256_elsewhere_is_left_alone() {
        let text = "spec:\n  tools:\n    - name: a\n      parameters: { properties: { sha256: { const: 00 } } }\n      run: { client: {} }\n";
        assert_eq!(replaced(text), text);
    }

    #[test]
    fn an_irreplaceable_value_is_an_error_with_its_place() {
        for (wasm, at) in [
            ("{ args: [] }", "contract.yaml:3:31: nothing is pinned: `wasm` has no `module`"),
            ("{ module: >\n        a.wasm\n      }", "contract.yaml:3:"),
            ("{ module: a.wasm, sha256: }", "contract.yaml:3:55: nothing is pinned: `sha256` must be"),
            ("{ module: a.wasm, sha256: [] }", "contract.yaml:3:57: nothing is pinned: `sha256` must be"),
            ("{ module: a.wasm, sha256: \"\\x30\" }", "contract.yaml:3:57: nothing is pinned: `sha256` must be"),
        ] {
            let text = format!("spec:\n  tools:\n    - {{ name: a, run: {{ wasm: {wasm} }} }}\n");
            let error = modules("contract.yaml", &text).unwrap_err().to_string();
            assert!(error.starts_with(at), "{error}");
        }
    }
}
