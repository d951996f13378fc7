//! Replays recorded exchanges with real APIs: every call is found word for word and none invented, whole and in any chunks;
//! released calls keep their bytes. The recordings are not part of the project. The test looks for them in `CALLGATE_DATA`, else
//! in `shared/data` beside the workspace, and says so if they are missing.

use callgate_json::Value;
use callgate_wire::openai_responses::OpenAiResponses;
use callgate_wire::{Call, ChoiceIndex, Dialect, Fate, ReleasePolicy, Request, Wants};

use crate::common::{calls, carried, deltas, request};
use crate::kit::events;
use crate::suite::{keep, recordings, text};

fn plain(call: &Call) -> (String, String, String) {
    (call.id.clone(), call.name.clone(), call.arguments.clone())
}

/// The calls a reader must find. The provider's own calls do not count.
fn labelled(exchange: &Value) -> Vec<(String, String, String)> {
    let functions = exchange["tool_calls"].as_array().unwrap().iter().filter(|call| call["kind"] == "function");
    let of = |call: &Value, key| text(call, key).to_owned();
    functions.map(|call| (of(call, "id"), of(call, "name"), of(call, "arguments"))).collect()
}

#[test]
fn every_recorded_call_is_found_and_none_invented() {
    let Some(exchanges) = recordings("openai-responses") else { return };
    let (mut whole, mut streamed, mut errors, mut found) = (0, 0, 0, 0);
    for exchange in &exchanges {
        let id = text(exchange, "id");
        let body = text(exchange, "response_body");
        if exchange["status"] != 200 {
            assert!(OpenAiResponses.is_error(body.as_bytes()), "{id}");
            errors += 1;
            continue;
        }
        let request = request(text(exchange, "request_raw")).unwrap_or_else(|error| panic!("{id}: {error}"));
        if exchange["streamed"] == true {
            check_stream(id, &*request, body, &labelled(exchange));
            streamed += 1;
        } else {
            check_answer(id, &*request, body, &labelled(exchange));
            whole += 1;
        }
        found += labelled(exchange).len();
    }
    println!(
        "{} exchanges: {whole} whole, {streamed} streamed (also byte by byte), {errors} errors; {found} calls found, none invented",
        exchanges.len()
    );
}

fn check_stream(id: &str, request: &dyn Request, body: &str, labelled: &[(String, String, String)]) {
    let read = |chunks: &[&[u8]]| deltas(&mut *OpenAiResponses.stream(request), chunks);
    let whole = read(&[body.as_bytes()]).unwrap_or_else(|error| panic!("{id}: {error}"));
    assert_eq!(calls(&whole).iter().map(plain).collect::<Vec<_>>(), labelled, "{id}");
    assert_eq!(read(&body.as_bytes().chunks(1).collect::<Vec<_>>()).unwrap(), whole, "{id} byte by byte");

    let carried = |hold, fate: &crate::common::Fate| carried(&mut *OpenAiResponses.stream(request), body, hold, fate);
    let same = carried(ReleasePolicy::Call, &keep);
    if labelled.is_empty() {
        assert_eq!(String::from_utf8_lossy(&same), body, "{id}");
    }
    let end = |bytes: &[u8]| events(bytes).pop().unwrap();
    let (last, again) = (end(body.as_bytes()), end(&same));
    assert_eq!(again["response"], last["response"], "{id}: what is released is what came");
    let numbers = |event: &Value| event["sequence_number"].as_u64();
    let numbers: Vec<u64> = events(&same).iter().filter_map(numbers).collect();
    assert!(numbers.iter().zip(0..).all(|(number, expected)| *number == expected), "{id}: {numbers:?}");

    for hold in [ReleasePolicy::Call, ReleasePolicy::Turn] {
        let none = carried(hold, &|_, _| Fate::Replace("No.".to_owned()));
        let text = String::from_utf8(none.clone()).unwrap();
        assert!(!text.contains("\"function_call\"") && !text.contains("function_call_arguments"), "{id}");
        let told = events(&none).iter().filter(|event| event["type"] == "response.output_item.done").count();
        let items = events(body.as_bytes()).iter().filter(|event| event["type"] == "response.output_item.done").count();
        assert_eq!(told, items, "{id}: a text for each call");
        if last["response"]["output"].as_array().is_some_and(|output| !output.is_empty()) {
            assert_eq!(end(&none)["response"]["output"].as_array().unwrap().len(), items, "{id}");
        }
    }
}

fn check_answer(id: &str, request: &dyn Request, body: &str, labelled: &[(String, String, String)]) {
    let mut answer = OpenAiResponses.answer(request, body.as_bytes()).unwrap_or_else(|error| panic!("{id}: {error}"));
    let calls = answer.calls()[0].to_vec();
    assert_eq!(calls.iter().map(plain).collect::<Vec<_>>(), labelled, "{id}");
    assert_eq!(answer.write(), body.as_bytes(), "{id}");
    answer.settle(ChoiceIndex::FIRST, calls.iter().cloned().map(Fate::Keep).collect(), ReleasePolicy::Turn);
    assert_eq!(answer.write(), body.as_bytes(), "{id}: nothing was changed");

    let count = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["output"].as_array().unwrap().len();
    answer.settle(
        ChoiceIndex::FIRST,
        calls.iter().map(|_| Fate::Replace("No.".to_owned())).collect(),
        ReleasePolicy::Call,
    );
    let without = OpenAiResponses.answer(request, &answer.write()).unwrap();
    assert!(without.calls()[0].is_empty(), "{id}");
    assert_eq!(count(&answer.write()), count(body.as_bytes()), "{id}: a text for each call");

    // The same answer, told as the rest of a stream.
    let mut stream = OpenAiResponses.stream(request);
    deltas(&mut *stream, &[crate::kit::stream(&[], 1).as_bytes()]).unwrap();
    let told = stream.append(body.as_bytes());
    let read = deltas(&mut *OpenAiResponses.stream(request), &[&told]).unwrap_or_else(|error| panic!("{id}: {error}"));
    assert_eq!(crate::common::calls(&read).iter().map(plain).collect::<Vec<_>>(), labelled, "{id}");
    let whole: Value = serde_json::from_str(body).unwrap();
    assert_eq!(events(&told).pop().unwrap()["response"]["output"], whole["output"], "{id}");
}

#[test]
fn every_recorded_request_is_read_with_its_declared_tools() {
    let Some(exchanges) = recordings("openai-responses") else { return };
    let mut tools = 0;
    for exchange in &exchanges {
        let (id, raw) = (text(exchange, "id"), text(exchange, "request_raw"));
        let request = request(raw).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(request.write(), raw.as_bytes(), "{id}");
        assert_eq!(request.wants() == Wants::Stream, exchange["request"]["stream"] == true, "{id}");
        assert_eq!(request.server_state(), exchange["request"]["previous_response_id"].is_string(), "{id}");
        let labels = exchange["declared_tools"].as_array().unwrap();
        let declared = request.declared().iter().map(|tool| tool.name.as_str());
        assert!(declared.eq(labels.iter().filter_map(Value::as_str)), "{id}");
        tools += request.declared().len();
    }
    println!("{} requests with {tools} declared tools read", exchanges.len());
}
