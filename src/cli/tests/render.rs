//! `render`: it writes the committed examples, and every option has its effect.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use std::fs;

use support::{Folder, Output, callgate, plugin, repository};

const ORDER_DESK: &str = "contracts/order-desk/contract.yaml";

/// The committed examples, and the arguments named in the head of each.
const EXAMPLES: [(&str, &[&str]); 4] = [
    ("envoy/standalone/envoy.yaml", &["--target", "envoy"]),
    ("envoy/istio/envoyfilter.yaml", &["--target", "istio", "--form", "envoyfilter"]),
    ("envoy/istio/wasmplugin.yaml", &["--target", "istio", "--form", "wasmplugin"]),
    ("envoy/envoy-gateway/policies.yaml", &["--target", "envoy-gateway", "--host", "native"]),
];

fn render(contract: &str, options: &[&str]) -> Output {
    let mut arguments = vec!["render", contract];
    arguments.extend(options);
    callgate(&arguments)
}

fn rendered(contract: &str, options: &[&str]) -> String {
    let said = render(contract, options);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    said.out
}

#[test]
fn the_command_writes_the_committed_examples() {
    for (file, options) in EXAMPLES {
        let committed = fs::read_to_string(repository().join(file)).unwrap_or_default();
        let again = format!("callgate render {ORDER_DESK} {} > {file}", options.join(" "));
        assert!(committed == rendered(ORDER_DESK, options), "{file} is out of date; write it again with:\n  {again}");
    }
}

#[test]
fn the_inlined_contract_has_the_digest_that_the_command_prints() {
    let folder = Folder::new("render-digest");
    let text = rendered(&folder.contract(), &["--target", "envoy"]);
    let digest = callgate(&["digest", &folder.contract()]).out;
    let inlined = folder.write("inlined.json", &plugin(&text)["contract"].to_string());
    assert_eq!(callgate(&["digest", &inlined]).out, digest);
    assert!(text.contains(digest.trim()), "the head names it too");
}

#[test]
fn every_option_reaches_the_filter_or_envoy() {
    let folder = Folder::new("render-options");
    let text = rendered(
        &folder.contract(),
        &[
            "--target",
            "envoy",
            "--listen",
            "0.0.0.0:8443",
            "--admin",
            "127.0.0.1:0",
            "--wasm",
            "/opt/a b/callgate.wasm",
            "--upstream",
            "llm.example:8443",
            "--upstream-tls",
            "--upstream-ca",
            "/ca.pem",
            "--authority",
            "api.example",
            "--executor",
            "[::1]:7071",
            "--executor-timeout",
            "1500ms",
            "--tenant-header",
            "x-t",
            "--role-header",
            "x-r",
            "--path",
            "chatCompletions=/v2/chat",
            "--path",
            "chatCompletions=/v1/chat/completions",
            "--passthrough",
            "/v1/models",
            "--tools",
            "inject",
            "--output-limit-member",
            "max_tokens",
            "--stream-usage",
            "leave",
            "--held-bytes",
            "64MiB",
        ],
    );
    let mut plugin = plugin(&text);
    plugin.as_object_mut().unwrap().remove("contract");
    assert_eq!(
        plugin,
        serde_json::json!({
            "identity": { "header": { "tenant": "x-t", "role": "x-r" } },
            "executor": { "cluster": "callgate-executor", "timeout": "1500ms" },
            "upstream": { "cluster": "llm-api", "authority": "api.example" },
            "paths": { "chatCompletions": ["/v2/chat", "/v1/chat/completions"], "passthrough": ["/v1/models"] },
            "tools": "inject",
            "outputLimitMember": "max_tokens",
            "streamUsage": "leave",
            "heldBytes": "64MiB",
        })
    );
    for line in [
        "address: { socket_address: { address: \"0.0.0.0\", port_value: 8443 } }",
        "address: { socket_address: { address: \"127.0.0.1\", port_value: 0 } }",
        "address: { socket_address: { address: llm.example, port_value: 8443 } }",
        "address: { socket_address: { address: \"::1\", port_value: 7071 } }",
        "code: { local: { filename: \"/opt/a b/callgate.wasm\" } }",
        "host_rewrite_literal: api.example",
        "sni: llm.example",
        "trusted_ca: { filename: /ca.pem }",
        "- { san_type: DNS, matcher: { exact: llm.example } }",
        "allow_on_headers_stop_iteration: true",
        "failure_policy: FAIL_RELOAD",
        "dropped_members: \"%FILTER_STATE(wasm.callgate.dropped_members:PLAIN)%\"",
        "exchange: \"%FILTER_STATE(wasm.callgate.exchange:PLAIN)%\"",
        "{ tag_name: code, regex:",
        "{ tag_name: dialect, regex:",
        "{ tag_name: verdict, regex:",
        "match: { exact: wasmcustom.callgate.held_bytes }",
    ] {
        assert!(
            text.lines().any(|rendered| rendered
                .trim_start_matches([' ', '-'])
                .starts_with(line.trim_start_matches([' ', '-']))),
            "{line}"
        );
    }
    assert_eq!(text.matches("per_connection_buffer_limit_bytes: 16777216").count(), 2, "listener and upstream");
}

