//! The commands of the chapter on roll-out, run as they stand there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests: a failed step is a failed test")]

mod support;

use std::fs;

use serde_json::json;
use support::{Folder, callgate, repository};

/// The text with every digest as `sha256:…`.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        format!("{shown}sha256:…{}", &part[digits..])
    })
}

/// A captured exchange in which the model orders so many pieces.
fn captured(quantity: u32) -> String {
    let arguments = format!(r#"{{"sku":"A","quantity":{quantity}}}"#);
    let call =
        json!({ "id": "call_1", "type": "function", "function": { "name": "create_order", "arguments": arguments } });
    let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
    let exchange = json!({
        "path": "/v1/chat/completions",
        "request": { "model": "gpt-4o", "messages": [{ "role": "user", "content": "Order." }] },
        "response_body": {
            "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o",
            "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": message }],
        },
    });
    format!("{exchange}\n")
}

#[test]
fn the_chapter_shows_the_output_of_its_commands() {
    let chapter = fs::read_to_string(repository().join("docs/operate/roll-out.md")).unwrap();
    let folder = Folder::new("roll-out");
    let candidate = folder
        .text()
        .replace("viewer: { tools: [\"get_*\"] }", "viewer: { tools: [\"*\"] }")
        .replace("maximum: 100", "maximum: 50")
        .replace("version: 1.2.3", "version: 2.0.0");
    let files = [
        ("active.yaml", folder.contract()),
        ("candidate.yaml", folder.write("candidate.yaml", &candidate)),
        ("traffic.jsonl", folder.write("traffic.jsonl", &(captured(2) + &captured(80)))),
    ];
    let mut commands = 0;
    for block in chapter.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let (command, shown) = block.strip_prefix("$ callgate ").unwrap().split_once('\n').unwrap();
        // The shell writes the output into a file.
        let command = command.split(" > ").next().unwrap();
        let path = |word: &str| files.iter().find(|(name, _)| *name == word).map_or(word, |(_, path)| path).to_owned();
        let words: Vec<String> = command.split(' ').map(path).collect();
        let said = callgate(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(said.err.is_empty(), "{command}: {said:?}");
        if !shown.is_empty() {
            assert_eq!(without_digests(&said.out), shown, "{command}");
        }
        commands += 1;
    }
    assert_eq!(commands, 3);
}

#[test]
fn the_rules_in_shadow_of_the_chapter_are_valid() {
    let chapter = fs::read_to_string(repository().join("docs/operate/roll-out.md")).unwrap();
    let rules = chapter.split_once("```yaml\nwhen: ").unwrap().1.split_once("```").unwrap().0;
    let folder = Folder::new("roll-out-shadow");
    let rules: String = format!("when: {rules}").lines().map(|line| format!("      {line}\n")).collect();
    let text = folder.text().replace("      effects: write\n", &format!("      effects: write\n{rules}")).replace(
        "          sku: { type: string }\n",
        "          sku: { type: string }\n          email: { type: string }\n",
    );
    let said = callgate(&["lint", &folder.write("shadow.yaml", &text)]);
    assert_eq!(said.code, 0, "{said:?}");
}
