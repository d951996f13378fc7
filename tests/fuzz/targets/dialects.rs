#![no_main]
//! The readers of every dialect on any bytes.
//!
//! An input is one line, `KEY PART`, and the bytes to read. KEY is the key in the table of dialects; PART is `request`
//! (with the number of the path), `answer` or `stream`. So people can read seeds, and a new row is fuzzed without one.
//! Events of an event stream are lines, `TYPE JSON`.

use std::collections::BTreeMap;

use callgate_fuzz::client;
use callgate_fuzz::model;
use callgate_wire::framing::{Decoder, Framing};
use callgate_wire::{
    Call, CallResult, ChoiceIndex, DIALECTS, Declaration, Delta, Dialect, Earlier, Fate, Form, ReleasePolicy, Request,
    Row, Target, Wants,
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const MOST_BYTES: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let (line, rest) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => return,
    };
    let mut words = line.split(|byte| *byte == b' ');
    let (key, part, number) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
    let rows: Vec<&Row> = DIALECTS.iter().filter(|row| row.dialect().is_some()).collect();
    let named = rows.iter().find(|row| row.key.as_bytes() == key);
    let row = named.unwrap_or(&rows[usize::from(key.first().copied().unwrap_or_default()) % rows.len()]);
    match part {
        b"request" => {
            request(row, number.and_then(|number| number.first()).map_or(0, |digit| usize::from(*digit)), rest)
        }
        b"stream" => stream(row, rest),
        _ => answer(row, rest),
    }
});

fn request(row: &Row, number: usize, body: &[u8]) {
    let dialect = row.dialect().unwrap();
    let path = row.paths[number % row.paths.len()].replace("{model}", "m");
    let Some(mut request) = taken(dialect.request(&Target::new(&path), body)) else { return };
    assert_eq!(request.write(), body, "what is not changed keeps its bytes");
    let (models, chosen) = (owned(request.models()), owned(request.chosen()));
    assert!(!models.is_empty());
    for form in [Form::Tool, Form::Function] {
        let names: Vec<String> =
            request.declared().iter().filter(|tool| tool.form == form).map(|tool| tool.name.clone()).collect();
        let parameters = json!({"type": "object"});
        let declarations: Vec<Declaration> =
            names.iter().map(|name| Declaration::new(name, Some("Ours."), &parameters)).collect();
        if !declarations.is_empty() {
            request.declare(&declarations.iter().collect::<Vec<_>>(), form);
        }
    }
    let declared = request.declared().to_vec();
    let provided = owned(request.provider_tools());
    if request.wants() != Wants::Count {
        request.clamp_output_tokens(100);
    }
    let again = reread(dialect, &*request, &path);
    assert_eq!((owned(again.models()), owned(again.chosen())), (models, chosen), "the rest is as it was");
    assert_eq!(again.provider_tools(), provided);
    let names = |list: &[callgate_wire::Declared]| {
        let mut names: Vec<String> = list.iter().map(|tool| format!("{:?} {}", tool.form, tool.name)).collect();
        names.sort();
        names
    };
    assert_eq!(names(again.declared()), names(&declared), "what is declared is read again");
    if matches!(request.wants(), Wants::Count | Wants::Compact) {
        return;
    }
    let call = Call { id: "c1".into(), name: "f".into(), arguments: "{\"a\":1}".into(), ..Call::default() };
    request.append_turn(&[], &[CallResult { call, content: "{\"b\":2}".into(), failed: false }]);
    request.answer_whole();
    request.free_choice();
    let again = reread(dialect, &*request, &path);
    assert_eq!(again.wants(), Wants::Whole);
}

/// Shows the value read; with `FUZZ_SHOW` set, also the reason why nothing was read.
fn taken<T, E: std::fmt::Display>(read: Result<T, E>) -> Option<T> {
    if let (Err(error), Some(_)) = (&read, std::env::var_os("FUZZ_SHOW")) {
        eprintln!("not taken: {error}");
    }
    read.ok()
}

