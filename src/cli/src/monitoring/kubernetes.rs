//! Resources of Kubernetes around the files.

/// Returns the rules as a resource of the Prometheus operator.
pub(super) fn prometheus_rule(namespace: &str, rules: &str) -> String {
    let head = format!(
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: callgate\n  namespace: {namespace}\nspec:\n"
    );
    head + &indented(rules, 2)
}

/// Returns the dashboard as a resource that the sidecar of Grafana's chart loads.
pub(super) fn config_map(namespace: &str, dashboard: &str) -> String {
    let head = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: callgate-dashboard\n  namespace: {namespace}\n  labels: {{ grafana_dashboard: \"1\" }}\ndata:\n  callgate.json: |\n"
    );
    head + &indented(dashboard, 4)
}

/// Returns true for the name of a namespace: a label of RFC 1123.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 63 && name.starts_with(plain) && name.ends_with(plain) && name.chars().all(|c| plain(c) || c == '-')
}

fn indented(text: &str, spaces: usize) -> String {
    let space = " ".repeat(spaces);
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{space}{line}\n") };
    text.lines().map(line).collect()
}
