//! The workspace that a header states: read for the caller's contract, carried to the executor, never forwarded.

use callgate_contract::{Caller, Code};
use callgate_engine::GateError;
use serde_json::{Value, json};

use super::*;
use crate::conditions::apis::APIS;

const MARKED: &str = "properties: { file: { type: string, x-callgate: { path: write } } }";

/// A desk whose tool writes a file of the workspace.
fn desk(root: &str) -> String {
    let spec = format!("  workspace: {{ root: \"{root}\" }}\n  profiles: {{ p: {{ write: [\".\"] }} }}");
    contract("1.0.0", "clerk", (MARKED, ""), &spec).replace("{ tools: [\"*\"] }", "{ tools: [\"*\"], profile: p }")
}

fn gate_of(contract: &str, candidate: Option<&str>) -> Result<Rc<Gate>, GateError> {
    let entries = [(ContractMatch::default(), contract, candidate)];
    Ok(Rc::new(set(&entries, by_headers(&[]), Paths::default())?.gate()))
}

const WHO: [(&str, &str); 2] = [("x-tenant", "acme"), ("x-role", "clerk")];

#[test]
fn the_header_states_the_workspace_in_every_api() {
    let gate = gate_of(&desk("header:x-workspace"), None).unwrap();
    let file = json!({ "file": "/work/a/src/x" });
    let calls: [Call<'_>; 1] = [("c1", "order", &file)];
    for api in &APIS {
        for stream in [false, true] {
            for (stated, expected) in [
                (&[("x-workspace", "/work/a")][..], None),
                (&[("x-workspace", "/work/b")], Some(Code::ArgumentForbidden)),
                (&[], Some(Code::ArgumentUnreadable)),
                (&[("x-workspace", "")], Some(Code::ArgumentUnreadable)),
                (&[("x-workspace", "/")], Some(Code::ArgumentUnreadable)),
                (&[("x-workspace", "work/a")], Some(Code::ArgumentUnreadable)),
                (&[("x-workspace", "/work/a"), ("x-workspace", "/work/a")], Some(Code::ArgumentUnreadable)),
                (&[("x-workspace", "/work/a, /work/b")], Some(Code::ArgumentUnreadable)),
                (&[("x-other", "/work/a")], Some(Code::ArgumentUnreadable)),
            ] {
                let caller = [&WHO[..], stated].concat();
                let (_, exchange) = played(api, &gate, &caller, &calls, stream);
                let codes = &exchange.tally().refused;
                assert_eq!(codes.as_slice(), expected.as_slice(), "{} {stream} {stated:?}", api.name);
            }
        }
    }
}

#[test]
fn a_request_without_the_header_is_served_until_a_call_needs_it() {
    let gate = gate_of(&desk("header:x-workspace"), None).unwrap();
    let (nothing, file) = (json!({}), json!({ "file": "x" }));
    let (effect, exchange) = played(&APIS[0], &gate, &WHO, &[("c1", "order", &nothing)], false);
    assert!(matches!(effect, Effect::Finish(_)), "{effect:?}");
    assert_eq!(exchange.tally().refused, []);
    let (effect, _) = played(&APIS[0], &gate, &WHO, &[("c1", "order", &file)], false);
    let Effect::Finish(answer) = effect else { panic!("{effect:?}") };
    assert!(String::from_utf8_lossy(&answer).contains("`x-workspace`"), "the message names the header");
}

#[test]
fn the_header_of_the_workspace_is_not_forwarded() {
    for (contract, candidate) in
        [(desk("header:x-workspace"), None), (desk("/work/a"), Some(desk("header:x-workspace")))]
    {
        let gate = gate_of(&contract, candidate.as_deref()).unwrap();
        let mut exchange = Exchange::new(gate, "exchange-1");
        let head = [crate::common::request_headers("clerk"), headers(&[("x-workspace", "/work/a")])].concat();
        exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false });
        let body = (APIS[0].request)(&[Step::User], false).to_string();
        let effect = exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
        let Effect::Forward(forward) = effect else { panic!("{effect:?}") };
        assert!(forward.remove.iter().any(|removed| removed == "x-workspace"));
    }
}

