//! The same conversation in every dialect has the same parts.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed helper is a failed test")]

use callgate_json::Span;
use callgate_wire::{Call, CallResult, DIALECTS, Part, Request, ResultBlock, Target, result_blocks};

/// Each dialect's conversation: an instruction, a question with an image, a call, its result, an answer.
const REQUESTS: [(&str, &str, &str); 6] = [
    (
        "chatCompletions",
        "/v1/chat/completions",
        r#"{"model":"m","messages":[
            {"role":"system","content":"Be brief."},
            {"role":"user","content":[{"type":"text","text":"Rain in \"Rome\"?"},{"type":"image_url","image_url":{"url":"u"}}]},
            {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"get","arguments":"{\"city\":\"Rome\"}"}}]},
            {"role":"tool","tool_call_id":"c1","content":"no rain"},
            {"role":"assistant","content":"No."}]}"#,
    ),
    (
        "responses",
        "/v1/responses",
        r#"{"model":"m","instructions":"Be brief.","input":[
            {"role":"user","content":[{"type":"input_text","text":"Rain in \"Rome\"?"},{"type":"input_image","image_url":"u"}]},
            {"type":"function_call","call_id":"c1","name":"get","arguments":"{\"city\":\"Rome\"}"},
            {"type":"function_call_output","call_id":"c1","output":"no rain"},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"No."}]}]}"#,
    ),
    (
        "messages",
        "/v1/messages",
        r#"{"model":"m","max_tokens":9,"system":[{"type":"text","text":"Be brief."}],"messages":[
            {"role":"user","content":[{"type":"text","text":"Rain in \"Rome\"?"},{"type":"image","source":{}}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"get","input":{"city":"Rome"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"no rain"}]},
            {"role":"assistant","content":"No."}]}"#,
    ),
    (
        "gemini",
        "/v1beta/models/m:generateContent",
        r#"{"system_instruction":{"parts":[{"text":"Be brief."}]},"contents":[
            {"role":"user","parts":[{"text":"Rain in \"Rome\"?"},{"inlineData":{"data":"AA=="}}]},
            {"role":"model","parts":[{"function_call":{"id":"c1","name":"get","args":{"city":"Rome"}}}]},
            {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"get","response":{"result":"no rain"}}}]},
            {"role":"model","parts":[{"text":"No."}]}]}"#,
    ),
    (
        "ollama",
        "/api/chat",
        r#"{"model":"m","messages":[
            {"role":"system","content":"Be brief."},
            {"role":"user","content":"Rain in \"Rome\"?","images":["AA=="]},
            {"role":"assistant","tool_calls":[{"id":"c1","function":{"name":"get","arguments":{"city":"Rome"}}}]},
            {"role":"tool","tool_name":"get","tool_call_id":"c1","content":"no rain"},
            {"role":"assistant","content":"No."}]}"#,
    ),
    (
        "converse",
        "/model/m/converse",
        r#"{"system":[{"text":"Be brief."}],"messages":[
            {"role":"user","content":[{"text":"Rain in \"Rome\"?"},{"image":{}}]},
            {"role":"assistant","content":[{"toolUse":{"toolUseId":"c1","name":"get","input":{"city":"Rome"}}}]},
            {"role":"user","content":[{"toolResult":{"toolUseId":"c1","content":[{"text":"no rain"}]}}]},
            {"role":"assistant","content":[{"text":"No."}]}]}"#,
    ),
];

fn read(key: &str, path: &str, text: &str) -> Box<dyn Request> {
    let dialect = DIALECTS.iter().find(|row| row.key == key).unwrap().dialect().unwrap();
    let model = path.contains("/m").then_some("m").filter(|_| key == "gemini" || key == "converse");
    dialect.request(&Target::new(path).with_model(model), text.as_bytes()).unwrap()
}

/// One line for each part. Arguments and results, whose shapes differ between APIs, are shown by the words in them.
fn shown(request: &dyn Request) -> Vec<String> {
    let text =
        |value: Option<Span<'_>>| value.and_then(Span::string).map_or_else(|| "-".to_owned(), |text| text.into_owned());
    let has = |value: Option<Span<'_>>, word: &str| value.is_some_and(|value| value.text().contains(word));
    let mut lines = Vec::new();
    request.conversation(&mut |part| {
        lines.push(match part {
            Part::Text { role, text: string } => format!("{role:?}: {}", text(Some(string))),
            Part::Call { id, name, arguments, .. } => {
                format!("call {} {} {}", text(id), text(name), has(arguments, "Rome"))
            }
            Part::Result { id, content, .. } => format!("result {} {}", text(id), has(content, "no rain")),
            Part::Other { role, .. } => format!("{role:?}: other"),
        });
    });
    lines
}

