//! Panels of the executor's calls: outcomes, times, queue, backends.

use super::super::panel::{Look, PLAIN, Panel, Scale, Series};

/// The colours of outcomes that need an eye.
const OUTCOMES: &[(&str, &str)] = &[
    ("success", "green"),
    ("denied", "orange"),
    ("unknown", "red"),
    ("unavailable", "dark-red"),
    ("timeout", "yellow"),
];

pub(super) const PANELS: &[Panel] = &[
    Panel {
        title: "Calls by outcome",
        look: Look::Stacked,
        scale: Scale::Is("ops"),
        series: &[Series {
            query: "sum by (outcome) (callgate:executor_calls:rate5m{$E})",
            legend: "{{outcome}}",
            empty: Some(("outcome", "no call")),
        }],
        colors: OUTCOMES,
        ..PLAIN
    },
    Panel {
        title: "Refused and failed calls by tool",
        hint: "Rulings are decisions on calls that the application runs.",
        scale: Scale::Is("ops"),
        series: &[
            Series {
                query: r#"sum by (tool, outcome) (callgate:executor_calls:rate5m{outcome!="success", $E}) > 0"#,
                legend: "{{tool}} {{outcome}}",
                empty: Some(("outcome", "none")),
            },
            Series {
                query: r#"sum by (tool, outcome) (rate(callgate_executor_rulings_total{outcome!="released", $E}[5m])) > 0"#,
                legend: "{{tool}} ruling {{outcome}}",
                empty: Some(("outcome", "none")),
            },
        ],
        ..PLAIN
    },
    Panel {
        title: "Denied calls by code",
        look: Look::Stacked,
        scale: Scale::Is("ops"),
        series: &[Series {
            query: "sum by (kind) (rate(callgate_executor_denials_total{$E}[5m])) > 0",
            legend: "{{kind}}",
            empty: Some(("kind", "no denial")),
        }],
        ..PLAIN
    },
    Panel {
        title: "Duration by tool",
        hint: "95 % of calls took less.",
        series: &[Series {
            query: "histogram_quantile(0.95, sum by (tool, le) (callgate:executor_call_duration_seconds_bucket:rate5m{$E}))",
            legend: "{{tool}}",
            empty: Some(("tool", "no call")),
        }],
        ..PLAIN
    },
    Panel {
        title: "Queue",
        hint: "Calls that run, and calls that wait for a slot. A stuck slot belongs to a call that should have ended.",
        series: &[
            Series { query: "sum(callgate_executor_calls_running{$E})", legend: "running", empty: None },
            Series { query: "sum(callgate_executor_queue_length{$E})", legend: "waiting", empty: None },
            Series { query: "sum(callgate_executor_sandbox_stuck_slots{$E})", legend: "stuck", empty: None },
        ],
        colors: &[("running", "blue"), ("waiting", "orange"), ("stuck", "red")],
        ..PLAIN
    },
    Panel {
        title: "Wait for a slot",
        hint: "95 % of calls waited less.",
        series: &[Series {
            query: "histogram_quantile(0.95, sum by (le) (callgate:executor_queue_wait_seconds_bucket:rate5m{$E}))",
            legend: "95 %",
            empty: None,
        }],
        ..PLAIN
    },
    Panel {
        title: "Shed calls and refused connections",
        width: 6,
        scale: Scale::Is("cps"),
        series: &[
            Series {
                query: "sum by (kind) (rate(callgate_executor_calls_shed_total{$E}[5m]))",
                legend: "shed: {{kind}}",
                empty: None,
            },
            Series {
                query: "sum by (port, reason) (rate(callgate_executor_connections_refused_total{$E}[5m])) > 0",
                legend: "{{port}} connection: {{reason}}",
                empty: Some(("reason", "none refused")),
            },
        ],
        ..PLAIN
    },
    Panel {
        title: "Backends: requests",
        width: 6,
        scale: Scale::Is("reqps"),
        series: &[Series {
            query: "sum by (backend, result) (rate(callgate_executor_backend_requests_total{$E}[5m])) > 0",
            legend: "{{backend}} {{result}}",
            empty: Some(("backend", "no request")),
        }],
        ..PLAIN
    },
    Panel {
        title: "Backends: duration",
        width: 6,
        hint: "95 % of requests took less.",
        series: &[Series {
            query: "histogram_quantile(0.95, sum by (backend, le) (rate(callgate_executor_backend_request_duration_seconds_bucket{$E}[5m])))",
            legend: "{{backend}}",
            empty: Some(("backend", "no request")),
        }],
        ..PLAIN
    },
    Panel {
        title: "Backends: open breakers",
        width: 6,
        hint: "Executors whose breaker sends nothing, or only a probe.",
        series: &[Series {
            query: r#"sum by (backend) (callgate_executor_backend_breaker_state{state!="closed", $E})"#,
            legend: "{{backend}}",
            empty: Some(("backend", "no backend")),
        }],
        ..PLAIN
    },
];
