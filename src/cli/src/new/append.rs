//! Appends an entry to a contract's `spec.tools`. Every other byte of the text stays.

use callgate_contract::Contract;
use serde_json::Value;

use crate::document::{self, Node, NodeKind, NotYaml};

/// Reasons why no entry can be added.
#[derive(Debug)]
pub(super) enum AppendError {
    NotYaml(NotYaml),
    /// The list has a form that cannot be edited in place.
    Form(&'static str),
}

/// Returns the text with `entry`, which is not indented, as the last of its tools.
pub(super) fn append(file: &str, text: &str, entry: &str) -> Result<String, AppendError> {
    let root = document::read(file, text).map_err(AppendError::NotYaml)?;
    let tools =
        root.get("spec").and_then(|spec| spec.get("tools")).ok_or(AppendError::Form("it has no `spec.tools`"))?;
    let NodeKind::Sequence(items) = &tools.kind else { return Err(AppendError::Form("`spec.tools` must be a list")) };
    if tools.is_flow(text) {
        return Err(AppendError::Form("`spec.tools` is a list in brackets"));
    }
    let last = items.last().ok_or(AppendError::Form("`spec.tools` is empty"))?;
    let (indent, end) = extent(text, last).ok_or(AppendError::Form("the last tool does not begin after a dash"))?;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (before, after) = text.split_at_checked(end).ok_or(AppendError::Form("the last tool has no end"))?;
    let open = if before.ends_with('\n') { "" } else { newline };
    Ok(format!("{before}{open}{newline}{}{after}", indented(entry, indent, newline)))
}

/// Returns true if `grown` is `old` with one more tool at the end.
pub(super) fn only_grew(old: &Contract, grown: &Contract) -> bool {
    let read = |contract: &Contract| serde_json::from_str::<Value>(contract.canonical()).ok();
    let (Some(old), Some(mut grown)) = (read(old), read(grown)) else { return false };
    if let Some(Value::Array(tools)) = grown.pointer_mut("/spec/tools") {
        tools.pop();
    }
    old == grown
}

/// Indents each line of `entry` by so many spaces.
pub(super) fn indented(entry: &str, indent: usize, newline: &str) -> String {
    let spaces = " ".repeat(indent);
    entry
        .lines()
        .map(|line| if line.is_empty() { newline.to_owned() } else { format!("{spaces}{line}{newline}") })
        .collect()
}

/// Returns the column of a list item's dash, in spaces, and the byte at which the item's lines end.
fn extent(text: &str, item: &Node) -> Option<(usize, usize)> {
    let start = item.offset(text)?;
    let line = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let before = text.get(line..start)?;
    let indent = before.len() - before.trim_start_matches(' ').len();
    if before.trim() != "-" {
        return None;
    }
    let mut at = line;
    let mut end = line;
    for (number, line) in text.get(line..)?.split_inclusive('\n').enumerate() {
        at += line.len();
        let content = line.trim_start_matches(' ');
        let deeper = line.len() - content.len() > indent;
        let (blank, comment) = (content.trim().is_empty(), content.starts_with('#'));
        if number == 0 || (deeper && !blank) {
            end = at;
        } else if !blank && !comment {
            break;
        }
    }
    Some((indent, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "- name: b\n  run: { client: {} }\n";

    fn appended(text: &str) -> String {
        append("contract.yaml", text, ENTRY).unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }

    #[test]
    fn the_entry_follows_the_last_tool_and_every_other_byte_stays() {
        for (before, after) in [
            ("spec:\n  tools:\n    - name: a # ünïcode 😀\n      run: { client: {} }\n", ""),
            (
                "spec:\n  tools:\n    - name: a\n      description: |\n        # no comment\n\n        text\n",
                "\n# end\n",
            ),
            ("spec:\n  tools:\n    - { name: a,\n        run: {} }\n", "  models: [x]\n"),
            ("spec:\n  tools:\n    - name: a\n# a comment in the middle\n      run: {}\n", "\n\n  roles: {}\n"),
            ("spec:\n  tools:\n    - name: a\n      run: {}\n", "---\nother: 1\n"),
        ] {
            let text = format!("{before}{after}");
            let expected = format!("{before}\n    - name: b\n      run: {{ client: {{}} }}\n{after}");
            assert_eq!(appended(&text), expected);
            assert_eq!(appended(&text.replace('\n', "\r\n")), expected.replace('\n', "\r\n"));
        }
        let flush = "spec:\n  tools:\n  - name: a\n    run: {}";
        assert_eq!(appended(flush), format!("{flush}\n\n  - name: b\n    run: {{ client: {{}} }}\n"));
    }

    #[test]
    fn a_list_in_another_form_is_refused() {
        for text in [
            "spec: { tools: [{ name: a }] }\n",
            "{\"spec\": {\"tools\": []}}",
            "spec:\n  tools: {}\n",
            "spec: {}\n",
            "spec:\n  tools:\n    -\n      name: a\n",
        ] {
            assert!(matches!(append("contract.yaml", text, ENTRY), Err(AppendError::Form(_))), "{text}");
        }
    }
}
