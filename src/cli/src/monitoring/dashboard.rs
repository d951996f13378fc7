//! The dashboard: its variables, and the grid of its panels.

use serde_json::{Value, json};

use super::error::MonitoringError;
use super::panel::{Look, Panel, datasource};
use super::panels::{SECTIONS, Section};
use super::table::MetricTable;

/// The version of Grafana's JSON model that this file follows. Grafana migrates older ones.
const SCHEMA_VERSION: u64 = 42;
/// The columns of Grafana's grid.
const COLUMNS: u64 = 24;

/// A place of the grid that fills from left to right.
#[derive(Default)]
struct Cursor {
    column: u64,
    row: u64,
    /// The height of the panels in the current row.
    height: u64,
}

/// Returns the dashboard. `inline`: with the expressions of recorded series in place of their names.
pub(super) fn write(table: &MetricTable, runbook: Option<&str>, inline: bool) -> Result<String, MonitoringError> {
    let mut links = Vec::new();
    if let Some(runbook) = runbook {
        let address = super::rules::address(runbook)?;
        links.push(json!({ "type": "link", "title": "Alerts", "url": address, "icon": "doc", "targetBlank": true }));
    }
    let dashboard = json!({
        "uid": "callgate",
        "title": "Callgate",
        "description": "Gate and executor of Callgate. Written by `callgate monitoring --target grafana`.",
        "tags": ["callgate"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": { "from": "now-3h", "to": "now" },
        "timezone": "browser",
        "timepicker": {},
        "annotations": { "list": [annotation()] },
        "templating": { "list": variables() },
        "links": links,
        "panels": grid(table, inline)?,
    });
    Ok(serde_json::to_string_pretty(&dashboard)? + "\n")
}

/// Returns rows and panels. No two overlap.
fn grid(table: &MetricTable, inline: bool) -> Result<Vec<Value>, MonitoringError> {
    let mut cursor = Cursor::default();
    let mut panels = Vec::new();
    let mut id = 0_usize;
    for Section { title, collapsed, panels: listed } in SECTIONS {
        id = id.saturating_add(1);
        let place = cursor.take(COLUMNS, 1);
        let mut row =
            json!({ "id": id, "type": "row", "title": title, "collapsed": collapsed, "gridPos": place, "panels": [] });
        let mut inside = Vec::new();
        for panel in listed.iter().filter(|panel| !(inline && needs_rules(panel))) {
            id = id.saturating_add(1);
            let place = cursor.take(panel.width, panel.look.height());
            inside.push(panel.json(table, id, place, inline)?);
        }
        cursor.next_row();
        // A collapsed row holds its panels; the panels of an open one follow it.
        if *collapsed {
            if let Some(row) = row.as_object_mut() {
                row.insert("panels".to_owned(), Value::Array(inside));
            }
            panels.push(row);
        } else {
            panels.push(row);
            panels.append(&mut inside);
        }
    }
    Ok(panels)
}

/// Returns true for a panel of the alerts themselves.
fn needs_rules(panel: &Panel) -> bool {
    panel.look == Look::Stat && panel.series.iter().any(|series| series.query.contains("ALERTS"))
}

/// Returns the variables: data source, cluster, instances of gate and executor.
fn variables() -> Vec<Value> {
    let source = json!({
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "regex": "",
        "current": { "text": "default", "value": "default" }, "options": [], "refresh": 1, "includeAll": false, "multi": false, "hide": 0,
    });
    let of_label = |name: &str, label: &str, query: &str| {
        json!({
            "name": name, "label": label, "type": "query", "datasource": datasource(),
            "query": { "query": query, "refId": name }, "definition": query, "regex": "", "refresh": 2, "sort": 1,
            // Series without the label match too.
            "includeAll": true, "allValue": ".*", "multi": true, "hide": 0,
            "current": { "text": ["All"], "value": ["$__all"] }, "options": [],
        })
    };
    vec![
        source,
        of_label(
            "cluster",
            "Cluster",
            r#"label_values({__name__=~"callgate_calls_run|callgate_executor_build_info"}, cluster)"#,
        ),
        of_label("gate", "Gate", r#"label_values(callgate_calls_run{cluster=~"$cluster"}, instance)"#),
        of_label(
            "executor",
            "Executor",
            r#"label_values(callgate_executor_build_info{cluster=~"$cluster"}, instance)"#,
        ),
    ]
}

/// Returns the marks of reloads: a change of behaviour often follows one.
fn annotation() -> Value {
    let query = r#"sum by (what, result) (increase(callgate_executor_reloads_total{cluster=~"$cluster", instance=~"$executor"}[$__rate_interval])) > 0"#;
    json!({
        "name": "Reloads", "enable": true, "hide": false, "iconColor": "blue", "datasource": datasource(),
        "target": { "refId": "Reloads", "expr": query, "interval": "60s" },
        "titleFormat": "Reload of {{what}}: {{result}}",
    })
}

// === impl Cursor ===

impl Cursor {
    /// Returns the next place of this size.
    fn take(&mut self, width: u64, height: u64) -> Value {
        if self.column.saturating_add(width) > COLUMNS {
            self.next_row();
        }
        let place = json!({ "x": self.column, "y": self.row, "w": width, "h": height });
        self.column = self.column.saturating_add(width);
        self.height = self.height.max(height);
        place
    }

    fn next_row(&mut self) {
        self.row = self.row.saturating_add(self.height);
        (self.column, self.height) = (0, 0);
    }
}
