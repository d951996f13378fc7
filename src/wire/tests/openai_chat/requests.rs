//! Requests: read, refused, rewritten.

use callgate_wire::openai_chat::OpenAiChat;
use callgate_wire::{
    Call, CallResult, Declaration, Dialect as _, Form, OutputLimit, Request, RequestError, Target, Wants,
};
use serde_json::json;

use crate::suite::tool_call;

const TOOLS: &str = r#"{
  "model": "gpt-4o", "temperature": 0.70, "stream": true, "stream_options": {"include_usage": true},
  "messages": [ {"role": "user", "content": "caf\u00e9"} ],
  "tools": [
    {"type": "function", "function": {"name": "get_order", "description": "POISON", "strict": true, "parameters": {"x": 1}}},
    {"type": "web_search", "user_location": null}
  ],
  "tool_choice": {"type": "function", "function": {"name": "get_order"}},
  "max_tokens": 5000
}"#;

fn with(members: &str) -> String {
    format!(r#"{{"model":"m","messages":[]{}{members}}}"#, if members.is_empty() { "" } else { "," })
}

fn try_read(text: &str) -> Result<Box<dyn Request>, RequestError> {
    OpenAiChat.request(&Target::new("/v1/chat/completions"), text.as_bytes())
}

fn read(text: &str) -> Box<dyn Request> {
    try_read(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn written(request: &dyn Request) -> String {
    String::from_utf8(request.write()).unwrap()
}

#[test]
fn what_is_decided_on_is_told() {
    let request = read(TOOLS);
    assert_eq!(
        (request.models(), request.wants(), request.include_usage(), request.choices()),
        (vec!["gpt-4o"], Wants::Stream, true, 1)
    );
    let names: Vec<_> = request.declared().iter().map(|tool| (tool.name.as_str(), tool.form)).collect();
    assert_eq!(names, [("get_order", Form::Tool)]);
    assert_eq!(request.provider_tools(), ["web_search"]);
    assert_eq!(request.chosen(), ["get_order"]);
    assert_eq!(written(&*request), TOOLS, "and nothing is changed");

    let request = read(&with(r#""functions":[{"name":"f"}],"function_call":{"name":"f"},"n":3,"stream":null"#));
    assert_eq!((request.declared()[0].form, request.choices(), request.wants()), (Form::Function, 3, Wants::Whole));
    assert_eq!(request.chosen(), ["f"]);

    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto",
        "tools": [{"type": "function", "function": {"name": "a"}}, {"type": "function", "name": "b"}]}});
    assert_eq!(read(&with(&format!(r#""tool_choice":{allowed}"#))).chosen(), ["a", "b"]);
    assert_eq!(read(&with(r#""tool_choice":"auto","function_call":"none""#)).chosen(), [""; 0]);
    let models = with(r#""models":["x","y"]"#);
    assert_eq!(read(&models).models(), ["m", "x", "y"]);
}

#[test]
fn tools_that_the_provider_runs_are_told_by_type_or_member() {
    let table = [
        ("", vec![]),
        (r#""tools":[{"type":"custom","custom":{"name":"x"}},{"type":"mcp","server_url":"u"}]"#, vec!["mcp"]),
        (r#""web_search_options":{}"#, vec!["web_search"]),
        (r#""web_search_options":null,"enable_search":false,"plugins":[]"#, vec![]),
        (r#""plugins":[{"id":"web"}],"data_sources":[{"type":"azure_search"}]"#, vec!["plugins", "data_sources"]),
        (r#""search_parameters":{"mode":"on"}"#, vec!["live_search"]),
    ];
    for (members, expected) in table {
        assert_eq!(read(&with(members)).provider_tools(), expected, "{members}");
    }
}

#[test]
fn bad_requests_are_refused_with_a_code_and_the_member() {
    let mut told = String::new();
    let table = [
        "".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"model":"a","model":"b","messages":[]}"#.to_owned(),
        r#"{"model":"a"}"#.to_owned(),
        r#"{"model":"a","messages":{}}"#.to_owned(),
        r#"{"model":"a","messages":["x"]}"#.to_owned(),
        r#"{"model":"a","Model":"b","messages":[]}"#.to_owned(),
        with(r#""toolſ":[]"#),
        with(r#""stream":"yes""#),
        with(r#""n":0"#),
        with(r#""n":1.5"#),
        with(r#""max_tokens":1.5"#),
        with(r#""max_completion_tokens":"9""#),
        with(r#""max_tokens":0.10000000000000000001"#),
        with(r#""best_of":21"#),
        with(r#""extra_body":{"tools":[{"type":"web_search"}]}"#),
        with(r#""extra_body":1"#),
        with(r#""fallbacks":[1]"#),
        with(r#""fallbacks":[{"model":"a","tools":[]}]"#),
        with(r#""chat_template_kwargs":{"tools":[]}"#),
        with(r#""tools":{}"#),
        with(r#""tools":[{"name":"a"}]"#),
        with(r#""tools":[{"type":"function"}]"#),
        with(r#""tools":[{"type":"function","function":{"name":""}}]"#),
        with(r#""tools":[{"type":"function","function":{"name":"a","Name":"b"}}]"#),
        with(r#""functions":[{"name":null}]"#),
        with(r#""tools":[{"type":"function","function":{"name":"a"}}],"functions":[{"name":"a"}]"#),
    ];
    for text in table {
        let error = try_read(&text).expect_err(&text);
        told += &format!("{text}\n    {} {}: {error}\n", error.code(), error.param().unwrap_or("-"));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn declarations_become_the_contracts_own_and_the_rest_keeps_its_bytes() {
    let mut request = read(TOOLS);
    let parameters = json!({"type": "object", "required": ["id"]});
    let declaration = Declaration::new("get_order", Some("Reads an order."), &parameters);
    request.declare(&[&declaration], Form::Tool);
    insta::assert_snapshot!(written(&*request));

    let mut same = read(&written(&*request));
    same.declare(&[&declaration], Form::Tool);
    assert_eq!(same.write(), request.write(), "what is declared so already is not written again");

    request.declare(&[], Form::Tool);
    assert_eq!(request.declared(), []);
    assert!(written(&*request).contains(r#""tools":[{"type": "web_search", "user_location": null}]"#));

    let mut legacy = read(&with(r#""functions":[{"name":"f"}]"#));
    legacy.declare(&[&Declaration::new("f", None, &parameters)], Form::Function);
    assert_eq!(
        written(&*legacy),
        with(r#""functions":[{"name":"f","parameters":{"type":"object","required":["id"]}}]"#)
    );
    legacy.declare(&[], Form::Function);
    assert_eq!(written(&*legacy), with(""));
}

#[test]
fn output_tokens_are_lowered_never_raised() {
    let table = [
        ("", r#""max_tokens":100"#),
        (r#""max_tokens":99"#, r#""max_tokens":99"#),
        (r#""max_tokens":101"#, r#""max_tokens":100"#),
        (r#""max_tokens":null"#, r#""max_tokens":100"#),
        (r#""max_tokens":-1"#, r#""max_tokens":100"#),
        (r#""max_tokens":0"#, r#""max_tokens":100"#),
        (r#""max_completion_tokens":null"#, r#""max_completion_tokens":null,"max_tokens":100"#),
        (r#""n_predict":101,"max_tokens":1e1"#, r#""n_predict":100,"max_tokens":1e1"#),
        (
            r#""extra_body":{"max_tokens":101, "top_k": 1},"max_tokens":1"#,
            r#""extra_body":{"max_tokens":100,"top_k":1},"max_tokens":1"#,
        ),
        (r#""max_completion_tokens":500,"max_tokens":7"#, r#""max_completion_tokens":100,"max_tokens":7"#),
    ];
    for (before, after) in table {
        let mut request = read(&with(before));
        request.clamp_output_tokens(100);
        assert_eq!(written(&*request), with(after));
    }
}

#[test]
fn a_round_asks_for_a_whole_answer_with_the_turn_appended() {
    let mut request = read(TOOLS);
    request.answer_whole();
    let result = |call: Call, content: &str| CallResult { call, content: content.to_owned(), failed: false };
    let legacy = Call { form: Form::Function, ..tool_call("", "old", "{}") };
    request.append_turn(
        &[
            json!("Let me see."),
            json!({ "reasoning_content": "Hm.", "reasoning_details": [{ "type": "reasoning.text" }] }),
        ],
        &[
            result(tool_call("call_1", "get_order", "{\"id\":1}"), "{\"total\":3}"),
            result(tool_call("call_2", "get_order", "{}"), "no such order"),
        ],
    );
    request.append_turn(&[], &[result(legacy, "done")]);
    insta::assert_snapshot!(written(&*request));
    assert!(request.wants() == Wants::Whole && !request.include_usage());
}

#[test]
fn the_limit_has_the_name_that_the_upstream_knows() {
    let (old, new) = ("max_tokens", "max_completion_tokens");
    let table = [
        ("gpt-4o", OutputLimit::Auto, old),
        ("openai/gpt-oss-120b", OutputLimit::Auto, old),
        ("mistral-large", OutputLimit::Auto, old),
        ("o-model", OutputLimit::Auto, old),
        ("gpt-5.2", OutputLimit::Auto, new),
        ("openai/gpt-10-mini", OutputLimit::Auto, new),
        ("o3-mini", OutputLimit::Auto, new),
        ("o1", OutputLimit::MaxTokens, old),
        ("qwen3", OutputLimit::MaxCompletionTokens, new),
    ];
    for (model, name, expected) in table {
        let mut request = read(&format!(r#"{{"model":"{model}","messages":[]}}"#));
        request.name_output_limit(name);
        request.clamp_output_tokens(100);
        assert!(written(&*request).ends_with(&format!(r#","{expected}":100}}"#)), "{model}: {}", written(&*request));
    }
    let mut moved = read(&with(r#""max_tokens":7,"top_p":1"#));
    moved.name_output_limit(OutputLimit::MaxCompletionTokens);
    moved.clamp_output_tokens(100);
    assert_eq!(written(&*moved), with(r#""top_p":1,"max_completion_tokens":7"#));
    let azure = Target::new("/openai/deployments/any/chat/completions").with_model(Some("any"));
    let mut azure = OpenAiChat.request(&azure, br#"{"messages":[]}"#).unwrap();
    azure.clamp_output_tokens(5);
    assert_eq!(written(&*azure), r#"{"messages":[],"max_completion_tokens":5}"#);
}

#[test]
fn members_of_a_declared_tool_survive() {
    let mut request = read(&with(
        r#""tools":[{"function":{"name":"f","strict":true,"other":1},"cache_control":{"type":"ephemeral","scope":"x"}},{"type":"custom","custom":{"name":"c"}}]"#,
    ));
    request.declare(&[&Declaration::new("f", None, &json!(true))], Form::Tool);
    assert_eq!(
        written(&*request),
        with(
            r#""tools":[{"type":"function","function":{"name":"f","parameters":true,"strict":true},"cache_control":{"type":"ephemeral","scope":"x"}}]"#
        )
    );
    assert_eq!(read(&with(r#""tool_choice":{"type":"custom","custom":{"name":"c"}}"#)).chosen(), ["c"]);
    let called_by_code =
        r#""tools":[{"type":"function","function":{"name":"f","allowed_callers":["direct","code_execution_1"]}}]"#;
    assert_eq!(read(&with(called_by_code)).provider_tools(), ["code_execution_1"]);
}

#[test]
fn a_choice_of_a_dropped_tool_is_taken_back() {
    let tools = r#""tools":[{"type":"function","function":{"name":"f"}}],"parallel_tool_calls":false"#;
    for (choice, left) in [(r#"{"type":"function","function":{"name":"g"}}"#, r#""auto""#), (r#""none""#, r#""none""#)]
    {
        let mut request = read(&with(&format!(r#"{tools},"tool_choice":{choice}"#)));
        request.limit_choice(true, &|_| false);
        assert_eq!(written(&*request), with(&format!(r#"{tools},"tool_choice":{left}"#)));
    }
    let mut none = read(&with(&format!(r#"{tools},"tool_choice":"required""#)));
    none.declare(&[], Form::Tool);
    none.limit_choice(false, &|_| false);
    assert_eq!(written(&*none), with(""));
}

#[test]
fn a_choice_has_a_form_that_is_read() {
    for choice in [
        r#""tool_choice":[{"type":"function","function":{"name":"f"}}]"#,
        r#""tool_choice":{"type":"function","Function":{"name":"f"}}"#,
        r#""tool_choice":{"type":"allowed_tools","allowed_tools":[{"type":"function","name":"f"}]}"#,
        r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"Tools":[]}}"#,
        r#""tool_choice":true"#,
    ] {
        assert_eq!(try_read(&with(choice)).unwrap_err().param(), Some("tool_choice"), "{choice}");
    }
    assert_eq!(try_read(&with(r#""function_call":["f"]"#)).unwrap_err().param(), Some("function_call"));
}

#[test]
fn a_choice_goes_with_the_last_declaration_of_its_form() {
    let tools =
        r#""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required","parallel_tool_calls":true"#;
    let functions = r#""functions":[{"name":"g"}],"function_call":"auto""#;
    let left = |form: Form| {
        let mut request = read(&with(&format!("{tools},{functions}")));
        request.declare(&[], form);
        written(&*request)
    };
    assert_eq!(left(Form::Function), with(tools));
    assert_eq!(left(Form::Tool), with(functions));
}
