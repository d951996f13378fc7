//! Messages of revision 2026-07-28: what requests state, and results that want inputs.

use callgate_wire::ShapeError;
use callgate_wire::mcp::{ClientInput, Era, McpAnswer, McpRequest, ResultKind};
use serde_json::{Value, json};

const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const SERVER: &str = "io.modelcontextprotocol/serverInfo";
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

fn request(params: &Value) -> McpRequest {
    let text = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    McpRequest::read(text.as_bytes()).unwrap()
}

fn answer(result: &Value) -> McpAnswer {
    McpAnswer::read(json!({ "jsonrpc": "2.0", "id": 1, "result": result }).to_string().as_bytes()).unwrap()
}

fn result_of(answer: &McpAnswer) -> Value {
    let written: Value = serde_json::from_slice(&answer.write()).unwrap();
    written["result"].clone()
}

#[test]
fn a_request_states_its_revision_and_capabilities_in_the_exact_spelling() {
    let good = json!({ "_meta": { VERSION: "2026-07-28", CAPABILITIES: {}, "com.example/x": 1 } });
    assert_eq!(request(&good).stated().unwrap(), "2026-07-28");
    assert!(request(&good).states_itself());
    let table = [
        json!({}),
        json!({ "_meta": 7 }),
        json!({ "_meta": {} }),
        json!({ "_meta": { VERSION: "2026-07-28" } }),
        json!({ "_meta": { CAPABILITIES: {} } }),
        json!({ "_meta": { VERSION: 7, CAPABILITIES: {} } }),
        json!({ "_meta": { VERSION: "2026-07-28", CAPABILITIES: [] } }),
        json!({ "_meta": { VERSION: "2026-07-28", "io.modelcontextprotocol/ProtocolVersion": "x", CAPABILITIES: {} } }),
        json!({ "_META": {}, "_meta": { VERSION: "2026-07-28", CAPABILITIES: {} } }),
    ];
    for params in table {
        let error = request(&params).stated().unwrap_err();
        assert!(error.param().is_some_and(|param| param.starts_with("params")), "{params}");
    }
    let answer = McpRequest::read(br#"{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}"#).unwrap();
    answer.stated().unwrap_err();
}

#[test]
fn a_retry_carries_inputs_of_known_kinds_only() {
    let table = [
        (json!({ "action": "accept", "content": { "seat": "4A" } }), ClientInput::Elicitation),
        (
            json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "x" } }),
            ClientInput::Sampling,
        ),
        (json!({ "roots": [] }), ClientInput::Roots),
    ];
    for (input, kind) in table {
        let retry = request(&json!({ "inputResponses": { "k": input }, "requestState": "s" }));
        assert_eq!(retry.inputs().unwrap(), [kind]);
        assert!(retry.is_retry());
    }
    assert_eq!(request(&json!({ "inputResponses": null, "requestState": "s" })).inputs().unwrap(), []);
    let many: serde_json::Map<String, Value> = (0..17).map(|n| (n.to_string(), json!({ "roots": [] }))).collect();
    let table = [
        json!({ "requestState": 7 }),
        json!({ "requestState": "s".repeat(65_793) }),
        json!({ "inputResponses": [] }),
        json!({ "inputResponses": many }),
        json!({ "inputResponses": { "k": "text" } }),
        json!({ "inputResponses": { "k": {} } }),
        json!({ "inputResponses": { "k": { "action": "accept", "roots": [] } } }),
        json!({ "inputResponses": { "k": { "Action": "accept" } } }),
        json!({ "inputResponses": { "k": { "role": "assistant", "content": { "type": "tool_use", "name": "a" } } } }),
        json!({ "inputResponses": { "k": { "role": "assistant" } } }),
    ];
    for params in table {
        request(&params).inputs().expect_err(&params.to_string());
    }
}

