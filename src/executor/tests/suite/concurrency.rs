//! Many calls at once: none waits for another's guest, and only calls beyond the room wait. None is forgotten.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callgate_audit::{LogReader, Query};
use callgate_proto::executor::v1::FailureKind;

use crate::desk::{Desk, Running, wasm};
use crate::guests;

#[tokio::test(flavor = "multi_thread")]
async fn fast_calls_do_not_wait_for_slow_ones_and_results_keep_their_order() {
    let desk = Desk::new()
        .tool("slow", &wasm(&guests::late("\"slow\"", 800)), "timeout: 10s")
        .tool("fast", &wasm(&guests::answer("\"fast\"")), "timeout: 10s")
        .start()
        .await;
    let ended = desk.execute(desk.request("clerk", &[("slow", "{}"), ("fast", "{}"), ("slow", "{}")])).await.unwrap();
    assert_eq!(ended.iter().map(|ended| ended.result()).collect::<Vec<_>>(), ["\"slow\"", "\"fast\"", "\"slow\""]);
    assert!(ended[0].usage.duration_us >= 800_000);
    assert!(ended[1].usage.duration_us < 700_000, "{:?}", ended[1].usage);
    assert!(ended[2].usage.duration_us < 1_500_000, "the slow ones ran side by side: {:?}", ended[2].usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_find_no_slot_wait_for_one() {
    let desk = Desk::with(&guests::late("1", 200), "timeout: 20s").at_once(1).start().await;
    let began = Instant::now();
    let ended = desk.execute(desk.request("clerk", &[("t", "{}"); 4])).await.unwrap();
    assert!(ended.iter().all(|ended| ended.result() == "1"));
    assert!(began.elapsed() >= Duration::from_millis(800), "one after the other: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_slot_counts_against_the_timeout() {
    let desk = Desk::with(&guests::late("1", 400), "timeout: 600ms").at_once(1).start().await;
    let ended = desk.execute(desk.request("clerk", &[("t", "{}"); 4])).await.unwrap();
    let timeouts = ended.iter().filter(|ended| ended.result.is_err()).count();
    assert!(timeouts >= 2, "{ended:?}");
    assert!(ended.iter().all(|ended| ended.result.is_ok() || ended.kind() == FailureKind::Timeout));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_more_calls_than_slots_all_succeed() {
    let desk = Desk::with(&guests::echo(), "timeout: 60s")
        .configured("queue: { length: 100, perTenant: 100 }")
        .at_once(2)
        .start()
        .await;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (mut client, request) =
            (desk.client.clone(), desk.request("clerk", &[("t", "{\"n\":1}"), ("t", "{\"n\":2}")]));
        clients.spawn(async move { client.execute(request).await.unwrap().into_inner().outcomes });
    }
    let outcomes = clients.join_all().await.concat();
    assert_eq!(outcomes.len(), 100);
    assert!(outcomes.into_iter().all(|outcome| crate::desk::Ended::from(outcome).result.is_ok()));
}

#[tokio::test(flavor = "multi_thread")]
async fn computing_guests_make_no_other_deadline_early_and_no_timer_late() {
    let desk = Desk::new()
        .tool("spin", &wasm(&guests::infinite_loop()), "fuel: 1000000M, timeout: 1500ms")
        .tool("nap", &wasm(&guests::late("1", 300)), "timeout: 30s")
        .at_once(8)
        .start()
        .await;
    let calls = [("spin", "{}"), ("spin", "{}"), ("spin", "{}"), ("spin", "{}"), ("nap", "{}"), ("nap", "{}")];
    let ended = desk.execute(desk.request("clerk", &calls)).await.unwrap();
    for spin in &ended[..4] {
        assert_eq!(spin.kind(), FailureKind::Timeout);
        assert!((1_500_000..4_000_000).contains(&spin.usage.duration_us), "{:?}", spin.usage);
    }
    assert!(ended[4..].iter().all(|nap| nap.result() == "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_caller_leaves_nothing_running() {
    let desk = Desk::with(&guests::late("1", 3_000), "timeout: 30s")
        .tool("fast", &wasm(&guests::answer("1")), "timeout: 2s")
        .at_once(1)
        .start()
        .await;
    let gone = tokio::time::timeout(Duration::from_millis(300), desk.call("t", "{}")).await;
    assert!(gone.is_err());
    // The only slot is free long before the sleeper would have ended.
    assert_eq!(desk.call("fast", "{}").await.result(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_disconnects_at_any_moment_leaves_one_outcome_for_each_decision() {
    let desk = Desk::with(&guests::answer("1"), "timeout: 10s").start().await;
    desk.call("t", "{}").await;
    // From before the call begins to after its end.
    for patience in (0..3_000).step_by(5).map(Duration::from_micros) {
        let (mut client, request) = (desk.client.clone(), desk.request("clerk", &[("t", "{}")]));
        let call = tokio::spawn(async move { client.execute(request).await });
        let began = Instant::now();
        while began.elapsed() < patience {
            tokio::task::yield_now().await;
        }
        call.abort();
        let _ = call.await;
    }
    let until = Instant::now() + Duration::from_secs(30);
    while counted(&desk).values().any(|[_, outcomes]| *outcomes == 0) {
        assert!(Instant::now() < until, "a decision without its outcome: {:?}", counted(&desk));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A second one would come soon.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let exchanges = counted(&desk);
    assert!(exchanges.len() > 10, "some began: {exchanges:?}");
    assert!(exchanges.values().all(|[decisions, outcomes]| *decisions <= 1 && *outcomes == 1), "{exchanges:?}");
}

/// Returns the decisions and outcomes of each exchange in the audit log.
fn counted(desk: &Running) -> BTreeMap<String, [u32; 2]> {
    let reader = LogReader::open(&desk.path("callgate-state/audit.db")).unwrap();
    let mut exchanges = BTreeMap::<_, [u32; 2]>::new();
    for stored in reader.query(&Query { limit: 10_000, ..Query::default() }).unwrap() {
        let record: serde_json::Value = serde_json::from_str(&stored.text).unwrap();
        let counts = exchanges.entry(record["exchange_id"].as_str().unwrap().to_owned()).or_default();
        counts[usize::from(record["kind"] == "outcome")] += 1;
    }
    exchanges
}
