//! Streams, event by event.

use callgate_wire::bedrock_converse::ConverseStream;
use callgate_wire::framing::Framing;
use callgate_wire::{ApiError, ChoiceIndex, Delta, Fate, ReleasePolicy, Stream as _};
use serde_json::json;

use crate::common::{call_start, delta, deltas, end, ended, input, metadata, start, stop, text};
use crate::frames::{event, events, exception, written};
use crate::suite::{carried, finished, passed, tool_call};

fn in_call(deltas: &[Delta]) -> Vec<(u32, String, String, String)> {
    let fragments = deltas.iter().filter_map(|delta| match delta {
        Delta::Fragment { slot, call: callgate_wire::Call { id, name, arguments, .. }, .. } => {
            Some((*slot, id.clone(), name.clone(), arguments.clone()))
        }
        Delta::CallEnd { slot, .. } => Some((*slot, "end".into(), "end".into(), "end".into())),
        _ => None,
    });
    fragments.collect()
}

#[test]
fn a_stream_without_calls_goes_on_byte_for_byte() {
    let bytes = [
        start(),
        delta(0, &json!({"reasoningContent": {"text": "Let me "}})),
        delta(0, &json!({"reasoningContent": {"text": "think."}})),
        delta(0, &json!({"reasoningContent": {"signature": "c2ln"}})),
        stop(0),
        text(1, "Hel"),
        text(1, "lo\n\"\u{1f600}"),
        text(1, "\u{1}"),
        stop(1),
        stop(2),
        delta(3, &json!({"text": "Cited."})),
        delta(3, &json!({"citation": {"title": "T", "location": {"documentChar": {"start": 0}}}})),
        stop(3),
        delta(4, &json!({"reasoningContent": {"redactedContent": "cmVk"}})),
        stop(4),
        end("end_turn"),
        metadata(),
    ]
    .concat();
    let mut stream = ConverseStream::new(&[]);
    assert_eq!(passed(&ended(&mut stream, &bytes).unwrap()), bytes);
    assert!(stream.is_complete());
    assert_eq!(stream.choices(), 1);
    assert_eq!(
        stream.said(ChoiceIndex::FIRST),
        [
            json!({"reasoningContent": {"reasoningText": {"text": "Let me think.", "signature": "c2ln"}}}),
            json!({"text": "Hello\n\"\u{1f600}\u{1}"}),
            json!({"citationsContent": {"content": [{"text": "Cited."}],
                "citations": [{"title": "T", "location": {"documentChar": {"start": 0}}}]}}),
            json!({"reasoningContent": {"redactedContent": "cmVk"}}),
        ]
    );
}

#[test]
fn of_a_call_come_fragments_and_its_end_and_no_bytes() {
    let bytes = [
        start(),
        text(0, "Hi"),
        stop(0),
        call_start(1, "t1", "get_order"),
        input(1, ""),
        input(1, "{\"id\""),
        input(1, ":1}"),
        stop(1),
        call_start(2, "t2", "list"),
        input(2, ""),
        stop(2),
    ]
    .concat();
    let mut stream = ConverseStream::new(&[]);
    let deltas = ended(&mut stream, &bytes).unwrap();
    let fragment =
        |slot, id: &str, name: &str, arguments: &str| (slot, id.to_owned(), name.to_owned(), arguments.to_owned());
    assert_eq!(
        in_call(&deltas),
        [
            fragment(0, "t1", "get_order", ""),
            fragment(0, "", "", "{\"id\""),
            fragment(0, "", "", ":1}"),
            fragment(0, "end", "end", "end"),
            fragment(1, "t2", "list", ""),
            fragment(1, "", "", "{}"),
            fragment(1, "end", "end", "end"),
        ],
        "a call without any input has no arguments"
    );
    assert_eq!(deltas.len(), 3 + 7);
}

#[test]
fn blocks_are_numbered_without_gaps_where_a_call_was_taken_out() {
    let mut stream = ConverseStream::new(&[]);
    let mut out = Vec::new();
    let first = [start(), text(0, "A"), stop(0), call_start(1, "t1", "f"), input(1, "{}"), stop(1)].concat();
    let deltas = ended(&mut stream, &first).unwrap();
    out.extend(passed(&deltas));
    let second = [call_start(2, "t2", "g"), input(2, "{}"), stop(2)].concat();
    ended(&mut stream, &second).unwrap();
    out.extend(stream.call(ChoiceIndex::FIRST, &tool_call("t2", "g", "{}")));
    let third = [text(3, "B"), text(3, "C"), stop(3), end("tool_use"), metadata()].concat();
    let deltas = ended(&mut stream, &third).unwrap();
    out.extend(finished(&mut stream, deltas));
    insta::assert_json_snapshot!(events(&out));
}

