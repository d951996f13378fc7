//! Decisions on the same call: equal, repeated and contradicting ones.

use std::sync::Arc;

use callgate_audit::{Appended, AuditEvent, Entry, Query, Source, Verdict};

use super::{StateFolder, decision, outcome};

fn denied(source: Source, exchange: &str, position: u32, code: &str) -> Entry {
    let event =
        AuditEvent::Decision { verdict: Verdict::Deny, code: code.into(), pointer: String::new(), approval_id: None };
    Entry { event, ..decision(source, exchange, position) }
}

/// Returns kind and `of` of all records.
fn kinds(state: &StateFolder) -> Vec<(String, u64)> {
    let kind = |text: &str| {
        let record: serde_json::Value = serde_json::from_str(text).unwrap();
        (record["kind"].as_str().unwrap().to_owned(), record["of"].as_u64().unwrap_or(0))
    };
    let query = Query { limit: 1000, ..Query::default() };
    state.reader().query(&query).unwrap().iter().map(|record| kind(&record.text)).collect()
}

fn listed(kinds: &[(&str, u64)]) -> Vec<(String, u64)> {
    kinds.iter().map(|(kind, of)| ((*kind).to_owned(), *of)).collect()
}

#[tokio::test]
async fn a_contradicting_decision_of_the_filter_is_recorded_once() {
    let state = StateFolder::new();
    let log = state.open();
    assert_eq!(log.append(decision(Source::Filter, "e-1", 0)).await.unwrap(), Appended::New);
    assert_eq!(log.append(decision(Source::Filter, "e-1", 0)).await.unwrap(), Appended::Repeat);
    let contradiction = denied(Source::Filter, "e-1", 0, "tainted");
    assert_eq!(log.append(contradiction.clone()).await.unwrap(), Appended::Conflict);
    assert_eq!(log.append(contradiction).await.unwrap(), Appended::Repeat);
    let mut other = decision(Source::Filter, "e-1", 0);
    Arc::make_mut(&mut other.call).arguments_digest = "2".repeat(64);
    assert_eq!(log.append(other).await.unwrap(), Appended::Conflict);
    assert_eq!(kinds(&state), listed(&[("decision", 0), ("conflict", 1), ("conflict", 1)]));
    assert_eq!(state.whole(), 3);
}

#[tokio::test]
async fn contradictions_of_one_call_are_bounded() {
    let state = StateFolder::new();
    let log = state.open();
    for code in 0..30 {
        let _ = log.append(denied(Source::Filter, "e-1", 0, &format!("code_{code}"))).await.unwrap();
    }
    assert_eq!(state.whole(), 9);
}

#[tokio::test]
async fn a_call_refused_by_the_filter_and_run_by_the_executor_is_a_conflict_in_either_order() {
    let state = StateFolder::new();
    let log = state.open();
    log.append(denied(Source::Filter, "e-1", 0, "tainted")).await.unwrap();
    assert_eq!(log.append(decision(Source::Executor, "e-1", 0)).await.unwrap(), Appended::Conflict);
    log.append(decision(Source::Executor, "e-2", 0)).await.unwrap();
    log.append(outcome("e-2", 0)).await.unwrap();
    assert_eq!(log.append(denied(Source::Filter, "e-2", 0, "tainted")).await.unwrap(), Appended::Conflict);
    let (decided, ended) = (("decision", 0), ("outcome", 0));
    assert_eq!(kinds(&state), listed(&[decided, decided, ("conflict", 1), decided, ended, decided, ("conflict", 4)]));
    // Another call of the same exchange does not contradict it.
    assert_eq!(log.append(decision(Source::Executor, "e-2", 1)).await.unwrap(), Appended::New);
    assert_eq!(state.whole(), 8);
}

#[tokio::test]
async fn a_repeated_refusal_leaves_a_repeat_record() {
    let state = StateFolder::new();
    let log = state.open();
    let refused = || denied(Source::Executor, "e-1", 0, "arguments_invalid");
    assert_eq!(log.append(refused()).await.unwrap(), Appended::New);
    assert_eq!(log.append(refused()).await.unwrap(), Appended::Repeat);
    assert_eq!(kinds(&state), listed(&[("decision", 0), ("repeat", 0)]));
    assert_eq!(state.whole(), 2);
}
