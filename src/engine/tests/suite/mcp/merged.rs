//! Tools that the executor runs: at an address without a server, and beside the tools of a server.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use callgate_contract::Code;
use callgate_engine::{
    CallBatch, CallFailed, Effect, Event, Exchange, Gate, GateError, Offer, Outcome, Paths, Reply, Ruling, ToolFailure,
    lend,
};
use serde_json::{Value, json};

use super::world::*;
use crate::common::{build, gate_over};

const VIOLATION: &str = "callgate.dev/violation";

/// Tools of two servers that both have a `search`, one of a module, and one that only a client could run.
fn contract(lines: &str) -> String {
    let sha256 = "0".repeat(64);
    format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: all, version: 2.0.0 }}
spec:
  models: ["*"]
  limits: {{ requestBytes: 4KiB, responseBytes: 4KiB, turnTimeout: 30s }}
{lines}
  roles:
    viewer: {{ tools: ["wiki__*"] }}
    clerk: {{ tools: ["*"] }}
  tools:
    - name: wiki__search
      description: Searches the wiki.
      effects: read
      parameters: {{ type: object, required: [query], additionalProperties: false, properties: {{ query: {{ type: string, maxLength: 20 }} }} }}
      run: {{ mcp: {{ cluster: wiki, tool: search }} }}
    - name: tickets__search
      effects: read
      parameters: {{ type: object, additionalProperties: false, properties: {{ query: {{ type: string }} }} }}
      result: {{ type: object, required: [found], additionalProperties: false, properties: {{ found: {{ type: integer }} }} }}
      run: {{ mcp: {{ cluster: tickets, tool: search }} }}
    - name: count
      effects: read
      parameters: {{ type: object }}
      result: {{ type: integer }}
      run: {{ wasm: {{ module: count.wasm, sha256: "{sha256}" }} }}
    - name: edit
      effects: write
      parameters: {{ type: object }}
      run: {{ client: {{}} }}
"#
    )
}

fn paths(named: &[(&str, &[&str])]) -> Paths {
    let named =
        named.iter().map(|(key, paths)| ((*key).to_owned(), paths.iter().map(|path| (*path).to_owned()).collect()));
    Paths::new(&named.collect::<HashMap<_, _>>(), Vec::new())
}

/// A gate whose address `/mcp` has no server.
fn merged(lines: &str) -> Rc<Gate> {
    Rc::new(build(&contract(lines), paths(&[("mcp", &[]), ("mcpMerged", &["/mcp"])]), Offer::Declared, true).unwrap())
}

/// Sends a message of either way of MCP; returns the exchange and the first effect.
fn tell(gate: &Rc<Gate>, role: &str, message: &Value) -> (Exchange, Effect) {
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let is_alone = message["params"]["_meta"].get("io.modelcontextprotocol/protocolVersion").is_some();
    let headers = if is_alone { headers_of(message, role) } else { request_headers("POST", role) };
    let effect = send_with(&mut exchange, &headers, message.to_string().as_bytes());
    (exchange, effect)
}

/// Sends a call that the executor runs.
fn ran(gate: &Rc<Gate>, message: &Value) -> (Exchange, CallBatch) {
    match tell(gate, "clerk", message) {
        (exchange, Effect::Run(batch)) => (exchange, batch),
        (_, effect) => panic!("the executor was not asked: {effect:?}"),
    }
}

fn failure(code: &str, message: &str) -> Result<String, ToolFailure> {
    Err(ToolFailure { code: code.into(), message: message.into(), approval_id: None })
}

/// The client's answer to a call with this outcome, and the verdict.
fn outcome(gate: &Rc<Gate>, message: &Value, result: Result<String, ToolFailure>) -> (Value, String) {
    let (mut exchange, batch) = ran(gate, message);
    let id = batch.calls[0].id.clone();
    let answer = body(exchange.on(Event::CallsRun(Ok(vec![Outcome { id, result }]))));
    assert_eq!(answer["id"], 7);
    (answer, exchange.tally().verdict().into_owned())
}

