//! Streamed answers: the deltas of each event, and the output.

use callgate_wire::openai_chat::{ChatStream, DONE};
use callgate_wire::{Call, ChoiceIndex, Delta, End, Form, Stream as _};

use crate::common::{deltas, frames, head, turn};
use crate::suite::{calls, shown_with, tool_call};

/// A stream of chunks with these `choices`.
fn stream(choices: &[&str]) -> String {
    choices
        .iter()
        .map(|choices| format!("data: {{\"id\":\"c\",\"model\":\"m\",\"choices\":[{choices}]}}\n\n"))
        .collect()
}

fn told(stream: &str) -> Vec<Delta> {
    deltas(stream.as_bytes()).unwrap_or_else(|error| panic!("{stream}: {error}"))
}

/// The deltas of a stream, with the forms of its calls.
fn shown(stream: &str) -> String {
    shown_with(&told(stream), str::to_owned, |Call { id, name, arguments, form, .. }| {
        format!("{form:?} id={id:?} name={name:?} arguments={arguments:?}")
    })
}

#[test]
fn an_ordinary_stream_with_text_and_two_calls() {
    let stream = stream(&[
        r#"{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}"#,
        r#"{"index":0,"delta":{"content":"Let me see."},"logprobs":null,"finish_reason":null}"#,
        r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}"#,
        r#"{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]},"finish_reason":null}"#,
        r#"{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},"finish_reason":null}"#,
        r#"{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]},"finish_reason":null}"#,
        r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}"#,
    ]) + "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"total_tokens\":9}}\n\n: ping\n\ndata: [DONE]\n\n";
    insta::assert_snapshot!(shown(&stream));
}

#[test]
fn events_that_say_several_things_are_taken_apart() {
    let usage = |choices: &str| {
        format!(
            "event: chunk\r\ndata: {{\"id\":\"c\",\"choices\":[{choices}],\"usage\":{{\"total_tokens\":9}},\"obfuscation\":\"x\",\
             \"__verbose\":\"f\"}}\r\n\r\n"
        )
    };
    let call = r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#;
    let everything = format!(
        r#"{{"index":0,"delta":{{"role":"assistant","content":"Hm","tool_calls":{call}}},"logprobs":{{"content":["f"]}},"finish_reason":"tool_calls","native_finish_reason":"STOP"}}"#
    );
    insta::assert_snapshot!("everything_at_once", shown(&usage(&everything)));

    let other = r#"{"index":1,"delta":{"content":"Hi"},"finish_reason":"stop"}"#;
    insta::assert_snapshot!("two_choices", shown(&usage(&format!("{everything},{other}"))));

    let called = stream(&[
        &format!(
            r#"{{"index":0,"delta":{{"role":"assistant","content":null,"tool_calls":{call}}},"finish_reason":null}}"#
        ),
        r#"{"index":0,"delta":{"content":"!"},"finish_reason":"tool_calls"}"#,
    ]);
    insta::assert_snapshot!("text_beside_the_finish_of_calls", shown(&called));
}

