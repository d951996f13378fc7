//! Streams whose events come in another order than the API's, or more or less often.

use callgate_wire::bedrock_converse::ConverseStream;
use callgate_wire::framing::Framing;
use callgate_wire::{Call, ChoiceIndex, Delta, Form, ReleasePolicy, Stream as _};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{accumulated, call_start, delta, deltas, end, ended, input, metadata, start, stop, text};
use crate::frames::{event, events, written};
use crate::suite::{calls, carried, keep, passed, tool_call};

/// The output if every call is released at its end.
fn released(stream: &mut ConverseStream, bytes: &[u8]) -> Vec<u8> {
    carried(Framing::EventStream, stream, bytes, ReleasePolicy::Call, &keep)
}

fn content(parts: &[Vec<u8>]) -> Vec<Value> {
    let bytes = [&[start()], parts].concat().concat();
    let mut stream = ConverseStream::new(&[]);
    let (content, reason, _) = accumulated(&released(&mut stream, &bytes));
    assert_eq!((reason.as_str(), stream.is_complete()), ("tool_use", true));
    content
}

fn used(id: &str, name: &str, input: &Value) -> Value {
    json!({"toolUse": {"toolUseId": id, "name": name, "input": input}})
}

fn begin(index: u32, start: &Value) -> Vec<u8> {
    event("contentBlockStart", &json!({"contentBlockIndex": index, "start": start}))
}

#[test]
fn overlapping_blocks_are_written_one_after_the_other() {
    let seen = content(&[
        text(0, "One "),
        call_start(1, "t", "f"),
        text(0, "two"),
        input(1, "{\"x\":1}"),
        stop(1),
        text(0, " three"),
        stop(0),
        end("tool_use"),
        metadata(),
    ]);
    assert_eq!(seen, [json!({"text": "One two"}), used("t", "f", &json!({"x": 1})), json!({"text": " three"})]);
}

#[test]
fn blocks_that_stop_late_or_never_are_complete_at_the_end() {
    let calls = [used("t", "f", &json!({})), used("u", "g", &json!({"x": 1}))];
    let (f, g) = (call_start(0, "t", "f"), [call_start(1, "u", "g"), input(1, "{\"x\":1}")].concat());
    for ends in
        [vec![stop(1), stop(0), end("tool_use")], vec![end("tool_use")], vec![end("tool_use"), stop(0), stop(1)]]
    {
        let seen = content(&[f.clone(), g.clone(), ends.concat(), metadata()]);
        assert_eq!(seen, calls);
        assert_eq!(content(&[f.clone(), g.clone(), ends.concat()]), calls, "without metadata");
    }
}

#[test]
fn indexes_may_jump_fall_and_be_used_again() {
    let seen = content(&[
        text(5, "a"),
        stop(5),
        text(2, "b"),
        stop(2),
        call_start(2, "t", "f"),
        call_start(2, "u", "g"),
        stop(2),
        end("tool_use"),
    ]);
    let (f, g) = (used("t", "f", &json!({})), used("u", "g", &json!({})));
    assert_eq!(seen, [json!({"text": "a"}), json!({"text": "b"}), f, g]);
}

#[test]
fn an_end_that_is_said_twice_or_too_early_ends_the_turn_once() {
    let seen = content(&[
        end("end_turn"),
        text(0, "a"),
        stop(0),
        end("tool_use"),
        call_start(1, "t", "f"),
        stop(1),
        metadata(),
        metadata(),
        end("end_turn"),
        stop(1),
    ]);
    assert_eq!(seen, [json!({"text": "a"}), used("t", "f", &json!({}))]);
    let bytes = [start(), metadata(), start(), text(0, "a"), end("tool_use")].concat();
    let kinds: Vec<String> =
        events(&released(&mut ConverseStream::new(&[]), &bytes)).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]);
}

#[test]
fn a_stream_that_breaks_off_before_its_reason_gives_out_no_end() {
    for parts in [
        vec![start(), call_start(0, "t", "f"), stop(0)],
        vec![start(), text(0, "a"), metadata()],
        vec![start(), text(0, "a"), stop(0), event("messageStop", &json!({}))],
    ] {
        let mut stream = ConverseStream::new(&[]);
        deltas(&mut stream, &parts.concat()).unwrap();
        assert_eq!((stream.end().unwrap(), stream.is_complete()), (Vec::new(), false));
    }
}

#[test]
fn events_and_blocks_of_unknown_kinds_are_dropped_and_leave_no_gap() {
    let seen = content(&[
        event("futureEvent", &json!({"usage": {"server_tool_use": {"web_search_requests": 1}}})),
        written(":event-type", "futureEvent", "event", b"ok"),
        begin(0, &json!({"future": {"a": 1}})),
        delta(0, &json!({"future": {"a": 1}})),
        stop(0),
        delta(1, &json!({"future": {"a": 1}})),
        text(1, "a"),
        delta(1, &json!({"future": {"a": 1}})),
        stop(1),
        call_start(2, "t", "f"),
        text(2, "in a call"),
        stop(2),
        end("tool_use"),
    ]);
    assert_eq!(seen, [json!({"text": "a"}), used("t", "f", &json!({}))]);
}