#[test]
fn where_no_call_went_on_the_reason_names_none_and_what_could_repeat_one_goes() {
    let mut stream = ConverseStream::new(&[]);
    let stop_reason =
        event("messageStop", &json!({"stopReason": "tool_use", "additionalModelResponseFields": {"x": "f(SECRET)"}}));
    let trace =
        event("metadata", &json!({"usage": {}, "trace": {"guardrail": {"modelOutput": ["f(SECRET)"]}}, "p": "a"}));
    let bytes = [start(), call_start(0, "t1", "f"), input(0, "{\"SECRET\":1}"), stop(0), stop_reason, trace].concat();
    let out = carried(Framing::EventStream, &mut stream, &bytes, ReleasePolicy::Call, &|_, _| {
        Fate::Replace("Refused.".to_owned())
    });
    assert!(!String::from_utf8_lossy(&out).contains("SECRET"));
    assert_eq!(
        events(&out)[1..],
        [
            ("contentBlockDelta".to_owned(), json!({"contentBlockIndex": 0, "delta": {"text": "Refused."}})),
            ("contentBlockStop".to_owned(), json!({"contentBlockIndex": 0})),
            ("messageStop".to_owned(), json!({"stopReason": "end_turn"})),
            ("metadata".to_owned(), json!({"usage": {}, "p": "a"})),
        ]
    );
}

#[test]
fn a_further_answer_is_told_as_further_blocks_and_then_the_end() {
    let mut stream = ConverseStream::new(&["nova_grounding"]);
    let bytes =
        [start(), text(0, "A"), stop(0), call_start(1, "t1", "f"), stop(1), end("tool_use"), metadata()].concat();
    ended(&mut stream, &bytes).unwrap();
    assert_eq!(stream.said(ChoiceIndex::FIRST), [json!({"text": "A"})]);
    let answer = json!({
        "metrics": {"latencyMs": 2}, "stopReason": "tool_use", "additionalModelResponseFields": {"stop_sequence": null},
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2, "cacheReadInputTokens": 0},
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
            {"reasoningContent": {"redactedContent": "cmVk"}},
            {"text": "B"},
            {"audio": {"format": "mp3", "source": {"bytes": "AA=="}}},
            {"toolUse": {"toolUseId": "s", "name": "nova_grounding", "type": "server_tool_use", "input": {"q": 1}}},
            {"toolResult": {"toolUseId": "s", "status": "success", "content": [{"text": "r"}]}},
            {"citationsContent": {"content": [{"text": "c"}], "citations": [{"title": "T"}]}},
            {"image": {"format": "png", "source": {"bytes": "AA=="}}},
            {"toolUse": {"toolUseId": "t2", "name": "f", "input": {"a": 1}}},
        ]}},
    });
    insta::assert_json_snapshot!(events(&stream.append(answer.to_string().as_bytes())));
}

#[test]
fn tools_of_the_provider_go_on_where_they_were_asked_for() {
    let used = json!({"toolUse": {"name": "nova_grounding", "toolUseId": "s", "type": "server_tool_use"}});
    let bytes = [
        start(),
        event("contentBlockStart", &json!({"contentBlockIndex": 0, "start": used})),
        input(0, "{\"q\":"),
        input(0, "1}"),
        stop(0),
        event(
            "contentBlockStart",
            &json!({"contentBlockIndex": 1, "start": {"toolResult": {"toolUseId": "s", "status": "success"}}}),
        ),
        delta(1, &json!({"toolResult": [{"text": "r"}]})),
        stop(1),
        event("contentBlockStart", &json!({"contentBlockIndex": 2, "start": {"image": {"format": "png"}}})),
        delta(2, &json!({"image": {"source": {"bytes": "AA=="}}})),
        stop(2),
        end("end_turn"),
    ]
    .concat();
    let mut stream = ConverseStream::new(&["nova_grounding"]);
    assert_eq!(passed(&ended(&mut stream, &bytes).unwrap()), bytes);
    assert_eq!(
        stream.said(ChoiceIndex::FIRST),
        [
            json!({"toolUse": {"name": "nova_grounding", "toolUseId": "s", "type": "server_tool_use", "input": {"q": 1}}}),
            json!({"toolResult": {"toolUseId": "s", "status": "success", "content": [{"text": "r"}]}}),
        ]
    );
    assert!(ended(&mut ConverseStream::new(&[]), &bytes).is_err());
    assert!(ended(&mut ConverseStream::new(&["other"]), &bytes).is_err());
}

