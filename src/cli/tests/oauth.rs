//! `render` as an OAuth protected resource, and the credential of the upstream.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use support::{Folder, Output, callgate, plugin};

const JWT: [&str; 6] = ["--identity", "jwt", "--jwt-issuer", "https://id.example", "--jwt-jwks", "/etc/jwks.json"];
const RESOURCE: [&str; 6] = [
    "--oauth-resource",
    "https://gate.example/mcp",
    "--scope-role",
    "desk:write=clerk",
    "--scope-role",
    "desk:100%=read=clerk",
];

fn render(folder: &Folder, options: &[&[&str]]) -> Output {
    let contract = folder.contract();
    callgate(&[&["render", &contract], &options.concat()[..]].concat())
}

fn rendered(folder: &Folder, options: &[&[&str]]) -> String {
    let said = render(folder, options);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    said.out
}

/// Returns the JSON text after `inline_string: ` in the first line that has it.
fn document(text: &str) -> serde_json::Value {
    let line = text.lines().find(|line| line.contains("direct_response")).unwrap();
    let (_, quoted) = line.split_once("inline_string: ").unwrap();
    let inner: String = serde_json::Deserializer::from_str(quoted).into_iter().next().unwrap().unwrap();
    serde_json::from_str(&inner).unwrap()
}

