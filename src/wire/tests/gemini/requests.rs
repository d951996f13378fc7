//! Requests: path, query and body.

use callgate_json::Map;
use callgate_wire::{Call, CallResult, Declaration, Form, RequestError, Wants};
use serde_json::{Value, json};

use crate::common::{STREAM, WHOLE, request};

const MINIMAL: &str = r#"{"contents":[]}"#;

fn written(request: &dyn callgate_wire::Request) -> Value {
    serde_json::from_slice(&request.write()).unwrap()
}

#[test]
fn model_and_method_are_read_out_of_the_path() {
    let table = [
        (WHOLE, "gemini-2.5-flash", Wants::Whole),
        (STREAM, "gemini-2.5-flash", Wants::Stream),
        ("/v1/models/gemini-pro:streamGenerateContent?key=k&alt=sse", "gemini-pro", Wants::Stream),
        ("/v1beta/models/gemini%2Dpro:countTokens", "gemini-pro", Wants::Count),
        ("/v1beta/models/gemini-pro:generateContent?alt=json&$prettyPrint=true", "gemini-pro", Wants::Whole),
        ("/v1/projects/p/locations/l/publishers/google/models/gemini-pro:generateContent", "gemini-pro", Wants::Whole),
    ];
    for (target, model, wants) in table {
        let request = request(target, MINIMAL).unwrap_or_else(|error| panic!("{target}: {error}"));
        assert_eq!((request.models(), request.wants()), (vec![model], wants), "{target}");
        assert_eq!(request.target(), None, "{target}");
    }
}

#[test]
fn a_path_or_query_that_could_be_read_otherwise_is_refused() {
    let table = [
        ("/v1beta/models/gemini-pro:streamGenerateContent", "alt"),
        ("/v1beta/models/gemini-pro:streamGenerateContent?alt=json", "alt"),
        ("/v1beta/models/gemini-pro:streamGenerateContent?alt=sse&alt=json", "alt"),
        ("/v1beta/models/gemini-pro:streamGenerateContent?alt=sse&%61lt=json", "alt"),
        ("/v1beta/models/gemini-pro:streamGenerateContent?alt=sse&$alt=json", "alt"),
        ("/v1beta/models/gemini-pro:streamGenerateContent?alt=sse&%zz=1", "alt"),
        ("/v1beta/models/gemini-pro:generateContent?alt=proto", "alt"),
        ("/v1beta/models/gemini-pro:generateContent?alt=sse", "alt"),
        ("/v1beta/models/gemini-pro:batchEmbedContents", "model"),
        ("/v1beta/models/gemini-pro%3AstreamGenerateContent:generateContent", "model"),
        ("/v1beta/models/gemini-pro%2F..%2Fother:generateContent", "model"),
        ("/v1beta/models/gemini-pro%3F:generateContent", "model"),
        ("/v1beta/models/:generateContent", "model"),
        ("/gemini-pro:generateContent", "model"),
    ];
    for (target, expected) in table {
        match request(target, MINIMAL) {
            Err(RequestError::Invalid { param, .. }) => assert_eq!(param, expected, "{target}"),
            other => panic!("{target}: {other:?}"),
        }
    }
}

#[test]
fn a_request_that_nothing_changes_keeps_every_byte() {
    let text = r#" { "contents":[{"role":"user","parts":[{"text":"hi"}]}], "generation_config": {"maxOutputTokens": 10},
        "tools":[{"google_search":{}}], "unknown":1.50 } "#;
    let mut request = request(WHOLE, text).unwrap();
    request.clamp_output_tokens(10);
    request.answer_whole();
    assert_eq!(String::from_utf8(request.write()).unwrap(), text);
}

