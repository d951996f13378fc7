//! The ready contracts in `contracts/agents`: they are what the command writes, they refuse attacks, and they allow honest work.
//!
//! Requests of real agents are in `agents.jsonl.gz` of `CALLGATE_DATA`, else of `shared/data` beside the workspace. They are read at run
//! time, and never copied.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use std::collections::BTreeSet;

use callgate_contract::Contract;
use serde_json::{Value, json};
use support::decided::{compiled, verdict};
use support::recorded::{Recorded, agents};
use support::{callgate, repository};

const AGENTS: [&str; 7] = ["claude-code", "cline", "codex", "gemini-cli", "opencode", "pi", "qwen-code"];
/// The directory in which the recorded agents ran.
const ROOT: &str = "/home/dev/project";

fn text(agent: &str) -> String {
    std::fs::read_to_string(repository().join(format!("contracts/agents/{agent}.yaml"))).unwrap()
}

fn contract(agent: &str) -> Contract {
    let text = text(agent).replace("root: \"/work/project\"", &format!("root: {ROOT}"));
    compiled(agent, &text)
}

/// The call of an agent that runs a shell line.
fn shell(agent: &str, line: &str) -> (&'static str, Value) {
    match agent {
        "claude-code" => ("Bash", json!({ "command": line, "description": "a command" })),
        "cline" => ("run_commands", json!({ "commands": [line] })),
        "codex" => ("exec_command", json!({ "cmd": line, "yield_time_ms": 1000 })),
        "gemini-cli" => ("run_shell_command", json!({ "command": line })),
        "qwen-code" => ("run_shell_command", json!({ "command": line, "is_background": false })),
        _ => ("bash", json!({ "command": line })),
    }
}

/// The call that reads a file.
fn read(agent: &str, path: &str) -> (&'static str, Value) {
    match agent {
        "claude-code" => ("Read", json!({ "file_path": path })),
        "cline" => ("read_files", json!({ "files": [{ "path": path, "start_line": null, "end_line": null }] })),
        "codex" => ("view_image", json!({ "path": path })),
        "gemini-cli" | "qwen-code" => ("read_file", json!({ "file_path": path })),
        "opencode" => ("read", json!({ "filePath": path })),
        _ => ("read", json!({ "path": path })),
    }
}

/// The call that writes a file.
fn write(agent: &str, path: &str) -> (&'static str, Value) {
    let patch = format!("*** Begin Patch\n*** Add File: {path}\n+x\n*** End Patch");
    match agent {
        "claude-code" => ("Write", json!({ "file_path": path, "content": "x" })),
        "cline" | "codex" => ("apply_patch", json!({ "input": patch })),
        "gemini-cli" | "qwen-code" => ("write_file", json!({ "file_path": path, "content": "x" })),
        "opencode" => ("write", json!({ "filePath": path, "content": "x" })),
        _ => ("write", json!({ "path": path, "content": "x" })),
    }
}

#[test]
fn the_committed_contracts_are_what_the_command_writes() {
    for agent in AGENTS {
        let said = callgate(&["learn", "--agent", agent, "--out", "-"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.out, text(agent), "{agent}: run `make agents-contracts`");
        let lint = callgate(&["lint", &format!("contracts/agents/{agent}.yaml")]);
        assert!(lint.code == 0 && !lint.out.contains("warning"), "{lint:?}");
        assert!(said.out.lines().count() <= 160, "{agent} is too long for a review");
    }
    let files = std::fs::read_dir(repository().join("contracts/agents")).unwrap();
    let yaml = files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "yaml"));
    assert_eq!(yaml.count(), AGENTS.len());
    let unknown = callgate(&["learn", "--agent", "aider", "--out", "-"]);
    assert!(unknown.code == 1 && unknown.err.contains("known: claude-code, cline, codex"), "{unknown:?}");
}

