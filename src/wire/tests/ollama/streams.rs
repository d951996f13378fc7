//! Streamed answers: the deltas of each line, and the output.

use callgate_wire::{Call, ChoiceIndex, StreamError};
use serde_json::json;

use crate::common::{accumulate, call, calls, deltas, done, last, passed, piece, shown, stream};

fn told(text: &str) -> Vec<callgate_wire::Delta> {
    deltas(&mut *stream(), &[text.as_bytes()]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn an_ordinary_stream_with_thinking_text_and_calls() {
    let with_id = json!({ "id": "call_a", "function": { "index": 0, "name": "f", "arguments": { "a": 1 } } });
    let text = piece(json!({ "thinking": "Hm" }))
        + &piece(json!({ "content": "Look." }))
        + &piece(json!({ "tool_calls": [with_id] }))
        + &piece(json!({ "content": "And.", "tool_calls": [call("g", json!({}))] }))
        + &last(json!({}));
    insta::assert_snapshot!(shown(&told(&text)));
}

#[test]
fn a_last_line_that_says_several_things_is_taken_apart() {
    let mut everything = done(json!({ "content": "A", "thinking": "t", "tool_calls": [call("f", json!({}))] }));
    everything["logprobs"] = json!([{ "token": "SECRET" }]);
    let shown = shown(&told(&format!("{everything}\n")));
    assert!(!shown.contains("SECRET"));
    insta::assert_snapshot!(shown);
}

#[test]
fn a_stream_without_calls_keeps_its_bytes() {
    let table = [
        piece(json!({ "content": "a" })) + &last(json!({})),
        piece(json!({ "thinking": "a" })) + &last(json!({ "content": "b" })),
        "\r\n".to_owned() + &last(json!({})).replace('\n', "\r\n"),
        last(json!({ "content": "a" })).trim_end().to_owned(),
        "{\"error\":\"out of memory\"}\n".to_owned(),
    ];
    for text in table {
        assert_eq!(passed(&told(&text)), text);
    }
}

#[test]
fn a_line_that_some_readers_would_cut_is_written_so_that_none_does() {
    let text = piece(json!({ "content": "a\u{2028}{}\u{85}b" })) + &last(json!({}));
    assert!(text.contains('\u{2028}'));
    let passed = passed(&told(&text));
    assert!(passed.contains(r#""content":"a\u2028{}\u0085b""#), "{passed}");
    assert_eq!(accumulate(&passed), accumulate(&text));
    let arguments = json!({ "a": "\u{2028}" });
    let mut stream = stream();
    let deltas = deltas(&mut *stream, &[piece(json!({ "tool_calls": [call("f", arguments)] })).as_bytes()]).unwrap();
    let written = stream.call(ChoiceIndex::FIRST, &calls(&deltas)[0]);
    assert!(String::from_utf8(written).unwrap().contains(r"\u2028"));
}

#[test]
fn a_stream_is_complete_when_it_is_done() {
    for (text, complete) in [(String::new(), false), (piece(json!({ "content": "a" })), false), (last(json!({})), true)]
    {
        let mut stream = stream();
        deltas(&mut *stream, &[text.as_bytes()]).unwrap();
        assert_eq!(stream.is_complete(), complete, "{text}");
    }
}

#[test]
fn tokens_that_are_not_shown_are_not_spelled_out() {
    let mut hidden: serde_json::Value = serde_json::from_str(&piece(json!({}))).unwrap();
    hidden["logprobs"] = json!([{ "token": "SECRET" }]);
    let mut open: serde_json::Value = serde_json::from_str(&piece(json!({ "content": "a" }))).unwrap();
    open["logprobs"] = json!([{ "token": "a" }]);
    let text = format!("{open}\n{hidden}\n{}", piece(json!({ "tool_calls": [call("f", json!({}))] })));
    let passed = passed(&told(&text));
    assert_eq!(passed, format!("{open}\n"));
}

#[test]
fn what_cannot_be_trusted_is_an_error() {
    let table = [
        "data: {}\n",
        "[{\"message\":{}}]\n",
        "{\"message\":{},\"message\":{}}\n",
        "{\"message\":{\"Tool_calls\":[{\"function\":{\"name\":\"f\"}}]}}\n",
        "{\"tool_calls\":[{\"function\":{\"name\":\"f\"}}],\"message\":{}}\n",
        "{\"error\":\"a\",\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]}}\n",
        "{\"message\":{}}{\"message\":{}}\n",
    ];
    for text in table {
        assert!(deltas(&mut *stream(), &[text.as_bytes()]).is_err(), "{text}");
    }
    for text in ["{\"status\":\"pulling\"}\n", "{}\n"] {
        assert_eq!(deltas(&mut *stream(), &[text.as_bytes()]), Ok(Vec::new()), "dropped");
    }
    let with_call = b"{\"status\":\"x\",\"call\":{\"arguments\":{\"a\":1}}}\n";
    assert_eq!(deltas(&mut *stream(), &[with_call]), Err(StreamError::UnknownEvent));
}

#[test]
fn a_released_call_is_written_as_it_came_with_its_place_among_those_that_are_written() {
    let entry = |index: u32, id: &str| json!({ "id": id, "type": "function", "function": { "index": index, "name": "f", "arguments": { "b": 1, "a": 2 } } });
    let mut stream = stream();
    let lines = piece(json!({ "tool_calls": [entry(0, "x"), entry(1, "y")] }))
        + &piece(json!({ "tool_calls": [call("g", json!({}))] }));
    let calls = calls(&deltas(&mut *stream, &[lines.as_bytes()]).unwrap());
    let written = String::from_utf8(
        [stream.call(ChoiceIndex::FIRST, &calls[1]), stream.call(ChoiceIndex::FIRST, &calls[2])].concat(),
    )
    .unwrap();
    assert_eq!(accumulate(&written)["calls"], json!([entry(0, "y"), call("g", json!({}))]));
    assert!(written.lines().all(|line| line.contains(r#""model":"m""#) && line.contains(r#""done":false"#)));
    assert_eq!(stream.call(ChoiceIndex::FIRST, &Call::default()).last(), Some(&b'\n'));
}

#[test]
fn a_text_of_ours_is_a_paragraph_and_a_turn_without_calls_ends_in_no_call() {
    let mut stream = stream();
    let end = last(json!({})).replace("\"stop\"", "\"tool_calls\"");
    let text = piece(json!({ "content": "A", "tool_calls": [call("f", json!({}))] })) + &end;
    let deltas = deltas(&mut *stream, &[text.as_bytes()]).unwrap();
    let told =
        String::from_utf8([stream.text(ChoiceIndex::FIRST, "no f"), stream.text(ChoiceIndex::FIRST, "no g")].concat())
            .unwrap();
    assert_eq!(accumulate(&told)["content"], "\n\nno f\n\nno g");
    assert_eq!(stream.said(ChoiceIndex::FIRST), [json!({ "content": "A\n\nno f\n\nno g" })]);
    let Some(callgate_wire::Delta::Finish { end, .. }) = deltas.iter().nth_back(1) else { panic!("{deltas:?}") };
    let finish = String::from_utf8(stream.finish(ChoiceIndex::FIRST, end.clone())).unwrap();
    assert_eq!(accumulate(&finish)["reason"], "stop");
}

#[test]
fn a_later_answer_is_appended_with_the_use_of_both() {
    let mut stream = stream();
    let text = piece(json!({ "content": "Let me look.", "thinking": "hm" }))
        + &last(json!({ "tool_calls": [call("f", json!({}))] }));
    deltas(&mut *stream, &[text.as_bytes()]).unwrap();
    let answer =
        format!("{:#}", done(json!({ "content": "Found.", "thinking": "ok", "tool_calls": [call("g", json!({}))] })));
    let appended = String::from_utf8(stream.append(answer.as_bytes())).unwrap();
    assert_eq!(
        accumulate(&appended),
        json!({
            "content": "\n\nFound.", "thinking": "\n\nok", "calls": [call("g", json!({}))],
            "done": true, "reason": "stop", "used": [6, 4],
        })
    );
}
