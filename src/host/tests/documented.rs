//! The page of metrics lists every counter and histogram of a host, and no others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;

use callgate_host::metrics::{Counter, Histogram};

const PAGE: &str = include_str!("../../../docs/reference/metrics.md");

/// Returns a counter as Prometheus shows it, with the labels of the rendered bootstrap.
fn shown(counter: Counter) -> String {
    let name = counter.name();
    let labels = match counter {
        Counter::CallsRefused(_)
        | Counter::CallsShadowed(_)
        | Counter::ExchangesShadowed(_)
        | Counter::CandidateRefused(_)
        | Counter::CandidateAllowed(_)
        | Counter::ExchangesRefused(_) => &["code"][..],
        Counter::ExchangesEnded(..) => &["dialect", "verdict"],
        Counter::Redacted(_) => &["kind"],
        _ => &[],
    };
    let words: Vec<&str> = name.split('.').collect();
    let stem = words[..words.len() - labels.len()].join("_");
    if labels.is_empty() { stem } else { format!("{stem}{{{}}}", labels.join(",")) }
}

#[test]
fn the_page_of_metrics_lists_all_of_a_host_and_no_others() {
    let counters = Counter::all().map(shown);
    let histograms = Histogram::ALL.into_iter().map(|histogram| histogram.name().replace('.', "_"));
    let own: BTreeSet<String> = counters.chain(histograms).collect();
    let (_, section) = PAGE.split_once("\n## Filter\n").unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `callgate_")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split("`, `callgate_"));
    let listed: BTreeSet<String> = names.map(|name| format!("callgate_{}", name.trim_end_matches('`'))).collect();
    assert_eq!(own, listed);
}
