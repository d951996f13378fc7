//! `render --mcp-server` and `--mcp-merged`: many MCP servers behind one address.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use callgate_host::config;
use serde_json::{Value, json};
use support::{Folder, Output, callgate, plugin};

/// A folder with a contract of the clients' tools, one of the executor's, and a set with these entries.
fn folder(name: &str, entries: &str) -> (Folder, String) {
    let folder = Folder::new(name);
    let contract = |run: &str, timeout: &str| {
        format!(
            "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: desk, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n  \
             roles: {{ dev: {{ tools: [\"*\"] }} }}\n  tools:\n    - name: search\n      effects: read\n      parameters: {{ type: object }}\n      \
             run: {{ {run}{timeout} }}\n"
        )
    };
    folder.write("own.yaml", &contract("client: {}", ""));
    folder.write("all.yaml", &contract("mcp: { cluster: a, tool: search, timeout: 5m }", ""));
    let path =
        folder.write("set.yaml", &format!("apiVersion: callgate.dev/v1\nkind: ContractSet\ncontracts:\n{entries}"));
    (folder, path)
}

const ALL: &str = "  - { match: { pathPrefix: /mcp }, contract: all.yaml }\n  - { match: { pathPrefix: /mcp/a }, contract: own.yaml }\n  \
                   - { match: { pathPrefix: /mcp/b }, contract: own.yaml }\n";
const SERVERS: [&str; 4] = ["--mcp-server", "a=127.0.0.1:9001", "--mcp-server", "b=https://b.example/v1/mcp"];

fn render(set: &str, options: &[&str]) -> Output {
    callgate(&[&["render", set, "--target", "envoy"], options].concat())
}

fn rendered(set: &str, options: &[&str]) -> String {
    let said = render(set, options);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    said.out
}

/// Returns the routes: the text from each `match` to the next.
fn routes(text: &str) -> Vec<&str> {
    let (_, routes) = text.split_once("route_config:\n").unwrap();
    routes.split_once("  clusters:\n").unwrap().0.split("- match: ").skip(1).collect()
}

#[test]
fn each_server_has_a_path_a_cluster_a_contract_and_a_credential_of_its_own() {
    let (_folder, set) = folder("mcp-servers", ALL);
    let text = rendered(&set, &[&SERVERS[..], &["--mcp-merged", "--mcp-credential", "a=/keys/a"]].concat());
    let plugin = plugin(&text);
    let none = json!([]);
    assert_eq!(
        (&plugin["paths"]["mcp"], &plugin["paths"]["mcpMerged"]),
        (&json!(["/mcp/a", "/mcp/b"]), &json!(["/mcp"]))
    );
    for key in ["chatCompletions", "responses", "messages", "gemini", "ollama", "converse", "models"] {
        assert_eq!(plugin["paths"][key], none, "no upstream is behind {key}");
    }
    assert_eq!(plugin.get("upstream"), None);
    config::read(plugin.to_string().as_bytes()).unwrap();

    let routes = routes(&text);
    let of = |path: &str| -> Vec<&&str> {
        routes.iter().filter(|route| route.starts_with(&format!("{{ path: {path}"))).collect()
    };
    for (name, authority, own) in [("a", "127.0.0.1:9001", "/mcp"), ("b", "b.example", "/v1/mcp")] {
        let of = of(&format!("/mcp/{name}"));
        assert_eq!(of.len(), 3, "GET, subscriptions and the rest");
        for route in of {
            assert!(route.contains(&format!("cluster: mcp-{name}\n")), "{route}");
            assert!(route.contains("host_rewrite_literal: ") && route.contains(authority), "{route}");
            assert!(route.contains(&format!("prefix_rewrite: {own}\n")), "{route}");
            let is_keyed = name == "a";
            assert_eq!(route.contains("callgate.mcp-credential-a:"), is_keyed, "{route}");
            assert_eq!(route.contains("request_headers_to_remove: [authorization, cookie]"), !is_keyed, "{route}");
            assert!(
                route.contains("cookie]")
                    && route.contains("response_headers_to_remove: [set-cookie, www-authenticate]"),
                "{route}"
            );
        }
    }
    assert!(routes.last().unwrap().contains("direct_response: { status: 404 }"));
    assert!(!text.contains("llm-api") && !text.contains("api.openai.com"));
    for line in [
        "    - name: mcp-a\n",
        "    - name: mcp-b\n",
        "exact: b.example",
        "name: mcp-credential-a\n",
        "filename: /keys/a",
    ] {
        assert!(text.contains(line), "{line}");
    }
    let seconds = |name: &str| -> u64 {
        let (_, rest) = text.split_once(&format!("{name}: ")).unwrap();
        rest.split('s').next().unwrap().parse().unwrap()
    };
    assert!(seconds("request_timeout") > 302 && seconds("stream_idle_timeout") > 302, "a tool may run for 5 minutes");
}

