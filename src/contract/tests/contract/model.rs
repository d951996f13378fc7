//! Valid contracts: each field and its default.

use callgate_contract::{
    Approval, Audit, HttpGrant, HttpMethod, OnViolation, RequestMembers, Run, UndeclaredTools, UnknownMembers, WasmRun,
    WorkerMethod, load,
};

use crate::folder::{Folder, ORDER_DESK, order_desk, with_parameters};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_model_holds_every_field_of_the_contract() {
    let contract = order_desk();
    assert_eq!((contract.name(), contract.version()), ("order-desk", "1.4.0"));
    assert!(
        contract.allows_model("gpt-4o") && contract.allows_model("gpt-4o-mini") && contract.allows_model("claude-3")
    );
    assert!(!contract.allows_model("gpt-4") && !contract.allows_model("claude-3-opus") && !contract.allows_model(""));
    assert!(!contract.allows_provider_tool("web_search"));
    assert_eq!(contract.on_violation(), OnViolation::Refuse);
    assert_eq!(contract.limits().max_output_tokens, Some(1024));
    let names = |role: &str| contract.role(role).unwrap().tools(&contract).map(|t| t.name()).collect::<Vec<_>>();
    assert_eq!(names("viewer"), ["get_order"]);
    assert_eq!(names("clerk"), ["get_order", "create_order"]);
    assert_eq!(names("guest"), [""; 0]);
    let Run::Wasm(run) = contract.tool("create_order").unwrap().run() else { panic!("a wasm tool") };
    assert_eq!(run.module, "tools/orders.wasm");
    assert_eq!(run.sha256[..3], [0x01, 0x23, 0x45]);
    assert_eq!(run.sha256[31], 0xef);
    assert_eq!((run.memory, run.fuel, run.timeout.as_secs()), (64 << 20, 500_000_000, 2));
}

#[test]
fn a_glob_matches_only_names_that_a_model_can_have() {
    let text = with_parameters("{ type: object }").replace("[\"*\"]", "[\"gpt-*\", \"*\"]");
    let contract = load("contract.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    for name in [
        "gpt-5",
        "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-v1:0",
        "models/gemini-2.5-pro",
        "@cf/meta/llama-3.1-8b",
        "ft:gpt-4o:acme::id",
        "meta-llama/Llama-3:free",
    ] {
        assert!(contract.allows_model(name), "{name}");
    }
    for name in [
        "",
        " ",
        "gpt-5 ",
        " gpt-5",
        "gpt-5\n",
        "gpt-5\0",
        "gpt-5\tx",
        "gpt-5\u{a0}",
        "gpt-5\u{200b}",
        "gрt-5",
        "gpt-\u{7f}",
    ] {
        assert!(!contract.allows_model(name), "{name:?}");
    }
}

