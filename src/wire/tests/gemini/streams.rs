//! Streamed answers: the deltas of each event, and the output.

use callgate_wire::gemini::Gemini;
use callgate_wire::{ApiError, Call, ChoiceIndex, Delta, Dialect, Stream};
use serde_json::{Value, json};

use crate::common::{
    STREAM, accumulate, answer, asking, calls, deltas, ended, event, events, last, of_parts, passed, piece, shown,
    stream,
};

fn call(name: &str) -> Value {
    json!({ "functionCall": { "name": name, "args": { "a": 1 } } })
}

fn told(text: &str) -> Vec<Delta> {
    ended(&mut *stream(), &[text.as_bytes()]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn an_ordinary_stream_with_thoughts_text_and_parallel_calls() {
    let signed = json!({ "functionCall": { "id": "x1", "name": "f", "args": { "a": 1 } }, "thoughtSignature": "c2ln" });
    let text = piece(json!([{ "text": "Hm", "thought": true }]))
        + &piece(json!([{ "text": "Look." }]))
        + &piece(json!([signed]))
        + &piece(json!([call("g")]))
        + &last(json!([{ "text": "" }]));
    insta::assert_snapshot!(shown(&told(&text)));
}

#[test]
fn events_that_say_several_things_are_taken_apart() {
    let mut body = of_parts(json!([{ "text": "A" }, call("f"), { "text": "B", "thoughtSignature": "s" }, call("g")]));
    let candidate = &mut body["candidates"][0];
    candidate["safetyRatings"] = json!([{ "category": "C" }]);
    candidate["logprobsResult"] = json!({ "chosenCandidates": [{ "token": "SECRET" }] });
    body["other"] = json!("SECRET");
    let everything = shown(&told(&event(&body)));
    assert!(!everything.contains("SECRET"));
    insta::assert_snapshot!("everything_at_once", everything);

    let mut two = of_parts(json!([call("f")]));
    let other = json!({ "content": { "parts": [{ "text": "Hi" }] }, "index": 1, "citationMetadata": {} });
    two["candidates"].as_array_mut().unwrap().push(other);
    insta::assert_snapshot!("two_candidates", shown(&told(&event(&two))));

    let later = piece(json!([call("f")])) + &last(json!([{ "text": "!" }]));
    insta::assert_snapshot!("text_beside_the_finish_of_calls", shown(&told(&later)));

    let mut rated = of_parts(json!([call("f")]));
    rated["candidates"][0]["finishReason"] = Value::Null;
    rated["candidates"][0]["groundingMetadata"] = json!({ "webSearchQueries": ["q"] });
    insta::assert_snapshot!("a_call_with_something_beside_it", shown(&told(&event(&rated))));
}

#[test]
fn a_stream_without_calls_keeps_its_bytes() {
    let table = [
        piece(json!([{ "text": "a" }])) + &last(json!([{ "text": "b" }])),
        piece(json!([{ "text": "a" }])) + &last(json!([{ "text": "" }])),
        piece(json!([{ "text": "a" }, { "inlineData": { "mimeType": "image/png", "data": "AA==" } }]))
            + &last(json!([])),
        ": ping\n\n".to_owned() + &last(json!([{ "text": "a" }])),
        last(json!([{ "text": "a" }])) + &event(&json!({ "usageMetadata": { "totalTokenCount": 1 } })),
        event(&json!({ "promptFeedback": { "blockReason": "SAFETY" }, "usageMetadata": {} })),
        event(&json!({ "error": { "code": 503, "message": "overloaded" } })),
        // Some models end each event so.
        last(json!([{ "text": "a" }])) + &last(json!([{ "text": "b" }])),
    ];
    for text in table {
        assert_eq!(String::from_utf8(passed(&told(&text))).unwrap(), text);
    }
}

#[test]
fn a_reason_with_each_event_is_no_end_while_the_stream_goes_on() {
    let text = last(json!([{ "text": "I will " }])) + &last(json!([{ "text": "look." }])) + &last(json!([call("f")]));
    let deltas = told(&text);
    assert_eq!(calls(&deltas).len(), 1);
    assert_eq!(accumulate(&events(&passed(&deltas)))["parts"][0]["text"], "I will look.");
    let ends = deltas.iter().filter(|delta| matches!(delta, Delta::Finish { .. })).count();
    assert!(ends == 1 && matches!(deltas.last(), Some(Delta::Finish { .. })), "the end comes last: {}", shown(&deltas));

    // Calls and text after an end in the event of a call.
    let text = last(json!([call("f")])) + &last(json!([call("g")])) + &last(json!([{ "text": "Done." }]));
    let deltas = told(&text);
    assert_eq!(calls(&deltas).len(), 2);
    let is_end = |delta: &Delta| matches!(delta, Delta::Finish { .. });
    assert_eq!(deltas.iter().position(is_end), Some(deltas.len() - 1));
    assert_eq!(accumulate(&events(&passed(&deltas)))["parts"][0]["text"], "Done.");
}

#[test]
fn text_and_its_end_are_forwarded_at_once() {
    let text = last(json!([{ "text": "a" }])) + &last(json!([{ "text": "" }]));
    assert_eq!(String::from_utf8(passed(&deltas(&mut *stream(), &[text.as_bytes()]).unwrap())).unwrap(), text);
}

#[test]
fn a_part_of_an_unknown_kind_without_a_call_is_dropped_streamed_as_whole() {
    let parts =
        json!([{ "text": "A" }, { "hologram": { "shape": "cube" } }, call("f"), { "text": "B", "mood": { "joy": 1 } }]);
    let kept = json!([{ "text": "A" }, call("f"), { "text": "B", "mood": { "joy": 1 } }]);
    let whole: Value = serde_json::from_slice(&answer(&of_parts(parts.clone()).to_string()).unwrap().write()).unwrap();
    assert_eq!(whole["candidates"][0]["content"]["parts"], kept);
    let deltas = told(&last(parts));
    assert!(!shown(&deltas).contains("hologram"));
    assert_eq!((calls(&deltas).len(), shown(&deltas).contains("joy")), (1, true));
    for part in [
        json!({ "launch": { "action": { "type": "open" } } }),
        json!({ "browserCall": 1 }),
        json!({ "x": [{ "args": { "a": 1 } }] }),
    ] {
        assert!(answer(&of_parts(json!([part])).to_string()).is_err(), "{part}");
        assert!(deltas_of(&piece(json!([part]))).is_err(), "{part}");
    }
}

fn deltas_of(text: &str) -> Result<Vec<Delta>, callgate_wire::StreamError> {
    deltas(&mut *stream(), &[text.as_bytes()])
}

#[test]
fn a_signature_survives_wherever_it_stands() {
    let parts = json!([
        { "text": "Hm", "thought": true, "thoughtSignature": "a" },
        { "functionCall": { "name": "f", "args": {} }, "thought_signature": "b" },
        { "text": "", "thoughtSignature": "c" },
    ]);
    let mut stream = stream();
    let deltas = ended(&mut *stream, &[last(parts).as_bytes()]).unwrap();
    let told = String::from_utf8(passed(&deltas)).unwrap();
    assert!(told.contains("\"a\"") && told.contains("\"c\""), "{told}");
    let written = stream.call(ChoiceIndex::FIRST, &calls(&deltas)[0]);
    assert_eq!(events(&written)[0]["candidates"][0]["content"]["parts"][0]["thought_signature"], "b");
}

#[test]
fn a_stream_is_complete_when_every_candidate_ended_or_the_prompt_was_blocked() {
    let two = |finish: Value| {
        let candidate = |index: u32, finish: &Value| json!({ "content": { "parts": [{ "text": "a" }] }, "index": index, "finishReason": finish });
        event(&json!({ "candidates": [candidate(0, &json!("STOP")), candidate(1, &finish)] }))
    };
    let table = [
        (String::new(), false),
        (piece(json!([{ "text": "a" }])), false),
        (last(json!([{ "text": "a" }])), true),
        (last(json!([call("f")])), true),
        (two(json!("MAX_TOKENS")), true),
        (two(json!("FINISH_REASON_UNSPECIFIED")), false),
        (two(Value::Null), false),
        (event(&json!({ "promptFeedback": { "blockReason": "SAFETY" } })), true),
        (event(&json!({ "usageMetadata": {} })), false),
    ];
    for (text, complete) in table {
        let mut stream = stream();
        deltas(&mut *stream, &[text.as_bytes()]).unwrap();
        assert_eq!(stream.is_complete(), complete, "{text}");
    }
}

#[test]
fn what_cannot_be_trusted_is_an_error() {
    let table = [
        "data: [DONE]\n\n".to_owned(),
        "data: [{\"candidates\":[]}]\n\n".to_owned(),
        "data: {\"candidates\":[],\"candidates\":[]}\n\n".to_owned(),
        piece(json!([{ "function_call": { "name": "f" } }])),
        piece(json!([{ "functionCall": { "partialArgs": [{ "jsonPath": "$.a", "stringValue": "b" }] } }])),
        piece(json!([{ "codeExecutionResult": {} }])),
        piece(json!([{ "newCall": { "name": "f" } }])),
        event(&json!({ "error": { "functionCall": { "name": "f" } } })),
        format!("event: error\n{}", piece(json!([call("f")]))),
    ];
    for text in table {
        assert!(deltas(&mut *stream(), &[text.as_bytes()]).is_err(), "{text}");
    }
}

#[test]
fn a_line_that_is_no_field_is_removed() {
    let text = b"[{\n\"functionCall\": {}}]\n\n";
    assert_eq!(passed(&deltas(&mut *stream(), &[text]).unwrap()), b"\n");
}

#[test]
fn an_error_without_data_field_is_passed_as_one_line() {
    let text = "{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"busy\"\n  }\n}\n";
    let error = "{   \"error\": {     \"code\": 503,     \"message\": \"busy\"   } }\n\n";
    for end in ["", "\n"] {
        let found = deltas(&mut *stream(), &[text.as_bytes(), end.as_bytes()]).unwrap();
        assert_eq!(found, [Delta::Error { frame: error.into() }]);
    }
    let with_call = text.replace("\"busy\"", "{\"functionCall\": {\"name\": \"f\"}}");
    assert_eq!(passed(&deltas(&mut *stream(), &[with_call.as_bytes(), b"\n"]).unwrap()), b"\n");
}

#[test]
fn what_a_tool_of_the_provider_did_goes_on_where_it_was_asked_for() {
    let text = piece(json!([{ "executableCode": { "code": "1" } }])) + &last(json!([{ "codeExecutionResult": {} }]));
    let mut stream = Gemini.stream(&*asking(STREAM, &["codeExecution"]));
    assert_eq!(String::from_utf8(passed(&deltas(&mut *stream, &[text.as_bytes()]).unwrap())).unwrap(), text);
}

#[test]
fn calls_of_a_turn_are_numbered_over_its_events() {
    let text = piece(json!([call("f"), call("g")])) + &last(json!([call("h")]));
    let ids: Vec<String> = calls(&told(&text)).into_iter().map(|call| call.id).collect();
    assert_eq!(ids, ["call_0", "call_1", "call_2"]);
}

/// A stream after its first event.
fn begun(text: &str) -> (Box<dyn Stream>, Vec<Delta>) {
    let mut stream = stream();
    let deltas = deltas(&mut *stream, &[text.as_bytes()]).unwrap();
    (stream, deltas)
}

fn only_part(bytes: &[u8]) -> Value {
    let events = events(bytes);
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["responseId"], &events[0]["modelVersion"]), (&json!("r1"), &json!("gemini-2.5-flash")));
    assert_eq!(events[0]["candidates"][0]["content"]["role"], "model");
    events[0]["candidates"][0]["content"]["parts"][0].clone()
}