#[test]
fn without_server_run_tools_there_is_no_executor_and_no_loop() {
    let folder = Folder::new("render-client");
    let text = folder.text();
    let (head, _) = text.split_once("    - name: create_order").unwrap();
    let contract = folder.write("client.yaml", head);
    let text = rendered(&contract, &["--target", "envoy"]);
    let plugin = plugin(&text);
    assert_eq!((plugin.get("executor"), plugin.get("upstream")), (None, None));
    assert!(!text.contains("name: callgate-executor"));
    let useless = render(&contract, &["--target", "envoy", "--executor-ca", "ca.crt"]);
    assert_eq!((useless.code, useless.out.as_str()), (1, ""), "{useless:?}");
    assert!(useless.err.starts_with("--executor-ca has no effect with no --executor"), "{useless:?}");
    let feedback = head.replace("  roles:", "  onViolation: feedback\n  roles:");
    let contract = folder.write("feedback.yaml", &feedback);
    let plugin = self::plugin(&rendered(&contract, &["--target", "envoy"]));
    assert_eq!((plugin.get("executor"), plugin["upstream"]["cluster"].as_str()), (None, Some("llm-api")));
}

#[test]
fn an_executor_for_the_audit_log_alone_is_rendered_on_request() {
    let folder = Folder::new("render-audit");
    let text = folder.text();
    let (head, _) = text.split_once("    - name: create_order").unwrap();
    let contract = folder.write("client.yaml", head);
    for target in ["envoy", "istio"] {
        let text = rendered(&contract, &["--target", target, "--executor", "127.0.0.1:7071"]);
        let plugin = plugin(&text);
        assert_eq!(plugin["executor"], serde_json::json!({ "cluster": "callgate-executor", "timeout": "10s" }));
        assert_eq!(plugin.get("upstream"), None, "there is no loop");
        assert!(text.contains("name: callgate-executor") && text.contains("port_value: 7071"), "{text}");
        assert!(text.contains("# callgate-executor: keeps the audit log"), "{text}");
    }
}