#[test]
fn honest_work_is_allowed() {
    for agent in AGENTS {
        let contract = contract(agent);
        for line in [
            "npm test",
            "npm run build",
            "cargo test",
            "cargo test -p core -- --nocapture",
            "pytest -q tests",
            "go test ./...",
            "make",
            "git status --short",
            "git diff HEAD~1",
            "git log --oneline -5",
            "git add -A",
            "git commit -m \"Add a test\"",
            "git commit -m \"$(cat <<'EOF'\nAdd a test\n\nIt failed.\nEOF\n)\"",
            "git checkout -b feature",
            "git stash",
            "ls -la",
            "cat README.md",
            "cat /home/dev/project/src/main.rs",
            "head -n1 NOTES.txt > OUT.txt",
            "grep -rn TODO src",
            "rg -n TODO",
            "find . -name '*.rs'",
            "sed -n 1,80p src/lib.rs",
            "mkdir -p src/a && touch src/a/b.rs",
            "cd src && ls",
            "cat a.txt | sort | uniq -c",
            "python -m pytest tests/test_a.py",
            "npm test 2>&1 | tail -20",
        ] {
            for role in ["edit", "offline"] {
                let (tool, arguments) = shell(agent, line);
                assert_eq!(verdict(&contract, role, tool, &arguments), "allow", "{agent} {role} {line:?}");
            }
        }
        for path in
            ["README.md", "src/main.rs", "/home/dev/project/src/main.rs", "./docs/a.md", ".github/workflows/ci.yml"]
        {
            let (tool, arguments) = read(agent, path);
            assert_eq!(verdict(&contract, "read-only", tool, &arguments), "allow", "{agent} reads {path}");
            let (tool, arguments) = write(agent, path);
            assert_eq!(verdict(&contract, "edit", tool, &arguments), "allow", "{agent} writes {path}");
            assert_eq!(verdict(&contract, "offline", tool, &arguments), "allow", "{agent} writes {path}");
        }
    }
}

#[test]
fn a_read_only_agent_changes_nothing() {
    for agent in AGENTS {
        let contract = contract(agent);
        for line in [
            "touch a",
            "rm -rf src",
            "echo x > a",
            "cat a | tee b",
            "git commit -m x",
            "git checkout .",
            "sed -i s/a/b/ c",
            "npm test",
            "cargo test",
            "make",
            "python -c 'print(1)'",
            "find . -delete",
            "find . -exec touch {} +",
            "sort -o a b",
            "git diff --output=a",
            "awk '{print > \"a\"}' b",
        ] {
            let (tool, arguments) = shell(agent, line);
            assert_ne!(verdict(&contract, "read-only", tool, &arguments), "allow", "{agent} {line:?}");
        }
        let (tool, arguments) = write(agent, "a.txt");
        assert!(verdict(&contract, "read-only", tool, &arguments).starts_with("role_forbidden"), "{agent}");
    }
}

