//! Requests: their members, refused and written bodies.

use callgate_json::Map;
use callgate_wire::{Call, CallResult, Declaration, Form, Request, RequestError, Wants};
use serde_json::{Value, json};

use crate::common::request;
use crate::kit::{message, reasoning};

fn written(request: &dyn Request) -> Value {
    serde_json::from_slice(&request.write()).unwrap()
}

fn read(body: &Value) -> Box<dyn Request> {
    request(&body.to_string()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[test]
fn a_request_that_nothing_changes_keeps_every_byte() {
    let text = r#" { "model":"gpt-4o", "input":[{"role":"user","content":"hi"}], "max_output_tokens" : 10, "temperature":1.50,
        "tools":[ {"type":"web_search"} ], "stream" : false, "include":["reasoning.encrypted_content"], "unknown":{} } "#;
    let mut request = request(text).unwrap();
    request.clamp_output_tokens(10);
    request.answer_whole();
    assert_eq!(String::from_utf8(request.write()).unwrap(), text);
    assert_eq!((request.models(), request.wants(), request.choices()), (vec!["gpt-4o"], Wants::Whole, 1));
}

#[test]
fn tools_are_read_with_the_choice_among_them_and_what_the_provider_runs() {
    let request = read(&json!({
        "model": "m", "input": "hi", "stream": true,
        "tools": [
            { "type": "function", "name": "f", "description": "d", "parameters": {} },
            { "type": "mcp", "server_label": "s", "server_url": "https://x" },
            { "type": "function", "name": "g" },
            { "type": "custom", "name": "sql", "format": { "type": "grammar" } },
            { "type": "namespace", "name": "crm", "tools": [{ "type": "function", "name": "h" }] },
        ],
        "tool_choice": { "type": "allowed_tools", "mode": "auto", "tools": [
            { "type": "function", "name": "g" }, { "type": "image_generation" },
        ] },
    }));
    assert_eq!(
        request.declared().iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
        ["f", "g", "sql", "crm__h"]
    );
    assert_eq!(request.provider_tools(), ["mcp", "image_generation"]);
    assert_eq!(request.chosen(), ["g"]);
    assert_eq!(request.wants(), Wants::Stream);
    for (choice, chosen, provided) in [
        (json!("required"), vec![], vec![]),
        (json!({ "type": "function", "name": "f" }), vec!["f"], vec![]),
        (json!({ "type": "web_search_preview" }), vec![], vec!["web_search_preview"]),
        (json!({ "type": "mcp", "server_label": "s", "name": "f" }), vec![], vec!["mcp"]),
        (json!({ "type": "custom", "name": "sql" }), vec!["sql"], vec![]),
        (json!({ "type": "function", "name": "h", "namespace": "crm" }), vec!["crm__h"], vec![]),
        (json!({ "type": "apply_patch" }), vec!["apply_patch"], vec![]),
        (json!({ "type": "shell" }), vec![], vec!["hosted_shell"]),
    ] {
        let request = read(&json!({ "model": "m", "input": "hi", "tool_choice": choice }));
        assert_eq!((request.chosen(), request.provider_tools()), (chosen, provided), "{choice}");
    }
}

#[test]
fn members_and_items_that_make_the_provider_run_something_are_tools() {
    let table = [
        (json!({ "web_search_options": {} }), "web_search"),
        (json!({ "plugins": [{ "id": "web" }] }), "plugins"),
        (json!({ "search_parameters": { "mode": "on" } }), "live_search"),
        (json!({ "input": [{ "type": "mcp_approval_response", "approve": true }] }), "mcp"),
        (json!({ "input": [{ "type": "mcp_list_tools", "tools": [] }] }), "mcp"),
        (json!({ "input": [{ "type": "tool_search_output", "tools": [] }] }), "tool_search"),
        (json!({ "input": [{ "type": "program", "code": "x" }] }), "programmatic_tool_calling"),
        (json!({ "tools": [{ "type": "shell", "environment": { "type": "container_auto" } }] }), "hosted_shell"),
        (json!({ "tools": [{ "type": "tool_search" }] }), "tool_search"),
        (
            json!({ "tools": [{ "type": "function", "name": "f", "allowed_callers": ["programmatic"] }] }),
            "programmatic_tool_calling",
        ),
    ];
    for (member, tool) in table {
        let mut body = json!({ "model": "m", "input": "hi" });
        body.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        assert_eq!(read(&body).provider_tools(), [tool], "{body}");
    }
    let none = read(&json!({ "model": "m", "input": [], "plugins": [], "web_search_options": null }));
    assert_eq!(none.provider_tools(), Vec::<&str>::new());
}

#[test]
fn what_goes_on_from_state_of_the_provider_says_so() {
    let table = [
        (json!({ "previous_response_id": "resp_1" }), true),
        (json!({ "previous_response_id": null, "conversation": null, "prompt": null }), false),
        (json!({ "conversation": { "id": "conv_1" } }), true),
        (json!({ "prompt": { "id": "pmpt_1" } }), true),
        (json!({ "input": [{ "type": "item_reference", "id": "msg_1" }] }), true),
        (json!({ "input": [{ "id": "msg_1" }] }), true),
        (json!({ "input": [{ "type": null, "id": "msg_1" }] }), true),
        (json!({ "input": [{ "type": "compaction", "encrypted_content": "x" }] }), false),
        (
            json!({ "input": [{ "type": "compaction", "id": "c", "encrypted_content": "x" }, { "type": "compaction_trigger" }] }),
            false,
        ),
        (json!({ "input": [{ "type": "compaction_summary", "encrypted_content": "x" }] }), false),
        (json!({ "input": [{ "type": "context_compaction", "encrypted_content": "x" }] }), false),
        (json!({ "input": [{ "type": "compaction", "id": "c" }] }), true),
        (json!({ "input": [{ "type": "compaction", "id": "c", "encrypted_content": null }] }), true),
        (json!({ "input": [{ "type": "compaction", "id": "c", "encrypted_content": ["x"] }] }), true),
        (json!({ "input": [{ "type": "compaction_summary", "encrypted_content": "" }] }), true),
        (json!({ "input": [{ "role": "user", "content": "hi" }, { "type": "message", "role": "user" }] }), false),
        (json!({ "input": [{ "type": "function_call_output", "call_id": "c", "output": "x" }] }), false),
        (json!({ "store": true }), false),
    ];
    for (member, expected) in table {
        let mut body = json!({ "model": "m", "input": "hi" });
        body.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        assert_eq!(read(&body).server_state(), expected, "{body}");
    }
}

#[test]
fn a_model_may_be_missing_only_where_a_prompt_names_it_and_then_has_no_name() {
    assert_eq!(read(&json!({ "prompt": { "id": "p" } })).models(), [""]);
    assert_eq!(read(&json!({ "model": "a", "models": ["b"], "input": "x" })).models(), ["a", "b"]);
    assert!(request(r#"{"prompt":null,"input":"x"}"#).is_err());
}

#[test]
fn what_could_be_read_in_two_ways_or_is_not_of_the_api_is_refused() {
    let table = [
        ("[]", None),
        ("{}", Some("model")),
        (r#"{"model":1}"#, Some("model")),
        (r#"{"model":"m","Model":"n"}"#, Some("model")),
        (r#"{"model":"m","model":"n"}"#, None),
        (r#"{"model":"m","m\u006fdel":"n"}"#, None),
        (r#"{"model":"m","models":1}"#, Some("models")),
        (r#"{"model":"m","input":{}}"#, Some("input")),
        (r#"{"model":"m","input":["hi"]}"#, Some("input")),
        (r#"{"model":"m","input":[{"type":"invented"}]}"#, Some("input")),
        (r#"{"model":"m","input":[{"type":1}]}"#, Some("input")),
        (r#"{"model":"m","input":[{"Type":"item_reference","role":"user"}]}"#, Some("input")),
        (r#"{"model":"m","background":true}"#, Some("background")),
        (r#"{"model":"m","background":1}"#, Some("background")),
        (r#"{"model":"m","stream":"yes"}"#, Some("stream")),
        (r#"{"model":"m","Stream":true}"#, Some("stream")),
        (r#"{"model":"m","stream_options":1}"#, Some("stream_options")),
        (r#"{"model":"m","store":"no"}"#, Some("store")),
        (r#"{"model":"m","max_output_tokens":"1"}"#, Some("max_output_tokens")),
        (r#"{"model":"m","max_output_tokens":1.5}"#, Some("max_output_tokens")),
        (r#"{"model":"m","tools":{}}"#, Some("tools")),
        (r#"{"model":"m","tools":["f"]}"#, Some("tools")),
        (r#"{"model":"m","tools":[{"name":"f"}]}"#, Some("tools")),
        (r#"{"model":"m","tools":[{"type":"function"}]}"#, Some("tools")),
        (r#"{"model":"m","tools":[{"type":"function","name":""}]}"#, Some("tools")),
        (r#"{"model":"m","tools":[{"type":"function","function":{"name":"f"}}]}"#, Some("tools")),
        (r#"{"model":"m","tools":[{"type":"function","name":"f","function":{"name":"g"}}]}"#, Some("tools")),
        (r#"{"model":"m","tools":[{"type":"function","name":"f","Name":"g"}]}"#, Some("tools")),
        (r#"{"model":"m","tools":[{"type":"function","name":"f"},{"type":"function","name":"f"}]}"#, Some("tools")),
        (r#"{"model":"m","tool_choice":1}"#, Some("tool_choice")),
        (r#"{"model":"m","tool_choice":{}}"#, Some("tool_choice")),
        (r#"{"model":"m","tool_choice":{"type":"function"}}"#, Some("tool_choice")),
        (r#"{"model":"m","tool_choice":{"type":"allowed_tools"}}"#, Some("tool_choice")),
        (
            r#"{"model":"m","tool_choice":{"type":"allowed_tools","tools":[{"type":"allowed_tools","tools":[]}]}}"#,
            Some("tool_choice"),
        ),
        (r#"{"model":"m","Plugins":[1]}"#, Some("plugins")),
    ];
    for (text, param) in table {
        let error = request(text).map(|_| ()).unwrap_err();
        assert_eq!(error.param(), param, "{text}: {error}");
    }
    let background = request(r#"{"model":"m","background":true}"#).unwrap_err();
    assert_eq!(background.to_string(), "`background` is not false: the answer must come in the response");
    assert!(matches!(request("{").unwrap_err(), RequestError::NotJson(_)));
}

#[test]
fn declarations_become_the_contracts_own_and_the_rest_keeps_its_bytes() {
    let text = r#"{"model":"m", "tools": [{"type":"function","name":"f","description":"poisoned","strict":true},
        {"type": "file_search",  "vector_store_ids": [1.0]}], "input":"hi" }"#;
    let mut request = request(text).unwrap();
    let own = Declaration::new("f", Some("Own."), &json!({ "type": "object" }));
    request.declare(&[&own], Form::Tool);
    request.clamp_output_tokens(9);
    let expected = concat!(
        r#"{"model":"m","tools":[{"type":"function","strict":true,"name":"f","description":"Own.","parameters":{"type":"object"}},"#,
        r#"{"type": "file_search",  "vector_store_ids": [1.0]}],"input":"hi","max_output_tokens":9}"#,
    );
    assert_eq!(String::from_utf8(request.write()).unwrap(), expected);
    request.declare(&[], Form::Tool);
    assert_eq!(written(&*request)["tools"], json!([{ "type": "file_search", "vector_store_ids": [1.0] }]));
    request.declare(&[&own], Form::Function);
    assert_eq!(written(&*request)["tools"].as_array().unwrap().len(), 1, "the API has one list");
}

#[test]
fn limits_are_lowered_and_never_raised() {
    for (limit, expected) in [(json!(5), 5), (json!(500), 100), (json!(-1), 100), (json!(0), 100), (Value::Null, 100)] {
        let mut request = read(&json!({ "model": "m", "input": "hi", "max_output_tokens": limit }));
        request.clamp_output_tokens(100);
        assert_eq!(written(&*request)["max_output_tokens"], expected);
    }
}

#[test]
fn a_choice_that_forces_a_call_is_left_to_the_model_again() {
    let some =
        |mode: &str| json!({ "type": "allowed_tools", "mode": mode, "tools": [{ "type": "function", "name": "f" }] });
    for (choice, free) in [
        (json!("required"), json!("auto")),
        (json!("none"), json!("none")),
        (json!("auto"), json!("auto")),
        (Value::Null, Value::Null),
        (json!({ "type": "function", "name": "f" }), json!("auto")),
        (json!({ "type": "web_search" }), json!("auto")),
        (some("required"), some("auto")),
        (some("auto"), some("auto")),
    ] {
        let mut request = read(&json!({ "model": "m", "input": "hi", "tool_choice": choice }));
        request.free_choice();
        assert_eq!(written(&*request), json!({ "model": "m", "input": "hi", "tool_choice": free }));
    }
    let mut none = read(&json!({ "model": "m" }));
    none.free_choice();
    assert_eq!(written(&*none), json!({ "model": "m" }));
}

fn result(id: &str, extra: Value) -> CallResult {
    let extra = match extra {
        Value::Object(extra) => extra,
        _ => Map::new(),
    };
    let call = Call { id: id.into(), name: "f".into(), arguments: "{}".into(), extra, ..Call::default() };
    CallResult { call, content: r#"{"ok":true}"#.into(), failed: false }
}

#[test]
fn a_round_asks_for_a_whole_answer_with_the_turn_appended() {
    let mut request = read(&json!({
        "model": "m", "input": "hi", "stream": true, "stream_options": { "include_obfuscation": false },
    }));
    request.answer_whole();
    let extra = json!({ "id": "fc_1", "status": "completed", "caller": null, "created_by": "x" });
    request.append_turn(&[reasoning("Hm"), message("Look.")], &[result("c1", extra), result("c2", Value::Null)]);
    let expected = json!({
        "model": "m", "stream": false,
        "input": [
            { "type": "message", "role": "user", "content": "hi" },
            reasoning("Hm"),
            message("Look."),
            { "type": "function_call", "id": "fc_1", "status": "completed", "call_id": "c1", "name": "f", "arguments": "{}" },
            { "type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "c1", "output": r#"{"ok":true}"# },
            { "type": "function_call_output", "call_id": "c2", "output": r#"{"ok":true}"# },
        ],
    });
    assert_eq!(written(&*request), expected);
    request.append_turn(&[], &[result("c3", Value::Null)]);
    assert_eq!(written(&*request)["input"].as_array().unwrap().len(), 9);
}

#[test]
fn the_input_that_was_there_is_sent_again_as_it_was() {
    let input =
        json!([{ "role": "user", "content": [{ "type": "input_text", "text": "hi" }], "x": [1, { "y": null }] }]);
    let mut request = read(&json!({ "model": "m", "input": input }));
    request.append_turn(&[], &[result("c1", Value::Null)]);
    assert_eq!(written(&*request)["input"][0], input[0]);
}

#[test]
fn reasoning_goes_back_only_where_the_provider_can_read_it() {
    let mut plain = reasoning("Hm");
    plain["encrypted_content"] = Value::Null;
    plain["status"] = Value::Null;
    let bare = json!({ "id": "rs_2", "type": "reasoning", "summary": plain["summary"] });
    for (store, said, expected) in [
        (json!(false), reasoning("Hm"), Some(reasoning("Hm"))),
        (json!(false), plain.clone(), None),
        (json!(true), plain.clone(), Some(bare.clone())),
        (Value::Null, plain, Some(bare)),
    ] {
        let mut request = read(&json!({ "model": "m", "input": [], "store": store }));
        request.append_turn(&[said], &[]);
        assert_eq!(written(&*request)["input"], json!(expected.into_iter().collect::<Vec<_>>()), "{store}");
    }
}

#[test]
fn a_conversation_that_the_provider_keeps_is_only_told_the_results() {
    let mut request = read(&json!({ "model": "m", "input": "hi", "conversation": "conv_1" }));
    for id in ["c1", "c2"] {
        request.append_turn(&[message("Look.")], &[result(id, Value::Null)]);
        let expected = json!([{ "type": "function_call_output", "call_id": id, "output": r#"{"ok":true}"# }]);
        assert_eq!(written(&*request)["input"], expected);
    }
}

#[test]
fn strict_is_false_unless_the_caller_says_otherwise_and_other_members_survive() {
    let function = |members: &str| format!(r#"{{"type":"function","name":"f"{members}}}"#);
    let custom = r#"{"type":"custom","name":"dropped"}"#;
    let own = Declaration::new("f", None, &json!(true));
    for (members, kept) in [
        ("", r#","strict":false"#),
        (r#","strict":null"#, r#","strict":false"#),
        (r#","strict":true,"defer_loading":true,"x":1"#, r#","strict":true,"defer_loading":true"#),
    ] {
        let text = format!(r#"{{"model":"m","tools":[{},{custom}]}}"#, function(members));
        let mut request = request(&text).unwrap();
        request.declare(&[&own], Form::Tool);
        let expected = format!(r#"{{"model":"m","tools":[{{"type":"function"{kept},"name":"f","parameters":true}}]}}"#);
        assert_eq!(String::from_utf8(request.write()).unwrap(), expected);
    }
}

#[test]
fn a_reference_to_an_item_of_ours_is_dropped_and_asks_for_no_state() {
    let user = json!({ "role": "user", "content": "a" });
    let ours = [
        json!({ "type": "item_reference", "id": "msg_callgate_1_abc" }),
        json!({ "id": "msg_callgate_0_" }),
        json!({ "type": "item_reference", "id": "rs_7_callgate_3" }),
    ];
    for reference in ours {
        let body = json!({ "model": "m", "input": [user, reference, user], "store": true });
        let request = request(&body.to_string()).unwrap();
        assert!(!request.server_state(), "{reference}");
        let written: Value = serde_json::from_slice(&request.write()).unwrap();
        assert_eq!(written["input"], json!([user, user]), "{reference}");
    }
    for other in [
        json!({ "type": "item_reference", "id": "msg_1" }),
        json!({ "id": "msg_1" }),
        json!({ "type": "compaction", "id": "msg_callgate_1_abc" }),
    ] {
        let body = json!({ "model": "m", "input": [user, other] });
        let request = request(&body.to_string()).unwrap();
        assert!(request.server_state(), "{other}");
        assert_eq!(request.write(), body.to_string().as_bytes());
    }
    let message = json!({ "id": "msg_callgate_1_abc", "type": "message", "role": "assistant", "content": "No." });
    let body = json!({ "model": "m", "input": [user, message] }).to_string();
    assert_eq!(request(&body).unwrap().write(), body.as_bytes(), "an item itself is kept");
}
