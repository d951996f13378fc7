//! Requests: read, refused, rewritten.

use callgate_wire::anthropic_messages::AnthropicMessages;
use callgate_wire::{CallResult, Declaration, Dialect as _, Form, Request, Target, Wants};
use serde_json::{Value, json};

use crate::suite::tool_call;

const TOOLS: &str = r#"{
  "model": "claude-x", "temperature": 0.70, "stream": true, "max_tokens": 5000,
  "system": [ {"type": "text", "text": "caf\u00e9", "cache_control": {"type": "ephemeral"}} ],
  "messages": [ {"role": "user", "content": "caf\u00e9"} ],
  "tools": [
    {"name": "get_order", "description": "POISON", "strict": true, "input_schema": {"x": 1}, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    {"type": "web_search_20250305", "name": "web_search", "max_uses" : 1.0},
    {"type": "custom", "name": "order", "input_schema": {}, "input_examples": [{"POISON": 1}], "cache_control": {"type": "ephemeral", "POISON": 1}}
  ],
  "tool_choice": {"type": "tool", "name": "get_order"}
}"#;

fn with(members: &str) -> String {
    format!(r#"{{"model":"m","messages":[]{}{members}}}"#, if members.is_empty() { "" } else { "," })
}

fn tools(tools: &Value) -> String {
    with(&format!(r#""tools":{tools}"#))
}

fn read(text: &str) -> Box<dyn Request> {
    AnthropicMessages
        .request(&Target::new("/v1/messages?beta=true"), text.as_bytes())
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn written(request: &dyn Request) -> String {
    String::from_utf8(request.write()).unwrap()
}

#[test]
fn what_is_decided_on_is_told() {
    let request = read(TOOLS);
    assert_eq!((request.models(), request.wants(), request.choices()), (vec!["claude-x"], Wants::Stream, 1));
    let names: Vec<_> = request.declared().iter().map(|tool| (tool.name.as_str(), tool.form)).collect();
    assert_eq!(names, [("get_order", Form::Tool), ("order", Form::Tool)]);
    assert_eq!(request.provider_tools(), ["web_search_20250305"]);
    assert_eq!(request.chosen(), ["get_order"]);
    assert!(!request.server_state());
    assert_eq!(written(&*request), TOOLS, "and nothing is changed");
    assert_eq!(read(&with("")).wants(), Wants::Whole);
    let choice = r#""tools":[{"type":"bash_20250124","name":"bash"}],"tool_choice":{"type":"tool","name":"bash"}"#;
    assert_eq!(read(&with(choice)).chosen(), ["bash"], "the client runs it");
    let choice = choice.replace("bash_20250124", "web_search_20250305");
    assert_eq!(read(&with(&choice)).chosen(), [""; 0], "a tool of the provider is judged as what it is");
}

#[test]
fn a_request_to_count_tokens_wants_a_number_whatever_else_it_says() {
    for path in ["/v1/messages/count_tokens", "/v1/messages/count_tokens?beta=true", "/proxy/count_tokens"] {
        let request = AnthropicMessages.request(&Target::new(path), TOOLS.as_bytes()).unwrap();
        assert_eq!(request.wants(), Wants::Count, "{path}");
    }
    let request = AnthropicMessages.request(&Target::new("/v1/messages?x=/count_tokens"), TOOLS.as_bytes()).unwrap();
    assert_eq!(request.wants(), Wants::Stream);
}

#[test]
fn every_model_that_may_come_to_answer_is_told() {
    let advisor = json!([{ "type": "advisor_20260301", "name": "advisor", "model": "big" }]);
    let text = with(&format!(r#""fallbacks":[{{"model":"x"}},{{"model":"y","max_tokens":5}}],"tools":{advisor}"#));
    assert_eq!(read(&text).models(), ["m", "x", "y", "big"]);
    assert_eq!(read(&with(r#""fallbacks":"default""#)).models(), ["m", "default"], "the API's own choice");
}

#[test]
fn what_the_provider_would_run_is_told_by_its_type() {
    let called_by_code =
        json!([{ "name": "f", "input_schema": {}, "allowed_callers": ["direct", "code_execution_20260120"] }]);
    let table = [
        (with(""), vec![]),
        (with(r#""tools":null,"mcp_servers":null,"container":null"#), vec![]),
        (with(r#""mcp_servers":[],"container":{"skills":[]}"#), vec![]),
        (tools(&json!([{ "name": "f" }, { "type": null, "name": "g" }, { "type": "custom", "name": "h" }])), vec![]),
        (tools(&json!([{ "type": "web_fetch_20250910", "name": "web_fetch" }])), vec!["web_fetch_20250910"]),
        (tools(&json!([{ "type": "bash_20250124", "name": "bash" }])), vec![]),
        (tools(&json!([{ "type": "memory_20250818", "name": "memory" }])), vec![]),
        (tools(&json!([{ "type": "browser_toolset_20260801" }])), vec![]),
        (tools(&json!([{ "type": "browser_toolset_20990101" }])), vec!["browser_toolset_20990101"]),
        (tools(&json!([{ "type": "bash_code_execution", "name": "bash" }])), vec!["bash_code_execution"]),
        (tools(&json!([{ "type": "bash_2025", "name": "bash" }])), vec!["bash_2025"]),
        (tools(&json!([{ "type": "function", "name": "f" }])), vec!["function"]),
        (tools(&json!([{ "type": "", "name": "f" }])), vec![""]),
        (tools(&called_by_code), vec!["code_execution_20260120"]),
        (with(r#""mcp_servers":[{"type":"url","url":"https://a","name":"a"}]"#), vec!["mcp"]),
        (tools(&json!([{ "type": "mcp_toolset", "mcp_server_name": "a" }])), vec!["mcp_toolset"]),
        (with(r#""container":{"skills":[{"type":"anthropic","skill_id":"pptx"}]}"#), vec!["skills"]),
    ];
    for (text, expected) in table {
        assert_eq!(read(&text).provider_tools(), expected, "{text}");
    }
}

#[test]
fn state_that_the_provider_keeps_is_told() {
    for (members, state) in [
        (r#""thread":null"#, false),
        (r#""thread":{"type":"create"}"#, false),
        (r#""thread":{"type":"continue","previous_message_id":"msg_1"}"#, true),
        (r#""thread":{}"#, true),
        (r#""container":"container_1""#, true),
        (r#""container":{"id":"container_1"}"#, true),
        (r#""container":{"id":null}"#, false),
        (r#""diagnostics":{"previous_message_id":"msg_1"}"#, false),
    ] {
        assert_eq!(read(&with(members)).server_state(), state, "{members}");
    }
}

#[test]
fn bad_requests_are_refused_with_a_code_and_the_member() {
    let message = |content: &str| format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#);
    let definition =
        r#"{"type":"tool_addition","tool":{"type":"tool_definition","definition":{"name":"f","input_schema":{}}}}"#;
    let table = [
        "[]".to_owned(),
        "{".to_owned(),
        r#"{"messages":[]}"#.to_owned(),
        r#"{"model":"m"}"#.to_owned(),
        r#"{"model":"m","messages":{}}"#.to_owned(),
        r#"{"model":"m","messages":["x"]}"#.to_owned(),
        r#"{"model":"m","model":"n","messages":[]}"#.to_owned(),
        r#"{"model":"m","Model":"n","messages":[]}"#.to_owned(),
        with(r#""max_tokens":1.5"#),
        with(r#""max_tokens":"9""#),
        with(r#""stream":"true""#),
        with(r#""tool_choice":"auto""#),
        with(r#""tool_choice":{"type":"tool","Name":"f"}"#),
        with(r#""thread":"t""#),
        with(r#""container":1"#),
        with(r#""fallbacks":[{}]"#),
        with(r#""fallbacks":{"x":1}"#),
        with(r#""fallbacks":[{"model":"x","max_tokens":"9"}]"#),
        with(r#""fallbacks":[{"model":"x","Model":"y"}]"#),
        with(r#""mcp_servers":{}"#),
        with(r#""MCP_servers":[{}]"#),
        with(r#""tools":{}"#),
        with(r#""tools":["f"]"#),
        with(r#""tools":[{}]"#),
        with(r#""tools":[{"name":1}]"#),
        with(r#""tools":[{"name":""}]"#),
        with(r#""tools":[{"type":1,"name":"f"}]"#),
        with(r#""tools":[{"Type":"bash_20250124","name":"f"}]"#),
        with(r#""tools":[{"name":"f","allowed_callers":"code_execution_20260120"}]"#),
        with(r#""tools":[{"name":"f","allowed_callers":[1]}]"#),
        with(r#""tools":[{"name":"f","strict":{"say":"words"}}]"#),
        with(r#""tools":[{"name":"f","Defer_loading":true}]"#),
        with(r#""tools":[{"name":"f","cache_control":"words"}]"#),
        with(r#""tools":[{"type":"bash_20250124","name":"get_weather"}]"#),
        with(r#""tools":[{"type":"bash_20250124"}]"#),
        with(r#""tools":[{"type":"computer_20251124","name":"computer","display_width_px":99999999}]"#),
        with(r#""tools":[{"type":"computer_20251124","name":"computer","enable_zoom":"yes"}]"#),
        with(r#""tools":[{"type":"browser_toolset_20260801","configs":{"fly":{}}}]"#),
        with(r#""tools":[{"type":"browser_toolset_20260801","configs":{"navigate":{"enabled":"no"}}}]"#),
        with(r#""tools":[{"type":"mcp_toolset","mcp_server_name":"a","tools":[{"name":"f"}]}]"#),
        with(r#""tools":[{"type":"mcp_toolset","mcp_server_name":"a","default_config":{"enabled":"no"}}]"#),
        with(r#""tools":[{"type":"mcp_toolset","mcp_server_name":"a","configs":{"f":{"description":"x"}}}]"#),
        with(r#""tools":[{"name":"f"},{"name":"f"}]"#),
        with(r#""tools":[{"name":"bash"},{"type":"bash_20250124","name":"bash"}]"#),
        message(r#"["x"]"#),
        message(&format!("[{definition}]")),
        message(&definition.replace("tool_addition", r"tool\u005faddition").replace('{', "[{").replace('}', "}]")),
        message(&format!("[{}]", definition.replace("tool_addition", r"tool\u005faddition"))),
        message(&format!("[{}]", definition.replace("\"tool\"", "\"Tool\""))),
        message(r#"[{"type":"tool_addition"}]"#),
        message(&format!(r#"[{{"type":"compaction","content":"x","tool_changes":[{definition}]}}]"#)),
        with(&format!(r#""system":[{definition}]"#)),
    ];
    let mut told = String::new();
    for text in table {
        let error = AnthropicMessages.request(&Target::new("/v1/messages"), text.as_bytes()).expect_err(&text);
        told += &format!("{text}\n    {} {:?}: {error}\n", error.code(), error.param());
    }
    insta::assert_snapshot!(told);
}

#[test]
fn tools_may_be_named_in_the_midst_of_a_conversation() {
    let content = json!([
        { "type": "tool_addition", "tool": { "type": "tool_reference", "name": "f" } },
        { "type": "tool_removal", "tool": { "type": "mcp_toolset_reference", "mcp_server_name": "a" } },
    ]);
    let text = json!({ "model": "m", "messages": [{ "role": "system", "content": content }] }).to_string();
    assert_eq!(written(&*read(&text)), text);
}

#[test]
fn declarations_become_the_contracts_own_and_the_rest_keeps_its_bytes() {
    let mut request = read(TOOLS);
    let schema = json!({ "type": "object", "properties": { "id": { "type": "string" } } });
    let own = [
        Declaration::new("get_order", Some("Look it up."), &schema),
        Declaration::new("order", None, &schema),
        Declaration::new("injected", None, &json!({ "type": "object" })),
    ];
    request.declare(&own.iter().collect::<Vec<_>>(), Form::Tool);
    request.declare(&[], Form::Function);
    insta::assert_snapshot!(written(&*request));
    assert!(!written(&*request).contains("POISON"), "the caller's words are left out");
    assert_eq!(request.declared().len(), 3);

    let mut request = read(&with(r#""tools":[{"name":"f"}],"max_tokens":1"#));
    request.declare(&[], Form::Tool);
    assert_eq!(written(&*request), with(r#""max_tokens":1"#), "an empty list is left out");
}

#[test]
fn output_limits_are_lowered_or_set() {
    for (members, expected) in [
        (r#""max_tokens":5000"#, r#""max_tokens":500"#),
        (r#""max_tokens":500"#, r#""max_tokens":500"#),
        (r#""max_tokens":5"#, r#""max_tokens":5"#),
        (r#""max_tokens":null"#, r#""max_tokens":500"#),
        ("", r#""max_tokens":500"#),
        (
            r#""max_tokens":5,"fallbacks":[{"model":"x","max_tokens":9000},{"model":"y"}]"#,
            r#""max_tokens":5,"fallbacks":[{"model":"x","max_tokens":500},{"model":"y"}]"#,
        ),
    ] {
        let mut request = read(&with(members));
        request.clamp_output_tokens(500);
        assert_eq!(written(&*request), with(expected));
    }
}

#[test]
fn a_choice_that_forces_a_call_is_left_to_the_model_again() {
    for (choice, free) in [
        (r#"{"type":"tool","name":"f"}"#, r#"{"type":"auto"}"#),
        (r#"{"type":"any","disable_parallel_tool_use":true}"#, r#"{"type":"auto","disable_parallel_tool_use":true}"#),
        (r#"{"type" : "auto"}"#, r#"{"type" : "auto"}"#),
        (r#"{"type":"none"}"#, r#"{"type":"none"}"#),
        ("null", "null"),
    ] {
        let mut request = read(&with(&format!(r#""tool_choice":{choice}"#)));
        request.free_choice();
        assert_eq!(written(&*request), with(&format!(r#""tool_choice":{free}"#)));
    }
    let mut none = read(&with(""));
    none.free_choice();
    assert_eq!(written(&*none), with(""));
}

#[test]
fn a_round_asks_for_a_whole_answer_with_the_turn_appended() {
    let mut request = read(TOOLS);
    request.answer_whole();
    assert_eq!(request.wants(), Wants::Whole);
    let said = [
        json!({ "type": "thinking", "thinking": "Hm.", "signature": "SIG" }),
        json!({ "type": "text", "text": "Let me look." }),
    ];
    let result = |call, content: &str, failed| CallResult { call, content: content.to_owned(), failed };
    let mut by_code = tool_call("c2", "order", "{}");
    by_code.extra.insert("caller".to_owned(), json!({ "type": "direct" }));
    request.append_turn(
        &said,
        &[
            result(tool_call("c1", "get_order", r#"{"id":"a","n":12345678901234567890}"#), r#"{"found":1}"#, false),
            result(by_code, r#"{"error":"x"}"#, true),
        ],
    );
    request.append_turn(&[], &[result(tool_call("c3", "get_order", "{}"), "1", false)]);
    insta::assert_snapshot!(written(&*request));

    let mut empty = read(r#"{"model":"m","messages": [ ] }"#);
    empty.append_turn(&[], &[result(tool_call("c", "f", "{}"), "1", false)]);
    let body: Value = serde_json::from_str(&written(&*empty)).unwrap();
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(2));
}
