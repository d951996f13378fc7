//! Metrics around the calls: modules, backends, reloads, connections and spans.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{KindLabel, Port, PortRefusal, Reload};

/// Reloads while running.
#[derive(Debug)]
pub struct Reloads {
    reloads: Family<Reload, Counter>,
}

/// Connections to this executor, by port: `grpc` and `http`.
#[derive(Debug)]
pub struct Connections {
    open: Family<Port, Gauge>,
    refused: Family<PortRefusal, Counter>,
    closed: Family<PortRefusal, Counter>,
    certificate_ends: Family<Port, Gauge>,
}

/// The reason a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionRefusal {
    /// The maximum number of connections is reached.
    Full,
    /// The TLS handshake took too long.
    Slow,
    /// The peer did not speak TLS, or had no accepted certificate.
    Handshake,
}

/// The reason this side closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The peer sent nothing.
    Silent,
    /// It had no request for too long.
    Idle,
    /// A request or a response was under way, and no byte moved for too long.
    Stalled,
    /// It reached its maximum age.
    Old,
    /// It made room for a new one.
    MadeRoom,
}

/// Spans for the collector.
#[derive(Clone, Debug)]
pub struct Spans {
    exported: Counter,
    dropped: Family<KindLabel, Counter>,
}

// === impl ConnectionRefusal ===

impl ConnectionRefusal {
    const ALL: [Self; 3] = [Self::Full, Self::Slow, Self::Handshake];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Slow => "handshake_timeout",
            Self::Handshake => "handshake_failed",
        }
    }
}

// === impl Reloads ===

impl Reloads {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let reloads = Self { reloads: Family::default() };
        registry.register(
            "reloads",
            "Reloads by part and result; a refused reload changes nothing",
            reloads.reloads.clone(),
        );
        for (what, result) in
            [("contracts", "taken"), ("contracts", "refused"), ("certificates", "taken"), ("certificates", "refused")]
        {
            drop(reloads.reloads.get_or_create(&Reload { what, result }));
        }
        reloads
    }

    /// Counts a reload of the contracts.
    pub fn contracts(&self, taken: bool) {
        self.read("contracts", taken);
    }

    /// Counts a reload of certificates.
    pub fn certificates(&self, taken: bool) {
        self.read("certificates", taken);
    }

    fn read(&self, what: &'static str, taken: bool) {
        let result = if taken { "taken" } else { "refused" };
        self.reloads.get_or_create(&Reload { what, result }).inc();
    }
}

// === impl Connections ===

impl Connections {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let connections = Self {
            open: Family::default(),
            refused: Family::default(),
            closed: Family::default(),
            certificate_ends: Family::default(),
        };
        registry.register("connections", "Open connections", connections.open.clone());
        registry.register("connections_refused", "Refused connections, by reason", connections.refused.clone());
        registry.register("connections_closed", "Connections this side closed, by reason", connections.closed.clone());
        registry.register_with_unit(
            "certificate_not_after_timestamp",
            "Expiry of the certificate callers see",
            Unit::Seconds,
            connections.certificate_ends.clone(),
        );
        for (port, why) in ["grpc", "http"].into_iter().flat_map(|port| ConnectionRefusal::ALL.map(|why| (port, why))) {
            drop(connections.refused.get_or_create(&PortRefusal { port, reason: why.as_str() }));
        }
        connections
    }

    /// Returns the gauge of a port's open connections.
    pub(crate) fn open(&self, port: &'static str) -> Gauge {
        self.open.get_or_create_owned(&Port { port })
    }

    pub(crate) fn refused(&self, port: &'static str, why: ConnectionRefusal) {
        self.refused.get_or_create(&PortRefusal { port, reason: why.as_str() }).inc();
    }

    pub(crate) fn closed(&self, port: &'static str, why: Closed) {
        let reason = match why {
            Closed::Silent => "silent",
            Closed::Idle => "idle",
            Closed::Stalled => "stalled",
            Closed::Old => "max_age",
            Closed::MadeRoom => "made_room",
        };
        self.closed.get_or_create(&PortRefusal { port, reason }).inc();
    }

    pub(crate) fn certificate_ends(&self, port: &'static str, at: SystemTime) {
        let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.certificate_ends.get_or_create(&Port { port }).set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }
}

// === impl Spans ===

impl Spans {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let spans = Self { exported: Counter::default(), dropped: Family::default() };
        registry.register("spans_exported", "Spans the collector took", spans.exported.clone());
        registry.register("spans_dropped", "Spans lost before the collector", spans.dropped.clone());
        for kind in ["queue_full", "collector"] {
            drop(spans.dropped.get_or_create(&KindLabel { kind }));
        }
        spans
    }

    pub(crate) fn exported(&self, spans: u64) {
        self.exported.inc_by(spans);
    }

    pub(crate) fn queue_full(&self) {
        self.dropped.get_or_create(&KindLabel { kind: "queue_full" }).inc();
    }

    pub(crate) fn collector_failed(&self, spans: u64) {
        self.dropped.get_or_create(&KindLabel { kind: "collector" }).inc_by(spans);
    }
}
