//! Bad contracts and the exact lines they get. Each case changes one thing in the order desk's contract.

use callgate_contract::{
    Approval, Audit, HttpGrant, HttpMethod, OnViolation, RequestMembers, Run, UndeclaredTools, UnknownMembers, WasmRun,
    WorkerMethod, load,
};

use crate::folder::{Folder, ORDER_DESK, order_desk, with_parameters};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What is replaced, by what, and the line that comes of it.
const CASES: [(&str, &str, &str); 91] = [
    // the document
    ("callgate.dev/v1", "callgate.dev/v2", "contract.yaml:1:13: apiVersion: expected `callgate.dev/v1`"),
    ("kind: Contract", "kind: Pod", "contract.yaml:2:7: kind: expected `Contract`"),
    (
        "kind:",
        "knid:",
        "contract.yaml:1:1: missing field `kind`; expected `Contract`\ncontract.yaml:2:1: knid: unknown field; did you mean `kind`?",
    ),
    (
        "name: order-desk, ",
        "",
        "contract.yaml:3:11: metadata: missing field `name`; expected a name such as `order-desk`",
    ),
    (
        "name: order-desk",
        "name: Order Desk",
        "contract.yaml:3:19: metadata.name: expected 1 to 63 of `a-z`, `0-9` and `-`, with no `-` at either end",
    ),
    (
        "version: 1.4.0",
        "version: 1.4",
        "contract.yaml:3:40: metadata.version: expected a string, found a number; put it in quotes",
    ),
    // spec
    (
        "  models: [\"gpt-4o*\", claude-3]",
        "  models: []",
        "contract.yaml:5:11: spec.models: expected at least one model; `\"*\"` allows every model",
    ),
    ("claude-3", "claude-?", "contract.yaml:5:23: spec.models[1]: expected a model name in which only `*` is special"),
    (
        "claude-3",
        "claude 3",
        "contract.yaml:5:23: spec.models[1]: expected printable ASCII characters without spaces; no other model name matches",
    ),
    (
        "claude-3",
        "claudé-*",
        "contract.yaml:5:23: spec.models[1]: expected printable ASCII characters without spaces; no other model name matches",
    ),
    (
        "claude-3",
        "\"gpt-4o*\"",
        "contract.yaml:5:23: spec.models[1]: expected each name once; `gpt-4o*` is there twice, remove one",
    ),
    (
        "providerTools: []",
        "providerTools: [\"web_*\"]",
        "contract.yaml:6:19: spec.providerTools[0]: expected the exact name of a provider-run tool; globs are not allowed here",
    ),
    ("providerTools: []", "serverState: x", "contract.yaml:6:16: spec.serverState: expected `refused` or `allowed`"),
    (
        "providerTools: []",
        "state: x",
        "contract.yaml:6:3: spec.state: unknown field; expected `models`, `providerTools`, `serverState`, `undeclaredTools`, `requestMembers`, `limits`, `onViolation`, `roles` or `tools`",
    ),
    (
        "providerTools: []",
        "undeclaredTools: ignore",
        "contract.yaml:6:20: spec.undeclaredTools: expected `refuse` or `drop`",
    ),
    (
        "providerTools: []",
        "undeclaredTool: drop",
        "contract.yaml:6:3: spec.undeclaredTool: unknown field; did you mean `undeclaredTools`?",
    ),
    (
        "providerTools: []",
        "requestMembers: drop",
        "contract.yaml:6:19: spec.requestMembers: expected a mapping, found a string",
    ),
    (
        "providerTools: []",
        "requestMembers: { unknown: allow }",
        "contract.yaml:6:30: spec.requestMembers.unknown: expected `drop` or `refuse`",
    ),
    (
        "providerTools: []",
        "requestMembers: { unkown: drop }",
        "contract.yaml:6:21: spec.requestMembers.unkown: unknown field; did you mean `unknown`?",
    ),
    (
        "providerTools: []",
        "requestMembers: { allow: store_hint }",
        "contract.yaml:6:28: spec.requestMembers.allow: expected a list, found a string",
    ),
    (
        "providerTools: []",
        "requestMembers: { allow: [a, a] }",
        "contract.yaml:6:32: spec.requestMembers.allow[1]: expected each name once; `a` is there twice, remove one",
    ),
    (
        "providerTools: []",
        "requestMembers: { allow: [\"extra_*\"] }",
        "contract.yaml:6:29: spec.requestMembers.allow[0]: expected the exact name of a member, such as `store_hint` or `extra_body.store_hint`, of letters, digits, `_`, `$` and `-`; globs are not allowed here",
    ),
    (
        "onViolation: refuse",
        "onViolation: ignore",
        "contract.yaml:9:16: spec.onViolation: expected `refuse`, `error` or `feedback`",
    ),
    (
        "onViolation: refuse",
        "onVoilation: refuse",
        "contract.yaml:9:3: spec.onVoilation: unknown field; did you mean `onViolation`?",
    ),
    // limits
    (
        "maxOutputTokens: 1024",
        "maxOutputTokens: 0",
        "contract.yaml:7:30: spec.limits.maxOutputTokens: expected a whole number from 1 up",
    ),
    ("maxRounds: 4", "maxRounds: 4.5", "contract.yaml:7:71: spec.limits.maxRounds: expected a whole number from 1 up"),
    (
        "maxRounds: 4",
        "maxRouds: 4",
        "contract.yaml:7:60: spec.limits.maxRouds: unknown field; did you mean `maxRounds`?",
    ),
    (
        "requestBytes: 1MiB",
        "requestBytes: 1MB",
        "contract.yaml:7:88: spec.limits.requestBytes: expected a size: bytes as a whole number from 1 up, or one with `KiB`, `MiB` or `GiB`, such as `1MiB`",
    ),
    (
        "turnTimeout: 30s",
        "turnTimeout: 30",
        "contract.yaml:8:26: spec.limits.turnTimeout: expected a duration: a whole number from 1 up with `ms`, `s`, `m` or `h`, such as `30s`",
    ),
    (
        "turnTimeout: 30s",
        "turnTimeout: 30s, turnIdleTimeout: 31s",
        "contract.yaml:8:48: spec.limits.turnIdleTimeout: expected at most `turnTimeout`; a longer silence never ends a turn",
    ),
    (
        "turnTimeout: 30s",
        "turnIdleTimeout: 11m",
        "contract.yaml:8:30: spec.limits.turnIdleTimeout: expected at most `turnTimeout`; a longer silence never ends a turn",
    ),
    (
        "turnTimeout: 30s",
        "turnIdleTimeout: 0s",
        "contract.yaml:8:30: spec.limits.turnIdleTimeout: expected a duration: a whole number from 1 up with `ms`, `s`, `m` or `h`, such as `30s`",
    ),
    // roles
    (
        "viewer: { tools: [\"get_*\"] }",
        "viewer: { tools: [\"fetch_*\"] }",
        "contract.yaml:11:23: spec.roles.viewer.tools[0]: expected a glob that matches a tool of this contract; it matches none",
    ),
    (
        "create_order] }",
        "creat_order] }",
        "contract.yaml:12:31: spec.roles.clerk.tools[1]: expected the name of a tool of this contract; did you mean `create_order`?",
    ),
    (
        "create_order] }",
        "refund] }",
        "contract.yaml:12:31: spec.roles.clerk.tools[1]: expected the name of a tool of this contract; there is none of this name",
    ),
    (
        "guest: { tools: [] }",
        "guest: {}",
        "contract.yaml:13:12: spec.roles.guest: missing field `tools`; expected a list of tool names, globs with `*` allowed",
    ),
    (
        "guest: { tools: [] }",
        "\"the guest\": { tools: [] }",
        "contract.yaml:13:5: spec.roles[\"the guest\"]: expected a role name of 1 to 128 printable ASCII characters without spaces",
    ),
    (
        "guest: { tools: [] }",
        "guest: { tools: [], tokensPerMinute: 6 }",
        "contract.yaml:13:25: spec.roles.guest.tokensPerMinute: `tokensPerMinute` is not enforced yet, and a rule that is not enforced is worse than none; remove it",
    ),
    (
        "guest: { tools: [] }",
        "guest: { tools: [], callsPerMinute: 6 }",
        "contract.yaml:13:25: spec.roles.guest.callsPerMinute: `callsPerMinute` is not enforced yet, and a rule that is not enforced is worse than none; remove it",
    ),
    // tools
    (
        "name: get_order",
        "name: get.order",
        "contract.yaml:11:23: spec.roles.viewer.tools[0]: expected a glob that matches a tool of this contract; it matches none\ncontract.yaml:12:22: spec.roles.clerk.tools[0]: expected a glob that matches a tool of this contract; it matches none\ncontract.yaml:15:13: spec.tools[0].name: expected 1 to 64 of `a-z`, `A-Z`, `0-9`, `_` and `-`, as LLM APIs require",
    ),
    (
        "name: get_order",
        "name: create_order",
        "contract.yaml:11:23: spec.roles.viewer.tools[0]: expected a glob that matches a tool of this contract; it matches none\ncontract.yaml:12:22: spec.roles.clerk.tools[0]: expected a glob that matches a tool of this contract; it matches none\ncontract.yaml:20:13: spec.tools[1].name: expected each tool name once; `create_order` is there twice, rename one",
    ),
    (
        "description: Look up an order.",
        "description: 7",
        "contract.yaml:16:20: spec.tools[0].description: expected a string, found a number; put it in quotes",
    ),
    ("effects: read", "effects: none", "contract.yaml:18:16: spec.tools[0].effects: expected `read` or `write`"),
    (
        "      effects: read\n",
        "",
        "contract.yaml:15:7: spec.tools[0]: missing field `effects`; expected `read` or `write`",
    ),
    (
        "output: trusted",
        "output: maybe",
        "contract.yaml:33:15: spec.tools[1].output: expected `trusted` or `untrusted`",
    ),
    (
        "effects: write",
        "effects: write\n      when: \"true\"",
        "contract.yaml:32:7: spec.tools[1].when: `when` is not enforced yet, and a rule that is not enforced is worse than none; remove it",
    ),
    (
        "effects: write",
        "effects: write\n      whn: \"true\"",
        "contract.yaml:32:7: spec.tools[1].whn: unknown field; did you mean `when`?",
    ),
    (
        "effects: write",
        "effects: write\n      requires: untainted",
        "contract.yaml:32:7: spec.tools[1].requires: `requires` is not enforced yet, and a rule that is not enforced is worse than none; remove it",
    ),
    (
        "effects: write",
        "effects: write\n      origin: { customer: [user] }",
        "contract.yaml:32:7: spec.tools[1].origin: `origin` is not enforced yet, and a rule that is not enforced is worse than none; remove it",
    ),
    (
        "approval: never",
        "approval: sometimes",
        "contract.yaml:32:17: spec.tools[1].approval: expected `never` or `always`",
    ),
    (
        "approval: never",
        "approval: { when: \"true\" }",
        "contract.yaml:32:17: spec.tools[1].approval: expected `never` or `always`; `approval.when` is not enforced yet, and a rule that is not enforced is worse than none",
    ),
    (
        "effects: read\n",
        "effects: read\n      approval: always\n",
        "contract.yaml:19:17: spec.tools[0].approval: expected `never` for a tool that the calling application runs; only what the executor runs can wait for a person",
    ),
    ("output: trusted", "audit: everything", "contract.yaml:33:14: spec.tools[1].audit: expected `digest` or `full`"),
    // run
    (
        "run: { client: {} }",
        "run: {}",
        "contract.yaml:19:12: spec.tools[0].run: expected exactly one of `client`, `wasm`, `grpc`, `http` or `mcp`",
    ),
    (
        "run: { client: {} }",
        "run: { client: }",
        "contract.yaml:19:20: spec.tools[0].run.client: expected a mapping, found nothing",
    ),
    (
        "      run:\n",
        "      run:\n        client: {}\n",
        "contract.yaml:35:9: spec.tools[1].run: expected exactly one of `client`, `wasm`, `grpc`, `http` or `mcp`; remove `client` or `wasm`",
    ),
    // backends
    (
        "run: { client: {} }",
        "run: { grpc: { cluster: a, method: b } }",
        "contract.yaml:19:42: spec.tools[0].run.grpc.method: expected `callgate.worker.v1.Worker/Invoke` or `callgate.worker.v1.Worker/InvokeStream`",
    ),
    (
        "run: { client: {} }",
        "run: { grpc: { cluster: a } }",
        "contract.yaml:19:20: spec.tools[0].run.grpc: missing field `method`; expected a method of a worker, `callgate.worker.v1.Worker/Invoke` or `…/InvokeStream`",
    ),
    (
        "run: { client: {} }",
        "run: { grpc: { address: \"10.0.0.1:1\", method: callgate.worker.v1.Worker/Invoke } }",
        "contract.yaml:19:20: spec.tools[0].run.grpc: missing field `cluster`; expected the name of a backend in the executor's configuration\ncontract.yaml:19:22: spec.tools[0].run.grpc.address: unknown field; expected `cluster`, `method`, `timeout` or `outputBytes`",
    ),
    (
        "run: { client: {} }",
        "run: { http: { cluster: \"api.example.com:443\", path: /a } }",
        "contract.yaml:19:31: spec.tools[0].run.http.cluster: expected 1 to 63 of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`: the name of a backend, not its address",
    ),
    (
        "run: { client: {} }",
        "run: { http: { cluster: a } }",
        "contract.yaml:19:20: spec.tools[0].run.http: missing field `path`; expected the path of the API, such as `/v1/orders`",
    ),
    (
        "run: { client: {} }",
        "run: { http: { cluster: a, path: /a/../b } }",
        "contract.yaml:19:40: spec.tools[0].run.http.path: expected a path such as `/v1/orders`, without query, `%`, `.` and `..`; arguments go into the body or the query",
    ),
    (
        "run: { client: {} }",
        "run: { http: { cluster: a, path: /a, method: HEAD } }",
        "contract.yaml:19:52: spec.tools[0].run.http.method: expected `GET`, `POST`, `PUT`, `PATCH` or `DELETE`",
    ),
    (
        "run: { client: {} }",
        "run: { mcp: { cluster: a } }",
        "contract.yaml:19:19: spec.tools[0].run.mcp: missing field `tool`; expected what the MCP server calls the tool",
    ),
    (
        "run: { client: {} }",
        "run: { mcp: { cluster: a, tool: \"\" } }",
        "contract.yaml:19:39: spec.tools[0].run.mcp.tool: expected a string; it is empty",
    ),
    (
        "run: { client: {} }",
        "run: { mcp: { cluster: a, tool: b, timeout: 5 } }",
        "contract.yaml:19:51: spec.tools[0].run.mcp.timeout: expected a duration: a whole number from 1 up with `ms`, `s`, `m` or `h`, such as `30s`",
    ),
    // wasm
    (
        "module: tools/orders.wasm",
        "module: ../orders.wasm",
        "contract.yaml:36:19: spec.tools[1].run.wasm.module: expected a path inside the contract's folder; `..` leads out of it",
    ),
    (
        "module: tools/orders.wasm",
        "module: /orders.wasm",
        "contract.yaml:36:19: spec.tools[1].run.wasm.module: expected a path relative to the contract's folder, not an absolute one",
    ),
    (
        "sha256: \"0123",
        "sha256: \"123",
        "contract.yaml:37:19: spec.tools[1].run.wasm.sha256: expected 64 hexadecimal digits in quotes; `callgate pin` writes them",
    ),
    (
        "args: [create]",
        "args: [1]",
        "contract.yaml:38:18: spec.tools[1].run.wasm.args[0]: expected a string, found a number; put it in quotes",
    ),
    (
        "args: [create]",
        "args: create",
        "contract.yaml:38:17: spec.tools[1].run.wasm.args: expected a list, found a string",
    ),
    (
        "memory: 64MiB",
        "memory: 1KiB",
        "contract.yaml:39:19: spec.tools[1].run.wasm.memory: expected memory from 64KiB, one page of WebAssembly, to 4GiB",
    ),
    (
        "fuel: 500M",
        "fuel: 500MiB",
        "contract.yaml:40:17: spec.tools[1].run.wasm.fuel: expected fuel: a whole number from 1 up, or one with `K`, `M` or `G`, such as `500M`",
    ),
    (
        "guest: /data",
        "guest: data",
        "contract.yaml:42:51: spec.tools[1].run.wasm.files[0].guest: expected an absolute path without `.` and `..`, such as `/data`",
    ),
    ("mode: rw", "mode: w", "contract.yaml:42:64: spec.tools[1].run.wasm.files[0].mode: expected `ro` or `rw`"),
    (
        "env: [ORDER_REGION]",
        "env: [\"A=B\"]",
        "contract.yaml:43:17: spec.tools[1].run.wasm.env[0]: expected the name of an environment variable: `A-Z`, `a-z`, `0-9` and `_`",
    ),
    (
        "mode: rw",
        "mode: ro, quota: 1MiB",
        "contract.yaml:42:75: spec.tools[1].run.wasm.files[0].quota: expected a `quota` only with `mode: rw`; nothing is written to what is read only",
    ),
    (
        "http: []",
        "http: [\"api.example.com\"]",
        "contract.yaml:44:18: spec.tools[1].run.wasm.http[0]: expected a host and a port, such as `api.example.com:443` or `[2001:db8::1]:443`; globs are not allowed here",
    ),
    (
        "http: []",
        "http: [{ to: \"a:1\", private: yes }]",
        "contract.yaml:44:40: spec.tools[1].run.wasm.http[0].private: expected `true` or `false`",
    ),
    (
        "http: []",
        "http: [{ host: \"a:1\" }]",
        "contract.yaml:44:18: spec.tools[1].run.wasm.http[0]: missing field `to`; expected a host and a port, such as `api.example.com:443`\ncontract.yaml:44:20: spec.tools[1].run.wasm.http[0].host: unknown field; expected `to`, `private` or `authorization`",
    ),
    (
        "http: []",
        "secretEnv: { API_KEY: hunter2 }",
        "contract.yaml:44:33: spec.tools[1].run.wasm.secretEnv.API_KEY: expected where the secret is, such as `file:/run/secrets/api-key`; never the secret itself",
    ),
    (
        "http: []",
        "secretEnv: { ORDER_REGION: file:/a }",
        "contract.yaml:44:24: spec.tools[1].run.wasm.secretEnv.ORDER_REGION: expected each variable once; `ORDER_REGION` is in `env` too, remove one",
    ),
    (
        "          timeout: 2s",
        "          timeoot: 2s",
        "contract.yaml:41:11: spec.tools[1].run.wasm.timeoot: unknown field; did you mean `timeout`?",
    ),
    // schemas
    (
        "result: { type: object,",
        "result: { type: objekt,",
        "contract.yaml:30:23: spec.tools[1].result.type: expected one of \"array\", \"boolean\", \"integer\", \"null\", \"number\", \"object\", \"string\", or an array",
    ),
    (
        "minLength: 1",
        "minLength: -1",
        "contract.yaml:27:48: spec.tools[1].parameters.properties.customer.minLength: expected a number of at least 0",
    ),
    (
        "required: [customer, quantity]",
        "required: customer",
        "contract.yaml:24:19: spec.tools[1].parameters.required: expected an array",
    ),
    (
        "^A-[0-9]+$",
        "^(?!B)A",
        "contract.yaml:17:78: spec.tools[0].parameters.properties.id.pattern: expected a regular expression that runs in linear time; look-around, back-references and expressions that grow beyond the size limit are not supported",
    ),
    (
        "        type: object\n",
        "        type: array\n",
        "contract.yaml:23:15: spec.tools[1].parameters: expected a schema with `type: object` at its top; the arguments of a call are always an object",
    ),
    (
        "        type: object\n",
        "",
        "contract.yaml:23:9: spec.tools[1].parameters: expected a schema with `type: object` at its top; the arguments of a call are always an object",
    ),
    (
        "customer: { type: string, minLength: 1 }",
        "customer: { $ref: \"#/$defs/nowhere\" }",
        "contract.yaml:27:29: spec.tools[1].parameters.properties.customer.$ref: expected a reference to a place in this schema; there is no such place",
    ),
    (
        "minLength: 1",
        "format: idn-hostname",
        "contract.yaml:27:45: spec.tools[1].parameters.properties.customer.format: expected a format that is checked; `idn-hostname` is not, use a `pattern`",
    ),
];

