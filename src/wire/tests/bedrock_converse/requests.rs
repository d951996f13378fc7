//! Requests: read, refused, rewritten.

use callgate_wire::bedrock_converse::BedrockConverse;
use callgate_wire::{Declaration, Dialect as _, Form, Request, RequestError, Target, Wants};
use serde_json::{Value, json};

use crate::common::result;
use crate::suite::tool_call;

const PATH: &str = "/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse";

const TOOLS: &str = r#"{
  "messages": [ {"role": "user", "content": [{"text": "caf\u00e9"}, {"cachePoint": {"type": "default"}}]} ],
  "system": [{"text": "Be brief."}],
  "inferenceConfig": {"temperature": 0.70, "maxTokens": 5000},
  "toolConfig": {
    "tools": [
      {"toolSpec": {"name": "get_order", "description": "POISON", "strict": true, "inputSchema": {"json": {"x": 1}}}},
      {"cachePoint": {"type": "default"}},
      {"systemTool": {"name": "nova_grounding"}}
    ],
    "toolChoice": {"tool": {"name": "get_order"}}
  },
  "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
  "performanceConfig": {"latency": "optimized"}
}"#;

fn try_read(path: &str, text: &str) -> Result<Box<dyn Request>, RequestError> {
    BedrockConverse.request(&Target::new(path), text.as_bytes())
}

