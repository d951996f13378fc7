//! The gRPC service: decides every call again, runs what is allowed, reports each.
//!
//! A digest selects the contract and a name the tool; nothing else of a request selects anything. Logs carry names, codes
//! and numbers, never arguments or results.

use std::sync::Arc;

use callgate_contract::{Caller, Conversation, Verdict, decide};
use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::executor_server::Executor;
use callgate_proto::executor::v1::{self as proto, CallOutcome, ExecuteRequest, ExecuteResponse};
use tokio::task::JoinSet;
use tonic::{Request, Response, Status};

use crate::admission::{Admitted, Registry, Runnable};
use crate::drain::InFlight;
use crate::outcome;
use crate::telemetry::{self, Instruments};
use crate::transport::Peer;

/// Bytes of an exchange's name: it only goes into logs.
const EXCHANGE_ID_BYTES: usize = 128;

/// `callgate.executor.v1.Executor`.
pub(crate) struct Service {
    registry: Arc<Registry>,
    in_flight: InFlight,
    instruments: Instruments,
}

/// One call after its decision.
enum Decided {
    /// Refused: the outcome is known, and the violation's code.
    Denied(CallOutcome, &'static str),
    /// To be run.
    Allowed(Job),
}

/// A call that may run, with all it needs.
struct Job {
    id: String,
    tool: String,
    arguments: String,
    runnable: Runnable,
}

// === impl Service ===

impl Service {
    pub(crate) fn new(registry: Arc<Registry>, in_flight: InFlight, instruments: Instruments) -> Self {
        Self { registry, in_flight, instruments }
    }

    fn contract(&self, digest: &str) -> Result<&Arc<Admitted>, Status> {
        if !is_digest(digest) {
            return Err(Status::invalid_argument(
                "contract_digest: expected \"sha256:\" and 64 lowercase hexadecimal digits",
            ));
        }
        self.registry.contract(digest).ok_or_else(|| {
            let held = self.registry.digests().join(", ");
            Status::failed_precondition(format!(
                "the calls were decided with the contract {digest}, and this executor holds {held}: give both sides the same \
                 contract"
            ))
        })
    }
}

#[tonic::async_trait]
impl Executor for Service {
    async fn execute(&self, request: Request<ExecuteRequest>) -> Result<Response<ExecuteResponse>, Status> {
        let Some(_running) = self.in_flight.enter() else {
            return Err(Status::unavailable("the executor is draining; ask another or try again later"));
        };
        let parent = telemetry::caller(request.metadata());
        let peer = request.extensions().get::<Peer>().map(ToString::to_string).unwrap_or_default();
        let request = request.into_inner();
        let admitted = self.contract(&request.contract_digest).inspect_err(|status| rejected(&request, status))?;
        let caller = caller(&request).inspect_err(|status| rejected(&request, status))?;
        let about = About {
            exchange: request.exchange_id,
            round: request.round,
            digest: request.contract_digest,
            caller: caller.clone(),
            peer,
        };

        let mut outcomes: Vec<Option<CallOutcome>> = Vec::with_capacity(request.calls.len());
        // Dropped with this future, it ends what still runs: a caller that goes away leaves nothing behind.
        let mut running = JoinSet::new();
        for (position, call) in request.calls.into_iter().enumerate() {
            let name = call.tool.clone();
            let tool = admitted.contract().tool(&name);
            let span = self.instruments.traces.call(
                &parent,
                &telemetry::About {
                    tool,
                    call_id: &call.id,
                    exchange_id: &about.exchange,
                    contract_digest: &about.digest,
                    role: &caller.role,
                },
            );
            match decide_again(admitted, &caller, position, call) {
                Decided::Denied(outcome, code) => {
                    self.instruments.metrics.calls().denied(tool, code);
                    span.enter(|| about.log(position, &name, &outcome));
                    span.ended(outcome::name(&outcome), &outcome.usage.unwrap_or_default());
                    outcomes.push(Some(outcome));
                }
                Decided::Allowed(job) => {
                    outcomes.push(None);
                    let (registry, admitted) = (Arc::clone(&self.registry), Arc::clone(admitted));
                    let held = self.instruments.metrics.calls().running();
                    running.spawn(async move {
                        let finished = span.within(run(&registry, &admitted, job)).await;
                        drop(held);
                        (position, span, finished)
                    });
                }
            }
        }
        while let Some(finished) = running.join_next().await {
            let (position, span, (tool, outcome)) =
                finished.map_err(|error| Status::internal(format!("a call could not be followed: {error}")))?;
            let (name, usage) = (outcome::name(&outcome), outcome.usage.unwrap_or_default());
            self.instruments.metrics.calls().ended(admitted.contract().tool(&tool), name, &usage);
            span.enter(|| about.log(position, &tool, &outcome));
            span.ended(name, &usage);
            if let Some(slot) = outcomes.get_mut(position) {
                *slot = Some(outcome);
            }
        }
        Ok(Response::new(ExecuteResponse { outcomes: outcomes.into_iter().flatten().collect() }))
    }

