//! `callgate pin --definitions`: writes the digest of a server's definition of each tool into the contract.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use callgate_contract::definition_digest;
use callgate_json::Value;

use super::error::PinError;
use super::modules::{ChecksumForm, room};
use crate::disk;
use crate::document::{self, Node, NodeKind};

/// One tool that a client runs, and the place of its digest.
#[derive(Debug)]
struct PinnedDefinition {
    tool: String,
    /// The present digest; empty if it is missing.
    digest: String,
    range: Range<usize>,
    form: ChecksumForm,
}

/// Writes the digests of the tools in a list. Returns one line for each, and the digest of the resulting contract.
pub(super) fn pin(file: &Path, list: &Path) -> Result<String, PinError> {
    let (name, list_name) = (file.display().to_string(), list.display().to_string());
    let digests = digests(&list_name, &disk::text(list)?)?;
    let before = disk::text(file)?;
    let found = definitions(&name, &before)?;
    let listed = |pinned: &&PinnedDefinition| digests.contains_key(&pinned.tool);
    if !found.iter().any(|pinned| listed(&pinned)) {
        return Err(PinError::NothingListed { file: name });
    }
    let mut after = before.clone();
    // From last to first, so that a replacement moves no byte before it.
    for pinned in found.iter().rev() {
        match digests.get(&pinned.tool) {
            Some(digest) if *digest != pinned.digest => {
                after.replace_range(pinned.range.clone(), &pinned.form.written(digest));
            }
            _ => {}
        }
    }
    let now = definitions(&name, &after)?;
    let is_meant = |(now, then): (&PinnedDefinition, &PinnedDefinition)| {
        now.tool == then.tool && now.digest == *digests.get(&then.tool).unwrap_or(&then.digest)
    };
    if now.len() != found.len() || !now.iter().zip(&found).all(is_meant) {
        return Err(PinError::Damage { file: name });
    }
    let contract = disk::compile(file, &after)?;
    let mut told = String::new();
    for pinned in &found {
        let change = match digests.get(&pinned.tool) {
            None => "not listed",
            Some(digest) if *digest == pinned.digest => "unchanged",
            Some(_) if pinned.digest.is_empty() => "pinned",
            Some(_) => "changed",
        };
        let _ = writeln!(told, "{name}: {}: definition {change}", pinned.tool);
    }
    if after != before {
        disk::replace(file, &after)?;
    }
    let _ = writeln!(told, "{name}: digest {}", contract.digest());
    Ok(told)
}

/// Reads the digests of the tools in a list: a result, or a whole message.
fn digests(name: &str, text: &str) -> Result<HashMap<String, String>, PinError> {
    let wrong = || PinError::NotList { file: name.to_owned() };
    let read = callgate_json::read_nearest(text.as_bytes()).map_err(|_| wrong())?;
    let result = read.get("result").unwrap_or(&read);
    let tools = result.get("tools").and_then(Value::as_array).ok_or_else(wrong)?;
    let named = |tool: &Value| Some((tool.get("name")?.as_str()?.to_owned(), definition_digest(tool)));
    Ok(tools.iter().filter_map(named).collect())
}

/// Returns the tools that a client runs, in the order of the text.
fn definitions(file: &str, text: &str) -> Result<Vec<PinnedDefinition>, PinError> {
    let root = document::read(file, text)?;
    let tools = match root.get("spec").and_then(|spec| spec.get("tools")) {
        Some(Node { kind: NodeKind::Sequence(tools), .. }) => tools.as_slice(),
        // The compiler reports every other fault of the contract.
        _ => &[],
    };
    let mut found = Vec::new();
    for tool in tools {
        let wrong = |node: &Node, reason| PinError::Place {
            file: file.to_owned(),
            line: node.line(),
            column: node.column(),
            reason,
        };
        if tool.get("run").and_then(|run| run.get("client")).is_none() {
            continue;
        }
        let NodeKind::Mapping(members) = &tool.kind else { continue };
        let Some((key, value)) = members.iter().find(|(key, _)| key.text() == Some("name")) else { continue };
        let Some(name) = value.text() else { continue };
        let (digest, range, form) = match tool.get("definition") {
            None => {
                let (at, before) = room(text, (tool, "definition"), key, value)
                    .ok_or_else(|| wrong(value, "`name` must be a plain or quoted string on one line"))?;
                (String::new(), at..at, ChecksumForm::Member(before))
            }
            Some(node) => {
                let range = node.text().and_then(|_| node.range(text));
                let range =
                    range.ok_or_else(|| wrong(node, "`definition` must be a plain or quoted string on one line"))?;
                (node.text().unwrap_or_default().to_owned(), range, ChecksumForm::Double)
            }
        };
        found.push(PinnedDefinition { tool: name.to_owned(), digest, range, form });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","description":"d"},{"name":"z"}]}}"#;

    fn pinned(contract: &str) -> String {
        let digests = digests("list.json", LIST).unwrap();
        let mut text = contract.to_owned();
        for found in definitions("contract.yaml", contract).unwrap().iter().rev() {
            if let Some(digest) = digests.get(&found.tool) {
                text.replace_range(found.range.clone(), &found.form.written(digest));
            }
        }
        text
    }

    #[test]
    fn a_definition_is_added_or_replaced_and_every_other_byte_stays() {
        let digest = definition_digest(&callgate_json::read(br#"{"name":"a","description":"d"}"#).unwrap());
        let old = "sha256:00";
        for (before, after) in [
            (
                "spec:\n  tools:\n    - name: a   # mine\n      run: { client: {} }\n    - name: b\n      run: { client: {} }\n".to_owned(),
                format!("spec:\n  tools:\n    - name: a   # mine\n      definition: \"{digest}\"\n      run: {{ client: {{}} }}\n    - name: b\n      run: {{ client: {{}} }}\n"),
            ),
            (
                "spec: { tools: [{ name: a, run: { client: {} } }] }".to_owned(),
                format!("spec: {{ tools: [{{ name: a, definition: \"{digest}\", run: {{ client: {{}} }} }}] }}"),
            ),
            (
                format!("spec:\n  tools:\n    - name: a\n      definition: {old}\n      run: {{ client: {{}} }}\n"),
                format!("spec:\n  tools:\n    - name: a\n      definition: \"{digest}\"\n      run: {{ client: {{}} }}\n"),
            ),
            (
                "spec:\n  tools:\n    - name: a\n      run: { wasm: {} }\n".to_owned(),
                "spec:\n  tools:\n    - name: a\n      run: { wasm: {} }\n".to_owned(),
            ),
        ] {
            assert_eq!(pinned(&before), after);
        }
    }

    #[test]
    fn another_text_than_a_list_is_an_error() {
        for text in ["", "[]", "{}", r#"{"result":{}}"#, r#"{"tools":{}}"#] {
            assert!(digests("list.json", text).is_err(), "{text}");
        }
    }
}