#[test]
fn a_released_call_is_written_as_it_came_and_with_no_id_that_it_did_not_have() {
    let signed =
        json!({ "functionCall": { "id": "x", "name": "f", "args": { "b": 1, "a": 2 } }, "thoughtSignature": "s" });
    let (mut stream, deltas) = begun(&piece(json!([signed, call("g")])));
    let calls = calls(&deltas);
    assert_eq!(only_part(&stream.call(ChoiceIndex::FIRST, &calls[0])), signed);
    assert_eq!(only_part(&stream.call(ChoiceIndex::FIRST, &calls[1])), call("g"));
}

#[test]
fn the_next_call_takes_the_signature_over_from_one_that_goes_nowhere() {
    let signed = json!({ "functionCall": { "name": "f", "args": {} }, "thoughtSignature": "s" });
    let (mut stream, deltas) = begun(&(piece(json!([signed])) + &piece(json!([call("g"), call("h")]))));
    let calls = calls(&deltas);
    stream.text(ChoiceIndex::FIRST, "no f");
    assert_eq!(only_part(&stream.call(ChoiceIndex::FIRST, &calls[1]))["thoughtSignature"], "s");
    assert_eq!(only_part(&stream.call(ChoiceIndex::FIRST, &calls[2])), call("h"));
}

