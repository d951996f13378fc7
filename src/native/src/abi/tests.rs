//! The module under a small Envoy that calls hooks from inside callbacks.

use std::ffi::c_void;
use std::ptr::null;

use callgate_proto::executor::v1::{
    AuthorizeResponse, CallOutcome, CallRuling, ExecuteResponse, Pending, Released, Success, call_outcome, call_ruling,
};
use prost::Message;

use super::fake::{FakeFilter, OnStart};
use super::{BodyBuffer, Buffer, Header, hooks};
use crate::grpc;

const CONFIG: &str = r#"{
    "identity": { "header": { "tenant": "x-tenant", "role": "x-role" } },
    "executor": { "cluster": "executor" },
    "upstream": { "cluster": "model", "authority": "model.example" },
    "contract": {
        "apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": { "name": "desk", "version": "1.0.0" },
        "spec": {
            "models": ["*"],
            "roles": { "clerk": { "tools": ["lookup"] } },
            "tools": [{
                "name": "lookup", "effects": "read", "parameters": { "type": "object" },
                "run": { "wasm": { "module": "lookup.wasm", "sha256": "0000000000000000000000000000000000000000000000000000000000000000" } }
            }]
        }
    }
}"#;
const REQUEST: &[u8] = br#"{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"lookup"}}]}"#;
const CALL: &[u8] = br#"{"id":"a","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"lookup","arguments":"{}"}}]}}]}"#;
const ANSWER: &[u8] = br#"{"id":"b","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"found"}}]}"#;

const CONTINUE: u32 = 0;
const STOP: u32 = 1;
const STOP_NO_BUFFER: u32 = 3;

/// A configuration, destroyed when dropped.
struct Config(*const c_void);

impl Config {
    fn new() -> Self {
        Self::of(CONFIG)
    }

    fn of(text: &str) -> Self {
        hooks::envoy_dynamic_module_on_program_init();
        let bytes = Buffer::lend(text.as_bytes());
        // SAFETY: the buffer outlives the call; the pointer is never read.
        let module = unsafe {
            hooks::envoy_dynamic_module_on_http_filter_config_new(std::ptr::dangling_mut(), Buffer::EMPTY, bytes)
        };
        assert!(!module.is_null());
        Self(module)
    }

