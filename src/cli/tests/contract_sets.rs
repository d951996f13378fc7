//! Contract sets: `lint`, `check` and `render` take them in place of a contract.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use callgate_host::config;
use support::{Folder, callgate, plugin};

fn contract(version: &str, role: &str, spec: &str) -> String {
    format!(
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: desk, version: {version} }}\nspec:\n  models: [\"*\"]\n{spec}  \
         roles: {{ {role}: {{ tools: [\"*\"] }} }}\n  tools:\n    - name: order\n      effects: write\n      \
         parameters: {{ type: object, properties: {{ amount: {{ type: integer }} }} }}\n      run: {{ client: {{}} }}\n"
    )
}

/// A folder with two contracts and a set of both.
fn folder(name: &str, set: &str) -> (Folder, String) {
    let folder = Folder::new(name);
    let claims = "  claims: { level: integer }\n";
    let with_level = contract("2.0.0", "admin", claims)
        + "      when: \"has(caller.claims.level) && has(args.amount) && args.amount <= caller.claims.level\"\n";
    folder.write("acme.yaml", &contract("1.0.0", "clerk", "  limits: { requestBytes: 8MiB }\n"));
    folder.write("globex.yaml", &with_level);
    let path = folder.write("set.yaml", &format!("apiVersion: callgate.dev/v1\nkind: ContractSet\ncontracts:\n{set}"));
    (folder, path)
}

const BOTH: &str = "  - match: { tenant: acme }\n    contract: acme.yaml\n    candidate: acme.yaml\n  \
                    - match: [{ tenant: globex, pathPrefix: /v1 }, { tenant: initech }]\n    contract: globex.yaml\n";

#[test]
fn lint_checks_every_contract_and_the_matches() {
    let (_folder, set) = folder("set-lint", BOTH);
    let said = callgate(&["lint", &set]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].contains("acme.yaml: ok, 1 tool, 1 role, digest sha256:"), "{}", said.out);
    assert!(lines[1].contains("globex.yaml: ok"), "{}", said.out);
    assert!(lines[2].ends_with("set.yaml: ok, 2 entries, 2 contracts"), "{}", said.out);
    for (set, expected) in [
        (
            "  - { match: { tenant: a }, contract: acme.yaml }\n  - { match: { tenant: a }, contract: globex.yaml }\n",
            "set.yaml:5: `match` equals",
        ),
        ("  - { match: { role: admin }, contract: acme.yaml }\n", "set.yaml:4: `match.role` is `admin`"),
        (
            "  - { match: { tenat: a }, contract: acme.yaml }\n",
            "set.yaml:4:16: contracts[0].match.tenat: unknown field; did you mean `tenant`?",
        ),
        ("  - { contract: missing.yaml }\n", "missing.yaml: cannot be read"),
    ] {
        let (_folder, path) = folder("set-faults", set);
        let said = callgate(&["lint", &path]);
        assert_eq!(said.code, 1, "{set}");
        assert!(said.err.contains(expected), "{}", said.err);
    }
}

#[test]
fn check_decides_by_the_contract_of_the_request() {
    let (_folder, set) = folder("set-check", BOTH);
    let check = |options: &[&str]| {
        let mut arguments = vec!["check", set.as_str(), "--tool", "order", "--arguments", "{\"amount\":5}"];
        arguments.extend(options);
        let said = callgate(&arguments);
        (said.code, said.out + &said.err)
    };
    let (code, said) = check(&["--tenant", "acme", "--role", "clerk"]);
    assert!(code == 0 && said.contains("contract   ") && said.contains("acme.yaml"), "{said}");
    let admin = ["--tenant", "globex", "--role", "admin", "--path", "/v1/messages"];
    for (claims, expected) in [
        (&["--claim", "level=5"][..], 0),
        (&["--claim", "level=4"], 2),
        (&[], 2),
        (&["--claim", "level=x"], 1),
        (&["--claim", "levle=5"], 1),
    ] {
        let (code, said) = check(&[&admin[..], claims].concat());
        assert_eq!(code, expected, "{claims:?}: {said}");
    }
    // A role of one contract is nothing under another.
    assert_eq!(check(&["--tenant", "acme", "--role", "admin"]).0, 2);
    let (code, said) = check(&["--tenant", "umbrella", "--role", "clerk"]);
    assert!(code == 1 && said.contains("contract_unmatched"), "{said}");
    assert_eq!(check(&["--tenant", "globex", "--role", "admin", "--path", "/v2"]).0, 1);
}

