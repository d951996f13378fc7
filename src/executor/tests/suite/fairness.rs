//! Fairness under load: running, waiting and shed requests.

use std::time::Duration;

use callgate_proto::executor::v1::{Caller, FailureKind};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::desk::{Desk, Running, wasm};
use crate::guests;

fn busy(
    desk: &Running,
    tenant: &str,
    calls: usize,
) -> tokio::task::JoinHandle<Result<Vec<crate::desk::Ended>, tonic::Status>> {
    let mut request = desk.request("clerk", &vec![("slow", "{}"); calls]);
    request.caller = Some(Caller { tenant: tenant.into(), role: "clerk".into(), ..Caller::default() });
    let client = desk.client.clone();
    tokio::spawn(async move { Running::send(client, request).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_of_one_tenant_do_not_delay_another() {
    let desk = Desk::new()
        .tool("slow", &wasm(&guests::late("1", 20)), "timeout: 60s")
        .tool("quick", &wasm(&guests::answer("2")), "timeout: 60s")
        .calls_per_turn(1_000)
        .configured("queue: { length: 2000, perTenant: 1000 }")
        .at_once(4)
        .start()
        .await;
    let greedy = busy(&desk, "greedy", 1_000);
    desk.until_running(4).await;
    let mut request = desk.request("clerk", &[("quick", "{}")]);
    request.caller = Some(Caller { tenant: "modest".into(), role: "clerk".into(), ..Caller::default() });
    let ended = desk.execute(request).await.unwrap();
    assert_eq!(ended[0].result(), "2");
    assert!(!greedy.is_finished(), "the one call came after the thousand");
    let ended = greedy.await.unwrap().unwrap();
    assert_eq!(ended.len(), 1_000);
    assert!(ended.iter().all(|ended| ended.result() == "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_sheds_a_whole_request_with_a_retry_time() {
    let desk = Desk::new()
        .tool("slow", &wasm(&guests::late("1", 2_000)), "timeout: 60s")
        .configured("queue: { length: 2, perTenant: 1 }")
        .at_once(1)
        .start()
        .await;
    let running = busy(&desk, "acme", 1);
    desk.until_running(1).await;
    let shed = desk.execute(desk.request("clerk", &[("slow", "{}"), ("slow", "{}")])).await.unwrap_err();
    assert_eq!(shed.code(), Code::ResourceExhausted);
    assert!(shed.message().starts_with("nothing ran: the tenant's share of the queue is full"), "{}", shed.message());
    let retry = shed.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(retry > Duration::ZERO);
    assert_eq!(running.await.unwrap().unwrap()[0].result(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_counts_against_the_timeout() {
    let desk = Desk::new()
        .tool("slow", &wasm(&guests::late("1", 3_000)), "timeout: 60s")
        .tool("hasty", &wasm(&guests::answer("2")), "timeout: 200ms")
        .at_once(1)
        .start()
        .await;
    let running = busy(&desk, "acme", 1);
    desk.until_running(1).await;
    let hasty = desk.call("hasty", "{}").await;
    assert_eq!(hasty.kind(), FailureKind::Timeout);
    assert_eq!(hasty.usage.fuel, 0);
    assert_eq!(running.await.unwrap().unwrap()[0].result(), "1");
}
