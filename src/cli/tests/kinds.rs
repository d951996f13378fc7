//! `check`, `lint --explain` and `diff` on a contract with argument kinds, run as a person runs them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use serde_json::Value;
use support::{Folder, Output, callgate};

const CHAPTER: &str = include_str!("../../../docs/guides/argument-kinds.md");

/// Returns the contract of the chapter.
fn desk() -> &'static str {
    let start = CHAPTER.split_once("```yaml\n").unwrap().1;
    start.split_once("```").unwrap().0
}

fn check(file: &str, role: &str, tool: &str, arguments: &str, more: &[&str]) -> Output {
    let mut line = vec!["check", file, "--role", role, "--tool", tool, "--arguments", arguments];
    line.extend(more);
    callgate(&line)
}

#[test]
fn check_shows_how_a_command_is_understood() {
    let folder = Folder::new("kinds-check");
    let file = folder.write("desk.yaml", desk());
    let arguments = r#"{"command":"cd src && cat main.rs | head -5; git push"}"#;
    let said = check(&file, "dev", "Bash", arguments, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    for part in [
        "needs approval: Bash for dev",
        "approval_required at /command: expected a person's approval; profile `edit` asks for `git push`",
        "understood /command as command, by profile edit",
        "\"cd\" program",
        "read /work/project/src/main.rs",
        "by `git push`; asks a person; reaches the network",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
    let said = check(&file, "reader", "Bash", r#"{"command":"cat README.md; rm -rf src"}"#, &[]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.out.contains("code       argument_forbidden"), "{}", said.out);
    assert!(said.out.contains("command 2 of 2"), "{}", said.out);
}

#[test]
fn check_prints_the_reason_of_a_denial_once() {
    let folder = Folder::new("kinds-once");
    let file = folder.write("desk.yaml", desk());
    let shadow = folder.write("shadow.yaml", &desk().replace("  models:", "  enforce: false\n  models:"));
    for (tool, arguments, reason) in [
        ("Bash", r#"{"command":"cat README.md; rm -rf src"}"#, "expected a command that profile"),
        ("Bash", r#"{"command":"echo 'open"}"#, "expected a command that has one meaning"),
        ("Read", r#"{"file_path":"../x"}"#, "expected a path that"),
    ] {
        for (file, code) in [(&file, 2), (&shadow, 0)] {
            let said = check(file, "reader", tool, arguments, &[]);
            assert_eq!(said.code, code, "{said:?}");
            assert_eq!(said.out.matches(reason).count(), 1, "{arguments}\n{}", said.out);
        }
    }
    // The verdict names the first refused string, and the reading the others.
    let to = r#"{"to":["eve@evil.example","mallory@evil.example"],"subject":"Hi"}"#;
    let said = check(&file, "clerk", "send_mail", to, &[]);
    assert!(said.out.contains("at         /to/0") && said.out.contains("understood /to/1 as email"), "{}", said.out);
    assert_eq!(said.out.matches("expected an e-mail address that").count(), 2, "{}", said.out);
}

#[test]
fn check_writes_the_reading_as_json() {
    let folder = Folder::new("kinds-json");
    let file = folder.write("desk.yaml", desk());
    let said = check(&file, "reader", "Read", r#"{"file_path":"src/./a"}"#, &["--json"]);
    let shown: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(shown["understood"][0]["pointer"], "/file_path");
    assert_eq!(shown["understood"][0]["lines"][0], "read /work/project/src/a");
    assert_eq!(shown["understood"][0]["profile"], "look");
    let said = check(&file, "dev", "Bash", r#"{"command":"cat a; git push"}"#, &["--json"]);
    let shown: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(shown["understood"][0]["rules"], serde_json::json!(["cat", "git push"]));
}

#[test]
fn terminal_controls_of_a_reading_are_escaped() {
    let folder = Folder::new("kinds-terminal");
    let file = folder.write("desk.yaml", desk());
    let said = check(&file, "reader", "Bash", "{\"command\":\"echo '\\u001b[2J'\"}", &[]);
    assert!(!said.out.contains('\u{1b}'), "{said:?}");
}

#[test]
fn lint_explains_profiles_sets_and_models() {
    let folder = Folder::new("kinds-explain");
    let file = folder.write("desk.yaml", desk());
    let said = callgate(&["lint", &file, "--explain"]);
    assert_eq!(said.code, 0, "{said:?}");
    for part in [
        "workspace /work/project (posix)",
        "profile edit for dev",
        "git push, git fetch, npm install, pip install",
        "tool Bash: /command is a command",
        "set @secrets (version",
        "models of programs: ",
        "note: spec.profiles.offline: ",
        "together they run any code",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
}

#[test]
fn lint_warns_about_an_unmarked_string() {
    let folder = Folder::new("kinds-unmarked");
    let text = desk().replace("type: string, x-callgate: { path: read }", "type: string");
    let said = callgate(&["lint", &folder.write("desk.yaml", &text)]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("warning: spec.tools[1] (Read): `/file_path` has no mark"), "{}", said.out);
}

#[test]
fn diff_tells_what_a_profile_opens_and_for_whom() {
    let folder = Folder::new("kinds-diff");
    let before = folder.write("before.yaml", desk());
    let after = folder.write("after.yaml", &desk().replace("run: [ls, cat,", "run: [ls, cat, du,"));
    let said = callgate(&["diff", &before, &after]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("becomes possible"), "{}", said.out);
    assert!(said.out.contains("profiles/look/run"), "{}", said.out);
    for role in ["reader", "dev", "offline"] {
        assert!(said.out.contains(role), "{}", said.out);
    }
}

#[test]
fn check_takes_the_workspace_that_a_header_would_state() {
    let folder = Folder::new("kinds-workspace");
    let text = desk().replace("root: /work/project", "root: \"header:x-workspace\"");
    let file = folder.write("desk.yaml", &text);
    let arguments = r#"{"file_path":"/home/ann/gate/src/a"}"#;
    let said = check(&file, "reader", "Read", arguments, &["--workspace", "/home/ann/gate"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("read /home/ann/gate/src/a"), "{}", said.out);
    let said = check(&file, "reader", "Read", arguments, &["--workspace", "/home/bob/gate"]);
    assert!(said.code == 2 && said.out.contains("argument_forbidden"), "{said:?}");
    let said = check(&file, "reader", "Read", arguments, &[]);
    assert!(said.code == 2 && said.out.contains("in one header `x-workspace`"), "{said:?}");
    let said = callgate(&["lint", &file, "--explain"]);
    assert!(said.out.contains("workspace in the header x-workspace (posix)"), "{}", said.out);
    // A contract that reads no header says so.
    let said = check(&folder.write("fixed.yaml", desk()), "reader", "Read", arguments, &["--workspace", "/x"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("the contract reads no header for it"), "{}", said.err);
}

#[test]
fn check_says_why_a_path_is_in_no_workspace_of_a_pattern() {
    let folder = Folder::new("kinds-pattern");
    let text = desk().replace("root: /work/project", "root: \"/home/*/src/*\"");
    let file = folder.write("desk.yaml", &text);
    let said = check(&file, "reader", "Read", r#"{"file_path":"/home/ann/src/gate/a"}"#, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let said = check(&file, "reader", "Read", r#"{"file_path":"a"}"#, &[]);
    assert!(said.code == 2 && said.out.contains("the call names no directory of a workspace"), "{said:?}");
    let said = check(&file, "reader", "Bash", r#"{"command":"cat a","workdir":"/home/ann/src/gate"}"#, &[]);
    assert!(said.code == 0 && said.out.contains("read /home/ann/src/gate/a"), "{said:?}");
}
