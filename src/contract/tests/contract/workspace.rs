//! The workspace of a call: from a header that a proxy sets, or one of a pattern.

use callgate_contract::{
    Caller, ChangeEffect, Contract, Conversation, ProposedCall, Verdict, compare, decide, explain_profiles, load,
    string_readings,
};

use crate::folder::Folder;
use crate::kinds::text;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const PARAMETERS: &str = "{ type: object, properties: { \
    p: { type: string, x-callgate: { path: write } }, q: { type: string, x-callgate: { path: write, base: /dir } }, dir: { type: string }, \
    g: { type: string, x-callgate: glob }, c: { type: string, x-callgate: { command: { shell: bash, cwd: /dir } } }, \
    d: { type: string, x-callgate: { patch: codex } }, u: { type: string, x-callgate: url }, \
    all: { type: array, items: { type: string, x-callgate: { path: read } } }, \
    s: { type: string, x-callgate: script } } }";
const PROFILE: &str = "{ read: [\".\", /usr/include, \"!.git\"], write: [\".\", \"!keys/private\"], run: [ls, rm, cd], ask: [touch], hosts: [docs.rs] }";

fn spec(root: &str) -> String {
    format!(
        "  workspace: {{ root: '{root}' }}\n  profiles: {{ p: {PROFILE} }}\n  roles: {{ r: {{ tools: [f], profile: p }} }}\n"
    )
}

