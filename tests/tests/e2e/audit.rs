//! Decisions the executor gets beside the calls it runs: every decision, under an id no caller can choose, in the caller's
//! trace.

use std::collections::HashSet;
use std::process::Command;
use std::time::{Duration, Instant};

use callgate_proto::executor::v1::{Decision, Verdict};
use callgate_tests::cases;
use callgate_tests::cases::Case;
use callgate_tests::executor::{Behaviour, FakeExecutor};
use callgate_tests::http::Request;
use callgate_tests::stack::run;
use callgate_tests::upstream::script::Round;
use serde_json::Value;

use crate::world::{Ask, Cx};

const STOCK: &str = r#"{"quantity":2,"sku":"AB-12"}"#;
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
/// The filter's longest pause between two attempts, and as much again.
const LATER: Duration = Duration::from_secs(20);

pub fn cases() -> Vec<Case<Cx>> {
    cases! {
        "the executor gets every decision once, whoever runs the call" => told,
        "decisions wait while the executor is unreachable, and block nothing" => away,
        "two requests with one client-chosen id are still two exchanges" => chosen,
        "the caller's trace reaches the executor and its decisions" => traced,
        "the executor's log holds both decisions on a call and its outcome, and verifies" => kept,
    }
}

/// Runs `callgate audit …` on the log of the real executor.
fn audit(cx: &Cx, arguments: &[&str]) -> String {
    let state = cx.stack.folder().join("callgate-state");
    let mut command = Command::new(&cx.artefacts.cli);
    run(command.arg("audit").args(arguments).arg("--state").arg(state)).unwrap()
}

/// A tenant of this case alone, so that undelivered decisions of earlier cases do not disturb it.
fn tenant(cx: &Cx, case: &str) -> String {
    format!("{case}-{:?}", cx.protocol).to_lowercase()
}

fn request(ask: &Ask, tenant: &str) -> Request {
    ask.request().header("x-callgate-tenant", tenant)
}

async fn fake(cx: &Cx) -> FakeExecutor {
    let fake = FakeExecutor::start(([127, 0, 0, 1], 0).into(), Behaviour::Echo).await.unwrap();
    cx.turn(Some(fake.address())).await;
    fake
}

