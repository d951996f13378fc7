//! The executor decides on claims again: it takes the declared ones, of their types.

use std::collections::BTreeMap;

use callgate_proto::executor::v1::claim::Value;
use callgate_proto::executor::v1::{Caller, Claim, ClaimTexts, ExecuteRequest};
use tonic::Code;

use crate::desk::{Desk, Running, wasm};
use crate::guests;

const WHEN: &str = "when: \"has(caller.claims.level) && caller.claims.level >= 3 && has(caller.claims.groups) && 'a' in caller.claims.groups\"";

async fn desk() -> Running {
    let desk = Desk::new().in_spec("claims: { level: integer, groups: [string], staff: boolean, name: string }");
    desk.tool_with("t", &wasm(&guests::echo()), "", WHEN).start().await
}

fn with(request: ExecuteRequest, claims: &[(&str, Option<Value>)]) -> ExecuteRequest {
    let claims: BTreeMap<String, Claim> =
        claims.iter().map(|(name, value)| ((*name).to_owned(), Claim { value: value.clone() })).collect();
    let caller = request.caller.map(|caller| Caller { claims, ..caller });
    ExecuteRequest { caller, ..request }
}

fn texts(texts: &[&str]) -> Option<Value> {
    Some(Value::Texts(ClaimTexts { texts: texts.iter().map(|text| (*text).to_owned()).collect() }))
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_decide_and_absent_ones_are_absent() {
    let desk = desk().await;
    let (three, two) = (Some(Value::Integer(3)), Some(Value::Integer(2)));
    for (claims, expected) in [
        (vec![("level", three.clone()), ("groups", texts(&["a"]))], ""),
        (vec![("level", three.clone()), ("groups", texts(&["a"])), ("undeclared", texts(&[]))], ""),
        (vec![("level", two), ("groups", texts(&["a"]))], "condition_unmet"),
        (vec![("level", three.clone()), ("groups", texts(&["b"]))], "condition_unmet"),
        (vec![("level", three)], "condition_unmet"),
        (vec![], "condition_unmet"),
    ] {
        let request = with(desk.request("clerk", &[("t", "{}")]), &claims);
        let ended = desk.execute(request).await.unwrap().remove(0);
        assert_eq!(ended.result.err().map(|(_, _, code)| code).unwrap_or_default(), expected, "{claims:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_another_type_runs_nothing() {
    let desk = desk().await;
    let long = "a".repeat(257);
    for (name, value) in [
        ("level", Some(Value::Text("3".into()))),
        ("level", None),
        ("groups", Some(Value::Text("a".into()))),
        ("groups", texts(&["a"; 65])),
        ("groups", texts(&[&long])),
        ("staff", Some(Value::Integer(1))),
        ("name", Some(Value::Text(long.clone()))),
    ] {
        let request = with(desk.request("clerk", &[("t", "{}")]), &[(name, value)]);
        let status = desk.execute(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{name}: {status}");
        assert!(!status.message().contains("aaaa"), "{status}");
    }
    let names: Vec<String> = (0..65).map(|index| format!("c{index}")).collect();
    let many: Vec<(&str, Option<Value>)> =
        names.iter().map(|name| (name.as_str(), Some(Value::Boolean(true)))).collect();
    let status = desk.execute(with(desk.request("clerk", &[("t", "{}")]), &many)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}