#[test]
fn an_injected_model_leaves_neither_the_project_nor_the_rules() {
    const LINES: [&str; 50] = [
        "cat /etc/passwd",
        "cat ../other/x",
        "cat ~/.ssh/id_rsa",
        "cat $HOME/.aws/credentials",
        "cd .. && ls",
        "cp src/a ../b",
        "ln -s / root",
        "tar cf /tmp/x.tar .",
        "cat .env",
        "cat config/.env.local",
        "head .npmrc",
        "grep KEY .env",
        "cp .env a.txt",
        "cat id_rsa",
        "echo 'curl x' > .git/hooks/pre-commit",
        "touch .git/config",
        "echo x >> .husky/pre-commit",
        "git config core.hooksPath x",
        "git -c core.pager=id log",
        "echo x > AGENTS.md",
        "echo x >> CLAUDE.md",
        "touch .claude/settings.json",
        "mkdir -p .codex",
        "rm GEMINI.md",
        "touch .mcp.json",
        "echo x > .vscode/tasks.json",
        "curl https://evil.example/",
        "wget evil.example",
        "git push",
        "git push origin HEAD:x",
        "npm install left-pad",
        "npx left-pad",
        "pip install x",
        "cargo install x",
        "ssh evil.example",
        "sh -c \"$(cat x)\"",
        "eval id",
        "codex exec 'do it'",
        "git remote update",
        "git submodule update",
        "git checkout evil -- AGENTS.md",
        "git mv a .git/hooks/pre-commit",
        "git add -f .env",
        "git show HEAD:.env",
        "git diff --no-index /etc/passwd a",
        "git commit -F /etc/passwd",
        "npm --prefix /tmp test",
        "go test -exec ./x ./...",
        "pytest -p evil",
        "env",
    ];
    for agent in AGENTS {
        let contract = contract(agent);
        for role in ["read-only", "edit", "offline", "full"]
            .into_iter()
            .filter(|role| contract.roles().any(|known| known.name() == *role))
        {
            for line in LINES {
                let (tool, arguments) = shell(agent, line);
                let found = verdict(&contract, role, tool, &arguments);
                assert!(found.starts_with("argument_"), "{agent} {role} {line:?}: {found}");
            }
            for path in [
                "/etc/passwd",
                "../x",
                "/home/dev/project/../other/x",
                "/home/dev/project2/x",
                ".env",
                ".git/config",
                "~/.ssh/id_rsa",
            ] {
                let (tool, arguments) = read(agent, path);
                let found = verdict(&contract, role, tool, &arguments);
                assert!(found.starts_with("argument_"), "{agent} {role} reads {path}: {found}");
            }
            for path in [
                "/etc/cron.d/x",
                "../x",
                ".git/hooks/pre-commit",
                ".git/config",
                ".husky/pre-commit",
                "AGENTS.md",
                "sub/CLAUDE.md",
                "claude.md",
                "GEMINI.md",
                ".claude/settings.json",
                ".codex/config.toml",
                ".gemini/settings.json",
                ".qwen/settings.json",
                ".opencode/plugin/x.js",
                ".mcp.json",
                ".vscode/tasks.json",
                ".env",
                ".envrc",
                ".npmrc",
            ] {
                let (tool, arguments) = write(agent, path);
                let found = verdict(&contract, role, tool, &arguments);
                assert!(
                    found.starts_with("argument_") || found.starts_with("role_"),
                    "{agent} {role} writes {path}: {found}"
                );
            }
        }
    }
}

#[test]
fn an_agent_without_network_asks_no_host() {
    let page = json!({ "url": "https://docs.rs/serde", "prompt": "x" });
    for (agent, tool, arguments) in [
        ("claude-code", "WebFetch", page.clone()),
        ("opencode", "webfetch", json!({ "url": "https://docs.rs/serde", "format": "text" })),
        ("cline", "fetch_web_content", json!({ "requests": [page] })),
    ] {
        let contract = contract(agent);
        assert_eq!(verdict(&contract, "edit", tool, &arguments), "allow", "{agent}");
        let evil: Value = serde_json::from_str(&arguments.to_string().replace("docs.rs", "evil.example")).unwrap();
        assert!(verdict(&contract, "full", tool, &evil).starts_with("argument_forbidden"), "{agent}");
        assert!(verdict(&contract, "offline", tool, &arguments).starts_with("role_forbidden"), "{agent}");
    }
    for agent in AGENTS {
        for line in ["go list -m -u all", "pip list --outdated", "cargo metadata", "go doc x"] {
            let (tool, arguments) = shell(agent, line);
            assert_eq!(verdict(&contract(agent), "edit", tool, &arguments), "allow", "{agent} {line}");
            assert!(
                verdict(&contract(agent), "offline", tool, &arguments).starts_with("argument_forbidden"),
                "{agent} {line}"
            );
            assert!(
                verdict(&contract(agent), "read-only", tool, &arguments).starts_with("argument_forbidden"),
                "{agent} {line}"
            );
        }
        let (tool, arguments) = shell(agent, "cargo metadata --offline --no-deps");
        assert_eq!(verdict(&contract(agent), "read-only", tool, &arguments), "allow", "{agent}");
    }
    // No contract lets the provider run a tool, and no role of an agent but `full` starts another one.
    for agent in AGENTS {
        assert!(!text(agent).contains("\n  providerTools"), "{agent}");
    }
    for (agent, tool) in [
        ("claude-code", "Agent"),
        ("codex", "multi_agent_v1__spawn_agent"),
        ("opencode", "task"),
        ("cline", "team_status"),
        ("qwen-code", "agent"),
    ] {
        for role in ["read-only", "edit", "offline"] {
            assert!(verdict(&contract(agent), role, tool, &json!({})).starts_with("role_forbidden"), "{agent} {role}");
        }
    }
    assert!(
        verdict(&contract("qwen-code"), "full", "tool_call", &json!({ "name": "x", "arguments": {} }))
            .starts_with("tool_not_"),
        "tool_call"
    );
}

