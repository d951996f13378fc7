//! Approvals: their binding, their number of uses, their expiry, and the records of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../../../executor/tests/suite/clock.rs"]
#[allow(dead_code, reason = "the executor's tests use more of it")]
mod clock;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use callgate_approvals::{
    About, AnswerError, ApprovalAnswer, ApprovalError, ApprovalSection, ApprovalSettings, Approvals, Ask, Claim,
    Filter, Person, RequestState, Search,
};
use callgate_audit::{AuditError, AuditLog, AuditSettings};
use callgate_settings::{ConfigFile, read};
use callgate_state::StateError;
use serde::Deserialize;
use tokio::task::JoinSet;

use self::clock::{DAY, Manual};

/// The approvals' part of the executor's configuration.
struct Config {
    state_dir: PathBuf,
    approvals: ApprovalSettings,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    approvals: ApprovalSection,
}

fn config(folder: &Path, more: &str) -> Config {
    let place = ConfigFile { file: "executor.yaml", folder };
    let text = if more.is_empty() { "{}" } else { more };
    let written: Written = read(place.file, text).unwrap();
    Config { state_dir: folder.join("state"), approvals: written.approvals.resolve(&place).unwrap() }
}

fn open(folder: &Path, more: &str) -> Approvals {
    let config = config(folder, more);
    Approvals::open(&config.state_dir, &config.approvals, audit(&config)).unwrap()
}

/// Opens the audit log; its former user may still be closing it.
fn audit(config: &Config) -> AuditLog {
    for _ in 0..500 {
        match AuditLog::open(&config.state_dir, &AuditSettings::default()) {
            Ok(log) => return log,
            Err(AuditError::State(StateError::InUse { .. })) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the audit log was never given back");
}

fn ask() -> Ask {
    Ask {
        tenant: "acme".into(),
        role: "clerk".into(),
        contract_digest: format!("sha256:{}", "ab".repeat(32)),
        tool: "create_order".into(),
        arguments: r#"{"quantity":2,"sku":"A-100"}"#.into(),
        workspace: None,
        exchange_id: "exchange-1".into(),
        about: About { contract: "order-desk".into(), version: "2.0.0".into(), ..About::default() },
    }
}

fn person(name: &str) -> Person {
    Person { name: name.into(), tenants: Vec::new() }
}

fn answer(approved: bool) -> ApprovalAnswer {
    answer_of("alice", approved)
}

fn answer_of(name: &str, approved: bool) -> ApprovalAnswer {
    ApprovalAnswer { approved, by: person(name), reason: "as agreed".into() }
}

/// Opens the store with the clock of a test; its former owner may still be closing it.
fn open_with(folder: &Path, more: &str, clock: &Arc<Manual>) -> Approvals {
    let config = config(folder, more);
    Approvals::open_with(&config.state_dir, &config.approvals, audit(&config), Arc::<Manual>::clone(clock)).unwrap()
}

async fn pending(approvals: &Approvals, ask: &Ask) -> String {
    match approvals.claim(ask).await.unwrap() {
        Claim::Pending { approval_id, .. } => approval_id,
        other => panic!("expected a pending request, found {other:?}"),
    }
}

#[tokio::test]
async fn an_approved_call_is_granted_once_and_then_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let id = pending(&approvals, &ask()).await;
    assert_eq!(pending(&approvals, &ask()).await, id, "a repeat does not ask a second time");
    let approved = approvals.answer(&id, answer(true)).await.unwrap();
    assert!(matches!(&approved.state, RequestState::Approved(answered) if answered.by == "alice"), "{approved:?}");

    let repeat = Ask { exchange_id: "exchange-2".into(), ..ask() };
    assert_eq!(approvals.claim(&repeat).await.unwrap(), Claim::Granted { approval_id: id.clone() });
    assert!(matches!(approvals.get(&id).await.unwrap().unwrap().state, RequestState::Used { .. }));
    assert_ne!(pending(&approvals, &repeat).await, id);
}

#[tokio::test]
async fn an_approval_covers_only_the_shown_call() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(true)).await.unwrap();
    let others = [
        Ask { tenant: "globex".into(), ..ask() },
        Ask { role: "manager".into(), ..ask() },
        Ask { contract_digest: format!("sha256:{}", "cd".repeat(32)), ..ask() },
        Ask { workspace: Some("/work/a".into()), ..ask() },
        Ask { tool: "cancel_order".into(), ..ask() },
        Ask { arguments: r#"{"quantity":200,"sku":"A-100"}"#.into(), ..ask() },
        // The same bytes, cut at another place.
        Ask { tenant: "acmec".into(), role: "lerk".into(), ..ask() },
    ];
    for other in &others {
        assert_ne!(pending(&approvals, other).await, id, "{other:?}");
    }
    assert_eq!(approvals.claim(&ask()).await.unwrap(), Claim::Granted { approval_id: id });
}

