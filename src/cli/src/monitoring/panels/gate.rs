//! Panels of the gate.

use super::super::panel::{Look, PLAIN, Panel, Scale, Series};

/// The colours of verdicts.
const VERDICTS: &[(&str, &str)] = &[
    ("pass", "blue"),
    ("allow", "green"),
    ("refuse", "orange"),
    ("error", "red"),
    ("shadow", "purple"),
    ("cancelled", "gray"),
];

pub(super) const PANELS: &[Panel] = &[
    Panel {
        title: "Exchanges by verdict",
        look: Look::Stacked,
        scale: Scale::Is("reqps"),
        series: &[Series {
            query: "sum by (verdict) (callgate:exchanges_ended:rate5m{$G})",
            legend: "{{verdict}}",
            empty: None,
        }],
        colors: VERDICTS,
        ..PLAIN
    },
    Panel {
        title: "Exchanges by dialect and verdict",
        look: Look::Stacked,
        scale: Scale::Is("reqps"),
        series: &[Series {
            query: "sum by (dialect, verdict) (callgate:exchanges_ended:rate5m{$G}) > 0",
            legend: "{{dialect}} {{verdict}}",
            empty: Some(("dialect", "no exchange")),
        }],
        ..PLAIN
    },
    Panel {
        title: "Calls by verdict",
        look: Look::Stacked,
        scale: Scale::Is("ops"),
        series: &[
            Series { query: "sum(rate(callgate_calls_released{$G}[5m]))", legend: "released", empty: None },
            Series { query: "sum(rate(callgate_calls_run{$G}[5m]))", legend: "run", empty: None },
            Series { query: "sum(callgate:calls_refused:rate5m{$G})", legend: "refused", empty: None },
        ],
        colors: &[("released", "green"), ("run", "blue"), ("refused", "orange")],
        ..PLAIN
    },
    Panel {
        title: "Refused calls by code",
        hint: "The page of codes explains each.",
        look: Look::Stacked,
        scale: Scale::Is("ops"),
        series: &[Series {
            query: "sum by (code) (callgate:calls_refused:rate5m{$G}) > 0",
            legend: "{{code}}",
            empty: Some(("code", "no refusal")),
        }],
        ..PLAIN
    },
    Panel {
        title: "Errors by code",
        hint: "The runbook by code has the likely cause of each.",
        look: Look::Stacked,
        scale: Scale::Is("reqps"),
        series: &[Series {
            query: "sum by (code) (callgate:exchanges_refused:rate5m{$G}) > 0",
            legend: "{{code}}",
            empty: Some(("code", "no error")),
        }],
        ..PLAIN
    },
    Panel {
        title: "Gate's own time",
        series: &[
            Series {
                query: "histogram_quantile(0.5, sum by (le) (callgate:filter_time_us_bucket:rate5m{$G}))",
                legend: "half",
                empty: None,
            },
            Series {
                query: "histogram_quantile(0.95, sum by (le) (callgate:filter_time_us_bucket:rate5m{$G}))",
                legend: "95 %",
                empty: None,
            },
            Series {
                query: "histogram_quantile(0.99, sum by (le) (callgate:filter_time_us_bucket:rate5m{$G}))",
                legend: "99 %",
                empty: None,
            },
        ],
        ..PLAIN
    },
    Panel {
        title: "Time held",
        hint: "95 % of exchanges were held for less. A held response waits for decisions, tools, or a person.",
        series: &[
            Series {
                query: "histogram_quantile(0.95, sum by (le) (rate(callgate_request_held_ms_bucket{$G}[5m])))",
                legend: "request",
                empty: None,
            },
            Series {
                query: "histogram_quantile(0.95, sum by (le) (callgate:response_held_ms_bucket:rate5m{$G}))",
                legend: "response",
                empty: None,
            },
        ],
        ..PLAIN
    },
    Panel {
        title: "Bytes held by one exchange",
        hint: "99 % of exchanges held less.",
        series: &[Series {
            query: "histogram_quantile(0.99, sum by (le) (rate(callgate_held_bytes_bucket{$G}[5m])))",
            legend: "99 %",
            empty: None,
        }],
        ..PLAIN
    },
    Panel {
        title: "Decisions and charges for the executor",
        hint: "Lost ones miss the audit log or the limits.",
        scale: Scale::Is("cps"),
        series: &[
            Series { query: "sum(rate(callgate_decisions_recorded{$G}[5m]))", legend: "recorded", empty: None },
            Series { query: "sum(rate(callgate_decisions_lost{$G}[5m]))", legend: "decisions lost", empty: None },
            Series { query: "sum(rate(callgate_charges_lost{$G}[5m]))", legend: "charges lost", empty: None },
            Series { query: "sum(rate(callgate_exchanges_uncounted{$G}[5m]))", legend: "uncounted", empty: None },
        ],
        colors: &[
            ("recorded", "green"),
            ("decisions lost", "red"),
            ("charges lost", "orange"),
            ("uncounted", "yellow"),
        ],
        ..PLAIN
    },
];

