//! Numbers of the present.

use super::super::panel::{Look, PLAIN, Panel, Scale, Series};

const STAT: Panel = Panel { look: Look::Stat, width: 3, ..PLAIN };

pub(super) const PANELS: &[Panel] = &[
    Panel {
        title: "Firing alerts",
        hint: "Alerts of the rules that `callgate monitoring --target prometheus` writes.",
        scale: Scale::Is("short"),
        series: &[Series {
            query: r#"count(ALERTS{alertname=~"Callgate.*", alertstate="firing", cluster=~"$cluster"}) or vector(0)"#,
            legend: "firing",
            empty: None,
        }],
        steps: &[(1.0, "red")],
        ..STAT
    },
    Panel {
        title: "Exchanges",
        scale: Scale::Is("reqps"),
        series: &[Series { query: "sum(callgate:exchanges_ended:rate5m{$G})", legend: "exchanges", empty: None }],
        ..STAT
    },
    Panel {
        title: "Exchanges with an error",
        hint: "The share of exchanges that ended with an error.",
        scale: Scale::Is("percentunit"),
        series: &[Series {
            query: r#"sum(callgate:exchanges_ended:rate5m{verdict="error", $G}) / (sum(callgate:exchanges_ended:rate5m{$G}) > 0) or vector(0)"#,
            legend: "errors",
            empty: None,
        }],
        steps: &[(0.01, "orange"), (0.05, "red")],
        ..STAT
    },
    Panel {
        title: "Refused calls",
        hint: "The share of calls that the gate refused.",
        scale: Scale::Is("percentunit"),
        series: &[Series {
            query: "sum(callgate:calls_refused:rate5m{$G}) / ((sum(callgate:calls_refused:rate5m{$G}) + sum(rate(callgate_calls_released{$G}[5m])) \
                    + sum(rate(callgate_calls_run{$G}[5m]))) > 0) or vector(0)",
            legend: "refused",
            empty: None,
        }],
        steps: &[(0.05, "orange"), (0.2, "red")],
        ..STAT
    },
    Panel {
        title: "Failed executions",
        hint: "The share of the executor's calls that ended neither in success nor in a refusal.",
        scale: Scale::Is("percentunit"),
        series: &[Series {
            query: r#"sum(callgate:executor_calls:rate5m{outcome!~"success|denied", $E}) / (sum(callgate:executor_calls:rate5m{$E}) > 0) or vector(0)"#,
            legend: "failed",
            empty: None,
        }],
        steps: &[(0.02, "orange"), (0.1, "red")],
        ..STAT
    },
    Panel {
        title: "Approvals waiting",
        series: &[Series { query: "max(callgate_executor_approvals_pending{$E})", legend: "waiting", empty: None }],
        ..STAT
    },
    Panel {
        title: "Lost records",
        hint: "In the chosen range of time: decisions that miss the audit log, and charges that miss the limits.",
        scale: Scale::Is("short"),
        series: &[Series {
            query: "sum(increase(callgate_decisions_lost{$G}[$__range])) + sum(increase(callgate_charges_lost{$G}[$__range]))",
            legend: "lost",
            empty: None,
        }],
        steps: &[(1.0, "red")],
        ..STAT
    },
    Panel {
        title: "Free space",
        hint: "The smallest of all executors. Without space, no call runs.",
        series: &[Series { query: "min(callgate_executor_state_dir_free_bytes{$E})", legend: "free", empty: None }],
        ..STAT
    },
];
