//! The properties of every dialect's streams, and their consequences.

use callgate_wire::framing::Framing;
use callgate_wire::openai_chat::{ChatAnswer, ChatStream, DONE};
use callgate_wire::{Answer, Call, ChoiceIndex, Delta, End, Form, ReleasePolicy, Stream};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{Turn as Told, deltas, frames, head, turn};
use crate::sample::SAMPLE;
use crate::suite::{self, SECRET, Sample, Subject, Turn, secrets};

fn tool_calls() -> impl Strategy<Value = Vec<Call>> {
    let call = ("[a-zé\"\n]{0,6}", (secrets(), "[a-zé\"\\\\{}\n]{0,20}"));
    prop::collection::vec(call, 0..4).prop_map(|calls| {
        let call = |(at, (name, (secret, arguments))): (usize, (String, (String, String)))| Call {
            id: format!("call_{at}"),
            name: format!("{SECRET}{name}"),
            arguments: secret + &arguments,
            form: Form::Tool,
            ..Call::default()
        };
        calls.into_iter().enumerate().map(call).collect()
    })
}

fn legacy_calls() -> impl Strategy<Value = Vec<Call>> {
    ("[a-z]{1,6}", ".{0,12}")
        .prop_map(|(name, arguments)| vec![Call { name, arguments, form: Form::Function, ..Call::default() }])
}

fn entry(call: &Call) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}

/// An answer with these choices of text and calls.
fn answer(choices: &[(Option<String>, Vec<Call>)]) -> Value {
    let choice = |(index, (text, calls)): (usize, &(Option<String>, Vec<Call>))| {
        let mut message = json!({"role": "assistant", "content": text});
        match calls.first().map(|call| call.form) {
            Some(Form::Tool) => message["tool_calls"] = calls.iter().map(entry).collect(),
            Some(Form::Function) => message["function_call"] = entry(&calls[0])["function"].clone(),
            Some(Form::Custom | Form::Native(_) | Form::Unknown | Form::Unclear) | None => {}
        }
        let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
        json!({"index": index, "message": message, "finish_reason": reason})
    };
    let choices: Vec<Value> = choices.iter().enumerate().map(choice).collect();
    json!({"id": "a", "choices": choices, "usage": {"total_tokens": 3}})
}

/// A possible stream of these calls: fragments cut anywhere, in any order of calls, with anything between.
fn streams() -> impl Strategy<Value = (Vec<Call>, String, bool, Vec<u8>)> {
    let noise = prop_oneof![
        Just(": ping\r\n\r\n".to_owned()),
        Just("data: {\"choices\":[]}\n\n".to_owned()),
        Just("\n".to_owned()),
        "[a-zé ]{1,5}".prop_map(|text| {
            let chunk =
                json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}], "text": text});
            format!("data: {chunk}\r\r")
        }),
    ];
    let cuts = prop::collection::vec(
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::option::of(noise)),
        0..24,
    );
    let ends = (any::<bool>(), any::<bool>(), any::<bool>());
    (tool_calls(), cuts, ends).prop_map(|(calls, cuts, (beside, usage, done))| {
        let mut rest: Vec<(usize, bool, Vec<char>)> =
            calls.iter().enumerate().map(|(at, call)| (at, true, call.arguments.chars().collect())).collect();
        let mut cuts = cuts.into_iter();
        let (mut stream, mut text) = (String::new(), String::new());
        while !rest.is_empty() {
            let (which, length, noise) = cuts.next().map_or((0, usize::MAX, None), |(which, length, noise)| {
                (which.index(rest.len()), length.index(8), noise)
            });
            if let Some(noise) = noise {
                if let Some(chunk) = noise.strip_prefix("data: ") {
                    let chunk: Value = serde_json::from_str(chunk).unwrap();
                    text += chunk["text"].as_str().unwrap_or_default();
                }
                stream += &noise;
            }
            let (at, first, arguments) = &mut rest[which];
            let piece: String = arguments.drain(..length.min(arguments.len())).collect();
            let mut fragment = json!({"index": at, "function": {"arguments": piece}});
            if std::mem::take(first) {
                fragment["id"] = json!(calls[*at].id);
                fragment["type"] = json!("function");
                fragment["function"]["name"] = json!(calls[*at].name);
            }
            if arguments.is_empty() {
                rest.remove(which);
            }
            let finish = if rest.is_empty() && beside { json!("tool_calls") } else { Value::Null };
            let choice =
                json!({"index": 0, "delta": {"tool_calls": [fragment]}, "finish_reason": finish, "logprobs": [SECRET]});
            stream += &format!("data: {}\n\n", json!({"id": "a", "choices": [choice], "raw": SECRET}));
        }
        if calls.is_empty() || !beside {
            let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
            let choice = json!({"index": 0, "delta": {}, "finish_reason": reason});
            stream += &format!("data: {}\r\n\r\n", json!({"id": "a", "choices": [choice]}));
        }
        if usage {
            stream += "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n";
        }
        if done {
            stream += "data: [DONE]\n\n";
        }
        (calls, text, usage, stream.into_bytes())
    })
}

