//! The cost of whole exchanges in the engine, in time or in instructions.
//!
//! `cargo bench -p callgate-engine --bench exchange` measures time: each exchange, the stages of the one with two calls, and the parse of
//! the same bytes into trees. With `-- --instructions` it counts instructions instead, which are the same in every run on a machine, and
//! fails if a ratio of two counts is over its bound. That needs `valgrind`. `-- --repeat NAME TIMES` only runs an exchange, for a
//! profiler. Allocations are counted by the test `cost`, which has the same exchanges.

#![allow(missing_docs, reason = "a bench's name says what it measures")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot start may panic")]

#[path = "../../tests/cost/exchanges.rs"]
mod exchanges;
mod instructions;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use exchanges::{ANSWER, CASES, Case, REQUEST};

/// The name of the parse of the measured bytes into trees, among the cases.
const TREES: &str = "trees";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| *word != "--bench").collect();
    match words.as_slice() {
        ["--instructions"] => return instructions::compare(),
        ["--repeat", name, times] => repeat(name, times.parse().unwrap()),
        _ => time(),
    }
    ExitCode::SUCCESS
}

fn repeat(name: &str, times: usize) {
    if name == TREES {
        (0..times).for_each(|_| parse_trees());
        return;
    }
    let case = Case::named(CASES.into_iter().find(|case| *case == name).unwrap());
    (0..times).for_each(|_| case.whole());
}

fn parse_trees() {
    for text in [REQUEST, ANSWER] {
        black_box(serde_json::from_str::<serde_json::Value>(text).unwrap());
    }
}

fn time() {
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("exchange");
    for name in CASES {
        let case = Case::named(name);
        group.throughput(criterion::Throughput::Bytes(case.bytes() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| case.whole()));
    }
    group.finish();
    let mut group = criterion.benchmark_group("stage");
    let case = Case::named("two_calls");
    group.bench_function("head", |bencher| bencher.iter_with_large_drop(|| case.head()));
    group.bench_function("body", |bencher| {
        let run = |mut exchange| {
            case.body(&mut exchange);
            exchange
        };
        bencher.iter_batched(|| case.head(), run, BatchSize::SmallInput);
    });
    group.bench_function("response", |bencher| {
        let sent = || {
            let mut exchange = case.head();
            case.body(&mut exchange);
            exchange
        };
        let run = |mut exchange| {
            case.response_head(&mut exchange);
            case.response(&mut exchange);
            exchange
        };
        bencher.iter_batched(sent, run, BatchSize::SmallInput);
    });
    group.bench_function(TREES, |bencher| bencher.iter(parse_trees));
    group.finish();
    criterion.final_summary();
}
