//! Replays recorded exchanges with the real API: every call is found word for word and none invented, whole and in any chunks.
//! The recordings are not part of the project. The test looks for them in `CALLGATE_DATA`, else in `shared/data` beside the
//! workspace, and says so if they are missing.

use callgate_json::Value;
use callgate_wire::anthropic_messages::{AnthropicMessages, MessagesAnswer, error};
use callgate_wire::framing::Framing;
use callgate_wire::{Answer as _, Call, ChoiceIndex, Delta, Dialect as _, Fate, ReleasePolicy, Request, Target, Wants};
use serde_json::json;

use crate::client::{accumulate, stream};
use crate::common::{carried, deltas, frames};
use crate::suite::{self, calls, recordings, text};

/// The possible tools of a request that was not recorded.
const ANY: [&str; 1] = ["web_search_20250305"];

/// A call as in the labels: id, name, the value of its arguments, which are cut if the answer is.
fn plain(call: &Call) -> (String, String, Value) {
    let arguments = serde_json::from_str(&call.arguments).unwrap_or_else(|_| Value::from(call.arguments.as_str()));
    (call.id.clone(), call.name.clone(), arguments)
}

/// The calls a reader must find. The provider's own calls do not count.
fn labelled(exchange: &Value) -> Vec<(String, String, Value)> {
    let functions = exchange["tool_calls"].as_array().unwrap().iter().filter(|call| call["kind"] == "function");
    let read = |call: &Value| {
        plain(&Call {
            id: text(call, "id").to_owned(),
            name: text(call, "name").to_owned(),
            arguments: text(call, "arguments").to_owned(),
            ..Call::default()
        })
    };
    functions.map(read).collect()
}

fn request(exchange: &Value) -> Option<Box<dyn Request>> {
    let raw = text(exchange, "request_raw");
    if raw.is_empty() {
        return None;
    }
    let target = Target::new(text(exchange, "path"));
    Some(
        AnthropicMessages
            .request(&target, raw.as_bytes())
            .unwrap_or_else(|error| panic!("{}: {error}", text(exchange, "id"))),
    )
}

#[test]
fn every_recorded_call_is_found_and_none_invented() {
    let Some(exchanges) = recordings("anthropic-messages") else { return };
    let (mut whole, mut streamed, mut errors, mut found) = (0, 0, 0, 0);
    for exchange in &exchanges {
        let id = text(exchange, "id");
        let body = text(exchange, "response_body").as_bytes();
        if exchange["status"] != 200 {
            assert!(error::is_error_body(body), "{id}");
            errors += 1;
            continue;
        }
        let request = request(exchange);
        let provided = request.as_ref().map_or(ANY.to_vec(), |request| request.provider_tools());
        if exchange["streamed"] == true {
            check_stream(id, &provided, body, &labelled(exchange));
            streamed += 1;
        } else {
            check_answer(id, &provided, body, &labelled(exchange));
            whole += 1;
        }
        found += labelled(exchange).len();
    }
    println!(
        "{} exchanges: {whole} whole, {streamed} streamed (also byte by byte), {errors} errors; {found} calls found, none invented",
        exchanges.len()
    );
}