#[test]
fn the_contract_rules_unknown_members_and_undeclared_tools() {
    let text = ORDER_DESK.replace(
        "providerTools: []",
        "undeclaredTools: drop\n  requestMembers: { unknown: refuse, allow: [store_hint, extra_body.top-k, $x.y_1] }",
    );
    let contract = load("contract.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(contract.undeclared_tools(), UndeclaredTools::Drop);
    assert_eq!(contract.request_members().unknown, UnknownMembers::Refuse);
    assert_eq!(contract.request_members().allow, ["store_hint", "extra_body.top-k", "$x.y_1"]);
    assert_ne!(contract.digest(), order_desk().digest());
    for wrong in [".", "a.", ".a", "a..b", "a b", "a/b", "*", "a?", "a[0]", "é"] {
        let text = text.replace("store_hint", &format!("\"{wrong}\""));
        assert!(load("contract.yaml", &text, &Folder(&[])).is_err(), "{wrong}");
    }
}

#[test]
fn silence_is_bounded_by_the_turn() {
    let limits = |limits: &str| {
        let text = with_parameters("{ type: object }").replace("  roles:", &format!("  limits: {limits}\n  roles:"));
        let contract = load("contract.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
        (contract.limits().turn_timeout.as_secs(), contract.limits().turn_idle_timeout.as_secs())
    };
    assert_eq!(limits("{}"), (600, 60));
    assert_eq!(limits("{ turnTimeout: 30s }"), (30, 30));
    assert_eq!(limits("{ turnTimeout: 1h }"), (3600, 60));
    assert_eq!(limits("{ turnIdleTimeout: 5m }"), (600, 300));
    assert_eq!(limits("{ turnTimeout: 20s, turnIdleTimeout: 20s }"), (20, 20));
}

#[test]
fn a_missing_field_has_its_documented_default() {
    let text = with_parameters("{ type: object }").replace(
        "run: { client: {} }",
        "run: { wasm: { module: a.wasm, sha256: \"0000000000000000000000000000000000000000000000000000000000000000\" } }",
    );
    let contract = load("contract.yaml", &text, &Folder(&[])).unwrap();
    let limits = contract.limits();
    assert_eq!(limits.max_output_tokens, None);
    assert_eq!((limits.max_tool_calls_per_turn, limits.max_rounds), (8, 4));
    assert_eq!((limits.request_bytes, limits.response_bytes, limits.turn_timeout.as_secs()), (8 << 20, 4 << 20, 600));
    assert_eq!(limits.turn_idle_timeout.as_secs(), 60);
    assert_eq!(contract.undeclared_tools(), UndeclaredTools::Refuse);
    assert_eq!(contract.request_members(), &RequestMembers { unknown: UnknownMembers::Drop, allow: Vec::new() });
    let Run::Wasm(run) = contract.tools()[0].run() else { panic!("a wasm tool") };
    assert_eq!((run.memory, run.fuel), (WasmRun::MEMORY, WasmRun::FUEL));
    assert_eq!((run.timeout, run.output_bytes), (WasmRun::TIMEOUT, WasmRun::OUTPUT_BYTES));
    assert!(run.args.is_empty() && run.files.is_empty() && run.env.is_empty());
    assert!(run.secret_env.is_empty() && run.http.is_empty());
    let tool = &contract.tools()[0];
    assert_eq!((tool.approval(), tool.audit()), (Approval::Never, Audit::Digest));
}

#[test]
fn a_contract_sets_the_number_of_approvers() {
    for (word, expected) in [
        ("never", Approval::Never),
        ("always", Approval::Always { approvers: 1 }),
        ("{ approvers: 2 }", Approval::Always { approvers: 2 }),
        ("{ approvers: 2, when: args.quantity > 9 }", Approval::When { approvers: 2 }),
        ("{ when: args.quantity > 9 }", Approval::When { approvers: 1 }),
    ] {
        let text = crate::folder::ORDER_DESK.replace("approval: never", &format!("approval: {word}"));
        let contract = load("contract.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(contract.tool("create_order").unwrap().approval(), expected);
    }
}

#[test]
fn a_backend_is_named_by_the_contract_and_found_by_the_executor() {
    let tool = |run: &str| {
        let text = with_parameters("{ type: object }").replace("run: { client: {} }", run);
        let contract = load("contract.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
        (contract.tools()[0].run().clone(), contract.longest_timeout().as_millis())
    };
    let (grpc, longest) =
        tool("run: { grpc: { cluster: gpu, method: callgate.worker.v1.Worker/InvokeStream, timeout: 2m } }");
    let Run::Grpc(run) = &grpc else { panic!("a worker") };
    assert_eq!(
        (run.cluster.as_str(), run.method, run.bounds.output_bytes),
        ("gpu", WorkerMethod::InvokeStream, 1 << 20)
    );
    assert_eq!((grpc.as_str(), longest), ("grpc", 120_000));
    let (http, longest) = tool("run: { http: { cluster: shop, path: /v1/orders, outputBytes: 4KiB } }");
    let Run::Http(run) = &http else { panic!("an API") };
    assert_eq!((run.cluster.as_str(), run.method, run.path.as_str()), ("shop", HttpMethod::Post, "/v1/orders"));
    assert_eq!((run.bounds.output_bytes, longest), (4 << 10, 5000));
    let (mcp, _) = tool("run: { mcp: { cluster: files, tool: read_file } }");
    let Run::Mcp(run) = &mcp else { panic!("an MCP server") };
    assert_eq!((run.cluster.as_str(), run.tool.as_str()), ("files", "read_file"));
    assert_eq!(tool("run: { client: {} }").1, 0, "what the client runs has no timeout of ours");
}

#[test]
fn a_module_gets_the_contracts_grants() {
    let text = ORDER_DESK
        .replace("mode: rw", "mode: rw, quota: 2MiB")
        .replace("http: []", "http: [\"API.Example.com:443\", { to: \"[::1]:80\", private: true, authorization: true }]\n          secretEnv: { API_KEY: \"file:/run/secrets/api-key\" }");
    let contract = load("contract.yaml", &text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    let Run::Wasm(run) = contract.tool("create_order").unwrap().run() else { panic!("a wasm tool") };
    assert_eq!(run.files[0].quota, 2 << 20);
    assert_eq!(run.secret_env, [("API_KEY".to_owned(), "/run/secrets/api-key".to_owned())]);
    let grant =
        |host: &str, port, granted| HttpGrant { host: host.into(), port, private: granted, authorization: granted };
    assert_eq!(run.http, [grant("api.example.com", 443, false), grant("[::1]", 80, true)]);
}
