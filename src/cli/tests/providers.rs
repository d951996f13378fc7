//! `render --providers`: routes by model to several providers, and the faults of its file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use support::{Folder, Output, callgate, plugin};

const FILE: &str = r#"
providers:
  openai: { address: "api.openai.com:443", tls: true, credential: { file: /etc/callgate/openai.key } }
  azure:
    address: desk.openai.azure.com:443
    tls: true
    ca: /etc/azure.pem
    authority: desk.example
    pathPrefix: /openai
    credential: { file: "/etc/callgate/a b.key", header: api-key }
  own: { address: "10.0.0.7:8000", credential: caller }
routes:
  - { models: ["gpt-4o*", "*-mini"], to: [openai, azure] }
  - { models: ["llama-3"], split: [{ to: [own], weight: 90 }, { to: [openai, azure], weight: 10 }] }
withoutModel: [openai]
"#;

fn render(folder: &Folder, file: &str, options: &[&str]) -> Output {
    let file = folder.write("providers.yaml", file);
    let contract = folder.contract();
    let given = ["render", &contract, "--target", "envoy", "--providers", &file];
    callgate(&[&given, options].concat())
}

fn rendered(folder: &Folder, file: &str, options: &[&str]) -> String {
    let said = render(folder, file, options);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    said.out
}

#[test]
fn the_gate_tells_the_model_and_asks_again_on_the_way_to_all_providers() {
    let folder = Folder::new("providers-plugin");
    for host in ["wasm", "native"] {
        let plugin = plugin(&rendered(&folder, FILE, &["--host", host]));
        assert_eq!(plugin["modelHeader"], "x-callgate-model");
        assert_eq!(plugin["upstream"], serde_json::json!({ "cluster": "llm-api", "authority": "llm-api" }));
    }
    let contract = folder.contract();
    let one = callgate(&["render", &contract, "--target", "envoy"]).out;
    for word in ["modelHeader", "internal_listener", "not-sent"] {
        assert!(!one.contains(word), "{word} with one upstream");
    }
}

#[test]
fn each_provider_has_its_own_name_certificate_credential_and_paths() {
    let folder = Folder::new("providers-own");
    let text = rendered(&folder, FILE, &[]);
    let (_, listeners) = text.split_once("- name: provider-openai\n").unwrap();
    let (openai, rest) = listeners.split_once("- name: provider-azure\n").unwrap();
    let (azure, own) = rest.split_once("- name: provider-own\n").unwrap();
    let (own, _) = own.split_once("  clusters:\n").unwrap();
    for (listener, lines, others) in [
        (
            openai,
            vec!["host_rewrite_literal: api.openai.com\n", "credential-openai", "header: authorization\n"],
            "credential-azure",
        ),
        (
            azure,
            vec![
                "host_rewrite_literal: desk.example\n",
                "credential-azure",
                "header: api-key\n",
                "prefix_rewrite: /openai/\n",
            ],
            "credential-openai",
        ),
    ] {
        for line in lines {
            assert!(listener.contains(line), "{line}");
        }
        assert!(listener.contains("remove: authorization") && listener.contains("remove: x-api-key"));
        assert!(!listener.contains(others), "{others}");
    }
    // The caller's own credentials stay for a provider that is named for them, and it gets no other.
    assert!(!own.contains("remove: authorization") && !own.contains("credential_injector"));
    for line in [
        "sni: desk.openai.azure.com\n",
        "trusted_ca: { filename: /etc/azure.pem }\n",
        "filename: \"/etc/callgate/a b.key\"",
    ] {
        assert!(text.contains(line), "{line}");
    }
}

#[test]
fn routes_are_tried_in_order_and_shares_keep_a_conversation() {
    let folder = Folder::new("providers-routes");
    let contract =
        folder.text().replace("  roles:", "  conversation: { id: \"header:x-session-id\", maxTurns: 9 }\n  roles:");
    folder.write("contract.yaml", &contract);
    let text = rendered(&folder, FILE, &[]);
    let places: Vec<usize> = [
        r#""string_match": {"prefix":"gpt-4o"}"#,
        r#""string_match": {"safe_regex":{"regex":".*\\-mini"}}"#,
        r#""string_match": {"exact":"llama-3"}"#,
        "- { header: { header_name: x-session-id }, terminal: true }",
        "- { header: { header_name: x-request-id } }",
        "- { name: to-own, weight: 90 }",
        "- { name: to-openai_azure, weight: 10 }",
        "invert_match: true",
        "No provider has this model.",
    ]
    .iter()
    .map(|part| text.find(part).unwrap_or_else(|| panic!("{part}")))
    .collect();
    assert!(places.is_sorted(), "{places:?}");
    // One provider is never asked twice, and a list of two is asked in order.
    assert!(text.contains("max_retries: 0 }"));
    assert!(text.contains("{ priority: 1, lb_endpoints: [{ endpoint: { address: { envoy_internal_address: { server_listener_name: provider-azure"));
    assert!(text.contains("retriable_status_codes: [429, 503, 529]\n"));
    let never = rendered(&folder, &format!("{FILE}failoverOn: []\n"), &[]);
    assert!(!never.contains("retriable-status-codes") && never.contains("retry_on: retriable-headers\n"));
}