#[test]
fn each_fault_gets_its_line() {
    let mut wrong = String::new();
    for (from, to, expected) in CASES {
        assert!(ORDER_DESK.contains(from), "the order desk has no `{from}`");
        let text = ORDER_DESK.replacen(from, to, 1);
        let got = match load("contract.yaml", &text, &Folder(&[])) {
            Ok(_) => "(accepted)".to_owned(),
            Err(errors) => errors.to_string(),
        };
        if got != expected {
            wrong.push_str(&format!("`{from}` → `{to}`\n  expected: {expected}\n  got:      {got}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn all_faults_are_reported_at_once_in_their_order() {
    let text = ORDER_DESK
        .replace("onViolation: refuse", "onViolation: ignore")
        .replace("effects: read", "effects: none")
        .replace("fuel: 500M", "fuel: lots")
        .replace("minLength: 1", "minLength: -1")
        .replace("approval: never", "approval: sometimes");
    let errors = load("desk/contract.yaml", &text, &Folder(&[])).unwrap_err();
    let places: Vec<(u32, &str)> = errors.iter().map(|fault| (fault.line, fault.path.as_str())).collect();
    assert_eq!(
        places,
        [
            (9, "/spec/onViolation"),
            (18, "/spec/tools/0/effects"),
            (27, "/spec/tools/1/parameters/properties/customer/minLength"),
            (32, "/spec/tools/1/approval"),
            (40, "/spec/tools/1/run/wasm/fuel"),
        ]
    );
    assert!(errors.iter().all(|fault| fault.file == "desk/contract.yaml" && fault.column > 0));
}

#[test]
fn all_faults_of_one_schema_are_reported_at_once() {
    let text = with_parameters(
        "{ type: object, maxProperties: x, properties: { a: { pattern: \"(?=a)\" }, b: { pattern: \"(\" } } }",
    );
    let errors = load("contract.yaml", &text, &Folder(&[])).unwrap_err();
    let paths: Vec<&str> = errors.iter().map(|fault| fault.path.as_str()).collect();
    let schema = "/spec/tools/0/parameters";
    assert_eq!(
        paths,
        [
            format!("{schema}/maxProperties"),
            format!("{schema}/properties/a/pattern"),
            format!("{schema}/properties/b/pattern")
        ]
    );
}

#[test]
fn what_the_contract_says_is_what_the_model_holds() {
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
fn unknown_members_and_undeclared_tools_are_treated_as_the_contract_says() {
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
fn what_is_left_out_has_its_documented_default() {
    let text = with_parameters("{ type: object }").replace(
        "run: { client: {} }",
        "run: { wasm: { module: a.wasm, sha256: \"0000000000000000000000000000000000000000000000000000000000000000\" } }",
    );
    let contract = load("contract.yaml", &text, &Folder(&[])).unwrap();
    let limits = contract.limits();
    assert_eq!(limits.max_output_tokens, None);
    assert_eq!((limits.max_tool_calls_per_turn, limits.max_rounds), (8, 4));
    assert_eq!((limits.request_bytes, limits.response_bytes, limits.turn_timeout.as_secs()), (1 << 20, 4 << 20, 600));
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
fn what_a_module_is_granted_is_what_the_contract_says() {
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
