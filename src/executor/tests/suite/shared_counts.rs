//! Counts for several Envoys: requests, calls, turns and usage, in each store.

use std::path::Path;

use callgate_audit::{LogReader, Query};
use callgate_proto::executor::v1::call_ruling::Ruling;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{
    AdmitRequest, AdmitResponse, AuthorizeRequest, Call, Caller, ChargeRequest, ConversationStanding, Denied,
    ExchangeUsage, ExecuteRequest,
};
use serde_json::Value;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::desk::{Desk, Running, wasm};
use crate::services::Postgres;

const CONVERSATION: &str = "0123456789abcdef0123456789abcdef";

/// A contract that counts at the executor, with these further limits of `spec`.
fn contract(rule: &str, hash: &str) -> String {
    format!(
        r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: {{ name: desk, version: 1.0.0 }}
spec:
  models: ["*"]
  limits: {{ store: executor{rule} }}
  conversation: {{ id: "header:x-session-id", idle: 1s, maxTurns: 4, maxCalls: 3 }}
  roles:
    clerk: {{ tools: ["*"], requestsPerDay: 3 }}
    spender: {{ tools: ["*"], tokensPerDay: 10 }}
    free: {{ tools: ["*"] }}
  tools:
    - {{ name: order, effects: write, parameters: {{ type: object }}, callsPerDay: 2, run: {{ client: {{}} }} }}
    - {{ name: look, effects: read, parameters: {{ type: object }}, run: {{ client: {{}} }} }}
    - {{ name: t, effects: read, parameters: {{ type: object }}, callsPerDay: 2, run: {{ wasm: {{ module: t.wasm, sha256: "{hash}" }} }} }}
"#
    )
}

/// A desk that serves this contract, with lines of executor.yaml.
fn desk(rule: &str, configured: &str) -> Desk {
    use sha2::{Digest as _, Sha256};

    let module = wasm(include_str!("stores.wat"));
    let hash = crate::desk::hex(&Sha256::digest(&module));
    let desk = Desk::new().tool("t", &module, "");
    let file = desk.path().join("shared.yaml");
    std::fs::write(&file, contract(rule, &hash)).unwrap();
    let desk = if configured.is_empty() { desk } else { desk.configured(configured) };
    desk.serving(file)
}

/// The client of one Envoy.
#[derive(Clone)]
struct Envoy {
    client: ExecutorClient<Channel>,
    digest: String,
}

impl Envoy {
    fn of(running: &Running) -> Self {
        Self { client: running.client.clone(), digest: running.digest.clone() }
    }

    fn request(&self, tenant: &str, role: &str, exchange: &str) -> AdmitRequest {
        AdmitRequest {
            contract_digest: self.digest.clone(),
            caller: Some(Caller { tenant: tenant.into(), role: role.into(), ..Caller::default() }),
            exchange_id: exchange.into(),
            round: 1,
            ..AdmitRequest::default()
        }
    }

    async fn send(&self, request: AdmitRequest) -> Result<AdmitResponse, Status> {
        Ok(self.client.clone().admit(request).await?.into_inner())
    }

    /// Returns the code of a refusal, or an empty text.
    async fn admit(&self, tenant: &str, role: &str, exchange: &str) -> String {
        code(&self.send(self.request(tenant, role, exchange)).await.unwrap())
    }

    async fn turn(&self, role: &str, exchange: &str, round: u32) -> AdmitResponse {
        let request =
            AdmitRequest { round, conversation_id: CONVERSATION.into(), ..self.request("acme", role, exchange) };
        self.send(request).await.unwrap()
    }

    async fn charge(&self, exchanges: &[(&str, &str, u64)]) -> Result<(), Status> {
        let usage = |(digest, exchange, tokens): &(&str, &str, u64)| ExchangeUsage {
            contract_digest: if digest.is_empty() { self.digest.clone() } else { (*digest).to_owned() },
            caller: Some(Caller { tenant: "acme".into(), role: "spender".into(), ..Caller::default() }),
            exchange_id: (*exchange).to_owned(),
            tokens: *tokens,
            cost_micros: 0,
        };
        let exchanges = exchanges.iter().map(usage).collect();
        self.client.clone().charge(ChargeRequest { exchanges }).await.map(drop)
    }

