//! Streams: read event by event, written block by block.

use callgate_wire::anthropic_messages::MessagesStream;
use callgate_wire::{ApiError, Call, ChoiceIndex, Delta, Fate, ReleasePolicy, Stream as _};
use serde_json::{Value, json};

use crate::client::{accumulate, stream};
use crate::common::{CALL, END, OVER, START, STOP, TEXT, carried, deltas, event, events, frames};
use crate::suite::{calls, tool_call};

/// A message with a thought, text, and two calls.
fn message() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [
            { "type": "thinking", "thinking": "Hm. Hm.", "signature": "SIG==" },
            { "type": "text", "text": "Let me look." },
            { "type": "tool_use", "id": "a", "name": "f", "input": { "x": 1 }, "caller": { "type": "direct" } },
            { "type": "text", "text": "And \"there\"." },
            { "type": "tool_use", "id": "b", "name": "g", "input": {} },
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": { "input_tokens": 10, "output_tokens": 7 },
    })
}

#[test]
fn an_ordinary_stream_is_calls_and_the_rest_as_it_came() {
    let bytes = stream(&message(), &[r#"{ "x": 1 }"#], 3);
    let deltas = deltas(&[], &bytes).unwrap();
    let mut first = tool_call("a", "f", r#"{ "x": 1 }"#);
    first.extra.insert("caller".to_owned(), json!({ "type": "direct" }));
    assert_eq!(calls(&deltas), [first, tool_call("b", "g", "{}")]);
    let ends: Vec<&Delta> = deltas.iter().filter(|delta| matches!(delta, Delta::CallEnd { .. })).collect();
    assert_eq!(
        ends,
        [
            &Delta::CallEnd { choice: ChoiceIndex::FIRST, slot: 0 },
            &Delta::CallEnd { choice: ChoiceIndex::FIRST, slot: 1 }
        ]
    );
    assert!(matches!(deltas.as_slice(), [.., Delta::Finish { choice: ChoiceIndex::FIRST, .. }, Delta::Done { .. }]));
}

#[test]
fn what_is_released_is_the_message_again() {
    let bytes = stream(&message(), &[], 2);
    let (out, stream) = carried(&[], &bytes, ReleasePolicy::Call, Fate::Keep);
    let seen = accumulate(&out);
    assert_eq!((&seen.message, seen.done), (&message(), true));
    let said = json!([message()["content"][0], message()["content"][1], message()["content"][3]]);
    assert_eq!(Value::from(stream.said(ChoiceIndex::FIRST)), said, "what it said beside the calls");
    assert!(stream.is_complete());
}

#[test]
fn blocks_after_one_that_was_taken_out_are_numbered_anew() {
    let bytes = stream(&message(), &[r#"{"x":"SECRET"}"#], 40);
    let fate = |call: Call| if call.name == "f" { Fate::Replace("No.".to_owned()) } else { Fate::Keep(call) };
    let (out, _) = carried(&[], &bytes, ReleasePolicy::Call, fate);
    assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
    insta::assert_snapshot!("one_by_one", String::from_utf8_lossy(&out));
    let (out, _) = carried(&[], &bytes, ReleasePolicy::Turn, fate);
    insta::assert_snapshot!("at_the_end", String::from_utf8_lossy(&out));
    accumulate(&out);
}

#[test]
fn a_turn_without_a_call_left_ends_as_one_without() {
    let bytes = stream(&message(), &[], 40);
    let (out, _) = carried(&[], &bytes, ReleasePolicy::Call, |_| Fate::Replace("No.".to_owned()));
    assert_eq!(accumulate(&out).message["stop_reason"], "end_turn");
    let mut cut_short = message();
    cut_short["stop_reason"] = json!("max_tokens");
    let bytes = stream(&cut_short, &[], 40);
    let (out, _) = carried(&[], &bytes, ReleasePolicy::Call, |_| Fate::Replace("No.".to_owned()));
    assert_eq!(accumulate(&out).message["stop_reason"], "max_tokens", "other reasons stay");
}

#[test]
fn input_that_comes_whole_is_the_arguments() {
    let whole = CALL.replace("{}", r#"{ "x" : 0.10000000000000000001 }"#);
    let empty = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}"#;
    for (text, arguments) in [
        (events(&[START, &whole, STOP, END, OVER]), r#"{ "x" : 0.10000000000000000001 }"#),
        (events(&[START, &whole, empty, STOP, END, OVER]), r#"{ "x" : 0.10000000000000000001 }"#),
        (events(&[START, CALL, STOP, END, OVER]), "{}"),
        (events(&[START, CALL, empty, empty, STOP, END, OVER]), "{}"),
        (events(&[START, &CALL.replace(",\"input\":{}", ""), STOP, END, OVER]), "{}"),
        (events(&[START, &CALL.replace("{}}", "null}"), STOP, END, OVER]), "{}"),
    ] {
        assert_eq!(calls(&deltas(&[], text.as_bytes()).unwrap()), [tool_call("a", "f", arguments)], "{text}");
    }
}

#[test]
fn a_sign_of_life_goes_on_at_once_even_inside_of_a_call() {
    let ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
    let text = format!("{}{ping}: note\n\n{}", events(&[START, CALL]), events(&[STOP, END, OVER]));
    let deltas = deltas(&[], text.as_bytes()).unwrap();
    assert!(matches!(&deltas[1], Delta::Fragment { .. }));
    assert_eq!(deltas[2], Delta::Forward { frame: ping.into() });
    assert_eq!(deltas[3], Delta::Forward { frame: b": note\n\n".to_vec() });
}

#[test]
fn an_error_of_the_api_is_the_last_event() {
    let error = event(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#);
    let deltas = deltas(&[], error.as_bytes()).unwrap();
    assert_eq!(deltas, [Delta::Error { frame: error.into_bytes() }]);
}

#[test]
fn a_turn_that_is_cut_short_ends_the_call_that_it_was_cut_in() {
    let piece =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"x\":"}}"#;
    let text = events(&[START, CALL, piece, &END.replace("tool_use", "max_tokens"), OVER]);
    let read = deltas(&[], text.as_bytes()).unwrap();
    assert_eq!(calls(&read), [tool_call("a", "f", r#"{"x":"#)]);
    let [.., Delta::CallEnd { slot: 0, .. }, Delta::Finish { .. }, Delta::Done { .. }] = read.as_slice() else {
        panic!("{read:?}")
    };
    let (out, _) = carried(&[], text.as_bytes(), ReleasePolicy::Call, |_| Fate::Replace("No.".to_owned()));
    assert_eq!(accumulate(&out).message["content"], json!([{ "type": "text", "text": "No." }]));
    let text = events(&[START, TEXT, END, OVER]);
    let stopped = events(&[START, TEXT, STOP, END, OVER]);
    assert_eq!(carried(&[], text.as_bytes(), ReleasePolicy::Call, Fate::Keep).0, stopped.as_bytes());
}

#[test]
fn the_mark_of_other_streams_may_follow_the_end() {
    let text = format!("{}event: data\ndata: [DONE]\n\n", events(&[START, END, OVER]));
    assert!(matches!(deltas(&[], text.as_bytes()).unwrap().last(), Some(Delta::Done { .. })));
}

#[test]
fn a_stream_is_complete_once_it_says_why_it_ends() {
    let mut stream = MessagesStream::new(&[]);
    assert_eq!((stream.choices(), stream.is_complete()), (0, false));
    for (event, complete) in [(START, false), (TEXT, false), (STOP, false), (END, true), (OVER, true)] {
        for frame in frames(self::event(event).as_bytes()) {
            stream.read(frame).unwrap();
        }
        assert_eq!((stream.choices(), stream.is_complete()), (1, complete), "{event}");
    }
}

#[test]
fn a_whole_answer_goes_on_where_the_turn_stopped() {
    let bytes = stream(&message(), &[], 100);
    let streamed = String::from_utf8(bytes).unwrap();
    let (turn, _) = streamed.split_once("event: message_delta").unwrap();
    let (mut out, mut stream) = carried(&["web_search_20250305"], turn.as_bytes(), ReleasePolicy::Turn, Fate::Keep);
    let delta = r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":7}}"#;
    for frame in frames(event(delta).as_bytes()) {
        assert_eq!(stream.read(frame).unwrap(), [], "more may follow");
    }
    assert!(matches!(stream.end().unwrap().as_slice(), [Delta::Finish { .. }]), "which is held");
    let answer = json!({
        "id": "msg_2", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [
            { "type": "thinking", "thinking": "So.", "signature": "SIG2" },
            { "type": "text", "text": "Found.", "citations": [{ "type": "char_location", "cited_text": "x" }] },
            { "type": "server_tool_use", "id": "s", "name": "web_search", "input": { "query": "q" } },
            { "type": "web_search_tool_result", "tool_use_id": "s", "content": [] },
            { "type": "redacted_thinking", "data": "DATA" },
            { "type": "tool_use", "id": "c", "name": "g", "input": { "y": [1] } },
        ],
        "stop_reason": "tool_use", "stop_sequence": null, "container": { "id": "c" },
        "usage": { "input_tokens": 20, "output_tokens": 5, "cache_read_input_tokens": 4 },
    });
    out.extend(stream.append(answer.to_string().as_bytes()));
    let seen = accumulate(&out);
    let said = |value: &Value| {
        let blocks = value["content"].as_array().unwrap().clone();
        blocks.into_iter().filter(|block| !matches!(block["id"].as_str(), Some("a" | "b"))).collect::<Vec<_>>()
    };
    let of_the_answer: Vec<Value> =
        said(&answer).into_iter().filter(|block| !block["type"].as_str().unwrap().contains("thinking")).collect();
    assert_eq!(
        said(&seen.message),
        [said(&message()), of_the_answer].concat(),
        "signed thoughts could not be sent back"
    );
    assert_eq!(seen.message["usage"], json!({ "input_tokens": 30, "output_tokens": 12, "cache_read_input_tokens": 4 }));
    assert_eq!((&seen.message["stop_reason"], &seen.message["container"]["id"]), (&json!("tool_use"), &json!("c")));
    assert!(seen.done);
}

#[test]
fn an_error_of_ours_is_an_event_that_clients_raise() {
    let error = ApiError { status: 502, code: "upstream_invalid".into(), message: "No.".into(), param: None };
    let seen = accumulate(&MessagesStream::new(&[]).error(&error));
    assert_eq!(seen.error["code"], "upstream_invalid");
}

#[test]
fn events_that_could_hide_a_call_are_refused() {
    let delta = |delta: &str| format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#);
    let start = |block: &str| format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#);
    let json = delta(r#"{"type":"input_json_delta","partial_json":"{}"}"#);
    let stray = r#"{"type":"tool_use","id":"a","name":"f","input":{}}"#;
    let one = |data: &str| event(data);
    let table = [
        "data: []\n\n".to_owned(),
        "data: {}\n\n".to_owned(),
        one(r#"{"type":"ping","type":"ping"}"#),
        format!("event: ping\ndata: {START}\n\n"),
        format!("event: message_start\ndata: {}\n\n", r#"{"type":"ping"}"#),
        one(&format!(r#"{{"type":"ping","block":{stray}}}"#)),
        one(&format!(r#"{{"type":"error","error":{stray}}}"#)),
        one(TEXT),
        one(END),
        one(OVER),
        one("data: [DONE]").replace("data: data:", "data:"),
        one(r#"{"type":"message_start"}"#),
        one(&format!(r#"{{"type":"message_start","message":{{"content":[{stray}]}}}}"#)),
        one(&format!(r#"{{"type":"message_start","message":{{"Content":[{stray}]}}}}"#)),
        one(&format!(r#"{{"type":"message_start","message":{{"content":[],"more":{stray}}}}}"#)),
        one(r#"{"type":"message_start","message":{"content":[{"type":"text","text":"x"}]}}"#),
        events(&[START, &json]),
        events(&[START, TEXT, &json.replace("0", "1")]),
        events(&[START, r#"{"type":"content_block_start","content_block":{"type":"text","text":""}}"#]),
        events(&[START, &TEXT.replace("0", "-1")]),
        events(&[START, r#"{"type":"content_block_start","index":0}"#]),
        events(&[START, &start(r#"{"type":"tool_call"}"#)]),
        events(&[START, &start(r#"{"Type":"tool_use","type":"text"}"#)]),
        events(&[START, &start(&format!(r#"{{"type":"text","text":"","more":[{stray}]}}"#))]),
        events(&[START, &start(r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#)]),
        events(&[START, &start(r#"{"type":"tool_use","id":"a","name":"f","Name":"g","input":{}}"#)]),
        events(&[START, &CALL.replace("\"index\"", &format!("\"Content_Block\":{stray},\"index\""))]),
        events(&[START, TEXT, &json]),
        events(&[START, TEXT, &delta(r#"{"type":"text_delta","text":1}"#)]),
        events(&[START, TEXT, &delta(r#"{"type":"text_delta","text":"x","Partial_json":"{}"}"#)]),
        events(&[START, TEXT, &delta(&format!(r#"{{"type":"text_delta","text":"x","more":{stray}}}"#))]),
        events(&[START, TEXT, &delta("null")]),
        events(&[START, &format!(r#"{{"type":"message_delta","delta":{{"content":[{stray}]}}}}"#)]),
        events(&[START, r#"{"type":"message_delta","delta":{"Stop_reason":"tool_use"}}"#]),
        events(&[START, r#"{"type":"message_delta","delta":[]}"#]),
        events(&[START, END, OVER, TEXT]),
        events(&[START, END, OVER, &json]),
        events(&[START, CALL, STOP, &json]),
        one(&format!(r#"{{"type":"new_event","block":{stray}}}"#)),
        one(r#"{"type":"new_event","data":[{"name":"f","input":{"x":1}}]}"#),
        "event: ping\ndata: {\"type\":\"new_event\"}\n\n".to_owned(),
        "event: new_event\ndata: {\"type\":\"ping\"}\n\n".to_owned(),
        "event: content_block_stop\ndata: {\"index\":0}\n\n".to_owned(),
        events(&[START, &start(r#"{"type":"note","text":"","more":[{"type":"tool_use"}]}"#)]),
        events(&[START, &start(r#"{"type":"note","text":""}"#), &json]),
        events(&[START, TEXT, &delta(r#"{"type":"more_delta","input":{"x":1}}"#)]),
        events(&[START, TEXT, &delta(r#"{"type":"tool_delta"}"#)]),
        events(&[START, CALL, &delta(r#"{"type":"more_delta","more":{"tool_calls":[1]}}"#)]),
    ];
    let mut told = String::new();
    for text in table {
        let error = deltas(&[], text.as_bytes()).expect_err(&text);
        let datas: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with("event")).collect();
        told += &format!("{}\n    {error}\n", datas.join("\n").replace(START, "START"));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn more_calls_than_any_api_gives_are_refused() {
    let block = |index: usize| {
        let index = format!("\"index\":{index}");
        events(&[&CALL.replace("\"index\":0", &index), &STOP.replace("\"index\":0", &index)])
    };
    let text = |count: usize| event(START) + &(0..count).map(block).collect::<String>();
    assert_eq!(calls(&deltas(&[], text(1024).as_bytes()).unwrap()).len(), 1024);
    assert!(deltas(&[], text(1025).as_bytes()).is_err());
}
