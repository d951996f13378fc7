//! Whole answers: which calls they have, and how they look without some of them.

use callgate_wire::gemini::Gemini;
use callgate_wire::{Answer, Call, ChoiceIndex, Dialect, Earlier, ReleasePolicy};
use serde_json::{Value, json};

use crate::common::{WHOLE, answer, asking, of_parts};
use crate::suite::{all_kept, replaced};

fn call(name: &str, args: Value) -> Value {
    json!({ "functionCall": { "name": name, "args": args } })
}

fn read(parts: Value) -> Box<dyn Answer> {
    answer(&of_parts(parts).to_string()).unwrap()
}

fn calls(answer: &dyn Answer) -> Vec<Call> {
    answer.calls()[0].to_vec()
}

fn parts(answer: &dyn Answer) -> Value {
    serde_json::from_slice::<Value>(&answer.write()).unwrap()["candidates"][0]["content"]["parts"].clone()
}

#[test]
fn calls_are_found_with_their_arguments_as_they_were_written() {
    let text = r#"{"candidates":[{"content":{"role":"model","parts":[
        {"text":"Look."},
        {"functionCall":{"id":"x1","name":"f","args":{ "n": 1.0, "big": 12345678901234567890123 }},"thoughtSignature":"c2ln","partMetadata":{"a":1}},
        {"functionCall":{"name":"g"}},
        {"function\u0043all":{"\u0061rgs":{"a":"]}"},"name":"h"}},
        {"functionCall":{"name":"i","args":null,"id":null}}
    ]},"finishReason":"STOP"}]}"#;
    let answer = answer(text).unwrap();
    let calls = calls(&*answer);
    let told: Vec<_> =
        calls.iter().map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str())).collect();
    assert_eq!(
        told,
        [
            ("x1", "f", r#"{ "n": 1.0, "big": 12345678901234567890123 }"#),
            ("call_1", "g", "{}"),
            ("call_2", "h", r#"{"a":"]}"}"#),
            ("call_3", "i", "{}"),
        ]
    );
    assert_eq!(calls[0].extra["thoughtSignature"], "c2ln");
    assert_eq!(calls[0].extra["partMetadata"], json!({ "a": 1 }));
}

#[test]
fn the_calls_of_every_candidate_are_found() {
    let candidate = |name: &str, index: u32| json!({ "content": { "parts": [call(name, json!({}))] }, "index": index, "finishReason": "STOP" });
    let answer = answer(&json!({ "candidates": [candidate("f", 1), candidate("g", 0)] }).to_string()).unwrap();
    let names: Vec<&str> = answer.calls().iter().map(|calls| calls[0].name.as_str()).collect();
    assert_eq!(names, ["f", "g"]);
}

#[test]
fn a_prompt_that_was_blocked_has_no_candidates() {
    let text = r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#;
    let answer = answer(text).unwrap();
    assert!(answer.calls().is_empty());
    assert_eq!(answer.write(), text.as_bytes());
    assert_eq!(answer.usage(), Some(json!({ "promptTokenCount": 4 })));
}

#[test]
fn every_kind_of_part_that_is_no_call_is_let_through() {
    let parts = json!([
        { "text": "a" },
        { "text": "hm", "thought": true, "thoughtSignature": "c2ln" },
        { "inlineData": { "mimeType": "image/png", "data": "AA==" } },
        { "fileData": { "fileUri": "gs://a" }, "videoMetadata": { "fps": 1 } },
        { "thoughtSignature": "c2ln" },
        { "text": "", "newScalar": "x" },
        {},
    ]);
    let answer = read(parts.clone());
    assert!(calls(&*answer).is_empty());
    let said: Vec<Value> = parts.as_array().unwrap().iter().filter(|part| **part != json!({})).cloned().collect();
    assert_eq!(answer.said(ChoiceIndex::FIRST), said);
}

#[test]
fn what_a_tool_of_the_provider_did_needs_that_tool_to_be_asked_for() {
    let table = [
        (json!({ "executableCode": { "language": "PYTHON", "code": "1" } }), "codeExecution"),
        (json!({ "codeExecutionResult": { "outcome": "OUTCOME_OK" } }), "codeExecution"),
        (json!({ "toolCall": { "id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {} } }), "googleSearch"),
        (json!({ "toolResponse": { "id": "t", "toolType": "GOOGLE_SEARCH_IMAGE" } }), "googleSearch"),
        (json!({ "toolCall": { "toolType": "URL_CONTEXT" } }), "urlContext"),
        (json!({ "toolCall": { "toolType": "GOOGLE_MAPS" } }), "googleMaps"),
        (json!({ "toolCall": { "toolType": "FILE_SEARCH" } }), "fileSearch"),
    ];
    for (part, tool) in table {
        let text = of_parts(json!([part])).to_string();
        let asked = asking(WHOLE, &[tool]);
        assert!(Gemini.answer(&*asked, text.as_bytes()).is_ok(), "{text}");
        let other = asking(WHOLE, &["computerUse"]);
        assert!(Gemini.answer(&*other, text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn what_could_be_a_call_to_another_reader_is_refused() {
    let whole = [
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"},"functionCall":{"name":"g"}}]}}]}"#,
        r#"{"candidates":[],"functionCall":{"name":"f"}}"#,
        r#"{"Candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}"#,
        r#"{"candidates":[{"functionCall":{"name":"f"}}]}"#,
        r#"{"candidates":[{"Content":{"parts":[{"functionCall":{"name":"f"}}]}}]}"#,
        r#"{"candidates":[{"content":{"functionCall":{"name":"f"}}}]}"#,
        r#"{"candidates":[{"content":{"Parts":[{"functionCall":{"name":"f"}}]}}]}"#,
        r#"{"candidates":[],"automaticFunctionCallingHistory":[{"parts":[{"function_call":{"name":"f"}}]}]}"#,
        r#"{"candidates":[{"content":{"parts":{"functionCall":{"name":"f"}}}}]}"#,
        r#"{"candidates":{}}"#,
        r#"{"candidates":[{"content":[]}]}"#,
        r#"{"candidates":[{"index":-1}]}"#,
        r#"[{"candidates":[]}]"#,
    ];
    for text in whole {
        assert!(answer(text).is_err(), "{text}");
    }
    let parts = [
        r#"{"function_call":{"name":"f"}}"#,
        r#"{"FunctionCall":{"name":"f"}}"#,
        r#"{"functionCalls":[{"name":"f"}]}"#,
        r#"{"text":"a","functionCall":{"name":"f"}}"#,
        r#"{"functionCall":"f"}"#,
        r#"{"functionCall":{"name":1}}"#,
        r#"{"functionCall":{"Name":"g","name":"f"}}"#,
        r#"{"functionCall":{"name":"f","Args":{}}}"#,
        r#"{"functionCall":{"name":"f","args":"{}"}}"#,
        r#"{"functionCall":{"name":"f","args":[]}}"#,
        r#"{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$.a"}]}}"#,
        r#"{"functionCall":{"name":"f","partial_args":[]}}"#,
        r#"{"functionCall":{"name":"f","willContinue":true}}"#,
        r#"{"functionCall":{"name":"f","willContinue":1}}"#,
        r#"{"functionCall":{"name":"f","partialArgs":{}}}"#,
        r#"{"functionCall":{"name":"f","willContinue":true}}"#,
        r#"{"functionCall":{"name":"f","functionCall":{"name":"g"}}}"#,
        r#"{"functionResponse":{"name":"f","response":{}}}"#,
        r#"{"executableCode":{"code":"1"}}"#,
        r#"{"toolCall":{"toolType":"MEDIA_PROCESSING"}}"#,
        r#"{"toolCall":{}}"#,
        r#"{"shellCall":{"command":"rm"}}"#,
        r#"{"shellCall":"rm"}"#,
        r#"{"text":"a","shellCall":{"command":"rm"}}"#,
        r#"{"text":1}"#,
        r#"{"text":"a","thought":"yes"}"#,
        r#"{"text":"a","partMetadata":{"functionCall":{"name":"f"}}}"#,
        r#""text""#,
    ];
    for part in parts {
        let text = format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}}}}]}}"#);
        assert!(answer(&text).is_err(), "{part}");
    }
    let args =
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"functionCall":{"a":1}}}}]}}]}"#;
    assert!(answer(args).is_ok(), "an argument may be named so");
}