fn reread(dialect: &dyn Dialect, request: &dyn Request, path: &str) -> Box<dyn Request> {
    let target = request.target().unwrap_or_else(|| path.to_owned());
    let written = request.write();
    dialect
        .request(&Target::new(&target), &written)
        .unwrap_or_else(|error| panic!("what was written is a request: {error}: {}", String::from_utf8_lossy(&written)))
}

fn owned(list: Vec<&str>) -> Vec<String> {
    list.into_iter().map(str::to_owned).collect()
}

/// The answered request.
fn asked(row: &Row, wants: Wants) -> Box<dyn Request> {
    let asking = model::asking_of(row.key, wants).unwrap();
    asking.dialect().request(&Target::new(&asking.path), &asking.body).unwrap()
}

fn answer(row: &Row, body: &[u8]) {
    let dialect = row.dialect().unwrap();
    let request = asked(row, Wants::Whole);
    let Some(answer) = taken(dialect.answer(&*request, body)) else { return };
    assert_eq!(answer.write(), body, "what is not changed keeps its bytes");
    let choices: Vec<Vec<Call>> = answer.calls().into_iter().map(<[Call]>::to_vec).collect();
    for hold in [ReleasePolicy::Call, ReleasePolicy::Turn] {
        for keep in [false, true] {
            let mut answer = dialect.answer(&*request, body).unwrap();
            let mut kept = Vec::new();
            for (choice, calls) in choices.iter().enumerate() {
                let fates: Vec<Fate> = calls.iter().map(|call| fate(call, keep)).collect();
                kept.extend(fates.iter().filter_map(|fate| match fate {
                    Fate::Keep(call) => Some(call.clone()),
                    Fate::Replace(_) => None,
                }));
                answer.settle(ChoiceIndex::at(choice), fates, hold);
            }
            let said = answer.said(ChoiceIndex::FIRST);
            let written = answer.write();
            let seen = client::whole(dialect, &*request, &written);
            let shown = String::from_utf8_lossy(&written);
            assert_eq!(comparable(seen.expect(&shown)), comparable(kept.clone()), "calls go on as settled: {shown}");
            let usage = answer.usage();
            answer.prepend(&[Earlier { said, usage }, Earlier::default()]);
            let written = answer.write();
            let seen = client::whole(dialect, &*request, &written);
            let shown = String::from_utf8_lossy(&written);
            assert_eq!(comparable(seen.expect(&shown)), comparable(kept), "and stay so behind earlier turns: {shown}");
        }
    }
}

/// Writes a call canonically if that is possible.
fn fate(call: &Call, keep: bool) -> Fate {
    let value = callgate_json::read(call.arguments.as_bytes()).ok().filter(|value| value.is_object());
    match value.filter(|_| keep && !call.name.is_empty()) {
        Some(value) => Fate::Keep(Call { arguments: callgate_json::canonical(&value), ..call.clone() }),
        None => Fate::Replace("No.".into()),
    }
}

/// The part of a call that must stay equal. Made-up ids are numbered again, and arguments may be spelled differently.
fn comparable(calls: Vec<Call>) -> Vec<(String, String, Form)> {
    let canonical = |text: &str| callgate_json::read(text.as_bytes()).map(|value| callgate_json::canonical(&value));
    calls.into_iter().map(|call| (call.name, canonical(&call.arguments).unwrap_or(call.arguments), call.form)).collect()
}

