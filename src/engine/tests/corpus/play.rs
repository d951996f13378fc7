//! Plays a recorded exchange through the engine, and reads the forwarded answer as a client does.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{Effect, Event, Exchange, Gate, IdentitySource, Offer, Paths, Reach, Tally, lend};
use callgate_wire::framing::Decoder;
use callgate_wire::{Delta, Dialect, Request, Row, Target};
use serde_json::Value;

use crate::recording::{Call, Recording};
use crate::reference::Reference;

const NOW: Duration = Duration::from_secs(1);

/// The result of an exchange.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) bytes: Vec<u8>,
    pub(crate) calls: Vec<Call>,
    pub(crate) tally: Tally,
}

/// The gate of an exchange.
pub(crate) fn gate_of(recording: &Recording, reference: &Reference) -> Rc<Gate> {
    let id = &recording.id;
    let document = callgate_json::read(reference.contract.as_bytes()).unwrap();
    let contract = callgate_contract::from_value(&document).unwrap_or_else(|errors| panic!("{id}: {errors}"));
    let identity = IdentitySource::Header { tenant: "x-tenant".into(), role: "x-role".into(), claims: BTreeMap::new() };
    let reach = Reach { executor: false, upstream: false };
    Rc::new(Gate::new(contract, identity, Paths::default(), Offer::Declared, reach).unwrap())
}

/// Begins the answer of an exchange: its headers have come. An error is the answer to a refused request.
pub(crate) fn begun(
    gate: &Rc<Gate>,
    recording: &Recording,
    row: &'static Row,
    bytes: &mut Vec<u8>,
) -> Result<Exchange, String> {
    let dialect = row.dialect().unwrap();
    let mut exchange = Exchange::new(Rc::clone(gate), "exchange-1");
    let head = headers(&[
        (":method", "POST"),
        (":path", row.paths[0]),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", "all"),
    ]);
    assert_eq!(exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false }), Effect::Hold);
    match exchange.on(Event::RequestData { chunk: &recording.request_body, end: true, now: NOW }) {
        Effect::Forward(_) => {}
        effect => return Err(shown(&effect)),
    }

    let stream = recording.streamed && recording.status == 200;
    let media_type = if stream { dialect.framing().media_type() } else { "application/json" };
    let status = recording.status.to_string();
    let head = headers(&[(":status", &status), ("content-type", media_type)]);
    let begun = exchange.on(Event::ResponseHead { headers: &lend(&head), end: recording.body.is_empty() });
    take(begun, b"", bytes);
    Ok(exchange)
}

/// Plays an exchange whose response arrives in these chunks. An error is the answer to a refused request.
pub(crate) fn play(
    recording: &Recording,
    row: &'static Row,
    reference: &Reference,
    chunks: &[&[u8]],
) -> Result<Outcome, String> {
    let (id, path, dialect) = (&recording.id, row.paths[0], row.dialect().unwrap());
    let stream = recording.streamed && recording.status == 200;
    let mut bytes = Vec::new();
    let mut exchange = begun(&gate_of(recording, reference), recording, row, &mut bytes)?;
    for chunk in chunks {
        take(exchange.on(Event::ResponseData { chunk, end: false, now: NOW }), chunk, &mut bytes);
    }
    if !recording.body.is_empty() {
        take(exchange.on(Event::ResponseData { chunk: b"", end: true, now: NOW }), b"", &mut bytes);
    }
    let tally = exchange.tally().clone();
    // The recorded answer is one to the request as it was sent.
    let request = dialect.request(&Target::new(path), &recording.request_body).unwrap();
    let calls = match (tally.error, stream) {
        (Some(_), _) => Vec::new(),
        (None, true) => streamed(dialect, &*request, &bytes),
        (None, false) => {
            let answer = dialect.answer(&*request, &bytes).unwrap_or_else(|error| panic!("{id}: {error}"));
            let read = |call: &callgate_wire::Call| call_of(call.clone());
            answer.calls().into_iter().flatten().map(read).collect()
        }
    };
    Ok(Outcome { bytes, calls, tally })
}

pub(crate) fn take(effect: Effect, chunk: &[u8], bytes: &mut Vec<u8>) {
    match effect {
        Effect::Hold | Effect::BeginStream => {}
        Effect::Pass => bytes.extend(chunk),
        Effect::Emit(more) | Effect::Finish(more) => bytes.extend(more),
        Effect::Reply(reply) => bytes.extend(reply.body),
        effect => panic!("unexpected: {}", shown(&effect)),
    }
}

/// The calls in a forwarded stream.
pub(crate) fn streamed(dialect: &dyn Dialect, request: &dyn Request, bytes: &[u8]) -> Vec<Call> {
    let mut decoder = Decoder::new(dialect.framing(), usize::MAX);
    let mut frames = Vec::new();
    decoder.push(bytes, &mut frames).unwrap();
    frames.extend(decoder.finish().unwrap());
    let mut stream = dialect.stream(request);
    let mut calls: BTreeMap<(callgate_wire::ChoiceIndex, u32), callgate_wire::Call> = BTreeMap::new();
    for frame in frames {
        for delta in stream.read(frame).unwrap_or_else(|error| panic!("what went on cannot be read: {error}")) {
            if let Delta::Fragment { choice, slot, call: callgate_wire::Call { id, name, arguments, .. } } = delta {
                let call = calls.entry((choice, slot)).or_default();
                call.id.push_str(&id);
                call.name.push_str(&name);
                call.arguments.push_str(&arguments);
            }
        }
    }
    calls.into_values().map(call_of).collect()
}

fn call_of(call: callgate_wire::Call) -> Call {
    Call { id: call.id, name: call.name, arguments: call.arguments }
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// The value of a JSON answer; texts that are JSON themselves become their values.
pub(crate) fn meaning(body: &[u8]) -> Value {
    fn open(value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Ok(inner @ Value::Object(_)) = callgate_json::read_nearest(text.as_bytes()) {
                    *value = inner;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(open),
            Value::Object(members) => {
                // Empty arguments mean no arguments.
                if let Some(arguments) = members.get_mut("arguments").filter(|arguments| **arguments == "") {
                    *arguments = Value::from("{}");
                }
                members.values_mut().for_each(open);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut value = callgate_json::read_nearest(body).unwrap();
    open(&mut value);
    value
}

fn shown(effect: &Effect) -> String {
    match effect {
        Effect::Reply(reply) => String::from_utf8_lossy(&reply.body).into_owned(),
        other => format!("{other:?}"),
    }
}
