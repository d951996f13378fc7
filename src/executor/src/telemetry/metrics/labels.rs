//! The labels of metrics. Each has a bounded set of values, and only this module makes them.

use callgate_contract::Tool;
use prometheus_client::encoding::EncodeLabelSet;

/// A tool of a contract; empty for an unknown name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ToolLabel {
    tool: String,
}

/// A tool and the outcome of its call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ToolOutcome {
    tool: String,
    outcome: &'static str,
}

/// One of a fixed set of kinds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabel {
    pub(super) kind: &'static str,
}

/// A store of the state directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Store {
    pub(super) store: &'static str,
}

/// A reloaded thing, and the result of its reload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reload {
    pub(super) what: &'static str,
    pub(super) result: &'static str,
}

/// One of the ports.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Port {
    pub(super) port: &'static str,
}

/// One of the ports, and the reason it refused or closed a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PortRefusal {
    pub(super) port: &'static str,
    pub(super) reason: &'static str,
}

// === impl ToolLabel ===

impl ToolLabel {
    pub(super) fn of(tool: Option<&Tool>) -> Self {
        Self { tool: name(tool) }
    }
}

// === impl ToolOutcome ===

impl ToolOutcome {
    pub(super) fn of(tool: Option<&Tool>, outcome: &'static str) -> Self {
        Self { tool: name(tool), outcome }
    }
}

fn name(tool: Option<&Tool>) -> String {
    tool.map(|tool| tool.name().to_owned()).unwrap_or_default()
}