#[test]
fn a_streamed_call_keeps_its_members_and_gets_an_id_if_it_has_none() {
    let begun = begin(0, &json!({"toolUse": {"name": "f", "type": "tool_use", "signature": "SIG"}}));
    let mut expected = used("call_0", "f", &json!({}));
    expected["toolUse"]["type"] = json!("tool_use");
    expected["toolUse"]["signature"] = json!("SIG");
    assert_eq!(content(&[begun, stop(0), end("tool_use")]), [expected]);
}

#[test]
fn an_input_is_read_however_it_is_given() {
    let begun = |input: Value| begin(0, &json!({"toolUse": {"toolUseId": "t", "name": "f", "input": input}}));
    let piece = |used: Value| delta(0, &json!({ "toolUse": used }));
    for parts in [
        vec![begun(json!({"x": 1}))],
        vec![begun(json!("{\"x\":1}"))],
        vec![begun(json!("")), input(0, "{\"x\":1}")],
        vec![begun(json!({"x": 2})), input(0, "{\"x\":"), input(0, "1}")],
        vec![begun(json!(null)), piece(json!({"input": {"x": 1}}))],
        vec![begun(json!({})), piece(json!({"input": "{\"x\":1}", "name": "f", "toolUseId": "t"}))],
    ] {
        assert_eq!(content(&[parts.concat(), stop(0), end("tool_use")]), [used("t", "f", &json!({"x": 1}))]);
    }
}

#[test]
fn a_call_of_an_unknown_type_is_one_that_the_engine_refuses() {
    let begun = begin(0, &json!({"toolUse": {"toolUseId": "t", "name": "f", "type": "future"}}));
    let deltas = ended(&mut ConverseStream::new(&[]), &[start(), begun].concat()).unwrap();
    assert!(
        matches!(deltas.last(), Some(Delta::Fragment { call: Call { form: Form::Unknown, .. }, .. })),
        "{deltas:?}"
    );
}

#[test]
fn a_block_of_the_provider_is_not_torn_apart() {
    let begun = begin(0, &json!({"toolUse": {"name": "nova_grounding", "toolUseId": "s", "type": "server_tool_use"}}));
    let bytes = [start(), begun, input(0, "{\"q\":"), text(1, "a"), input(0, "1}")].concat();
    assert!(ended(&mut ConverseStream::new(&["nova_grounding"]), &bytes).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn interleaved_blocks_give_the_calls_of_ordered_ones(
        blocks in prop::collection::vec((any::<bool>(), prop::collection::vec("[a-z{}\"é]{0,4}", 1..5)), 1..6),
        picks in prop::collection::vec(any::<usize>(), 1..40),
        late in any::<bool>(),
    ) {
        let (mut waiting, mut stops) = (Vec::new(), Vec::new());
        for ((is_call, pieces), index) in blocks.iter().zip(0..) {
            let first = is_call.then(|| call_start(index, &format!("t{index}"), "f"));
            let pieces = pieces.iter().map(|piece| if *is_call { input(index, piece) } else { text(index, piece) });
            let mut block: Vec<Vec<u8>> = first.into_iter().chain(pieces).collect();
            if late { stops.push(stop(index)) } else { block.push(stop(index)) }
            block.reverse();
            waiting.push(block);
        }
        let (mut bytes, mut begun, mut picks) = (start(), 0, picks.into_iter().cycle());
        while waiting.iter().any(|block| !block.is_empty()) {
            let mut open: Vec<usize> = (0..begun).filter(|&at| !waiting[at].is_empty()).collect();
            open.extend((begun < waiting.len()).then_some(begun));
            let at = open[picks.next().unwrap() % open.len()];
            begun = begun.max(at + 1);
            bytes.extend(waiting[at].pop().unwrap());
        }
        bytes.extend([stops.concat(), end("tool_use"), metadata()].concat());

        let mut stream = ConverseStream::new(&[]);
        let read = ended(&mut stream, &bytes).unwrap();
        let expected = blocks.iter().enumerate().filter(|(_, (is_call, _))| *is_call).map(|(index, (_, pieces))| {
            let arguments = pieces.concat();
            tool_call(&format!("t{index}"), "f", if arguments.is_empty() { "{}" } else { &arguments })
        });
        prop_assert_eq!(calls(&read), expected.collect::<Vec<_>>());
        let texts = || blocks.iter().filter(|(is_call, _)| !is_call).map(|(_, pieces)| pieces.concat());
        prop_assert_eq!(stream.said(ChoiceIndex::FIRST), texts().map(|text| json!({"text": text})).collect::<Vec<_>>());
        let length: usize = accumulated(&passed(&read)).0.iter().map(|block| block["text"].as_str().unwrap_or("").len()).sum();
        prop_assert_eq!(length, texts().map(|text| text.len()).sum::<usize>(), "no text is lost or said twice");
    }
}
