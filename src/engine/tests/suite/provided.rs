//! Tools of the provider under `undeclaredTools: drop`: those that the contract does not list leave the request.

use std::rc::Rc;

use callgate_engine::{Effect, Exchange, Gate, Offer};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::at_path;
use crate::common::{answered, contract, gate_over, refused};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/gpt-9:generateContent";
const BEDROCK: &str = "/model/gpt-9/converse";
const OLLAMA: &str = "/api/chat";
/// The names of the provider's tools.
const SEARCHES: [&str; 3] = ["web_search", "googleSearch", "nova_grounding"];

fn gate(rule: &str, provider: &str) -> Rc<Gate> {
    let spec = format!("  undeclaredTools: {rule}\n  providerTools: [{provider}]\n  onViolation");
    gate_over(&contract("refuse").replacen("  onViolation", &spec, 1), Offer::Declared)
}

fn send(gate: &Rc<Gate>, path: &str, body: &Value) -> (Exchange, Effect) {
    at_path::send(gate, "clerk", path, body)
}

/// Returns true for the error about a tool of the provider, in any API's format.
fn is_forbidden(effect: Effect) -> bool {
    let Effect::Reply(reply) = effect else { panic!("{effect:?}") };
    reply.status == 400
        && String::from_utf8_lossy(&reply.body).contains("runs at the provider and is not in the contract")
}

fn forwarded(gate: &Rc<Gate>, path: &str, body: &Value) -> (Exchange, Value) {
    at_path::forwarded(gate, "clerk", path, body)
}

/// Returns a request to `path` with one turn of the user and these members.
fn request(path: &str, members: &Value) -> Value {
    let turns = json!([{ "role": "user", "content": "hello" }]);
    let mut body = match path {
        RESPONSES => json!({ "model": "gpt-9", "input": "hello" }),
        GEMINI => json!({ "contents": [{ "role": "user", "parts": [{ "text": "hello" }] }] }),
        BEDROCK => json!({ "messages": [{ "role": "user", "content": [{ "text": "hello" }] }] }),
        MESSAGES => json!({ "model": "gpt-9", "max_tokens": 9, "messages": turns }),
        _ => json!({ "model": "gpt-9", "messages": turns }),
    };
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// A function as this API declares it.
fn function(path: &str) -> Value {
    match path {
        RESPONSES => json!({ "type": "function", "name": "get_weather", "parameters": {} }),
        MESSAGES => json!({ "name": "get_weather", "input_schema": { "type": "object" } }),
        GEMINI => json!({ "functionDeclarations": [{ "name": "get_weather" }] }),
        BEDROCK => json!({ "toolSpec": { "name": "get_weather", "inputSchema": { "json": {} } } }),
        _ => json!({ "type": "function", "function": { "name": "get_weather", "parameters": {} } }),
    }
}

fn search(path: &str) -> Value {
    match path {
        MESSAGES => json!({ "type": "web_search_20250305", "name": "web_search" }),
        GEMINI => json!({ "googleSearch": {} }),
        BEDROCK => json!({ "systemTool": { "name": "nova_grounding" } }),
        _ => json!({ "type": "web_search", "external_web_access": false }),
    }
}

fn with_tools(path: &str, tools: Value) -> Value {
    match path {
        BEDROCK => request(path, &json!({ "toolConfig": { "tools": tools } })),
        _ => request(path, &json!({ "tools": tools })),
    }
}

fn tools<'b>(path: &str, body: &'b Value) -> &'b Value {
    if path == BEDROCK { &body["toolConfig"]["tools"] } else { &body["tools"] }
}

fn has_search(body: &Value) -> bool {
    SEARCHES.iter().any(|name| body.to_string().contains(name))
}

