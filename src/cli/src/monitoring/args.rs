//! The command line of `callgate monitoring`.

use clap::{Args, ValueEnum};

/// Write a dashboard for Grafana, or rules for Prometheus, to standard output
#[derive(Args)]
#[command(
    after_help = "The dashboard reads series that the rules record, so load the rules too, or use --without-rules.\n\n\
                  Examples:\n  \
                  callgate monitoring --target grafana > callgate.json\n  \
                  callgate monitoring --target prometheus --runbook https://wiki.example/callgate/alerts > callgate.yaml\n  \
                  callgate monitoring --target prometheus --kubernetes monitoring | kubectl apply -f -"
)]
pub(crate) struct MonitoringArguments {
    /// The program that reads the file
    #[arg(long, value_enum)]
    pub(crate) target: MonitoringTarget,
    /// The address of your copy of the page of alerts; each alert then has `runbook_url` with its section
    #[arg(long, value_name = "URL")]
    pub(crate) runbook: Option<String>,
    /// --target grafana: write the expressions of recorded series into the panels
    #[arg(long)]
    pub(crate) without_rules: bool,
    /// Write a resource for this namespace: a PrometheusRule, or a ConfigMap with the label `grafana_dashboard`
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) kubernetes: Option<String>,
}

/// The program that reads the file.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MonitoringTarget {
    /// A dashboard for Grafana 11 and later
    Grafana,
    /// Recording rules and alerts for Prometheus 2.42 and later
    Prometheus,
    /// The alerts as JSON, for a page of your own
    Alerts,
}