/// Returns the decisions on this tenant's calls, once there are so many.
async fn recorded(fake: &FakeExecutor, tenant: &str, count: usize) -> Vec<Decision> {
    let began = Instant::now();
    loop {
        let recorded = fake.recorded(tenant);
        if recorded.len() >= count {
            assert_eq!(recorded.len(), count, "{recorded:#?}");
            return recorded;
        }
        assert!(began.elapsed() < LATER, "not {count} decisions, but {recorded:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn told(cx: Cx) {
    let (fake, tenant) = (fake(&cx).await, tenant(&cx, "told"));
    let client = Ask::lines("call get_weather {\"city\":\"Oslo\"}\ncall drop_table {\"name\":\"x\"}");
    let server = Ask::script(Round::call("lookup_stock", STOCK).then(Round::say("done")));
    for ask in [client, server] {
        assert_eq!(cx.connect("refuse").await.send(request(&ask, &tenant)).await.unwrap().status, 200);
    }
    let all = recorded(&fake, &tenant, 3).await;
    let verdicts: HashSet<_> = all.iter().map(|d| (d.tool.as_str(), d.verdict(), d.violation_code.as_str())).collect();
    let expected = [
        ("get_weather", Verdict::Allow, ""),
        ("drop_table", Verdict::Deny, "tool_not_in_contract"),
        ("lookup_stock", Verdict::Allow, ""),
    ];
    assert_eq!(verdicts, HashSet::from(expected));
    let executed = fake.executed().remove(0).request;
    for decision in &all {
        assert_eq!(decision.contract_digest, executed.contract_digest);
        assert_eq!((decision.round, decision.caller.as_ref().unwrap().role.as_str()), (1, "clerk"));
        assert_eq!((decision.arguments_digest.len(), decision.arguments.as_str()), (64, ""), "{decision:?}");
        assert!(decision.time_unix_nanos > 1_700_000_000_000_000_000 && !decision.request_id.is_empty());
    }
    let run = all.iter().find(|decision| decision.tool == "lookup_stock").unwrap();
    assert_eq!((&run.exchange_id, &run.request_id), (&executed.exchange_id, &executed.request_id));
    assert_eq!(run.call_id, executed.calls[0].id);
}

async fn away(cx: Cx) {
    let tenant = tenant(&cx, "away");
    cx.turn(None).await;
    for _ in 0..3 {
        let ask = Ask::lines("call get_weather {\"city\":\"Oslo\"}");
        assert_eq!(cx.connect("refuse").await.send(request(&ask, &tenant)).await.unwrap().status, 200);
    }
    // Long enough for an attempt to fail, so that the first attempt does not arrive.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let fake = fake(&cx).await;
    let all = recorded(&fake, &tenant, 3).await;
    let exchanges: HashSet<_> = all.iter().map(|decision| &decision.exchange_id).collect();
    assert_eq!(exchanges.len(), 3);
    assert!(all.is_sorted_by_key(|decision| decision.time_unix_nanos), "in their order");
}

async fn chosen(cx: Cx) {
    let (fake, tenant) = (fake(&cx).await, tenant(&cx, "chosen"));
    let ask = Ask::script(Round::call("lookup_stock", STOCK).then(Round::say("done")));
    for _ in 0..2 {
        let request = request(&ask, &tenant).header("x-request-id", "chosen-by-the-client");
        assert_eq!(cx.connect("refuse").await.send(request).await.unwrap().status, 200);
    }
    let executed = fake.executed();
    let [first, second] = executed.as_slice() else { panic!("{executed:?}") };
    assert_ne!(first.request.exchange_id, second.request.exchange_id);
    for request in [&first.request, &second.request] {
        assert_eq!(request.exchange_id.len(), 36, "a UUID: {request:?}");
        assert_ne!(request.exchange_id, "chosen-by-the-client");
    }
}

async fn traced(cx: Cx) {
    let (fake, tenant) = (fake(&cx).await, tenant(&cx, "traced"));
    let ask = Ask::script(Round::call("lookup_stock", STOCK).then(Round::say("done")));
    let request = request(&ask, &tenant)
        .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"))
        .header("tracestate", "vendor=1");
    assert_eq!(cx.connect("refuse").await.send(request).await.unwrap().status, 200);
    let (parent, state) = fake.executed().remove(0).trace;
    assert_eq!(parent.unwrap().split('-').nth(1), Some(TRACE));
    assert_eq!(state.as_deref(), Some("vendor=1"));
    assert_eq!(recorded(&fake, &tenant, 1).await[0].trace_id, TRACE);
    assert!(cx.upstream().recorder().all().len() == 2, "and the model was asked again");
}

async fn kept(cx: Cx) {
    let tenant = tenant(&cx, "kept");
    cx.turn(Some(cx.stack.executor().1)).await;
    let ask = Ask::script(Round::call("lookup_stock", STOCK).then(Round::say("done")));
    assert_eq!(cx.connect("refuse").await.send(request(&ask, &tenant)).await.unwrap().status, 200);
    let began = Instant::now();
    let records: Vec<Value> = loop {
        let shown = audit(&cx, &["show", "--tenant", &tenant, "--json"]);
        // The filter sends its decisions a moment later, in a batch.
        if shown.lines().count() == 3 {
            break shown.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["record"].take()).collect();
        }
        assert!(began.elapsed() < LATER, "not three records, but {shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let of = |source: &str, kind: &str| {
        records.iter().find(|record| record["source"] == source && record["kind"] == kind).expect("a record of it")
    };
    let (told, decided, ended) = (of("filter", "decision"), of("executor", "decision"), of("executor", "outcome"));
    for same in ["exchange_id", "request_id", "round", "call_id", "contract_digest", "tool", "role", "arguments_digest"]
    {
        assert!(!told[same].is_null(), "{same}: {told}");
        assert!(told[same] == decided[same] && decided[same] == ended[same], "{same}: {records:#?}");
    }
    assert_eq!(
        (&told["verdict"], &decided["verdict"], &ended["outcome"]),
        (&"allow".into(), &"allow".into(), &"success".into())
    );
    assert!(ended["usage"]["fuel"].as_u64().unwrap() > 0 && ended["arguments"].is_null(), "{ended}");
    let verified = audit(&cx, &["verify"]);
    assert!(verified.contains("whole"), "{verified}");
}
