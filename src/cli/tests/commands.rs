//! `lint`, `digest`, `pin` and `check`, run as a person runs them: output and exit code.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use std::fs;

use support::{Folder, MODULE, ZEROS, callgate, repository};

#[test]
fn lint_reports_tools_roles_and_digest_of_a_valid_contract() {
    let folder = Folder::new("lint-good");
    let said = callgate(&["lint", &folder.contract()]);
    let digest = callgate(&["digest", &folder.contract()]);
    assert_eq!(said.code, 0, "{said:?}");
    let line = format!("{}: ok, 2 tools, 2 roles, digest {}", folder.contract(), digest.out.trim());
    assert_eq!(said.out.lines().next(), Some(line.as_str()));
    assert!(said.out.contains("note: create_order: sha256 is only zeros"), "{said:?}");
    assert!(digest.out.starts_with("sha256:") && digest.out.trim().len() == 7 + 64, "{digest:?}");
}

#[test]
fn lint_reports_every_fault_of_every_file_and_the_valid_contracts() {
    let folder = Folder::new("lint-bad");
    let bad =
        folder.write("bad.yaml", &folder.text().replace("roles:", "rolls:").replace("effects: write", "effects: eat"));
    let said = callgate(&["lint", &bad, &folder.contract(), "no/such.yaml"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("contract.yaml: ok"), "{said:?}");
    assert!(said.err.contains(&format!("{bad}:")) && said.err.contains("did you mean `roles`"), "{said:?}");
    assert!(said.err.contains("effects"), "{said:?}");
    assert!(said.err.contains("no/such.yaml: cannot be read: "), "{said:?}");
}

#[test]
fn lint_notes_folders_outside_the_contracts_own() {
    let folder = Folder::new("lint-hosts");
    for (host, told) in [("/etc", "an absolute path"), ("../elsewhere", "`..` leads out of the contract's folder")] {
        let grant = format!("args: [create], files: [{{ host: {host}, guest: /data }}]");
        let text = folder.text().replace("args: [create]", &grant);
        let at = text.find(host).unwrap();
        let (line, column) = (text[..at].lines().count(), at - text[..at].rfind('\n').unwrap());
        let file = folder.write("hosts.yaml", &text);
        let said = callgate(&["lint", &file]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains(&format!("{file}:{line}:{column}: note: spec.tools[")), "{said:?}");
        assert!(said.out.contains(told), "{said:?}");
    }
    let said = callgate(&["lint", &folder.contract()]);
    assert!(!said.out.contains("note: spec."), "{said:?}");
}

#[test]
fn the_contracts_of_this_repository_are_valid() {
    for name in ["order-desk", "data-desk", "mcp-desk", "pay-desk", "policy-desk", "rag-desk", "tool-desk"] {
        let said = callgate(&["lint", &format!("contracts/{name}/contract.yaml")]);
        assert_eq!(said.code, 0, "{said:?}");
    }
}

#[test]
fn the_digest_ignores_layout_and_comments() {
    let folder = Folder::new("digest");
    let digest = |text: &str| callgate(&["digest", &folder.write("other.yaml", text)]).out;
    let text = folder.text();
    let same = text.replace("effects: write", "effects:    write   # a comment");
    assert_eq!(digest(&text), digest(&same));
    assert_ne!(digest(&text), digest(&text.replace("maximum: 100", "maximum: 101")));
}

#[test]
fn pin_changes_only_the_checksums() {
    let folder = Folder::new("pin");
    let before = folder.text();
    let said = callgate(&["pin", &folder.contract()]);
    assert_eq!(said.code, 0, "{said:?}");
    let sum = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476";
    assert_eq!(folder.text(), before.replace(ZEROS, sum));
    assert!(said.out.contains(&format!("create_order: tools/orders.wasm sha256 {sum} pinned")), "{said:?}");
    let again = callgate(&["pin", &folder.contract()]);
    assert!(again.out.contains("unchanged") && !again.out.contains("pinned"), "{again:?}");
    let lint = callgate(&["lint", &folder.contract()]);
    assert!(!lint.out.contains("note:"), "{lint:?}");
    let digest = callgate(&["digest", &folder.contract()]);
    assert!(again.out.contains(digest.out.trim()), "{again:?}");
}

#[test]
fn pin_adds_a_missing_checksum_and_can_pin_one_tool_alone() {
    let folder = Folder::new("pin-missing");
    let line = format!("{{ module: tools/orders.wasm,   sha256: '{ZEROS}', args: [create] }}");
    let other = "    - name: other\n      description: X.\n      effects: read\n      parameters: { type: object }\n      run:\n        wasm:\n          module: tools/other.wasm # to come\n";
    let text = folder.text().replace(&line, "{ module: tools/orders.wasm, args: [create] }");
    folder.write("contract.yaml", &text);
    let said = callgate(&["pin", &folder.contract()]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(folder.text().contains("{ module: tools/orders.wasm, sha256: \"93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476\", args: [create] }"));

    let two = format!("{text}{other}          sha256: '{ZEROS}'\n");
    folder.write("contract.yaml", &two);
    assert_eq!(callgate(&["pin", &folder.contract()]).code, 1, "the other module is not there");
    let said = callgate(&["pin", &folder.contract(), "--tool", "create_order"]);
    assert!(said.code == 0 && !said.out.contains("other.wasm"), "{said:?}");
    assert!(folder.text().contains(&format!("sha256: '{ZEROS}'")) && folder.text().contains("sha256: \"93a44b"));
    let none = callgate(&["pin", &folder.contract(), "--tool", "get_order"]);
    assert!(none.code == 1 && none.err.contains("tool get_order has no module"), "{none:?}");
}

#[test]
fn pin_writes_nothing_if_a_module_or_the_contract_is_invalid() {
    let folder = Folder::new("pin-bad");
    let before = folder.text();
    fs::write(folder.path("tools/orders.wasm"), "MZ no module").unwrap();
    let said = callgate(&["pin", &folder.contract()]);
    assert_eq!((said.code, folder.text()), (1, before.clone()));
    assert!(said.err.contains("is not a WebAssembly module or component"), "{said:?}");

    fs::remove_file(folder.path("tools/orders.wasm")).unwrap();
    let said = callgate(&["pin", &folder.contract()]);
    assert_eq!((said.code, folder.text()), (1, before.clone()));
    assert!(said.err.contains("the module of create_order cannot be read: "), "{said:?}");
    assert!(said.err.contains("tools/orders.wasm: "), "{said:?}");

    fs::write(folder.path("tools/orders.wasm"), MODULE).unwrap();
    let wrong = before.replace("kind: Contract", "kind: Contrakt");
    folder.write("contract.yaml", &wrong);
    let said = callgate(&["pin", &folder.contract()]);
    assert_eq!((said.code, folder.text()), (1, wrong));
    assert!(said.err.contains("kind"), "{said:?}");
}

#[test]
fn check_allows_with_0_and_shows_the_canonical_arguments() {
    let folder = Folder::new("check-allow");
    let arguments = r#"{"sku": "A-1", "quantity": 2.0}"#;
    let said =
        callgate(&["check", &folder.contract(), "--role", "clerk", "--tool", "create_order", "--arguments", arguments]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        said.out,
        "allow  create_order for clerk\n  run        in the sandbox, tools/orders.wasm\n  arguments  {\"quantity\":2,\"sku\":\"A-1\"}\n"
    );
}

#[test]
fn check_denies_with_2_and_shows_code_place_and_reason() {
    let folder = Folder::new("check-deny");
    for (role, tool, arguments, code, at, because) in [
        ("clerk", "create_order", r#"{"sku":"A-1","quantity":0}"#, "arguments_invalid", "/quantity", "at least 1"),
        ("clerk", "create_order", r#"{"sku":"A-1","sku":"B"}"#, "arguments_not_json", "the whole call", ""),
        ("clerk", "create_ordr", "{}", "tool_not_in_contract", "the whole call", "did you mean \"create_order\"?"),
        ("viewer", "create_order", "{}", "role_forbidden", "the whole call", ""),
        ("clrek", "create_order", "{}", "role_forbidden", "the whole call", "did you mean \"clerk\"?"),
    ] {
        let said = callgate(&["check", &folder.contract(), "--role", role, "--tool", tool, "--arguments", arguments]);
        assert_eq!(said.code, 2, "{said:?}");
        for part in [
            format!("deny   {tool} for {role}"),
            format!("code       {code}"),
            format!("at         {at}"),
            because.into(),
        ] {
            assert!(said.out.contains(&part), "{part:?} in {said:?}");
        }
    }
}

#[test]
fn check_shows_a_broken_rule_that_is_not_enforced() {
    let folder = Folder::new("check-shadow");
    let rule = "effects: write\n      when: { condition: \"args.quantity < 5\", shadow: true }";
    let contract = folder.write("shadow.yaml", &folder.text().replace("effects: write", rule));
    let call = ["--role", "clerk", "--tool", "create_order", "--arguments", r#"{"sku":"A","quantity":9}"#];
    let said = callgate(&[&["check", &contract][..], &call].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.ends_with("  in shadow  condition_unmet: expected the tool's `when` to hold\n"), "{said:?}");
    let said = callgate(&[&["check", &contract][..], &call, &["--json"]].concat());
    let verdict: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&verdict["verdict"], &verdict["shadowed"]["code"]), (&"allow".into(), &"condition_unmet".into()));
}

#[test]
fn check_writes_json_and_reads_arguments_from_standard_input() {
    let folder = Folder::new("check-json");
    let contract = folder.contract();
    let check = |input: &[u8]| {
        support::callgate_with(
            &["check", &contract, "--role", "viewer", "--tool", "get_order", "--arguments", "-", "--json"],
            input,
        )
    };
    let said = check(br#"{"order_id": "O-1"}"#);
    let verdict: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said.code, 0);
    assert_eq!((&verdict["verdict"], &verdict["run"]), (&"allow".into(), &"client".into()));
    assert_eq!(verdict["arguments"], serde_json::json!({ "order_id": "O-1" }));
    assert_eq!(verdict["contract"]["digest"], callgate(&["digest", &contract]).out.trim());

    let said = check(b"[]");
    let verdict: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said.code, 2);
    assert_eq!((&verdict["verdict"], &verdict["code"]), (&"deny".into(), &"arguments_invalid".into()));

    let said = check(b"\xff");
    assert_eq!((said.code, said.err.as_str()), (1, "--arguments -: standard input is not UTF-8 text\n"));
}

#[test]
fn check_takes_the_facts_that_conditions_read() {
    let folder = Folder::new("check-facts");
    let condition = "caller.tenant == 'acme' && model == 'gpt-4o' && !conversation.tainted && conversation.count('get_order') == 2 \
                     && conversation.called('create_order') && conversation.turns == 3 && conversation.rounds == 1 \
                     && now == timestamp('2026-03-02T09:00:00Z')";
    let text = folder.text().replace("description: Place an order.", &format!("when: \"{condition}\""));
    folder.write("contract.yaml", &text);
    let contract = folder.contract();
    let call =
        ["check", &contract, "--role", "clerk", "--tool", "create_order", "--arguments", r#"{"sku":"A","quantity":1}"#];
    let facts =
        ["--tenant=acme", "--model=gpt-4o", "--called=get_order=2", "--called=create_order", "--turns=3", "--rounds=1"];
    let now = ["--now=2026-03-02T10:00:00+01:00"];
    let check = |more: &[&str]| callgate(&[&call[..], &facts, more].concat());
    assert_eq!(check(&now).code, 0, "{:?}", check(&now));
    for wrong in [&[][..], &["--tainted", now[0]], &["--now=2026-03-02T09:00:01Z"]] {
        let said = check(wrong);
        assert!(said.code == 2 && said.out.contains("code       condition_unmet"), "{wrong:?}: {said:?}");
    }
    let said = callgate(&call);
    assert!(
        said.code == 2 && said.out.contains("condition_unmet"),
        "the first call of an empty conversation: {said:?}"
    );
    for wrong in ["--now=noon", "--now=1969-12-31T23:59:59Z", "--called=get_ordr", "--called=get_order=many"] {
        let said = check(&[wrong]);
        assert!(said.code == 1 && said.err.starts_with(&wrong.replacen('=', " ", 1)), "{wrong}: {said:?}");
    }
}

#[test]
fn lint_names_the_place_in_a_condition() {
    let folder = Folder::new("lint-condition");
    let text = folder.text().replace("description: Place an order.", "when: args.quantity < 9 && args.skuu == 'A'");
    folder.write("contract.yaml", &text);
    let said = callgate(&["lint", &folder.contract()]);
    assert_eq!(said.code, 1, "{said:?}");
    let expected = "contract.yaml:17:39: spec.tools[1].when: `args` has no member `skuu`; it has: quantity, sku";
    assert!(said.out.contains(expected) || said.err.contains(expected), "{said:?}");
}

#[test]
fn a_wrong_command_line_exits_with_1_and_never_2() {
    for arguments in [
        &["chek"][..],
        &["check"],
        &["check", "no/such.yaml", "--role", "r", "--tool", "t", "--arguments", "{}"],
        &["render", "--target", "envoi", "x"],
        &["lint"],
        &[],
    ] {
        let said = callgate(arguments);
        assert_eq!(said.code, 1, "{arguments:?}: {said:?}");
        assert!(said.out.is_empty() && !said.err.is_empty(), "{said:?}");
    }
    assert!(callgate(&["chek"]).err.contains("'check'"));
    assert!(callgate(&["render", "--target", "envoi", "x"]).err.contains("'envoy'"));
}

#[test]
fn help_succeeds_and_shows_examples() {
    for command in ["lint", "check", "render"] {
        let said = callgate(&[command, "--help"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("Example") && said.err.is_empty(), "{said:?}");
    }
    assert!(repository().join("contracts").is_dir());
}

#[test]
fn the_readme_shows_what_its_contract_really_gives() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let block = |from: &str| readme.split_once(from).unwrap().1.split_once("```").unwrap().0.to_owned();
    let folder = Folder::new("readme");
    let contract = folder.write("contract.yaml", &block("```yaml\n"));
    let console = block("```console\n");
    let mut printed = String::new();
    for command in console.lines().filter_map(|line| line.strip_prefix("$ callgate ")) {
        // Words are parted by spaces, and only the last may be in quotes.
        let (words, quoted) = command.split_once(" '").map_or((command, None), |(words, rest)| (words, Some(rest)));
        let quoted = quoted.map(|rest| rest.strip_suffix('\'').unwrap());
        let arguments: Vec<_> =
            words.split(' ').chain(quoted).map(|word| word.replace("contract.yaml", &contract)).collect();
        let said = callgate(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        printed += &format!("$ callgate {command}\n{}", said.out.replace(&contract, "contract.yaml"));
    }
    assert_eq!(printed, console);
    assert!(console.contains("\nallow ") && console.contains("\ndeny ") && console.contains("callgate lint "));
}
