//! The table of metrics lists every counter and histogram of a host, and no others.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use callgate_host::metrics::{Counter, Histogram};
use serde_json::Value;

const TABLE: &str = include_str!("../../metrics.json");

/// The labels of a counter, in the order of the parts of its name.
fn labels(counter: Counter) -> &'static [&'static str] {
    match counter {
        Counter::CallsRefused(_)
        | Counter::CallsShadowed(_)
        | Counter::ExchangesShadowed(_)
        | Counter::CandidateRefused(_)
        | Counter::CandidateAllowed(_)
        | Counter::ExchangesRefused(_) => &["code"],
        Counter::ExchangesEnded(..) => &["dialect", "verdict"],
        Counter::Redacted(_) => &["kind"],
        _ => &[],
    }
}

/// Returns all metrics as Prometheus shows them with the rendered bootstrap: type, and the values of each label.
fn own() -> BTreeMap<String, (&'static str, BTreeMap<String, BTreeSet<String>>)> {
    let mut own = BTreeMap::new();
    for counter in Counter::all() {
        let (name, labels) = (counter.name(), labels(counter));
        let words: Vec<&str> = name.split('.').collect();
        let (stem, values) = words.split_at(words.len() - labels.len());
        let (_, known): &mut (_, BTreeMap<String, BTreeSet<String>>) =
            own.entry(stem.join("_")).or_insert(("counter", BTreeMap::new()));
        for (label, value) in labels.iter().zip(values) {
            known.entry((*label).to_owned()).or_default().insert((*value).to_owned());
        }
    }
    own.extend(Histogram::ALL.map(|histogram| (histogram.name().replace('.', "_"), ("histogram", BTreeMap::new()))));
    own
}

#[test]
fn the_table_of_metrics_lists_all_of_a_host_and_no_others() {
    let mut own = own();
    let rows: Vec<Value> = serde_json::from_str(TABLE).unwrap();
    for row in rows.iter().filter(|row| row["part"] == "gate") {
        let name = row["name"].as_str().unwrap();
        let (kind, values) = own.remove(name).unwrap_or_else(|| panic!("a host has no {name}"));
        assert_eq!(row["type"], kind, "{name}");
        let mut listed: BTreeMap<String, Vec<String>> =
            serde_json::from_value(row["labels"].clone()).unwrap_or_default();
        for (label, values) in values {
            let listed = listed.remove(&label).unwrap_or_else(|| panic!("{name} has the label {label}"));
            // Codes have a page of their own.
            assert!(
                listed.is_empty() || listed.into_iter().collect::<BTreeSet<_>>() == values,
                "{name}: {label}: {values:?}"
            );
        }
        assert!(listed.is_empty(), "{name} has no label {listed:?}");
        let ends = [("_us", "microseconds"), ("_ms", "milliseconds"), ("_bytes", "bytes")];
        let unit = ends.iter().find(|(end, _)| name.ends_with(end) && kind == "histogram").map(|(_, unit)| *unit);
        assert_eq!(row["unit"].as_str(), unit, "{name}");
    }
    assert!(own.is_empty(), "the table lacks {own:?}");
}
