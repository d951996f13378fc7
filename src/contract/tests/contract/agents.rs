//! Honest lines and real calls of coding agents, decided under the profile `edit` of `contracts/agents`.
//!
//! The calls are those of `agents.jsonl.gz` in `CALLGATE_DATA`, else in `shared/data` beside the workspace. They are read at run time, and
//! never copied.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;

use callgate_contract::{Contract, load};
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::kinds::verdict;

const DESK: &str = include_str!("../../../../contracts/agents/claude-code.yaml");
const LINES: &str = include_str!("../../../kinds/tests/lines/agents.txt");
const NOT_ALLOWED: &str = include_str!("../../../kinds/tests/lines/agents_not_allowed.txt");
const PAGES: [&str; 3] = [
    include_str!("../../../../docs/guides/argument-kinds.md"),
    include_str!("../../../../docs/reference/shell-lines.md"),
    include_str!("../../../../docs/reference/programs.md"),
];
/// The directory in which the recorded agents ran.
const RECORDED: &str = "/home/dev/project";
/// Tools that the contract of Claude Code lacks: a program of code mode, what it calls, and a list of words.
const MORE: &str = "    - name: apply_patch
      effects: write
      parameters: { type: object, required: [input], properties: { input: { type: string, x-callgate: { patch: codex } } } }
      run: { client: {} }
    - name: exec_command
      effects: write
      parameters: { type: object, required: [cmd], properties: { cmd: { type: string, x-callgate: { command: { shell: bash } } } } }
      run: { client: {} }
    - name: exec
      effects: write
      parameters: { type: object, required: [input], properties: { input: { type: string, x-callgate: script } } }
      run: { client: {} }
    - name: shell
      effects: write
      parameters:
        type: object
        required: [command]
        properties:
          command: { type: array, items: { type: string }, x-callgate: { command: { shell: none } } }
      run: { client: {} }
";