#[test]
fn capabilities_that_a_server_must_not_use_are_withheld() {
    let params = |capabilities: Value| json!({ "name": "a", "arguments": { "b": 1, "a": 2 }, "_meta": { VERSION: "2026-07-28", CAPABILITIES: capabilities } });
    let capabilities = json!({
        "elicitation": { "form": {} }, "sampling": { "tools": {} }, "roots": {},
        "tasks": {}, "extensions": { "io.modelcontextprotocol/tasks": {} },
    });
    let mut call = request(&params(capabilities));
    call.withhold_stated(&[ClientInput::Roots], false);
    call.set_arguments(r#"{"a":2,"b":1}"#.to_owned());
    let written: Value = serde_json::from_slice(&call.write()).unwrap();
    let kept = params(json!({ "elicitation": { "form": {} }, "sampling": {} }));
    assert_eq!(written["params"], kept);
    let plain = request(&params(json!({ "elicitation": {} })));
    let mut same = plain.clone();
    same.withhold_stated(&[], false);
    assert_eq!(same.write(), plain.write());
}

#[test]
fn a_result_is_of_one_kind_for_every_client() {
    let table = [
        (json!({ "content": [] }), ResultKind::Complete),
        (json!({ "resultType": "complete" }), ResultKind::Complete),
        (json!({ "resultType": "input_required", "requestState": "s" }), ResultKind::InputRequired),
        (json!({ "resultType": "task", "taskId": "1" }), ResultKind::Task),
        (json!({ "resultType": "later" }), ResultKind::Other),
    ];
    for (result, kind) in table {
        assert_eq!(answer(&result).kind().unwrap(), kind, "{result}");
    }
    let table = [
        json!({ "resultType": 7 }),
        json!({ "resultType": null }),
        json!({ "ResultType": "task" }),
        json!({ "content": [], "inputRequests": {} }),
        json!({ "resultType": "complete", "requestState": "s" }),
        json!({ "content": [], "taskId": "1" }),
    ];
    for result in table {
        answer(&result).kind().expect_err(&result.to_string());
    }
}

/// The kinds of the inputs, with kept parameters.
fn required(answer: &mut McpAnswer) -> Result<Vec<ClientInput>, ShapeError> {
    answer.require::<()>(&mut |_, _| Ok(None)).map(Result::unwrap)
}

#[test]
fn the_first_input_that_is_refused_is_told() {
    let asks = json!({ "resultType": "input_required", "inputRequests": {
        "a": { "method": "roots/list", "params": { "x": 1 } }, "b": { "method": "elicitation/create" } } });
    let mut one = answer(&asks);
    let told = one.require(&mut |kind, _| if kind == ClientInput::Roots { Ok(None) } else { Err(kind) }).unwrap();
    assert_eq!(told, Err(ClientInput::Elicitation));
    let mut all = answer(&asks);
    all.require::<()>(&mut |_, params| Ok(params.map(|_| r#"{"y":2}"#.to_owned()))).unwrap().unwrap();
    assert_eq!(result_of(&all)["inputRequests"]["a"]["params"], json!({ "y": 2 }));
    assert_eq!(result_of(&all)["inputRequests"]["b"]["params"], json!({}));
}

#[test]
fn a_result_that_wants_inputs_carries_nothing_else() {
    let params = json!({ "message": "Which?", "requestedSchema": { "type": "object" } });
    let mut wanting = answer(&json!({
        "resultType": "input_required", "content": [{ "type": "text", "text": "POISON" }], "structuredContent": {},
        "inputRequests": { "a": { "method": "elicitation/create", "params": params, "x": "POISON" }, "b": { "method": "roots/list" } },
        "requestState": "opaque", "_meta": { "x": "POISON" },
    }));
    assert_eq!(required(&mut wanting).unwrap(), [ClientInput::Elicitation, ClientInput::Roots]);
    let expected = json!({
        "resultType": "input_required",
        "inputRequests": { "a": { "method": "elicitation/create", "params": params }, "b": { "method": "roots/list", "params": {} } },
        "requestState": "opaque",
    });
    assert_eq!(result_of(&wanting), expected);
    let mut stated = answer(&json!({ "resultType": "input_required", "requestState": "s" }));
    assert_eq!(required(&mut stated).unwrap(), []);
    let asks = |request: Value| json!({ "resultType": "input_required", "inputRequests": { "a": request } });
    let table = [
        json!({ "resultType": "input_required" }),
        json!({ "resultType": "input_required", "inputRequests": {} }),
        json!({ "resultType": "input_required", "requestState": "s".repeat(65_537) }),
        json!({ "resultType": "input_required", "requestState": 7, "inputRequests": {} }),
        asks(json!("roots/list")),
        asks(json!({ "method": "tools/call" })),
        asks(json!({ "method": "ping" })),
        asks(json!({ "method": "roots/list", "Method": "tools/call" })),
        asks(json!({ "method": "roots/list", "params": [] })),
    ];
    for result in table {
        required(&mut answer(&result)).expect_err(&result.to_string());
    }
}

#[test]
fn a_discovery_tells_models_nothing_and_names_supported_revisions_only() {
    let mut discovered = answer(&json!({
        "resultType": "complete", "supportedVersions": ["2027-01-01", "2026-07-28", 7, "2025-11-25"], "instructions": "POISON",
        "INSTRUCTIONS": "POISON", "capabilities": { "tools": {}, "extensions": { "x/y": {} } }, "ttlMs": 5, "cacheScope": "public",
        "description": "POISON", "_meta": { SERVER: { "name": "s", "version": "1", "description": "POISON" }, "x": "POISON" },
    }));
    discovered.discovered(false).unwrap();
    let expected = json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28", "2025-11-25"], "capabilities": { "tools": {} },
        "ttlMs": 5, "cacheScope": "private", "_meta": { SERVER: { "name": "s", "version": "1" } },
    });
    assert_eq!(result_of(&discovered), expected);
    for result in
        [json!({}), json!({ "supportedVersions": "x" }), json!({ "supportedVersions": [], "Capabilities": {} })]
    {
        answer(&result).discovered(false).expect_err(&result.to_string());
    }
}

#[test]
fn no_cache_shares_a_list() {
    let mut list = answer(&json!({ "tools": [], "ttlMs": 99_999_999, "cacheScope": "public" }));
    list.list(&[], Era::Stateless);
    let expected = json!({ "tools": [], "resultType": "complete", "ttlMs": 300_000, "cacheScope": "private" });
    assert_eq!(result_of(&list), expected);
    answer(&json!({ "CacheScope": "public", "cacheScope": "private" })).make_private().unwrap_err();
    for scope in [json!({ "cacheScope": "public" }), json!({ "cacheScope": "private" }), json!({})] {
        let mut other = answer(&scope);
        other.replace(scope.to_string());
        other.make_private().unwrap();
        assert_eq!(result_of(&other), json!({ "cacheScope": "private" }), "{scope}");
    }
    let mut given = answer(&json!({ "content": [] }));
    given.give(&json!(7), true, Era::Stateless);
    assert_eq!(result_of(&given)["resultType"], "complete");
}