#[tokio::test]
async fn a_denied_call_is_refused_without_asking_until_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let approvals = open_with(folder.path(), "approvals: { deniedFor: 10m, pendingPerTenant: 1 }\n", &clock);
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(false)).await.unwrap();
    for minutes in [10, 7, 4, 1] {
        let left = Duration::from_secs(minutes * 60);
        let refused = Claim::Refused { approval_id: id.clone(), reason: "as agreed".into(), left };
        assert_eq!(approvals.claim(&ask()).await.unwrap(), refused);
        clock.pass(Duration::from_secs(3 * 60));
    }
    assert_ne!(pending(&approvals, &ask()).await, id, "then a person is asked again");
    assert!(matches!(approvals.get(&id).await.unwrap().unwrap().state, RequestState::Denied(_)), "what was said stays");
}

#[tokio::test]
async fn a_denial_of_one_call_says_nothing_about_another() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(false)).await.unwrap();
    pending(&approvals, &Ask { tenant: "globex".into(), ..ask() }).await;
    pending(&approvals, &Ask { arguments: "{}".into(), ..ask() }).await;
}

#[tokio::test]
async fn answers_that_still_count_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "approvals: { pending: 2, pendingPerTenant: 1 }\n");
    let of = |tenant: &str, n: u32| Ask { tenant: tenant.into(), arguments: format!("{{\"n\":{n}}}"), ..ask() };
    for n in 0..10 {
        let id = pending(&approvals, &of("acme", n)).await;
        approvals.answer(&id, answer(n % 2 == 0)).await.unwrap();
    }
    assert!(matches!(approvals.claim(&of("acme", 10)).await, Err(ApprovalError::TooManyAnswers(10))));
    pending(&approvals, &of("globex", 0)).await;
    assert!(matches!(approvals.claim(&of("acme", 0)).await, Ok(Claim::Granted { .. })));
    pending(&approvals, &of("acme", 10)).await;
}

#[tokio::test]
async fn one_person_does_not_count_as_two_approvers() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let ask = Ask { about: About { approvers: 2, ..About::default() }, ..ask() };
    let id = pending(&approvals, &ask).await;
    let first = approvals.answer(&id, answer_of("alice", true)).await.unwrap();
    assert_eq!(first.state, RequestState::Pending);
    assert_eq!(first.agreed.iter().map(|one| &*one.by).collect::<Vec<_>>(), ["alice"]);
    assert_eq!(pending(&approvals, &ask).await, id, "the call waits for the second");
    assert!(matches!(approvals.answer(&id, answer_of("alice", true)).await, Err(AnswerError::Agreed)));

    let second = approvals.answer(&id, answer_of("bob", true)).await.unwrap();
    assert!(matches!(&second.state, RequestState::Approved(answered) if answered.by == "bob"), "{second:?}");
    assert_eq!(approvals.claim(&ask).await.unwrap(), Claim::Granted { approval_id: id.clone() });
    assert_eq!(approvals.get(&id).await.unwrap().unwrap().agreed.len(), 2);
}

#[tokio::test]
async fn one_refusal_of_two_approvers_ends_it_and_every_answer_is_audited() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "");
    let log = audit(&config);
    let approvals = Approvals::open(&config.state_dir, &config.approvals, log.clone()).unwrap();
    let ask = Ask { about: About { approvers: 3, ..About::default() }, ..ask() };
    let id = pending(&approvals, &ask).await;
    approvals.answer(&id, answer_of("alice", true)).await.unwrap();
    approvals.answer(&id, answer_of("bob", true)).await.unwrap();
    // A person who agreed may still refuse.
    let ended = approvals.answer(&id, answer_of("alice", false)).await.unwrap();
    assert!(matches!(&ended.state, RequestState::Denied(answered) if answered.by == "alice"));
    assert!(matches!(approvals.claim(&ask).await.unwrap(), Claim::Refused { .. }));
    assert!(matches!(approvals.answer(&id, answer_of("carol", true)).await, Err(AnswerError::Answered)));

    let records = log.reader().unwrap().query(&callgate_audit::Query { limit: 10, ..Default::default() });
    let said: Vec<(String, bool)> = records
        .unwrap()
        .iter()
        .map(|stored| serde_json::from_str::<serde_json::Value>(&stored.text).unwrap())
        .map(|record| (record["by"].as_str().unwrap().to_owned(), record["approved"].as_bool().unwrap()))
        .collect();
    assert_eq!(said, [("alice".into(), true), ("bob".into(), true), ("alice".into(), false)]);
}