fn desk(root: &str) -> Contract {
    let text = format!(
        "{}{MORE}",
        DESK.replace("root: \"/work/project\"", &format!("root: {root}")).replace("# ask:", "ask:")
    );
    load("c.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Returns the lines of a file. A line in double quotes is a JSON string. A tab separates a line from a reason.
fn lines(file: &str) -> Vec<(String, &str)> {
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines
        .map(|row| {
            let (line, reason) = row.split_once('\t').unwrap_or((row, ""));
            let is_json = line.len() > 1 && line.starts_with('"') && line.ends_with('"');
            let text = if is_json { serde_json::from_str(line).ok() } else { None };
            (text.unwrap_or_else(|| line.to_owned()), reason)
        })
        .collect()
}

fn judged(contract: &Contract, line: &str) -> String {
    verdict(contract, "full", "Bash", &json!({ "command": line }).to_string())
}

fn is_allowed(verdict: &str) -> bool {
    verdict == "allow" || verdict.starts_with("ask ")
}

#[test]
fn lines_that_agents_write_all_day_are_allowed() {
    let contract = desk("/work/project");
    let lines = lines(LINES);
    let refused: Vec<String> = lines
        .iter()
        .map(|(line, _)| (line, judged(&contract, line)))
        .filter(|(_, verdict)| !is_allowed(verdict))
        .map(|(line, verdict)| format!("{line:?}\n    {verdict}"))
        .collect();
    assert!(refused.is_empty(), "{} of {} refused:\n{}", refused.len(), lines.len(), refused.join("\n"));
    assert!(lines.len() >= 300, "{} lines", lines.len());
}

#[test]
fn lines_that_are_not_allowed_have_a_reason_in_the_documents() {
    let contract = desk("/work/project");
    for (line, reason) in lines(NOT_ALLOWED) {
        let verdict = judged(&contract, &line);
        assert!(!is_allowed(&verdict) && verdict.contains(reason), "{line:?}: {verdict}");
        assert!(!reason.is_empty() && PAGES.iter().any(|page| page.contains(reason)), "no document has: {reason}");
    }
}

/// A call of the desk that stands for a value of an agent's call: the tool and its arguments.
type DeskCall = (&'static str, Value);

/// Adds the calls of a part of a request, in whatever dialect it is.
fn collect(part: &Value, calls: &mut Vec<(String, Value)>) {
    let parsed = |text: &Value| match text.as_str() {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| json!({ "input": text })),
        None => text.clone(),
    };
    match part {
        Value::Object(members) => {
            let call = match members.get("type").and_then(Value::as_str) {
                Some("tool_use") => Some((&part["name"], part["input"].clone())),
                Some("function_call") => Some((&part["name"], parsed(&part["arguments"]))),
                Some("custom_tool_call") => Some((&part["name"], json!({ "input": part["input"] }))),
                Some("local_shell_call") => Some((&part["type"], part["action"].clone())),
                _ if part["function"]["arguments"].is_string() => {
                    Some((&part["function"]["name"], parsed(&part["function"]["arguments"])))
                }
                _ if part["functionCall"].is_object() => {
                    Some((&part["functionCall"]["name"], part["functionCall"]["args"].clone()))
                }
                _ => None,
            };
            if let Some((Value::String(name), arguments)) = call {
                calls.push((name.clone(), arguments));
            }
            members.values().for_each(|member| collect(member, calls));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, calls)),
        _ => {}
    }
}

/// Returns the marked values of a call, each as a call of the desk.
fn desk_calls(name: &str, arguments: &Value) -> Vec<DeskCall> {
    let mut calls = Vec::new();
    // Claude Code's texts were replaced by their lengths.
    let texts = |names: &[&str]| -> Vec<String> {
        let members = names.iter().filter_map(|name| arguments.get(name));
        let items = members.flat_map(|member| member.as_array().cloned().unwrap_or_else(|| vec![member.clone()]));
        let text = items.filter_map(|item| item.as_str().or(item["path"].as_str()).map(str::to_owned));
        text.filter(|text| !text.starts_with("<text of ")).collect()
    };
    match arguments["command"].as_array() {
        Some(words) => calls.push(("shell", json!({ "command": words }))),
        None => calls.extend(
            texts(&["command", "cmd", "commands"]).into_iter().map(|line| ("Bash", json!({ "command": line }))),
        ),
    }
    let is_writing =
        ["write", "edit", "replace", "create", "multiedit"].iter().any(|word| name.to_lowercase().contains(word));
    for path in texts(&["file_path", "filePath", "path", "absolute_path", "files", "paths", "workdir", "dir_path"]) {
        calls.push(match is_writing {
            true => ("Write", json!({ "file_path": path, "content": "" })),
            false => ("Read", json!({ "file_path": path })),
        });
    }
    if name.to_lowercase().contains("glob") {
        calls.extend(texts(&["pattern"]).into_iter().map(|pattern| ("Glob", json!({ "pattern": pattern }))));
    }
    match name {
        "apply_patch" => {
            calls.extend(texts(&["input", "patch"]).into_iter().map(|patch| ("apply_patch", json!({ "input": patch }))))
        }
        "exec" => calls.extend(texts(&["input"]).into_iter().map(|program| ("exec", json!({ "input": program })))),
        _ => {}
    }
    calls
}

#[test]
fn calls_of_real_coding_agents_are_allowed() {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CALLGATE_DATA").map_or(beside, PathBuf::from);
    let Ok(file) = std::fs::File::open(folder.join("agents.jsonl.gz")) else {
        eprintln!("SKIPPED: agents.jsonl.gz is not there; set CALLGATE_DATA to the folder that holds it");
        return;
    };
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    let contract = desk(RECORDED);
    let (mut calls, mut agents, mut refused, mut kinds) = (0, BTreeSet::new(), Vec::new(), BTreeSet::new());
    for row in text.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let mut found = Vec::new();
        match row["body"].as_str().map(serde_json::from_str::<Value>) {
            Some(Ok(body)) => collect(&body, &mut found),
            Some(Err(_)) => {}
            None => collect(&row["body"], &mut found),
        }
        for (name, arguments) in found {
            for (tool, arguments) in desk_calls(&name, &arguments) {
                calls += 1;
                agents.insert(row["agent"].as_str().unwrap().to_owned());
                kinds.insert(tool);
                let verdict = verdict(&contract, "full", tool, &arguments.to_string());
                if !is_allowed(&verdict) {
                    refused.push(format!("{} {name} {arguments}: {verdict}", row["agent"]));
                }
            }
        }
    }
    eprintln!("judged {calls} values of {} agents with {kinds:?}", agents.len());
    assert!(refused.is_empty(), "{} of {calls} refused:\n{}", refused.len(), refused.join("\n"));
    assert!(calls >= 40 && agents.len() >= 5 && kinds.len() >= 5, "{calls} values of {agents:?} with {kinds:?}");
}