#[test]
fn arguments_beside_the_marked_ones_open_nothing() {
    for (agent, role, tool, arguments, expected) in [
        ("claude-code", "read-only", "Glob", json!({ "pattern": "*.rs", "path": "src" }), "allow"),
        ("claude-code", "read-only", "Glob", json!({ "pattern": "*", "path": "/etc" }), "argument_forbidden"),
        ("claude-code", "read-only", "Glob", json!({ "pattern": "../**" }), "argument_"),
        (
            "claude-code",
            "read-only",
            "Grep",
            json!({ "pattern": "x", "glob": "*.rs", "output_mode": "count" }),
            "allow",
        ),
        (
            "claude-code",
            "edit",
            "Bash",
            json!({ "command": "ls", "dangerouslyDisableSandbox": true }),
            "arguments_invalid",
        ),
        (
            "claude-code",
            "edit",
            "Write",
            json!({ "file_path": ".github/../.git/hooks/pre-commit", "content": "x" }),
            "argument_forbidden",
        ),
        (
            "claude-code",
            "edit",
            "NotebookEdit",
            json!({ "notebook_path": "../a.ipynb", "new_source": "x" }),
            "argument_forbidden",
        ),
        ("claude-code", "edit", "WebFetch", json!({ "url": "https://docs.python.org/3/", "prompt": "x" }), "allow"),
        (
            "claude-code",
            "edit",
            "WebFetch",
            json!({ "url": "https://a.docs.python.org/", "prompt": "x" }),
            "argument_forbidden",
        ),
        (
            "codex",
            "edit",
            "exec_command",
            json!({ "cmd": "cargo test -q", "workdir": "/home/dev/project/src" }),
            "allow",
        ),
        ("codex", "edit", "exec_command", json!({ "cmd": "cargo test -q", "workdir": "/tmp" }), "argument_forbidden"),
        ("codex", "edit", "exec_command", json!({ "cmd": "ls", "shell": "/tmp/sh" }), "arguments_invalid"),
        (
            "codex",
            "edit",
            "exec_command",
            json!({ "cmd": "ls", "sandbox_permissions": "require_escalated" }),
            "arguments_invalid",
        ),
        ("codex", "edit", "exec_command", json!({ "cmd": "ls", "sandbox_permissions": "use_default" }), "allow"),
        ("codex", "edit", "write_stdin", json!({ "session_id": 1, "chars": "" }), "allow"),
        ("codex", "edit", "write_stdin", json!({ "session_id": 1, "chars": "import os\n" }), "arguments_invalid"),
        (
            "codex",
            "edit",
            "exec",
            json!({ "input": "const r = await tools.exec_command({cmd: \"cat a\"});\ntext(r.output);" }),
            "allow",
        ),
        (
            "codex",
            "edit",
            "exec",
            json!({ "input": "const r = await tools.exec_command({cmd: \"cat /etc/passwd\"});" }),
            "argument_",
        ),
        (
            "codex",
            "edit",
            "exec",
            json!({ "input": "await tools.collaboration__spawn_agent({message: \"x\"});" }),
            "role_forbidden",
        ),
        ("codex", "edit", "exec", json!({ "input": "fetch(\"https://evil.example\")" }), "argument_unreadable"),
        (
            "codex",
            "read-only",
            "exec",
            json!({ "input": "await tools.apply_patch(\"*** Begin Patch\\n*** Add File: a\\n+x\\n*** End Patch\");" }),
            "role_forbidden",
        ),
        (
            "gemini-cli",
            "edit",
            "run_shell_command",
            json!({ "command": "npm test", "dir_path": "packages/a" }),
            "allow",
        ),
        (
            "gemini-cli",
            "edit",
            "run_shell_command",
            json!({ "command": "npm test", "dir_path": "../other" }),
            "argument_forbidden",
        ),
        ("gemini-cli", "read-only", "list_directory", json!({ "dir_path": "/" }), "argument_forbidden"),
        (
            "qwen-code",
            "edit",
            "run_shell_command",
            json!({ "command": "ls", "directory": "/etc" }),
            "argument_forbidden",
        ),
        ("opencode", "edit", "bash", json!({ "command": "ls", "workdir": "/" }), "argument_forbidden"),
        (
            "opencode",
            "edit",
            "apply_patch",
            json!({ "patchText": "*** Begin Patch\n*** Delete File: ../x\n*** End Patch" }),
            "argument_forbidden",
        ),
        (
            "cline",
            "read-only",
            "read_files",
            json!({ "files": [{ "path": "a" }, { "path": "/etc/passwd" }] }),
            "argument_forbidden",
        ),
        ("cline", "edit", "run_commands", json!({ "commands": ["ls", "curl evil.example"] }), "argument_forbidden"),
        (
            "pi",
            "edit",
            "edit",
            json!({ "path": ".git/config", "edits": [{ "oldText": "a", "newText": "b" }] }),
            "argument_forbidden",
        ),
    ] {
        let found = verdict(&contract(agent), role, tool, &arguments);
        assert!(found.starts_with(expected), "{agent} {role} {tool} {arguments}: {found}");
    }
}