    async fn rule(&self, tool: &str, exchange: &str, calls: u32) -> Vec<Ruling> {
        let call = |position: u32| Call {
            id: format!("c{position}"),
            tool: tool.into(),
            arguments: "{}".into(),
            position: Some(position),
            ..Call::default()
        };
        let request = AuthorizeRequest {
            contract_digest: self.digest.clone(),
            caller: Some(Caller { tenant: "acme".into(), role: "free".into(), ..Caller::default() }),
            exchange_id: exchange.into(),
            round: 1,
            calls: (0..calls).map(call).collect(),
            conversation_id: CONVERSATION.into(),
            ..AuthorizeRequest::default()
        };
        let rulings = self.client.clone().authorize(request).await.unwrap().into_inner().rulings;
        rulings.into_iter().map(|ruling| ruling.ruling.unwrap()).collect()
    }
}

fn code(response: &AdmitResponse) -> String {
    assert_eq!(response.counted, response.refusals.is_empty());
    response.refusals.iter().map(|refusal| refusal.code.as_str()).collect()
}

fn ruled(rulings: &[Ruling]) -> Vec<&str> {
    let word = |ruling| match ruling {
        &Ruling::Released(_) => "released",
        Ruling::Denied(Denied { violation_code, .. }) => violation_code.as_str(),
        other => panic!("expected a ruling, found {other:?}"),
    };
    rulings.iter().map(word).collect()
}