#[tokio::test]
async fn only_named_people_can_answer_and_nobody_approves_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let more = "approvals: { groups: { desk: [alice] }, approvers: [
        { approver: desk, tools: [\"create_*\"], notOwn: true }, { approver: acme } ] }\n";
    let approvals = open(folder.path(), more);
    let id = pending(&approvals, &ask()).await;
    let of = |name: &str, tenants: &[&str], approved| ApprovalAnswer {
        approved,
        by: Person { name: name.into(), tenants: tenants.iter().map(|tenant| (*tenant).to_owned()).collect() },
        reason: String::new(),
    };
    for approved in [true, false] {
        assert!(matches!(approvals.answer(&id, of("bob", &[], approved)).await, Err(AnswerError::NotNamed)));
    }
    assert!(matches!(approvals.answer(&id, of("alice", &["acme"], true)).await, Err(AnswerError::Own)));
    assert!(matches!(approvals.answer(&id, of("acme", &[], true)).await, Err(AnswerError::Own)));
    assert_eq!(approvals.get(&id).await.unwrap().unwrap().state, RequestState::Pending);
    // A person may refuse their own request: nothing runs by it.
    approvals.answer(&id, of("acme", &[], false)).await.unwrap();
    let other = pending(&approvals, &Ask { tool: "cancel_order".into(), ..ask() }).await;
    assert!(matches!(approvals.answer(&other, of("alice", &[], true)).await, Err(AnswerError::NotNamed)));
    let third = pending(&approvals, &Ask { arguments: "{}".into(), ..ask() }).await;
    approvals.answer(&third, of("alice", &["globex"], true)).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_jumps_forward_ends_no_request_and_no_approval() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let approvals = open_with(folder.path(), "approvals: { expiry: 15m, keep: 1h }\n", &clock);
    let (first, second) = (ask(), Ask { tool: "cancel_order".into(), ..ask() });
    let (waits, approved) = (pending(&approvals, &first).await, pending(&approvals, &second).await);
    approvals.answer(&approved, answer(true)).await.unwrap();
    clock.jump_forward(DAY);
    assert_eq!(pending(&approvals, &first).await, waits);
    drop(approvals);
    clock.jump_forward(DAY);
    // A later process, on the same machine.
    let approvals = open_with(folder.path(), "approvals: { expiry: 15m, keep: 1h }\n", &clock);
    assert_eq!(pending(&approvals, &first).await, waits);
    assert_eq!(approvals.claim(&second).await.unwrap(), Claim::Granted { approval_id: approved });
}

#[tokio::test]
async fn a_clock_that_jumps_back_extends_no_approval() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let more = "approvals: { expiry: 15m }\n";
    let approvals = open_with(folder.path(), more, &clock);
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(true)).await.unwrap();
    clock.jump_back(DAY);
    clock.pass(Duration::from_secs(10 * 60));
    assert!(matches!(approvals.get(&id).await.unwrap().unwrap().state, RequestState::Approved(_)));
    drop(approvals);
    clock.pass(Duration::from_secs(5 * 60));
    let approvals = open_with(folder.path(), more, &clock);
    assert_ne!(pending(&approvals, &ask()).await, id);
}

#[tokio::test]
async fn a_reboot_extends_no_approval() {
    for off in [Duration::from_secs(20 * 60), DAY] {
        let folder = tempfile::tempdir().unwrap();
        let clock = Manual::new();
        let approvals = open_with(folder.path(), "approvals: { expiry: 15m }\n", &clock);
        let id = pending(&approvals, &ask()).await;
        approvals.answer(&id, answer(true)).await.unwrap();
        drop(approvals);
        clock.jump_forward(off);
        clock.reboot();
        let approvals = open_with(folder.path(), "approvals: { expiry: 15m }\n", &clock);
        assert_ne!(pending(&approvals, &ask()).await, id);
    }
}

