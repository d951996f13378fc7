//! Alerts on the audit log, its disk and its sinks, and on other lost records.

use super::Alert;
use super::Severity::{Critical, Warning};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "CallgateAuditWritesFail",
        query: "increase(callgate_executor_audit_write_failures_total[5m]) > 0 or callgate_executor_audit_held_outcomes > 0",
        wait: "1m",
        severity: Critical,
        summary: "The executor cannot write audit records, so calls do not run",
        cause: "A full disk, or a log that was deleted, replaced or cut.",
        action: "Free space. Else verify the log with `callgate audit verify`.",
    },
    Alert {
        name: "CallgateAuditConflicts",
        query: "increase(callgate_executor_audit_conflicts_total[1h]) > 0",
        wait: "1m",
        severity: Critical,
        summary: "Gate and executor decided a call differently",
        cause: "Different versions or facts on both sides, or a forged request to the executor.",
        action: "Find the records with `callgate audit show`. If no attack explains them, please report it.",
    },
    Alert {
        name: "CallgateAuditLag",
        query: "callgate_executor_audit_lag_seconds > 300",
        wait: "10m",
        severity: Warning,
        summary: "Audit records reach a sink more than 5 minutes late",
        cause: "The sink is down or slow. No record is lost: each waits in the audit log.",
        action: "Look at the sink named in the label, and at `audit_delivery_failures_total`.",
    },
    Alert {
        name: "CallgateDiskFull",
        query: "callgate_executor_state_dir_free_bytes < 268435456",
        wait: "1m",
        severity: Critical,
        summary: "The disk of the state directory has less than 256 MiB",
        cause: "The audit log grew, or something else fills the disk. Below a quarter of `audit.minFree` no calls are taken.",
        action: "Free space, lower `audit.keep`, or set `audit.archive`.",
    },
    Alert {
        name: "CallgateDiskFills",
        query: "predict_linear(callgate_executor_state_dir_free_bytes[6h], 86400) < 0",
        wait: "1h",
        severity: Warning,
        summary: "The disk of the state directory will be full within a day",
        cause: "As for CallgateDiskFull.",
        action: "As for CallgateDiskFull, with a day left.",
    },
    Alert {
        name: "CallgateTelemetryLost",
        query: "increase(callgate_executor_spans_dropped_total[10m]) > 0 or increase(callgate_executor_log_lines_dropped_total[10m]) > 0",
        wait: "10m",
        severity: Warning,
        summary: "The executor drops spans or log lines",
        cause: "The collector is down, or nobody reads standard error.",
        action: "The log has one line with the reason and the field to correct.",
    },
];