#[test]
fn both_spellings_of_every_member_are_read() {
    let camel = r#"{"contents":[],"cachedContent":"cachedContents/1",
        "tools":[{"functionDeclarations":[{"name":"f"}]},{"googleSearch":{}},{"codeExecution":{},"mcpServers":null}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
        "generationConfig":{"candidateCount":2,"maxOutputTokens":9}}"#;
    let snake = r#"{"contents":[],"cached_content":"cachedContents/1",
        "tools":[{"function_declarations":[{"name":"f"}]},{"google_search":{}},{"code_execution":{},"mcp_servers":null}],
        "tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["f"]}},
        "generation_config":{"candidate_count":2,"max_output_tokens":9}}"#;
    for text in [camel, snake] {
        let mut request = request(WHOLE, text).unwrap();
        assert_eq!(request.declared().iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["f"]);
        assert_eq!(request.provider_tools(), ["googleSearch", "codeExecution"]);
        assert_eq!(request.chosen(), ["f"]);
        assert_eq!((request.choices(), request.server_state()), (2, true));
        request.clamp_output_tokens(5);
        let body = written(&*request);
        let config = body.get("generationConfig").or(body.get("generation_config")).unwrap();
        let limits: Vec<&Value> =
            ["maxOutputTokens", "max_output_tokens"].iter().filter_map(|key| config.get(key)).collect();
        assert_eq!(limits, [&json!(5)], "one limit, where it was");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let table = [
        r#"{"contents":[],"generationConfig":{},"generation_config":{}}"#,
        r#"{"contents":[],"toolConfig":null,"tool_config":{}}"#,
        r#"{"contents":[],"tools":[{"functionDeclarations":[],"function_declarations":[{"name":"f"}]}]}"#,
        r#"{"contents":[],"tools":[{"functiondeclarations":[{"name":"f"}]}]}"#,
        r#"{"contents":[],"Tools":[]}"#,
        r#"{"contents":[],"tools":[{"functionDeclarations":[{"Name":"f","name":"g"}]}]}"#,
        r#"{"contents":[],"generationConfig":{"maxOutputTokens":1,"max_output_tokens":2}}"#,
        r#"{"contents":[],"cached_content":"a","cachedContent":"b"}"#,
        r#"{"contents":[],"contents":[]}"#,
        r#"{"contents":[],"c\u006fntents":[]}"#,
    ];
    for text in table {
        assert!(request(WHOLE, text).is_err(), "{text}");
    }
}