fn read(text: &str) -> Box<dyn Request> {
    try_read(PATH, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn with(members: &str) -> String {
    format!(r#"{{"messages":[]{}{members}}}"#, if members.is_empty() { "" } else { "," })
}

fn written(request: &dyn Request) -> String {
    String::from_utf8(request.write()).unwrap()
}

#[test]
fn what_is_decided_on_is_told() {
    let request = read(TOOLS);
    assert_eq!(request.models(), ["us.anthropic.claude-sonnet-4-20250514-v1:0"]);
    assert_eq!((request.wants(), request.choices(), request.server_state()), (Wants::Whole, 1, false));
    let names: Vec<_> = request.declared().iter().map(|tool| (tool.name.as_str(), tool.form)).collect();
    assert_eq!(names, [("get_order", Form::Tool)]);
    assert_eq!((request.provider_tools(), request.chosen()), (vec!["nova_grounding"], vec!["get_order"]));
    assert_eq!((written(&*request).as_str(), request.target()), (TOOLS, None), "and nothing is changed");
    assert_eq!(read("{}").declared(), [], "a stored prompt needs no messages");
}

#[test]
fn model_and_stream_are_in_the_path() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0";
    let path = format!("/model/{}/converse-stream?x=1", arn.replace(':', "%3A").replace('/', "%2f"));
    let mut request = try_read(&path, "{}").unwrap();
    assert_eq!((request.models(), request.wants()), (vec![arn], Wants::Stream));
    assert_eq!(request.target(), None);
    request.answer_whole();
    assert_eq!(request.target(), Some(path.replace("-stream", "")));
    assert_eq!(request.wants(), Wants::Whole);

    let prompt = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprompt%2FABCDEFGHIJ%3A1/converse";
    assert!(try_read(prompt, "{}").unwrap().server_state(), "a stored prompt can bring tools");
    assert!(try_read(PATH, r#"{"modelId":"other"}"#).unwrap().models().contains(&"other"));
    for path in [
        "/model//converse",
        "/model/a%2/converse",
        "/model/a%252Fb/converse",
        "/model/a%20b/converse",
        "/model/a%3Fb/converse",
        "/model/a/converse/x",
        "/model/a/invoke",
        "/models/a/converse",
    ] {
        assert_eq!(try_read(path, "{}").unwrap_err().param(), Some("modelId"), "{path}");
    }
}

#[test]
fn whatever_could_run_at_the_provider_is_told_by_name() {
    let table = [
        ("", vec![]),
        (r#""toolConfig":{"tools":[{"systemTool":{"name":"nova_code_interpreter"}}]}"#, vec!["nova_code_interpreter"]),
        (r#""toolConfig":{"tools":[{"mcpServer":{"url":"u"}},{"cachePoint":{"type":"default"}}]}"#, vec!["mcpServer"]),
        (r#""toolConfig":{"tools":[{"future":{}}]}"#, vec!["future"]),
        (r#""toolConfig":{"tools":[],"servers":[1]}"#, vec!["servers"]),
        (r#""webSearch":{},"additionalModelRequestFields":{"mcp_servers":[1]}"#, vec!["mcp"]),
    ];
    for (members, expected) in table {
        assert_eq!(read(&with(members)).provider_tools(), expected, "{members}");
    }
    let chosen = with(r#""toolConfig":{"tools":[{"systemTool":{"name":"s"}}],"toolChoice":{"tool":{"name":"s"}}}"#);
    assert_eq!(read(&chosen).chosen(), [""; 0], "it is allowed or not as a tool of the provider");
    assert_eq!(read(&with(r#""toolConfig":{"tools":[],"toolChoice":{"any":{}}}"#)).chosen(), [""; 0]);
}

#[test]
fn tools_that_messages_add_must_be_declared() {
    let with_block = |block: &str| format!(r#"{{"messages":[{{"role":"system","content":[{block}]}}]}}"#);
    let read = |block: &str| read(&with_block(block));
    assert_eq!(read(r#"{"toolAddition":{"tool":{"type":"tool","name":"f"}}}"#).chosen(), ["f"]);
    let of_server = read(r#"{"toolAddition":{"tool":{"type":"mcp","name":"f","serverName":"s"}}}"#);
    assert_eq!((of_server.chosen(), of_server.provider_tools()), (vec![], vec!["mcp"]));
    assert_eq!(read(r#"{"toolRemoval":{"tool":{"name":"f"}}}"#).chosen(), [""; 0]);
    for block in [
        r#"{"toolAddition":{}}"#,
        r#"{"toolAddition":{"tool":{"name":1}}}"#,
        r#"{"toolAddition":{"tool":{"Name":"f","name":"g"}}}"#,
    ] {
        assert_eq!(try_read(PATH, &with_block(block)).unwrap_err().param(), Some("messages"), "{block}");
    }
}

#[test]
fn fields_of_the_models_own_api_pass_only_if_they_bring_no_tools() {
    let fields = |fields: &str| try_read(PATH, &with(&format!(r#""additionalModelRequestFields":{fields}"#)));
    for good in [
        "null",
        "{}",
        r#"{"top_k":50,"thinking":{"type":"enabled","budget_tokens":1024},"tools":null,"mcp_servers":[]}"#,
        r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}"#,
        r#"{"reasoningConfig":{"type":"enabled"},"inferenceConfig":{"topK":20}}"#,
        r#"{"anthropic_beta":["context-1m-2025-08-07","interleaved-thinking-2025-05-14"]}"#,
        r#"{"anthropic_beta":[]}"#,
    ] {
        assert!(fields(good).is_ok(), "{good}");
    }
    for bad in [
        "[]",
        r#""x""#,
        r#"{"tools":[{"type":"bash_20250124","name":"bash"}]}"#,
        r#"{"tools":{}}"#,
        r#"{"anthropic_beta":["computer-use-2025-01-24"]}"#,
        r#"{"anthropic_beta":["context-1m-2025-08-07",1]}"#,
        r#"{"anthropic_beta":"mcp-client-2025-04-04"}"#,
        r#"{"Max_Tokens":1}"#,
        r#"{"toolConfig":{"tools":[]}}"#,
    ] {
        assert!(fields(bad).is_err(), "{bad}");
    }
    let mut limited = fields(r#"{"max_tokens":100000,"inferenceConfig":{"maxTokens":100000},"future":[1]}"#).unwrap();
    assert_eq!(limited.drop_unknown_members(&[]).names, ["additionalModelRequestFields.future"]);
    limited.clamp_output_tokens(9);
    assert_eq!(
        written(&*limited),
        with(
            r#""additionalModelRequestFields":{"max_tokens":9,"inferenceConfig":{"maxTokens":9}},"inferenceConfig":{"maxTokens":9}"#
        )
    );

    // Many unknown members are dropped in another way, and the limit that follows must not bring them back.
    let many: String = (0..40).map(|n| format!(r#","u{n}":{n}"#)).collect();
    let text = r#""additionalModelRequestFields":{"max_tokens":100000}"#;
    let mut limited = try_read(PATH, &with(&format!("{text}{many}"))).unwrap();
    assert_eq!(limited.drop_unknown_members(&[]).names.len(), 32);
    limited.clamp_output_tokens(9);
    let expected = r#""additionalModelRequestFields":{"max_tokens":9},"inferenceConfig":{"maxTokens":9}"#;
    assert_eq!(written(&*limited), with(expected));
}

#[test]
fn bad_requests_are_refused_with_a_code_and_the_member() {
    let mut told = String::new();
    let table = [
        "".to_owned(),
        "[]".to_owned(),
        r#"{"messages":[],"messages":[]}"#.to_owned(),
        r#"{"messages":{}}"#.to_owned(),
        r#"{"messages":["x"]}"#.to_owned(),
        r#"{"messages":[{"role":"user","content":"x"}]}"#.to_owned(),
        r#"{"messages":[{"role":"user","content":[{"text":"a"}],"Content":[]}]}"#.to_owned(),
        r#"{"messages":[{"role":"user","content":[{"future":{"a":1}}]}]}"#.to_owned(),
        r#"{"messages":[{"role":"user","content":[{"ToolAddition":{}}]}]}"#.to_owned(),
        r#"{"Messages":[]}"#.to_owned(),
        with(r#""toolconfig":{}"#),
        with(r#""modelId":1"#),
        with(r#""inferenceConfig":[]"#),
        with(r#""inferenceConfig":{"maxTokens":1.5}"#),
        with(r#""inferenceConfig":{"maxtokens":7}"#),
        with(r#""toolConfig":[]"#),
        with(r#""toolConfig":{"Tools":[]}"#),
        with(r#""toolConfig":{"tools":{}}"#),
        with(r#""toolConfig":{"tools":[1]}"#),
        with(r#""toolConfig":{"tools":[{}]}"#),
        with(r#""toolConfig":{"tools":[{"toolSpec":{"name":"a"},"systemTool":{"name":"b"}}]}"#),
        with(r#""toolConfig":{"tools":[{"toolSpec":{"name":"a"},"ToolSpec":null}]}"#),
        with(r#""toolConfig":{"tools":[{"toolSpec":"a"}]}"#),
        with(r#""toolConfig":{"tools":[{"toolSpec":{"name":""}}]}"#),
        with(r#""toolConfig":{"tools":[{"toolSpec":{"name":"a","NAME":"b"}}]}"#),
        with(r#""toolConfig":{"tools":[{"systemTool":{}}]}"#),
        with(r#""toolConfig":{"tools":[{"toolSpec":{"name":"a"}},{"toolSpec":{"name":"a"}}]}"#),
        with(r#""toolConfig":{"tools":[],"toolChoice":"auto"}"#),
        with(r#""toolConfig":{"tools":[],"toolChoice":{"tool":{}}}"#),
        with(r#""toolConfig":{"tools":[],"toolChoice":{"Tool":{"name":"a"}}}"#),
    ];
    for text in table {
        let error = try_read(PATH, &text).expect_err(&text);
        told += &format!("{text}\n    {} {}: {error}\n", error.code(), error.param().unwrap_or("-"));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn declarations_become_the_contracts_own_where_they_stood_and_the_rest_keeps_its_bytes() {
    let mut request = read(TOOLS);
    let parameters = json!({"type": "object", "required": ["id"]});
    let declaration = Declaration::new("get_order", Some("Reads an order."), &parameters);
    let injected = Declaration::new("look", None, &parameters);
    request.declare(&[&injected, &declaration], Form::Tool);
    insta::assert_snapshot!(written(&*request));
    let mut same = read(&written(&*request));
    same.declare(&[&injected, &declaration], Form::Tool);
    assert_eq!(same.write(), request.write(), "what is declared so already is not written again");
    let names: Vec<_> = request.declared().iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["look", "get_order"]);

    request.declare(&[], Form::Function);
    assert_eq!(request.write(), same.write(), "the API has no functions of another form");
    request.declare(&[], Form::Tool);
    let tools = r#""tools":[{"cachePoint": {"type": "default"}},{"systemTool": {"name": "nova_grounding"}}]"#;
    assert!(written(&*request).contains(tools), "{}", written(&*request));

    let mut none = read(&with(""));
    none.declare(&[&injected], Form::Tool);
    assert_eq!(
        written(&*none),
        with(
            r#""toolConfig":{"tools":[{"toolSpec":{"name":"look","inputSchema":{"json":{"type":"object","required":["id"]}}}}]}"#
        )
    );
    none.declare(&[], Form::Tool);
    assert_eq!(written(&*none), with(""));
}

#[test]
fn output_tokens_are_lowered_never_raised() {
    let table = [
        ("", r#""inferenceConfig":{"maxTokens":100}"#),
        (r#""inferenceConfig":null"#, r#""inferenceConfig":{"maxTokens":100}"#),
        (r#""inferenceConfig":{"maxTokens":99}"#, r#""inferenceConfig":{"maxTokens":99}"#),
        (r#""inferenceConfig":{"topP": 0.50,"maxTokens":101}"#, r#""inferenceConfig":{"topP":0.50,"maxTokens":100}"#),
        (r#""inferenceConfig":{"maxTokens":-1}"#, r#""inferenceConfig":{"maxTokens":100}"#),
        (r#""inferenceConfig":{"maxTokens":null}"#, r#""inferenceConfig":{"maxTokens":100}"#),
    ];
    for (before, after) in table {
        let mut request = read(&with(before));
        request.clamp_output_tokens(100);
        assert_eq!(written(&*request), with(after));
    }
}

#[test]
fn a_round_appends_the_turn_and_its_results() {
    let mut request = try_read("/model/m/converse-stream", TOOLS).unwrap();
    let said = [
        json!({"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}),
        json!({"text": " "}),
        json!({"text": "Let me look."}),
    ];
    let results = [
        result(tool_call("t1", "get_order", r#"{"id":1}"#), r#"{"found":true}"#, false),
        result(tool_call("t2", "get_order", "{}"), r#"{"error":{"code":"timeout"}}"#, true),
        result(tool_call("t3", "get_order", "no"), "[1]", false),
    ];
    request.append_turn(&said, &results);
    request.answer_whole();
    let body: Value = serde_json::from_slice(&request.write()).unwrap();
    insta::assert_json_snapshot!(body["messages"]);
    assert!(
        written(&*request).contains(r#"[ {"role": "user", "content": [{"text": "caf\u00e9"}, {"cach"#),
        "history keeps its bytes"
    );
    assert_eq!(request.target().as_deref(), Some("/model/m/converse"));

    request.append_turn(&[], &results[..1]);
    let body: Value = serde_json::from_slice(&request.write()).unwrap();
    assert_eq!(body["messages"].as_array().unwrap().len(), 5);
    request.free_choice();
    let body: Value = serde_json::from_slice(&request.write()).unwrap();
    assert_eq!(body["toolConfig"]["toolChoice"], Value::Null, "a model that is forced again could never answer");
    assert_eq!(body["toolConfig"]["tools"].as_array().unwrap().len(), 3);
    let mut empty = read("{}");
    empty.free_choice();
    empty.append_turn(&[], &results[..1]);
    let body: Value = serde_json::from_slice(&empty.write()).unwrap();
    assert_eq!(body["messages"][0]["role"], "assistant");
}