#[test]
fn a_provider_tool_outside_the_contract_is_dropped_in_every_api() {
    for path in [CHAT, RESPONSES, MESSAGES, GEMINI, BEDROCK, OLLAMA] {
        let both = with_tools(path, json!([search(path), function(path)]));
        let (exchange, body) = forwarded(&gate("drop", ""), path, &both);
        assert_eq!(tools(path, &body).as_array().map(Vec::len), Some(1), "{path}: {body}");
        assert!(body.to_string().contains("get_weather") && !has_search(&body), "{path}: {body}");
        assert_eq!(exchange.tally().undeclared_dropped, 1, "{path}");
        // What is left needs no rule at all, so nothing that runs at the provider is hidden in it.
        let (_, again) = forwarded(&gate("refuse", ""), path, &body);
        assert_eq!(again, body, "{path}: a second gate changes nothing");

        let alone = with_tools(path, json!([search(path)]));
        let (_, body) = forwarded(&gate("drop", ""), path, &alone);
        assert!(tools(path, &body).is_null() && body.get("toolConfig").is_none(), "{path}: {body}");

        assert!(is_forbidden(send(&gate("refuse", ""), path, &both).1), "{path}");
        let listed = gate("drop", "web_search, web_search_20250305, googleSearch, nova_grounding");
        let (exchange, body) = forwarded(&listed, path, &both);
        assert!(has_search(&body), "{path}: {body}");
        assert_eq!(exchange.tally().undeclared_dropped, 0, "{path}");
    }
}

