//! Rows of inputs with verdicts, decided as calls. They are read from `kinds/*.json` in `CALLGATE_DATA`, else in `shared/data` beside the
//! workspace, and never copied.

use std::path::PathBuf;

use callgate_contract::{Contract, load};
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::kinds::verdict;

const LOOK: &str = "ls, cat, head, tail, wc, nl, sed -n, grep, rg, find, tree, stat, sort, uniq, cut, diff, jq, pwd, cd, echo, test, '[', 'true', \
    git status, git diff, git log, git show, git blame, git ls-files, git rev-parse, git branch --show-current";
const EDIT: &str = "mkdir, touch, cp, mv, rm, sed -i, tee, chmod +x, git add, git commit, git stash, npm test, npm run build, npm run lint, \
    pytest, python -m pytest, cargo check, cargo test, cargo clippy, cargo fmt, cargo build";

/// A contract with one tool of this mark, and the profiles that the rows name as roles.
fn contract(mark: &str, workspace: &str, profiles: &str) -> Contract {
    let names: Vec<&str> =
        profiles.lines().filter_map(|line| line.trim().split_once(": {")).map(|(name, _)| name).collect();
    let roles: Vec<String> = names.iter().map(|name| format!("{name}: {{ tools: [f], profile: {name} }}")).collect();
    let text = format!(
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: t, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n  workspace: {workspace}\n  \
         profiles:\n{profiles}  roles: {{ {} }}\n  tools:\n    - name: f\n      effects: write\n      run: {{ client: {{}} }}\n      \
         parameters: {{ type: object, properties: {{ s: {{ type: string, x-callgate: {mark} }} }} }}\n",
        roles.join(", ")
    );
    load("c.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn rows(file: &str) -> Vec<Value> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CALLGATE_DATA").map_or(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("kinds").join(file)) else {
        eprintln!("SKIPPED: kinds/{file} is not there; set CALLGATE_DATA to the folder that holds it");
        return Vec::new();
    };
    serde_json::from_str(&text).unwrap()
}

/// Decides each row. No row with `refuse` is allowed, and at most `refused` rows with `allow` are refused.
fn check<'c>(file: &str, refused: usize, contract: impl Fn(&str, &Value) -> &'c Contract) {
    let (mut evasions, mut losses) = (Vec::new(), Vec::new());
    for row in rows(file) {
        let (policy, input) = (row["policy"].as_str().unwrap(), row["input"].as_str().unwrap());
        let contract = contract(policy, &row);
        let found = verdict(contract, policy, "f", &json!({ "s": input }).to_string());
        match (row["verdict"] == "allow", found.as_str()) {
            (true, "allow") => {}
            (true, found) => losses.push(format!("{input:?}: {found}; {}", row["why"])),
            (false, "allow") => evasions.push(format!("{input:?}: {}", row["why"])),
            (false, _) => {}
        }
    }
    assert!(evasions.is_empty(), "allowed:\n{}", evasions.join("\n"));
    assert!(losses.len() <= refused, "refused:\n{}", losses.join("\n"));
}

const HOME: &str = "{ root: /work/project }";
const PROJECT: &str = "    project: { read: ['.', '!.git', '!.env*'], write: ['.', '!.git', '!.env*'] }\n    \
                       project-glob: { read: ['.', '!.git', '!.env*'] }\n";

#[test]
fn rows_of_paths_are_decided_as_calls() {
    let posix = contract("{ path: read }", HOME, PROJECT);
    let root = "{ root: 'C:\\work\\project', os: windows }";
    let windows = contract("{ path: read }", root, "    win: { read: ['.'] }\n");
    let glob = contract("glob", HOME, PROJECT);
    check("path.json", 0, |policy, _| match policy {
        "win" => &windows,
        "project-glob" => &glob,
        _ => &posix,
    });
}

#[test]
fn rows_of_patterns_are_decided_as_calls() {
    let contract = contract("glob", HOME, PROJECT);
    check("glob.json", 0, |_, _| &contract);
}

#[test]
fn rows_of_commands_are_decided_as_calls() {
    let profiles = format!(
        "    look: {{ read: ['.', '!.git', '!.env*'], run: [{LOOK}] }}\n    look-strict: {{ like: look, recursive: refuse }}\n    \
         look-x: {{ like: look, read: ['!secrets*'] }}\n    \
         edit: {{ like: look, write: ['.', '!.git', '!.env*'], run: [{EDIT}], ask: [git push, git fetch, npm install, pip install] }}\n    \
         nonet: {{ like: edit }}\n    web: {{ like: edit, run: [curl], hosts: [docs.rs] }}\n"
    );
    let contract = contract("{ command: { shell: bash } }", HOME, &profiles);
    // The profiles do not list `awk` and `date`, a variable that is not on the list is refused, and `[[` is not read.
    check("command.json", 4, |_, _| &contract);
}

#[test]
fn rows_of_patches_are_decided_as_calls() {
    let (codex, git) = (contract("{ patch: codex }", HOME, PROJECT), contract("{ patch: git }", HOME, PROJECT));
    check("patch.json", 0, |_, row| {
        let input = row["input"].as_str().unwrap();
        let is_codex = input.contains("*** Begin Patch") || input.contains("*** Update") || input.contains("*** Add");
        if is_codex { &codex } else { &git }
    });
}

#[test]
fn rows_of_urls_are_decided_as_calls() {
    let profiles = "    good: { hosts: [good.example, '*.docs.example'] }\n    \
                    good-path: { hosts: { names: [good.example], paths: ['/api/**'] } }\n";
    let contract = contract("url", HOME, profiles);
    check("url.json", 0, |_, _| &contract);
}

#[test]
fn rows_of_addresses_are_decided_as_calls() {
    let email = contract("email", HOME, "    mail: { email: { domains: [good.example] } }\n");
    check("email.json", 0, |_, _| &email);
    let cidr = contract("cidr", HOME, "    net10: { cidr: [10.0.0.0/8] }\n    ula: { cidr: ['fc00::/7'] }\n");
    check("cidr.json", 0, |_, _| &cidr);
}

#[test]
fn rows_of_queries_are_decided_as_calls() {
    let dialects = ["analyst", "sqlite", "mysql", "mssql", "duckdb", "clickhouse"];
    let tables = ["'sales.*', public.orders", "sales", "'sales.*'", "'dbo.*'", "sales", "sales"];
    let line = |(name, tables): (&&str, &&str)| {
        format!("    {name}: {{ sql: {{ statements: [select], tables: [{tables}] }} }}\n")
    };
    let profiles: String = dialects.iter().zip(&tables).map(line).collect();
    let of = |name: &&str| {
        let dialect = if *name == "analyst" { "postgres" } else { name };
        contract(&format!("{{ sql: {{ dialect: {dialect} }} }}"), HOME, &profiles)
    };
    let contracts: Vec<Contract> = dialects.iter().map(of).collect();
    check("sql.json", 0, |policy, _| &contracts[dialects.iter().position(|name| *name == policy).unwrap()]);
}
