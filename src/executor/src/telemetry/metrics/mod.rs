//! Metrics for Prometheus: one set for the process, registered once, shared by all parts.
//!
//! **Labels are bounded.** A label is a name from a contract or the configuration, or a value of an enum: never a text
//! of a model or a caller. A call of a tool outside every contract has an empty `tool`; tenants are not labels.
//!
//! **A counter with fixed labels begins at zero.** If it began with its first event, Prometheus would see no increase, and no
//! alert would fire. `src/metrics.json` lists every metric.

mod calls;
mod counts;
mod labels;
mod parts;
mod process;
mod stores;

use std::fmt;
use std::sync::Arc;

use callgate_approvals::ApprovalMetrics;
use callgate_audit::AuditMetrics;
use callgate_sandbox::ModuleMetrics;
use prometheus_client::encoding::text;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use self::calls::{CallMetrics, CountedCall, Shed};
pub use self::counts::CountMetrics;
pub use self::parts::{Closed, ConnectionRefusal, Connections, Reloads, Spans};
use self::process::{LogLines, Process};
pub use self::stores::{Once, Stores};
use crate::backends::BackendMetrics;

/// The prefix of every name.
const PREFIX: &str = "callgate_executor";

/// All metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<All>);

struct All {
    registry: Registry,
    calls: CallMetrics,
    modules: ModuleMetrics,
    backends: BackendMetrics,
    once: Once,
    counts: CountMetrics,
    audit: AuditMetrics,
    stores: Stores,
    approvals: ApprovalMetrics,
    reloads: Reloads,
    connections: Connections,
    spans: Spans,
}

// === impl Metrics ===

impl Metrics {
    /// Creates all metrics, at zero.
    pub fn new() -> Self {
        let mut root = Registry::default();
        root.register_collector(Box::new(Process));
        let registry = root.sub_registry_with_prefix(PREFIX);
        registry.register_collector(Box::new(LogLines));
        registry.register("build", "This program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        Self(Arc::new(All {
            calls: CallMetrics::register(registry),
            modules: ModuleMetrics::register(registry),
            backends: BackendMetrics::register(registry),
            once: Once::register(registry),
            counts: CountMetrics::register(registry),
            audit: AuditMetrics::register(registry),
            stores: Stores::register(registry),
            approvals: ApprovalMetrics::register(registry),
            reloads: Reloads::register(registry),
            connections: Connections::register(registry),
            spans: Spans::register(registry),
            registry: root,
        }))
    }

    /// CallMetrics and the queue before them.
    pub fn calls(&self) -> &CallMetrics {
        &self.0.calls
    }

    /// Loaded and compiled modules.
    pub fn modules(&self) -> &ModuleMetrics {
        &self.0.modules
    }

    /// Requests to backends.
    pub fn backends(&self) -> &BackendMetrics {
        &self.0.backends
    }

    /// Repeated calls.
    pub fn once(&self) -> &Once {
        &self.0.once
    }

    /// Counts for contracts with `limits.store: executor`.
    pub fn counts(&self) -> &CountMetrics {
        &self.0.counts
    }

    /// The audit log and its sinks.
    pub fn audit(&self) -> &AuditMetrics {
        &self.0.audit
    }

    /// The stores of the state directory, and its file system.
    pub fn stores(&self) -> &Stores {
        &self.0.stores
    }

    /// Calls waiting for a person, and people's answers.
    pub fn approvals(&self) -> &ApprovalMetrics {
        &self.0.approvals
    }

    /// Reloads while running.
    pub fn reloads(&self) -> &Reloads {
        &self.0.reloads
    }

    /// Connections to this executor.
    pub fn connections(&self) -> &Connections {
        &self.0.connections
    }

    /// Spans for the collector.
    pub fn spans(&self) -> &Spans {
        &self.0.spans
    }

    /// Returns the page for Prometheus, in the OpenMetrics text format.
    ///
    /// # Errors
    /// Never with a `String`, by the library's own word.
    pub fn page(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.0.registry)?;
        Ok(page)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests: a failed step is a failed test")]
mod tests {
    use super::*;

    /// Returns the rows of the table of metrics by name.
    fn table() -> serde_json::Map<String, serde_json::Value> {
        let rows: Vec<serde_json::Value> = serde_json::from_str(include_str!("../../../../metrics.json")).unwrap();
        rows.into_iter().map(|row| (row["name"].as_str().unwrap().to_owned(), row)).collect()
    }

    #[test]
    fn every_metric_of_a_start_is_in_the_table_with_its_type() {
        let (page, table) = (Metrics::new().page().unwrap(), table());
        let types: Vec<(&str, &str)> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
        assert!(types.len() > 20, "{page}");
        for (name, kind) in types {
            let (name, kind) = match kind {
                "counter" => (format!("{name}_total"), kind),
                "info" => (format!("{name}_info"), "gauge"),
                _ => (name.to_owned(), kind),
            };
            assert_eq!(table.get(&name).map(|row| row["type"].as_str().unwrap()), Some(kind), "{name}");
        }
    }

    #[test]
    fn counters_with_fixed_labels_begin_at_zero() {
        let page = Metrics::new().page().unwrap();
        for (name, row) in table() {
            // Labels without a list of values are names of a contract or of the configuration.
            let Some(labels) = row["labels"].as_object().filter(|labels| labels.values().all(|of| of[0].is_string()))
            else {
                continue;
            };
            let sets = labels.iter().fold(vec![String::new()], |sets, (label, values)| {
                let values = values.as_array().unwrap();
                let with =
                    |set: &String| values.iter().map(move |value| format!("{set}{label}={value},")).collect::<Vec<_>>();
                sets.iter().flat_map(with).collect()
            });
            // A gauge of a port begins with the port, and nobody waits for a closed connection.
            let late = row["type"] == "gauge"
                || name.ends_with("_modules_total")
                || name.ends_with("_connections_closed_total");
            for set in sets.iter().filter(|_| row["part"] == "executor" && !late) {
                let line = format!("{name}{{{}}} 0\n", set.trim_end_matches(','));
                assert!(page.contains(&line), "{line}{page}");
            }
        }
    }
}
