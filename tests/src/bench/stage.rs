//! The measured Envoys of a run: one for each variant, and one more for each contract if the variant reads it.

use std::net::SocketAddr;
use std::path::Path;

use super::case::{Case, Desk};
use super::cores::Cores;
use super::desks::contract;
use super::exchange::Exchange;
use super::process::resident;
use super::variant::Variant;
use crate::http::{Connection, Protocol, Request};
use crate::stack::{Artefacts, Gate, GatePlan, Model, Plan, Stack, StackError};

/// The running Envoys.
pub(super) struct Stage {
    stack: Stack,
    places: Vec<Place>,
}

/// One of them.
#[derive(Debug, Clone)]
struct Place {
    gate: String,
    variant: &'static str,
    desk: Desk,
    /// Resident memory when it was ready, in bytes.
    idle: u64,
}

/// The cost of an Envoy before its first request, and its memory now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Residence {
    pub(super) variant: &'static str,
    pub(super) desk: Desk,
    /// From start to readiness, in seconds.
    pub(super) startup: f64,
    /// Resident memory in MiB: when it was ready, and now.
    pub(super) idle: f64,
    pub(super) now: f64,
}

impl Stage {
    /// Starts one Envoy after the other, so that each start-up is measured alone.
    pub(super) async fn start(
        variants: &[Variant],
        desks: &[Desk],
        upstream: SocketAddr,
        artefacts: &Artefacts,
        folder: &Path,
    ) -> Result<Self, StackError> {
        let mut gates = Vec::new();
        let mut places = Vec::new();
        for variant in variants {
            for &desk in desks.iter().take(if variant.gate { desks.len() } else { 1 }) {
                let gate = match desk {
                    Desk::Usual => variant.name.to_owned(),
                    Desk::Tools(tools) => format!("{}-{tools}", variant.name),
                };
                let change = Some(variant.change);
                gates.push(GatePlan { change, ..GatePlan::new(&gate, &contract(desk, folder)?) });
                places.push(Place { gate, variant: variant.name, desk, idle: 0 });
            }
        }
        let plan = Plan { model: Model::At(upstream), gates, one_by_one: true };
        let stack = Stack::start(&plan, artefacts, folder).await?;
        let mut stage = Self { stack, places };
        let idle: Vec<u64> = stage.places.iter().map(|place| memory(stage.gate(place))).collect();
        stage.places.iter_mut().zip(idle).for_each(|(place, idle)| place.idle = idle);
        Ok(stage)
    }

    /// The processes.
    pub(super) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Places all processes on their processors.
    pub(super) fn pin(&self, cores: &Cores) {
        self.stack.gates().iter().for_each(|gate| cores.server(gate.envoy.id()));
        cores.helper(self.stack.executor().0.id());
    }

    /// Returns address and process of a variant in a case.
    pub(super) fn server(&self, variant: &Variant, case: &Case) -> Option<(SocketAddr, u32)> {
        let mut places = self.places.iter().filter(|place| place.variant == variant.name);
        let place = places.find(|place| !variant.gate || place.desk == case.desk)?;
        self.gate(place).map(|gate| (gate.address, gate.envoy.id()))
    }

    /// Returns start-up and memory of every Envoy.
    pub(super) fn residences(&self) -> Vec<Residence> {
        let one = |place: &Place| {
            let startup = self.gate(place).map_or(f64::NAN, |gate| gate.startup.as_secs_f64());
            let (idle, now) = (mebibytes(place.idle), mebibytes(memory(self.gate(place))));
            Residence { variant: place.variant, desk: place.desk, startup, idle, now }
        };
        self.places.iter().map(one).collect()
    }

    fn gate(&self, place: &Place) -> Option<&Gate> {
        self.stack.gate(&place.gate)
    }
}

/// Checks that a server does its job in an exchange: its speed means nothing otherwise.
pub(super) async fn check(server: SocketAddr, exchange: &Exchange, alone: bool, who: &str) -> Result<(), StackError> {
    let unfit =
        |what: String| StackError::Unfit { what: format!("{who} does not do its job in {}: {what}", exchange.name) };
    let mut connection = Connection::open(server, Protocol::Http1).await.map_err(|e| unfit(e.to_string()))?;
    let bodies = std::iter::once(&exchange.request).chain(exchange.then.iter().filter(|_| alone));
    let mut seen = (0, String::new());
    for body in bodies {
        let mut request = Request::post(exchange.path, body.clone().into_bytes());
        for (name, value) in exchange.headers() {
            request = request.header(name, value);
        }
        let mut response = connection.send(request).await.map_err(|e| unfit(e.to_string()))?;
        seen = (response.status, response.text().await.map_err(|e| unfit(e.to_string()))?);
    }
    let (status, text) = seen;
    let lacks = exchange.marks.iter().find(|mark| !text.contains(mark.as_str()));
    match lacks {
        None if status == 200 => Ok(()),
        lacks => {
            let text: String = text.chars().take(2000).collect();
            Err(unfit(format!("status {status}, without {lacks:?}: {text}")))
        }
    }
}

fn memory(gate: Option<&Gate>) -> u64 {
    gate.and_then(|gate| resident(gate.envoy.id()).ok()).unwrap_or_default()
}

#[allow(clippy::cast_precision_loss, reason = "the size of a process")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
