//! The calls that reach a backend, and their number.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::response::Response;
use callgate_executor::backends::Stop;
use tokio::sync::{Notify, Semaphore};

use super::kit::{Asked, Kit, Log, answer, nowhere, serve};

/// A server that fails `times` times in this way before it answers.
async fn failing(times: usize, status: u16) -> (String, Log) {
    let failed = Arc::new(AtomicUsize::new(0));
    serve(move |_: Asked| {
        let fails = failed.fetch_add(1, Ordering::Relaxed) < times;
        async move { if fails { answer(status, "text/plain", "SECRET") } else { answer(200, "application/json", "1") } }
    })
    .await
}

fn tool(effects: &str) -> String {
    format!("effects: {effects}, run: {{ http: {{ cluster: b, path: /, timeout: 60s }} }}")
}

fn count(log: &Log) -> usize {
    log.lock().unwrap().len()
}

fn reason(stop: Stop) -> String {
    match stop {
        Stop::Unavailable { reason, .. } => reason,
        other => panic!("expected an unavailable backend, found {other:?}"),
    }
}

#[tokio::test]
async fn a_read_is_retried_if_the_backend_could_not_serve() {
    for status in [502, 503, 504] {
        let (address, log) = failing(2, status).await;
        assert_eq!(
            Kit::new(&format!("address: '{address}', retries: 2"), &tool("read")).call("{}").await.unwrap(),
            "1"
        );
        assert_eq!(count(&log), 3);
        let keys: Vec<_> = log.lock().unwrap().iter().map(|asked| asked.headers["idempotency-key"].clone()).collect();
        assert!(keys.iter().all(|key| *key == keys[0]), "every attempt has the same key");
    }
    let (address, log) = failing(9, 503).await;
    let stop = Kit::new(&format!("address: '{address}', retries: 1"), &tool("read")).call("{}").await.unwrap_err();
    assert_eq!((reason(stop).as_str(), count(&log)), ("HTTP status 503", 2));
}

#[tokio::test]
async fn a_write_is_never_tried_again() {
    let (address, log) = failing(9, 503).await;
    let stop = Kit::new(&format!("address: '{address}', retries: 5"), &tool("write")).call("{}").await.unwrap_err();
    assert_eq!((reason(stop).as_str(), count(&log)), ("HTTP status 503", 1));
}

#[tokio::test]
async fn an_answered_request_is_not_retried() {
    for status in [400, 429, 500] {
        let (address, log) = failing(9, status).await;
        let kit = Kit::new(&format!("address: '{address}', retries: 5"), &tool("read"));
        assert!(matches!(kit.call("{}").await, Err(Stop::Failed { .. })));
        assert_eq!(count(&log), 1);
    }
}

#[tokio::test]
async fn a_retry_after_the_deadline_is_left_out() {
    let (address, log) = failing(9, 503).await;
    let kit = Kit::new(&format!("address: '{address}', retries: 10"), &tool("read"));
    let stop = kit.call_within("{}", Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(reason(stop), "HTTP status 503", "the reason is the backend's, not the clock's");
    assert!(count(&log) < 11);
}

#[tokio::test]
async fn the_circuit_breaker_opens_after_failures_in_a_row() {
    let (address, log) = failing(2, 503).await;
    let settings = format!("address: '{address}', breaker: {{ failures: 2, openFor: 10m }}");
    let kit = Kit::new(&settings, &tool("write"));
    for _ in 0..2 {
        assert_eq!(reason(kit.call("{}").await.unwrap_err()), "HTTP status 503");
    }
    let told = reason(kit.call("{}").await.unwrap_err());
    assert!(told.starts_with("after 2 failures in a row it is left alone for "), "{told}");
    assert_eq!(count(&log), 2, "nothing more was sent, though it would have answered");
}

#[tokio::test]
async fn error_answers_of_a_backend_do_not_open_the_breaker() {
    let (address, log) = failing(9, 500).await;
    let kit = Kit::new(&format!("address: '{address}', breaker: {{ failures: 1 }}"), &tool("write"));
    for _ in 0..3 {
        assert!(matches!(kit.call("{}").await, Err(Stop::Failed { .. })));
    }
    assert_eq!(count(&log), 3);
}

#[tokio::test]
async fn one_call_finds_a_restored_backend() {
    let (address, _) = failing(1, 503).await;
    let kit = Kit::new(&format!("address: '{address}', breaker: {{ failures: 1, openFor: 1ms }}"), &tool("write"));
    assert_eq!(reason(kit.call("{}").await.unwrap_err()), "HTTP status 503");
    let back = async {
        while let Err(stop) = kit.call("{}").await {
            assert!(reason(stop).contains("left alone"));
        }
    };
    tokio::time::timeout(Duration::from_secs(30), back).await.unwrap();
    assert_eq!(kit.call("{}").await.unwrap(), "1");
}

#[tokio::test]
async fn refused_connections_open_the_breaker_too() {
    let settings = format!("address: '{}', breaker: {{ failures: 1, openFor: 10m }}", nowhere().await);
    let kit = Kit::new(&settings, &tool("write"));
    assert_eq!(reason(kit.call("{}").await.unwrap_err()), "no connection");
    assert!(reason(kit.call("{}").await.unwrap_err()).contains("left alone"));
}

#[tokio::test]
async fn calls_in_flight_are_bounded() {
    let (arrived, leave) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (address, log) = serve({
        let (arrived, leave) = (Arc::clone(&arrived), Arc::clone(&leave));
        move |_| {
            let (arrived, leave) = (Arc::clone(&arrived), Arc::clone(&leave));
            async move {
                arrived.notify_one();
                leave.acquire().await.unwrap().forget();
                Response::builder().header("content-type", "application/json").body("1".into()).unwrap()
            }
        }
    })
    .await;
    let kit = Arc::new(Kit::new(&format!("address: '{address}', maxInFlight: 1"), &tool("write")));
    let first = tokio::spawn({
        let kit = Arc::clone(&kit);
        async move { kit.call("{}").await }
    });
    arrived.notified().await;
    let told = reason(kit.call_within("{}", Duration::from_millis(100)).await.unwrap_err());
    assert_eq!(told, "1 calls, the most it is sent, were under way");
    assert_eq!(count(&log), 1);
    leave.add_permits(2);
    assert_eq!(first.await.unwrap().unwrap(), "1");
    assert_eq!(kit.call("{}").await.unwrap(), "1", "its place is free again");
}