#[test]
fn a_model_of_the_contract_without_a_route_is_a_warning() {
    let folder = Folder::new("providers-warning");
    folder
        .write("contract.yaml", &folder.text().replace("[\"gpt-4o*\"]", "[\"gpt-*\", \"gpt-4o-mini\", \"claude-5\"]"));
    let said = render(&folder, FILE, &[]);
    assert_eq!(said.code, 0);
    let warned: Vec<&str> = said.err.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(warned, ["gpt-*", "claude-5"]);
    assert!(said.err.starts_with("warning: no route covers the models \"gpt-*\" of "), "{}", said.err);
}

#[test]
fn a_fault_of_the_file_is_told_with_its_line() {
    let folder = Folder::new("providers-faults");
    let changes = [
        ("api.openai.com:443", "https://api.openai.com", "3: provider `openai`: `address`: expected HOST:PORT"),
        ("{ file: /etc/callgate/openai.key }", "sk-secret", "3: provider `openai`: `credential`: expected `caller`"),
        ("pathPrefix: /openai", "pathPrefix: /a/../b", "9: provider `azure`: `pathPrefix`"),
        ("header: api-key", "header: Api-Key", "10: provider `azure`: `credential`: `header`"),
        ("    ca:", "    cert:", "7: provider `azure`: unknown field `cert`"),
        ("  azure:\n", "  Azure_1:\n", "4: a provider's name has"),
        ("  azure:\n", "  openai:\n", "4: provider `openai` is listed twice"),
        (
            "to: [openai, azure] }\n  - { models: [\"llama",
            "to: [openai, nobody] }\n  - { models: [\"llama",
            "13: `to`: unknown provider; known: openai, azure, own",
        ),
        (
            "to: [openai, azure] }\n  - { models: [\"llama",
            "to: [openai, openai] }\n  - { models: [\"llama",
            "13: `to`: provider `openai` is listed twice",
        ),
        ("split: [", "to: [own], split: [", "14: a route has either `to`"),
        ("weight: 90", "weight: -1", "14: `weight`: expected a whole number"),
        ("weight: 90", "weight: 4000000", "14: `split`: the weights together"),
        ("[\"llama-3\"]", "[\"llama 3\"]", "14: `models`: expected names"),
        ("[\"llama-3\"]", "[]", "14: `models`: expected a list with at least one item"),
        ("withoutModel: [openai]", "withoutModel: openai", "15: `withoutModel`: expected a list"),
        ("withoutModel: [openai]", "failoverOn: [502]", "15: `failoverOn`: expected statuses"),
        ("tls: true, c", "tls: maybe, c", "3: provider `openai`: `tls`: expected true or false"),
        ("routes:", "route:", "12: the file: unknown field `route`"),
    ];
    for (from, to, reason) in changes {
        assert!(FILE.contains(from), "{from}");
        let said = render(&folder, &FILE.replacen(from, to, 1), &[]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{to}");
        assert!(said.err.contains(&format!("providers.yaml:{reason}")), "{to}: {}", said.err);
        assert!(!said.err.contains("sk-secret"), "{}", said.err);
    }
}

#[test]
fn options_of_one_upstream_and_other_targets_do_not_go_with_providers() {
    let folder = Folder::new("providers-options");
    for (options, reason) in [
        (&["--upstream", "a:1"][..], "--upstream has no effect with --providers"),
        (&["--upstream-tls"], "--upstream-tls has no effect with --providers"),
        (&["--authority", "a"], "--authority has no effect with --providers"),
        (&["--upstream-credential", "/key"], "--upstream-credential has no effect with --providers"),
    ] {
        let said = render(&folder, FILE, options);
        assert!(said.code == 1 && said.err.starts_with(reason), "{}", said.err);
    }
    let (file, contract) = (folder.write("providers.yaml", FILE), folder.contract());
    let said = callgate(&["render", &contract, "--target", "istio", "--providers", &file]);
    assert!(said.err.starts_with("--providers has no effect with this --target"), "{}", said.err);
}
