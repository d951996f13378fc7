//! One backend: which calls reach it, when, and which are retried.
//!
//! A call waits for a slot, asks the breaker, and is sent. If it only reads and the backend could not serve it, it is
//! retried after a delay. All of it happens before the call's deadline.

use std::time::Duration;

use callgate_contract::{Bounds, Effects, Run};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::breaker::{Breaker, LeftAlone};
use super::fault::AttemptFault;
use super::grpc::Grpc;
use super::http::Http;
use super::material::Material;
use super::mcp::Mcp;
use super::metrics::BackendMetrics;
use super::settings::{BackendPace, BackendSettings, ProgramSettings};
use super::{BackendError, Invocation, Stop};

/// The maximum delay before the first retry; each later one doubles it.
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// A backend for gRPC, HTTP or MCP. It connects on first use.
pub(super) struct Backend {
    name: String,
    pace: BackendPace,
    places: Semaphore,
    breaker: Breaker,
    reaches: Reaches,
}

/// The ways to send a call.
enum Reaches {
    Address { settings: Box<BackendSettings>, grpc: Box<Grpc>, http: Box<Http>, mcp: Box<Mcp> },
    Program(Box<Mcp>),
}

// === impl Backend ===

impl Backend {
    pub(super) fn new(name: &str, settings: &BackendSettings, metrics: &BackendMetrics) -> Result<Self, BackendError> {
        let material = Material::read(name, settings)?;
        let client = material.http(name, settings)?;
        let endpoint = material.grpc(name, settings)?;
        let (address, always) = (settings.address.clone(), material.headers);
        let reaches = Reaches::Address {
            grpc: Box::new(Grpc::new(endpoint, always.clone())),
            http: Box::new(Http::new(client.clone(), address.clone(), always.clone())),
            mcp: Box::new(Mcp::new(client, address, always, settings.pace.max_in_flight)),
            settings: Box::new(settings.clone()),
        };
        Ok(Self::with(name, settings.pace, reaches, metrics))
    }

    /// A program on standard input and output. It starts with the first call of each tenant.
    pub(super) fn program(
        name: &str,
        settings: &ProgramSettings,
        metrics: &BackendMetrics,
    ) -> Result<Self, BackendError> {
        let reaches = Reaches::Program(Box::new(Mcp::program(name, settings)?));
        Ok(Self::with(name, BackendPace::default(), reaches, metrics))
    }

    fn with(name: &str, pace: BackendPace, reaches: Reaches, metrics: &BackendMetrics) -> Self {
        let places = Semaphore::new(usize::try_from(pace.max_in_flight).unwrap_or(usize::MAX));
        Self {
            name: name.to_owned(),
            pace,
            places,
            breaker: Breaker::new(pace.breaker, metrics.breaker(name)),
            reaches,
        }
    }

    /// Returns the part of the backend's configuration that a tool with this form of `run` lacks.
    pub(super) fn unfit(&self, form: &str) -> Option<&'static str> {
        match &self.reaches {
            Reaches::Program(_) => (form != "mcp").then_some("expected `run.mcp`, since it is a program with MCP"),
            Reaches::Address { .. } if form != "grpc" => None,
            Reaches::Address { settings, .. } if settings.address.path() != "/" => {
                Some("expected an address without a path, since gRPC has none")
            }
            Reaches::Address { settings, .. } => {
                let anchored = settings.tls.as_ref().is_some_and(|tls| tls.ca.is_some());
                (settings.address.scheme() == "https" && !anchored)
                    .then_some("expected `tls.ca`, since gRPC workers are known by a certificate of their own")
            }
        }
    }

    pub(super) async fn call(&self, invocation: &Invocation<'_>, bounds: Bounds) -> Result<Vec<u8>, Stop> {
        let mut retries = match invocation.tool.effects() {
            Effects::Read => 0..self.pace.retries,
            // A call that may have had an effect is never repeated.
            Effects::Write | Effects::Destructive => 0..0,
        };
        loop {
            let fault = match self.attempt(invocation).await {
                Ok(result) => return Ok(result),
                Err(fault) => fault,
            };
            let pause = retries.next().filter(|_| fault.may_pass()).map(backoff);
            match pause {
                Some(pause) if Instant::now() + pause < invocation.deadline => sleep(pause).await,
                Some(_) | None => return Err(fault.stop(&self.name, bounds)),
            }
        }
    }

    async fn attempt(&self, invocation: &Invocation<'_>) -> Result<Vec<u8>, AttemptFault> {
        let deadline = invocation.deadline;
        // A timeout returns a ready result even after its end.
        if Instant::now() >= deadline {
            return Err(AttemptFault::Timeout);
        }
        let _place = match timeout_at(deadline, self.places.acquire()).await {
            Ok(Ok(place)) => place,
            // Never closed.
            Ok(Err(_)) | Err(_) => {
                let most = self.pace.max_in_flight;
                return Err(AttemptFault::Unavailable(
                    format!("{most} calls, the most it is sent, were under way").into(),
                ));
            }
        };
        let pass = self.breaker.admit(Instant::now()).map_err(|LeftAlone { failures, remaining }| {
            let rest = Duration::from_secs(remaining.as_secs_f64().ceil() as u64);
            AttemptFault::Unavailable(
                format!("after {failures} failures in a row it is left alone for {rest:?}").into(),
            )
        })?;
        let sent = timeout_at(deadline, self.send(invocation)).await.unwrap_or(Err(AttemptFault::Timeout));
        match &sent {
            Ok(_) => pass.answered(),
            Err(fault) if fault.answered() => pass.answered(),
            Err(_) => pass.failed(Instant::now()),
        }
        sent
    }

    async fn send(&self, invocation: &Invocation<'_>) -> Result<Vec<u8>, AttemptFault> {
        match (invocation.tool.run(), &self.reaches) {
            (Run::Grpc(run), Reaches::Address { grpc, .. }) => grpc.call(invocation, run).await,
            (Run::Http(run), Reaches::Address { http, .. }) => http.call(invocation, run).await,
            (Run::Mcp(run), Reaches::Address { mcp, .. } | Reaches::Program(mcp)) => mcp.call(invocation, run).await,
            (Run::Client | Run::Wasm(_) | Run::Grpc(_) | Run::Http(_), _) => {
                Err(AttemptFault::Failed("the tool does not run at this backend".into()))
            }
        }
    }
}

/// Returns the delay before a retry: between half and all of a doubling time, so that many callers do not return at
/// once.
fn backoff(retry: u32) -> Duration {
    let most = BACKOFF.saturating_mul(2_u32.saturating_pow(retry)).min(BACKOFF_MAX);
    let (_, random) = Uuid::new_v4().as_u64_pair();
    let share = (random & 0xffff) as f64 / f64::from(0xffff);
    most.mul_f64(0.5 + 0.5 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        for (retry, most) in [(0, 100), (1, 200), (4, 1600), (9, 5000), (40, 5000)] {
            let most = Duration::from_millis(most);
            assert!((most / 2..=most).contains(&backoff(retry)));
        }
    }
}