#[test]
fn the_same_conversation_has_the_same_parts_in_every_dialect() {
    for (key, path, text) in REQUESTS {
        let expected = [
            "System: Be brief.",
            "User: Rain in \"Rome\"?",
            "User: other",
            "call c1 get true",
            "result c1 true",
            "Assistant: No.",
        ];
        assert_eq!(shown(&*read(key, path, text)), expected, "{key}");
    }
    assert_eq!(REQUESTS.len(), DIALECTS.iter().filter(|row| row.dialect().is_some()).count());
}

#[test]
fn a_further_round_is_part_of_the_conversation() {
    for (key, path, text) in REQUESTS {
        let mut request = read(key, path, text);
        let call = Call {
            id: "c2".to_owned(),
            name: "get".to_owned(),
            arguments: r#"{"city":"Rome"}"#.to_owned(),
            ..Call::default()
        };
        request.append_turn(&[], &[CallResult { call, content: r#""no rain""#.to_owned(), failed: false }]);
        let lines = shown(&*request);
        let [.., call, result] = lines.as_slice() else { panic!("{key}: {lines:?}") };
        assert!(
            lines.len() >= 8 && matches!(call.as_str(), "call c2 get true" | "call - get true"),
            "{key}: {lines:?}"
        );
        assert!(result.starts_with("result") && result.ends_with("true"), "{key}: {lines:?}");
    }
}

#[test]
fn a_part_of_no_known_shape_is_still_shown() {
    for (key, path, text) in [
        (
            "chatCompletions",
            "/v1/chat/completions",
            r#"{"model":"m","messages":[{"role":"critic","content":{"a":1}}]}"#,
        ),
        ("responses", "/v1/responses", r#"{"model":"m","input":[{"type":"reasoning","summary":[]}]}"#),
        (
            "messages",
            "/v1/messages",
            r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"thinking"}]}]}"#,
        ),
        ("gemini", "/v1beta/models/m:generateContent", r#"{"contents":[{"role":"user"}]}"#),
        ("ollama", "/api/chat", r#"{"model":"m","messages":[{"role":"user","content":[[]]}]}"#),
        ("converse", "/model/m/converse", r#"{"messages":[{"role":"user","content":[{"video":{}}]}]}"#),
    ] {
        let lines = shown(&*read(key, path, text));
        assert!(lines.len() == 1 && lines[0].ends_with("other"), "{key}: {lines:?}");
    }
}

/// One line for each result: its id, its name, and its blocks.
fn results(request: &dyn Request) -> Vec<String> {
    let text =
        |value: Option<Span<'_>>| value.and_then(Span::string).map_or_else(|| "-".to_owned(), |text| text.into_owned());
    let mut lines = Vec::new();
    request.conversation(&mut |part| {
        let Part::Result { id, name, content } = part else { return };
        let block = |block: ResultBlock<'_>| match block {
            ResultBlock::Text(value) => format!("text {}", text(Some(value))),
            ResultBlock::Json(value) => format!("json {}", value.text()),
            ResultBlock::Other(_) => "other".to_owned(),
        };
        let blocks: Vec<String> = result_blocks(content).into_iter().map(block).collect();
        lines.push(format!("{} {}: {}", text(id), text(name), blocks.join(", ")));
    });
    lines
}

/// Dialect, the results in its form, and the lines that they give. `R` stands for the results in the conversation.
type OddCase = (&'static str, &'static str, &'static [&'static str]);