/// Returns the names in the lines `Left out` of a contract.
fn left_out(text: &str) -> Vec<String> {
    let comments: String =
        text.lines().filter_map(|line| line.strip_prefix('#')).map(|line| format!("{}\n", line.trim())).collect();
    let lines = comments.lines().filter_map(|line| line.strip_prefix("Left out: ")?.split_once(": "));
    lines.flat_map(|(names, _)| names.split(", ").map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn each_recorded_tool_is_in_the_contract_or_left_out_on_purpose() {
    let Some(agents) = agents() else { return };
    for agent in AGENTS {
        let recorded: &Recorded = &agents[agent];
        let contract = contract(agent);
        let left_out = left_out(&text(agent));
        let is_left = |name: &str| {
            left_out
                .iter()
                .any(|left| left == name || left.strip_suffix('*').is_some_and(|left| name.starts_with(left)))
        };
        let role = contract
            .roles()
            .map(|role| role.name().to_owned())
            .find(|role| role == "full")
            .unwrap_or("edit".to_owned());
        let unknown: BTreeSet<&String> = recorded
            .declared
            .iter()
            .filter(|name| contract.permit(contract.role(&role), name).is_err() && !is_left(name))
            .collect();
        assert!(unknown.is_empty(), "{agent}: {unknown:?}");
        assert!(recorded.declared.len() > 3, "{agent}");
        let mut allowed = 0;
        for (name, arguments) in &recorded.calls {
            if is_left(name) || arguments.to_string().contains("<text of ") {
                continue;
            }
            let expected = if contract.permit(contract.role("edit"), name).is_ok() { "edit" } else { "full" };
            let found = verdict(&contract, expected, name, arguments);
            assert_eq!(found, "allow", "{agent} {name} {arguments}");
            allowed += 1;
        }
        assert!(allowed > 0 || agent == "claude-code", "{agent}");
    }
}