#[test]
fn exceptions_end_the_stream_as_they_came() {
    for frame in [
        exception("throttlingException", &json!({"message": "slow"})),
        exception("somethingNew", &json!({})),
        written(":error-code", "InternalError", "error", b""),
    ] {
        let mut stream = ConverseStream::new(&[]);
        let deltas = ended(&mut stream, &[start(), frame.clone()].concat()).unwrap();
        assert_eq!(deltas[1..], [Delta::Error { frame }]);
    }
    let error = ApiError { status: 403, code: "c".into(), message: "m".into(), param: None };
    let bytes = ConverseStream::new(&[]).error(&error);
    assert_eq!(events(&bytes), [("!validationException".to_owned(), json!({"message": "c: m"}))]);
}

#[test]
fn events_that_could_hide_a_call_are_refused() {
    let used = json!({"toolUseId": "t", "name": "f", "input": {}});
    let call = || call_start(0, "t", "f");
    let table: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("not JSON", vec![written(":event-type", "messageStart", "event", b"{")]),
        ("no payload", vec![written(":event-type", "messageStart", "event", b"")]),
        ("no object", vec![event("messageStart", &json!([]))]),
        ("twice", vec![written(":event-type", "messageStart", "event", br#"{"role":"a","role":"b"}"#)]),
        ("before the start", vec![text(0, "a")]),
        ("a call in the start", vec![event("messageStart", &json!({"content": [{"toolUse": used}]}))]),
        ("no index", vec![start(), event("contentBlockDelta", &json!({"delta": {"text": "a"}}))]),
        (
            "a text as index",
            vec![start(), event("contentBlockDelta", &json!({"delta": {"text": "a"}, "contentBlockIndex": "0"}))],
        ),
        ("no delta", vec![start(), event("contentBlockDelta", &json!({"contentBlockIndex": 0}))]),
        ("two deltas in one", vec![start(), delta(0, &json!({"text": "a", "toolUse": {"input": "{}"}}))]),
        ("input without a call", vec![start(), input(0, "{}")]),
        ("input in a text", vec![start(), text(0, "a"), input(0, "{}")]),
        ("name again", vec![start(), call(), delta(0, &json!({"toolUse": {"input": "", "name": "g"}}))]),
        (
            "other case",
            vec![start(), event("contentBlockStart", &json!({"contentBlockIndex": 0, "start": {"ToolUse": used}}))],
        ),
        (
            "beside the start",
            vec![start(), event("contentBlockStart", &json!({"contentBlockIndex": 0, "toolUse": used, "start": {}}))],
        ),
        (
            "beside the delta",
            vec![
                start(),
                event("contentBlockDelta", &json!({"contentBlockIndex": 0, "toolUse": used, "delta": {"text": "a"}})),
            ],
        ),
        ("a delta of another block", vec![start(), call(), input(1, "{}")]),
        ("a block after the last event", vec![start(), end("end_turn"), metadata(), text(0, "a")]),
        ("a call after the last event", vec![start(), end("end_turn"), metadata(), call()]),
        ("input after the stop", vec![start(), call(), stop(0), input(0, "{}")]),
        ("a call in an unknown event", vec![start(), event("future", &json!({"x": [{"toolUse": used}]}))]),
        ("a call in an unknown delta", vec![start(), delta(0, &json!({"future": {"toolUse": used}}))]),
        ("an unknown delta with a name of calls", vec![start(), delta(0, &json!({"functionCall": {}}))]),
        (
            "a call in an unknown start",
            vec![
                start(),
                event("contentBlockStart", &json!({"contentBlockIndex": 0, "start": {"future": {"input": "x"}}})),
            ],
        ),
        (
            "a call in the end",
            vec![
                start(),
                event("messageStop", &json!({"stopReason": "x", "additionalModelResponseFields": {"toolUse": used}})),
            ],
        ),
        ("a call in an exception", vec![exception("throttlingException", &json!({"message": "a", "toolUse": used}))]),
        ("an exception that is no JSON", vec![written(":exception-type", "throttlingException", "exception", b"x")]),
    ];
    let mut told = String::new();
    for (what, frames) in table {
        let (last, before) = frames.split_last().unwrap();
        let mut stream = ConverseStream::new(&[]);
        deltas(&mut stream, &before.concat()).unwrap_or_else(|error| panic!("{what}: too early: {error}"));
        let error = deltas(&mut stream, last).expect_err(what);
        told += &format!("{what}: {error}\n");
    }
    insta::assert_snapshot!(told);
}