#[test]
fn the_metadata_the_challenge_and_the_audience_name_one_resource() {
    let folder = Folder::new("oauth-resource");
    for host in [&["--target", "envoy"][..], &["--target", "envoy", "--host", "native"]] {
        let text = rendered(&folder, &[host, &JWT, &RESOURCE]);
        assert_eq!(
            document(&text),
            serde_json::json!({
                "resource": "https://gate.example/mcp",
                "authorization_servers": ["https://id.example"],
                "scopes_supported": ["desk:write", "desk:100%=read"],
                "bearer_methods_supported": ["header"],
            })
        );
        let metadata = "https://gate.example/.well-known/oauth-protected-resource/mcp";
        let scopes = serde_json::json!({
            "metadata": metadata,
            "roles": [{ "scope": "desk:write", "role": "clerk" }, { "scope": "desk:100%=read", "role": "clerk" }],
        });
        assert_eq!(
            plugin(&text)["identity"],
            serde_json::json!({ "jwt": { "payload": "jwt_payload", "tenantClaim": "tenant", "scopes": scopes } })
        );
        for part in [
            "- match: { path: /.well-known/oauth-protected-resource }\n",
            "- match: { path: /.well-known/oauth-protected-resource/mcp }\n",
            // Envoy's formatter reads `%`.
            &format!(r#"value: "Bearer resource_metadata=\"{metadata}\", scope=\"desk:100%%=read\"""#),
            "audiences:\n                            - \"https://gate.example/mcp\"\n",
            r#"- { name: authorization, value_prefix: "Bearer " }"#,
            "response_headers_to_remove: [www-authenticate]\n",
            "strip_failure_response: true\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let order = ["envoy.filters.http.rbac\n", "envoy.filters.http.jwt_authn\n"]
            .map(|name| text.find(&format!("name: {name}")));
        assert!(order.is_sorted() && order[1] < text.rfind("- name: callgate\n"), "{order:?}");
    }
}

#[test]
fn each_option_has_its_effect() {
    let folder = Folder::new("oauth-options");
    let keys =
        ["--identity", "jwt", "--jwt-issuer", "https://id.example/", "--jwt-jwks-url", "https://id.example/keys?p=a"];
    let more = [
        "--oauth-server",
        "https://login.example/tenant",
        "--oauth-server",
        "https://other.example/",
        "--oauth-scope",
        "desk:write",
        "--oauth-scope",
        "openid",
        "--scope-claim",
        "/permissions",
        "--jwt-audience",
        "api://desk",
        "--oauth-ca",
        "/ca.pem",
    ];
    let text = rendered(&folder, &[&["--target", "envoy"], &keys, &RESOURCE, &more]);
    let servers = serde_json::json!(["https://login.example/tenant", "https://other.example/"]);
    assert_eq!(document(&text)["authorization_servers"], servers);
    assert_eq!(plugin(&text)["identity"]["jwt"]["scopes"]["claim"], "/permissions");
    for part in [
        "scope=\\\"desk:write openid\\\"",
        "audiences:\n                            - \"api://desk\"\n",
        "http_uri: { uri: \"https://id.example/keys?p=a\", cluster: jwt-keys, timeout: 5s }",
        "trusted_ca: { filename: /ca.pem }",
        "- { san_type: DNS, matcher: { exact: id.example } }",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("local_jwks"));
}

#[test]
fn a_resource_without_a_path_has_its_metadata_at_one_path() {
    let folder = Folder::new("oauth-root");
    let resource = ["--oauth-resource", "https://gate.example:8443", "--scope-role", "a=clerk"];
    let text = rendered(&folder, &[&["--target", "envoy"], &JWT, &resource]);
    assert_eq!(text.matches("direct_response").count(), 1);
    assert!(text.contains("https://gate.example:8443/.well-known/oauth-protected-resource\\\""));
}

#[test]
fn scopes_give_roles_on_istio_too() {
    let folder = Folder::new("oauth-istio");
    let text = rendered(&folder, &[&["--target", "istio"], &JWT, &["--scope-role", "desk:read=clerk"]]);
    let scopes = serde_json::json!({ "roles": [{ "scope": "desk:read", "role": "clerk" }] });
    assert_eq!(plugin(&text)["identity"]["jwt"]["scopes"], scopes);
    assert!(!text.contains("direct_response") && !text.contains("strip_failure_response"));
}

#[test]
fn the_upstreams_credential_is_added_between_the_caller_and_the_gate() {
    let folder = Folder::new("oauth-credential");
    let client = [
        "--upstream-token-url",
        "https://as.example/token",
        "--upstream-client-id",
        "a: b",
        "--upstream-client-secret",
        "/secret",
        "--upstream-scope",
        "x",
        "--upstream-scope",
        "y",
        "--upstream-resource",
        "https://mcp.example",
    ];
    for (options, parts) in [
        (&["--upstream-credential", "/key"][..], &["header: authorization\n", "filename: /key }"][..]),
        (
            &["--upstream-credential", "/key", "--upstream-credential-header", "x-api-key"],
            &["header: x-api-key\n", "credential: { name: upstream-credential }"],
        ),
        (
            &client,
            &[
                "token_endpoint: { uri: \"https://as.example/token\", cluster: upstream-tokens, timeout: 5s }",
                "scopes: [x, \"y\"]",
                "endpoint_params: [{ name: resource, value: \"https://mcp.example\" }]",
                "client_credentials: { client_id: \"a: b\", client_secret: { name: upstream-credential } }",
                "- { san_type: DNS, matcher: { exact: as.example } }",
            ],
        ),
    ] {
        for identity in [&[][..], &JWT, &[&JWT[..], &RESOURCE].concat()] {
            let text = rendered(&folder, &[&["--target", "envoy"], identity, options]);
            for part in parts.iter().chain(&["overwrite: true\n"]) {
                assert!(text.contains(part), "{part} in {text}");
            }
            let filter = text.find("- # Gives the upstream a credential").unwrap();
            assert!(text.find("name: envoy.filters.http.jwt_authn\n").is_none_or(|jwt| jwt < filter));
            assert!(Some(filter) < text.rfind("- name: callgate\n"));
            // The metadata needs no credential.
            let skips = text.matches("envoy.filters.http.credential_injector: {").count();
            assert_eq!(skips, text.matches("direct_response").count());
        }
    }
    let text = rendered(&folder, &[&["--target", "envoy"], &JWT, &RESOURCE, &client, &["--token-exchange"]]);
    let names = [
        "callgate.subject-token",
        "envoy.filters.http.jwt_authn",
        "callgate.token-exchange",
        "callgate.exchanged-token",
        "callgate.no-subject-token",
    ];
    let order = names.map(|name| text.find(&format!("name: {name}\n")).unwrap());
    assert!(order.is_sorted() && Some(order[4]) < text.rfind("- name: callgate\n"), "{order:?}");
    for part in [
        "local CLIENT = \"a%3A%20b:\" ..",
        "&resource=https%3A%2F%2Fmcp.example&scope=x%20y&subject_token=\"",
        "io.open(\"/secret\", \"rb\")",
        "[\":authority\"] = \"as.example\"",
        "[\":path\"] = \"/token\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("credential_injector\n"));
    let plain = rendered(&folder, &[&["--target", "envoy"]]);
    for word in ["credential_injector\n", "http.lua", "secrets:", "rbac", "direct_response"] {
        assert!(!plain.contains(word), "{word}");
    }
}

#[test]
fn options_without_effect_and_unsafe_values_are_refused() {
    let folder = Folder::new("oauth-refused");
    let envoy = ["--target", "envoy"];
    let resource = &[&JWT[..], &RESOURCE].concat()[..];
    for (options, expected) in [
        (&["--oauth-resource", "https://gate.example"][..], "--oauth-resource has no effect with --identity header"),
        (&["--scope-role", "a=clerk"], "--scope-role has no effect with --identity header"),
        (
            &["--identity", "fixed", "--tenant", "t", "--role", "clerk", "--oauth-resource", "https://gate.example"],
            "--oauth-resource has no effect with --identity fixed",
        ),
        (&["--token-exchange"], "--token-exchange has no effect with no --upstream-token-url"),
        (
            &[
                "--upstream-token-url",
                "https://as.example",
                "--upstream-client-id",
                "x",
                "--upstream-client-secret",
                "/s",
                "--token-exchange",
            ],
            "missing --oauth-resource; --token-exchange needs it",
        ),
        (
            &[
                "--upstream-token-url",
                "https://a.example",
                "--upstream-client-id",
                "x",
                "--upstream-client-secret",
                "/\"..x",
            ],
            "--upstream-client-secret \"/\\\"..x\": expected a path without quotes",
        ),
        (&["--upstream-client-id", "x"], "--upstream-client-id has no effect with no --upstream-token-url"),
        (
            &["--upstream-credential-header", "x"],
            "--upstream-credential-header has no effect with no --upstream-credential",
        ),
        (
            &["--upstream-credential", "/k", "--upstream-credential-header", "X"],
            "--upstream-credential-header \"X\": expected",
        ),
        (
            &["--upstream-credential", "/k", "--upstream-token-url", "https://as.example"],
            "--upstream-token-url has no effect with --upstream-credential",
        ),
        (
            &["--upstream-token-url", "https://as.example"],
            "missing --upstream-client-id; --upstream-token-url needs it",
        ),
        (
            &[
                "--upstream-token-url",
                "http://as.example",
                "--upstream-client-id",
                "x",
                "--upstream-client-secret",
                "/s",
            ],
            "--upstream-token-url \"http://as.example\": expected https://",
        ),
    ] {
        let said = render(&folder, &[&envoy, options]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        assert!(said.err.starts_with(expected), "{expected}: {said:?}");
    }
    for (base, options, expected) in [
        (
            &JWT[..],
            &["--oauth-resource", "https://gate.example"][..],
            "missing --scope-role; --oauth-resource needs it",
        ),
        (
            &JWT,
            &["--oauth-resource", "http://gate.example", "--scope-role", "a=clerk"],
            "--oauth-resource \"http://gate.example\": expected https://",
        ),
        (
            &JWT,
            &["--oauth-resource", "https://gate.example/", "--scope-role", "a=clerk"],
            "--oauth-resource \"https://gate.example/\": expected a URL in normal form",
        ),
        (
            &JWT,
            &["--oauth-resource", "https://gate.example/\"", "--scope-role", "a=clerk"],
            "--oauth-resource \"https://gate.example/\\\"\": expected",
        ),
        (&JWT, &["--scope-role", "a"], "--scope-role \"a\": expected SCOPE=ROLE"),
        (&JWT, &["--scope-role", "a="], "--scope-role \"a=\": expected SCOPE=ROLE"),
        (&JWT, &["--scope-role", "=clerk"], "--scope-role \"=clerk\": expected a scope"),
        (&JWT, &["--scope-role", "a b=clerk"], "--scope-role \"a b=clerk\": expected a scope"),
        (&JWT, &["--scope-role", "a\"=clerk"], "--scope-role \"a\\\"=clerk\": expected a scope"),
        (
            &JWT,
            &["--scope-role", "a=clerk", "--scope-role", "a=clerk"],
            "the filter would refuse this configuration: `identity` lists the scope `a` twice",
        ),
        (
            &JWT,
            &["--scope-role", "a=nobody"],
            "the filter would refuse this configuration: `identity` gives the scope `a` the role `nobody`",
        ),
        (&JWT, &["--scope-role", "a=clerk", "--role-claim", "role"], "--role-claim has no effect with --scope-role"),
        (&JWT, &["--scope-claim", "scp"], "--scope-claim has no effect with no --scope-role"),
        (&JWT, &["--oauth-server", "https://id.example"], "--oauth-server has no effect with no --oauth-resource"),
        (&JWT, &["--oauth-scope", "a"], "--oauth-scope has no effect with no --oauth-resource"),
        (&JWT, &["--jwt-jwks-url", "https://id.example/keys"], "--jwt-jwks has no effect with --jwt-jwks-url"),
        (
            resource,
            &["--jwt-header", "x-token"],
            "--jwt-header \"x-token\": expected authorization with --oauth-resource",
        ),
        (resource, &["--oauth-scope", "a b"], "--oauth-scope \"a b\": expected a scope"),
        (resource, &["--oauth-server", "https://id.example/#x"], "--oauth-server \"https://id.example/#x\": expected"),
        (resource, &["--tenant", "acme"], "--tenant has no effect with --identity jwt"),
    ] {
        let said = render(&folder, &[&envoy, base, options]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        assert!(said.err.starts_with(expected), "{expected}: {said:?}");
    }
    let text = ["--identity", "jwt", "--jwt-issuer", "issuer", "--jwt-jwks", "/j"];
    let said = render(&folder, &[&envoy, &text, &RESOURCE]);
    assert!(
        said.err.starts_with("--jwt-issuer \"issuer\": expected a URL"),
        "clients look there for metadata: {said:?}"
    );
    for target in [&["--target", "istio"][..], &["--target", "istio", "--form", "wasmplugin"]] {
        for options in [&RESOURCE[..], &["--upstream-credential", "/k"]] {
            let said = render(&folder, &[target, &JWT, options]);
            assert!(said.err.contains("has no effect with this --target"), "{said:?}");
        }
    }
}
