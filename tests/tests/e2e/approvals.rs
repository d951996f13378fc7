//! Calls that wait for a person, and repeated calls: with the real executor and its state.

use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest, ExecuteResponse};
use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::http::{Connection, Protocol, Request};
use callgate_tests::upstream::script::{Round, Script};
use serde_json::{Value, json};

use crate::world::{Ask, Cx, expect_error, results};

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "a call that needs approval waits, the answer reports it, and the approved call runs once" => agreed,
        "an approval covers exactly its arguments" => other_arguments,
        "the model learns that a person refused a call" => refused,
        "a call that the application runs waits for a person, and is released once" => released,
        "a call that the application runs is held by an unreachable executor" => nobody_answers,
        "with onViolation: error, a call that waits for a person ends the exchange" => error,
        "a repeated request to the executor runs nothing again" => again,
    }
}

/// A quantity of its own for each protocol and case, so that an approval of one covers no other.
fn release(cx: &Cx, case: u32) -> (Script, String) {
    let quantity = case * 10 + u32::from(cx.protocol == Protocol::Http2);
    let arguments = format!(r#"{{"quantity":{quantity},"sku":"AB-12"}}"#);
    let quote = Round { text: vec!["{{results}}".into()], ..Round::default() };
    (Round::call("release_stock", &arguments).then(quote), arguments)
}

/// Returns the model's text in place of a result.
async fn told(cx: &Cx, script: &Script) -> Value {
    cx.upstream().recorder().forget();
    let (status, body) = cx.whole("refuse", &Ask::script(script.clone())).await;
    assert_eq!(status, 200, "{body}");
    let told = results(&cx.upstream().recorder().bodies().remove(1)).remove(0);
    let said = body.pointer("/choices/0/message/content").unwrap();
    assert_eq!(said, &json!(told), "the answer says so");
    serde_json::from_str(&told).unwrap()
}

/// Answers a request for approval as the operator.
async fn answer(cx: &Cx, id: &str, how: &str) {
    let (address, token) = cx.stack.executor_http().unwrap();
    let mut connection = Connection::open(address, Protocol::Http1).await.unwrap();
    let request = Request::post(&format!("/api/v1/approvals/{id}/{how}"), json!({ "reason": "as agreed" }).to_string())
        .header("authorization", format!("Bearer {token}"));
    let mut response = connection.send(request).await.unwrap();
    let body = response.json().await.unwrap();
    assert_eq!(response.status, 200, "{body}");
}

fn waits(told: &Value) -> String {
    assert_eq!(told["error"]["code"], "approval_required", "{told}");
    told["error"]["approval_id"].as_str().unwrap().to_owned()
}

async fn agreed(cx: Cx) {
    let (script, arguments) = release(&cx, 1);
    let id = waits(&told(&cx, &script).await);
    assert_eq!(waits(&told(&cx, &script).await), id, "asking again asks for nothing new");
    answer(&cx, &id, "approve").await;
    let ran = told(&cx, &script).await;
    assert_eq!(ran, serde_json::from_str::<Value>(&arguments).unwrap());
    assert_ne!(waits(&told(&cx, &script).await), id, "what was agreed to is used up");
}

async fn other_arguments(cx: Cx) {
    let (script, _) = release(&cx, 2);
    let id = waits(&told(&cx, &script).await);
    answer(&cx, &id, "approve").await;
    let (other, _) = release(&cx, 3);
    assert_ne!(waits(&told(&cx, &other).await), id);
}

async fn refused(cx: Cx) {
    let (script, _) = release(&cx, 4);
    let id = waits(&told(&cx, &script).await);
    answer(&cx, &id, "deny").await;
    let told = told(&cx, &script).await;
    assert!(told["error"]["code"].is_string(), "nothing ran: {told}");
}

/// A call of the application's own tool, with an amount of its own for each protocol and case.
fn transfer(cx: &Cx, case: u32) -> (Script, String) {
    let amount = case * 10 + u32::from(cx.protocol == Protocol::Http2);
    let arguments = format!(r#"{{"amount":{amount}}}"#);
    let round = Round { text: vec!["I will.".into()], ..Round::call("transfer", &arguments) };
    (round.into(), arguments)
}

/// Returns the ID in a sentence about a call that waits.
fn named(text: &str) -> String {
    assert!(text.contains("Callgate holds the call of `transfer` (approval_required)"), "{text}");
    let (_, rest) = text.split_once("request ").unwrap();
    rest.split_once(' ').unwrap().0.to_owned()
}

async fn released(cx: Cx) {
    let (script, arguments) = transfer(&cx, 1);
    let ask = Ask::script(script);
    let waiting = cx.both("refuse", &ask).await.first();
    assert_eq!((waiting.calls.len(), waiting.finish.as_deref()), (0, Some("stop")), "{waiting:?}");
    let id = named(&waiting.text);
    answer(&cx, &id, "approve").await;
    let first = cx.streamed("refuse", &ask).await.first();
    let made: Vec<_> = first.calls.iter().map(|(_, name, arguments)| (name.as_str(), arguments.as_str())).collect();
    assert_eq!(made, [("transfer", arguments.as_str())], "{first:?}");
    assert_eq!((first.text.as_str(), first.finish.as_deref()), ("I will.", Some("tool_calls")));
    let next = named(&cx.both("refuse", &ask).await.first().text);
    assert_ne!(next, id, "an approval releases once");
    answer(&cx, &next, "approve").await;
    let (status, whole) = cx.whole("refuse", &ask).await;
    assert_eq!(
        (status, whole.pointer("/choices/0/message/tool_calls/0/function/name")),
        (200, Some(&json!("transfer")))
    );
}

async fn nobody_answers(cx: Cx) {
    let ask = Ask::script(transfer(&cx, 2).0);
    cx.turn(None).await;
    let (status, body) = cx.whole("refuse", &ask).await;
    expect_error(status, &body, 503, "executor_unavailable");
    let streamed = cx.streamed("refuse", &ask).await;
    assert_eq!(streamed.error.as_ref().unwrap()["code"], "executor_unavailable", "{streamed:?}");
    assert!(streamed.first().calls.is_empty(), "{streamed:?}");
}

async fn error(cx: Cx) {
    let ask = Ask::script(transfer(&cx, 3).0);
    let (status, body) = cx.whole("error", &ask).await;
    expect_error(status, &body, 400, "approval_required");
    let streamed = cx.streamed("error", &ask).await;
    assert_eq!(streamed.error.as_ref().unwrap()["code"], "approval_required", "{streamed:?}");
    assert!(streamed.first().calls.is_empty(), "{streamed:?}");
}

async fn again(cx: Cx) {
    let digest = cx.stack.gate("refuse").unwrap().contract.clone();
    let digest = callgate_tests::stack::run(std::process::Command::new(&cx.artefacts.cli).arg("digest").arg(digest));
    let digest = digest.unwrap().split_whitespace().find(|word| word.starts_with("sha256:")).unwrap().to_owned();
    let request = |quantity: u32| ExecuteRequest {
        contract_digest: digest.clone(),
        caller: Some(Caller { tenant: "acme".into(), role: "clerk".into(), ..Default::default() }),
        exchange_id: format!("sent-again-{:?}", cx.protocol),
        round: 1,
        calls: vec![Call {
            id: "call_1".into(),
            tool: "reserve_stock".into(),
            arguments: format!(r#"{{"quantity":{quantity},"sku":"AB-12"}}"#),
            ..Call::default()
        }],
        ..ExecuteRequest::default()
    };
    let mut client = ExecutorClient::connect(format!("http://{}", cx.stack.executor().1)).await.unwrap();
    let first = client.execute(request(7)).await.unwrap().into_inner();
    let second = client.execute(request(7)).await.unwrap().into_inner();
    assert_eq!(result(&first), Some(r#"{"quantity":7,"sku":"AB-12"}"#));
    assert_eq!(first, second, "usage too: it is the stored outcome");
    let other = client.execute(request(8)).await.map(|response| response.into_inner());
    assert_ne!(
        other.as_ref().ok().and_then(result),
        Some(r#"{"quantity":8,"sku":"AB-12"}"#),
        "another call under a key that is taken"
    );
}

fn result(response: &ExecuteResponse) -> Option<&str> {
    match response.outcomes.first()?.outcome.as_ref()? {
        Outcome::Success(success) => Some(&success.result),
        Outcome::Failure(_) => None,
    }
}
