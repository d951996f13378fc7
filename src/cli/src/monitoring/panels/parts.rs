//! Panels of the executor's parts: audit log, stores, approvals, counts, ports, and the process.

use super::super::panel::{Look, PLAIN, Panel, Scale, Series};

pub(super) const PANELS: &[Panel] = &[
    Panel {
        title: "Audit: lag of sinks",
        series: &[Series {
            query: "max by (sink) (callgate_executor_audit_lag_seconds{$E})",
            legend: "{{sink}}",
            empty: Some(("sink", "no sink")),
        }],
        ..PLAIN
    },
    Panel {
        title: "Audit: records",
        hint: "Held outcomes wait in memory for a write. Any failure stops calls.",
        scale: Scale::Is("cps"),
        series: &[
            Series {
                query: "sum(rate(callgate_executor_audit_records_total{$E}[5m]))",
                legend: "written",
                empty: None,
            },
            Series {
                query: "sum(rate(callgate_executor_audit_write_failures_total{$E}[5m]))",
                legend: "failed",
                empty: None,
            },
            Series {
                query: "sum(rate(callgate_executor_audit_conflicts_total{$E}[5m]))",
                legend: "conflicts",
                empty: None,
            },
        ],
        colors: &[("written", "green"), ("failed", "red"), ("conflicts", "purple")],
        ..PLAIN
    },
    Panel {
        title: "Stores and free space",
        series: &[
            Series { query: "max by (store) (callgate_executor_store_bytes{$E})", legend: "{{store}}", empty: None },
            Series { query: "min(callgate_executor_state_dir_free_bytes{$E})", legend: "free", empty: None },
        ],
        ..PLAIN
    },
    Panel {
        title: "Oldest waiting approval",
        width: 6,
        series: &[Series {
            query: "max(callgate_executor_approvals_oldest_seconds{$E})",
            legend: "oldest",
            empty: None,
        }],
        ..PLAIN
    },
    Panel {
        title: "Approvals",
        hint: "Answers of an hour, and calls that wait.",
        width: 6,
        scale: Scale::Is("short"),
        series: &[
            Series {
                query: "sum by (kind) (increase(callgate_executor_approval_answers_total{$E}[1h]))",
                legend: "{{kind}}",
                empty: None,
            },
            Series { query: "max(callgate_executor_approvals_pending{$E})", legend: "waiting", empty: None },
        ],
        colors: &[("approved", "green"), ("agreed", "blue"), ("denied", "orange"), ("waiting", "yellow")],
        ..PLAIN
    },
    Panel {
        title: "Idempotency and counts",
        hint: "Answers of the stores that several executors may share.",
        width: 6,
        scale: Scale::Is("cps"),
        series: &[
            Series {
                query: "sum by (kind) (rate(callgate_executor_once_total{$E}[5m])) > 0",
                legend: "call: {{kind}}",
                empty: Some(("kind", "none")),
            },
            Series {
                query: "sum by (kind) (rate(callgate_executor_admissions_total{$E}[5m])) > 0",
                legend: "count: {{kind}}",
                empty: Some(("kind", "none")),
            },
            Series {
                query: "sum by (kind) (rate(callgate_executor_charges_total{$E}[5m])) > 0",
                legend: "charge: {{kind}}",
                empty: Some(("kind", "none")),
            },
        ],
        ..PLAIN
    },
    Panel {
        title: "Connections",
        width: 6,
        series: &[Series {
            query: "sum by (port) (callgate_executor_connections{$E})",
            legend: "{{port}}",
            empty: None,
        }],
        ..PLAIN
    },
    Panel {
        title: "Certificate ends in",
        hint: "A port without TLS has no certificate.",
        look: Look::Table,
        scale: Scale::Is("s"),
        series: &[Series {
            query: "min by (instance, port) (callgate_executor_certificate_not_after_timestamp_seconds{$E} - time())",
            legend: "",
            empty: Some(("port", "no TLS")),
        }],
        ..PLAIN
    },
    Panel {
        title: "Up for",
        hint: "Versions of the executors. Gate and executor of one release belong together.",
        look: Look::Table,
        scale: Scale::Is("s"),
        series: &[Series {
            query: "sum by (instance, version) (callgate_executor_build_info{$E} * on (cluster, job, instance) group_left () \
                    (time() - process_start_time_seconds{$E}))",
            legend: "",
            empty: None,
        }],
        ..PLAIN
    },
    Panel {
        title: "Executor's memory",
        series: &[Series {
            query: "process_resident_memory_bytes{$E} and on (cluster, job, instance) callgate_executor_build_info{$E}",
            legend: "{{instance}}",
            empty: None,
        }],
        ..PLAIN
    },
];
