//! Small requests with a high cost.

use callgate_audit::{LogReader, Query};
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Agent, Call, Caller, Decision, ExecuteRequest, RecordRequest, Verdict};
use tonic::Code;
use tonic::metadata::MetadataValue;

use crate::desk::{Desk, Running};
use crate::guests;

fn tenant(name: String) -> Option<Caller> {
    Some(Caller { tenant: name, role: "clerk".into(), ..Caller::default() })
}

fn kept(desk: &Running) -> String {
    let page = desk.instruments.metrics.page().unwrap();
    page.lines().find_map(|line| line.strip_prefix("callgate_executor_audit_records_total ")).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_request_with_many_calls_or_long_names_stores_nothing() {
    let desk = Desk::with(&guests::echo(), "").start().await;
    let good = || desk.request("clerk", &[("t", "{}")]);
    let many = |calls: usize| vec![Call::default(); calls];
    for (request, place) in [
        // 58 KiB that once added 880 MiB to the log.
        (
            ExecuteRequest { caller: tenant("x".repeat(20_000)), calls: many(20_000), ..good() },
            "too many fields (message)",
        ),
        (ExecuteRequest { calls: many(1_025), ..good() }, "(calls, 1025)"),
        (ExecuteRequest { caller: tenant("x".repeat(257)), ..good() }, "(caller.tenant, 257 bytes)"),
        (
            ExecuteRequest {
                caller: Some(Caller { tenant: "acme".into(), role: "x".repeat(257), ..Caller::default() }),
                ..good()
            },
            "(caller.role, 257 bytes)",
        ),
        (ExecuteRequest { request_id: "x".repeat(129), ..good() }, "(request_id, 129 bytes)"),
        (ExecuteRequest { exchange_id: "x".repeat(129), ..good() }, "(exchange_id, 129 bytes)"),
        (ExecuteRequest { exchange_id: String::new(), ..good() }, "(exchange_id)"),
        (ExecuteRequest { conversation_id: "session of alice".into(), ..good() }, "(conversation_id)"),
        (ExecuteRequest { conversation_id: "AB".repeat(16), ..good() }, "(conversation_id)"),
        (ExecuteRequest { conversation_id: "ab".repeat(20_000), ..good() }, "(conversation_id)"),
        (
            ExecuteRequest { calls: vec![Call { id: "x".repeat(4_097), ..Call::default() }], ..good() },
            "(calls[0].id, 4097 bytes)",
        ),
        (
            ExecuteRequest {
                calls: vec![Call::default(), Call { tool: "x".repeat(257), ..Call::default() }],
                ..good()
            },
            "(calls[1].tool, 257 bytes)",
        ),
    ] {
        let status = desk.execute(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{place}");
        assert!(status.message().contains(place), "{place}: {}", status.message());
        assert!(status.message().contains("; send "), "{}", status.message());
    }
    assert_eq!(kept(&desk), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_calls_meet_the_queues_limits() {
    let desk = Desk::with(&guests::echo(), "").configured("queue: { length: 40, perTenant: 20 }").start().await;
    // The executor writes 64 records at once, and 20 of a tenant wait.
    let status = desk.execute(desk.request("clerk", &vec![("unknown", "{}"); 85])).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(kept(&desk), "0");
    let ended = desk.execute(desk.request("clerk", &vec![("unknown", "{}"); 84])).await.unwrap();
    assert!(ended.iter().all(|ended| ended.code() == "tool_not_in_contract"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlong_tenant_in_a_record_is_cut_and_loses_no_other_record() {
    let desk = Desk::with(&guests::echo(), "").start().await;
    let decision = |exchange: &str, name: String| Decision {
        exchange_id: exchange.into(),
        contract_digest: desk.digest.clone(),
        caller: tenant(name),
        verdict: Verdict::Deny.into(),
        ..Decision::default()
    };
    let decisions = vec![decision("long", "x".repeat(50_000)), decision("short", "acme".into())];
    desk.client.clone().record(RecordRequest { decisions }).await.unwrap();
    assert_eq!(kept(&desk), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ids_that_an_agent_claims_are_kept_within_bounds() {
    let desk = Desk::with(&guests::echo(), "").start().await;
    let decision = |exchange: &str, agent: Option<Agent>| Decision {
        exchange_id: exchange.into(),
        contract_digest: desk.digest.clone(),
        caller: tenant("acme".into()),
        verdict: Verdict::Deny.into(),
        agent,
        ..Decision::default()
    };
    let agent = |session: &str, id: &str, parent: &str| {
        Some(Agent { session: session.into(), id: id.into(), parent: parent.into() })
    };
    let long = "s".repeat(50_000);
    let decisions = vec![
        decision("none", None),
        decision("empty", agent("", "", "")),
        decision("short", agent("s1", "a1", "p1")),
        decision("hostile", agent(&long, "a\u{1b}[2J\0\nb", "")),
    ];
    desk.client.clone().record(RecordRequest { decisions }).await.unwrap();
    let reader = LogReader::open(&desk.path("callgate-state/audit.db")).unwrap();
    let records = reader.query(&Query { limit: 10, ..Query::default() }).unwrap();
    let of = |exchange: &str| {
        let records = records.iter().map(|one| serde_json::from_str::<serde_json::Value>(&one.text).unwrap());
        let record = records.into_iter().find(|record| record["exchange_id"] == exchange).unwrap();
        ["agent_session", "agent_id", "agent_parent"].map(|member| record[member].as_str().map(str::to_owned))
    };
    assert_eq!(of("none"), [None, None, None]);
    assert_eq!(of("empty"), [None, None, None]);
    assert_eq!(of("short"), ["s1", "a1", "p1"].map(|id| Some(id.to_owned())));
    assert_eq!(of("hostile"), [Some("s".repeat(128)), Some("a[2Jb".to_owned()), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_headers_are_bounded_before_they_are_kept() {
    let desk = Desk::with(&guests::echo(), "").start().await;
    let send = async |header: &'static str, value: String| {
        let mut request = tonic::Request::new(desk.request("clerk", &[("t", "{}")]));
        request.metadata_mut().insert(header, MetadataValue::try_from(value).unwrap());
        ExecutorClient::new(desk.channel.clone()).execute(request).await
    };
    send("tracestate", format!("a={}", "x".repeat(4_000))).await.unwrap();
}