/// Returns the executor's cluster in a rendered file, without its comments.
fn executor_cluster(text: &str) -> String {
    let (_, cluster) = text.split_once("name: callgate-executor\n").unwrap();
    cluster.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_executor_is_reached_on_a_unix_socket() {
    let folder = Folder::new("render-unix");
    for target in ["envoy", "istio"] {
        let text = rendered(&folder.contract(), &["--target", target, "--executor", "unix:/run/callgate/a b.sock"]);
        let cluster = executor_cluster(&text);
        assert!(cluster.starts_with("type: STATIC\n"), "{cluster}");
        assert!(cluster.contains("address: { pipe: { path: \"/run/callgate/a b.sock\" } }"), "{cluster}");
        assert!(!cluster.contains("transport_socket") && !text.contains("CAUTION"), "{cluster}");
    }
}

#[test]
fn mutual_tls_to_the_executor_works_with_each_kind_of_name() {
    let folder = Folder::new("render-mtls");
    let spiffe = "spiffe://cluster.local/ns/tools/sa/executor";
    for (executor, name, san, sni) in [
        (
            "tools.example:7070",
            None,
            "{ san_type: DNS, matcher: { exact: tools.example } }",
            Some("sni: tools.example"),
        ),
        ("10.0.0.7:7070", None, "{ san_type: IP_ADDRESS, matcher: { exact: \"10.0.0.7\" } }", None),
        (
            "10.0.0.7:7070",
            Some("x.example"),
            "{ san_type: DNS, matcher: { exact: x.example } }",
            Some("sni: x.example"),
        ),
        (
            "tools.example:7070",
            Some(spiffe),
            "{ san_type: URI, matcher: { exact: \"spiffe://cluster.local/ns/tools/sa/executor\" } }",
            Some("sni: tools.example"),
        ),
        ("unix:/run/x.sock", Some("x"), "{ san_type: DNS, matcher: { exact: x } }", Some("sni: x")),
    ] {
        let mut options = vec!["--target", "envoy", "--executor", executor, "--executor-ca", "/tls/ca.crt"];
        options.extend(["--executor-certificate", "/tls/tls.crt", "--executor-key", "/tls/tls.key"]);
        options.extend(name.iter().flat_map(|name| ["--executor-name", name]));
        let text = rendered(&folder.contract(), &options);
        let cluster = executor_cluster(&text);
        for line in [
            "trusted_ca: { filename: /tls/ca.crt }",
            "- certificate_chain: { filename: /tls/tls.crt }",
            "private_key: { filename: /tls/tls.key }",
            "alpn_protocols: [h2]",
            &format!("- {san}"),
        ] {
            assert!(cluster.lines().any(|found| found == line), "{line} in {cluster}");
        }
        assert_eq!(cluster.lines().find(|line| line.starts_with("sni: ")), sni, "{cluster}");
        assert!(!text.contains("plaintext"), "{text}");
    }
}

#[test]
fn plaintext_to_another_machine_is_rendered_with_a_caution() {
    let folder = Folder::new("render-plaintext");
    for (target, executor, caution) in [
        ("envoy", "tools.example:7070", true),
        ("istio", "tools.example:7070", true),
        ("envoy", "[::1]:7070", false),
        ("envoy", "localhost:7070", false),
        ("istio", "127.0.0.1:7070", false),
    ] {
        let text = rendered(&folder.contract(), &["--target", target, "--executor", executor]);
        assert_eq!(text.contains("CAUTION: this is plaintext to another machine"), caution, "{target} {executor}");
    }
}

#[test]
fn the_filter_waits_longer_than_any_tool_or_the_file_warns() {
    let folder = Folder::new("render-timeout");
    let slow = |timeout: &str| {
        let text = folder.text().replace("args: [create]", &format!("args: [create], timeout: {timeout}"));
        folder.write("slow.yaml", &text)
    };
    for (tool, options, filter, caution) in [
        ("500ms", &[][..], "10s", false),
        ("9s", &[], "11s", false),
        ("90500ms", &[], "92500ms", false),
        ("2s", &["--executor-timeout", "2001ms"], "2001ms", false),
        ("2s", &["--executor-timeout", "2s"], "2s", true),
    ] {
        let text = rendered(&slow(tool), &[&["--target", "envoy"], options].concat());
        assert_eq!(plugin(&text)["executor"]["timeout"], filter, "{tool}");
        assert_eq!(text.contains("CAUTION: a tool may take"), caution, "{tool} {options:?}");
    }
}

/// Returns the seconds of a duration in a rendered file; the longest of that name.
fn seconds(text: &str, name: &str) -> u64 {
    let start = format!("{name}: ");
    let values = text.lines().filter_map(|line| line.trim().strip_prefix(&start)?.strip_suffix('s')?.parse().ok());
    values.max().unwrap()
}

#[test]
fn the_filter_ends_a_late_exchange_before_any_timeout_of_envoy() {
    let folder = Folder::new("render-late");
    let (client_run, _) = folder.text().split_once("    - name: create_order").map(|(a, b)| (a.to_owned(), b)).unwrap();
    let limits = |text: &str, limits: &str| {
        folder.write("late.yaml", &text.replace("  roles:", &format!("  limits: {{ {limits} }}\n  roles:")))
    };
    let contract = limits(&client_run, "turnTimeout: 5m, turnIdleTimeout: 90s, requestBytes: 16MiB");
    let text = rendered(&contract, &["--target", "envoy"]);
    assert!(seconds(&text, "timeout") > 300, "the route's timeout is longer than turnTimeout");
    assert!(seconds(&text, "stream_idle_timeout") > 90, "and silence is longer than turnIdleTimeout");
    let request = seconds(&text, "request_timeout");
    assert!(request > 90 + 16 * 1024 / 64, "a whole request may pause and be large: {request}");
    assert_eq!(seconds(&text, "request_headers_timeout"), 10);

    let contract = limits(&folder.text(), "turnTimeout: 5m, maxRounds: 3");
    for target in [&["--target", "envoy"][..], &["--target", "istio"]] {
        let text = rendered(&contract, &[target, &["--executor-timeout", "7s"]].concat());
        assert!(
            seconds(&text, "stream_idle_timeout") > 3 * (300 + 7),
            "the filter asks the model three times in silence"
        );
        assert_eq!(seconds(&text, "request_timeout"), 60 + 30 + 256);
    }
}

#[test]
fn a_path_has_one_form_and_keeps_the_escaped_slashes_of_an_arn() {
    let folder = Folder::new("render-slashes");
    for target in ["envoy", "istio"] {
        let text = rendered(&folder.contract(), &["--target", target]);
        for line in ["normalize_path: true", "merge_slashes: true", "path_with_escaped_slashes_action: KEEP_UNCHANGED"]
        {
            assert_eq!(text.lines().filter(|found| found.trim() == line).count(), 1, "{target}: {line}");
        }
    }
}

#[test]
fn metrics_have_a_port_with_only_two_paths_of_the_admin_interface() {
    let folder = Folder::new("render-metrics");
    let text = rendered(&folder.contract(), &["--target", "envoy", "--metrics", "0.0.0.0:9902"]);
    let (_, listener) = text.split_once("    - name: metrics\n").unwrap();
    let (listener, clusters) = listener.split_once("  clusters:\n").unwrap();
    assert!(listener.contains("address: { socket_address: { address: \"0.0.0.0\", port_value: 9902 } }"), "{listener}");
    let matches: Vec<_> = listener.lines().filter_map(|line| line.trim().strip_prefix("- match: ")).collect();
    let whole = |path: &str| {
        format!(
            r#"{{ path: {path}, headers: [{{ name: ":path", string_match: {{ exact: {path} }} }}, {{ name: ":method", string_match: {{ exact: GET }} }}] }}"#
        )
    };
    assert_eq!(matches, [whole("/ready"), whole("/stats/prometheus")]);
    assert_eq!(clusters.matches("cluster_name: envoy-admin").count(), 1);
    let without = rendered(&folder.contract(), &["--target", "envoy"]);
    assert!(!without.contains("envoy-admin"), "without the option nothing leads to the admin interface");

    let istio = render(&folder.contract(), &["--target", "istio", "--metrics", "0.0.0.0:9902"]);
    assert_eq!(istio.err.trim(), "--metrics has no effect with --target istio; leave it out");
}

#[test]
fn absent_options_leave_the_filters_own_defaults() {
    let folder = Folder::new("render-defaults");
    let plugin = plugin(&rendered(&folder.contract(), &["--target", "envoy", "--output-limit-member", "auto"]));
    assert_eq!(
        (plugin.get("outputLimitMember"), plugin.get("streamUsage"), plugin.get("heldBytes")),
        (None, None, None)
    );
}

#[test]
fn identity_jwt_puts_jwt_authn_in_front_of_the_filter() {
    let folder = Folder::new("render-jwt");
    let jwt = [
        "--identity",
        "jwt",
        "--jwt-issuer",
        "https://id.example",
        "--jwt-jwks",
        "/etc/jwks.json",
        "--jwt-audience",
        "callgate",
    ];
    for target in [&["--target", "envoy"][..], &["--target", "istio"]] {
        let text = rendered(&folder.contract(), &[target, &jwt].concat());
        let order: Vec<usize> = ["name: envoy.filters.http.jwt_authn", "name: callgate\n"]
            .iter()
            .map(|name| text.find(name).unwrap())
            .collect();
        assert!(order.is_sorted(), "jwt_authn first");
        assert!(text.contains("payload_in_metadata: jwt_payload"));
        assert_eq!(
            plugin(&text)["identity"],
            serde_json::json!({ "jwt": { "payload": "jwt_payload", "tenantClaim": "tenant", "roleClaim": "role" } })
        );
    }
}

const CALLERS: &str = "ci-bot: { tenant: acme, role: clerk }\nguest: { role: clerk, tenant: other }\n";
const KEYS: &str = "ci-bot: 0123456789abcdef0123456789abcdef\n";

#[test]
fn a_key_or_a_certificate_is_checked_in_front_of_the_filter() {
    let folder = Folder::new("render-clients");
    let callers = folder.write("callers.yaml", CALLERS);
    let keys = folder.write("keys.yaml", KEYS);
    let table = serde_json::json!({
        "ci-bot": { "tenant": "acme", "role": "clerk" }, "guest": { "tenant": "other", "role": "clerk" }
    });
    let key = ["--identity", "api-key", "--callers", &callers, "--api-keys", &keys];
    let certificate = ["--identity", "certificate", "--callers", &callers];
    let tls = ["--listen-certificate", "/tls.crt", "--listen-key", "/tls.key", "--client-ca", "/ca.crt"];
    for target in [
        &["--target", "envoy"][..],
        &["--target", "envoy", "--host", "native"],
        &["--target", "istio"],
        &["--target", "istio", "--form", "wasmplugin"],
    ] {
        let tls = if target[1] == "envoy" { &tls[..] } else { &[] };
        let text = rendered(&folder.contract(), &[target, &key].concat());
        let filter = text.find("name: envoy.filters.http.api_key_auth").unwrap();
        assert!(text.contains("hide_credentials: true") && text.contains("client: ci-bot }"));
        assert!(target.contains(&"wasmplugin") || filter < text.rfind("name: callgate\n").unwrap());
        let expected = serde_json::json!({ "apiKey": { "header": "x-callgate-client", "callers": table } });
        assert!(target.contains(&"wasmplugin") || plugin(&text)["identity"] == expected, "{text}");

        let text = rendered(&folder.contract(), &[target, &certificate, tls].concat());
        let filter = text.find("object_key: callgate.certificate").unwrap();
        assert!(target.contains(&"wasmplugin") || filter < text.rfind("name: callgate\n").unwrap());
        let expected = serde_json::json!({ "certificate": { "callers": table } });
        assert!(target.contains(&"wasmplugin") || plugin(&text)["identity"] == expected, "{text}");
        assert_eq!(text.contains("require_client_certificate: true"), target[1] == "envoy");
    }
    let gateway = ["--target", "envoy-gateway", "--host", "native"];
    let text = rendered(&folder.contract(), &[&gateway[..], &key[..4]].concat());
    assert!(text.contains("forwardClientIDHeader: x-callgate-client") && !text.contains("0123456789abcdef"));
    let said = render(&folder.contract(), &[&gateway[..], &certificate].concat());
    assert!(said.code == 1 && said.err.contains("--identity \"certificate\": expected"), "{said:?}");
}

#[test]
fn files_of_clients_are_refused_with_their_line_and_without_a_key() {
    let folder = Folder::new("render-clients-refused");
    let good = folder.write("callers.yaml", CALLERS);
    for (callers, keys, expected) in [
        ("a: { tenant: t }\n", KEYS, ":1: client `a`: expected `{ tenant: …, role: … }`"),
        ("a: { tenant: t, role: clerk, x: y }\n", KEYS, ":1: client `a`: expected"),
        ("a: { tenant: t, role: clerk }\na: { tenant: t, role: clerk }\n", KEYS, ":2: client `a` is listed twice"),
        ("'a,b': { tenant: t, role: clerk }\n", KEYS, ":1: client `a,b` has a comma"),
        ("[]\n", KEYS, ":1: expected a mapping"),
        ("{}\n", KEYS, ":1: expected at least one client"),
        (CALLERS, "ci-bot: short\n", ":1: client `ci-bot`: expected a key of at least 32"),
        (CALLERS, "other: 0123456789abcdef0123456789abcdef\n", ":1: client `other` has a key, but no caller"),
        (
            CALLERS,
            "ci-bot: 0123456789abcdef0123456789abcdef\nguest: 0123456789abcdef0123456789abcdef\n",
            ":1: client `guest` has the key of another client",
        ),
    ] {
        let callers = folder.write("bad-callers.yaml", callers);
        let keys = folder.write("bad-keys.yaml", keys);
        let options = ["--target", "envoy", "--identity", "api-key", "--callers", &callers, "--api-keys", &keys];
        let said = render(&folder.contract(), &options);
        assert!(said.code == 1 && said.err.contains(expected), "{expected}: {said:?}");
        assert!(!said.err.contains("0123456789abcdef") && !said.err.contains("short"), "{said:?}");
    }
    let unknown = folder.write("role.yaml", "a: { tenant: t, role: nobody }\n");
    let options = ["--target", "istio", "--identity", "certificate", "--callers", &unknown];
    let said = render(&folder.contract(), &options);
    assert!(said.err.contains("gives client `a` the role `nobody`, which the contract lacks"), "{said:?}");
    let options = ["--target", "istio", "--identity", "jwt", "--callers", &good];
    let said = render(&folder.contract(), &options);
    assert!(said.err.contains("missing --jwt-issuer"), "{said:?}");
    let said = render(&folder.contract(), &["--target", "istio", "--callers", &good]);
    assert!(said.err.contains("--callers has no effect with --identity header"), "{said:?}");
}

#[test]
fn impossible_options_are_refused_with_the_expected_value() {
    let folder = Folder::new("render-refused");
    for (options, expected) in [
        (&["--listen", "localhost:1"][..], "--listen \"localhost:1\": expected IP:PORT, because Envoy binds no names"),
        (
            &["--upstream", "https://api.openai.com"],
            "--upstream \"https://api.openai.com\": expected HOST:PORT without a scheme",
        ),
        (&["--executor", "nowhere"], "--executor \"nowhere\": expected HOST:PORT"),
        (&["--executor", "unix:run.sock"], "--executor \"unix:run.sock\": expected unix: and an absolute path"),
        (&["--executor-name", "x"], "missing --executor-ca; --executor-name needs it"),
        (&["--executor", "unix:/x", "--executor-ca", "c"], "missing --executor-name; TLS on a Unix socket needs it"),
        (
            &["--executor-ca", "c", "--executor-certificate", "c"],
            "missing --executor-key; --executor-certificate needs it",
        ),
        (&["--executor-ca", "c", "--executor-key", "k"], "missing --executor-certificate; --executor-key needs it"),
        (&["--executor-timeout", "10"], "--executor-timeout \"10\": expected a whole number of ms, s, m or h"),
        (&["--wasm", "oci://example/callgate"], "--wasm \"oci://example/callgate\": expected a path"),
        (&["--path", "chatCompletions=v1"], "--path \"v1\": expected a path that begins with /"),
        (&["--path", "/v1"], "--path \"/v1\": expected API=PATH, where API is one of chatCompletions"),
        (&["--path", "mcp=/{model}/mcp"], "--path \"mcp=/{model}/mcp\": expected a path without {model}"),
        (
            &["--path", "gemini=/{model}/{model}"],
            "--path \"gemini=/{model}/{model}\": expected a path that has {model} once at most",
        ),
        (&["--held-bytes", "64MB"], "--held-bytes \"64MB\": expected bytes, or a whole number of KiB, MiB or GiB"),
        (&["--held-bytes", "1MiB"], "--held-bytes \"1MiB\": expected at least 25165824 bytes"),
        (&["--metrics", "gate:9902"], "--metrics \"gate:9902\": expected IP:PORT, because Envoy binds no names"),
        (&["--role-header", "X-Role"], "--role-header \"X-Role\": expected a header name in lower case"),
        (&["--identity", "jwt"], "missing --jwt-issuer; --identity jwt needs it"),
        (&["--jwt-issuer", "x"], "--jwt-issuer has no effect with --identity header"),
        (&["--passthrough", "/v1/*"], "the filter would refuse this configuration: `paths.passthrough` lists `/v1/*`"),
    ] {
        let said = render(&folder.contract(), &[&["--target", "envoy"], options].concat());
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        assert!(said.err.starts_with(expected), "{said:?}");
    }
}

#[test]
fn a_shared_service_of_rate_limits_is_asked_between_the_identity_and_the_gate() {
    let folder = Folder::new("render-rate-limit");
    let callers = folder.write("callers.yaml", "ci: { tenant: acme, role: clerk }\n");
    let keys = folder.write("keys.yaml", "ci: a-key-of-at-least-32-printable-characters\n");
    let path = "path: [{ key: jwt_payload }, { key: organisation }, { key: a/b }]";
    let jwt: &[&str] =
        &["--identity", "jwt", "--jwt-issuer", "i", "--jwt-jwks", "/j", "--tenant-claim", "/organisation/a~1b"];
    let api_key: &[&str] = &["--identity", "api-key", "--callers", &callers, "--api-keys", &keys];
    for (identity, before, descriptor) in [
        (&["--tenant-header", "x-org"][..], None, "{ header_name: x-org, descriptor_key: tenant }"),
        (jwt, Some("envoy.filters.http.jwt_authn\n"), path),
        (
            api_key,
            Some("envoy.filters.http.api_key_auth\n"),
            "{ header_name: x-callgate-client, descriptor_key: client }",
        ),
    ] {
        for host in ["wasm", "native"] {
            let given = ["--target", "envoy", "--host", host, "--rate-limit", "limits.example:8081"];
            let text = rendered(&folder.contract(), &[&given[..], identity].concat());
            let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("no {words} in {text}"));
            let limits = at("name: envoy.filters.http.ratelimit\n");
            // The native host's bootstrap has an extension of the same name.
            let gate = text.rfind("- name: callgate\n");
            assert!(before.is_none_or(|before| at(before) < limits) && Some(limits) < gate, "{text}");
            assert!(text.contains(descriptor), "{text}");
            for part in ["domain: callgate\n", "failure_mode_deny: true\n", "cluster_name: ratelimit\n", "CAUTION"] {
                assert!(text.contains(part), "{part}");
            }
            assert!(text.contains("{ address: limits.example, port_value: 8081 }"));
        }
    }
    let local = rendered(
        &folder.contract(),
        &["--target", "envoy", "--rate-limit", "127.0.0.1:8081", "--rate-limit-domain", "a: b"],
    );
    assert!(local.contains("domain: \"a: b\"\n") && !local.contains("answer in its place"));
    let without = rendered(&folder.contract(), &["--target", "envoy"]);
    assert!(!without.contains("ratelimit") && !without.contains("rate_limits"));

    for (options, expected) in [
        (&["--target", "istio", "--rate-limit", "a:1"][..], "--rate-limit has no effect with this --target"),
        (&["--target", "envoy", "--rate-limit-domain", "a"], "--rate-limit-domain has no effect with no --rate-limit"),
        (&["--target", "envoy", "--rate-limit", "http://a"], "--rate-limit \"http://a\": expected HOST:PORT"),
        (
            &[
                "--target",
                "envoy",
                "--rate-limit",
                "a:1",
                "--identity",
                "jwt",
                "--jwt-issuer",
                "i",
                "--jwt-jwks",
                "/j",
                "--role-claim",
                "/roles/0",
            ],
            "--role-claim \"/roles/0\": expected a claim outside lists",
        ),
        (
            &[
                "--target",
                "envoy",
                "--rate-limit",
                "a:1",
                "--identity",
                "certificate",
                "--callers",
                &callers,
                "--listen-certificate",
                "/c",
                "--listen-key",
                "/k",
                "--client-ca",
                "/ca",
            ],
            "--rate-limit has no effect with --identity certificate",
        ),
    ] {
        let said = render(&folder.contract(), options);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{options:?}");
        assert!(said.err.contains(expected), "{}", said.err);
    }
}

