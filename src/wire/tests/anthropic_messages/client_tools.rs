//! Tools that the API defines and the client runs, and tools that a search finds.

use callgate_wire::anthropic_messages::AnthropicMessages;
use callgate_wire::{Declaration, Dialect as _, Form, Part, Request, Target, called};
use serde_json::{Value, json};

fn read(body: &Value) -> Box<dyn Request> {
    AnthropicMessages
        .request(&Target::new("/v1/messages"), body.to_string().as_bytes())
        .unwrap_or_else(|error| panic!("{body}: {error}"))
}

/// The request with these tools left, as the contract declares them.
fn declared(body: &Value, names: &[&str]) -> Value {
    let mut request = read(body);
    let own: Vec<Declaration> =
        names.iter().map(|name| Declaration::new(name, Some("ours"), &json!({ "type": "object" }))).collect();
    request.declare(&own.iter().collect::<Vec<_>>(), Form::Tool);
    serde_json::from_slice(&request.write()).unwrap()
}

fn with(tools: Value) -> Value {
    json!({ "model": "m", "messages": [], "tools": tools })
}

fn ours(name: &str) -> Value {
    json!({ "name": name, "description": "ours", "input_schema": { "type": "object" } })
}

#[test]
fn a_typed_tool_keeps_its_documented_members_and_no_other() {
    let cache = json!({ "type": "ephemeral" });
    let body = with(json!([
        { "type": "bash_20250124", "name": "bash", "description": "POISON", "input_schema": { "x": "POISON" }, "strict": true, "cache_control": cache },
        { "type": "computer_20251124", "name": "computer", "display_width_px": 1024, "display_height_px": 768, "display_number": null, "enable_zoom": true, "input_examples": [{ "x": "POISON" }] },
        { "type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 10000, "POISON": "POISON" },
        { "type": "memory_20250818", "name": "memory" },
        { "name": "f", "input_schema": {} },
    ]));
    let names: Vec<String> = read(&body).declared().iter().map(|tool| tool.name.clone()).collect();
    assert_eq!(names, ["bash", "computer", "str_replace_based_edit_tool", "memory", "f"]);
    let written = declared(&body, &["bash", "computer", "str_replace_based_edit_tool", "f"]);
    assert_eq!(
        written["tools"],
        json!([
            { "type": "bash_20250124", "name": "bash", "strict": true, "cache_control": cache },
            { "type": "computer_20251124", "name": "computer", "display_width_px": 1024, "display_height_px": 768, "enable_zoom": true },
            { "type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 10000 },
            ours("f"),
        ])
    );
}

#[test]
fn a_toolset_offers_the_members_that_are_left() {
    let body = with(json!([
        { "name": "f", "input_schema": {} },
        { "type": "computer_toolset_20260801", "cache_control": { "type": "ephemeral" },
          "configs": { "zoom": { "enabled": false }, "key": { "enabled": true, "defer_loading": false, "x": 1 }, "wait": null } },
    ]));
    let request = read(&body);
    assert!(request.declared().iter().any(|tool| tool.name == "computer__left_click"));
    assert!(!request.declared().iter().any(|tool| tool.name == "computer__zoom"), "the caller has switched it off");
    let written = declared(&body, &["f", "computer__key", "computer__screenshot"]);
    let (set, configs) = (&written["tools"][1], &written["tools"][1]["configs"]);
    assert_eq!(written["tools"][0], ours("f"));
    assert_eq!(
        (&set["type"], &set["cache_control"]),
        (&json!("computer_toolset_20260801"), &json!({ "type": "ephemeral" }))
    );
    assert_eq!(configs["key"], json!({ "enabled": true, "defer_loading": false }));
    assert_eq!(configs.get("screenshot"), None, "the default stays");
    for member in ["zoom", "left_click", "type", "wait"] {
        assert_eq!(configs[member], json!({ "enabled": false }), "{member}");
    }
    assert_eq!(declared(&body, &["f"])["tools"], json!([ours("f")]), "a toolset without members is left out");
}

#[test]
fn a_deferred_tool_stays_deferred_and_has_no_cache_mark() {
    let cache = json!({ "type": "ephemeral", "ttl": "1h", "note": "POISON" });
    let body = with(json!([
        { "type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex" },
        { "name": "late", "input_schema": {}, "defer_loading": true, "cache_control": cache, "eager_input_streaming": true },
        { "name": "soon", "input_schema": {}, "defer_loading": false, "cache_control": cache, "allowed_callers": ["direct"] },
        { "type": "memory_20250818", "name": "memory", "defer_loading": true, "cache_control": cache },
    ]));
    let tools = &declared(&body, &["late", "soon", "memory"])["tools"];
    let kept = |members: Value| {
        let mut tool = ours("x");
        tool.as_object_mut().unwrap().extend(members.as_object().cloned().unwrap());
        tool
    };
    let cache = json!({ "type": "ephemeral", "ttl": "1h" });
    assert_eq!(tools[0]["name"], "tool_search_tool_regex");
    assert_eq!(tools[1], kept(json!({ "name": "late", "defer_loading": true, "eager_input_streaming": true })));
    assert_eq!(
        tools[2],
        kept(json!({ "name": "soon", "defer_loading": false, "allowed_callers": ["direct"], "cache_control": cache }))
    );
    assert_eq!(tools[3], json!({ "type": "memory_20250818", "name": "memory", "defer_loading": true }));
}

fn reference(name: &str) -> Value {
    json!({ "type": "tool_reference", "tool_name": name })
}

fn addition(name: &str) -> Value {
    json!({ "type": "tool_addition", "tool": { "type": "tool_reference", "name": name } })
}

#[test]
fn references_to_tools_that_are_gone_are_taken_out() {
    let text = json!({ "type": "text", "text": "tool_reference" });
    let result = |content: Value| json!({ "type": "tool_result", "tool_use_id": "t", "content": content });
    let search = |references: Value| {
        let found = json!({ "type": "tool_search_tool_search_result", "tool_references": references });
        json!({ "type": "tool_search_tool_result", "tool_use_id": "s", "content": found })
    };
    let message = |content: Value| json!({ "role": "user", "content": content });
    let messages = json!([
        message(json!("tool_reference")),
        message(json!([text, result(json!([reference("good"), reference("gone")]))])),
        message(json!([result(json!([reference("gone")])), result(json!("tool_reference"))])),
        message(json!([search(json!([reference("gone"), reference("good")]))])),
        message(json!([addition("gone")])),
        message(
            json!([addition("good"), addition("gone"), { "type": "tool_removal", "tool": { "type": "mcp_toolset_reference", "mcp_server_name": "a" } }])
        ),
        message(
            json!([{ "type": "compaction", "content": "x", "tool_changes": [addition("gone"), addition("good")] }])
        ),
    ]);
    let mut body = with(json!([{ "name": "good" }, { "name": "gone" }]));
    body["messages"] = messages.clone();
    let expected = json!([
        messages[0],
        message(json!([text, result(json!([reference("good")]))])),
        message(json!([{ "type": "tool_result", "tool_use_id": "t" }, result(json!("tool_reference"))])),
        message(json!([search(json!([reference("good")]))])),
        message(
            json!([addition("good"), { "type": "tool_removal", "tool": { "type": "mcp_toolset_reference", "mcp_server_name": "a" } }])
        ),
        message(json!([{ "type": "compaction", "content": "x", "tool_changes": [addition("good")] }])),
    ]);
    assert_eq!(declared(&body, &["good"])["messages"], expected);
    assert_eq!(declared(&body, &["good", "gone"])["messages"], messages, "nothing is gone");
}

#[test]
fn references_to_tools_of_a_server_stay() {
    let content = json!([{ "type": "tool_result", "tool_use_id": "t", "content": [reference("server_tool"), reference("gone")] }]);
    let mut body =
        with(json!([{ "name": "good" }, { "name": "gone" }, { "type": "mcp_toolset", "mcp_server_name": "a" }]));
    body["messages"] = json!([{ "role": "user", "content": content }]);
    let left = &declared(&body, &["good"])["messages"][0]["content"][0]["content"];
    assert_eq!(left, &json!([reference("server_tool")]), "no list of the request has the tools of a server");
    body["tools"].as_array_mut().unwrap().pop();
    let left = &declared(&body, &["good"])["messages"][0]["content"][0];
    assert_eq!(left.get("content"), None);
}

#[test]
fn an_earlier_call_of_a_toolset_has_the_name_of_the_contract() {
    let mut body = with(json!([]));
    let used = |more: Value| {
        let mut block = json!({ "type": "tool_use", "id": "a", "name": "navigate", "input": {} });
        block.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        block
    };
    let content =
        json!([used(json!({ "toolset_name": "browser" })), used(json!({ "toolset_name": null })), used(json!({}))]);
    body["messages"] = json!([{ "role": "assistant", "content": content }]);
    let mut names = Vec::new();
    read(&body).conversation(&mut |part| {
        if let Part::Call { name, namespace, .. } = part {
            names.extend(called(name, namespace).map(|name| name.into_owned()));
        }
    });
    assert_eq!(names, ["browser__navigate", "navigate", "navigate"]);
}