#[tokio::test]
async fn a_store_of_an_earlier_version_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let id = pending(&approvals, &ask()).await;
    drop(approvals);
    drop(audit(&config(folder.path(), "")));
    let store = rusqlite::Connection::open(folder.path().join("state/approvals.db")).unwrap();
    for column in ["contract_name", "contract_version", "description", "writes", "approvers"] {
        store.execute_batch(&format!("ALTER TABLE approvals DROP COLUMN {column}")).unwrap();
    }
    store.execute_batch("DROP TABLE store_time; DROP TABLE agreements; DROP INDEX listed_approvals").unwrap();
    drop(store);
    let approvals = open(folder.path(), "");
    let kept = approvals.get(&id).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.ask.about), (RequestState::Pending, About::default()));
    approvals.answer(&id, answer(true)).await.unwrap();
    assert_eq!(approvals.claim(&ask()).await.unwrap(), Claim::Granted { approval_id: id });
}

#[tokio::test]
async fn an_approval_of_an_earlier_version_under_a_fast_clock_does_not_count_longer() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let more = "approvals: { expiry: 15m }\n";
    let approvals = open_with(folder.path(), more, &clock);
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(true)).await.unwrap();
    drop(approvals);
    drop(audit(&config(folder.path(), "")));
    let store = rusqlite::Connection::open(folder.path().join("state/approvals.db")).unwrap();
    store.execute_batch("UPDATE approvals SET expires = expires + 86400000; DROP TABLE store_time").unwrap();
    drop(store);
    let approvals = open_with(folder.path(), more, &clock);
    clock.pass(Duration::from_secs(15 * 60));
    assert_ne!(pending(&approvals, &ask()).await, id);
}

#[tokio::test]
async fn an_unstorable_answer_is_logged_and_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let id = pending(&approvals, &ask()).await;
    // Another connection makes every write of the store fail, but no read.
    let store = rusqlite::Connection::open(folder.path().join("state/approvals.db")).unwrap();
    let fail = "CREATE TRIGGER fail BEFORE UPDATE ON approvals BEGIN SELECT raise(ABORT, 'full'); END";
    store.execute_batch(fail).unwrap();
    let error = approvals.answer(&id, answer(true)).await.unwrap_err();
    assert!(matches!(error, AnswerError::NotStored(_)));
    assert!(error.to_string().starts_with("the answer is in the audit log, but it does not count: "), "{error}");
    assert_eq!(approvals.get(&id).await.unwrap().unwrap().state, RequestState::Pending);
    store.execute_batch("DROP TRIGGER fail").unwrap();
    approvals.answer(&id, answer(true)).await.unwrap();
}

#[tokio::test]
async fn a_second_answer_is_an_error_whatever_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(false)).await.unwrap();
    for approved in [true, false] {
        assert!(matches!(approvals.answer(&id, answer(approved)).await, Err(AnswerError::Answered)));
    }
    assert!(matches!(approvals.get(&id).await.unwrap().unwrap().state, RequestState::Denied(_)));
    assert!(matches!(approvals.answer("no-such", answer(true)).await, Err(AnswerError::NotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_concurrent_approvers_one_answers_and_of_many_claims_one_is_granted() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    for round in 0..10 {
        let ask = Ask { arguments: format!("{{\"n\":{round}}}"), ..ask() };
        let id = pending(&approvals, &ask).await;
        let mut answers = JoinSet::new();
        for _ in 0..4 {
            let (approvals, id) = (approvals.clone(), id.clone());
            answers.spawn(async move { approvals.answer(&id, answer(true)).await });
        }
        let answered = answers.join_all().await;
        assert_eq!(answered.iter().filter(|answered| answered.is_ok()).count(), 1, "{answered:?}");

        let mut claims = JoinSet::new();
        for _ in 0..8 {
            let (approvals, ask) = (approvals.clone(), ask.clone());
            claims.spawn(async move { approvals.claim(&ask).await.unwrap() });
        }
        let granted = |claim: &Claim| matches!(claim, Claim::Granted { .. });
        assert_eq!(claims.join_all().await.iter().filter(|claim| granted(claim)).count(), 1);
    }
}

#[tokio::test]
async fn an_expired_request_cannot_be_answered_and_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "approvals: { expiry: 1s }\n");
    let id = pending(&approvals, &ask()).await;
    expire(&approvals, &id).await;
    assert!(matches!(approvals.answer(&id, answer(true)).await, Err(AnswerError::Expired)));
    assert_ne!(pending(&approvals, &ask()).await, id);
    assert!(matches!(approvals.get(&id).await.unwrap().unwrap().state, RequestState::Expired));
}

#[tokio::test]
async fn an_approval_expires_if_unused() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "approvals: { expiry: 1s }\n");
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(true)).await.unwrap();
    expire(&approvals, &id).await;
    assert_ne!(pending(&approvals, &ask()).await, id);
}

