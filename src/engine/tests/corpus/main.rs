//! Every recorded exchange with a real API through `wire` and `engine`, under a contract made of the tools the exchange itself
//! declared: calls found as labelled, each with the verdict of an independent validator, the rest of the answer as it
//! came, however its bytes arrive.
//!
//! The recordings are not part of the project: they are looked for in `CALLGATE_DATA`, else in `shared/data` beside the
//! workspace, and the test says so if they are missing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed helper is a failed test")]
#![allow(clippy::print_stdout, reason = "a replay prints what it covered")]

mod agents;
mod codex;
mod hang_ups;
mod play;
mod recording;
mod reference;

use std::collections::BTreeMap;

use callgate_engine::{Tally, Usage, UsageSource};
use callgate_wire::{DIALECTS, Row};
use play::play;
use recording::{Call, Recording, recordings};
use reference::Reference;

/// The covered exchanges, by dialect.
#[derive(Debug, Default)]
struct Covered {
    whole: u32,
    streamed: u32,
    errors: u32,
    empty: u32,
    truncated: u32,
    allowed: u32,
    refused: BTreeMap<String, u32>,
    unusable: BTreeMap<String, u32>,
    /// Exchanges broken by the gate although the validator accepts all of their calls, and why.
    false_refusals: Vec<String>,
    /// Members of requests unknown to every table.
    dropped_members: usize,
}

#[test]
fn every_recorded_exchange_gets_the_verdicts_of_an_independent_validator() {
    let Some(recordings) = recordings() else { return };
    let mut covered: BTreeMap<&str, Covered> = BTreeMap::new();
    for recording in &recordings {
        let Some(row) = DIALECTS.iter().find(|row| recording.is_of(row)) else { continue };
        check(recording, row, covered.entry(row.key).or_default());
    }
    let mut wrong = Vec::new();
    for (key, covered) in covered {
        let Covered {
            whole,
            streamed,
            errors,
            empty,
            truncated,
            allowed,
            refused,
            unusable,
            false_refusals,
            dropped_members,
        } = covered;
        let count = whole + streamed + errors + empty;
        println!(
            "COVERED {key}: {count} recorded exchanges ({whole} whole, {streamed} streamed, of which {truncated} cut short; {errors} \
             errors, {empty} without a body; each whole one streamed too), {} calls: {allowed} allowed, refused {refused:?}; not usable {unusable:?}; {} false refusals; dropped members: {dropped_members}",
            allowed + refused.values().sum::<u32>(),
            false_refusals.len()
        );
        wrong.extend(false_refusals);
        assert_eq!(dropped_members, 0, "{key}: dropped members");
    }
    assert_eq!(wrong, Vec::<String>::new(), "false refusals");
}

fn check(recording: &Recording, row: &'static Row, covered: &mut Covered) {
    let id = &recording.id;
    let reference = match Reference::new(recording) {
        Ok(reference) => reference,
        Err(why) => {
            *covered.unusable.entry(why).or_default() += 1;
            return;
        }
    };
    let body = recording.body.as_slice();
    let outcome = match play(recording, row, &reference, &[body]) {
        Ok(outcome) => outcome,
        Err(why) => return covered.false_refusals.push(format!("{id}: the request is refused: {why}")),
    };
    covered.dropped_members += outcome.tally.dropped_members.len();
    for size in [1, 7, 1000] {
        let chunks: Vec<&[u8]> = body.chunks(size).collect();
        let again = play(recording, row, &reference, &chunks).unwrap();
        assert!(again == outcome, "{id}: other bytes in chunks of {size}");
    }
    if recording.status != 200 {
        assert_eq!(outcome.bytes, body, "{id}: an error of the API passes as it is");
        covered.errors += 1;
        return;
    }
    if body.is_empty() {
        assert!(outcome.tally.error.is_some(), "{id}: an answer without a body is an error");
        covered.empty += 1;
        return;
    }
    *(if recording.streamed { &mut covered.streamed } else { &mut covered.whole }) += 1;
    let expected = reference.verdicts(&recording.calls);
    let allowed: Vec<Call> = expected.iter().filter_map(|verdict| verdict.clone().ok()).collect();
    let refused: Vec<&String> = expected.iter().filter_map(|verdict| verdict.as_ref().err()).collect();
    if let Some(code) = outcome.tally.error {
        // The only way for a recorded answer to fail: its recording ends before the answer does.
        if code.as_str() != "upstream_truncated" || recording.is_complete() {
            return covered.false_refusals.push(format!("{id}: the answer ends with {}", code.as_str()));
        }
        covered.truncated += 1;
        return;
    }
    for call in allowed.iter().filter(|call| !outcome.calls.contains(call)) {
        covered.false_refusals.push(format!("{id}: the call of {} is refused", call.name));
    }
    assert_eq!(outcome.calls, allowed, "{id}: calls that went on");
    let Tally { refused: codes, .. } = &outcome.tally;
    assert_eq!(codes.iter().map(|code| code.as_str()).collect::<Vec<_>>(), refused, "{id}: codes of refused calls");
    if recording.calls.is_empty() {
        assert!(outcome.bytes == recording.answer(), "{id}: nothing had to change, so nothing does");
    } else if refused.is_empty() && !recording.streamed {
        assert_eq!(play::meaning(&outcome.bytes), play::meaning(body), "{id}: the same in meaning");
    }
    if !recording.streamed {
        let streamed = recording.streamed_again(row);
        let again = play(&streamed, row, &reference, &[streamed.answer()]).unwrap();
        assert_eq!(again.calls, outcome.calls, "{id}: the same turn streamed: calls");
        // The gate wrote this stream, without the report of tokens that an upstream would send.
        let verdicts =
            |tally: &Tally| Tally { usage: Usage::default(), usage_source: UsageSource::Unknown, ..tally.clone() };
        assert_eq!(verdicts(&again.tally), verdicts(&outcome.tally), "{id}: the same turn streamed: verdicts");
    }
    covered.allowed += u32::try_from(allowed.len()).unwrap();
    for code in refused {
        *covered.refused.entry(code.clone()).or_default() += 1;
    }
}

#[test]
fn the_reference_can_tell_good_from_bad() {
    let verdicts = |arguments: &str| {
        let call = Call { id: "a".into(), name: "f".into(), arguments: arguments.into() };
        let schema =
            serde_json::json!({ "type": "object", "required": ["x"], "properties": { "x": { "type": "integer" } } });
        Reference::of([("f".to_owned(), schema)]).unwrap().verdicts(&[call])
    };
    assert!(verdicts(r#"{"x":1}"#)[0].is_ok());
    assert_eq!(verdicts(r#"{"x":"1"}"#)[0], Err("arguments_invalid".into()));
    assert_eq!(verdicts(r#"{"x":1,"x":2}"#)[0], Err("arguments_not_json".into()));
}
