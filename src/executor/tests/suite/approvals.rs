//! What an approval is bound to, how often it counts, how long, and what is told of it.

use std::path::Path;

use callgate_executor::approvals::{Answer, AnswerError, ApprovalError, Approvals, Ask, Claim, Filter, State};
use callgate_executor::audit::{AuditError, AuditLog};
use callgate_executor::config::Config;
use callgate_executor::state::StateError;
use tokio::task::JoinSet;

use crate::once::config;

pub(crate) fn open(folder: &Path, more: &str) -> Approvals {
    let config = config(folder, more);
    Approvals::open(&config, audit(&config)).unwrap()
}

/// Opens the audit log; what had it before may still be closing it.
pub(crate) fn audit(config: &Config) -> AuditLog {
    for _ in 0..500 {
        match AuditLog::open(config) {
            Ok(log) => return log,
            Err(AuditError::State(StateError::InUse { .. })) => {
                std::thread::sleep(std::time::Duration::from_millis(10))
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the audit log was never given back");
}

pub(crate) fn ask() -> Ask {
    Ask {
        tenant: "acme".into(),
        role: "clerk".into(),
        contract_digest: format!("sha256:{}", "ab".repeat(32)),
        tool: "create_order".into(),
        arguments: r#"{"quantity":2,"sku":"A-100"}"#.into(),
        exchange_id: "exchange-1".into(),
    }
}

fn answer(approved: bool) -> Answer {
    Answer { approved, by: "alice".into(), reason: "as agreed".into() }
}

async fn pending(approvals: &Approvals, ask: &Ask) -> String {
    match approvals.claim(ask).await.unwrap() {
        Claim::Pending { approval_id, .. } => approval_id,
        other => panic!("expected a pending request, found {other:?}"),
    }
}

#[tokio::test]
async fn an_approved_call_is_granted_once_and_then_asked_for_anew() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let id = pending(&approvals, &ask()).await;
    assert_eq!(pending(&approvals, &ask()).await, id, "a repeat does not ask a second time");
    let approved = approvals.answer(&id, answer(true)).await.unwrap();
    assert!(matches!(&approved.state, State::Approved(answered) if answered.by == "alice"), "{approved:?}");

    let repeat = Ask { exchange_id: "exchange-2".into(), ..ask() };
    assert_eq!(approvals.claim(&repeat).await.unwrap(), Claim::Granted { approval_id: id.clone() });
    assert!(matches!(approvals.get(&id).await.unwrap().unwrap().state, State::Used { .. }));
    assert_ne!(pending(&approvals, &repeat).await, id);
}

#[tokio::test]
async fn an_approval_counts_for_nothing_but_what_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(true)).await.unwrap();
    let others = [
        Ask { tenant: "globex".into(), ..ask() },
        Ask { role: "manager".into(), ..ask() },
        Ask { contract_digest: format!("sha256:{}", "cd".repeat(32)), ..ask() },
        Ask { tool: "cancel_order".into(), ..ask() },
        Ask { arguments: r#"{"quantity":200,"sku":"A-100"}"#.into(), ..ask() },
        // The same bytes, cut elsewhere.
        Ask { tenant: "acmec".into(), role: "lerk".into(), ..ask() },
    ];
    for other in &others {
        assert_ne!(pending(&approvals, other).await, id, "{other:?}");
    }
    assert_eq!(approvals.claim(&ask()).await.unwrap(), Claim::Granted { approval_id: id });
}

#[tokio::test]
async fn a_refusal_is_told_once_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(false)).await.unwrap();
    let refused = Claim::Refused { approval_id: id.clone(), reason: "as agreed".into() };
    assert_eq!(approvals.claim(&ask()).await.unwrap(), refused);
    assert_ne!(pending(&approvals, &ask()).await, id);
}

#[tokio::test]
async fn a_second_answer_is_an_error_whatever_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(false)).await.unwrap();
    for approved in [true, false] {
        assert!(matches!(approvals.answer(&id, answer(approved)).await, Err(AnswerError::Answered)));
    }
    assert!(matches!(approvals.get(&id).await.unwrap().unwrap().state, State::Denied(_)));
    assert!(matches!(approvals.answer("no-such", answer(true)).await, Err(AnswerError::NotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_approvers_at_once_one_answers_and_of_many_claims_one_is_granted() {
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
async fn an_expired_request_cannot_be_answered_and_is_asked_anew() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "approvals: { expiry: 1s }\n");
    let id = pending(&approvals, &ask()).await;
    expire(&approvals, &id).await;
    assert!(matches!(approvals.answer(&id, answer(true)).await, Err(AnswerError::Expired)));
    assert_ne!(pending(&approvals, &ask()).await, id);
    assert!(matches!(approvals.get(&id).await.unwrap().unwrap().state, State::Expired));
}

#[tokio::test]
async fn an_approval_that_is_not_used_in_time_counts_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "approvals: { expiry: 1s }\n");
    let id = pending(&approvals, &ask()).await;
    approvals.answer(&id, answer(true)).await.unwrap();
    expire(&approvals, &id).await;
    assert_ne!(pending(&approvals, &ask()).await, id);
}

/// Waits until the store itself says that the time is over.
async fn expire(approvals: &Approvals, id: &str) {
    while !matches!(approvals.get(id).await.unwrap().unwrap().state, State::Expired) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_tenant_that_asks_without_end_is_stopped_and_others_are_not() {
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
async fn arguments_that_nobody_would_read_are_refused() {
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
async fn lists_tell_what_waits_from_the_oldest_and_what_has_ended_from_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let approvals = open(folder.path(), "");
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(pending(&approvals, &Ask { arguments: format!("{{\"n\":{n}}}"), ..ask() }).await);
    }
    for id in &ids[..2] {
        approvals.answer(id, answer(false)).await.unwrap();
    }
    let list = async |filter, before: Option<&String>, at_most| {
        let listed = approvals.list(filter, before.cloned(), at_most).await.unwrap();
        listed.into_iter().map(|request| request.id).collect::<Vec<_>>()
    };
    assert_eq!(list(Filter::Pending, None, 10).await, ids[2..]);
    assert_eq!(list(Filter::Pending, Some(&ids[2]), 1).await, ids[3..4]);
    assert_eq!(list(Filter::Ended, None, 10).await, [ids[1].clone(), ids[0].clone()]);
    assert_eq!(list(Filter::All, Some(&ids[1]), 10).await, [ids[0].clone()]);
}