/// Waits until the store itself reports that the time is over.
async fn expire(approvals: &Approvals, id: &str) {
    while !matches!(approvals.get(id).await.unwrap().unwrap().state, RequestState::Expired) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_tenant_that_floods_is_limited_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "approvals: { pending: 3, pendingPerTenant: 2 }\n");
    let of = |tenant: &str, n: u32| Ask { tenant: tenant.into(), arguments: format!("{{\"n\":{n}}}"), ..ask() };
    let first = pending(&approvals, &of("acme", 0)).await;
    pending(&approvals, &of("acme", 1)).await;
    assert!(matches!(approvals.claim(&of("acme", 2)).await, Err(ApprovalError::TooMany(2))));
    pending(&approvals, &of("globex", 0)).await;
    assert!(matches!(approvals.claim(&of("initech", 0)).await, Err(ApprovalError::TooMany(3))));
    assert_eq!(pending(&approvals, &of("acme", 0)).await, first, "what waits already goes on waiting");
    approvals.answer(&first, answer(true)).await.unwrap();
    pending(&approvals, &of("initech", 0)).await;
}

#[tokio::test]
async fn unread_arguments_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let long = Ask { arguments: format!("{{\"text\":\"{}\"}}", "x".repeat(64 << 10)), ..ask() };
    assert!(matches!(approvals.claim(&long).await, Err(ApprovalError::TooLong(_))));
}

#[tokio::test]
async fn requests_and_approvals_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let (first, second) = (ask(), Ask { tool: "cancel_order".into(), ..ask() });
    let (waits, approved) = (pending(&approvals, &first).await, pending(&approvals, &second).await);
    approvals.answer(&approved, answer(true)).await.unwrap();
    drop(approvals);
    let approvals = open(folder.path(), "");
    assert_eq!(pending(&approvals, &first).await, waits);
    assert_eq!(approvals.claim(&second).await.unwrap(), Claim::Granted { approval_id: approved });
    assert_eq!(approvals.get(&waits).await.unwrap().unwrap().ask, first);
}

#[tokio::test]
async fn lists_show_waiting_requests_oldest_first_and_ended_ones_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(pending(&approvals, &Ask { arguments: format!("{{\"n\":{n}}}"), ..ask() }).await);
    }
    for id in &ids[..2] {
        approvals.answer(id, answer(false)).await.unwrap();
    }
    let list = async |filter, after: Option<&String>, limit| {
        let listed =
            approvals.list(Search { filter, after: after.cloned(), limit, ..Search::default() }).await.unwrap();
        listed.into_iter().map(|request| request.id).collect::<Vec<_>>()
    };
    assert_eq!(list(Filter::Pending, None, 10).await, ids[2..]);
    assert_eq!(list(Filter::Pending, Some(&ids[2]), 1).await, ids[3..4]);
    assert_eq!(list(Filter::Ended, None, 10).await, [ids[1].clone(), ids[0].clone()]);
    assert_eq!(list(Filter::All, Some(&ids[1]), 10).await, [ids[0].clone()]);
}

#[tokio::test]
async fn a_search_finds_by_tool_tenant_and_text_and_continues_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let mut ids = Vec::new();
    for (tenant, tool) in [("acme", "create_order"), ("globex", "create_order"), ("acme", "Refund_100%"), ("", "other")]
    {
        ids.push(pending(&approvals, &Ask { tenant: tenant.into(), tool: tool.into(), ..ask() }).await);
    }
    let search = async |search: Search| {
        let listed = approvals.list(Search { limit: search.limit.max(1), ..search }).await.unwrap();
        listed.into_iter().map(|request| ids.iter().position(|id| *id == request.id).unwrap()).collect::<Vec<_>>()
    };
    let text = |text: &str| Search { text: Some(text.into()), limit: 10, ..Search::default() };
    assert_eq!(search(Search { tool: Some("create_order".into()), limit: 10, ..Search::default() }).await, [0, 1]);
    assert_eq!(search(Search { tenant: Some("acme".into()), limit: 10, ..Search::default() }).await, [0, 2]);
    assert_eq!(search(text("refund")).await, [2]);
    assert_eq!(search(text("GLOBEX")).await, [1]);
    assert_eq!(search(text(&ids[3][20..])).await, [3]);
    // No text acts as a pattern, and none reaches from one field into the next.
    for nothing in ["%%", "_rder%", "create*", "orderglobex", "' OR 1"] {
        assert!(search(text(nothing)).await.is_empty(), "{nothing}");
    }
    let tool = Some("create_order".to_owned());
    let next = Search { tool, after: Some(ids[0].clone()), limit: 1, ..Search::default() };
    assert_eq!(search(next).await, [1]);
}