#[test]
fn a_wasmplugin_takes_a_url_and_lists_its_missing_settings() {
    let folder = Folder::new("render-wasmplugin");
    let options = ["--target", "istio", "--form", "wasmplugin", "--wasm", "oci://example.com/callgate:1"];
    let text = rendered(&folder.contract(), &options);
    assert!(text.contains("url: \"oci://example.com/callgate:1\""));
    assert!(text.contains("no field for allow_on_headers_stop_iteration"));
    assert!(text.contains("failStrategy: FAIL_CLOSE"));
    assert_eq!(text.matches("\nkind: ").count(), 3, "the plugin, its clusters, the buffers");
}

#[test]
fn nothing_in_a_contract_can_become_configuration() {
    let folder = Folder::new("render-hostile");
    let hostile = folder
        .text()
        .replace("description: Place an order.", "description: \"a\\n- b: {{ c }} {% d %} \\u0085 \\u2028 # e \\\"\"");
    let contract = folder.write("hostile.yaml", &hostile);
    let text = rendered(&contract, &["--target", "envoy"]);
    let description = plugin(&text)["contract"]["spec"]["tools"][1]["description"].clone();
    assert_eq!(description, "a\n- b: {{ c }} {% d %} \u{85} \u{2028} # e \"");
    assert!(!text.contains(['\u{85}', '\u{2028}']), "no line break but LF");
}

