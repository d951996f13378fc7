//! The properties of every dialect's streams, and their consequences.

use callgate_wire::bedrock_converse::{ConverseAnswer, ConverseStream};
use callgate_wire::framing::Framing;
use callgate_wire::{Answer, Call, ChoiceIndex, ReleasePolicy, Stream};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{accumulated, call_start, delta, deltas, end, frames, input, metadata, start, stop, text};
use crate::frames::written;
use crate::sample::SAMPLE;
use crate::suite::{self, SECRET, Sample, Subject, Turn, calls, finished, secrets, tool_call};

#[derive(Debug, Clone)]
enum Block {
    Text(Vec<String>),
    Thought(Vec<String>, String),
    Call(Call, usize),
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let pieces = || prop::collection::vec("[a-zé\"\\\\\n\u{1}]{1,6}", 1..4);
    let arguments = (secrets(), "[a-zé\"\\\\{}\n]{0,20}").prop_map(|(secret, text)| secret + &text);
    let block = prop_oneof![
        pieces().prop_map(Block::Text),
        (pieces(), "[a-z]{1,4}").prop_map(|(pieces, signature)| Block::Thought(pieces, signature)),
        ("[a-z]{0,6}", arguments, 1_usize..8)
            .prop_map(|(name, arguments, cut)| Block::Call(tool_call("", &format!("{SECRET}{name}"), &arguments), cut)),
    ];
    prop::collection::vec(block, 0..6).prop_map(|mut blocks| {
        for (at, block) in blocks.iter_mut().enumerate() {
            if let Block::Call(call, _) = block {
                call.id = format!("t{at}");
            }
        }
        blocks
    })
}

fn stream_of(blocks: &[Block]) -> Vec<u8> {
    let mut out = start();
    for (block, index) in blocks.iter().zip(0..) {
        match block {
            Block::Text(pieces) => pieces.iter().for_each(|piece| out.extend(text(index, piece))),
            Block::Thought(pieces, signature) => {
                for piece in pieces {
                    out.extend(delta(index, &json!({"reasoningContent": {"text": piece}})));
                }
                out.extend(delta(index, &json!({"reasoningContent": {"signature": signature}})));
            }
            Block::Call(call, cut) => {
                out.extend(call_start(index, &call.id, &call.name));
                let characters: Vec<char> = call.arguments.chars().collect();
                for piece in characters.chunks(*cut) {
                    out.extend(input(index, &piece.iter().collect::<String>()));
                }
            }
        }
        out.extend(stop(index));
    }
    let called = blocks.iter().any(|block| matches!(block, Block::Call(..)));
    out.extend(end(if called { "tool_use" } else { "end_turn" }));
    out.extend(metadata());
    out
}

fn content_of(blocks: &[Block]) -> Vec<Value> {
    let content = blocks.iter().map(|block| match block {
        Block::Text(pieces) => json!({"text": pieces.concat()}),
        Block::Thought(pieces, signature) => {
            json!({"reasoningContent": {"reasoningText": {"text": pieces.concat(), "signature": signature}}})
        }
        Block::Call(call, _) => {
            json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": {"x": call.arguments}}})
        }
    });
    content.collect()
}

fn answer_of(blocks: &[Block]) -> Value {
    let called = blocks.iter().any(|block| matches!(block, Block::Call(..)));
    json!({
        "output": {"message": {"role": "assistant", "content": content_of(blocks)}},
        "stopReason": if called { "tool_use" } else { "end_turn" },
        "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}, "metrics": {"latencyMs": 1},
    })
}

struct Converse;

impl Subject for Converse {
    const FRAMING: Framing = Framing::EventStream;
    const SAMPLE: Sample = SAMPLE;

    fn turns() -> BoxedStrategy<Turn> {
        let turn = |mut blocks: Vec<Block>| {
            let answer = answer_of(&blocks).to_string().into_bytes();
            for block in &mut blocks {
                if let Block::Call(call, _) = block {
                    call.arguments = json!({ "x": call.arguments }).to_string();
                }
            }
            Turn { answer, stream: stream_of(&blocks) }
        };
        blocks().prop_map(turn).boxed()
    }

    fn answer(body: &[u8]) -> Box<dyn Answer> {
        Box::new(ConverseAnswer::read(&[], body).unwrap())
    }

    fn stream() -> Box<dyn Stream> {
        Box::new(ConverseStream::new(&[]))
    }

    fn streamed(bytes: &[u8], _: ReleasePolicy) -> Value {
        let (content, reason, usage) = accumulated(bytes);
        json!({ "content": content, "reason": reason, "usage": usage })
    }

    fn whole(body: &[u8], _: ReleasePolicy) -> Value {
        let body: Value = serde_json::from_slice(body).unwrap();
        let content = &body["output"]["message"]["content"];
        json!({ "content": content, "reason": body["stopReason"], "usage": body["usage"] })
    }
}