pub(super) const USAGE: &[Panel] = &[
    Panel {
        title: "Tokens",
        scale: Scale::Is("cps"),
        series: &[
            Series { query: "sum(rate(callgate_tokens_input{$G}[5m]))", legend: "input", empty: None },
            Series { query: "sum(rate(callgate_tokens_output{$G}[5m]))", legend: "output", empty: None },
        ],
        ..PLAIN
    },
    Panel {
        title: "Cost of an hour",
        hint: "In the contract's currency; zero without prices.",
        scale: Scale::Is("short"),
        series: &[Series {
            query: "sum(rate(callgate_cost_micros{$G}[5m])) * 3600 / 1000000",
            legend: "cost",
            empty: None,
        }],
        ..PLAIN
    },
    Panel {
        title: "Requests to the model for one exchange",
        hint: "The mean.",
        series: &[Series {
            query: "sum(rate(callgate_rounds_sum{$G}[5m])) / (sum(rate(callgate_rounds_count{$G}[5m])) > 0) or vector(0)",
            legend: "rounds",
            empty: None,
        }],
        ..PLAIN
    },
    Panel {
        title: "Shadow mode",
        hint: "What enforcement would refuse.",
        scale: Scale::Is("cps"),
        series: &[
            Series {
                query: "sum by (code) (rate(callgate_calls_shadowed{$G}[5m])) > 0",
                legend: "call {{code}}",
                empty: Some(("code", "none")),
            },
            Series {
                query: "sum by (code) (rate(callgate_exchanges_shadowed{$G}[5m])) > 0",
                legend: "exchange {{code}}",
                empty: Some(("code", "none")),
            },
        ],
        ..PLAIN
    },
    Panel {
        title: "Candidate contract",
        hint: "Calls on which the candidate differs from the active contract.",
        scale: Scale::Is("cps"),
        series: &[
            Series { query: "sum(rate(callgate_candidate_calls{$G}[5m]))", legend: "compared", empty: None },
            Series {
                query: "sum by (code) (rate(callgate_candidate_refused{$G}[5m])) > 0",
                legend: "refuses {{code}}",
                empty: Some(("code", "none")),
            },
            Series {
                query: "sum by (code) (rate(callgate_candidate_allowed{$G}[5m])) > 0",
                legend: "allows {{code}}",
                empty: Some(("code", "none")),
            },
        ],
        ..PLAIN
    },
    Panel {
        title: "Redacted values",
        scale: Scale::Is("cps"),
        series: &[Series {
            query: "sum by (kind) (rate(callgate_redacted{$G}[5m])) > 0",
            legend: "{{kind}}",
            empty: Some(("kind", "none")),
        }],
        ..PLAIN
    },
];
