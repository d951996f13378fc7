//! The properties of streaming, on random streams.

use callgate_wire::bedrock_converse::{ConverseAnswer, ConverseStream};
use callgate_wire::framing::Frame;
use callgate_wire::framing::event_stream::EventStreamDecoder;
use callgate_wire::{Answer as _, Call, ChoiceIndex, Delta, Stream as _};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::call;
use crate::frames::{events, written};
use crate::streams::{call_start, delta, end, input, metadata, start, stop, text};

/// Appears in every text of a call, and nowhere else.
const SECRET: &str = "S3CRET";

#[derive(Debug, Clone)]
enum Block {
    Text(Vec<String>),
    Thought(Vec<String>, String),
    Call(Call, usize),
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let pieces = || prop::collection::vec("[a-zé\"\\\\\n\u{1}]{1,6}", 1..4);
    let arguments = "[a-zé\"\\\\{}\n]{0,20}".prop_map(|text| format!("{SECRET}{text}"));
    let block = prop_oneof![
        pieces().prop_map(Block::Text),
        (pieces(), "[a-z]{1,4}").prop_map(|(pieces, signature)| Block::Thought(pieces, signature)),
        ("[a-z]{0,6}", arguments, 1_usize..8)
            .prop_map(|(name, arguments, cut)| Block::Call(call("", &format!("{SECRET}{name}"), &arguments), cut)),
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

fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let mut decoder = EventStreamDecoder::new(1 << 20);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk, &mut frames).unwrap();
    }
    decoder.finish().unwrap();
    frames
}

/// The stream's calls, and the stream written again without them.
fn gone_on(frames: Vec<Frame>) -> (Vec<Call>, Vec<u8>) {
    let (mut stream, mut calls, mut out) = (ConverseStream::new(&[]), Vec::<Call>::new(), Vec::new());
    for delta in frames.into_iter().flat_map(|frame| stream.read(frame).unwrap()).collect::<Vec<_>>() {
        match delta {
            Delta::Forward { frame } | Delta::Usage { frame } => out.extend(frame),
            Delta::Finish { choice, end } => out.extend(stream.finish(choice, end)),
            Delta::Fragment { slot, call: Call { id, name, arguments, .. }, .. } => {
                let slot = usize::try_from(slot).unwrap();
                calls.resize(calls.len().max(slot + 1), Call::default());
                calls[slot].id += &id;
                calls[slot].name += &name;
                calls[slot].arguments += &arguments;
            }
            Delta::CallEnd { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    (calls, out)
}

/// The result of a stream for a client like AWS' SDKs: its blocks, its reason, its usage.
pub(crate) fn accumulated(bytes: &[u8]) -> (Vec<Value>, String, Value) {
    let (mut blocks, mut reason, mut usage) = (Vec::<Value>::new(), String::new(), Value::Null);
    let add = |to: &mut Value, piece: &Value| {
        *to = json!(format!("{}{}", to.as_str().unwrap_or_default(), piece.as_str().unwrap()));
    };
    for (kind, value) in events(bytes) {
        let at = || usize::try_from(value["contentBlockIndex"].as_u64().unwrap()).unwrap();
        match kind.as_str() {
            "contentBlockStart" => {
                assert_eq!(at(), blocks.len(), "blocks are numbered without gaps");
                blocks.push(value["start"].clone());
            }
            "contentBlockDelta" => {
                assert!(at() <= blocks.len(), "blocks are numbered without gaps");
                if at() == blocks.len() {
                    blocks.push(json!({}));
                }
                let (block, delta) = (&mut blocks[at()], &value["delta"]);
                if delta["text"].is_string() {
                    add(&mut block["text"], &delta["text"]);
                } else if delta["toolUse"].is_object() {
                    add(&mut block["toolUse"]["input"], &delta["toolUse"]["input"]);
                } else if delta["reasoningContent"]["text"].is_string() {
                    add(&mut block["reasoningContent"]["reasoningText"]["text"], &delta["reasoningContent"]["text"]);
                } else {
                    let signature = &delta["reasoningContent"]["signature"];
                    add(&mut block["reasoningContent"]["reasoningText"]["signature"], signature);
                }
            }
            "contentBlockStop" => assert!(at() < blocks.len()),
            "messageStop" => reason = value["stopReason"].as_str().unwrap().to_owned(),
            "metadata" => usage = value["usage"].clone(),
            _ => {}
        }
    }
    for block in &mut blocks {
        if let Some(input) = block.get_mut("toolUse").and_then(|used| used.get_mut("input")) {
            *input = serde_json::from_str(input.as_str().unwrap()).unwrap_or(Value::Null);
        }
    }
    (blocks, reason, usage)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_are_found_however_they_are_cut_and_nothing_of_them_goes_on(
        blocks in blocks(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bytes = stream_of(&blocks);
        let (calls, out) = gone_on(frames([bytes.as_slice()]));
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
        let said: Vec<Block> = blocks.into_iter().filter(|block| !matches!(block, Block::Call(..))).collect();
        prop_assert_eq!(rest, content_of(&said));
        prop_assert_eq!(reason, "end_turn");

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunked = frames(cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]));
        prop_assert_eq!(gone_on(chunked), (calls, out));
    }

    #[test]
    fn an_answer_told_as_a_stream_is_that_answer(blocks in blocks()) {
        let called = blocks.iter().any(|block| matches!(block, Block::Call(..)));
        let answer = json!({
            "output": {"message": {"role": "assistant", "content": content_of(&blocks)}},
            "stopReason": if called { "tool_use" } else { "end_turn" },
            "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 1},
        });
        let mut stream = ConverseStream::new(&[]);
        for frame in frames([start().as_slice()]) {
            stream.read(frame).unwrap();
        }
        let out = stream.append(answer.to_string().as_bytes());
        let (content, reason, usage) = accumulated(&out);
        prop_assert_eq!(json!(content), answer["output"]["message"]["content"].clone());
        prop_assert_eq!(json!(reason), answer["stopReason"].clone());
        prop_assert_eq!(&usage, &answer["usage"]);
        let read = ConverseAnswer::read(&[], answer.to_string().as_bytes()).unwrap();
        prop_assert_eq!(read.calls()[0].len(), blocks.iter().filter(|block| matches!(block, Block::Call(..))).count());
    }

    #[test]
    fn an_event_read_by_comparison_says_what_it_says_when_parsed(events in prop::collection::vec(spelled(), 1..40)) {
        let opened = [start(), text(0, "a")].concat();
        let mut compared = ConverseStream::new(&[]);
        for frame in frames([opened.as_slice()]) {
            compared.read(frame).unwrap();
        }
        let mut said = "a".to_owned();
        for payload in events {
            let frame = frames([written(":event-type", "contentBlockDelta", "event", payload.as_bytes()).as_slice()]).remove(0);
            // A stream with only a start has nothing to compare with.
            let mut parsed = ConverseStream::new(&[]);
            for frame in frames([[start(), delta(0, &json!({}))].concat().as_slice()]) {
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
        for frame in frames([stop(0).as_slice()]) {
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