    async fn record(&self, _: Request<proto::RecordRequest>) -> Result<Response<proto::RecordResponse>, Status> {
        Err(Status::unavailable("there is no audit log yet"))
    }
}

fn caller(request: &ExecuteRequest) -> Result<Caller, Status> {
    if request.exchange_id.len() > EXCHANGE_ID_BYTES {
        return Err(Status::invalid_argument(format!("exchange_id: expected at most {EXCHANGE_ID_BYTES} bytes")));
    }
    if request.calls.is_empty() {
        return Err(Status::invalid_argument("calls: expected at least one call"));
    }
    match &request.caller {
        Some(proto::Caller { tenant, role }) => Ok(Caller { tenant: tenant.clone(), role: role.clone() }),
        None => Err(Status::invalid_argument("caller: expected the tenant and role that the calls are made for")),
    }
}

/// The same decision as the filter's, by the same function, so that a filter that was bypassed or is out of date gains nothing.
fn decide_again(admitted: &Admitted, caller: &Caller, position: usize, call: proto::Call) -> Decided {
    let conversation = Conversation { calls_before: u32::try_from(position).unwrap_or(u32::MAX) };
    let asked = callgate_contract::Call { name: &call.tool, arguments: &call.arguments };
    match decide(admitted.contract(), caller, &conversation, &asked) {
        Verdict::Deny(violation) => {
            let code = violation.code.as_str();
            Decided::Denied(outcome::denied(call.id, violation), code)
        }
        // Nobody can agree yet: without that a call that needs it does not run.
        Verdict::NeedsApproval(approved) => {
            Decided::Denied(outcome::not_here(call.id, approved.tool.name()), outcome::RUN_BY_CLIENT)
        }
        Verdict::Allow(approved) => match admitted.runnable(approved.tool.name()) {
            Some(runnable) => Decided::Allowed(Job {
                id: call.id,
                tool: approved.tool.name().to_owned(),
                arguments: approved.canonical,
                runnable: runnable.clone(),
            }),
            None => Decided::Denied(outcome::not_here(call.id, approved.tool.name()), outcome::RUN_BY_CLIENT),
        },
    }
}

async fn run(registry: &Registry, admitted: &Admitted, job: Job) -> (String, CallOutcome) {
    let finished = registry.sandbox().run(&job.runnable.program, &job.runnable.grants, job.arguments).await;
    let outcome = match admitted.contract().tool(&job.tool) {
        Some(tool) => outcome::ran(job.id, tool, finished),
        // The name came from this very contract.
        None => outcome::not_here(job.id, &job.tool),
    };
    (job.tool, outcome)
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

// === logs ===

/// What every log line of a request says.
struct About {
    exchange: String,
    round: u32,
    digest: String,
    caller: Caller,
    /// Who is at the other end of the connection.
    peer: String,
}

impl About {
    fn log(&self, position: usize, tool: &str, outcome: &CallOutcome) {
        let usage = outcome.usage.unwrap_or_default();
        let violation = match &outcome.outcome {
            Some(Outcome::Failure(failure)) => failure.violation_code.as_str(),
            _ => "",
        };
        tracing::info!(
            exchange = self.exchange,
            round = self.round,
            position,
            contract = self.digest,
            tenant = self.caller.tenant,
            role = self.caller.role,
            peer = self.peer,
            tool = printable(tool),
            outcome = outcome::name(outcome),
            violation,
            fuel = usage.fuel,
            peak_memory_bytes = usage.peak_memory_bytes,
            duration_us = usage.duration_us,
            "call"
        );
    }
}

fn rejected(request: &ExecuteRequest, status: &Status) {
    tracing::warn!(
        exchange = printable(&request.exchange_id),
        calls = request.calls.len(),
        code = ?status.code(),
        reason = status.message(),
        "request is refused"
    );
}

/// A name that a model chose, fit for a log: its first 64 printable characters.
fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_is_a_digest() {
        let hex = "0123456789abcdef".repeat(4);
        assert!(is_digest(&format!("sha256:{hex}")));
        for wrong in [hex.clone(), format!("sha256:{}", hex.to_uppercase()), format!("sha256:{hex}0"), String::new()] {
            assert!(!is_digest(&wrong), "{wrong}");
        }
    }
}