#[test]
fn a_model_beside_the_servers_keeps_its_paths_and_its_credential() {
    let entries = ALL.replace("pathPrefix: /mcp }", "tenant: acme }");
    let (_folder, set) = folder("mcp-beside", &entries);
    let more = [
        "--upstream",
        "llm.example:443",
        "--upstream-tls",
        "--upstream-credential",
        "/keys/llm",
        "--mcp-client-credential",
        "b",
    ];
    let text = rendered(&set, &[&SERVERS[..], &more].concat());
    let plugin: Value = plugin(&text);
    assert_eq!((&plugin["paths"]["mcp"], plugin["paths"].get("chatCompletions")), (&json!(["/mcp/a", "/mcp/b"]), None));
    assert_eq!(plugin["paths"].get("mcpMerged"), None);
    assert_eq!(plugin["upstream"]["cluster"], "llm-api");
    for route in routes(&text) {
        let is_server = route.starts_with("{ path: /mcp/");
        assert_eq!(route.contains("credential_injector:") && route.contains("disabled: true"), is_server, "{route}");
        assert_eq!(route.contains("cookie]"), route.starts_with("{ path: /mcp/a"), "{route}");
    }
    assert!(!text.contains("timeout: 0s\n                            # Limit of silence"), "no server is at `/mcp`");
}

#[test]
fn one_server_and_a_merged_address_need_no_set_but_two_servers_do() {
    let (folder, _) = folder("mcp-one", ALL);
    let (own, all) = (folder.path("own.yaml").display().to_string(), folder.path("all.yaml").display().to_string());
    assert_eq!(plugin(&rendered(&own, &SERVERS[..2]))["paths"]["mcp"], json!(["/mcp/a"]));
    let text = rendered(&all, &["--mcp-merged"]);
    assert_eq!(plugin(&text)["paths"]["mcp"], json!([]));
    assert_eq!(plugin(&text)["executor"]["cluster"], "callgate-executor");
    assert_eq!(plugin(&rendered(&all, &["--path", "mcpMerged=/tools"]))["paths"]["mcpMerged"], json!(["/tools"]));
    for options in [&SERVERS[..], &[&SERVERS[..2], &["--mcp-merged"]].concat()] {
        let said = render(&own, options);
        assert!(
            said.err.starts_with("no contract is for the MCP server `a`") && said.err.contains("pathPrefix: /mcp/a"),
            "{said:?}"
        );
    }
}

#[test]
fn impossible_servers_are_refused() {
    let (_folder, set) = folder("mcp-refused", ALL);
    let twice = ["--mcp-server", "a=127.0.0.1:9002"];
    for (options, expected) in [
        (&twice[..], "--mcp-server \"a=127.0.0.1:9002\": expected a name that no other server has"),
        (&["--mcp-server", "c=127.0.0.1:9002"], "no contract is for the MCP server `c`"),
        (
            &["--mcp-server", "../c=127.0.0.1:9002"],
            "--mcp-server \"../c=127.0.0.1:9002\": expected a name of at most 40",
        ),
        (&["--mcp-credential", "c=/keys/c"], "--mcp-credential \"c=/keys/c\": expected the name of an --mcp-server"),
        (&["--mcp-credential", "a"], "--mcp-credential \"a\": expected NAME=PATH"),
        (&["--mcp-client-credential", "a=x"], "--mcp-client-credential \"a=x\": expected NAME"),
        (
            &["--mcp-credential", "a=/k", "--mcp-client-credential", "a"],
            "--mcp-client-credential \"a\": expected one credential",
        ),
        (&["--upstream-credential", "/keys/llm"], "missing --upstream; --upstream-credential needs it"),
        (&["--path", "chatCompletions=/v2"], "missing --upstream; --path of another API beside MCP servers needs it"),
        (&["--passthrough", "/v1/files"], "missing --upstream; --passthrough beside MCP servers needs it"),
        (&["--path", "mcpMerged=/mcp/{model}"], "--path \"mcpMerged=/mcp/{model}\": expected a path without {model}"),
        (&["--path", "mcpMerged=/mcp/a"], "the filter would refuse this configuration: `paths` lists `/mcp/a` twice"),
    ] {
        let said = render(&set, &[&SERVERS[..], options].concat());
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        assert!(said.err.starts_with(expected), "{said:?}");
    }
    let said = callgate(&[&["render", &*set, "--target", "istio"], &SERVERS[..]].concat());
    assert!(said.err.starts_with("--mcp-server has no effect with this --target"), "{said:?}");
    let said = callgate(&["render", &*set, "--target", "istio", "--mcp-merged"]);
    assert!(said.err.contains("`match.pathPrefix` is `/mcp/a`"), "{said:?}");
}