#[test]
fn streams_of_an_mcp_servers_messages_have_no_timeout_at_any_path() {
    let folder = Folder::new("render-mcp");
    let routes = |options: &[&str]| {
        let mut all = vec!["--target", "envoy"];
        all.extend(options);
        let text = rendered(&folder.contract(), &all);
        let routes = text.lines().filter_map(|line| line.trim().strip_prefix("- match: { path: ").map(str::to_owned));
        assert_eq!(text.matches("timeout: 0s").count(), routes.clone().count());
        routes.collect::<Vec<_>>()
    };
    let get = r#", headers: [{ name: ":method", string_match: { exact: GET } }] }"#;
    let listen = r#", headers: [{ name: "mcp-method", string_match: { exact: subscriptions/listen } }] }"#;
    let both = |path: &str| [format!("{path}{get}"), format!("{path}{listen}")];
    assert_eq!(routes(&[]), both("/mcp"));
    assert_eq!(routes(&["--path", "mcp=/a", "--path", "mcp=/b"]), [both("/a"), both("/b")].concat());
}

#[test]
fn the_native_host_keeps_the_names_of_metrics() {
    let folder = Folder::new("render-native-metrics");
    let text = rendered(&folder.contract(), &["--target", "envoy", "--host", "native"]);
    for line in [
        "metrics_namespace: wasmcustom",
        "static_layer: { envoy.reloadable_features.dynamic_modules_strip_custom_stat_prefix: true }",
    ] {
        assert!(text.contains(line), "no {line:?} in:\n{text}");
    }
}

