//! `monitoring`: it writes the committed dashboard and rules, and says which option is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failed step is a failed test"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use support::{callgate, repository};

fn written(options: &[&str]) -> String {
    let said = callgate(&[&["monitoring"], options].concat());
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    said.out
}

fn dashboard(options: &[&str]) -> Value {
    serde_json::from_str(&written(&[&["--target", "grafana"], options].concat())).unwrap()
}

/// Returns all panels, those of collapsed rows included.
fn panels(dashboard: &Value) -> Vec<Value> {
    let listed = dashboard["panels"].as_array().unwrap();
    listed
        .iter()
        .flat_map(|panel| std::iter::once(panel).chain(panel["panels"].as_array().into_iter().flatten()))
        .cloned()
        .collect()
}

#[test]
fn the_command_writes_the_committed_dashboard_and_rules() {
    for (file, target) in
        [("envoy/monitoring/dashboard.json", "grafana"), ("envoy/monitoring/rules.yaml", "prometheus")]
    {
        let committed = fs::read_to_string(repository().join(file)).unwrap_or_default();
        let again = format!("callgate monitoring --target {target} > {file}");
        assert!(committed == written(&["--target", target]), "{file} is out of date; write it again with:\n  {again}");
    }
}

#[test]
fn no_two_panels_overlap_and_none_leaves_the_grid() {
    let mut taken = BTreeSet::new();
    for panel in panels(&dashboard(&[])) {
        let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24 && at("w") > 0 && at("h") > 0, "{panel}");
        for cell in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} overlaps another panel at {cell:?}", panel["title"]);
        }
    }
}

#[test]
fn every_panel_has_a_data_source_a_unit_a_description_and_queries() {
    let all = panels(&dashboard(&[]));
    let ids: BTreeSet<u64> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "each panel has an id of its own");
    for panel in all.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        assert!(["stat", "timeseries", "table"].contains(&panel["type"].as_str().unwrap()), "{title}");
        assert!(!panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap().is_empty(), "{title}");
        assert!(panel["description"].as_str().unwrap().len() > 20, "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains(r#"cluster=~"$cluster""#), "{title}: {query}");
            assert!(!query.contains("$G") && !query.contains("$E"), "{title}: {query}");
        }
    }
}

#[test]
fn without_rules_no_query_needs_a_recorded_series_or_an_alert() {
    let with = panels(&dashboard(&[])).len();
    let without = dashboard(&["--without-rules"]);
    assert_eq!(panels(&without).len() + 1, with, "only the number of firing alerts is left out");
    let text = without.to_string();
    assert!(!text.contains("callgate:") && !text.contains("ALERTS"), "{text}");
}

#[test]
fn a_runbook_of_your_own_is_in_every_alert_and_in_the_dashboard() {
    let rules = written(&["--target", "prometheus", "--runbook", "https://wiki.example/alerts"]);
    let alerts = rules.matches("- alert: ").count();
    assert!(alerts > 30);
    assert_eq!(rules.matches("runbook_url: https://wiki.example/alerts#callgate").count(), alerts);
    assert_eq!(
        written(&["--target", "prometheus"]).matches("runbook: docs/operate/alerts.md#callgate").count(),
        alerts
    );
    assert_eq!(
        dashboard(&["--runbook", "https://wiki.example/alerts"])["links"][0]["url"],
        "https://wiki.example/alerts"
    );
}

#[test]
fn resources_of_kubernetes_hold_the_same_files() {
    let rule = written(&["--target", "prometheus", "--kubernetes", "watch"]);
    assert!(rule.contains("kind: PrometheusRule\nmetadata:\n  name: callgate\n  namespace: watch\nspec:\n"), "{rule}");
    let inner: String = rule
        .split_once("spec:\n")
        .unwrap()
        .1
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line)))
        .collect();
    assert_eq!(inner, written(&["--target", "prometheus"]));
    let map = written(&["--target", "grafana", "--kubernetes", "watch"]);
    let inner: String = map
        .split_once("callgate.json: |\n")
        .unwrap()
        .1
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap())
        .collect();
    assert_eq!(serde_json::from_str::<Value>(&inner).unwrap(), dashboard(&[]));
}

#[test]
fn a_wrong_option_is_named_with_an_example() {
    for (options, told) in [
        (&["--runbook", "wiki"][..], "--runbook \"wiki\": expected an address"),
        (&["--runbook", "https://a.example/#b"], "expected an address without `#`"),
        (&["--runbook", "https://a.example/\"\nexpr: vector(1)"], "expected an address"),
        (&["--kubernetes", "Prod"], "--kubernetes \"Prod\": expected the name of a namespace"),
        (&["--kubernetes", "a\nkind: Secret"], "expected the name of a namespace"),
    ] {
        for target in ["grafana", "prometheus"] {
            let said = callgate(&[&["monitoring", "--target", target], options].concat());
            assert_eq!((said.code, said.out.as_str()), (1, ""), "{options:?}");
            assert!(said.err.contains(told), "{said:?}");
        }
    }
}