#[test]
fn members_of_another_type_are_refused() {
    let table = [
        (r#"[]"#, None),
        (r#"{}"#, Some("contents")),
        (r#"{"contents":{"parts":[]}}"#, Some("contents")),
        (r#"{"contents":["hi"]}"#, Some("contents")),
        (r#"{"contents":[],"tools":"x"}"#, Some("tools")),
        (r#"{"contents":[],"tools":["x"]}"#, Some("tools")),
        (r#"{"contents":[],"tools":[{"functionDeclarations":{"name":"f"}}]}"#, Some("functionDeclarations")),
        (r#"{"contents":[],"tools":[{"functionDeclarations":[{}]}]}"#, Some("functionDeclarations")),
        (r#"{"contents":[],"tools":[{"functionDeclarations":[{"name":""}]}]}"#, Some("functionDeclarations")),
        (r#"{"contents":[],"generationConfig":[]}"#, Some("generationConfig")),
        (r#"{"contents":[],"generationConfig":{"maxOutputTokens":"100"}}"#, Some("maxOutputTokens")),
        (r#"{"contents":[],"generationConfig":{"maxOutputTokens":1.5}}"#, Some("maxOutputTokens")),
        (r#"{"contents":[],"generationConfig":{"candidateCount":0}}"#, Some("candidateCount")),
        (r#"{"contents":[],"cachedContent":1}"#, Some("cachedContent")),
        (r#"{"contents":[],"model":1}"#, Some("model")),
        (
            r#"{"contents":[],"toolConfig":{"functionCallingConfig":{"allowedFunctionNames":"f"}}}"#,
            Some("allowedFunctionNames"),
        ),
        (
            r#"{"contents":[],"tool_config":{"function_calling_config":{"stream_function_call_arguments":1}}}"#,
            Some("streamFunctionCallArguments"),
        ),
        (r#"{"contents":[],"generateContentRequest":{"contents":[]}}"#, Some("generateContentRequest")),
        (
            r#"{"contents":[],"tools":[{"functionDeclarations":[{"name":"f"}]},{"functionDeclarations":[{"name":"f"}]}]}"#,
            Some("tools"),
        ),
    ];
    for (text, param) in table {
        let error = request(WHOLE, text).map(|_| ()).unwrap_err();
        assert_eq!(error.param(), param, "{text}: {error}");
    }
}

#[test]
fn state_that_the_provider_keeps_is_told() {
    let table = [
        (r#"{"contents":[]}"#, false),
        (r#"{"contents":[],"cachedContent":""}"#, false),
        (r#"{"contents":[],"cachedContent":null}"#, false),
        (r#"{"contents":[],"cachedContent":"cachedContents/x"}"#, true),
        (r#"{"contents":[],"continuation_token":"AAAA"}"#, true),
    ];
    for (text, expected) in table {
        assert_eq!(request(WHOLE, text).unwrap().server_state(), expected, "{text}");
    }
}

#[test]
fn a_model_in_the_body_may_come_to_answer_too() {
    let request = request(WHOLE, r#"{"contents":[],"model":"models/other"}"#).unwrap();
    assert_eq!(request.models(), ["gemini-2.5-flash", "other"]);
}

#[test]
fn every_tool_that_is_no_function_is_the_providers() {
    let tools = json!([
        { "googleSearchRetrieval": {} }, { "url_context": {} }, { "computer_use": { "environment": "ENVIRONMENT_BROWSER" } },
        { "fileSearch": {}, "googleMaps": {} }, { "some_new_tool": {} }, { "functionDeclarations": [] },
    ]);
    let request = request(WHOLE, &json!({ "contents": [], "tools": tools }).to_string()).unwrap();
    let expected = ["googleSearchRetrieval", "urlContext", "computerUse", "fileSearch", "googleMaps", "someNewTool"];
    assert_eq!(request.provider_tools(), expected);
}

#[test]
fn declarations_are_replaced_and_what_the_provider_runs_stays() {
    let text = r#"{"tools":[{"function_declarations":[{"name":"f","description":"poisoned","parameters":{"type":"OBJECT"},"behavior":"NON_BLOCKING"}],
        "googleSearch":{"a":1.5}},{"functionDeclarations":[{"name":"g"}]},{"codeExecution":{}}],"contents":[ 1 ]}"#
        .replace("[ 1 ]", "[ {} ]");
    let mut request = request(WHOLE, &text).unwrap();
    let f = Declaration::new("f", Some("The contract's."), &json!({ "type": "object" }));
    let h = Declaration::new("h", None, &json!(true));
    request.declare(&[&f, &h], Form::Tool);
    assert_eq!(
        String::from_utf8(request.write()).unwrap(),
        r#"{"tools":[{"functionDeclarations":[{"name":"f","description":"The contract's.","parametersJsonSchema":{"type":"object"}},{"name":"h","parametersJsonSchema":true}]},{"googleSearch":{"a":1.5}},{"codeExecution":{}}],"contents":[ {} ]}"#
    );
    let names: Vec<&str> = request.declared().iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["f", "h"]);
    request.declare(&[], Form::Tool);
    assert_eq!(written(&*request)["tools"], json!([{ "googleSearch": { "a": 1.5 } }, { "codeExecution": {} }]));
}

#[test]
fn the_limit_of_output_is_lowered_or_set() {
    let table = [
        (json!({}), json!({ "generationConfig": { "maxOutputTokens": 100 } })),
        (json!({ "generationConfig": null }), json!({ "generationConfig": { "maxOutputTokens": 100 } })),
        (json!({ "generation_config": null }), json!({ "generation_config": { "maxOutputTokens": 100 } })),
        (
            json!({ "generation_config": { "topK": 1, "max_output_tokens": 500 } }),
            json!({ "generation_config": { "topK": 1, "max_output_tokens": 100 } }),
        ),
        (
            json!({ "generationConfig": { "max_output_tokens": null } }),
            json!({ "generationConfig": { "max_output_tokens": 100 } }),
        ),
        (
            json!({ "generationConfig": { "maxOutputTokens": 0 } }),
            json!({ "generationConfig": { "maxOutputTokens": 100 } }),
        ),
        (
            json!({ "generationConfig": { "maxOutputTokens": 99 } }),
            json!({ "generationConfig": { "maxOutputTokens": 99 } }),
        ),
    ];
    for (mut before, mut after) in table {
        for body in [&mut before, &mut after] {
            body["contents"] = json!([]);
        }
        let mut request = request(WHOLE, &before.to_string()).unwrap();
        request.clamp_output_tokens(100);
        assert_eq!(written(&*request), after);
    }
}

#[test]
fn a_further_round_goes_to_the_method_that_does_not_stream() {
    let path = "/v1beta/models/gemini-pro:streamGenerateContent";
    for (query, expected) in
        [("alt=sse", ""), ("key=k&alt=sse&fields=a", "?key=k&fields=a"), ("%61lt=sse&key=k", "?key=k")]
    {
        let mut request = request(&format!("{path}?{query}"), MINIMAL).unwrap();
        request.answer_whole();
        assert_eq!(request.target().unwrap(), format!("/v1beta/models/gemini-pro:generateContent{expected}"));
        assert_eq!((request.wants(), request.write()), (Wants::Whole, MINIMAL.as_bytes().to_vec()));
    }
}

#[test]
fn a_mode_that_forces_a_call_is_auto_in_the_next_round_and_others_stay() {
    let calling = |mode: Value| json!({ "mode": mode, "allowedFunctionNames": ["f"] });
    let table = [
        (json!({ "functionCallingConfig": calling(json!("ANY")) }), true),
        (json!({ "functionCallingConfig": calling(json!(2)) }), true),
        (json!({ "function_calling_config": { "mode": "ANY" }, "retrievalConfig": {} }), true),
        (json!({ "functionCallingConfig": calling(json!("VALIDATED")) }), false),
        (json!({ "functionCallingConfig": { "mode": "NONE" } }), false),
        (json!({ "functionCallingConfig": {} }), false),
        (json!({ "functionCallingConfig": null }), false),
        (json!({}), false),
    ];
    for (config, forces) in table {
        for key in ["toolConfig", "tool_config"] {
            let mut body = json!({ "contents": [] });
            body[key] = config.clone();
            let mut request = request(WHOLE, &body.to_string()).unwrap();
            request.free_choice();
            let mut expected = config.clone();
            if forces {
                expected.as_object_mut().unwrap().retain(|key, _| key == "retrievalConfig");
                expected["functionCallingConfig"] = json!({ "mode": "AUTO" });
            }
            assert_eq!(written(&*request)[key], expected);
        }
    }
}

fn result(id: Option<&str>, name: &str, content: &str, failed: bool, extra: Value) -> CallResult {
    let Value::Object(mut extra) = extra else { panic!("extra is an object") };
    if id.is_some() {
        extra.insert("id".to_owned(), json!(true));
    }
    let id = id.unwrap_or("call_0").to_owned();
    let call = Call { id, name: name.into(), arguments: r#"{"a":1}"#.into(), extra, ..Call::default() };
    CallResult { call, content: content.into(), failed }
}

#[test]
fn a_turn_and_its_results_are_appended_as_two_contents() {
    let mut request = request(WHOLE, r#"{"contents":[{"parts":[{"text":"hi"}]}],"x":1.50}"#).unwrap();
    let said =
        [json!({ "text": "Hm.", "thought": true, "thoughtSignature": "dA==" }), json!({ "text": "Let me look." })];
    let results = [
        result(Some("c1"), "f", r#"{"found":true}"#, false, json!({ "thoughtSignature": "c2ln" })),
        result(None, "g", "[1]", false, json!({ "signedBefore": "c2ln" })),
        result(None, "h", r#"{"error":{"code":"timeout"}}"#, true, json!({})),
        result(None, "i", r#""lost""#, true, json!({})),
    ];
    request.append_turn(&said, &results);
    let text = String::from_utf8(request.write()).unwrap();
    assert!(text.ends_with(r#","x":1.50}"#), "{text}");
    let contents = written(&*request)["contents"].clone();
    assert_eq!(contents[0], json!({ "parts": [{ "text": "hi" }] }));
    let call = |name: &str| json!({ "functionCall": { "name": name, "args": { "a": 1 } } });
    let signed = json!({ "functionCall": { "id": "c1", "name": "f", "args": { "a": 1 } }, "thoughtSignature": "c2ln" });
    assert_eq!(
        contents[1],
        json!({ "role": "model", "parts": [said[0], said[1], signed, call("g"), call("h"), call("i")] })
    );
    let response = |name: &str, response: Value| json!({ "functionResponse": { "name": name, "response": response } });
    assert_eq!(
        contents[2],
        json!({ "role": "user", "parts": [
            { "functionResponse": { "id": "c1", "name": "f", "response": { "found": true } } },
            response("g", json!({ "result": [1] })),
            response("h", json!({ "error": { "code": "timeout" } })),
            response("i", json!({ "error": "lost" })),
        ] })
    );
}

#[test]
fn the_first_call_of_an_appended_turn_takes_over_the_signature_of_one_that_is_left_out() {
    let mut request = request(WHOLE, MINIMAL).unwrap();
    let results = [result(None, "g", "{}", false, json!({ "signedBefore": "c2ln" }))];
    request.append_turn(&[], &results);
    assert_eq!(written(&*request)["contents"][0]["parts"][0]["thoughtSignature"], "c2ln");
}

#[test]
fn a_request_within_a_count_is_read_and_rewritten_like_any_other() {
    let target = "/v1beta/models/gemini-pro:countTokens";
    let text = r#" {"generate_content_request": {"model":"models/gemini-x","contents":[ {} ],"tools":[{"functionDeclarations":[{"name":"f"}]}]}}"#;
    let mut request = request(target, text).unwrap();
    assert_eq!(request.models(), ["gemini-pro", "gemini-x"]);
    assert_eq!(request.declared()[0].name, "f");
    assert_eq!(String::from_utf8(request.write()).unwrap(), text);
    request.declare(&[&Declaration::new("f", None, &Value::Object(Map::new()))], Form::Tool);
    assert_eq!(
        String::from_utf8(request.write()).unwrap(),
        r#"{"generate_content_request":{"model":"models/gemini-x","contents":[ {} ],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{}}]}]}}"#
    );
    let both = r#"{"generateContentRequest":{"contents":[]},"contents":[]}"#;
    assert!(crate::common::request(target, both).is_err());
}

#[test]
fn tools_may_be_one_object() {
    let text = r#"{"contents":[],"tools":{"function_declarations":[{"name":"f"}],"google_search":{}}}"#;
    let mut request = request(WHOLE, text).unwrap();
    assert_eq!((request.declared()[0].name.as_str(), request.provider_tools()), ("f", vec!["googleSearch"]));
    request.declare(&[&Declaration::new("f", None, &json!(true))], Form::Tool);
    let tools =
        json!([{ "functionDeclarations": [{ "name": "f", "parametersJsonSchema": true }] }, { "google_search": {} }]);
    assert_eq!(written(&*request)["tools"], tools);
}

#[test]
fn an_unknown_member_of_the_tools_configuration_is_a_tool_of_the_provider() {
    for (member, tool) in
        [("evil", Some("evil")), ("RetrievalConfig", Some("RetrievalConfig")), ("retrieval_config", None)]
    {
        let body = json!({ "contents": [], "toolConfig": { member: {} } }).to_string();
        let request = request(WHOLE, &body).unwrap();
        assert_eq!(request.provider_tools(), Vec::from_iter(tool), "{member}");
    }
}