#[test]
fn a_header_that_is_no_text_or_too_long_states_nothing() {
    let gate = gate_of(&desk("header:x-workspace"), None).unwrap();
    for value in [b"/work/\xff".to_vec(), format!("/{}", "a/".repeat(4096)).into_bytes()] {
        let mut exchange = Exchange::new(Rc::clone(&gate), "exchange-1");
        let mut head = crate::common::request_headers("clerk");
        head.push(("x-workspace".to_owned(), value));
        let effect = exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false });
        assert_eq!(effect, Effect::Hold);
        let body = (APIS[0].request)(&[Step::User], false).to_string();
        exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
        let call = crate::common::call("c1", "order", r#"{"file":"x"}"#);
        crate::common::answered(&mut exchange, &crate::common::answer(Value::Null, &[call]));
        assert_eq!(exchange.tally().refused, [Code::ArgumentUnreadable]);
    }
}

#[test]
fn a_candidate_has_the_same_header_for_the_workspace() {
    let reason = Box::new(GateError::CandidateWorkspace { header: "x-root".into() });
    let refused = gate_of(&desk("header:x-workspace"), Some(&desk("header:x-root"))).map(|_| ()).unwrap_err();
    assert_eq!(refused, GateError::Entry { position: 0, reason });
    for (active, candidate) in
        [("header:x-root", "header:x-root"), ("/work/a", "header:x-root"), ("header:x-root", "/work/*")]
    {
        gate_of(&desk(active), Some(&desk(candidate))).unwrap();
    }
}

#[test]
fn the_executor_gets_the_workspace() {
    let run = format!("run: {{ wasm: {{ module: a.wasm, sha256: \"{}\" }} }}", "0".repeat(64));
    let gate = gate_of(&desk("header:x-workspace").replace("run: { client: {} }", &run), None).unwrap();
    let mut exchange = Exchange::new(gate, "exchange-1");
    let head = [crate::common::request_headers("clerk"), headers(&[("x-workspace", "/work/a")])].concat();
    exchange.on(Event::RequestHead { headers: &lend(&head), verified: None, end: false });
    let body = (APIS[0].request)(&[Step::User], false).to_string();
    exchange.on(Event::RequestData { chunk: body.as_bytes(), end: true, now: NOW });
    let call = crate::common::call("c1", "order", r#"{"file":"x"}"#);
    let effect = crate::common::answered(&mut exchange, &crate::common::answer(Value::Null, &[call]));
    assert_eq!(crate::common::batch(effect).workspace.as_deref(), Some("/work/a"));
}

/// A listener of one caller has no proxy in front that could set the header.
#[test]
fn a_fixed_caller_keeps_its_workspace_whatever_header_the_client_sends() {
    let fixed = |workspace: Option<&str>| {
        let caller = Caller { workspace: workspace.map(str::to_owned), ..Caller::new("acme", "clerk") };
        let desk = desk("header:x-workspace");
        set(&[(ContractMatch::default(), &desk, None)], IdentitySource::Fixed(caller), Paths::default())
    };
    let gate = Rc::new(fixed(Some("/work/a")).unwrap().gate());
    for (file, expected) in [("/work/a/src/x", None), ("/work/b/src/x", Some(Code::ArgumentForbidden))] {
        let file = json!({ "file": file });
        for stated in [&[][..], &[("x-workspace", "/work/b")], &[("x-workspace", "/")]] {
            let (_, exchange) = played(&APIS[0], &gate, stated, &[("c1", "order", &file)], false);
            assert_eq!(exchange.tally().refused.as_slice(), expected.as_slice(), "{file} {stated:?}");
        }
    }
    for workspace in [None, Some("work/a"), Some("/"), Some("/work/../b"), Some("/work/a,/work/b")] {
        assert!(matches!(fixed(workspace), Err(GateError::FixedWorkspace { .. })), "{workspace:?}");
    }
}
