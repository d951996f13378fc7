//! The cost of one text delta in the engine, by dialect, beside one parse of its JSON into a tree.
//!
//! `same` is the common case: each event differs from the one before in its text only. `other` spells every second event so that
//! it has to be parsed in full. Both are one event of a stream whose request was let through; times are for one event.

#![allow(missing_docs, reason = "a bench's name says what it measures")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that cannot start may panic")]

#[path = "../tests/suite/text_deltas/samples.rs"]
mod samples;

use std::hint::black_box;
use std::time::Duration;

use callgate_engine::Exchange;
use callgate_wire::DIALECTS;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use samples::{events, framed, samples, streaming, tell};

const EVENTS: usize = 200;

fn text_delta(criterion: &mut Criterion) {
    let samples = samples();
    for row in DIALECTS.iter().filter(|row| row.dialect().is_some()) {
        let framing = row.dialect().unwrap().framing();
        let Some(sample) = samples.get(row.key) else { panic!("no sample of a text delta for `{}`", row.key) };
        let mut group = criterion.benchmark_group(row.key);
        group.throughput(criterion::Throughput::Elements(EVENTS as u64));
        for (name, other) in [("same", false), ("other", true)] {
            let events: Vec<Vec<u8>> =
                events(sample, EVENTS, other).iter().map(|event| framed(framing, event)).collect();
            group.bench_function(name, |bencher| {
                let run = |mut exchange: Exchange| {
                    for event in &events {
                        tell(&mut exchange, event);
                    }
                    exchange
                };
                bencher.iter_batched(|| streaming(row, sample), run, BatchSize::SmallInput);
            });
        }
        let events = events(sample, EVENTS, false);
        group.bench_function("a tree of its JSON", |bencher| {
            bencher.iter(|| {
                for event in &events {
                    let json = event.get(event.find('{').unwrap()..).unwrap();
                    black_box(serde_json::from_str::<serde_json::Value>(json).unwrap());
                }
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = text_delta
}
criterion_main!(benches);
