//! Compares the callers' records with the effects and the audit log.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use callgate_proto::executor::v1::FailureKind;
use serde_json::Value;

use crate::executor::Executor;
use crate::load::{Ended, Made};

/// Figures of a comparison, for the report.
#[derive(Debug, Default)]
pub struct Truth {
    pub calls: usize,
    pub successes: usize,
    /// Successes of calls approved by a person.
    pub approved: usize,
    pub unknown: usize,
    pub unanswered: usize,
    pub records: usize,
    /// Each fault, in words.
    pub wrong: Vec<String>,
}

/// The number of effects of each call, by the call's number.
pub fn effects(files: &[&Path]) -> HashMap<i64, u32> {
    let mut counts = HashMap::new();
    for line in files
        .iter()
        .flat_map(|file| fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>())
    {
        let number = serde_json::from_str::<Value>(&line).ok().and_then(|line| line["n"].as_i64());
        *counts.entry(number.unwrap_or_else(|| panic!("a torn effect: {line:?}"))).or_default() += 1;
    }
    counts
}

/// Compares them; the executor has ended.
pub fn compare(executor: &Executor, made: &HashMap<i64, Made>, effects: &HashMap<i64, u32>) -> Truth {
    let mut truth = Truth { calls: made.len(), ..Truth::default() };
    let doubled: Vec<_> = effects.iter().filter(|(_, count)| **count > 1).collect();
    if !doubled.is_empty() {
        truth.wrong.push(format!("{} calls ran more than once: {:?}", doubled.len(), doubled.first()));
    }
    let (whole, told) = executor.audit(&["verify"], &executor.state(""));
    if !whole {
        truth.wrong.push(format!("the log is not whole: {told}"));
    }
    let (_, log) = executor.audit(&["export"], &executor.state(""));
    let mut successes = HashSet::new();
    let mut ends = HashSet::new();
    for record in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        truth.records += 1;
        let record = &record["record"];
        // Some versions of the export write it as text.
        let record = record.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| record.clone());
        let exchange = record["exchange_id"].as_str().unwrap_or_default().to_owned();
        if record["kind"] == "outcome" {
            if record["outcome"] == "success" {
                successes.insert(exchange.clone());
            }
            ends.insert(exchange);
        }
    }
    let mut lost = Vec::new();
    for (number, made) in made {
        let ran = effects.get(number).copied().unwrap_or_default();
        match &made.ended {
            Ended::Success(result) => {
                truth.successes += 1;
                truth.approved += usize::from(made.tool == "ask");
                if !result.contains(&format!("\"n\":{number}")) {
                    truth.wrong.push(format!("call {number} got another's result: {result}"));
                }
                if made.tool != "look" && ran != 1 {
                    truth.wrong.push(format!("call {number} succeeded and ran {ran} times"));
                }
                if !successes.contains(&made.exchange) {
                    lost.push(format!("success of call {number}"));
                }
            }
            Ended::Failed(FailureKind::Unknown, ..) => truth.unknown += 1,
            Ended::Failed(FailureKind::Unavailable | FailureKind::Denied, ..) => {
                truth.unanswered += 1;
            }
            Ended::Failed(kind, ..) => {
                if !ends.contains(&made.exchange) {
                    lost.push(format!("{kind:?} of call {number}"));
                }
            }
            Ended::Unanswered(_) => truth.unanswered += 1,
        }
    }
    if !lost.is_empty() {
        truth.wrong.push(format!("{} outcomes are not in the log: {:?}", lost.len(), lost.first()));
    }
    truth
}