fn stream(row: &Row, text: &[u8]) {
    let dialect = row.dialect().unwrap();
    let request = asked(row, Wants::Stream);
    let bytes = if dialect.framing() == Framing::EventStream { framed(text) } else { text.to_vec() };
    let mut decoder = Decoder::new(dialect.framing(), MOST_BYTES);
    let mut frames = Vec::new();
    if decoder.push(&bytes, &mut frames).is_err() {
        return;
    }
    for keep in [false, true] {
        let mut stream = dialect.stream(&*request);
        let (mut open, mut kept, mut out) = (BTreeMap::<(ChoiceIndex, u32), Call>::new(), Vec::new(), Vec::new());
        let mut failed = false;
        'frames: for frame in frames.clone() {
            let Some(deltas) = taken(stream.read(frame)) else {
                failed = true;
                break;
            };
            for delta in deltas {
                match delta {
                    Delta::Forward { frame } | Delta::Usage { frame } => out.extend(frame),
                    Delta::Fragment { choice, slot, call: Call { id, name, arguments, form, extra } } => {
                        let call = open.entry((choice, slot)).or_insert_with(|| Call { form, ..Call::default() });
                        if call.id != id {
                            call.id.push_str(&id);
                        }
                        call.name.push_str(&name);
                        call.arguments.push_str(&arguments);
                        call.extra.extend(extra);
                    }
                    Delta::CallEnd { choice, slot } => {
                        if let Some(call) = open.remove(&(choice, slot)) {
                            say(&mut *stream, choice, &call, keep, &mut out, &mut kept);
                        }
                    }
                    Delta::Finish { choice, end } => {
                        let later = open.split_off(&(choice, 0));
                        let mut others = open;
                        for ((of, slot), call) in later {
                            if of == choice {
                                say(&mut *stream, choice, &call, keep, &mut out, &mut kept);
                            } else {
                                others.insert((of, slot), call);
                            }
                        }
                        open = others;
                        out.extend(stream.finish(choice, end));
                    }
                    Delta::Error { frame } | Delta::Done { frame } => {
                        out.extend(frame);
                        break 'frames;
                    }
                }
            }
        }
        let seen = client::stream(dialect, &*request, &out);
        let shown = String::from_utf8_lossy(&out);
        // Readers report calls choice by choice.
        let sorted = |calls: Vec<Call>| {
            let mut calls = comparable(calls);
            calls.sort_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
            calls
        };
        assert_eq!(sorted(seen.calls), sorted(kept), "calls go on as told: {shown}");
        if !failed {
            let complete = stream.is_complete();
            let _ = stream.said(ChoiceIndex::FIRST);
            assert!(!complete || seen.complete || seen.failed, "what was complete still is: {shown}");
        }
    }
}

fn say(
    stream: &mut dyn callgate_wire::Stream,
    choice: ChoiceIndex,
    call: &Call,
    keep: bool,
    out: &mut Vec<u8>,
    kept: &mut Vec<Call>,
) {
    match fate(call, keep) {
        Fate::Keep(call) => {
            out.extend(stream.call(choice, &call));
            kept.push(call);
        }
        Fate::Replace(text) => out.extend(stream.text(choice, &text)),
    }
}

/// Lines as frames: `TYPE JSON`; the type of an exception begins with `!`.
fn framed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let at = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (kind, payload) = (&line[..at.min(255)], line.get(at + 1..).unwrap_or_default());
        let (name, kind, message): (&[u8], _, &[u8]) = match kind.strip_prefix(b"!") {
            Some(kind) => (b":exception-type", kind, b"exception"),
            None => (b":event-type", kind, b"event"),
        };
        let mut headers = Vec::new();
        for (name, value) in [(name, kind), (b":message-type", message)] {
            headers.push(u8::try_from(name.len()).unwrap());
            headers.extend_from_slice(name);
            headers.push(7);
            headers.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            headers.extend_from_slice(value);
        }
        let start = out.len();
        for length in [16 + headers.len() + payload.len(), headers.len()] {
            out.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        }
        out.extend_from_slice(&crc32fast::hash(&out[start..]).to_be_bytes());
        out.extend_from_slice(&headers);
        out.extend_from_slice(payload);
        out.extend_from_slice(&crc32fast::hash(&out[start..]).to_be_bytes());
    }
    out
}