#[test]
fn envoy_gateway_gets_the_module_its_clusters_and_room_to_buffer() {
    let folder = Folder::new("render-envoy-gateway");
    let options = ["--target", "envoy-gateway", "--host", "native", "--native", "/opt/gate.so", "--gateway", "on"];
    let text = rendered(&folder.contract(), &options);
    for line in [
        "source: { type: Local, local: { path: /opt/gate.so } }",
        "- { group: gateway.networking.k8s.io, kind: Gateway, name: \"on\" }",
        "doNotClose: true",
        "name: callgate-executor\n      operation:\n        op: add\n        path: \"\"\n",
        "name: llm-api\n      operation:\n        op: add\n        path: \"\"\n",
        "path: { escapedSlashesAction: KeepUnchanged }",
    ] {
        assert!(text.contains(line), "no {line:?} in:\n{text}");
    }
    let kinds: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
    let expected =
        ["EnvoyProxy", "EnvoyExtensionPolicy", "ClientTrafficPolicy", "BackendTrafficPolicy", "EnvoyPatchPolicy"];
    assert_eq!(kinds, expected);
}

#[test]
fn envoy_gateway_takes_no_wasm_filter_and_no_claims() {
    let folder = Folder::new("render-envoy-gateway-refused");
    let jwt = ["--identity", "jwt", "--jwt-issuer", "i", "--jwt-jwks", "/jwks.json"];
    let native = ["--target", "envoy-gateway", "--host", "native"];
    let said = render(&folder.contract(), &["--target", "envoy-gateway"]);
    assert!(said.code == 1 && said.err.contains("--host \"wasm\": expected native"), "{said:?}");
    let said = render(&folder.contract(), &[&native[..], &jwt[..]].concat());
    assert!(said.code == 1 && said.err.contains("--identity \"jwt\": expected header"), "{said:?}");
}