struct Chat;

impl Subject for Chat {
    const FRAMING: Framing = Framing::Sse;
    const SAMPLE: Sample = SAMPLE;

    fn turns() -> BoxedStrategy<Turn> {
        let turn = |(calls, text, usage, stream): (Vec<Call>, String, bool, Vec<u8>)| {
            let mut answer = answer(&[(Some(text), calls)]);
            if !usage {
                answer.as_object_mut().unwrap().shift_remove("usage");
            }
            Turn { answer: answer.to_string().into_bytes(), stream }
        };
        streams().prop_map(turn).boxed()
    }

    fn answer(body: &[u8]) -> Box<dyn Answer> {
        Box::new(ChatAnswer::read(body).unwrap())
    }

    fn stream() -> Box<dyn Stream> {
        Box::new(ChatStream::new(true, 128))
    }

    fn streamed(bytes: &[u8], _: ReleasePolicy) -> Value {
        let Told { choices, usage, .. } = turn(&deltas(bytes).unwrap());
        let choices = choices.values().map(|said| view(&said.text, &said.calls, &said.finish));
        json!({ "choices": choices.collect::<Vec<_>>(), "usage": usage })
    }

    fn whole(body: &[u8], _: ReleasePolicy) -> Value {
        let answer = ChatAnswer::read(body).unwrap();
        let choices = answer.choices().iter().map(|choice| view(&choice.text, &choice.calls, &choice.finish));
        json!({ "choices": choices.collect::<Vec<_>>(), "usage": answer.usage() })
    }
}

fn view(text: &str, calls: &[Call], finish: &str) -> Value {
    json!({ "text": text, "calls": calls.iter().map(entry).collect::<Vec<_>>(), "finish": finish })
}

suite::properties!(Chat);

proptest! {
    // A failed case is printed; it belongs into a table, not into a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_and_text_are_found_however_they_are_cut_and_mixed((expected, text, _, stream) in streams()) {
        let turn = turn(&deltas(&stream).unwrap());
        prop_assert_eq!(turn.calls(), expected.clone());
        prop_assert_eq!(&turn.choices[&0].text, &text);
        prop_assert_eq!(&turn.choices[&0].finish, if expected.is_empty() { "stop" } else { "tool_calls" });
    }

    #[test]
    fn an_accumulated_stream_equals_the_answer_it_tells(
        choices in prop::collection::vec(
            (prop::option::of(".{0,12}"), prop_oneof![4 => tool_calls(), 1 => legacy_calls()]), 0..4),
    ) {
        let text = answer(&choices).to_string();
        let answer = ChatAnswer::read(text.as_bytes()).unwrap();
        let stream = [answer.frames(&head(), true), DONE.to_vec()].concat();
        let turn = turn(&deltas(&stream).unwrap());
        for choice in answer.choices() {
            let said = &turn.choices[&choice.index.get()];
            prop_assert_eq!(&said.text, &choice.text);
            prop_assert_eq!(&said.finish, &choice.finish);
            prop_assert_eq!(said.calls.clone(), choice.calls.clone());
        }
        prop_assert_eq!(turn.choices.len(), answer.choices().len());
        prop_assert_eq!(turn.usage.clone(), answer.usage());
    }

    #[test]
    fn an_answer_that_is_not_rewritten_keeps_its_bytes(
        choices in prop::collection::vec((prop::option::of(".{0,12}"), tool_calls()), 0..4),
    ) {
        let text = format!(" {:#}\n", answer(&choices));
        let mut answer = ChatAnswer::read(text.as_bytes()).unwrap();
        for (position, (text, calls)) in choices.iter().enumerate() {
            answer.rewrite(position, callgate_wire::openai_chat::Rewrite { text: text.clone(), calls: calls.clone() });
        }
        prop_assert_eq!(String::from_utf8(answer.write()).unwrap(), text);
    }
}