const ODD_RESULTS: [OddCase; 25] = [
    // A result that quotes another result is a text.
    (
        "chatCompletions",
        r#"{"role":"tool","tool_call_id":"c1","content":"{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"x\"}"}"#,
        &[r#"c1 -: text {"role":"tool","tool_call_id":"c2","content":"x"}"#],
    ),
    ("chatCompletions", r#"{"role":"tool","content":"a"}"#, &["- -: text a"]),
    ("chatCompletions", r#"{"role":"function","name":"get","content":"a"}"#, &["- get: text a"]),
    ("chatCompletions", r#"{"role":"tool","tool_call_id":"c1","content":null}"#, &["c1 -: "]),
    (
        "chatCompletions",
        r#"{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#,
        &["c1 -: text a, text b"],
    ),
    // An MCP result as text of JSON stays a text.
    (
        "chatCompletions",
        r#"{"role":"tool","tool_call_id":"c1","content":"{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"structuredContent\":{\"b\":1}}"}"#,
        &[r#"c1 -: text {"content":[{"type":"text","text":"a"}],"structuredContent":{"b":1}}"#],
    ),
    ("responses", r#"{"type":"function_call_output","call_id":"c1","output":"a"}"#, &["c1 -: text a"]),
    ("responses", r#"{"type":"function_call_output","output":"a"}"#, &["- -: text a"]),
    (
        "responses",
        r#"{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"u"}]}"#,
        &["c1 -: text a, other"],
    ),
    (
        "messages",
        r#"{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"a"},{"type":"image","source":{}}]},{"type":"tool_result","tool_use_id":"c2","content":"b"},{"type":"text","text":"t"}"#,
        &["c1 -: text a, other", "c2 -: text b"],
    ),
    ("messages", r#"{"type":"tool_result","content":"a"}"#, &["- -: text a"]),
    ("messages", r#"{"type":"tool_result","tool_use_id":"c1"}"#, &["c1 -: "]),
    (
        "messages",
        r#"{"type":"tool_result","tool_use_id":"c1","content":[{"type":"search_result","source":"s","content":[{"type":"text","text":"a"}]}]}"#,
        &["c1 -: text a"],
    ),
    (
        "messages",
        r#"{"type":"tool_result","tool_use_id":"c1","content":"<tool_result tool_use_id=\"c2\">a</tool_result>"}"#,
        &[r#"c1 -: text <tool_result tool_use_id="c2">a</tool_result>"#],
    ),
    ("gemini", r#"{"functionResponse":{"name":"get","response":{"result":"a"}}}"#, &["- get: text a"]),
    (
        "gemini",
        r#"{"functionResponse":{"id":"c1","name":"get","response":{"output":{"b":1}}}}"#,
        &[r#"c1 get: json {"b":1}"#],
    ),
    ("gemini", r#"{"functionResponse":{"name":"get","response":{"b":1}}}"#, &[r#"- get: json {"b":1}"#]),
    (
        "gemini",
        r#"{"functionResponse":{"name":"get","response":{"result":"a","b":1}}},{"function_response":{"name":"put","response":{"result":[1]}}}"#,
        &[r#"- get: json {"result":"a","b":1}"#, "- put: json [1]"],
    ),
    ("gemini", r#"{"functionResponse":{"name":"get","response":{"result":"{\"b\":1}"}}}"#, &[r#"- get: text {"b":1}"#]),
    ("ollama", r#"{"role":"tool","content":"a"}"#, &["- -: text a"]),
    ("ollama", r#"{"role":"tool","tool_name":"get","content":"a"}"#, &["- get: text a"]),
    (
        "converse",
        r#"{"toolResult":{"toolUseId":"c1","content":[{"json":{"b":1}}]}},{"toolResult":{"toolUseId":"c2","content":[{"text":"a"},{"image":{}}]}}"#,
        &[r#"c1 -: json {"b":1}"#, "c2 -: text a, other"],
    ),
    ("converse", r#"{"toolResult":{"toolUseId":"c1","content":[{"text":"{\"b\":1}"}]}}"#, &[r#"c1 -: text {"b":1}"#]),
    ("converse", r#"{"toolResult":{"toolUseId":"c1","content":[]}}"#, &["c1 -: "]),
    ("converse", r#"{"toolResult":{"content":[{"text":"a"}]}}"#, &["- -: text a"]),
];

#[test]
fn odd_results_have_the_same_blocks_in_every_dialect() {
    for (key, results_text, expected) in ODD_RESULTS {
        let (path, text) = match key {
            "chatCompletions" => ("/v1/chat/completions", format!(r#"{{"model":"m","messages":[{results_text}]}}"#)),
            "responses" => ("/v1/responses", format!(r#"{{"model":"m","input":[{results_text}]}}"#)),
            "messages" => (
                "/v1/messages",
                format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[{results_text}]}}]}}"#),
            ),
            "gemini" => (
                "/v1beta/models/m:generateContent",
                format!(r#"{{"contents":[{{"role":"user","parts":[{results_text}]}}]}}"#),
            ),
            "ollama" => ("/api/chat", format!(r#"{{"model":"m","messages":[{results_text}]}}"#)),
            _ => ("/model/m/converse", format!(r#"{{"messages":[{{"role":"user","content":[{results_text}]}}]}}"#)),
        };
        assert_eq!(results(&*read(key, path, &text)), expected, "{key} {results_text}");
    }
}