#[test]
fn a_text_of_ours_is_a_paragraph_of_its_own() {
    let (mut stream, _) = begun(&piece(json!([{ "text": "Hm", "thought": true }, call("f")])));
    assert_eq!(
        only_part(&stream.text(ChoiceIndex::FIRST, "no f")),
        json!({ "text": "no f" }),
        "a thought is not shown"
    );
    let later = piece(json!([{ "text": "Well." }]));
    let deltas = deltas(&mut *stream, &[later.as_bytes()]).unwrap();
    let parts: Vec<Value> =
        events(&passed(&deltas)).iter().map(|event| event["candidates"][0]["content"]["parts"][0].clone()).collect();
    assert_eq!(parts, [json!({ "text": "\n\n" }), json!({ "text": "Well." })]);
    assert!(passed(&deltas).ends_with(later.as_bytes()));
    assert_eq!(only_part(&stream.text(ChoiceIndex::FIRST, "no g")), json!({ "text": "\n\nno g" }));
    assert_eq!(
        stream.said(ChoiceIndex::FIRST),
        [json!({ "text": "Hm", "thought": true }), json!({ "text": "no fWell.\n\nno g" })],
        "what was said is kept for the next round"
    );
}

#[test]
fn a_later_answer_is_appended_as_one_event_with_the_use_of_both() {
    let (mut stream, _) = begun(
        &(piece(json!([{ "text": "Let me look." }]))
            + &event(&json!({ "candidates": [{ "content": { "parts": [call("f")] }, "finishReason": "STOP" }],
                "usageMetadata": { "promptTokenCount": 10, "totalTokenCount": 20 } }))),
    );
    let answer = format!("{:#}", of_parts(json!([{ "text": "t", "thought": true }, { "text": "Found." }, call("g")])));
    let appended = events(&stream.append(answer.as_bytes()));
    assert_eq!(appended.len(), 1);
    assert_eq!(
        appended[0]["candidates"][0]["content"]["parts"],
        json!([{ "text": "t", "thought": true }, { "text": "\n\n" }, { "text": "Found." }, call("g")])
    );
    assert_eq!(appended[0]["candidates"][0]["finishReason"], "STOP");
    assert_eq!(appended[0]["usageMetadata"], json!({ "promptTokenCount": 13, "totalTokenCount": 25 }));
}

#[test]
fn a_finish_that_was_told_apart_keeps_the_turn_in_a_clients_history() {
    // `google-genai` drops a turn from its chat's history if one of its events has no content with a part.
    let deltas = told(&last(json!([call("f")])));
    for event in events(&passed(&deltas)) {
        assert_eq!(event["candidates"][0]["content"]["parts"], json!([{ "text": "" }]));
    }
    assert_eq!(accumulate(&events(&passed(&deltas)))["finish"], "STOP");
}

#[test]
fn an_error_ends_a_stream() {
    let error = ApiError { status: 502, code: "upstream_invalid".into(), message: "No.".into(), param: None };
    let (mut stream, _) = begun(&piece(json!([{ "text": "a" }])));
    let told: serde_json::Value = serde_json::from_slice(&stream.error(&error)).unwrap();
    assert_eq!(told["error"]["details"][0]["metadata"]["code"], "upstream_invalid");
}

#[test]
fn a_call_that_no_stream_has_begun_for_can_be_written() {
    let call = Call { name: "f".into(), arguments: "{}".into(), ..Call::default() };
    assert_eq!(events(&stream().call(ChoiceIndex::FIRST, &call))[0]["candidates"][0]["index"], 0);
}