fn contract(root: &str) -> Contract {
    load("c.yaml", &text(PARAMETERS, &spec(root)), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"))
}

fn fault(spec: &str) -> String {
    let errors = load("c.yaml", &text(PARAMETERS, spec), &Folder(&[])).unwrap_err();
    errors.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect::<Vec<_>>().join("\n")
}

fn caller(workspace: Option<&str>) -> Caller {
    Caller { workspace: workspace.map(str::to_owned), ..Caller::new("acme", "r") }
}

fn verdict(contract: &Contract, workspace: Option<&str>, arguments: &str) -> String {
    let call = ProposedCall { name: "f", arguments };
    match decide(contract, &caller(workspace), &Conversation::default(), &call) {
        Verdict::Allow(_) => "allow".to_owned(),
        Verdict::NeedsApproval(_) => "ask".to_owned(),
        Verdict::Deny(violation) => format!("{} {}: {}", violation.code, violation.pointer, violation.message),
    }
}

#[test]
fn the_header_decides_which_directory_the_profile_opens() {
    let contract = contract("header:x-workspace");
    assert_eq!(contract.workspace_header(), Some("x-workspace"));
    for (workspace, arguments, expected) in [
        ("/work/a", r#"{"p":"src/x"}"#, "allow"),
        ("/work/a", r#"{"p":"/work/a/src/x"}"#, "allow"),
        ("/work/b", r#"{"p":"/work/a/src/x"}"#, "argument_forbidden /p"),
        ("/work/a/", r#"{"p":"/work/a/src/x"}"#, "allow"),
        ("/work/a", r#"{"p":"../b/x"}"#, "argument_forbidden /p"),
        ("/work/a", r#"{"p":"keys/private"}"#, "argument_forbidden /p"),
        ("/work/a", r#"{"p":"/work/a/KEYS/private"}"#, "argument_forbidden /p"),
        ("/work/b", r#"{"p":"/work/b/keys/private"}"#, "argument_forbidden /p"),
        ("/work/a", r#"{"q":"x","dir":"/work/b"}"#, "argument_forbidden /q"),
        ("/work/b", r#"{"q":"x","dir":"/work/b/sub"}"#, "allow"),
        ("/work/a", r#"{"c":"rm -r build"}"#, "allow"),
        ("/work/a", r#"{"c":"rm -r /work/b/build"}"#, "argument_forbidden /c"),
        ("/work/a", r#"{"c":"rm -r /work/a"}"#, "argument_forbidden /c"),
        ("/work/a", r#"{"c":"touch x"}"#, "ask"),
        ("/work/a", r#"{"g":"/work/b/**/*.rs"}"#, "argument_forbidden /g"),
        ("/work/a", r#"{"all":["x","/usr/include/y",".git/config"]}"#, "argument_forbidden /all/2"),
        ("/work/a", r#"{"d":"*** Begin Patch\n*** Add File: src/a\n+x\n*** End Patch"}"#, "allow"),
        ("/work/a", r#"{"d":"*** Begin Patch\n*** Add File: /work/b/a\n+x\n*** End Patch"}"#, "argument_forbidden /d"),
        ("/work/a", r#"{"s":"const a = await tools.f({\"p\":\"src/x\"});"}"#, "argument_forbidden /s"),
    ] {
        let found = verdict(&contract, Some(workspace), arguments);
        assert!(found.starts_with(expected), "{workspace} {arguments}: {found}");
    }
}

#[test]
fn a_call_without_a_clear_workspace_is_refused_and_names_the_header() {
    let contract = contract("header:x-workspace");
    for workspace in [
        None,
        Some(""),
        Some("/"),
        Some("work/a"),
        Some("/work/../etc"),
        Some("/work/a, /work/b"),
        Some("//work/a"),
        Some("/work/%2e%2e"),
        Some("/work\u{2215}a"),
        Some("~"),
        Some("C:\\work"),
    ] {
        for (pointer, arguments) in [
            ("/p", r#"{"p":"x"}"#),
            ("/p", r#"{"p":"/work/a/x"}"#),
            ("/q", r#"{"q":"x","dir":"/work/a"}"#),
            ("/c", r#"{"c":"ls"}"#),
            ("/g", r#"{"g":"*.rs"}"#),
            ("/all/0", r#"{"all":["/usr/include/x"],"u":"https://docs.rs/"}"#),
            ("/d", r#"{"d":"*** Begin Patch\n*** Add File: a\n+x\n*** End Patch"}"#),
        ] {
            let found = verdict(&contract, workspace, arguments);
            let expected = format!(
                "argument_unreadable {pointer}: expected the absolute path of the workspace in one header `x-workspace`; "
            );
            assert!(found.starts_with(&expected), "{workspace:?} {arguments}: {found}");
            assert!(workspace.is_none_or(|value| value.len() < 3 || !found.contains(value)), "no value: {found}");
        }
        // Nothing else breaks.
        for arguments in [r#"{"u":"https://docs.rs/x"}"#, "{}", r#"{"all":[]}"#, r#"{"dir":"anything"}"#] {
            assert_eq!(verdict(&contract, workspace, arguments), "allow", "{workspace:?} {arguments}");
        }
    }
}

#[test]
fn a_program_of_code_mode_is_in_the_workspace_of_its_caller() {
    let tools = "{ type: object, properties: { code: { type: string, x-callgate: script } } }\n    \
                 - name: rm\n      effects: write\n      run: { client: {} }\n      \
                 parameters: { type: object, properties: { p: { type: string, x-callgate: { path: write } } } }";
    let spec = spec("header:x-workspace").replace("tools: [f]", "tools: [f, rm]");
    let contract = load("c.yaml", &text(tools, &spec), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    let arguments = r#"{"code":"const a = await tools.rm({\"p\":\"/work/a/x\"});"}"#;
    assert_eq!(verdict(&contract, Some("/work/a"), arguments), "allow");
    assert!(verdict(&contract, Some("/work/b"), arguments).starts_with("argument_forbidden /code"));
    assert!(verdict(&contract, None, arguments).starts_with("argument_unreadable /code"));
}

#[test]
fn a_workspace_that_the_contract_writes_ignores_what_a_request_states() {
    let contract = contract("/work/a");
    assert_eq!(contract.workspace_header(), None);
    for workspace in [None, Some("/etc"), Some("bad")] {
        assert_eq!(verdict(&contract, workspace, r#"{"p":"/work/a/x"}"#), "allow");
        assert!(verdict(&contract, workspace, r#"{"p":"/etc/x"}"#).starts_with("argument_forbidden"));
    }
}

#[test]
fn all_paths_of_a_call_lie_in_one_workspace_of_the_pattern() {
    let contract = contract("/home/*/src/*");
    let (outside, relative) =
        ("lies in no workspace of the contract's pattern", "is relative, and the call names no directory");
    for (arguments, expected, reason) in [
        (r#"{"p":"/home/ann/src/gate/x"}"#, "allow", ""),
        (r#"{"p":"/home/ann/src/gate/x","all":["/home/ann/src/gate/y"]}"#, "allow", ""),
        (r#"{"q":"x","dir":"/home/ann/src/gate/sub"}"#, "allow", ""),
        (r#"{"q":"../x","dir":"/home/ann/src/gate/sub"}"#, "allow", ""),
        (r#"{"q":"../../x","dir":"/home/ann/src/gate/sub"}"#, "argument_forbidden /q", "profile"),
        (r#"{"q":"/home/bob/src/gate/x","dir":"/home/ann/src/gate"}"#, "argument_forbidden /q", "profile"),
        (r#"{"c":"ls src","dir":"/home/ann/src/gate"}"#, "allow", ""),
        (r#"{"c":"ls /usr/include","dir":"/home/ann/src/gate"}"#, "allow", ""),
        (r#"{"c":"ls /home/bob/src/gate","dir":"/home/ann/src/gate"}"#, "argument_forbidden /c", "profile"),
        (r#"{"c":"cd /home/bob/src/gate && ls","dir":"/home/ann/src/gate"}"#, "argument_forbidden /c", "profile"),
        (r#"{"g":"/home/ann/src/gate/**/*.rs"}"#, "allow", ""),
        (r#"{"g":"/home/ann/src/{a,b}/*.rs"}"#, "argument_forbidden /g", outside),
        (r#"{"g":"/home/*/src/gate/*.rs"}"#, "argument_forbidden /g", outside),
        (r#"{"g":"*.rs"}"#, "argument_unreadable /g", relative),
        // Two workspaces.
        (
            r#"{"p":"/home/ann/src/gate/x","all":["/home/ann/src/other/y"]}"#,
            "argument_forbidden /all/0",
            "expected all paths of the call in one workspace of `/home/*/src/*`",
        ),
        (r#"{"all":["/home/ann/src/gate/x","/home/bob/src/gate/y"]}"#, "argument_forbidden /all/1", "in one workspace"),
        (
            r#"{"p":"/home/bob/src/gate/x","c":"ls","dir":"/home/ann/src/gate"}"#,
            "argument_forbidden /c",
            "in one workspace",
        ),
        // None.
        (r#"{"p":"x"}"#, "argument_unreadable /p", relative),
        (r#"{"q":"x"}"#, "argument_unreadable /q", relative),
        (r#"{"q":"x","dir":"sub"}"#, "argument_unreadable /q", relative),
        (r#"{"c":"ls /home/ann/src/gate"}"#, "argument_unreadable /c", "the call names no directory of a workspace"),
        (
            r#"{"d":"*** Begin Patch\n*** Add File: /home/ann/src/gate/a\n+x\n*** End Patch"}"#,
            "argument_unreadable /d",
            "no directory",
        ),
        (r#"{"p":"/usr/include/x"}"#, "argument_forbidden /p", outside),
        (r#"{"c":"ls","dir":"/etc"}"#, "argument_forbidden /c", outside),
        // Attacks.
        (
            r#"{"p":"/home/ann/src/gate/../../../bob/src/gate/x"}"#,
            "argument_unreadable /p",
            "`..` among the directories",
        ),
        (r#"{"c":"ls","dir":"/home/ann/src/gate/.."}"#, "argument_unreadable /c", "`..` among the directories"),
        (r#"{"p":"/home/ann/src/.ssh/id"}"#, "argument_forbidden /p", outside),
        (r#"{"p":"/home/ann/src/.git/config"}"#, "argument_forbidden /p", outside),
        (r#"{"p":"//home/ann/src/gate/x"}"#, "argument_unreadable /p", "two `/`"),
        (r#"{"p":"/home/ann/src/gate/%2e%2e/x"}"#, "argument_unreadable /p", "percent-encoded"),
        (r#"{"p":"/home/ann∕x/src/gate/x"}"#, "argument_unreadable /p", "separator"),
        (r#"{"p":"/HOME/ann/src/gate/x"}"#, "argument_forbidden /p", outside),
        (
            r#"{"c":"rm -r /home/ann/src/gate","dir":"/home/ann/src/gate"}"#,
            "argument_forbidden /c",
            "removes the whole",
        ),
        (r#"{"p":"/home/ann/src/gate/keys/private"}"#, "argument_forbidden /p", "forbids"),
        (r#"{"q":"x","dir":7}"#, "arguments_invalid /dir", ""),
    ] {
        // What the request states has no meaning.
        for stated in [None, Some("/etc")] {
            let found = verdict(&contract, stated, arguments);
            assert!(found.starts_with(expected) && found.contains(reason), "{arguments}: {found}");
        }
    }
    assert_eq!(verdict(&contract, None, r#"{"u":"https://docs.rs/x"}"#), "allow");
}

#[test]
fn a_workspace_that_cannot_be_enforced_is_a_fault() {
    for (workspace, expected) in [
        ("{ root: 'header:' }", "expected `header:NAME` with the name of a header in lower case"),
        ("{ root: 'header:X-Workspace' }", "expected `header:NAME`"),
        ("{ root: 'header::path' }", "expected `header:NAME`"),
        ("{ root: 'header:a b' }", "expected `header:NAME`"),
        ("{ root: '/*' }", "begins with `*`"),
        ("{ root: '/home/a*' }", "each `*` is one whole name"),
        ("{ root: '/home/**' }", "a pattern other than `*`"),
        ("{ root: 'home/*' }", "is not an absolute path"),
        ("{ root: '/home/*', os: windows }", "expected an absolute path with `*`"),
    ] {
        let found = fault(&spec("/w").replace("{ root: '/w' }", workspace));
        assert!(found.contains("/spec/workspace/root: ") && found.contains(expected), "{workspace}: {found}");
    }
    // An absolute entry would open the workspaces of other calls.
    for entry in ["/", "/home", "/home/ann", "/home/*/src/gate/out"] {
        let found = fault(&spec("/home/*/src/*").replace("/usr/include", &format!("'{entry}'")));
        assert!(
            found.starts_with("/spec/profiles/p/read/1: expected a directory outside of the workspaces"),
            "{entry}: {found}"
        );
    }
}

#[test]
fn conditions_compare_with_directories_of_the_calls_workspace() {
    let when = "{ type: object, required: [p], properties: { p: { type: string, x-callgate: { path: write } } } }\n      when: path(args.p).within('docs')";
    for (root, workspace) in [("header:x-workspace", Some("/home/ann/src/gate")), ("/home/*/src/*", None)] {
        let contract =
            load("c.yaml", &text(when, &spec(root)), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(verdict(&contract, workspace, r#"{"p":"/home/ann/src/gate/docs/x"}"#), "allow");
        assert!(verdict(&contract, workspace, r#"{"p":"/home/ann/src/gate/src/x"}"#).starts_with("condition_unmet"));
    }
}

#[test]
fn people_read_how_the_workspace_is_found() {
    let header = contract("header:x-workspace");
    assert!(explain_profiles(&header).starts_with("workspace in the header x-workspace (posix)\n"));
    let pattern = contract("/home/*/src/*/");
    assert!(explain_profiles(&pattern).starts_with("workspace /home/*/src/*, one for each call (posix)\n"));
    let arguments = serde_json::json!({ "p": "x", "u": "https://docs.rs/x" });
    let tool = header.tool("f").unwrap();
    let found = string_readings(&header, &caller(Some("/work/a")), tool, &arguments);
    assert!(found.iter().all(|reading| reading.refused.is_none() && !reading.lines.is_empty()), "{found:?}");
    assert!(found[0].lines.join(" ").contains("/work/a/x"), "{found:?}");
    let found = string_readings(&header, &caller(None), tool, &arguments);
    assert!(found[0].refused.as_ref().unwrap().contains("`x-workspace`"), "{found:?}");
    assert!(found[1].refused.is_none(), "a URL needs no workspace");
}

#[test]
fn another_source_of_the_workspace_needs_a_person_to_look() {
    for (before, after) in
        [("/work/a", "header:x-workspace"), ("header:x-workspace", "header:x-root"), ("/home/*/src/*", "/home/*/src")]
    {
        let changes = compare(&contract(before), &contract(after));
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((change.pointer.as_str(), change.effect), ("/spec/workspace/root", ChangeEffect::Unclear));
    }
}
