//! `callgate monitoring`: a dashboard for Grafana, and rules for Prometheus.
//!
//! Both come from `src/metrics.json`, the one table of metrics: it gives descriptions and units, and a query with a name that the
//! table lacks is an error. [`panels`] and [`alerts`] hold what is shown and what alerts; the other files only write it.

mod alerts;
mod args;
mod dashboard;
mod error;
mod kubernetes;
mod panel;
mod panels;
mod query;
mod rules;
mod table;

pub(crate) use self::args::MonitoringArguments;
use self::args::MonitoringTarget;
use self::error::MonitoringError;
use self::table::MetricTable;

/// Returns the file for `arguments`.
pub(crate) fn monitoring(arguments: &MonitoringArguments) -> Result<String, MonitoringError> {
    let table = MetricTable::read()?;
    let namespace = arguments.kubernetes.as_deref();
    if let Some(namespace) = namespace.filter(|name| !kubernetes::is_name(name)) {
        return Err(MonitoringError::Namespace(namespace.to_owned()));
    }
    match arguments.target {
        MonitoringTarget::Grafana => {
            let dashboard = dashboard::write(&table, arguments.runbook.as_deref(), arguments.without_rules)?;
            Ok(match namespace {
                Some(namespace) => kubernetes::config_map(namespace, &dashboard),
                None => dashboard,
            })
        }
        MonitoringTarget::Prometheus => {
            let rules = rules::write(&table, arguments.runbook.as_deref())?;
            Ok(match namespace {
                Some(namespace) => kubernetes::prometheus_rule(namespace, &rules),
                None => rules,
            })
        }
        MonitoringTarget::Alerts => rules::list(&table),
    }
}