/// An event in one of many spellings, some for the fast path and some not.
fn spelled() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        4 => "[a-zé \\\\\"\n/]{0,6}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => Just(r#""\u0041\ud83d\ude00""#.to_owned()),
        1 => Just("null".to_owned()),
    ];
    let key = prop_oneof![
        6 => Just("content"), 2 => Just("reasoning_content"), 2 => Just("reasoning"), 1 => Just("c\\u006fntent"),
    ];
    let pad = prop_oneof![Just(String::new()), "[a-z]{0,3}".prop_map(|pad| format!(r#","obfuscation":"{pad}""#))];
    let more = prop_oneof![
        12 => Just(r#""finish_reason":null"#),
        1 => Just(r#""finish_reason":"stop""#),
        1 => Just(r#""logprobs":null"#),
        1 => Just(r#""index":1"#),
    ];
    let call = prop_oneof![
        8 => Just(""),
        1 => Just(r#","tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]"#),
        1 => Just(r#","tool_c\u0061lls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]"#),
        1 => Just(r#","role":"assistant""#),
    ];
    (key, text, pad, more, call, 0..3_u32).prop_map(|(key, text, pad, more, call, created)| {
        format!(
            r#"data: {{"id":"c","created":{created},"choices":[{{{more},"delta":{{"{key}":{text}{call}}}}}]{pad}}}"#
        )
    })
}

proptest! {
    #[test]
    fn an_event_read_by_comparison_says_what_it_says_when_parsed(events in prop::collection::vec(spelled(), 1..40)) {
        let stream: String = events.iter().map(|event| format!("{event}\n\n")).collect();
        let (mut compared, mut parsed) = (ChatStream::new(false, 8), ChatStream::new(false, 8));
        for frame in frames(stream.as_bytes()) {
            let read = compared.read(frame.clone());
            // An event with a name is never compared.
            let expected = parsed.read(callgate_wire::framing::Frame { event: Some("x".to_owned()), ..frame });
            let Ok(expected) = expected else {
                prop_assert!(read.is_err());
                break;
            };
            prop_assert_eq!(unnamed(read.unwrap()), unnamed(expected));
            for choice in (0..2).map(ChoiceIndex::new) {
                prop_assert_eq!(compared.said(choice), parsed.said(choice));
            }
        }
        prop_assert_eq!(unnamed(compared.end().unwrap()), unnamed(parsed.end().unwrap()));
    }
}

/// Removes the names the test gives to events.
fn unnamed(deltas: Vec<Delta>) -> Vec<Delta> {
    let strip = |frame: Vec<u8>| frame.strip_prefix(b"event: x\n").map(<[u8]>::to_vec).unwrap_or(frame);
    let unnamed = |delta| match delta {
        Delta::Forward { frame } => Delta::Forward { frame: strip(frame) },
        Delta::Finish { choice, end } => Delta::Finish { choice, end: End::new(strip(end.into_frame())) },
        other => other,
    };
    deltas.into_iter().map(unnamed).collect()
}