#[test]
fn an_answer_of_which_every_call_is_kept_keeps_its_bytes() {
    let text = format!(
        "{:#}\n",
        of_parts(json!([
            { "text": "a" },
            { "functionCall": { "args": { "b": [1, 2.5], "a": "é" }, "name": "f", "id": "x" }, "thoughtSignature": "c2ln" },
            call("g", json!({})),
        ]))
    );
    let mut answer = answer(&text).unwrap();
    let fates = all_kept(&*answer);
    answer.settle(ChoiceIndex::FIRST, fates, ReleasePolicy::Call);
    answer.prepend(&[]);
    assert_eq!(String::from_utf8(answer.write()).unwrap(), text);
}

#[test]
fn a_call_whose_arguments_readers_could_differ_over_is_written_canonically() {
    let text = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"n":1.0}, "unknown":1},"thoughtSignature":"s","other":1}]}}],"x":1.50}"#;
    let mut answer = answer(text).unwrap();
    let fates = all_kept(&*answer);
    answer.settle(ChoiceIndex::FIRST, fates, ReleasePolicy::Call);
    assert_eq!(
        String::from_utf8(answer.write()).unwrap(),
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"n":1}},"thoughtSignature":"s"}]}}],"x":1.50}"#
    );
}

#[test]
fn what_replaces_a_call_stands_in_a_paragraph_where_it_stood_or_at_the_end() {
    let turn = json!([{ "text": "A" }, call("f", json!({})), { "text": "B" }, call("g", json!({})), { "text": "C" }]);
    let table = [
        (
            ReleasePolicy::Call,
            json!([{ "text": "A" }, { "text": "\n\nno f" }, { "text": "\n\n" }, { "text": "B" }, call("g", json!({})), { "text": "C" }]),
        ),
        (
            ReleasePolicy::Turn,
            json!([{ "text": "A" }, { "text": "B" }, call("g", json!({})), { "text": "C" }, { "text": "\n\nno f" }]),
        ),
    ];
    for (hold, expected) in table {
        let mut answer = read(turn.clone());
        let mut fates = all_kept(&*answer);
        fates[0] = replaced("no f");
        answer.settle(ChoiceIndex::FIRST, fates, hold);
        assert_eq!(parts(&*answer), expected);
        assert_eq!(calls(&*answer).len(), 1);
    }
    let mut answer = read(json!([call("f", json!({})), call("g", json!({}))]));
    answer.settle(ChoiceIndex::FIRST, vec![replaced("no f"), replaced("no g")], ReleasePolicy::Call);
    assert_eq!(parts(&*answer), json!([{ "text": "no f" }, { "text": "\n\nno g" }]));
    assert_eq!(serde_json::from_slice::<Value>(&answer.write()).unwrap()["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn log_probabilities_go_with_a_call_that_is_left_out() {
    let mut body = of_parts(json!([call("f", json!({}))]));
    body["candidates"][0]["logprobsResult"] = json!({ "chosenCandidates": [{ "token": "SECRET" }] });
    let mut answer = answer(&body.to_string()).unwrap();
    answer.settle(ChoiceIndex::FIRST, vec![replaced("no")], ReleasePolicy::Call);
    assert!(!String::from_utf8(answer.write()).unwrap().contains("SECRET"));
}

#[test]
fn the_next_call_takes_the_signature_over_from_one_that_goes_nowhere() {
    let signed = json!({ "functionCall": { "name": "f", "args": {} }, "thoughtSignature": "c2ln" });
    let turn = json!([signed, call("g", json!({})), call("h", json!({}))]);
    let mut answer = read(turn.clone());
    let mut fates = all_kept(&*answer);
    fates[0] = replaced("no f");
    answer.settle(ChoiceIndex::FIRST, fates, ReleasePolicy::Call);
    let g = json!({ "functionCall": { "name": "g", "args": {} }, "thoughtSignature": "c2ln" });
    assert_eq!(parts(&*answer), json!([{ "text": "no f" }, g, call("h", json!({}))]));
    let mut answer = read(turn);
    let mut fates = all_kept(&*answer);
    fates[2] = replaced("no h");
    answer.settle(ChoiceIndex::FIRST, fates, ReleasePolicy::Call);
    assert_eq!(parts(&*answer), json!([signed, call("g", json!({})), { "text": "no h" }]));
}

#[test]
fn earlier_turns_stand_before_the_answer_and_their_use_is_added() {
    let mut answer = read(json!([{ "text": "t", "thought": true }, { "text": "Found." }]));
    let earlier = [
        Earlier {
            said: vec![json!({ "text": "Let me look.", "thoughtSignature": "s" })],
            usage: Some(json!({ "promptTokenCount": 1, "totalTokenCount": 2, "thoughtsTokenCount": 7 })),
        },
        Earlier { said: vec![], usage: None },
        Earlier { said: vec![json!({ "text": "Again." })], usage: None },
    ];
    answer.prepend(&earlier);
    assert_eq!(
        parts(&*answer),
        json!([
            { "text": "Let me look.", "thoughtSignature": "s" }, { "text": "\n\n" }, { "text": "Again." },
            { "text": "t", "thought": true }, { "text": "\n\n" }, { "text": "Found." },
        ])
    );
    let usage = serde_json::from_slice::<Value>(&answer.write()).unwrap()["usageMetadata"].clone();
    assert_eq!(usage, json!({ "promptTokenCount": 4, "totalTokenCount": 7, "thoughtsTokenCount": 7 }));
}

#[test]
fn a_candidate_without_content_gets_what_earlier_turns_said() {
    let mut answer = answer(r#"{"candidates":[{"finishReason":"SAFETY"}]}"#).unwrap();
    answer.prepend(&[Earlier { said: vec![json!({ "text": "a" })], usage: None }]);
    assert_eq!(
        String::from_utf8(answer.write()).unwrap(),
        r#"{"candidates":[{"finishReason":"SAFETY","content":{"role":"model","parts":[{"text":"a"}]}}]}"#
    );
}