    fn stream(&self) -> Box<FakeFilter> {
        let mut filter = FakeFilter::new();
        // SAFETY: the configuration and the filter are alive.
        filter.module = unsafe { hooks::envoy_dynamic_module_on_http_filter_new(self.0, filter.pointer()) };
        assert!(!filter.module.is_null());
        filter
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: destroyed once.
        unsafe { hooks::envoy_dynamic_module_on_http_filter_config_destroy(self.0) };
    }
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// Sends a whole request, in several chunks; returns the status of the last hook.
fn request(filter: &FakeFilter, role: &str) -> u32 {
    request_at(filter, role, "/v1/chat/completions", REQUEST)
}

fn request_at(filter: &FakeFilter, role: &str, path: &str, body: &[u8]) -> u32 {
    filter.state.borrow_mut().request = pairs(&[
        (":method", "POST"),
        (":path", path),
        ("content-type", "application/json"),
        ("x-tenant", "acme"),
        ("x-role", role),
    ]);
    // SAFETY: the stream is alive.
    let status =
        unsafe { hooks::envoy_dynamic_module_on_http_filter_request_headers(filter.pointer(), filter.module, false) };
    if filter.state.borrow().destroyed {
        return status;
    }
    assert_eq!(status, STOP);
    let chunks = body.chunks(20).map(<[u8]>::to_vec).collect();
    filter.state.borrow_mut().bodies.insert(BodyBuffer::ReceivedRequest as u32, chunks);
    // SAFETY: the stream is alive.
    unsafe { hooks::envoy_dynamic_module_on_http_filter_request_body(filter.pointer(), filter.module, true) }
}

/// Answers with JSON, whole; returns the status of the last hook.
fn respond(filter: &FakeFilter, body: &[u8]) -> u32 {
    filter.state.borrow_mut().response = pairs(&[(":status", "200"), ("content-type", "application/json")]);
    // SAFETY: the stream is alive.
    let status =
        unsafe { hooks::envoy_dynamic_module_on_http_filter_response_headers(filter.pointer(), filter.module, false) };
    assert_eq!(status, STOP);
    filter.state.borrow_mut().bodies.insert(BodyBuffer::ReceivedResponse as u32, vec![body.to_vec()]);
    // SAFETY: the stream is alive.
    unsafe { hooks::envoy_dynamic_module_on_http_filter_response_body(filter.pointer(), filter.module, true) }
}

/// The executor answers the callout with a result of the one call.
fn executor_answers(filter: &FakeFilter, id: u64) {
    let success = call_outcome::Outcome::Success(Success { result: "{\"found\":true}".into() });
    let outcome = CallOutcome { id: "call_1".into(), outcome: Some(success), usage: None };
    executor_sends(filter, id, &ExecuteResponse { outcomes: vec![outcome] }.encode_to_vec());
}

/// The executor rules on the one call of a request to an MCP server.
fn executor_rules(filter: &FakeFilter, id: u64, ruling: call_ruling::Ruling) {
    let ruling = CallRuling { id: "1".into(), ruling: Some(ruling) };
    executor_sends(filter, id, &AuthorizeResponse { rulings: vec![ruling] }.encode_to_vec());
}

fn executor_sends(filter: &FakeFilter, id: u64, message: &[u8]) {
    let frame = grpc::frame(message);
    let (pointer, module) = (filter.pointer(), filter.module);
    let headers = [Header::lend(":status", b"200")];
    let trailers = [Header::lend("grpc-status", b"0")];
    let chunk = Buffer::lend(&frame);
    // SAFETY: the stream is alive; the arguments outlive the calls.
    unsafe {
        hooks::envoy_dynamic_module_on_http_filter_http_stream_headers(pointer, module, id, headers.as_ptr(), 1, false);
        hooks::envoy_dynamic_module_on_http_filter_http_stream_data(pointer, module, id, &raw const chunk, 1, false);
        hooks::envoy_dynamic_module_on_http_filter_http_stream_trailers(pointer, module, id, trailers.as_ptr(), 1);
        hooks::envoy_dynamic_module_on_http_filter_http_stream_complete(pointer, module, id);
    }
}

fn model_answers(filter: &FakeFilter, id: u64, body: &[u8]) {
    let headers = [Header::lend(":status", b"200"), Header::lend("content-type", b"application/json")];
    let chunks = [Buffer::lend(body)];
    // SAFETY: the stream is alive; the arguments outlive the call.
    unsafe {
        hooks::envoy_dynamic_module_on_http_filter_http_callout_done(
            filter.pointer(),
            filter.module,
            id,
            0,
            headers.as_ptr(),
            headers.len(),
            chunks.as_ptr(),
            1,
        );
    }
}

fn events(filter: &FakeFilter) -> Vec<String> {
    filter.state.borrow().events.clone()
}

/// The events other than counts.
fn steps(filter: &FakeFilter) -> Vec<String> {
    events(filter).into_iter().filter(|event| !event.starts_with("count") && !event.starts_with("record")).collect()
}

fn verdict(filter: &FakeFilter) -> String {
    let state = filter.state.borrow();
    state
        .filter_state
        .get("wasm.callgate.verdict")
        .map_or_else(String::new, |text| String::from_utf8_lossy(text).into())
}

/// The forwarded body: the rest of the received one, or what was put into Envoy's buffer.
fn body(filter: &FakeFilter, body: BodyBuffer) -> String {
    let state = filter.state.borrow();
    String::from_utf8(state.bodies.get(&(body as u32)).map(|chunks| chunks.concat()).unwrap_or_default()).unwrap()
}

#[test]
fn a_turn_with_a_server_run_call_is_run_and_answered() {
    let config = Config::new();
    let filter = config.stream();
    assert_eq!(request(&filter, "clerk"), CONTINUE);
    assert!(body(&filter, BodyBuffer::ReceivedRequest).contains("lookup"));
    assert_eq!(respond(&filter, CALL), STOP_NO_BUFFER);
    executor_answers(&filter, 1);
    model_answers(&filter, 2, ANSWER);
    assert_eq!(events(&filter), ["run 1", "ask 2", "continue"]);
    assert!(body(&filter, BodyBuffer::BufferedResponse).contains("found"));
    filter.end();
    assert_eq!(verdict(&filter), "allow");
}

const MCP: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup","arguments":{"a":1}}}"#;

/// The same desk with a tool that the MCP server runs, once a person has approved the call.
fn asking() -> Config {
    let (start, _) = CONFIG.split_once(r#""run": {"#).unwrap();
    Config::of(&format!(r#"{start}"approval": "always", "run": {{ "client": {{}} }} }}] }} }} }}"#))
}

#[test]
fn a_request_waits_for_the_ruling_and_is_forwarded() {
    let config = asking();
    let filter = config.stream();
    assert_eq!(request_at(&filter, "clerk", "/mcp", MCP), STOP_NO_BUFFER);
    executor_answers(&filter, 7);
    assert_eq!(events(&filter), ["run 1"], "another callout");
    executor_rules(&filter, 1, call_ruling::Ruling::Released(Released::default()));
    assert_eq!(events(&filter), ["run 1", "continue request"]);
    assert!(body(&filter, BodyBuffer::BufferedRequest).contains(r#""arguments":{"a":1}"#));
    assert_eq!(respond(&filter, br#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#), CONTINUE);
    filter.end();
    assert_eq!(verdict(&filter), "allow");
}

#[test]
fn a_request_that_waits_for_a_person_is_answered_here() {
    let config = asking();
    let filter = config.stream();
    request_at(&filter, "clerk", "/mcp", MCP);
    let pending = Pending { approval_id: "ap-1".into(), left_seconds: 60 };
    executor_rules(&filter, 1, call_ruling::Ruling::Pending(pending));
    let (status, answer) = filter.state.borrow().replies.first().cloned().unwrap();
    assert!(status == 200 && String::from_utf8_lossy(&answer).contains("ap-1"));
    assert!(body(&filter, BodyBuffer::BufferedRequest).is_empty());
    filter.end();
    assert_eq!(verdict(&filter), "refuse:approval_required");
}

#[test]
fn a_question_that_fails_inside_its_start_forwards_nothing() {
    for on_start in [OnStart::Reset, OnStart::Refuse] {
        let config = asking();
        let filter = config.stream();
        filter.state.borrow_mut().on_start = on_start;
        assert_eq!(request_at(&filter, "clerk", "/mcp", MCP), STOP_NO_BUFFER, "{on_start:?}");
        let replies = filter.state.borrow().replies.clone();
        assert!(replies.len() == 1 && String::from_utf8_lossy(&replies[0].1).contains("executor_unavailable"));
        filter.end();
        assert_eq!(verdict(&filter), "error:executor_unavailable", "{on_start:?}");
    }
}

#[test]
fn a_refused_request_is_answered_and_forwards_nothing() {
    let config = Config::new();
    let filter = config.stream();
    assert_eq!(request(&filter, "nobody"), STOP_NO_BUFFER);
    assert_eq!(filter.state.borrow().replies.first().map(|(status, _)| *status), Some(400));
    filter.end();
    assert_eq!(verdict(&filter), "error:role_forbidden");
}

#[test]
fn a_stream_may_end_inside_its_own_answer() {
    let config = Config::new();
    let filter = config.stream();
    filter.state.borrow_mut().ends_inside = true;
    request(&filter, "nobody");
    assert!(filter.state.borrow().destroyed);
    assert_eq!(verdict(&filter), "error:role_forbidden");
}

#[test]
fn a_stream_may_end_inside_its_resumption() {
    let config = Config::new();
    let filter = config.stream();
    request(&filter, "clerk");
    respond(&filter, CALL);
    executor_answers(&filter, 1);
    filter.state.borrow_mut().ends_inside = true;
    model_answers(&filter, 2, ANSWER);
    assert!(filter.state.borrow().destroyed);
    assert_eq!(verdict(&filter), "allow");
}

#[test]
fn a_callout_that_fails_inside_its_start_ends_the_exchange_once() {
    for on_start in [OnStart::Reset, OnStart::Refuse] {
        let config = Config::new();
        let filter = config.stream();
        request(&filter, "clerk");
        filter.state.borrow_mut().on_start = on_start;
        assert_eq!(respond(&filter, CALL), STOP_NO_BUFFER, "{on_start:?}");
        let replies: Vec<u32> = filter.state.borrow().replies.iter().map(|(status, _)| *status).collect();
        assert_eq!(replies, [503], "{on_start:?}");
        filter.end();
        assert_eq!(verdict(&filter), "error:executor_unavailable", "{on_start:?}");
    }
}

#[test]
fn a_model_that_fails_inside_its_start_ends_the_exchange_once() {
    let config = Config::new();
    let filter = config.stream();
    request(&filter, "clerk");
    respond(&filter, CALL);
    filter.state.borrow_mut().on_start = OnStart::Reset;
    filter.state.borrow_mut().ends_inside = true;
    executor_answers(&filter, 1);
    assert!(filter.state.borrow().destroyed);
    assert_eq!(filter.state.borrow().replies.len(), 1);
    assert_eq!(verdict(&filter), "error:upstream_error");
}

#[test]
fn an_ended_stream_cancels_its_call_and_ignores_late_answers() {
    let config = Config::new();
    let filter = config.stream();
    request(&filter, "clerk");
    respond(&filter, CALL);
    // SAFETY: the stream is alive.
    unsafe { hooks::envoy_dynamic_module_on_http_filter_stream_complete(filter.pointer(), filter.module) };
    executor_answers(&filter, 1);
    executor_answers(&filter, 7);
    let events = events(&filter);
    assert!(events.starts_with(&["run 1".to_owned()]) && events.contains(&"cancel 1".to_owned()), "{events:?}");
    assert!(!events.iter().any(|event| event == "continue"), "{events:?}");
    // SAFETY: destroyed once.
    unsafe { hooks::envoy_dynamic_module_on_http_filter_destroy(filter.module) };
}

/// Envoy keeps bytes that it was told to drop, takes no new ones, or does not lend bytes that it has.
fn withhold(filter: &FakeFilter, fault: &str) {
    let mut state = filter.state.borrow_mut();
    state.drains_nothing = fault == "drain";
    state.appends_nothing = fault == "append";
    state.lends_nothing = fault == "lend";
}

#[test]
fn a_request_whose_bytes_envoy_does_not_drop_take_or_lend_is_reset() {
    for fault in ["drain", "append", "lend"] {
        for ends_inside in [false, true] {
            let config = Config::new();
            let filter = config.stream();
            withhold(&filter, fault);
            filter.state.borrow_mut().ends_inside = ends_inside;
            assert_eq!(request(&filter, "clerk"), STOP_NO_BUFFER, "{fault}");
            assert_eq!(steps(&filter), ["reset"], "{fault}");
            assert_eq!(filter.state.borrow().destroyed, ends_inside);
            filter.end();
        }
    }
}

#[test]
fn a_response_whose_bytes_envoy_does_not_drop_take_or_lend_is_reset() {
    // No tool of the contract, so the gate replaces the answer.
    let refused = std::str::from_utf8(CALL).unwrap().replace(r#""name":"lookup""#, r#""name":"delete""#);
    for fault in ["drain", "append", "lend"] {
        let config = Config::new();
        let filter = config.stream();
        assert_eq!(request(&filter, "clerk"), CONTINUE);
        withhold(&filter, fault);
        assert_eq!(respond(&filter, refused.as_bytes()), STOP_NO_BUFFER, "{fault}");
        assert_eq!(steps(&filter), ["reset"], "{fault}");
        filter.end();
    }
}

#[test]
fn an_answer_that_comes_later_and_whose_bytes_envoy_does_not_take_is_reset() {
    let config = Config::new();
    let filter = config.stream();
    assert_eq!(request(&filter, "clerk"), CONTINUE);
    assert_eq!(respond(&filter, CALL), STOP_NO_BUFFER);
    executor_answers(&filter, 1);
    withhold(&filter, "append");
    model_answers(&filter, 2, ANSWER);
    assert_eq!(steps(&filter), ["run 1", "ask 2", "reset"]);
    filter.end();
}

#[test]
fn a_configuration_that_cannot_be_read_is_refused() {
    for text in ["", "{", r#"{"contract":{},"identity":{}}"#] {
        // SAFETY: the buffer outlives the call; the pointer is never read.
        let module = unsafe {
            let bytes = Buffer::lend(text.as_bytes());
            hooks::envoy_dynamic_module_on_http_filter_config_new(std::ptr::dangling_mut(), Buffer::EMPTY, bytes)
        };
        assert_eq!(module, null(), "{text}");
    }
}