#[test]
fn a_candidate_is_rendered_beside_the_contract() {
    let folder = Folder::new("render-candidate");
    let candidate = folder.write("candidate.yaml", &folder.text().replace("version: 1.2.3", "version: 2.0.0"));
    let text = rendered(&folder.contract(), &["--target", "envoy", "--candidate", &candidate]);
    let plugin = self::plugin(&text);
    assert_eq!(plugin["candidate"]["metadata"]["version"], "2.0.0");
    assert_eq!(plugin["contract"]["metadata"]["version"], "1.2.3");
    let logged = "candidate: \"%FILTER_STATE(wasm.callgate.candidate:PLAIN)%\"";
    assert!(text.contains(logged), "{text}");
    let alone = rendered(&folder.contract(), &["--target", "envoy"]);
    assert!(self::plugin(&alone).get("candidate").is_none() && !alone.contains(logged), "{alone}");
    let broken = folder.write("broken.yaml", &folder.text().replace("roles:", "rolls:"));
    let said = render(&folder.contract(), &["--target", "envoy", "--candidate", &broken]);
    assert!(said.code == 1 && said.err.contains("did you mean `roles`"), "{said:?}");
}

#[test]
fn a_fixed_caller_has_a_tenant_and_a_role_of_the_contract() {
    let rendered = |tenant: &str, role: &str| {
        let options = ["--target", "envoy", "--identity", "fixed", "--tenant", tenant, "--role", role];
        render(ORDER_DESK, &options)
    };
    let said = rendered("acme", "clerk");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(plugin(&said.out)["identity"], serde_json::json!({ "fixed": { "tenant": "acme", "role": "clerk" } }));
    for (tenant, role, names) in [("", "clerk", "--tenant"), ("acme", "", "--role"), ("acme", "nobody", "nobody")] {
        let said = rendered(tenant, role);
        assert!(said.code == 1 && said.err.contains(names), "{said:?}");
    }
}