#[test]
fn render_writes_all_contracts_for_every_target() {
    let (folder, set) = folder("set-render", BOTH);
    for target in [
        &["--target", "envoy"][..],
        &["--target", "envoy", "--host", "native"],
        &["--target", "istio"],
        &["--target", "envoy-gateway", "--host", "native"],
    ] {
        let said = callgate(&[&["render", set.as_str(), "--claim", "level=x-level"], target].concat());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{target:?}");
        assert!(
            said.out.contains("# Contract desk 1.0.0, sha256:") && said.out.contains("# Contract desk 2.0.0, sha256:")
        );
        // Twice the largest limit of all contracts.
        assert!(said.out.contains("16777216"), "{}", said.out);
        // Whoever reads the file must strip this header too.
        assert!(said.out.contains("x-callgate-tenant, x-callgate-role and x-level"), "{}", said.out);
        if target.contains(&"istio") {
            continue;
        }
        let plugin = plugin(&said.out);
        assert_eq!(plugin["contracts"][0]["match"], serde_json::json!([{ "tenant": "acme" }]));
        assert_eq!(plugin["contracts"][0]["candidate"]["metadata"]["version"], "1.0.0");
        assert_eq!(plugin["contracts"][1]["match"][0]["pathPrefix"], "/v1");
        assert_eq!(plugin["identity"]["header"]["claims"]["level"], "x-level");
        let read = config::read(plugin.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read.rules.contracts().count(), 2);
    }
    folder.write("callers.yaml", "bot: { tenant: globex, role: admin, claims: { level: 7 } }\n");
    folder.write("keys.yaml", "bot: 0123456789abcdef0123456789abcdef\n");
    let (callers, keys) = (folder.path("callers.yaml"), folder.path("keys.yaml"));
    let keyed = |set: &str| {
        let (callers, keys) = (callers.to_str().unwrap(), keys.to_str().unwrap());
        callgate(&[
            "render",
            set,
            "--target",
            "envoy",
            "--identity",
            "api-key",
            "--callers",
            callers,
            "--api-keys",
            keys,
        ])
    };
    let said = keyed(&set);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(plugin(&said.out)["identity"]["apiKey"]["callers"]["bot"]["claims"]["level"], 7);
    folder.write("callers.yaml", "bot: { tenant: globex, role: admin, claims: { level: \"7\" } }\n");
    assert!(keyed(&set).err.contains("client `bot`: claim `level` is not a whole number"));
}

#[test]
fn render_refuses_what_the_filter_would() {
    for (set, options, expected) in [
        (
            "  - { match: { pathPrefix: /v9 }, contract: acme.yaml }\n",
            &[][..],
            "set.yaml:4: `match.pathPrefix` is `/v9`",
        ),
        ("  - { match: { pathPrefix: /v9 }, contract: acme.yaml }\n", &["--path", "chatCompletions=/v9/chat"], ""),
        (BOTH, &["--candidate", "x.yaml"], "--candidate has no effect with a contract set"),
        (BOTH, &["--claim", "levle=x-level"], "the claim `levle`, which no contract declares"),
        (BOTH, &["--claim", "level"], "expected NAME=SOURCE"),
    ] {
        let (_folder, path) = folder("set-refused", set);
        let said = callgate(&[&["render", path.as_str(), "--target", "envoy"], options].concat());
        assert_eq!(said.code, i32::from(!expected.is_empty()), "{}", said.err);
        assert!(said.err.contains(expected), "{}", said.err);
    }
}