suite::properties!(Converse);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_of_any_arguments_are_found_and_nothing_of_them_is_forwarded(blocks in blocks(), cuts in suite::cuts()) {
        let bytes = stream_of(&blocks);
        suite::any_chunking::<Converse>(&bytes, &cuts)?;
        let mut stream = ConverseStream::new(&[]);
        let deltas = deltas(&mut stream, &bytes).unwrap();
        let calls = calls(&deltas);
        let out = finished(&mut stream, deltas);
        let expected: Vec<Call> = blocks.iter().filter_map(|block| match block {
            Block::Call(call, _) => Some(call.clone()),
            _ => None,
        }).collect();
        prop_assert_eq!(&calls, &expected);
        prop_assert!(!String::from_utf8_lossy(&out).contains(SECRET));
        if expected.is_empty() {
            prop_assert_eq!(&out, &bytes);
        }
        let (rest, reason, _) = accumulated(&out);
        // The client gets no thought behind a call that it does not get.
        let mut called = false;
        let said: Vec<Block> = blocks.into_iter().filter(|block| {
            called |= matches!(block, Block::Call(..));
            let is_hidden = called && matches!(block, Block::Thought(..));
            !is_hidden && !matches!(block, Block::Call(..))
        }).collect();
        prop_assert_eq!(rest, content_of(&said));
        prop_assert_eq!(reason, "end_turn");

    }

    #[test]
    fn an_answer_told_as_a_stream_is_that_answer(blocks in blocks()) {
        let answer = answer_of(&blocks);
        let mut stream = ConverseStream::new(&[]);
        for frame in frames(&start()) {
            stream.read(frame).unwrap();
        }
        let out = stream.append(answer.to_string().as_bytes());
        let (content, reason, usage) = accumulated(&out);
        let mut expected = answer["output"]["message"]["content"].clone();
        // Nor a signed thought, which the client could not send back.
        let signed = |block: &Value| {
            let thought = &block["reasoningContent"];
            thought["reasoningText"]["signature"].as_str().is_some_and(|text| !text.is_empty()) || !thought["redactedContent"].is_null()
        };
        expected.as_array_mut().unwrap().retain(|block| !signed(block));
        prop_assert_eq!(json!(content), expected);
        prop_assert_eq!(json!(reason), answer["stopReason"].clone());
        prop_assert_eq!(&usage, &answer["usage"]);
        let read = ConverseAnswer::read(&[], answer.to_string().as_bytes()).unwrap();
        prop_assert_eq!(read.calls()[0].len(), blocks.iter().filter(|block| matches!(block, Block::Call(..))).count());
    }

    #[test]
    fn an_event_read_by_comparison_says_what_it_says_when_parsed(events in prop::collection::vec(spelled(), 1..40)) {
        let opened = [start(), text(0, "a")].concat();
        let mut compared = ConverseStream::new(&[]);
        for frame in frames(&opened) {
            compared.read(frame).unwrap();
        }
        let mut said = "a".to_owned();
        for payload in events {
            let frame = frames(&written(":event-type", "contentBlockDelta", "event", payload.as_bytes())).remove(0);
            // A stream with only a start has nothing to compare with.
            let mut parsed = ConverseStream::new(&[]);
            for frame in frames(&[start(), delta(0, &json!({}))].concat()) {
                parsed.read(frame).unwrap();
            }
            let expected = parsed.read(frame.clone());
            let read = compared.read(frame);
            prop_assert_eq!(&read, &expected, "{}", payload);
            if read.is_err() {
                return Ok(());
            }
            let piece: Value = serde_json::from_str(&payload).unwrap();
            said += piece["delta"]["text"].as_str().unwrap_or_default();
        }
        for frame in frames(&stop(0)) {
            compared.read(frame).unwrap();
        }
        let text: String = compared.said(ChoiceIndex::FIRST).iter().filter_map(|block| block["text"].as_str()).collect();
        prop_assert_eq!(text, said);
    }
}

/// A delta in one of many spellings, some for the fast path and some not.
fn spelled() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        6 => "[a-zé \\\\\"\n/]{0,6}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => Just(r#""\u0041\ud83d\ude00""#.to_owned()),
        1 => Just("null".to_owned()),
    ];
    let key = prop_oneof![12 => Just("text"), 1 => Just("t\\u0065xt"), 1 => Just("Text")];
    let pad = prop_oneof![
        8 => "[a-z]{0,3}".prop_map(|pad| format!(r#","p":"{pad}""#)),
        1 => Just(String::new()),
        1 => Just(r#","p":"a","toolUse":{"name":"f"}"#.to_owned()),
    ];
    let more = prop_oneof![12 => Just(""), 1 => Just(r#","toolUse":{"input":"x"}"#), 1 => Just(r#","citation":null"#)];
    let index = prop_oneof![20 => Just("0"), 1 => Just("-1"), 1 => Just("00")];
    (key, text, pad, more, index).prop_map(|(key, text, pad, more, index)| {
        format!(r#"{{"contentBlockIndex":{index},"delta":{{"{key}":{text}{more}}}{pad}}}"#)
    })
}
