//! One panel of the dashboard, in Grafana's JSON.

use serde_json::{Value, json};

use super::error::MonitoringError;
use super::query;
use super::table::MetricTable;

/// A panel. Its description lists the metrics that it shows, from the table.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// A sentence before the metrics; may be empty.
    pub(super) hint: &'static str,
    pub(super) look: Look,
    pub(super) scale: Scale,
    /// The width in columns; a row has 24.
    pub(super) width: u64,
    pub(super) series: &'static [Series],
    /// Colours from a value on, in rising order; green below the first.
    pub(super) steps: &'static [(f64, &'static str)],
    /// Colours of series by name.
    pub(super) colors: &'static [(&'static str, &'static str)],
}

/// A query, and the name of each series.
pub(super) struct Series {
    pub(super) query: &'static str,
    pub(super) legend: &'static str,
    /// A label and its value for the one series, of zeros, if the query finds nothing.
    pub(super) empty: Option<(&'static str, &'static str)>,
}

/// The kind of a panel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// One number, and its course.
    Stat,
    /// Lines over time.
    Lines,
    /// Areas over time, one on another.
    Stacked,
    /// The present values with their labels.
    Table,
}

/// The unit of a panel.
#[derive(Clone, Copy)]
pub(super) enum Scale {
    /// The unit of the metric, or a number.
    Own,
    /// Another unit, by Grafana's id.
    Is(&'static str),
}

/// A panel with nothing said; lists of panels take the rest from here.
pub(super) const PLAIN: Panel =
    Panel { title: "", hint: "", look: Look::Lines, scale: Scale::Own, width: 8, series: &[], steps: &[], colors: &[] };

// === impl Look ===

impl Look {
    pub(super) fn height(self) -> u64 {
        if self == Self::Stat { 4 } else { 8 }
    }

    fn plugin(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Lines | Self::Stacked => "timeseries",
            Self::Table => "table",
        }
    }

    /// Returns the `options` of the panel's plugin.
    fn options(self) -> Value {
        match self {
            Self::Stat => json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "orientation": "auto", "textMode": "value", "wideLayout": true, "colorMode": "value", "graphMode": "area",
                "justifyMode": "auto", "showPercentChange": false, "percentChangeColorMode": "standard",
            }),
            Self::Lines | Self::Stacked => json!({
                "legend": { "showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": [] },
                "tooltip": { "mode": "multi", "sort": "desc", "hideZeros": false },
            }),
            Self::Table => json!({ "showHeader": true, "cellHeight": "sm" }),
        }
    }

    /// Returns the `custom` field settings of the panel's plugin.
    fn custom(self) -> Value {
        match self {
            Self::Stat => json!({}),
            Self::Lines | Self::Stacked => json!({
                "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1,
                "fillOpacity": if self == Self::Stacked { 40 } else { 8 },
                "gradientMode": "none", "showPoints": "never", "spanNulls": false, "axisPlacement": "auto",
                "stacking": { "mode": if self == Self::Stacked { "normal" } else { "none" }, "group": "A" },
                "thresholdsStyle": { "mode": "off" },
            }),
            Self::Table => json!({ "align": "auto", "cellOptions": { "type": "auto" } }),
        }
    }
}

// === impl Panel ===

impl Panel {
    /// Returns the panel at a place of the grid.
    pub(super) fn json(
        &self,
        table: &MetricTable,
        id: usize,
        place: Value,
        inline: bool,
    ) -> Result<Value, MonitoringError> {
        let colors = if self.steps.is_empty() { "palette-classic" } else { "thresholds" };
        let low = [json!({ "color": "green", "value": null })];
        let steps = self.steps.iter().map(|(value, color)| json!({ "color": color, "value": value }));
        let mut defaults = json!({
            "unit": self.unit(table)?,
            "color": { "mode": colors },
            "thresholds": { "mode": "absolute", "steps": low.into_iter().chain(steps).collect::<Value>() },
            "mappings": [],
            "custom": self.look.custom(),
        });
        if let (Look::Lines | Look::Stacked, Some(defaults)) = (self.look, defaults.as_object_mut()) {
            defaults.insert("min".to_owned(), json!(0));
        }
        let color = |(name, color): &(&str, &str)| {
            json!({
                "matcher": { "id": "byName", "options": name },
                "properties": [{ "id": "color", "value": { "mode": "fixed", "fixedColor": color } }],
            })
        };
        let overrides: Vec<Value> = self.colors.iter().map(color).collect();
        let mut panel = json!({
            "id": id,
            "type": self.look.plugin(),
            "title": self.title,
            "description": self.description(table)?,
            "datasource": datasource(),
            "gridPos": place,
            "fieldConfig": { "defaults": defaults, "overrides": overrides },
            "options": self.look.options(),
            "targets": self.targets(inline),
        });
        if let (Look::Table, Some(panel)) = (self.look, panel.as_object_mut()) {
            let organize = json!({ "excludeByName": { "Time": true }, "indexByName": {}, "renameByName": { "Value": self.title } });
            panel.insert("transformations".to_owned(), json!([{ "id": "organize", "options": organize }]));
        }
        Ok(panel)
    }

    /// Returns Grafana's id of the unit.
    fn unit(&self, table: &MetricTable) -> Result<&'static str, MonitoringError> {
        if let Scale::Is(unit) = self.scale {
            return Ok(unit);
        }
        let query = self.series.first().map_or("", |series| series.query);
        let metrics = table.metrics_of(query, self.title)?;
        Ok(metrics.first().and_then(|metric| metric.unit).map_or("short", |unit| unit.grafana()))
    }

    /// Returns the hint, and a line for each metric.
    fn description(&self, table: &MetricTable) -> Result<String, MonitoringError> {
        let mut lines: Vec<String> = Vec::new();
        for series in self.series {
            for metric in table.metrics_of(series.query, self.title)? {
                let line = format!("`{}`: {}.", metric.name, metric.help);
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        if !self.hint.is_empty() {
            lines.insert(0, self.hint.to_owned());
        }
        Ok(lines.join("\n\n"))
    }

    fn targets(&self, inline: bool) -> Vec<Value> {
        let is_table = self.look == Look::Table;
        let target = |(series, letter): (&Series, char)| {
            json!({
                "refId": letter.to_string(),
                "datasource": datasource(),
                "editorMode": "code",
                "expr": series.expression(inline),
                "legendFormat": series.legend,
                "format": if is_table { "table" } else { "time_series" },
                "instant": is_table,
                "range": !is_table,
            })
        };
        self.series.iter().zip('A'..='Z').map(target).collect()
    }
}

// === impl Series ===

impl Series {
    /// Returns the query as Grafana sends it, but for the variables.
    fn expression(&self, inline: bool) -> String {
        let query = query::selected(self.query);
        let query = if inline { query::plain(&query) } else { query };
        match self.empty {
            None => query,
            Some((label, value)) => {
                format!(r#"{query} or on() label_replace(vector(0), "{label}", "{value}", "", "")"#)
            }
        }
    }
}

/// Returns the data source that the dashboard's variable chooses.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}
