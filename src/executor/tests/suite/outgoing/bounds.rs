//! Servers that never end, never answer or send too much, and guests that ask too much.

use std::sync::Arc;

use callgate_proto::executor::v1::FailureKind;
use serde_json::{Value, json};

use super::internet::{Made, PUBLIC};
use super::site::{Reply, Site};
use super::{desk, error, send};

const URL: &str = "http://api.example.com/";

async fn at(reply: Reply) -> (Site, Arc<Made>) {
    let site = Site::start(reply).await;
    let internet = Made::new().name("api.example.com", &[PUBLIC]).server(&format!("{PUBLIC}:80"), site.address);
    (site, internet)
}

fn plan(ask: Value) -> String {
    json!({ "http": [ask] }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_meets_the_timeout_and_its_connection_ends_with_the_call() {
    let (mut site, internet) = at(Reply::Endless).await;
    let desk = desk(&internet, "timeout: 500ms, fuel: 1000000M, http: [\"api.example.com:80\"]").await;
    let ended = desk.call("t", &plan(json!({ "url": URL, "count": true }))).await;
    assert_eq!(ended.kind(), FailureKind::Timeout);
    site.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_that_is_kept_meets_the_memory_limit() {
    let (mut site, internet) = at(Reply::Endless).await;
    let desk = desk(&internet, "timeout: 30s, memory: 16MiB, fuel: 1000000M, http: [\"api.example.com:80\"]").await;
    let ended = desk.call("t", &plan(json!({ "url": URL }))).await;
    assert_eq!(ended.kind(), FailureKind::OutOfMemory);
    site.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_server_meets_the_timeout() {
    for reply in [Reply::Dripping, Reply::Silent, Reply::Stalling] {
        let (mut site, internet) = at(reply.clone()).await;
        let desk = desk(&internet, "timeout: 500ms, http: [\"api.example.com:80\"]").await;
        let ended = desk.call("t", &plan(json!({ "url": URL }))).await;
        assert_eq!(ended.kind(), FailureKind::Timeout, "{reply:?}");
        assert_eq!(ended.message(), "t took longer than its timeout of 500ms");
        site.quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_may_be_less_patient_than_its_timeout() {
    for (reply, wait) in [(Reply::Silent, "firstByteMilliseconds"), (Reply::Stalling, "betweenBytesMilliseconds")] {
        let (mut site, internet) = at(reply.clone()).await;
        let desk = desk(&internet, "timeout: 30s, http: [\"api.example.com:80\"]").await;
        let answer = send(&desk, &[json!({ "url": URL, wait: 100 })]).await.remove(0);
        assert!(
            error(&answer).to_ascii_lowercase().contains("read timeout") || error(&answer) == "ConnectionReadTimeout"
        );
        site.quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_body_is_an_error_and_not_a_short_answer() {
    let (_site, internet) = at(Reply::Torn).await;
    let desk = desk(&internet, "http: [\"api.example.com:80\"]").await;
    let answer = send(&desk, &[json!({ "url": URL })]).await.remove(0);
    assert!(answer["body"].is_null() && !error(&answer).is_empty(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_head_is_an_error() {
    let (mut site, internet) = at(Reply::HugeHead).await;
    let desk = desk(&internet, "http: [\"api.example.com:80\"]").await;
    let answer = send(&desk, &[json!({ "url": URL })]).await.remove(0);
    assert!(error(&answer).starts_with("HttpResponseHeaderSectionSize"), "{answer}");
    site.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_guest_are_bounded() {
    let (site, internet) = at(Reply::Text("1")).await;
    let desk = desk(&internet, "http: [\"api.example.com:80\"]").await;
    let long = json!({ "x-long": "x".repeat(40_000) });
    let many: serde_json::Map<_, _> = (0..1000).map(|n| (format!("x-{n}"), json!("x"))).collect();
    for headers in [long, Value::Object(many)] {
        let ended = desk.call("t", &plan(json!({ "url": URL, "headers": headers }))).await;
        assert_eq!(ended.kind(), FailureKind::Trap);
        assert_eq!(ended.message(), "t trapped: total size of fields exceeds limit");
    }
    assert!(site.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_so_many_requests_under_way_and_no_more() {
    let (mut site, internet) = at(Reply::Endless).await;
    let desk = desk(&internet, "timeout: 30s, http: [\"api.example.com:80\"]").await;
    let asks = vec![json!({ "url": URL }); 20];
    let ended = desk.call("t", &json!({ "httpTogether": asks }).to_string()).await;
    let answers: Vec<Value> = serde_json::from_str(ended.result()).unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer["status"] == 200);
    assert_eq!((good.len(), bad.len()), (16, 4));
    assert!(bad.iter().all(|answer| error(answer) == "ConnectionLimitReached"));
    site.quiet().await;
    // One after the other there may be more.
    let (_site, internet) = at(Reply::Text("1")).await;
    let desk = super::desk(&internet, "timeout: 30s, http: [\"api.example.com:80\"]").await;
    let answers = send(&desk, &vec![json!({ "url": URL }); 40]).await;
    assert!(answers.iter().all(|answer| answer["body"] == "1"), "{answers:?}");
}
