//! The rules for Prometheus: recorded series, and alerts.

use super::alerts::{Alert, GROUPS};
use super::error::MonitoringError;
use super::query::RECORDED;
use super::table::MetricTable;

/// The page with a section for each alert.
const PAGE: &str = "docs/operate/alerts.md";

const HEAD: &str = "\
# Recording rules and alerts for Callgate.
# Written by `callgate monitoring --target prometheus`. You may change thresholds and labels.
#
# A series of a gate that Prometheus scrapes through Envoy's `/stats/prometheus` begins with `callgate_`, one of an executor with
# `callgate_executor_`. The rules keep the labels of their targets, such as `cluster`, `namespace` and `instance`.
groups:
  - name: callgate-recorded
    rules:
";

/// Returns the rules.
pub(super) fn write(table: &MetricTable, runbook: Option<&str>) -> Result<String, MonitoringError> {
    let runbook = runbook.map(address).transpose()?;
    let mut rules = HEAD.to_owned();
    for recorded in &RECORDED {
        table.metrics_of(recorded.metric, recorded.name)?;
        rules.push_str(&format!("      - record: {}\n        expr: rate({}[5m])\n", recorded.name, recorded.metric));
    }
    for group in GROUPS {
        rules.push_str(&format!("  - name: {}\n    rules:\n", group.name));
        for alert in group.alerts {
            table.metrics_of(alert.query, alert.name)?;
            rules.push_str(&alert_yaml(alert, runbook));
        }
    }
    Ok(rules)
}

/// Returns the groups of alerts as JSON.
pub(super) fn list(table: &MetricTable) -> Result<String, MonitoringError> {
    for alert in GROUPS.iter().flat_map(|group| group.alerts) {
        table.metrics_of(alert.query, alert.name)?;
    }
    Ok(serde_json::to_string_pretty(GROUPS)? + "\n")
}

/// Checks the address of a page of alerts.
pub(super) fn address(runbook: &str) -> Result<&str, MonitoringError> {
    let is_web = runbook.starts_with("https://") || runbook.starts_with("http://");
    let is_plain = runbook.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '#' | '"' | '\\' | '{' | '}'));
    if is_web && is_plain { Ok(runbook) } else { Err(MonitoringError::Runbook(runbook.to_owned())) }
}

fn alert_yaml(alert: &Alert, runbook: Option<&str>) -> String {
    let section = alert.name.to_ascii_lowercase();
    let runbook = match runbook {
        Some(address) => format!("runbook_url: {address}#{section}"),
        None => format!("runbook: {PAGE}#{section}"),
    };
    let query: String = alert.query.lines().map(|line| format!("          {line}\n")).collect();
    let Alert { name, wait, severity, summary, cause, action, .. } = alert;
    format!(
        "      - alert: {name}\n        expr: |-\n{query}        for: {wait}\n        labels: {{ severity: {} }}\n        annotations:\n          \
         summary: {}\n          description: {}\n          {runbook}\n",
        severity.as_str(),
        quoted(summary),
        quoted(&format!("{cause} {action}")),
    )
}

/// Returns a text as a YAML scalar in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
