//! Bad contracts and the exact lines they get. Each case changes one thing in the order desk's contract.

use callgate_contract::load;

use crate::folder::{Folder, ORDER_DESK, with_parameters};
use crate::runs::RUNS;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The replaced text, its replacement, and the resulting line.
const CASES: [(&str, &str, &str); 77] = [
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
    (
        "providerTools: []",
        "providerTools: [bash_20250124]",
        "contract.yaml:6:19: spec.providerTools[0]: expected a tool that runs at the provider; the client runs this one, so add a tool `bash` with `command` and `restart` to `spec.tools`",
    ),
    (
        "providerTools: []",
        "providerTools: [custom]",
        "contract.yaml:6:19: spec.providerTools[0]: expected a tool that runs at the provider; the client runs this one, so add each custom tool by its name, with one text `input` to `spec.tools`",
    ),
    (
        "providerTools: []",
        "providerTools: [web_search, apply_patch]",
        "contract.yaml:6:31: spec.providerTools[1]: expected a tool that runs at the provider; the client runs this one, so add a tool `apply_patch` with the members of its `operation` to `spec.tools`",
    ),
    (
        "providerTools: []",
        "providerTools: [computer_use_preview]",
        "contract.yaml:6:19: spec.providerTools[0]: expected a tool that runs at the provider; the client runs this one, so add a tool `computer` with the members of its `action`, or with a list `actions` to `spec.tools`",
    ),
    ("providerTools: []", "serverState: x", "contract.yaml:6:16: spec.serverState: expected `refused` or `allowed`"),
    (
        "providerTools: []",
        "state: x",
        "contract.yaml:6:3: spec.state: unknown field; expected `models`, `providerTools`, `serverState`, `undeclaredTools`, `requestMembers`, `limits`, `conversation`, `prices`, `onViolation`, `enforce`, `authorize`, `results`, `users`, `mcp`, `claims`, `workspace`, `profiles`, `roles` or `tools`",
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
        "contract.yaml:12:31: spec.roles.clerk.tools[1]: expected the name of a tool of this contract; it has no tool of this name",
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
        "guest: { tools: [], tokensPerMinute: 6.5 }",
        "contract.yaml:13:42: spec.roles.guest.tokensPerMinute: expected a whole number from 1 up, or one with `K`, `M` or `G`, such as `2M`",
    ),
    (
        "guest: { tools: [] }",
        "guest: { tools: [], costPerDay: { amount: 5, currency: USD } }",
        "contract.yaml:13:37: spec.roles.guest.costPerDay: expected `prices` in `spec`: a cost is computed from them; add the prices of the models",
    ),
    (
        "guest: { tools: [] }",
        "guest: { tools: [], callsPerMinut: 6 }",
        "contract.yaml:13:25: spec.roles.guest.callsPerMinut: unknown field; did you mean `callsPerMinute`?",
    ),
    (
        "guest: { tools: [] }",
        "guest: { tools: [], callsPerMinute: 0 }",
        "contract.yaml:13:41: spec.roles.guest.callsPerMinute: expected a whole number from 1 up, or one with `K`, `M` or `G`, such as `2M`",
    ),
    (
        "guest: { tools: [] }",
        "guest: { tools: [], requestsPerDay: 2k }",
        "contract.yaml:13:41: spec.roles.guest.requestsPerDay: expected a whole number from 1 up, or one with `K`, `M` or `G`, such as `2M`",
    ),
    // conversation
    (
        "providerTools: []",
        "conversation: { id: x-session-id, lifetime: 1h }",
        "contract.yaml:6:23: spec.conversation.id: expected `header:NAME` with the name of a header in lower case, or `derived`",
    ),
    (
        "providerTools: []",
        "conversation: { id: \"header:X-Session-Id\", lifetime: 1h }",
        "contract.yaml:6:23: spec.conversation.id: expected `header:NAME` with the name of a header in lower case, or `derived`",
    ),
    (
        "providerTools: []",
        "conversation: { id: [derived, \"header:a\"], lifetime: 1h }",
        "contract.yaml:6:24: spec.conversation.id[0]: expected `derived` as the last one; every conversation has a derived id",
    ),
    (
        "providerTools: []",
        "conversation: { lifetime: 1h }",
        "contract.yaml:6:17: spec.conversation: missing field `id`; expected where the id of a conversation is, such as `header:x-session-id` or `derived`",
    ),
    (
        "providerTools: []",
        "conversation: { id: derived }",
        "contract.yaml:6:17: spec.conversation: expected `idle`, `lifetime`, `maxTurns` or `maxCalls`; an id alone decides nothing",
    ),
    (
        "providerTools: []",
        "conversation: { id: derived, idle: 2h, lifetime: 1h }",
        "contract.yaml:6:38: spec.conversation.idle: expected less than `lifetime`; no conversation would be paused before it is expired",
    ),
    (
        "providerTools: []",
        "conversation: { id: derived, lifetime: 1500ms }",
        "contract.yaml:6:42: spec.conversation.lifetime: expected whole seconds",
    ),
    (
        "providerTools: []",
        "conversation: { id: derived, maxTurns: 0 }",
        "contract.yaml:6:42: spec.conversation.maxTurns: expected a whole number from 1 up, or one with `K`, `M` or `G`, such as `2M`",
    ),
    (
        "providerTools: []",
        "conversation: { id: derived, maxTurn: 5 }",
        "contract.yaml:6:17: spec.conversation: expected `idle`, `lifetime`, `maxTurns` or `maxCalls`; an id alone decides nothing\ncontract.yaml:6:32: spec.conversation.maxTurn: unknown field; did you mean `maxTurns`?",
    ),
    // tools
    (
        "name: get_order",
        "name: get order",
        "contract.yaml:11:23: spec.roles.viewer.tools[0]: expected a glob that matches a tool of this contract; it matches none\ncontract.yaml:12:22: spec.roles.clerk.tools[0]: expected a glob that matches a tool of this contract; it matches none\ncontract.yaml:15:13: spec.tools[0].name: expected 1 to 128 of `a-z`, `A-Z`, `0-9`, `_`, `-`, `.`, `:` and `/`",
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
    (
        "effects: read",
        "effects: none",
        "contract.yaml:18:16: spec.tools[0].effects: expected `read`, `write` or `destructive`",
    ),
    (
        "      effects: read\n",
        "",
        "contract.yaml:15:7: spec.tools[0]: missing field `effects`; expected `read`, `write` or `destructive`",
    ),
    (
        "output: trusted",
        "output: maybe",
        "contract.yaml:33:15: spec.tools[1].output: expected `trusted` or `untrusted`",
    ),
    (
        "effects: write",
        "effects: write\n      when: \"args.quantity < '10'\"",
        "contract.yaml:32:28: spec.tools[1].when: `<` cannot join a whole number and a string",
    ),
    (
        "effects: write",
        "effects: write\n      whn: \"true\"",
        "contract.yaml:32:7: spec.tools[1].whn: unknown field; did you mean `when`?",
    ),
    (
        "effects: write",
        "effects: write\n      requires: untainted",
        "contract.yaml:32:17: spec.tools[1].requires: expected a mapping, found a string",
    ),
    (
        "effects: write",
        "effects: write\n      origin: { customer: { from: [user] } }",
        "contract.yaml:32:17: spec.tools[1].origin.customer: expected a JSON Pointer into the arguments, such as `/email` or `/items/*/id`",
    ),
    (
        "approval: never",
        "approval: sometimes",
        "contract.yaml:32:17: spec.tools[1].approval: expected `never` or `always`",
    ),
    (
        "approval: never",
        "approval: { when: args.quantity }",
        "contract.yaml:32:30: spec.tools[1].approval.when: expected a boolean, found a whole number",
    ),
    ("models:", "authorize: yes\n  models:", "contract.yaml:5:14: spec.authorize: expected `true` or `false`"),
    ("output: trusted", "audit: everything", "contract.yaml:33:14: spec.tools[1].audit: expected `digest` or `full`"),
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
        "contract.yaml:27:29: spec.tools[1].parameters.properties.customer.$ref: expected a reference to an existing place in this schema",
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
    for (from, to, expected) in CASES.into_iter().chain(RUNS) {
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
