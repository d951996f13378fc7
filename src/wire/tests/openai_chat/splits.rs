//! Turns of servers with another split than the reference's: several ends, several choices, reasoning in pieces, odd events.

use callgate_wire::openai_chat::{ChatAnswer, ChatStream};
use callgate_wire::{Answer as _, ChoiceIndex, Delta, End, Stream as _};
use serde_json::{Value, json};

use crate::common::{deltas, ended, frames, turn};
use crate::suite::tool_call;

const CALL: &str = r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#;

fn chunk(choices: &str) -> String {
    format!("data: {{\"id\":\"c\",\"choices\":[{choices}]}}\n\n")
}

fn one(choices: &[&str]) -> Vec<Delta> {
    let stream: String = choices.iter().map(|choices| chunk(choices)).collect();
    ended(&mut ChatStream::new(true, 1), stream.as_bytes()).unwrap()
}

#[test]
fn a_finish_on_every_call_is_no_end_while_calls_come() {
    let entry = |index: u32, id: &str| {
        let call = json!([{"index": index, "id": id, "function": {"name": "f", "arguments": "{}"}}]);
        json!({"index": 0, "delta": {"tool_calls": call}, "finish_reason": "tool_calls"}).to_string()
    };
    let last = r#"{"index":0,"delta":{},"finish_reason":"stop"}"#;
    for ends in [vec![], vec![last]] {
        let (first, second) = (entry(0, "a"), entry(1, "b"));
        let events: Vec<&str> = [first.as_str(), &second].into_iter().chain(ends).collect();
        let deltas = one(&events);
        let finishes = deltas.iter().filter(|delta| matches!(delta, Delta::Finish { .. })).count();
        assert!(finishes == 1 && matches!(deltas.last(), Some(Delta::Finish { .. })), "{deltas:?}");
        let turn = turn(&deltas);
        assert_eq!(turn.calls(), [tool_call("a", "f", "{}"), tool_call("b", "f", "{}")]);
        assert_eq!(turn.choices[&0].finish, "tool_calls");
    }
}

#[test]
fn a_held_finish_is_told_before_the_usage_and_before_the_end() {
    let call = format!(r#"{{"index":0,"delta":{{"tool_calls":[{CALL}]}},"finish_reason":"tool_calls"}}"#);
    for end in ["data: {\"choices\":[],\"usage\":{\"n\":1}}\n\n", "data: [DONE]\n\n", ""] {
        let deltas = deltas((chunk(&call) + end).as_bytes()).unwrap();
        assert!(matches!(deltas[..2], [Delta::Fragment { .. }, Delta::Finish { .. }]), "{deltas:?}");
        assert_eq!(deltas.len(), if end.is_empty() { 2 } else { 3 });
    }
    // Truncated arguments stay visible.
    let cut = r#"{"index":0,"delta":{},"finish_reason":"length"}"#;
    assert_eq!(turn(&one(&[&call, cut])).choices[&0].finish, "length");
}

#[test]
fn the_finish_of_a_choice_without_calls_is_told_at_once() {
    let mut stream = ChatStream::new(true, 1);
    let end = chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#);
    let deltas = stream.read(frames(end.as_bytes()).remove(0)).unwrap();
    assert_eq!(deltas, [Delta::Finish { choice: ChoiceIndex::FIRST, end: End::new(end.into_bytes()) }]);
}

#[test]
fn a_turn_split_over_two_choices_is_one() {
    let whole = format!(
        r#"{{"id":"c","choices":[{{"index":0,"finish_reason":"stop","message":{{"role":"assistant","content":"Let me look."}}}},
            {{"index":1,"finish_reason":"tool_calls","message":{{"role":"assistant","content":null,"tool_calls":[{CALL}]}}}}]}}"#
    );
    let answer = ChatAnswer::read_one(whole.as_bytes()).unwrap();
    let [choice] = answer.choices() else { panic!("one choice") };
    assert_eq!((choice.text.as_str(), choice.finish.as_str()), ("Let me look.", "tool_calls"));
    assert_eq!(choice.calls, [tool_call("a", "f", "{}")]);
    let written: Value = serde_json::from_slice(&answer.write()).unwrap();
    assert_eq!(written["choices"].as_array().unwrap().len(), 1);
    assert_eq!(written["choices"][0]["message"]["tool_calls"][0]["id"], "a");
    assert_eq!(ChatAnswer::read(&answer.write()).unwrap().choices(), answer.choices());
    assert_eq!(ChatAnswer::read(whole.as_bytes()).unwrap().choices().len(), 2, "if two were asked for, they are two");

    let turn = turn(&one(&[
        r#"{"index":0,"delta":{"role":"assistant","content":"Let me look."}}"#,
        r#"{"index":1,"delta":{"role":"assistant"}}"#,
        &format!(r#"{{"index":1,"delta":{{"tool_calls":[{CALL}]}}}}"#),
        r#"{"index":0,"delta":{},"finish_reason":"tool_calls"},{"index":1,"delta":{},"finish_reason":"tool_calls"}"#,
    ]));
    assert_eq!(turn.choices.keys().collect::<Vec<_>>(), [&0]);
    assert_eq!((turn.choices[&0].text.as_str(), turn.choices[&0].finish.as_str()), ("Let me look.", "tool_calls"));
    assert_eq!(turn.calls(), [tool_call("a", "f", "{}")]);
}

