//! `new tool`: the files it writes, the files it never touches, and the build and run of every language's tool, if its tool
//! chain is here.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Folder, callgate, executor_is_built, repository};

fn empty(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn new(contract: &Path, name: &str, lang: &str) -> support::Output {
    callgate(&["new", "tool", name, "--lang", lang, "--contract", &contract.display().to_string()])
}

/// Builds the tool in that language and runs its test; `surroundings` are variables for the tool chain.
fn builds(lang: &str, surroundings: &[(&str, &str)]) {
    executor_is_built();
    let folder = empty(&format!("new-{lang}"));
    let contract = folder.join("contract.yaml");
    let made = new(&contract, "add", lang);
    assert_eq!(made.code, 0, "{made:?}");
    // Another unbuilt tool does not disturb it.
    assert_eq!(new(&contract, "later", "c").code, 0);
    if let Some((_, modules)) = surroundings.iter().find(|(name, _)| *name == "MODULES") {
        std::os::unix::fs::symlink(modules, folder.join("add/node_modules")).unwrap();
    }
    for script in ["build.sh", "test.sh"] {
        let run = Command::new(folder.join("add").join(script))
            .envs(surroundings.iter().copied())
            .env("CALLGATE", env!("CARGO_BIN_EXE_callgate"))
            .env("CARGO_NET_OFFLINE", "true")
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success(), "{lang}: {script}: {out}\n{err}");
    }
    let file = contract.display().to_string();
    let said = callgate(&["call", &file, "--tool", "add", "--arguments", r#"{"b": 0.2, "a": 0.1}"#, "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let sum = told["result"]["sum"].as_f64().unwrap();
    assert!((sum - 0.3).abs() < 1e-12, "{said:?}");
    // The entry's limits are at least twice the use.
    for (used, limit) in [("fuel", "fuel"), ("memoryBytes", "memoryBytes")] {
        let (used, limit) = (told["usage"][used].as_u64().unwrap(), told["limits"][limit].as_u64().unwrap());
        assert!(used > 0 && used <= limit / 2, "{lang}: {said:?}");
    }
    let denied = callgate(&["call", &file, "--tool", "add", "--arguments", r#"{"a": 1}"#]);
    assert_eq!(denied.code, 2, "{denied:?}");
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn skipped(lang: &str, needs: &str) {
    eprintln!("skipped: {lang}: {needs} is not here");
}

#[test]
fn a_tool_in_rust_builds_and_runs() {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", "wasm32-wasip1"]).output();
    let found = libraries.ok().map(|output| String::from_utf8(output.stdout).unwrap());
    match found.filter(|path| Path::new(path.trim()).is_dir()) {
        Some(_) => builds("rust", &[]),
        None => skipped("rust", "the target wasm32-wasip1"),
    }
}

#[test]
fn a_tool_in_c_builds_and_runs() {
    let compiler = ["clang-19", "clang"].into_iter().find(|clang| runs(clang, &["--version"]));
    match compiler.filter(|_| Path::new("/usr/lib/wasm32-wasi/libc.a").exists()) {
        Some(clang) => builds("c", &[("CC", clang)]),
        None => skipped("c", "clang with wasi-libc"),
    }
}

#[test]
fn a_tool_in_python_builds_and_runs() {
    let program = repository().join(".callgate/componentize-py/bin/componentize-py");
    match program.canonicalize() {
        Ok(program) => builds("python", &[("COMPONENTIZE_PY", program.to_str().unwrap())]),
        Err(_) => skipped("python", "componentize-py"),
    }
}

#[test]
fn a_tool_in_go_builds_and_runs() {
    if runs("go", &["version"]) { builds("go", &[]) } else { skipped("go", "go") }
}

#[test]
fn a_tool_in_javascript_builds_and_runs() {
    // The folder in which somebody ran `npm install` of the template's package.json. Nothing is fetched for a test.
    match std::env::var("CALLGATE_COMPONENTIZE_JS") {
        Ok(modules) => builds("js", &[("MODULES", &modules)]),
        Err(_) => skipped("js", "componentize-js in a folder node_modules that CALLGATE_COMPONENTIZE_JS names"),
    }
}

#[test]
fn a_new_contract_is_valid_and_the_tool_s_role_may_call_it() {
    let folder = empty("new-valid");
    let contract = folder.join("contract.yaml");
    for (name, lang) in [("a", "rust"), ("B-2", "c"), ("c_3", "python"), ("d", "go"), ("e", "js")] {
        let made = new(&contract, name, lang);
        assert_eq!(made.code, 0, "{made:?}");
        assert!(!made.out.contains("note:"), "{made:?}");
    }
    let said = callgate(&["lint", &contract.display().to_string()]);
    assert!(said.code == 0 && said.out.contains("ok, 5 tools, 1 role"), "{said:?}");
}

/// YAML reads unquoted `2026`, `true` or `null` as no text.
#[test]
fn names_that_yaml_would_misread_are_quoted() {
    let long = format!("{}-b", "a".repeat(59));
    for name in ["2026", "1e3", "true", "null", "-x-", &long] {
        let contract = empty(&format!("new-names/{name}")).join("contract.yaml");
        for tool in ["true", "null", "No", "e3"] {
            let made = new(&contract, tool, "c");
            assert_eq!(made.code, 0, "{name}: {tool}: {made:?}");
        }
        let said = callgate(&["lint", &contract.display().to_string()]);
        assert!(said.code == 0 && said.out.contains("ok, 4 tools, 1 role"), "{name}: {said:?}");
    }
}

#[test]
fn an_entry_is_appended_and_every_other_byte_of_the_contract_stays() {
    let folder = Folder::new("new-append");
    for newline in ["\n", "\r\n"] {
        let before = folder.text().replace("\r\n", "\n").replace('\n', newline);
        fs::write(folder.path("contract.yaml"), &before).unwrap();
        let _ = fs::remove_dir_all(folder.path("add"));
        let made = new(&folder.path("contract.yaml"), "add", "c");
        assert_eq!(made.code, 0, "{made:?}");
        let after = folder.text();
        let entry = after.strip_prefix(&before).unwrap();
        assert!(entry.starts_with(&format!("{newline}    - name: \"add\"{newline}")), "{entry}");
        assert_eq!(entry.matches('\n').count(), entry.matches(newline).count());
        assert_eq!(callgate(&["lint", &folder.contract()]).code, 0);
        fs::write(folder.path("contract.yaml"), &before).unwrap();
    }
}

#[test]
fn a_missing_role_is_noted() {
    let folder = Folder::new("new-role");
    fs::write(folder.path("contract.yaml"), folder.text().replace("    clerk: { tools: [\"*\"] }\n", "")).unwrap();
    let made = new(&folder.path("contract.yaml"), "add", "c");
    assert!(made.code == 0 && made.out.contains("no role of") && made.out.contains("may call add yet"), "{made:?}");
}

#[test]
fn nothing_is_overwritten_and_bad_names_are_refused() {
    let folder = Folder::new("new-refused");
    let before = folder.text();
    let contract = folder.path("contract.yaml");
    for name in ["", "../x", "a/b", "1a", "-a", "a b", "ä", &"a".repeat(65), ".", "a\n"] {
        let said = callgate(&["new", "tool", "--lang", "c", "--contract", &folder.contract(), "--", name]);
        assert!(said.code == 1 && said.err.contains("invalid tool name"), "{name:?}: {said:?}");
    }
    let script = new(&folder.path("a$(id).yaml"), "add", "c");
    assert!(script.code == 1 && script.err.contains("invalid contract file name"), "{script:?}");
    let there = new(&contract, "tools", "c");
    assert!(there.code == 1 && there.err.contains("exists already"), "{there:?}");
    std::os::unix::fs::symlink("/nowhere", folder.path("link")).unwrap();
    let link = new(&contract, "link", "c");
    assert!(link.code == 1 && link.err.contains("exists already"), "{link:?}");
    let known = new(&contract, "get_order", "c");
    assert!(known.code == 1 && known.err.contains("has a tool get_order already"), "{known:?}");
    let flow = folder.write(
        "flow.yaml",
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: { name: f, version: 1.0.0 }\nspec:\n  models: [\"*\"]\n  roles: { \
         a: { tools: [\"*\"] } }\n  tools: [{ name: x, description: X., effects: read, parameters: { type: object }, run: { client: {} } }]\n",
    );
    let form = new(Path::new(&flow), "add", "c");
    assert!(
        form.code == 1 && form.err.contains("is a list in brackets") && form.err.contains("- name: \"add\""),
        "{form:?}"
    );
    assert!(!folder.path("add").exists() && !folder.path("get_order").exists());
    assert_eq!(folder.text(), before);
}