#[test]
fn envoys_own_filters_stand_around_the_gate_in_their_order() {
    let folder = Folder::new("render-guards");
    let contract = folder.contract();
    let identity = ["--identity", "jwt", "--jwt-issuer", "https://id.example", "--jwt-jwks", "/jwks.json"];
    let guards = [
        "--cors",
        "https://app.example",
        "--cors",
        "http://localhost:5173",
        "--local-rate-limit",
        "600/m",
        "--ext-authz",
        "policy.example:9191",
    ];
    for host in ["wasm", "native"] {
        let given: Vec<&str> =
            ["--target", "envoy", "--host", host].into_iter().chain(identity).chain(guards).collect();
        let text = rendered(&contract, &given);
        let order: Vec<usize> = ["header_mutation", "cors", "local_ratelimit", "jwt_authn", "ext_authz", "router"]
            .iter()
            .map(|name| text.find(&format!("name: envoy.filters.http.{name}\n")).unwrap_or_else(|| panic!("{name}")))
            .chain(text.find("name: envoy.filters.http.router\n"))
            .collect();
        assert!(order.is_sorted(), "{order:?}");
        for line in [
            "allow_origin_string_match: [{ exact: \"https://app.example\" }, { exact: \"http://localhost:5173\" }]",
            "token_bucket: { max_tokens: 600, tokens_per_fill: 600, fill_interval: 60s }",
            "failure_mode_allow: false",
            "disallowed_headers: { patterns: [{ exact: authorization }, { exact: x-api-key }",
            "CAUTION: this is plaintext to another machine. Whoever is on the way reads headers and claims",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }
    let without = rendered(&contract, &["--target", "envoy"]);
    assert!(!["http.cors", "ext_authz", "local_ratelimit", "nosniff"].iter().any(|word| without.contains(word)));
    for (options, reason) in [
        (&["--cors", "*"][..], "--cors \"*\": expected one origin"),
        (&["--cors", "https://app.example/"], "--cors \"https://app.example/\": expected one origin"),
        (&["--cors", "https://App.example"], "--cors \"https://App.example\": expected one origin"),
        (&["--local-rate-limit", "0/s"], "--local-rate-limit \"0/s\": expected a number from 1"),
        (&["--local-rate-limit", "60"], "--local-rate-limit \"60\": expected a number from 1"),
        (&["--ext-authz", "http://a"], "--ext-authz \"http://a\": expected HOST:PORT"),
    ] {
        let said = render(&contract, &[&["--target", "envoy"], options].concat());
        assert!(said.code == 1 && said.err.starts_with(reason), "{}", said.err);
    }
    let said = render(&contract, &["--target", "istio", "--cors", "https://app.example"]);
    assert!(said.err.starts_with("--cors has no effect with this --target"), "{}", said.err);
}

#[test]
fn a_fixed_caller_has_the_workspace_of_the_command_line_and_no_header_states_it() {
    let folder = Folder::new("render-workspace");
    let contract = folder.write("workspace.yaml", &folder.with_workspace());
    let fixed = ["--target", "envoy", "--identity", "fixed", "--tenant", "acme", "--role", "clerk"];
    let with = |workspace: &str| render(&contract, &[&fixed[..], &["--workspace", workspace]].concat());
    let said = with("/work/a");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let expected = serde_json::json!({ "fixed": { "tenant": "acme", "role": "clerk", "workspace": "/work/a" } });
    assert_eq!(plugin(&said.out)["identity"], expected);
    let said = render(&contract, &fixed);
    assert!(said.code == 1 && said.err.contains("`x-workspace`, which the client could set itself"), "{said:?}");
    for bad in ["work/a", "/", "/work/../b", "/a,/b", ""] {
        let said = with(bad);
        assert!(said.code == 1 && said.err.contains("must be the absolute path of one directory"), "{bad}: {said:?}");
    }
    let said = render(ORDER_DESK, &[&fixed[..], &["--workspace", "/work/a"]].concat());
    assert!(said.code == 1 && said.err.contains("leave the workspace out"), "{said:?}");
    let said = render(&contract, &["--target", "envoy", "--workspace", "/work/a"]);
    assert!(said.code == 1 && said.err.contains("--workspace"), "{said:?}");
}

#[test]
fn sealing_keys_are_named_by_variables_and_passed_on_to_the_filter() {
    const MCP_DESK: &str = "contracts/mcp-desk/contract.yaml";
    let refused = render(MCP_DESK, &["--target", "envoy"]);
    assert_ne!(refused.code, 0);
    assert!(refused.err.contains("--sealing-variable"), "{refused:?}");
    let keys = ["--sealing-variable", "NEW_KEY", "--sealing-variable", "OLD_KEY"];
    let expected = serde_json::json!([{ "environment_variable": "NEW_KEY" }, { "environment_variable": "OLD_KEY" }]);
    for (options, passed) in [
        (&["--target", "envoy"][..], "environment_variables: { host_env_keys: [NEW_KEY, OLD_KEY] }"),
        (&["--target", "istio", "--form", "wasmplugin"], "- { name: OLD_KEY, valueFrom: HOST }"),
        (&["--target", "envoy", "--host", "native", "--native", "libcallgate.so"], ""),
    ] {
        let text = rendered(MCP_DESK, &[options, &keys[..]].concat());
        assert!(text.contains(passed), "{text}");
        if options.len() == 2 {
            assert_eq!(plugin(&text)["sealing"]["keys"], expected);
        }
    }
}
