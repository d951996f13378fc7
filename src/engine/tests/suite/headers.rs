//! Headers: one reading of a path and of a body's type, the same for the gate, the upstream and the client.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::HashMap;

use crate::common::*;
use callgate_engine::{Effect, Event, Exchange, GateError, Offer, Paths, lend};

fn changed(name: &str, value: &str) -> Vec<(String, Vec<u8>)> {
    let mut headers = request_headers("clerk");
    headers.retain(|(other, _)| other != name);
    headers.push((name.to_owned(), value.as_bytes().to_vec()));
    headers
}

const FOREIGN: [&str; 5] = [
    "application/json; charset=utf-7",
    "application/json; charset=utf-8; charset=utf-7",
    "application/json; charset*=utf-8''utf-7",
    "application/json, application/json",
    "application/json; charset=iso-8859-1",
];

#[test]
fn a_request_in_another_charset_is_refused() {
    for value in FOREIGN {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let effect = send_with(&mut exchange, &changed("content-type", value), request(false).to_string().as_bytes());
        assert_eq!(refused(effect), (415, "request_encoded".to_owned()), "{value}");
    }
}

#[test]
fn an_answer_in_another_charset_is_refused_whole_and_streamed() {
    for stream in [false, true] {
        for value in FOREIGN {
            let value = if stream { value.replace("application/json", "text/event-stream") } else { value.to_owned() };
            let (mut exchange, _) = sent(&gate("refuse"), &request(stream));
            assert_eq!(refused(begun(&mut exchange, &value)), (502, "upstream_invalid".to_owned()), "{value}");
        }
    }
}

#[test]
fn the_content_type_is_written_as_it_was_read() {
    for (value, written) in [
        ("application/json", "application/json"),
        ("Application/JSON ; Charset=\"UTF-8\"; profile=x", "application/json; charset=utf-8"),
    ] {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        match send_with(&mut exchange, &changed("content-type", value), request(false).to_string().as_bytes()) {
            Effect::Forward(forward) => assert_eq!(forward.content_type.as_deref(), Some(written)),
            effect => panic!("{effect:?}"),
        }
    }
}

#[test]
fn a_path_out_of_normal_form_is_refused() {
    for path in [
        "/files/../v1/chat/completions",
        "/files/%2e%2e/v1/chat/completions",
        "/files/..%2fv1/chat/completions",
        "/files/%5c..%5cv1/chat/completions",
        "/files/..\\v1\\chat\\completions",
        "/files//v1/chat/completions",
        "//v1/chat/completions",
        "/v1/./chat/completions",
        "/v1/%63hat/completions",
        "/files/a%00",
        "/files/a#b",
        "files/a",
    ] {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let headers = changed(":path", path);
        let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
        assert_eq!(refused(effect), (404, "path_not_allowed".to_owned()), "{path}");
    }
    for path in ["/files/a", "/files/a%20b.txt?x=../y%2f", "/v1/models"] {
        let mut exchange = Exchange::new(gate("refuse"), "exchange-1");
        let headers = changed(":path", path);
        let effect = exchange.on(Event::RequestHead { headers: &lend(&headers), verified: None, end: false });
        assert!(matches!(effect, Effect::PassWithout(_)), "{path}");
    }
}

#[test]
fn a_path_that_no_request_can_match_is_refused_at_start() {
    let start = |key: &str, paths: &[&str], passthrough: &[&str]| {
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let paths = Paths::new(&HashMap::from([(key.to_owned(), owned(paths))]), owned(passthrough));
        build(&contract("refuse"), paths, Offer::Declared, true).err()
    };
    assert_eq!(start("chatCompletions", &["/openai/deployments/{model}/chat/completions"], &[]), None);
    for (key, path) in [
        ("mcp", "/mcp/{model}"),
        ("chatCompletions", "/{model}/{model}/chat"),
        ("chatCompletions", "/{deployment}/chat"),
        ("chatCompletions", "/v1//chat"),
        ("chatCompletions", "v1/chat"),
    ] {
        assert!(matches!(start(key, &[path], &[]), Some(GateError::PathPattern { .. })), "{path}");
    }
    assert!(matches!(start("mcp", &["/v1/messages"], &[]), Some(GateError::PathTwice { .. })));
    for entry in ["/files/../*", "files", "/a*b*", "/a%2f*"] {
        assert!(matches!(start("mcp", &["/mcp"], &[entry]), Some(GateError::PathPattern { .. })), "{entry}");
    }
}