#[test]
fn two_choices_that_both_say_something_stay_two() {
    let whole = r#"{"choices":[{"index":0,"message":{"content":"a"}},{"index":1,"message":{"content":"b"}}]}"#;
    assert_eq!(ChatAnswer::read_one(whole.as_bytes()).unwrap().choices().len(), 2);
    let turn = turn(&one(&[r#"{"index":0,"delta":{"content":"a"}}"#, r#"{"index":1,"delta":{"content":"b"}}"#]));
    assert_eq!(turn.choices.len(), 2);
}

#[test]
fn reasoning_is_said_streamed_as_whole() {
    let message = json!({
        "role": "assistant", "content": "Hi", "reasoning_content": "Let me think.", "reasoning": "I think.",
        "reasoning_details": [
            {"type": "reasoning.text", "index": 0, "text": "I think.", "signature": "sig"},
            {"type": "reasoning.encrypted", "index": 1, "data": "abc"},
        ],
        "reasoning_opaque": "xyz", "refusal": null,
    });
    let whole = json!({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).to_string();
    let said = ChatAnswer::read(whole.as_bytes()).unwrap().said(ChoiceIndex::FIRST);
    let members = said[1].as_object().unwrap();
    assert_eq!(said[0], "Hi");
    assert_eq!(
        members.keys().collect::<Vec<_>>(),
        ["reasoning_content", "reasoning", "reasoning_details", "reasoning_opaque"]
    );

    let deltas = [
        json!({"role": "assistant", "content": "", "reasoning_content": null}),
        json!({"reasoning_content": "Let me "}),
        json!({"reasoning_content": "think"}),
        json!({"reasoning_content": "."}),
        json!({"reasoning": "I ", "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "I "}]}),
        json!({"reasoning": "think.", "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "think."}]}),
        json!({"reasoning_details": [{"type": "reasoning.text", "index": 0, "signature": "sig"}]}),
        json!({"reasoning_details": [{"type": "reasoning.encrypted", "index": 1, "data": "abc"}], "reasoning_opaque": "xyz"}),
        json!({"content": "H"}),
        json!({"content": "i"}),
    ];
    let stream: String = deltas.iter().map(|delta| chunk(&json!({"index": 0, "delta": delta}).to_string())).collect();
    let mut streamed = ChatStream::new(true, 1);
    ended(&mut streamed, stream.as_bytes()).unwrap();
    assert_eq!(streamed.said(ChoiceIndex::FIRST), said);
}

#[test]
fn an_odd_event_or_part_without_a_call_breaks_nothing() {
    let stream = [
        "event: vertex_event\ndata: {\"type\":\"vertex_event\",\"usage\":{\"tool_calls\":3}}\n\n",
        "data: \"keepalive\"\n\n",
        "data: [1]\n\n",
        "data: null\n\n",
        &chunk(r#"{"index":0,"delta":{"content":[{"type":"new","x":1,"name":"n"},{"type":"reference","code":"c"},{"type":"text","text":"a"}]}}"#),
        &chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#),
    ]
    .concat();
    let turn = turn(&deltas(stream.as_bytes()).unwrap());
    assert_eq!(turn.choices[&0].text, "a");
    let passed = String::from_utf8(turn.passed).unwrap();
    assert!(!passed.contains("keepalive") && !passed.contains("null\n") && passed.contains("\"x\":1"), "{passed}");
}

#[test]
fn an_error_that_servers_send_in_a_stream_ends_it() {
    for data in [
        r#"{"error":{"message":"m","code":502},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
        r#"{"object":"error","message":"m","code":400}"#,
        r#"[{"error":{"code":429}}]"#,
    ] {
        let stream = format!("data: {data}\n\n");
        assert_eq!(deltas(stream.as_bytes()).unwrap(), [Delta::Error { frame: stream.into_bytes() }], "{data}");
    }
}