fn names(answer: &Value) -> Vec<&str> {
    answer["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[test]
fn the_gate_introduces_itself_in_both_ways_of_mcp() {
    let gate = merged("");
    for (asked, told) in [("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25")] {
        let message = request("initialize", json!({ "protocolVersion": asked, "capabilities": {}, "clientInfo": {} }));
        let expected = json!({
            "protocolVersion": told, "capabilities": { "tools": {} }, "serverInfo": { "name": "all", "version": "2.0.0" }
        });
        let (exchange, effect) = tell(&gate, "clerk", &message);
        assert!(matches!(&effect, Effect::Reply(Reply { status: 200, .. })));
        assert_eq!(body(effect)["result"], expected);
        assert_eq!(exchange.tally().verdict(), "pass");
    }
    let found = body(tell(&gate, "clerk", &alone("server/discover", json!({}))).1)["result"].clone();
    assert_eq!(found["supportedVersions"].as_array().unwrap().last().unwrap(), "2026-07-28");
    assert_eq!((&found["capabilities"], &found["cacheScope"]), (&json!({ "tools": {} }), &json!("private")));
    assert_eq!(body(tell(&gate, "clerk", &request("ping", json!({}))).1)["result"], json!({}));
}

#[test]
fn a_list_has_the_executors_tools_of_the_role_and_asks_no_server() {
    let gate = merged("");
    for message in [request("tools/list", json!({})), alone("tools/list", json!({}))] {
        let answer = body(tell(&gate, "clerk", &message).1);
        assert_eq!(names(&answer), ["wiki__search", "tickets__search", "count"]);
        assert_eq!(answer["result"]["tools"][0]["description"], "Searches the wiki.");
        assert_eq!(answer["result"]["tools"][0]["annotations"]["readOnlyHint"], true);
        assert_eq!(answer["result"]["tools"][1]["outputSchema"]["required"], json!(["found"]));
        let is_alone = message["params"].get("_meta").is_some();
        assert_eq!(answer["result"]["tools"][2].get("outputSchema").is_some(), is_alone, "an older one is an object");
        assert_eq!(answer["result"]["cacheScope"].as_str(), is_alone.then_some("private"));
        assert_eq!(names(&body(tell(&gate, "viewer", &message).1)), ["wiki__search"]);
    }
    let (_, effect) = tell(&gate, "clerk", &request("tools/list", json!({ "cursor": "2" })));
    assert_eq!(refused(effect), (200, "request_invalid".into()));
}

#[test]
fn a_call_goes_to_the_executor_with_canonical_arguments_and_is_recorded() {
    for message in [call("wiki__search", json!({ "query": "a" })), call_alone("wiki__search", json!({ "query": "a" }))]
    {
        let (mut exchange, batch) = ran(&merged(""), &message);
        assert_eq!((batch.tenant.as_str(), batch.role.as_str(), batch.round), ("acme", "clerk", 1));
        let [run] = batch.calls.as_slice() else { panic!("{batch:?}") };
        assert_eq!(
            (run.tool.as_str(), run.arguments.as_str(), run.position),
            ("wiki__search", r#"{"query":"a"}"#, Some(0))
        );
        assert_eq!(exchange.take_decisions().unwrap().list[0].ruling, Ruling::Allow);
        assert_eq!(exchange.tally().verdict(), "allow", "a decision stands, also if the client hangs up now");
        exchange.on(Event::Cancelled);
        assert_eq!((exchange.tally().verdict().as_ref(), exchange.tally().cancelled), ("allow", true));
    }
}

#[test]
fn a_result_is_given_as_text_and_as_a_structure_if_the_contract_describes_it() {
    let gate = merged("");
    let result = |message: &Value, text: &str| outcome(&gate, message, Ok(text.into())).0["result"].clone();
    let text = |text: &str| json!([{ "type": "text", "text": text }]);
    let search = json!({ "query": "a" });
    assert_eq!(
        result(&call("wiki__search", search.clone()), r#""two\nlines""#),
        json!({ "content": text("two\nlines"), "isError": false })
    );
    assert_eq!(
        result(&call_alone("wiki__search", search), r#"{ "b": 1 }"#),
        json!({ "content": text(r#"{"b":1}"#), "isError": false, "resultType": "complete" })
    );
    assert_eq!(
        result(&call("tickets__search", json!({})), r#"{"found":3}"#),
        json!({ "content": text(r#"{"found":3}"#), "structuredContent": { "found": 3 }, "isError": false })
    );
    assert_eq!(result(&call("count", json!({})), "3"), json!({ "content": text("3"), "isError": false }));
    assert_eq!(result(&call_alone("count", json!({})), "3")["structuredContent"], 3);
}

#[test]
fn a_server_that_is_down_fails_its_own_calls_with_a_code_and_its_name() {
    let gate = merged("");
    let table = [
        (
            "unavailable",
            "tickets__search cannot be reached at the backend tickets: connection refused",
            "try again later",
        ),
        ("timeout", "tickets__search took longer than its timeout of 5s", "It may have run"),
        ("backend_error", "tickets__search failed at the backend tickets: status 500", "Change the arguments"),
        ("unknown_to_us", "something new", "Callgate refused"),
    ];
    for (code, message, remedy) in table {
        for (on_violation, sent) in
            [("refuse", call("tickets__search", json!({}))), ("error", call_alone("tickets__search", json!({})))]
        {
            let gate = if on_violation == "error" { merged("  onViolation: error") } else { Rc::clone(&gate) };
            let (answer, verdict) = outcome(&gate, &sent, failure(code, message));
            let result = &answer["result"];
            assert_eq!((&result["isError"], &result["_meta"][VIOLATION]["code"]), (&json!(true), &json!(code)));
            assert_eq!(result["_meta"][VIOLATION]["tool"], "tickets__search");
            let told = result["content"][0]["text"].as_str().unwrap();
            assert!(told.contains(message) && told.contains(remedy), "{told}");
            assert_eq!(told.contains("Its server is `tickets`"), code != "unknown_to_us", "{told}");
            assert_eq!(verdict, "allow", "the gate's decision");
        }
    }
    assert_eq!(names(&body(tell(&gate, "clerk", &request("tools/list", json!({}))).1)).len(), 3);
}

#[test]
fn a_held_call_names_the_request_for_approval() {
    let message = "wiki__search needs a person's approval, which was asked for as ap-1";
    let result = Err(ToolFailure {
        code: "approval_required".into(),
        message: message.into(),
        approval_id: Some("ap-1".into()),
    });
    let (answer, _) = outcome(&merged(""), &call("wiki__search", json!({ "query": "a" })), result);
    assert_eq!(answer["result"]["_meta"][VIOLATION]["code"], "approval_required");
    let told = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(
        told.starts_with("Callgate holds the call of `wiki__search` (approval_required)") && told.contains("ap-1"),
        "{told}"
    );
}

#[test]
fn a_result_that_the_contract_forbids_is_withheld() {
    let long = format!("\"{}\"", "x".repeat(5000));
    let redacting = "  results: { maxBytes: 100, redact: [{ kind: credit_card }] }";
    let (wiki, tickets) = (call("wiki__search", json!({ "query": "a" })), call("tickets__search", json!({})));
    let table = [
        ("", &tickets, r#"{"found":"SECRET"}"#, "output_invalid"),
        ("", &tickets, "SECRET", "output_invalid"),
        ("", &wiki, long.as_str(), "response_too_large"),
        (redacting, &wiki, long.as_str(), "result_too_large"),
    ];
    for (lines, message, text, code) in table {
        let (answer, verdict) = outcome(&merged(lines), message, Ok(text.into()));
        assert_eq!(answer["result"]["_meta"][VIOLATION]["code"], code, "{answer}");
        assert!(!answer.to_string().contains("SECRET") && answer.to_string().len() < 1000);
        assert_eq!(verdict, format!("error:{code}"));
        let (answer, _) = outcome(&merged(&format!("{lines}\n  onViolation: error")), message, Ok(text.into()));
        assert_eq!(answer["error"]["data"]["code"], code, "{answer}");
    }
    let (answer, _) = outcome(&merged(redacting), &wiki, Ok(r#""card 4111 1111 1111 1111""#.into()));
    assert!(!answer.to_string().contains("4111"), "{answer}");
}

#[test]
fn an_executor_without_an_answer_is_an_error_of_the_request() {
    let message = call("wiki__search", json!({ "query": "a" }));
    let other = || vec![Outcome { id: "8".into(), result: Ok("1".into()) }];
    let table = [
        (Err(CallFailed::Unreachable), "executor_unavailable"),
        (Err(CallFailed::Overloaded), "executor_overloaded"),
        (Err(CallFailed::Rejected), "executor_rejected"),
        (Ok(Vec::new()), "executor_rejected"),
        (Ok(other()), "executor_rejected"),
        (Ok([other(), other()].concat()), "executor_rejected"),
    ];
    for (outcomes, code) in table {
        let (mut exchange, _) = ran(&merged(""), &message);
        assert_eq!(refused(exchange.on(Event::CallsRun(outcomes))), (200, code.to_owned()));
    }
    let (mut exchange, _) = ran(&merged(""), &message);
    assert_eq!(exchange.on(Event::Tick { writable: false, now: NOW + Duration::from_secs(29) }), Effect::Hold);
    let effect = exchange.on(Event::Tick { writable: false, now: NOW + Duration::from_secs(31) });
    assert_eq!(refused(effect), (200, "limit_exceeded".into()));
}

#[test]
fn a_refused_call_reaches_no_executor() {
    let gate = merged("");
    let table = [
        ("clerk", "wiki__search", json!({ "query": 7 }), "arguments_invalid"),
        ("clerk", "search", json!({ "query": "a" }), "tool_not_in_contract"),
        ("clerk", "Wiki__search", json!({ "query": "a" }), "tool_not_in_contract"),
        ("clerk", "wiki__search__", json!({}), "tool_not_in_contract"),
        ("clerk", "edit", json!({}), "tool_not_in_contract"),
        ("viewer", "tickets__search", json!({}), "role_forbidden"),
    ];
    for (role, tool, arguments, code) in table {
        for message in [call(tool, arguments.clone()), call_alone(tool, arguments.clone())] {
            let (mut exchange, effect) = tell(&gate, role, &message);
            let answer = body(effect);
            assert_eq!(answer["result"]["_meta"][VIOLATION]["code"], code, "{tool}");
            let recorded = exchange.take_decisions().unwrap();
            assert!(matches!(&recorded.list[0].ruling, Ruling::Deny { code: known, .. } if known.as_str() == code));
        }
    }
    // In shadow mode too: nobody else could run it.
    let shadow = merged("  enforce: false");
    for tool in ["edit", "rm_rf"] {
        let answer = body(tell(&shadow, "clerk", &call(tool, json!({}))).1);
        assert_eq!(answer["result"]["_meta"][VIOLATION]["code"], Code::ToolNotInContract.as_str());
    }
}

#[test]
fn messages_of_sessions_and_of_other_servers_get_the_answers_that_mcp_asks_for() {
    let gate = merged("");
    for method in ["GET", "DELETE"] {
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        let headers = request_headers(method, "clerk");
        let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: true });
        assert_eq!(refused(effect), (405, "method_not_allowed".into()));
    }
    for method in ["notifications/initialized", "notifications/cancelled", "notifications/progress"] {
        let (_, effect) = tell(&gate, "clerk", &notification(method));
        assert!(matches!(effect, Effect::Reply(Reply { status: 202, .. })), "{method}: {effect:?}");
    }
    for method in
        ["resources/list", "resources/read", "prompts/list", "logging/setLevel", "tasks/get", "completion/complete"]
    {
        let (_, effect) = tell(&gate, "clerk", &request(method, json!({ "uri": "a:b" })));
        assert_eq!(refused(effect), (200, "mcp_method_forbidden".into()), "{method}");
    }
    for method in ["ping", "initialize", "subscriptions/listen", "resources/list"] {
        let (_, effect) = tell(&gate, "clerk", &alone(method, json!({})));
        assert_eq!(refused(effect), (404, "mcp_method_forbidden".into()), "{method}");
    }
    for message in [response(json!({})), notification("notifications/strange"), request("initialize", json!({}))] {
        let (_, effect) = tell(&gate, "clerk", &message);
        assert!(matches!(effect, Effect::Reply(Reply { status: 200..=400, .. })), "{effect:?}");
        assert!(body(effect).get("error").is_some(), "{message}");
    }
}

#[test]
fn headers_that_repeat_the_body_are_compared_without_a_server_too() {
    let message = call_alone("wiki__search", json!({ "query": "a" }));
    let mut headers = headers_of(&message, "clerk");
    headers.iter_mut().filter(|(name, _)| name == "mcp-name").for_each(|(_, value)| *value = b"count".to_vec());
    let mut exchange = Exchange::new(merged(""), "exchange-1");
    let effect = send_with(&mut exchange, &headers, message.to_string().as_bytes());
    assert_eq!(refused(effect), (400, "mcp_header_mismatch".into()));
}

#[test]
fn a_server_and_the_executor_share_a_list() {
    let gate = gate_over(&contract("  onViolation: refuse"), Offer::Declared);
    let tool = |name: &str| json!({ "name": name, "description": "POISON", "inputSchema": {} });
    let page = |more: bool| {
        let mut list = json!({ "tools": [tool("edit"), tool("wiki__search"), tool("other")] });
        if more {
            list["nextCursor"] = json!("2");
        }
        list
    };
    let listed = |gate: &Rc<Gate>, role: &str, list: Value| {
        let (mut exchange, effect) = tell(gate, role, &request("tools/list", json!({})));
        assert!(matches!(effect, Effect::Forward(_)));
        body(answered(&mut exchange, &response(list)))
    };
    let answer = listed(&gate, "clerk", page(false));
    assert_eq!(names(&answer), ["edit", "wiki__search", "tickets__search", "count"]);
    assert!(!answer.to_string().contains("POISON"));
    assert_eq!(names(&listed(&gate, "clerk", page(true))), ["edit"], "the last page has them");
    assert_eq!(names(&listed(&gate, "viewer", page(false))), ["wiki__search"]);
    // In shadow mode the server's own words stay, and each name is there once.
    let shadow = gate_over(&contract("  enforce: false"), Offer::Declared);
    let answer = listed(&shadow, "clerk", page(false));
    assert_eq!(names(&answer), ["edit", "wiki__search", "other", "tickets__search", "count"]);
    assert_eq!(answer["result"]["tools"][0]["description"], "POISON");
    assert_eq!(names(&listed(&shadow, "clerk", json!({ "tools": [] }))), ["wiki__search", "tickets__search", "count"]);
    // Each call goes to the side that runs it.
    assert!(matches!(tell(&gate, "clerk", &call("edit", json!({}))).1, Effect::Forward(_)));
    assert!(matches!(tell(&gate, "clerk", &call("count", json!({}))).1, Effect::Run(_)));
}

#[test]
fn a_gate_without_models_needs_no_upstream_and_one_without_a_server_needs_an_executor() {
    let text = contract("  onViolation: feedback");
    let none: &[&str] = &[];
    let keys = ["chatCompletions", "responses", "gemini", "messages", "ollama", "converse", "mcp"];
    let mut named: Vec<(&str, &[&str])> = keys.into_iter().map(|key| (key, none)).collect();
    named.push(("mcpMerged", &["/mcp"]));
    let reach = |executor, upstream| callgate_engine::Reach { executor, upstream };
    let rules = |named: &[(&str, &[&str])], reach| {
        let identity = callgate_engine::IdentitySource::Header {
            tenant: "x-tenant".into(),
            role: "x-role".into(),
            claims: std::collections::BTreeMap::new(),
        };
        callgate_engine::Rules::new(crate::common::loaded(&text), identity, paths(named), Offer::Declared, reach)
    };
    rules(&named, reach(true, false)).unwrap();
    assert!(matches!(rules(&named, reach(false, false)), Err(GateError::NoRunner { path }) if path == "/mcp"));
    let with_a_model = [("mcp", none), ("mcpMerged", &["/mcp"][..])];
    assert!(matches!(rules(&with_a_model, reach(true, false)), Err(GateError::NoUpstream { .. })));
    let twice = [("mcp", &["/mcp"][..]), ("mcpMerged", &["/mcp"][..])];
    assert!(matches!(rules(&twice, reach(true, true)), Err(GateError::PathTwice { .. })));
}