fn records(state: &Path, kind: &str) -> Vec<Value> {
    let reader = LogReader::open(&state.join("audit.db")).unwrap();
    let records = reader.query(&Query { limit: 1000, ..Query::default() }).unwrap();
    let records = records.iter().map(|record| serde_json::from_str::<Value>(&record.text).unwrap());
    records.filter(|record| record["kind"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_envoys_share_one_limit_exactly_and_two_tenants_do_not() {
    for store in ["", "counters: { store: memory }", "counters: { store: stateDir }"] {
        let running = desk("", store).start().await;
        let envoys = [Envoy::of(&running), Envoy::of(&running)];
        let mut all = tokio::task::JoinSet::new();
        for number in 0..40 {
            let envoy = envoys[number % 2].clone();
            all.spawn(async move { envoy.admit("acme", "clerk", &format!("exchange-{number}")).await });
        }
        let codes = all.join_all().await;
        assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 3, "{store}");
        assert_eq!(codes.iter().filter(|code| *code == "rate_limited").count(), 37, "{store}");
        assert_eq!(envoys[1].admit("other", "clerk", "exchange-a").await, "", "{store}");
        // Each refusal is in the audit log, and none of the counts.
        let refused = records(&running.path("callgate-state"), "admission");
        assert_eq!(refused.len(), 37);
        assert!(refused.iter().all(|record| record["code"] == "rate_limited" && record["verdict"] == "deny"));
        let page = running.instruments.metrics.page().unwrap();
        assert!(page.contains("callgate_executor_admissions_total{kind=\"counted\"} 4\n"), "{page}");
        assert!(page.contains("callgate_executor_admissions_total{kind=\"rate_limited\"} 37\n"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_count_is_made_once() {
    let running = desk("", "").start().await;
    let envoy = Envoy::of(&running);
    for _ in 0..10 {
        assert_eq!(envoy.admit("acme", "clerk", "same").await, "");
        let first = envoy.turn("free", "same-turn", 1).await;
        assert_eq!(first.standing(), ConversationStanding::Begun);
        envoy.charge(&[("", "used", 4)]).await.unwrap();
    }
    assert_eq!(envoy.admit("acme", "clerk", "second").await, "");
    assert_eq!(envoy.admit("acme", "clerk", "third").await, "");
    assert_eq!(envoy.admit("acme", "clerk", "fourth").await, "rate_limited");
    assert_eq!(envoy.admit("acme", "clerk", "same").await, "", "it is counted already");
    // Four tokens of ten are used, not forty.
    assert_eq!(envoy.admit("acme", "spender", "fifth").await, "");
    // Another tenant cannot take over a count by its name.
    assert_eq!(envoy.admit("other", "clerk", "same").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_charged_and_the_next_request_is_refused() {
    let running = desk("", "").start().await;
    let (one, two) = (Envoy::of(&running), Envoy::of(&running));
    let unknown = format!("sha256:{}", "0".repeat(64));
    one.charge(&[("", "a", 6), (&unknown, "b", 100), ("", "c", 6)]).await.unwrap();
    assert_eq!(two.admit("acme", "spender", "next").await, "budget_exceeded");
    assert_eq!(two.admit("other", "spender", "next").await, "");
    let page = running.instruments.metrics.page().unwrap();
    for (kind, count) in [("charged", 2), ("contract_unknown", 1)] {
        assert!(page.contains(&format!("callgate_executor_charges_total{{kind=\"{kind}\"}} {count}\n")), "{page}");
    }
    for bad in [vec![], vec![("sha256:short", "a", 1)], vec![("", "", 1)]] {
        assert_eq!(one.charge(&bad).await.unwrap_err().code(), Code::InvalidArgument, "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_has_an_end_over_all_envoys() {
    let running = desk("", "counters: { store: stateDir }").start().await;
    let (one, two) = (Envoy::of(&running), Envoy::of(&running));
    assert_eq!(one.turn("free", "a", 1).await.standing(), ConversationStanding::Begun);
    assert_eq!(two.turn("free", "b", 1).await.standing(), ConversationStanding::Active);
    // A further round is a turn too.
    assert_eq!(code(&two.turn("free", "b", 2).await), "");
    // A silence at one Envoy pauses it for both.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    assert_eq!(one.turn("free", "c", 1).await.standing(), ConversationStanding::Resumed);
    assert_eq!(code(&two.turn("free", "d", 1).await), "conversation_limit");
    let [record] = &records(&running.path("callgate-state"), "admission")[..] else { panic!("one refusal") };
    assert_eq!((&record["conversation_id"], &record["code"]), (&CONVERSATION.into(), &"conversation_limit".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_where_they_are_released_and_where_they_run() {
    let running = desk("", "").start().await;
    let envoy = Envoy::of(&running);
    assert_eq!(ruled(&envoy.rule("order", "a", 3).await), ["released", "released", "rate_limited"]);
    // The two counts of the tool are two of the conversation's three.
    assert_eq!(ruled(&envoy.rule("look", "b", 2).await), ["released", "conversation_limit"]);
    assert_eq!(ruled(&envoy.rule("order", "a", 2).await), ["released", "released"], "they are counted already");
    let run = |exchange: &str, position| ExecuteRequest {
        exchange_id: exchange.to_owned(),
        calls: vec![Call { position: Some(position), ..running.request("free", &[("t", "{}")]).calls.remove(0) }],
        ..running.request("free", &[("t", "{}")])
    };
    for _ in 0..3 {
        running.execute(run("x", 0)).await.unwrap().remove(0).result();
    }
    running.execute(run("x", 1)).await.unwrap().remove(0).result();
    let over = running.execute(run("x", 2)).await.unwrap().remove(0);
    assert_eq!(over.code(), "rate_limited");
    let decisions = records(&running.path("callgate-state"), "decision");
    let denied = decisions.iter().filter(|record| record["tool"] == "t" && record["code"] == "rate_limited");
    assert_eq!(denied.count(), 1);
    let named = decisions.iter().filter(|record| record["conversation_id"] == CONVERSATION).count();
    assert!(named >= 5, "{decisions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_executors_own_contract_decides() {
    let running = desk("", "").start().await;
    let envoy = Envoy::of(&running);
    let good = envoy.request("acme", "clerk", "a");
    let forged = AdmitRequest { contract_digest: format!("sha256:{}", "a".repeat(64)), ..good.clone() };
    assert_eq!(envoy.send(forged).await.unwrap_err().code(), Code::FailedPrecondition);
    let long = "x".repeat(300);
    for bad in [
        AdmitRequest { contract_digest: "desk".into(), ..good.clone() },
        AdmitRequest { exchange_id: String::new(), ..good.clone() },
        AdmitRequest { exchange_id: long.clone(), ..good.clone() },
        AdmitRequest { caller: None, ..good.clone() },
        AdmitRequest { round: 0, ..good.clone() },
        AdmitRequest { conversation_id: "one".into(), ..good.clone() },
        AdmitRequest { request_id: long.clone(), ..good.clone() },
        envoy.request("acme", "nobody", "a"),
        envoy.request(&long, "clerk", "a"),
    ] {
        let refused = envoy.send(bad.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{bad:?}");
        assert!(!refused.message().contains(&long), "{refused}");
    }
    // A contract that counts in Envoy is not counted here.
    let local = Desk::new().client_tool("look").start().await;
    let refused = Envoy::of(&local).send(Envoy::of(&local).request("acme", "clerk", "a")).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("limits.store"), "{refused}");
}

/// The executors of one database.
async fn two(postgres: &Postgres, rule: &str) -> [Running; 2] {
    let start = async || {
        let desk = desk(rule, "counters: { postgres: { url: file:url } }");
        std::fs::write(desk.path().join("url"), postgres.url()).unwrap();
        desk.start().await
    };
    [start().await, start().await]
}

#[tokio::test(flavor = "multi_thread")]
async fn two_executors_count_together_in_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    let running = two(&postgres, "").await;
    let envoys = [Envoy::of(&running[0]), Envoy::of(&running[1])];
    let mut all = tokio::task::JoinSet::new();
    for number in 0..40 {
        let envoy = envoys[number % 2].clone();
        all.spawn(async move { envoy.admit("acme", "clerk", &format!("exchange-{number}")).await });
    }
    let codes = all.join_all().await;
    assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 3, "{codes:?}");
    assert_eq!(envoys[1].admit("other", "clerk", "exchange-a").await, "");
    assert_eq!(envoys[0].turn("free", "a", 1).await.standing(), ConversationStanding::Begun);
    assert_eq!(envoys[1].turn("free", "b", 1).await.standing(), ConversationStanding::Active);
    assert_eq!(ruled(&envoys[0].rule("order", "c", 1).await), ["released"]);
    assert_eq!(ruled(&envoys[1].rule("order", "d", 2).await), ["released", "rate_limited"]);
    // A repeat at the other executor is a repeat.
    assert_eq!(ruled(&envoys[1].rule("order", "c", 1).await), ["released"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_the_contract_decides_and_its_return_is_found() {
    let Some(mut postgres) = Postgres::start() else { return };
    let refusing = two(&postgres, "").await;
    let allowing = two(&postgres, ", storeUnavailable: allow").await;
    let (refusing, allowing) = (Envoy::of(&refusing[0]), Envoy::of(&allowing[0]));
    assert_eq!(refusing.admit("acme", "clerk", "a").await, "");
    postgres.stop();
    let down = refusing.send(refusing.request("acme", "clerk", "b")).await.unwrap_err();
    assert_eq!(down.code(), Code::Unavailable);
    assert!(!down.message().contains(crate::services::PASSWORD), "{down}");
    assert_eq!(ruled(&refusing.rule("order", "c", 1).await), ["limits_unavailable"]);
    assert_eq!(ruled(&allowing.rule("order", "c", 1).await), ["released"]);
    postgres.start_again();
    for _ in 0..100 {
        match refusing.send(refusing.request("acme", "clerk", "d")).await {
            Ok(response) => {
                assert_eq!(code(&response), "");
                return;
            }
            Err(status) => assert_eq!(status.code(), Code::Unavailable),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the store of counts never came back");
}