/// Each case has the members of a request, and those that are left of them.
#[test]
fn all_that_belongs_to_a_dropped_provider_tool_goes_with_it() {
    let named = |name: &str| json!({ "type": "function", "name": name });
    let chat = |name: &str| json!({ "type": "function", "function": { "name": name } });
    for (path, members, left) in [
        // Choices.
        (RESPONSES, json!({ "tool_choice": { "type": "web_search" } }), json!({ "tool_choice": "auto" })),
        (RESPONSES, json!({ "tool_choice": "required" }), json!({ "tool_choice": "required" })),
        (
            RESPONSES,
            json!({ "tool_choice": { "type": "allowed_tools", "mode": "required",
                "tools": [{ "type": "web_search" }, named("get_weather"), named("rm_rf")] } }),
            json!({ "tool_choice": { "type": "allowed_tools", "mode": "required", "tools": [named("get_weather")] } }),
        ),
        (
            RESPONSES,
            json!({ "tool_choice": { "type": "allowed_tools", "mode": "auto", "tools": [{ "type": "web_search" }] } }),
            json!({ "tool_choice": "auto" }),
        ),
        (CHAT, json!({ "tool_choice": { "type": "web_search" } }), json!({ "tool_choice": "auto" })),
        (
            CHAT,
            json!({ "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": "auto",
                "tools": [{ "type": "web_search" }, chat("rm_rf"), chat("get_weather")] } } }),
            json!({ "tool_choice": { "type": "allowed_tools", "allowed_tools": { "mode": "auto",
                "tools": [chat("get_weather")] } } }),
        ),
        (CHAT, json!({ "tool_choice": chat("get_weather") }), json!({ "tool_choice": chat("get_weather") })),
        (CHAT, json!({ "tool_choice": chat("rm_rf") }), json!({ "tool_choice": "auto" })),
        (
            MESSAGES,
            json!({ "tool_choice": { "type": "tool", "name": "web_search", "disable_parallel_tool_use": true } }),
            json!({ "tool_choice": { "type": "auto", "disable_parallel_tool_use": true } }),
        ),
        (
            MESSAGES,
            json!({ "tool_choice": { "type": "tool", "name": "get_weather" } }),
            json!({ "tool_choice": { "type": "tool", "name": "get_weather" } }),
        ),
        (
            GEMINI,
            json!({ "toolConfig": { "googleMagic": {}, "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["rm_rf", "get_weather"] } } }),
            json!({ "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["get_weather"] } } }),
        ),
        (
            GEMINI,
            json!({ "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["rm_rf"] } } }),
            json!({ "toolConfig": { "functionCallingConfig": { "mode": "AUTO" } } }),
        ),
        // What the answer was to have of it.
        (
            RESPONSES,
            json!({ "include": ["web_search_call.action.sources", "reasoning.encrypted_content", "web_search_call.results"] }),
            json!({ "include": ["reasoning.encrypted_content"] }),
        ),
        (RESPONSES, json!({ "include": ["web_search_call.results"] }), json!({ "include": null })),
        // Members that turn a tool on.
        (
            CHAT,
            json!({ "web_search_options": {}, "enable_search": true }),
            json!({ "web_search_options": null, "enable_search": null }),
        ),
        (CHAT, json!({ "plugins": [{ "id": "web" }], "user": "u" }), json!({ "plugins": null, "user": "u" })),
        (CHAT, json!({ "extra_body": { "web_search": true, "top_k": 4 } }), json!({ "extra_body": { "top_k": 4 } })),
        (CHAT, json!({ "search_parameters": { "mode": "off" } }), json!({ "search_parameters": { "mode": "off" } })),
        // Servers and skills.
        (
            MESSAGES,
            json!({ "mcp_servers": [{ "type": "url", "url": "https://mcp.example", "name": "m" }] }),
            json!({ "mcp_servers": null }),
        ),
        (
            MESSAGES,
            json!({ "container": { "skills": [{ "type": "anthropic", "skill_id": "pdf" }] } }),
            json!({ "container": null }),
        ),
    ] {
        let mut body = with_tools(path, json!([search(path), function(path)]));
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (_, sent) = forwarded(&gate("drop", ""), path, &body);
        for (name, value) in left.as_object().unwrap() {
            assert_eq!(&sent[name], value, "{path} {members}");
        }
        forwarded(&gate("refuse", ""), path, &sent);
    }
}

#[test]
fn a_choice_leaves_with_the_last_tool() {
    for (path, choice) in [
        (CHAT, json!({ "tool_choice": "required", "parallel_tool_calls": true })),
        (RESPONSES, json!({ "tool_choice": { "type": "web_search" }, "parallel_tool_calls": true })),
        (MESSAGES, json!({ "tool_choice": { "type": "any" } })),
    ] {
        let mut body = with_tools(path, json!([search(path)]));
        for (name, value) in choice.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (_, sent) = forwarded(&gate("drop", ""), path, &body);
        assert!(["tools", "tool_choice", "parallel_tool_calls"].iter().all(|name| sent.get(name).is_none()), "{sent}");
    }
}

/// Code of the provider may call a function only if the contract lists the code; the function itself stays.
#[test]
fn a_dropped_caller_leaves_the_function_to_the_model() {
    for (path, kind, caller) in [
        (RESPONSES, "programmatic_tool_calling", "programmatic"),
        (MESSAGES, "code_execution_20250825", "code_execution_20250825"),
    ] {
        for (callers, left) in [(json!([caller]), Value::Null), (json!(["direct", caller]), json!(["direct"]))] {
            let mut tool = function(path);
            tool["allowed_callers"] = callers;
            let body = with_tools(path, json!([tool, { "type": kind, "name": "code_execution" }]));
            let (_, sent) = forwarded(&gate("drop", ""), path, &body);
            assert_eq!(sent["tools"].as_array().map(Vec::len), Some(1), "{sent}");
            assert_eq!(sent["tools"][0]["allowed_callers"], left, "{sent}");
        }
    }
}

/// Nothing could find a deferred tool without the search.
#[test]
fn without_the_providers_search_no_tool_is_deferred() {
    for (path, kind) in [(RESPONSES, "tool_search"), (MESSAGES, "tool_search_tool_regex_20251119")] {
        let mut tool = function(path);
        tool["defer_loading"] = json!(true);
        let body = with_tools(path, json!([{ "type": kind, "name": "tool_search" }, tool]));
        let (_, sent) = forwarded(&gate("drop", ""), path, &body);
        assert!(sent["tools"][0].get("defer_loading").is_none(), "{sent}");
        let (_, sent) = forwarded(&gate("drop", kind), path, &body);
        assert_eq!(sent["tools"][1]["defer_loading"], true, "{sent}");
    }
}

/// An advisor names the model that answers it.
#[test]
fn the_model_of_a_dropped_tool_is_not_judged() {
    let advisor = json!({ "type": "advisor_20260301", "name": "advisor", "model": "other-1" });
    let body = with_tools(MESSAGES, json!([advisor, function(MESSAGES)]));
    let (_, sent) = forwarded(&gate("drop", ""), MESSAGES, &body);
    assert!(!sent.to_string().contains("other-1"), "{sent}");
    let listed = gate("drop", "advisor_20260301");
    assert_eq!(refused(send(&listed, MESSAGES, &body).1).1, "model_not_allowed");
}

#[test]
fn references_to_dropped_servers_leave_the_conversation() {
    let change =
        |kind: &str| json!({ "type": "tool_addition", "tool": { "type": kind, "server_name": "m", "name": "t" } });
    let mut body = with_tools(MESSAGES, json!([function(MESSAGES), { "type": "mcp_toolset", "mcp_server_name": "m" }]));
    body["mcp_servers"] = json!([{ "type": "url", "url": "https://mcp.example", "name": "m" }]);
    body["messages"] = json!([
        { "role": "user", "content": "hello" },
        { "role": "user", "content": [change("mcp_tool_reference"), change("mcp_toolset_reference"), { "type": "text", "text": "go on" }] },
    ]);
    let (_, sent) = forwarded(&gate("drop", ""), MESSAGES, &body);
    assert!(!sent.to_string().contains("mcp"), "{sent}");
    let (_, sent) = forwarded(&gate("drop", "mcp, mcp_toolset"), MESSAGES, &body);
    assert_eq!((&sent["messages"], &sent["mcp_servers"]), (&body["messages"], &body["mcp_servers"]));
}

#[test]
fn tools_in_items_and_namespaces_are_dropped_too() {
    let list = json!([{ "type": "web_search" }, { "type": "code_interpreter", "container": { "type": "auto" } }, function(RESPONSES)]);
    let item = json!({ "type": "additional_tools", "role": "developer", "tools": list });
    let body = request(RESPONSES, &json!({ "input": [item, { "role": "user", "content": "hello" }] }));
    let (exchange, sent) = forwarded(&gate("drop", ""), RESPONSES, &body);
    assert_eq!(sent["input"][0]["tools"].as_array().map(Vec::len), Some(1), "{sent}");
    assert_eq!(exchange.tally().undeclared_dropped, 2);
}

#[test]
fn a_provider_tool_at_another_place_is_refused_as_before() {
    let item = |kind: &str| request(RESPONSES, &json!({ "tools": [{ "type": "mcp" }], "input": [{ "type": kind }] }));
    let chat = |members: Value| request(CHAT, &members);
    for (path, body) in [
        (RESPONSES, item("mcp_approval_response")),
        (RESPONSES, item("mcp_list_tools")),
        (RESPONSES, request(RESPONSES, &json!({ "input": [{ "type": "program" }] }))),
        (RESPONSES, request(RESPONSES, &json!({ "input": [{ "type": "tool_search_call" }] }))),
        // The name of a model, a stored set of members, an agent, a template, documents.
        (CHAT, chat(json!({ "model": "gpt-9:online", "web_search_options": {} }))),
        (CHAT, chat(json!({ "model": "gpt-9@preset/p" }))),
        (CHAT, chat(json!({ "agent_id": "a" }))),
        (CHAT, chat(json!({ "chat_template": "{{ tools }}" }))),
        (CHAT, chat(json!({ "documents": [{ "text": "d" }] }))),
        (CHAT, chat(json!({ "compound_custom": {} }))),
        // Tools in a message.
        (CHAT, chat(json!({ "messages": [{ "role": "system", "content": "s", "tools": [{}] }] }))),
        (
            BEDROCK,
            request(
                BEDROCK,
                &json!({ "messages": [{ "role": "user", "content": [{ "toolAddition": { "tool": { "name": "t", "serverName": "m" } } }] }] }),
            ),
        ),
        (
            BEDROCK,
            request(
                BEDROCK,
                &json!({ "toolConfig": { "tools": [search(BEDROCK)] },
                "messages": [{ "role": "user", "content": [{ "toolAddition": { "tool": { "name": "nova_grounding" } } }] }] }),
            ),
        ),
    ] {
        assert!(is_forbidden(send(&gate("drop", ""), path, &body).1), "{path} {body}");
    }
}

#[test]
fn a_dropped_tool_that_runs_all_the_same_breaks_the_answer() {
    let body = with_tools(RESPONSES, json!([search(RESPONSES), function(RESPONSES)]));
    let (mut exchange, _) = forwarded(&gate("drop", ""), RESPONSES, &body);
    let answer = json!({ "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-9",
        "output": [{ "type": "web_search_call", "id": "ws_1", "status": "completed" }] });
    assert_eq!(refused(answered(&mut exchange, &answer)), (502, "upstream_invalid".to_owned()));
}

#[test]
fn in_shadow_mode_a_provider_tool_stays_and_is_counted() {
    let shadow =
        contract("refuse").replacen("  onViolation", "  enforce: false\n  undeclaredTools: drop\n  onViolation", 1);
    let gate = gate_over(&shadow, Offer::Declared);
    let body = with_tools(CHAT, json!([search(CHAT), function(CHAT)]));
    let (exchange, sent) = forwarded(&gate, CHAT, &body);
    assert_eq!(sent["tools"], body["tools"]);
    assert_eq!(exchange.tally().shadowed_errors.len(), 1);
}

/// Tools, choices among them and further members, of which a request has some.
fn pool(path: &str) -> [Vec<Value>; 3] {
    let kinds = match path {
        MESSAGES => ["web_search_20250305", "code_execution_20250825", "mcp_toolset", "tool_search_tool_bm25_20251119"],
        _ => ["web_search", "code_interpreter", "mcp", "tool_search"],
    };
    let mut tools: Vec<Value> = kinds.iter().map(|kind| json!({ "type": kind, "name": kind })).collect();
    for (name, member, value) in [
        ("get_weather", "allowed_callers", json!(["code_execution_20250825", "direct"])),
        ("order", "allowed_callers", json!(["programmatic"])),
        ("lookup", "defer_loading", json!(true)),
    ] {
        let mut tool = function(path);
        tool[member] = value;
        if path == CHAT {
            tool["function"]["name"] = json!(name);
        } else {
            tool["name"] = json!(name);
        }
        tools.push(tool);
    }
    let choices = vec![
        json!("auto"),
        json!("required"),
        json!({ "type": "web_search" }),
        json!({ "type": "tool", "name": "web_search_20250305" }),
        json!({ "type": "any" }),
        json!({ "type": "function", "name": "rm_rf" }),
        json!({ "type": "allowed_tools", "mode": "auto", "tools": [{ "type": "mcp" }, { "type": "function", "name": "get_weather" }] }),
        json!({ "type": "allowed_tools", "mode": "required", "tools": [{ "type": "code_interpreter" }] }),
    ];
    let members = vec![
        json!({ "web_search_options": {} }),
        json!({ "plugins": [{ "id": "web" }], "enable_search": false }),
        json!({ "extra_body": { "code_interpreter": { "enabled": true }, "extra_body": { "search_parameters": { "mode": "on" } } } }),
        json!({ "mcp_servers": [{ "name": "m", "url": "https://mcp.example" }] }),
        json!({ "container": { "skills": [{ "skill_id": "pdf" }] } }),
        json!({ "include": ["web_search_call.results", "code_interpreter_call.outputs"] }),
        json!({ "fallbacks": [{ "model": "gpt-8", "web_search": true }] }),
        json!({ "documents": [{ "text": "d" }] }),
        json!({ "compound_custom": {} }),
    ];
    [tools, choices, members]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A second gate that refuses tools of the provider reads the forwarded request, so it would find one that is hidden in it.
    #[test]
    fn what_is_forwarded_hides_no_tool_of_the_provider(
        path in prop::sample::select(vec![CHAT, RESPONSES, MESSAGES]),
        tools in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        choice in prop::option::of(any::<prop::sample::Index>()),
        members in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        let [all, choices, further] = pool(path);
        let mut body = with_tools(path, tools.iter().map(|at| at.get(&all).clone()).collect());
        for member in members.iter().map(|at| at.get(&further)) {
            body.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        }
        if let Some(choice) = choice {
            body["tool_choice"] = choice.get(&choices).clone();
        }
        if let (_, Effect::Forward(forward)) = send(&gate("drop", ""), path, &body) {
            let sent = serde_json::from_slice(&forward.body).unwrap();
            let (_, again) = forwarded(&gate("refuse", ""), path, &sent);
            prop_assert_eq!(again, sent);
        }
    }
}
