//! The allow-list of request members, in every dialect.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed helper is a failed test")]
#![allow(clippy::print_stdout, reason = "a corpus prints what it covered")]

mod corpus;

use callgate_wire::{DIALECTS, Request, RequestError, Target, is_judged};
use serde_json::{Value, json};

/// The shortest request of each API.
const APIS: [(&str, &str, &str); 6] = [
    ("chatCompletions", "/v1/chat/completions", r#"{"model":"m","messages":[]}"#),
    ("responses", "/v1/responses", r#"{"model":"m","input":"hi"}"#),
    ("messages", "/v1/messages", r#"{"model":"m","max_tokens":1,"messages":[]}"#),
    ("gemini", "/v1beta/models/m:generateContent", r#"{"contents":[]}"#),
    ("ollama", "/api/chat", r#"{"model":"m","messages":[]}"#),
    ("converse", "/model/m/converse", r#"{"messages":[]}"#),
];
const OF_OPENAI: [&str; 2] = ["chatCompletions", "responses"];

fn read(key: &str, path: &str, body: &[u8]) -> Result<Box<dyn Request>, RequestError> {
    let row = DIALECTS.iter().find(|row| row.key == key).unwrap();
    row.dialect().unwrap().request(&Target::new(path), body)
}

/// A request of an API with these members more.
fn with(key: &str, members: &Value) -> Result<Box<dyn Request>, RequestError> {
    let (_, path, base) = APIS.into_iter().find(|api| api.0 == key).unwrap();
    let mut body: Value = serde_json::from_str(base).unwrap();
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    read(key, path, body.to_string().as_bytes())
}

fn written(request: &dyn Request) -> Value {
    serde_json::from_slice(&request.write()).unwrap()
}

#[test]
fn members_that_make_the_provider_run_something_are_judged_in_every_api_that_has_them() {
    let table = [
        (json!({ "web_search": { "enable": true } }), "web_search"),
        (json!({ "web_search_options": {} }), "web_search"),
        (json!({ "enable_search": true }), "web_search"),
        (json!({ "search_parameters": { "mode": "on" } }), "live_search"),
        (json!({ "enable_code_interpreter": true }), "code_interpreter"),
        (json!({ "plugins": [{ "id": "web" }] }), "plugins"),
        (json!({ "preset": "p" }), "preset"),
        (json!({ "agent": "a" }), "agent"),
        (json!({ "agent_reference": { "name": "a" } }), "agent"),
        (json!({ "tool_resources": { "file_search": {} } }), "tool_resources"),
        (json!({ "user_config": { "model_list": [] } }), "user_config"),
        (json!({ "documents": [{ "url": "http://x" }] }), "documents"),
        (json!({ "mcp_servers": [{ "url": "http://x" }] }), "mcp"),
        (json!({ "chat_template": "{{ x }}" }), "chat_template"),
        (json!({ "extra_body": { "plugins": [{ "id": "web" }] } }), "plugins"),
        (json!({ "extra_body": { "extra_body": { "web_search_options": {} } } }), "web_search"),
        (json!({ "fallbacks": [{ "model": "m", "plugins": [1] }] }), "plugins"),
        (json!({ "venice_parameters": { "enable_web_search": "auto" } }), "web_search"),
        (json!({ "chat_template_kwargs": { "documents": [1] } }), "documents"),
    ];
    for (members, tool) in table {
        for key in OF_OPENAI.into_iter().chain(["messages"]) {
            let request = with(key, &members).unwrap_or_else(|error| panic!("{key} {members}: {error}"));
            assert_eq!(request.provider_tools(), [tool], "{key} {members}");
        }
        for key in ["gemini", "ollama", "converse"] {
            let mut request = with(key, &members).unwrap_or_else(|error| panic!("{key} {members}: {error}"));
            assert!(!request.drop_unknown_members(&[]).is_empty(), "{key} {members}");
            let (_, _, base) = APIS.into_iter().find(|api| api.0 == key).unwrap();
            assert_eq!(written(&*request), serde_json::from_str::<Value>(base).unwrap(), "{key} {members}");
        }
    }
}

#[test]
fn a_switch_that_is_off_asks_for_nothing() {
    for members in [
        json!({ "search_parameters": { "mode": "off" } }),
        json!({ "web_search": { "enable": false } }),
        json!({ "web_search": { "type": "disabled" } }),
        json!({ "enable_search": false, "plugins": [], "web_search_options": null, "preset": "" }),
        json!({ "venice_parameters": { "enable_web_search": "off" } }),
        json!({ "previous_response_id": null, "conversation": null, "prompt": null }),
    ] {
        for key in OF_OPENAI {
            let mut request = with(key, &members).unwrap();
            assert!(request.provider_tools().is_empty() && !request.server_state(), "{key} {members}");
            assert!(request.drop_unknown_members(&[]).is_empty(), "{key} {members}: it is known");
        }
    }
}

#[test]
fn a_switch_is_on_unless_every_hint_says_off() {
    for (members, tool) in [
        (json!({ "search_parameters": { "mode": "on", "enabled": false } }), "live_search"),
        (json!({ "search_parameters": { "enabled": false } }), "live_search"),
        (json!({ "search_parameters": { "mode": "off", "Mode": "on" } }), "live_search"),
        (json!({ "web_search": { "type": "disabled", "enable": true } }), "web_search"),
        (json!({ "code_execution": { "enabled": false, "mode": "auto" } }), "code_execution"),
    ] {
        for key in OF_OPENAI {
            assert_eq!(with(key, &members).unwrap().provider_tools(), [tool], "{key} {members}");
        }
    }
}

#[test]
fn a_suffix_of_a_model_that_makes_the_provider_run_something_is_judged() {
    for (model, tool) in [
        ("m:online", "web_search"),
        ("a/m:free:Online", "web_search"),
        ("m@preset/p", "preset"),
        ("@preset/p", "preset"),
    ] {
        for key in OF_OPENAI.into_iter().chain(["messages"]) {
            for members in [json!({ "model": model }), json!({ "fallbacks": [model] }), json!({ "models": [model] })] {
                assert_eq!(with(key, &members).unwrap().provider_tools(), [tool], "{key} {members}");
            }
        }
    }
    for model in ["online", "m:free", "a/online", "@cf/meta/llama", "anthropic.claude-v1:0"] {
        assert!(with("chatCompletions", &json!({ "model": model })).unwrap().provider_tools().is_empty(), "{model}");
    }
}

#[test]
fn a_model_in_the_path_that_a_server_could_cut_is_refused() {
    let dialect = DIALECTS.iter().find(|row| row.key == "chatCompletions").unwrap().dialect().unwrap();
    let read = |model: &str| dialect.request(&Target::new("/x").with_model(Some(model)), br#"{"messages":[]}"#);
    for model in
        ["gpt-5-pro;-mini", "gpt-5-pro%3B-mini", "gpt-5-pro%3F-mini", "gpt-5-pro%23-mini", "gpt-5-pro%253B-mini"]
    {
        assert_eq!(read(model).unwrap_err().param(), Some("model"), "{model}");
    }
    for model in ["gpt-5-mini", "meta%2Fllama-4", "%40cf%2Fm%3Afree"] {
        assert!(read(model).is_ok(), "{model}");
    }
}

#[test]
fn members_are_judged_in_a_few_levels_and_refused_below() {
    let nested = |levels: usize| {
        (0..levels).fold(json!({ "web_search_options": {} }), |inner, _| json!({ "extra_body": inner }))
    };
    for key in OF_OPENAI.into_iter().chain(["messages"]) {
        assert_eq!(with(key, &nested(4)).unwrap().provider_tools(), ["web_search"], "{key}");
        assert!(with(key, &nested(5)).is_err(), "{key}");
    }
}

#[test]
fn tools_in_a_message_are_the_providers_to_run() {
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    for (key, list) in
        [("chatCompletions", "messages"), ("responses", "input"), ("messages", "messages"), ("ollama", "messages")]
    {
        for member in ["tools", "Tools", "functions"] {
            let said = json!({ list: [{ "role": "developer", "content": "", member: tools }] });
            assert_eq!(with(key, &said).unwrap().provider_tools(), ["additional_tools"], "{key} {member}");
        }
        let said = json!({ list: [{ "role": "user", "content": "", "tools": null }] });
        assert!(with(key, &said).unwrap().provider_tools().is_empty(), "{key}");
    }
}

#[test]
fn a_function_hides_behind_no_other_type() {
    let tool = json!({ "tools": [{ "type": "web_search", "function": { "name": "f" } }] });
    assert_eq!(with("chatCompletions", &tool).unwrap_err().param(), Some("tools"));
    let request = with("ollama", &tool).unwrap();
    assert_eq!((request.declared().len(), request.provider_tools()), (1, vec!["web_search"]));
    let own = json!({ "tools": [{ "type": "builtin_function", "function": { "name": "$web_search" } }] });
    assert_eq!(with("chatCompletions", &own).unwrap().provider_tools(), ["builtin_function"]);
}

#[test]
fn code_that_may_call_a_tool_is_judged_in_converse_too() {
    let spec = json!({ "name": "f", "inputSchema": { "json": {} }, "allowed_callers": ["code_execution_20260120"] });
    let request = with("converse", &json!({ "toolConfig": { "tools": [{ "toolSpec": spec }] } })).unwrap();
    assert_eq!(request.provider_tools(), ["code_execution_20260120"]);
}

#[test]
fn members_that_continue_from_state_at_the_provider_are_told_in_every_api_that_has_them() {
    for members in [
        json!({ "previous_response_id": "r" }),
        json!({ "conversation": "c" }),
        json!({ "prompt": { "id": "p" } }),
        json!({ "container": "c" }),
        json!({ "thread": { "type": "continue" } }),
        json!({ "extra_body": { "previous_response_id": "r" } }),
        json!({ "deferred": true }),
    ] {
        for key in OF_OPENAI.into_iter().chain(["messages"]) {
            assert!(with(key, &members).unwrap().server_state(), "{key} {members}");
        }
    }
    assert!(with("chatCompletions", &json!({ "background": true })).unwrap().server_state());
    assert!(with("messages", &json!({ "compaction": { "type": "enabled" } })).unwrap().server_state());
    assert!(with("gemini", &json!({ "cachedContent": "c" })).unwrap().server_state());
}

#[test]
fn every_model_that_may_come_to_answer_is_named() {
    let table = [
        (json!({ "models": ["a", "b"] }), vec!["a", "b"]),
        (json!({ "fallbacks": ["a", { "model": "b", "max_tokens": 1 }] }), vec!["a", "b"]),
        (json!({ "fallbacks": [{ "m": ["a"] }] }), vec!["a"]),
        (json!({ "context_window_fallbacks": [{ "x": ["a"] }] }), vec!["x", "a"]),
        (json!({ "extra_body": { "model": "a", "fallbacks": ["b"] } }), vec!["a", "b"]),
        (json!({ "safety_model": "a" }), vec!["a"]),
    ];
    for (members, expected) in table {
        for key in OF_OPENAI.into_iter().chain(["messages"]) {
            let request = with(key, &members).unwrap_or_else(|error| panic!("{key} {members}: {error}"));
            let mut models = request.models();
            models.retain(|model| *model != "m");
            models.sort_by_key(|model| expected.iter().position(|known| known == model));
            assert_eq!(models, expected, "{key} {members}");
        }
    }
    let routed = json!({ "generationConfig": { "routing_config": { "manualMode": { "modelName": "a" } } } });
    assert!(with("gemini", &routed).unwrap().models().contains(&"a"));
    assert_eq!(with("chatCompletions", &json!({ "route": "fallback" })).unwrap().models(), ["m"]);
    assert!(with("chatCompletions", &json!({ "route": "a" })).unwrap().models().contains(&"a"));
}

#[test]
fn a_model_in_the_path_stands_in_for_a_missing_one_and_is_named_beside_another() {
    let row = |key: &str| DIALECTS.iter().find(|row| row.key == key).unwrap().dialect().unwrap();
    for (key, body) in [
        ("chatCompletions", r#"{"messages":[]"#),
        ("responses", r#"{"input":"hi""#),
        ("messages", r#"{"anthropic_version":"vertex-2023-10-16","messages":[]"#),
        ("ollama", r#"{"messages":[]"#),
    ] {
        let read = |model: Option<&str>, more: &str| {
            let target = Target::new("/any/path?api-version=1").with_model(model);
            row(key).request(&target, format!("{body}{more}}}").as_bytes())
        };
        for missing in ["", r#","model":null"#] {
            assert_eq!(read(Some("gpt%2D4o"), missing).unwrap().models(), ["gpt-4o"], "{key}");
            assert_eq!(read(None, missing).unwrap_err().param(), Some("model"), "{key}");
        }
        let both = read(Some("a"), r#","model":"b""#).unwrap();
        assert!(both.models().contains(&"a") && both.models().contains(&"b"), "{key}");
        for bad in ["a%2", "a%ff", ""] {
            assert_eq!(read(Some(bad), "").unwrap_err().param(), Some("model"), "{key} {bad}");
        }
    }
    for (key, path, body) in
        [("gemini", "/g/m:generateContent", r#"{"contents":[]}"#), ("converse", "/b/converse", r#"{"messages":[]}"#)]
    {
        let target = Target::new(path).with_model(Some("x%2Dy"));
        assert_eq!(row(key).request(&target, body.as_bytes()).unwrap().models(), ["x-y"], "{key}");
    }
}

#[test]
fn a_vertex_stream_becomes_a_whole_answer_at_the_method_for_those() {
    let row = DIALECTS.iter().find(|row| row.key == "messages").unwrap().dialect().unwrap();
    let target = Target::new("/v1/models/m:streamRawPredict?x=1").with_model(Some("m"));
    let mut request = row.request(&target, br#"{"messages":[],"stream":true}"#).unwrap();
    assert_eq!(request.target(), None);
    request.answer_whole();
    assert_eq!(request.target().as_deref(), Some("/v1/models/m:rawPredict?x=1"));
}

#[test]
fn unknown_members_are_left_out_and_named_unless_they_are_allowed() {
    for (key, nested) in [
        ("chatCompletions", json!({ "extra_body": { "future": 1, "top_k": 2 } })),
        ("responses", json!({ "text": { "future": 1, "verbosity": "low" } })),
        ("messages", json!({ "output_config": { "future": 1, "effort": "low" } })),
        ("gemini", json!({ "generation_config": { "future": 1, "topK": 2 } })),
        ("ollama", json!({ "options": { "future": 1, "top_k": 2 } })),
        ("converse", json!({ "additionalModelRequestFields": { "future": 1, "top_k": 2 } })),
    ] {
        let outer = nested.as_object().unwrap().keys().next().unwrap().clone();
        let mut members = nested.clone();
        members["x_new"] = json!({ "tools": [{ "a": 1 }], "hint": 2 });
        members["x_off"] = json!(null);
        let deep = format!("{outer}.future");
        let unknown = |allow: &[&str]| {
            let mut request = with(key, &members).unwrap();
            let allow: Vec<String> = allow.iter().map(|name| (*name).to_owned()).collect();
            let mut names = request.drop_unknown_members(&allow).names;
            names.sort();
            (names, written(&*request))
        };
        let mut all = vec![deep.clone(), "x_new".to_owned(), "x_off".to_owned()];
        all.sort();
        let (names, body) = unknown(&[]);
        assert_eq!(names, all, "{key}");
        assert_eq!(body[&outer].as_object().unwrap().len(), 1, "{key}");
        assert!(body.get("x_new").is_none() && body.get("x_off").is_none(), "{key}");
        let (names, body) = unknown(&["x_new", "x_off", &deep]);
        assert_eq!((names.len(), &body["x_new"], &body[&outer]["future"]), (0, &members["x_new"], &json!(1)), "{key}");
        let (names, body) = unknown(&["x_new.hint", &outer]);
        assert_eq!((names.len(), &body["x_new"]), (3, &json!({ "hint": 2 })), "{key}: {names:?}");
        assert!(body[&outer].get("future").is_none(), "{key}: a table of its own cannot be allowed whole");
    }
}

#[test]
fn a_request_whose_members_are_all_known_keeps_every_byte() {
    let text = br#" { "model" : "m", "messages":[ ], "metadata": {"tools": [1.50]}, "stream_options":{ "include_usage" :true } } "#;
    let mut request = read("chatCompletions", "/v1/chat/completions", text).unwrap();
    assert!(request.drop_unknown_members(&[]).is_empty());
    assert_eq!(request.write(), text);
}

#[test]
fn names_of_unknown_members_are_bounded_and_fit_for_a_header() {
    let names = ["a\nb", "ü", "a b", "a,b", "", &"x".repeat(65)];
    let mut members = serde_json::Map::new();
    members.extend(names.iter().map(|name| ((*name).to_owned(), json!(1))));
    members.extend((0..100).map(|number| (format!("unknown_{number}"), json!(1))));
    let unknown = with("chatCompletions", &Value::Object(members)).unwrap().drop_unknown_members(&[]);
    assert_eq!((unknown.names.len(), unknown.more), (32, 74));
    assert!(unknown.names.iter().all(|name| name.starts_with("unknown_")));
}

#[test]
fn decided_members_of_another_case_or_out_of_place_are_refused() {
    for members in [
        json!({ "Fallbacks": ["x"] }),
        json!({ "extra_body": { "Plugins": [1] } }),
        json!({ "extra_body": { "tools": [] } }),
        json!({ "extra_body": { "messages": [] } }),
        json!({ "fallbacks": [{ "model": "m", "tools": [{}] }] }),
        json!({ "chat_template_kwargs": { "tools": [{}] } }),
        json!({ "chat_template_kwargs": [[{ "tools": [{}] }]] }),
        json!({ "extra_body": [1] }),
        json!({ "best_of": 1000 }),
        json!({ "n": 129 }),
        json!({ "n_predict": "9" }),
    ] {
        assert!(with("chatCompletions", &members).is_err(), "{members}");
    }
    let many: Vec<String> = (0..2000).map(|number| format!("m{number}")).collect();
    assert_eq!(with("chatCompletions", &json!({ "models": many })).unwrap_err().param(), Some("models"));
}

#[test]
fn every_limit_of_output_is_lowered() {
    let members = json!({
        "n_predict": 1_000_000, "num_predict": -1, "max_new_tokens": 0, "max_completion_tokens": 7,
        "fallbacks": ["m", { "model": "m", "max_tokens": 1_000_000 }],
    });
    let mut request = with("chatCompletions", &members).unwrap();
    request.clamp_output_tokens(100);
    let body = written(&*request);
    for (name, limit) in
        [("n_predict", 100), ("num_predict", 100), ("max_new_tokens", 100), ("max_completion_tokens", 7)]
    {
        assert_eq!(body[name], limit, "{name}");
    }
    assert_eq!(body["fallbacks"], json!(["m", { "model": "m", "max_tokens": 100 }]));
}

#[test]
fn a_byte_order_mark_and_long_fractions_are_no_fault() {
    for (key, path, base) in APIS {
        let name = match key {
            "gemini" => "generationConfig",
            "converse" => "inferenceConfig",
            "ollama" => "options",
            _ => "temperature",
        };
        let value =
            if name == "temperature" { "0.69999999999999996" } else { r#"{"temperature":0.69999999999999996}"# };
        let text = format!("\u{feff}{},\"{name}\":{value}}}", base.strip_suffix('}').unwrap());
        let mut request = read(key, path, text.as_bytes()).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert!(request.drop_unknown_members(&[]).is_empty(), "{key}");
        assert_eq!(request.write(), text.trim_start_matches('\u{feff}').as_bytes(), "{key}");
    }
}

#[test]
fn a_contract_cannot_allow_what_the_gate_judges_itself() {
    for path in
        ["model", "tools", "fallbacks", "plugins", "extra_body", "extra_body.tools", "options.num_predict", "Tools"]
    {
        assert!(is_judged(path), "{path}");
    }
    for path in ["store_hint", "extra_body.store_hint", "temperature", "options.new", "metadata.tools"] {
        assert!(!is_judged(path), "{path}");
    }
}

#[test]
fn many_unknown_members_leave_a_request_as_few_do() {
    for (key, path, base) in APIS {
        let inner = base.strip_prefix('{').unwrap();
        for count in [0, 1, 16, 17, 500] {
            let unknown: String = (0..count).map(|number| format!(r#""odd\u005f{number}" : null , "#)).collect();
            let text = format!(" {{ {unknown}{inner} ");
            let mut request = read(key, path, text.as_bytes()).unwrap();
            let found = request.drop_unknown_members(&["odd_0".to_owned()]);
            assert_eq!(found.names.len() as u64 + found.more, u64::max(count, 1) - 1, "{key} {count}");
            request.clamp_output_tokens(7);
            let mut left = written(&*request);
            assert_eq!(left.as_object_mut().unwrap().remove("odd_0").is_some(), count > 0, "{key} {count}");
            let mut plain = read(key, path, base.as_bytes()).unwrap();
            plain.clamp_output_tokens(7);
            assert_eq!(left, written(&*plain), "{key} {count}");
        }
    }
}
