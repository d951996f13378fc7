//! The table of metrics, `src/metrics.json`, and the names in a query.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::MonitoringError;
use super::query;

const TABLE: &str = include_str!("../../../metrics.json");

/// One metric, under its name in Prometheus.
#[derive(Debug, Deserialize)]
pub(super) struct Metric {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: MetricType,
    /// The unit of a value; none for a number of things.
    pub(super) unit: Option<MetricUnit>,
    /// One sentence without a full stop.
    pub(super) help: String,
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MetricType {
    Counter,
    Gauge,
    Histogram,
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MetricUnit {
    Microseconds,
    Milliseconds,
    Seconds,
    Bytes,
}

/// All metrics by name.
pub(super) struct MetricTable(BTreeMap<String, Metric>);

// === impl MetricUnit ===

impl MetricUnit {
    /// Returns Grafana's id of the unit.
    pub(super) fn grafana(self) -> &'static str {
        match self {
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
        }
    }
}

// === impl MetricTable ===

impl MetricTable {
    pub(super) fn read() -> Result<Self, MonitoringError> {
        let rows: Vec<Metric> = serde_json::from_str(TABLE)?;
        Ok(Self(rows.into_iter().map(|row| (row.name.clone(), row)).collect()))
    }

    /// Returns the metrics of a query in the order of their first use. Recorded series count as their metric.
    pub(super) fn metrics_of(&self, query: &str, place: &'static str) -> Result<Vec<&Metric>, MonitoringError> {
        let mut found: Vec<&Metric> = Vec::new();
        for name in names(&query::plain(query)) {
            let metric = self.named(name).ok_or_else(|| MonitoringError::Unknown { name: name.to_owned(), place })?;
            if !found.iter().any(|known| known.name == metric.name) {
                found.push(metric);
            }
        }
        Ok(found)
    }

    /// Returns the metric with this name, or the histogram whose part it is.
    fn named(&self, name: &str) -> Option<&Metric> {
        let part = || {
            let stem = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end))?;
            self.0.get(stem).filter(|metric| metric.kind == MetricType::Histogram)
        };
        let whole = self.0.get(name).filter(|metric| metric.kind != MetricType::Histogram);
        whole.or_else(part)
    }
}

/// Returns the words of a query that are names of metrics.
fn names(query: &str) -> impl Iterator<Item = &str> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    query.split(move |c| !in_name(c)).filter(|word| word.starts_with("callgate") || word.starts_with("process_"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests: a failed step is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_its_metrics_once_and_an_unknown_name_is_an_error() {
        let table = MetricTable::read().unwrap();
        let query = "histogram_quantile(0.95, sum by (le) (callgate:filter_time_us_bucket:rate5m)) + sum(callgate_filter_time_us_count) / callgate_rounds_sum";
        let found = table.metrics_of(query, "a test").unwrap();
        let names: Vec<&str> = found.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["callgate_filter_time_us", "callgate_rounds"]);
        for unknown in ["callgate_nothing", "callgate_filter_time_us", "callgate_calls_run_bucket", "callgate:x:rate5m"]
        {
            assert!(table.metrics_of(unknown, "a test").is_err(), "{unknown}");
        }
    }
}
