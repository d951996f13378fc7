//! Requests: read, refused, and written.

use callgate_wire::{Call, CallResult, Declaration, Form, RequestError, Wants};
use serde_json::{Value, json};

use crate::common::request;

fn body(members: Value) -> String {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body.to_string()
}

fn written(request: &dyn callgate_wire::Request) -> Value {
    serde_json::from_slice(&request.write()).unwrap()
}

#[test]
fn an_answer_is_streamed_unless_the_request_says_otherwise_or_only_loads_the_model() {
    let table = [
        (json!({}), Wants::Stream),
        (json!({ "stream": null }), Wants::Stream),
        (json!({ "stream": true }), Wants::Stream),
        (json!({ "stream": false }), Wants::Whole),
        (json!({ "messages": [] }), Wants::Whole),
        (json!({ "messages": null }), Wants::Whole),
    ];
    for (members, wants) in table {
        assert_eq!(request(&body(members.clone())).unwrap().wants(), wants, "{members}");
    }
    assert_eq!(request(r#"{"model":"m"}"#).unwrap().wants(), Wants::Whole);
}

#[test]
fn a_request_that_nothing_changes_keeps_every_byte() {
    let text = r#" { "model":"m", "messages":[{"role":"user","content":"é"}], "stream":false,
        "options": {"num_predict": 10, "temperature": 0.50}, "format":{"type":"object"}, "keep_alive":"5m", "think":"high" } "#;
    let mut request = request(text).unwrap();
    request.clamp_output_tokens(10);
    request.answer_whole();
    assert_eq!(String::from_utf8(request.write()).unwrap(), text);
    assert_eq!(request.models(), ["m"]);
}

#[test]
fn what_a_server_that_ignores_case_could_read_otherwise_is_refused() {
    let table = [
        (json!({ "Model": "other" }), "model"),
        (json!({ "TOOLS": [] }), "tools"),
        (json!({ "toolſ": [] }), "tools"),
        (json!({ "Options": {} }), "options"),
        (json!({ "Stream": false }), "stream"),
        (json!({ "meſſages": [] }), "messages"),
        (json!({ "tools": [{ "Function": { "name": "f" }, "function": { "name": "g" } }] }), "tools"),
        (json!({ "tools": [{ "function": { "name": "f", "Name": "g" } }] }), "tools"),
        (json!({ "options": { "Num_Predict": 1 } }), "num_predict"),
    ];
    for (members, expected) in table {
        match request(&body(members.clone())) {
            Err(RequestError::Ambiguous { param, .. }) => assert_eq!(param, expected, "{members}"),
            other => panic!("{members}: {other:?}"),
        }
    }
}

#[test]
fn members_of_another_type_are_refused() {
    let table = [
        (json!({ "model": null }), "model"),
        (json!({ "model": ["m"] }), "model"),
        (json!({ "messages": {} }), "messages"),
        (json!({ "messages": ["hi"] }), "messages"),
        (json!({ "stream": "false" }), "stream"),
        (json!({ "options": [] }), "options"),
        (json!({ "options": { "num_predict": "10" } }), "num_predict"),
        (json!({ "options": { "num_predict": 1.5 } }), "num_predict"),
        (json!({ "tools": {} }), "tools"),
        (json!({ "tools": ["f"] }), "tools"),
        (json!({ "tools": [{ "type": "function" }] }), "tools"),
        (json!({ "tools": [{ "type": 1, "function": { "name": "f" } }] }), "tools"),
        (json!({ "tools": [{ "function": { "name": "" } }] }), "tools"),
        (
            json!({ "tools": [{ "function": { "name": "f" } }, { "type": "function", "function": { "name": "f" } }] }),
            "tools",
        ),
    ];
    for (members, param) in table {
        let error = request(&body(members.clone())).map(|_| ()).unwrap_err();
        assert_eq!(error.param(), Some(param), "{members}: {error}");
    }
    assert!(request("[]").is_err());
    assert!(request(r#"{"model":"a","model":"b"}"#).is_err());
}

#[test]
fn tools_without_a_type_are_functions_and_others_are_the_providers_too() {
    let tools = json!([
        { "function": { "name": "f" } },
        { "type": "", "function": { "name": "g" } },
        { "type": "function", "function": { "name": "h" } },
        { "type": "web_search", "function": { "name": "w" } },
        { "type": "web_search", "max": 1 },
    ]);
    let mut request = request(&body(json!({ "tools": tools }))).unwrap();
    let names: Vec<&str> = request.declared().iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!((names, request.provider_tools()), (vec!["f", "g", "h", "w"], vec!["web_search"]));
    request.declare(&[&Declaration::new("f", Some("The contract's."), &json!({ "type": "object" }))], Form::Tool);
    assert_eq!(
        written(&*request)["tools"],
        json!([
            { "type": "function", "function": { "name": "f", "description": "The contract's.", "parameters": { "type": "object" } } },
            tools[4],
        ])
    );
}

#[test]
fn the_limit_of_output_is_lowered_or_set() {
    let table = [
        (json!({}), json!({ "num_predict": 100 })),
        (json!({ "options": null }), json!({ "num_predict": 100 })),
        (json!({ "options": { "seed": 1 } }), json!({ "seed": 1, "num_predict": 100 })),
        (json!({ "options": { "num_predict": null } }), json!({ "num_predict": 100 })),
        (json!({ "options": { "num_predict": 500, "seed": 1 } }), json!({ "num_predict": 100, "seed": 1 })),
        (json!({ "options": { "num_predict": -1 } }), json!({ "num_predict": 100 })),
        (json!({ "options": { "num_predict": -2 } }), json!({ "num_predict": 100 })),
        (json!({ "options": { "num_predict": 0 } }), json!({ "num_predict": 100 })),
        (json!({ "options": { "num_predict": 99 } }), json!({ "num_predict": 99 })),
    ];
    for (members, options) in table {
        let mut request = request(&body(members)).unwrap();
        request.clamp_output_tokens(100);
        assert_eq!(written(&*request)["options"], options);
    }
}

#[test]
fn a_further_round_is_asked_for_whole() {
    let mut request = request(&body(json!({}))).unwrap();
    request.answer_whole();
    assert_eq!((request.wants(), written(&*request)["stream"].clone()), (Wants::Whole, json!(false)));
    assert_eq!(request.target(), None);
}

#[test]
fn a_turn_and_its_results_are_appended_as_messages() {
    let mut request = request(&body(json!({}))).unwrap();
    let result = |id: &str, name: &str, extra: Value, content: &str| {
        let Value::Object(extra) = extra else { panic!("extra is an object") };
        let call = Call { id: id.into(), name: name.into(), arguments: r#"{"a":1}"#.into(), extra, ..Call::default() };
        CallResult { call, content: content.into(), failed: false }
    };
    let results = [
        result("call_0", "f", json!({}), r#"{"found":true}"#),
        result("call_abc", "g", json!({ "id": true, "index": true, "type": "function" }), "[1]"),
    ];
    request.append_turn(&[json!({ "thinking": "Hm", "content": "Let me look." })], &results);
    let messages = written(&*request)["messages"].clone();
    assert_eq!(messages[0], json!({ "role": "user", "content": "hi" }));
    assert_eq!(
        messages[1],
        json!({ "role": "assistant", "content": "Let me look.", "thinking": "Hm", "tool_calls": [
            { "function": { "name": "f", "arguments": { "a": 1 } } },
            { "id": "call_abc", "type": "function", "function": { "index": 1, "name": "g", "arguments": { "a": 1 } } },
        ] })
    );
    assert_eq!(messages[2], json!({ "role": "tool", "tool_name": "f", "content": r#"{"found":true}"# }));
    assert_eq!(messages[3], json!({ "role": "tool", "tool_name": "g", "content": "[1]", "tool_call_id": "call_abc" }));
    request.append_turn(&[], &results[..1]);
    assert_eq!(written(&*request)["messages"][4]["content"], "");
}