#[test]
fn a_stream_without_calls_keeps_its_bytes() {
    let table = [
        stream(&[r#"{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}"#, r#"{"delta":{"content":"b"},"finish_reason":"stop"}"#]),
        stream(&[r#"{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"},"finish_reason":"length"}"#]),
        stream(&["", r#"{"index":0,"delta":null,"finish_reason":""}"#, r#"{"index":0,"delta":{"tool_calls":[],"function_call":null},"finish_reason":"stop"}"#]),
        ": OPENROUTER PROCESSING\r\n\r\ndata:\r\n\r\ndata: {\"choices\":[]}\r\n\r\nevent: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\n".to_owned(),
        "data: {\"error\":{\"message\":\"overloaded\"}}\n\n".to_owned(),
        "event: error\ndata: {\"message\":\"overloaded\"}\n\n".to_owned(),
        "data: [DONE]".to_owned(),
    ];
    for stream in table {
        assert_eq!(String::from_utf8(turn(&told(&stream)).passed).unwrap(), stream);
    }
}

#[test]
fn text_that_came_with_a_finish_is_told_once() {
    let stream = stream(&[r#"{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}"#]);
    let expected = [
        Delta::Forward { frame: stream.clone().into_bytes() },
        Delta::Finish { choice: ChoiceIndex::FIRST, end: End::default() },
    ];
    assert_eq!(told(&stream), expected);
}

#[test]
fn fragments_find_their_call() {
    let of = |entries: &[&str]| {
        let events: Vec<String> =
            entries.iter().map(|entry| format!(r#"{{"index":0,"delta":{{"tool_calls":[{entry}]}}}}"#)).collect();
        calls(&told(&stream(&events.iter().map(String::as_str).collect::<Vec<_>>())))
    };
    // By index, in any order, the id late.
    assert_eq!(
        of(&[
            r#"{"index":1,"function":{"name":"g","arguments":"{"}}"#,
            r#"{"index":0,"function":{"name":"f","arguments":""}},{"index":1,"id":"b","function":{"arguments":"}"}}"#,
            r#"{"index":0,"id":"a","function":{"arguments":"[]"}}"#,
        ]),
        [tool_call("a", "f", "[]"), tool_call("b", "g", "{}")]
    );
    // Without an index: by id, else a new id or name is a new call, else the last one.
    assert_eq!(
        of(&[
            r#"{"id":"a","function":{"name":"f","arguments":"1"}},{"id":"b","function":{"name":"g","arguments":"2"}}"#,
            r#"{"id":"a","function":{"arguments":"3"}}"#,
            r#"{"function":{"arguments":"4"}}"#,
        ]),
        [tool_call("a", "f", "134"), tool_call("b", "g", "2")]
    );
    assert_eq!(
        of(&[r#"{"function":{"name":"f","arguments":"1"}},{"function":{"name":"g","arguments":"2"}}"#]),
        [tool_call("", "f", "1"), tool_call("", "g", "2")]
    );
    // One index for all calls: another id with a name is another call, an id alone is not.
    assert_eq!(
        of(&[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"1"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"g","arguments":"2"}}"#,
            r#"{"index":0,"id":"c","function":{"arguments":"3"}}"#,
        ]),
        [tool_call("a", "f", "1"), tool_call("b", "g", "23")]
    );
}

#[test]
fn a_legacy_call_has_its_own_slot() {
    let deltas = told(&stream(&[
        r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}"#,
        r#"{"index":0,"delta":{"function_call":{"name":"old","arguments":"{"}}}"#,
        r#"{"index":0,"delta":{"function_call":{"arguments":"}"}}}"#,
        r#"{"index":0,"delta":{},"finish_reason":"function_call"}"#,
    ]));
    let found = calls(&deltas);
    assert_eq!(
        found.iter().map(|call| (call.form, call.arguments.as_str())).collect::<Vec<_>>(),
        [(Form::Tool, ""), (Form::Function, "{}")]
    );
}

#[test]
fn a_message_that_repeats_the_delta_is_no_second_call() {
    let delta = r#"{"content":null,"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#;
    let deltas = told(&stream(&[&format!(r#"{{"index":0,"delta":{delta},"message":{delta}}}"#)]));
    assert_eq!(calls(&deltas), [tool_call("a", "f", "{}")]);
    assert!(turn(&deltas).passed.is_empty());
}

#[test]
fn events_that_could_hide_a_call_are_refused() {
    let call = r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#;
    let table = [
        r#"[{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}]"#.to_owned(),
        "{}{}".to_owned(),
        "[DONE] ".to_owned() + "{}",
        r#"{"choices":{}}"#.to_owned(),
        r#"{"choices":[1]}"#.to_owned(),
        r#"{"choices":[],"choices":[]}"#.to_owned(),
        r#"{"choices":[{"delta":"x"}]}"#.to_owned(),
        r#"{"choices":[{"index":"0","delta":{}}]}"#.to_owned(),
        r#"{"choices":[{"delta":{"content":{}}}]}"#.to_owned(),
        r#"{"choices":[{"delta":{},"finish_reason":true}]}"#.to_owned(),
        r#"{"choices":[{"delta":{"tool_calls":"x"}}]}"#.to_owned(),
        r#"{"choices":[{"delta":{"tool_calls":[{"index":-1}]}}]}"#.to_owned(),
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"type":1}]}}]}"#.to_owned(),
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"custom":"f"}]}}]}"#.to_owned(),
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":{"x":1,"x":2}}}]}}]}"#.to_owned(),
        r#"{"choices":[{"delta":{"content":[{"type":"tool_use","id":"f"}]}}]}"#.to_owned(),
        r#"{"choices":[{"delta":{"content":[{"type":"odd","arguments":{}}]}}]}"#.to_owned(),
        r#"{"choices":[{"delta":{"tool_calls":[{"index":4294967295,"id":"a"},{"id":"c"}]}},{"delta":{"tool_calls":[{"id":"b"}]},"index":0}]}"#
            .to_owned(),
        format!(r#"{{"choices":[],"tool_calls":{call}}}"#),
        format!(r#"{{"choices":[{{"delta":{{}},"tool_calls":{call}}}]}}"#),
        format!(r#"{{"choices":[{{"delta":{{}},"message":{{"tool_calls":{call}}}}}]}}"#),
        format!(r#"{{"choices":[{{"message":{{"tool_calls":{call}}}}}]}}"#),
        format!(r#"{{"choices":[{{"delta":{{"Tool_calls":{call}}}}}]}}"#),
        format!(r#"{{"error":{{"code":1}},"choices":[{{"delta":{{"tool_calls":{call}}}}}]}}"#),
    ];
    let mut listed = String::new();
    for data in table {
        let stream = format!("data: {data}\n\n");
        let error = deltas(stream.as_bytes()).expect_err(&data);
        listed += &format!("{data}\n    {error}\n");
    }
    insta::assert_snapshot!(listed);
}

#[test]
fn the_work_of_one_stream_is_bounded() {
    let entry = |index: usize| format!(r#"{{"index":{index},"id":"{index}"}}"#);
    let choice = |range: std::ops::Range<usize>| {
        format!(r#"{{"index":0,"delta":{{"tool_calls":[{}]}}}}"#, range.map(entry).collect::<Vec<_>>().join(","))
    };
    let refused = |choices: &[&str]| deltas(stream(choices).as_bytes()).is_err();
    assert!(!refused(&[&choice(0..1000), &choice(1000..1024)]));
    assert!(refused(&[&choice(0..1000), &choice(1000..1025)]));
    assert!(refused(&[&choice(0..1025)]));
    assert!(!refused(&[&vec!["{}"; 128].join(",")]));
    assert!(refused(&[&vec!["{}"; 129].join(",")]));
}

#[test]
fn the_head_is_that_of_the_first_event_with_a_choice() {
    let mut reader = ChatStream::new(true, 1);
    let stream = "data: {\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n".to_owned()
        + &stream(&[r#"{"index":0,"delta":{"content":"a"}}"#]);
    let frames = frames(stream.as_bytes());
    reader.read(frames[0].clone()).unwrap();
    assert_eq!(reader.head(), None);
    reader.read(frames[1].clone()).unwrap();
    let text = String::from_utf8(reader.head().unwrap().text(ChoiceIndex::new(2), "é\n")).unwrap();
    assert_eq!(
        text,
        "data: {\"id\":\"c\",\"model\":\"m\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":2,\
         \"delta\":{\"content\":\"é\\n\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"
    );
}

#[test]
fn a_head_writes_what_a_reader_reads() {
    let head = head();
    let legacy = Call { form: Form::Function, ..tool_call("", "old", "{}") };
    let stream = [
        head.text(ChoiceIndex::FIRST, "a"),
        head.call(ChoiceIndex::FIRST, 0, &tool_call("x", "f", "{}")),
        head.call(ChoiceIndex::FIRST, 1, &tool_call("y", "g", "[]")),
        head.call(ChoiceIndex::new(1), 0, &legacy),
        head.finish(ChoiceIndex::FIRST, "tool_calls"),
        head.finish(ChoiceIndex::new(1), "function_call"),
        DONE.to_vec(),
    ]
    .concat();
    let turn = turn(&deltas(&stream).unwrap());
    assert_eq!(turn.calls(), [tool_call("x", "f", "{}"), tool_call("y", "g", "[]"), legacy]);
    assert_eq!(
        (turn.choices[&0].text.as_str(), turn.choices[&1].finish.as_str(), turn.done),
        ("a", "function_call", true)
    );
}

#[test]
fn a_finish_gets_another_reason_and_nothing_else_changes() {
    let call = r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}}"#;
    let frame = "event: x\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"n\":1}}\r\n\r\n";
    let finished = |is_released: bool| {
        let mut reader = ChatStream::new(false, 1);
        for frame in frames((stream(&[call]) + frame).as_bytes()) {
            reader.read(frame).unwrap();
        }
        if is_released {
            reader.call(ChoiceIndex::FIRST, &tool_call("c", "f", "{}"));
        }
        let held = reader.end().unwrap().pop();
        let Some(Delta::Finish { choice, end }) = held else { panic!("{held:?}") };
        String::from_utf8(reader.finish(choice, end)).unwrap()
    };
    let stop =
        "event: x\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"n\":1}}\n\n";
    assert_eq!(finished(false), stop);
    assert_eq!(finished(true), frame, "a finish that names released calls keeps its bytes");
}