fn check_stream(id: &str, provided: &[&str], body: &[u8], labelled: &[(String, String, Value)]) {
    let read = deltas(provided, body).unwrap_or_else(|error| panic!("{id}: {error}"));
    assert_eq!(calls(&read).iter().map(plain).collect::<Vec<_>>(), labelled, "{id}");
    assert!(suite::frames(Framing::Sse, &body.chunks(1).collect::<Vec<_>>()) == frames(body), "{id} byte by byte");
    let (same, turn) = carried(provided, body, ReleasePolicy::Call, Fate::Keep);
    if labelled.is_empty() {
        assert_eq!(String::from_utf8_lossy(&same), String::from_utf8_lossy(body), "{id}");
    }
    // A gateway's mark after the end, which a client of this API does not read.
    let ended = |bytes: &[u8]| accumulate(String::from_utf8_lossy(bytes).replace("event: data", ": data").as_bytes());
    let message = ended(body);
    assert!(message.done, "{id}");
    let mut seen = ended(&same);
    if let Some(content) = seen.message["content"].as_array() {
        assert_eq!(content.len(), message.message["content"].as_array().unwrap().len(), "{id}");
    }
    assert_eq!(seen, message, "{id}: what is released is what came");

    let (none, _) = carried(provided, body, ReleasePolicy::Call, |_| Fate::Replace("No.".to_owned()));
    seen = ended(&none);
    assert!(seen.message["content"].as_array().unwrap().iter().all(|block| block["type"] != "tool_use"), "{id}");
    assert!(labelled.is_empty() || seen.message["stop_reason"] != "tool_use", "{id}");
    let said = |message: &Value| {
        let blocks = message["content"].as_array().unwrap().iter();
        let told =
            blocks.filter(|block| block["type"] != "tool_use" && !(block["type"] == "text" && block["text"] == ""));
        told.cloned().collect::<Vec<_>>()
    };
    assert_eq!(callgate_wire::Stream::said(&turn, ChoiceIndex::FIRST), said(&message.message), "{id}");

    // The same turn as a whole answer.
    check_answer(id, provided, message.message.to_string().as_bytes(), labelled);
}

fn check_answer(id: &str, provided: &[&str], body: &[u8], labelled: &[(String, String, Value)]) {
    let answer = MessagesAnswer::read(provided, body).unwrap_or_else(|error| panic!("{id}: {error}"));
    assert_eq!(answer.calls()[0].iter().map(plain).collect::<Vec<_>>(), labelled, "{id}");
    assert_eq!(answer.write(), body, "{id}");
    let mut same = answer.clone();
    same.settle(ChoiceIndex::FIRST, answer.calls()[0].iter().cloned().map(Fate::Keep).collect(), ReleasePolicy::Call);
    assert_eq!(same.write(), body, "{id}: nothing was changed");
    let mut without = answer.clone();
    without.settle(
        ChoiceIndex::FIRST,
        answer.calls()[0].iter().map(|_| Fate::Replace("No.".to_owned())).collect(),
        ReleasePolicy::Call,
    );
    let without = MessagesAnswer::read(provided, &without.write()).unwrap();
    assert!(without.calls()[0].is_empty(), "{id}");
    assert_eq!(without.said(ChoiceIndex::FIRST).len(), answer.said(ChoiceIndex::FIRST).len() + labelled.len(), "{id}");

    // The same turn as a stream.
    let message: Value = serde_json::from_slice(body).unwrap();
    let bytes = stream(&message, &[], 5);
    let read = deltas(provided, &bytes).unwrap();
    assert_eq!(calls(&read).iter().map(plain).collect::<Vec<_>>(), labelled, "{id}");
    assert!(matches!(read.last(), Some(Delta::Done { .. })), "{id}");
}

#[test]
fn every_recorded_request_is_read_with_its_declared_tools() {
    let Some(exchanges) = recordings("anthropic-messages") else { return };
    let (mut read, mut tools, mut provided) = (0, 0, 0);
    for exchange in &exchanges {
        let id = text(exchange, "id");
        let Some(request) = request(exchange) else { continue };
        assert_eq!(request.write(), text(exchange, "request_raw").as_bytes(), "{id}");
        let wants = if exchange["request"]["stream"] == true { Wants::Stream } else { Wants::Whole };
        assert_eq!(request.wants(), wants, "{id}");
        assert_eq!(request.models(), [exchange["request"]["model"].as_str().unwrap()], "{id}");
        let labels = exchange["declared_tools"].as_array().unwrap().iter().filter_map(Value::as_str);
        assert!(request.declared().iter().map(|tool| tool.name.as_str()).eq(labels), "{id}");
        let mut round = self::request(exchange).unwrap();
        round.append_turn(&[json!({ "type": "text", "text": "x" })], &[]);
        let before = exchange["request"]["messages"].as_array().unwrap();
        let after: Value = serde_json::from_slice(&round.write()).unwrap();
        assert_eq!(after["messages"].as_array().unwrap()[..before.len()], before[..], "{id}");
        read += 1;
        tools += request.declared().len();
        provided += request.provider_tools().len();
    }
    println!("{read} requests with {tools} declared tools and {provided} of the provider's read");
}
