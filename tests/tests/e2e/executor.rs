//! An unreachable, slow or untrustworthy executor, or one of another contract: an error with a code, and nothing runs
//! twice.

use std::time::Duration;

use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::executor::{Behaviour, FakeExecutor};
use callgate_tests::stack::{executor_ready, prepare, start_executor};
use callgate_tests::upstream::script::Round;
use serde_json::json;

use crate::world::{Ask, Cx, expect_error, good};

const STOCK: &str = r#"{"quantity":2,"sku":"AB-12"}"#;

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "an unreachable executor is an error" => down,
        "a slow executor is an error, and is not asked again" => slow,
        "a client that leaves while the executor runs does no harm" => client_leaves_running,
        "an executor with another contract runs nothing" => other_contract,
        "a failing executor is an error" => |cx: Cx| fake(cx, Behaviour::Fails, 503, "executor_unavailable"),
        "an overloaded executor is an error with a retry time" => overloaded,
        "an answer of the executor without an outcome is not trusted" => |cx: Cx| fake(cx, Behaviour::TooFew, 502, "executor_rejected"),
        "an answer of the executor under other ids is not trusted" => |cx: Cx| fake(cx, Behaviour::OtherIds, 502, "executor_rejected"),
        "a result that is not JSON never reaches the model" => not_json,
        "an executor that has come back is used again" => back,
    }
}

fn ask() -> Ask {
    let quote = Round { text: vec!["{{results}}".into()], ..Round::default() };
    Ask::script(Round { text: vec!["Looking.".into()], ..Round::call("lookup_stock", STOCK) }.then(quote))
}

/// Whole and streamed fail with this code; no part of the call reaches the client; client-run calls still work.
async fn fails(cx: &Cx, status: u16, code: &str) {
    let mut connection = cx.connect("refuse").await;
    let mut response = connection.send(ask().request()).await.unwrap();
    let body = response.json().await.unwrap();
    expect_error(response.status, &body, status, code);
    let streamed = connection.send(ask().stream().request()).await.unwrap();
    assert_eq!(streamed.status, 200);
    let streamed = streamed.accumulate().await.unwrap();
    assert_eq!(streamed.error.clone().unwrap()["code"], code);
    assert_eq!((streamed.first().text.as_str(), streamed.first().calls), ("Looking.", vec![]));
    assert_eq!(cx.upstream().recorder().all().len(), 2, "no further round");
    good(&mut connection).await.unwrap();
}

async fn down(cx: Cx) {
    cx.turn(None).await;
    fails(&cx, 503, "executor_unavailable").await;
}

async fn slow(cx: Cx) {
    let fake = FakeExecutor::start(([127, 0, 0, 1], 0).into(), Behaviour::Slow(Duration::from_secs(5))).await.unwrap();
    cx.turn(Some(fake.address())).await;
    fails(&cx, 503, "executor_unavailable").await;
    assert_eq!(fake.begun(), 2, "once for each exchange");
}

async fn client_leaves_running(cx: Cx) {
    let slow = FakeExecutor::start(([127, 0, 0, 1], 0).into(), Behaviour::Slow(Duration::from_millis(600)));
    let slow = slow.await.unwrap();
    cx.turn(Some(slow.address())).await;
    for stream in [false, true] {
        let before = slow.begun();
        let ask = Ask::script(Round::call("lookup_stock", STOCK)).with("stream", json!(stream));
        let mut connection = cx.connect("refuse").await;
        let request = ask.request();
        let waiting = tokio::spawn(async move {
            let mut response = connection.send(request).await?;
            response.text().await
        });
        while slow.begun() == before {
            assert!(!waiting.is_finished(), "no answer before the executor's");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        waiting.abort();
        drop(waiting.await);
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
    good(&mut cx.connect("refuse").await).await.unwrap();
}

async fn other_contract(cx: Cx) {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("other");
    let other = prepare(&cx.contract, &into, Some("refuse"), &cx.artefacts.cli).unwrap();
    let text = std::fs::read_to_string(&other).unwrap().replace("version: 1.0.0", "version: 2.0.0");
    std::fs::write(&other, text).unwrap();
    let (mut process, doors) = start_executor("other", &[other], &cx.artefacts, folder.path()).unwrap();
    executor_ready(&mut process, doors.calls).await.unwrap();
    cx.turn(Some(doors.calls)).await;
    fails(&cx, 502, "executor_rejected").await;
    assert!(process.runs());
}

async fn overloaded(cx: Cx) {
    let fake = FakeExecutor::start(([127, 0, 0, 1], 0).into(), Behaviour::Overloaded).await.unwrap();
    cx.turn(Some(fake.address())).await;
    fails(&cx, 503, "executor_overloaded").await;
    let response = cx.connect("refuse").await.send(ask().request()).await.unwrap();
    assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
}

async fn fake(cx: Cx, behaviour: Behaviour, status: u16, code: &'static str) {
    let fake = FakeExecutor::start(([127, 0, 0, 1], 0).into(), behaviour).await.unwrap();
    cx.turn(Some(fake.address())).await;
    fails(&cx, status, code).await;
}

async fn not_json(cx: Cx) {
    let fake = FakeExecutor::start(([127, 0, 0, 1], 0).into(), Behaviour::NotJson).await.unwrap();
    cx.turn(Some(fake.address())).await;
    let answer = cx.both("refuse", &ask()).await.first();
    assert!(answer.text.contains("output_invalid"), "{}", answer.text);
}

async fn back(cx: Cx) {
    cx.turn(None).await;
    let (status, _) = cx.whole("refuse", &ask()).await;
    assert_eq!(status, 503);
    cx.turn(Some(cx.stack.executor().1)).await;
    // Envoy may need a moment to connect again.
    for _ in 0..50 {
        let (status, _) = cx.whole("refuse", &ask()).await;
        if status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it did not come back within 5 s");
}
