//! The gRPC service: decides each call again, runs the allowed ones and reports each outcome.
//!
//! A digest selects the contract and a name selects the tool; nothing else in a request selects anything. [`attempt`]
//! describes the steps of one call.

mod admit;
mod attempt;
mod authorize;
mod batch;
mod begun;
mod charge;
mod count;
pub(crate) mod deadline;
mod decision;
pub(crate) mod lag;
mod log;
pub(crate) mod orphans;
pub(crate) mod pulse;
mod reading;
mod record;
mod services;
pub(crate) mod space;
pub(crate) mod waiting;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::vec;

use callgate_contract::{Approved, Caller, Code, Contract, Run, Verdict};
use callgate_proto::executor::v1::executor_server::Executor;
use callgate_proto::executor::v1::{
    self as proto, AdmitRequest, AdmitResponse, AuthorizeRequest, AuthorizeResponse, CallOutcome, ChargeRequest,
    ChargeResponse, ExecuteRequest, ExecuteResponse, RecordRequest, RecordResponse,
};
use futures_util::FutureExt as _;
use futures_util::future::try_join_all;
use tokio::time::Instant;
use tonic::{Extensions, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use self::attempt::{Attempt, Consent, Denial};
use self::batch::CheckedBatch;
use self::decision::decide_call;
pub(crate) use self::services::Services;
pub use self::services::ServicesError;
use crate::admission::Admitted;
use crate::drain::{Guard, InFlight};
use crate::outcome;
use crate::queue::{QueueLimit, Shed, Ticket};
use crate::telemetry::{self, CallSpan, Throttle};
use crate::transport::Peer;
use callgate_approvals::{About, HeldFor};
use callgate_audit::{self as audit, AuditEvent, Entry, Source, Verdict as Audited};

/// The implementation of `callgate.executor.v1.Executor`.
pub(crate) struct Service {
    services: Arc<Services>,
    in_flight: InFlight,
    /// Limits the log lines about rejected requests.
    throttle: Throttle,
}

/// One call after its decision.
enum Decided {
    /// The call is refused; its outcome is known.
    Denied(Box<Denial>),
    /// The call may run.
    Allowed(Box<Attempt>),
}

/// A request's tickets, in the order of its calls.
struct Tickets {
    here: vec::IntoIter<Ticket>,
    elsewhere: vec::IntoIter<Ticket>,
    denied: vec::IntoIter<Ticket>,
}

// === impl Service ===

impl Service {
    pub(crate) fn new(services: Arc<Services>, in_flight: InFlight) -> Self {
        Self { services, in_flight, throttle: Throttle::new() }
    }

    /// Enters a request about calls, unless the executor takes none.
    fn enter(&self) -> Result<Guard, Status> {
        let running = self.in_flight.enter();
        let running =
            running.ok_or_else(|| Status::unavailable("the executor is draining; ask another or try again later"))?;
        if self.services.instruments.readiness.is_full() {
            return Err(Status::unavailable(
                "nothing ran: the state directory has no room left; make room (audit.minFree)",
            ));
        }
        Ok(running)
    }

    fn contract(&self, digest: &str) -> Result<Arc<Admitted>, Status> {
        let serving = self.services.serving.load();
        serving.contract(digest).cloned().ok_or_else(|| {
            let held = held(&serving.digests());
            Status::failed_precondition(format!(
                "the calls were decided with the contract {digest}, and this executor holds {held}: give both sides the same \
                 contract"
            ))
        })
    }

    /// Takes a ticket for each call, denied ones included. Sheds the whole request if one kind does not fit.
    fn tickets(&self, asked: &CheckedBatch, decided: &[Decided]) -> Result<Tickets, Shed> {
        let attempts = || decided.iter().filter_map(Decided::attempt);
        let here = attempts().filter(|attempt| attempt.runs_here()).count();
        let elsewhere = attempts().count() - here;
        let queues = &self.services.queues;
        let tenant = &asked.caller.tenant;
        // If one kind does not fit, the earlier tickets are dropped and their slots freed.
        Ok(Tickets {
            here: queues.sandbox.enter(tenant, here)?.into_iter(),
            elsewhere: queues.backends.enter(tenant, elsewhere)?.into_iter(),
            denied: queues.denials.enter(tenant, decided.len() - here - elsewhere)?.into_iter(),
        })
    }

    /// Decides a call again.
    async fn decide_again(
        &self,
        asked: &CheckedBatch,
        admitted: &Arc<Admitted>,
        position: usize,
        call: proto::Call,
        began: Instant,
    ) -> Decided {
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        let about = telemetry::CallAttributes {
            tool: admitted.contract().tool(&call.tool),
            call_id: &call.id,
            exchange_id: &asked.exchange_id,
            request_id: &asked.request_id,
            conversation_id: &asked.conversation_id,
            contract_digest: &asked.contract_digest,
            tenant: &asked.caller.tenant,
            role: &asked.caller.role,
        };
        let span = self.services.instruments.traces.call(&asked.trace, &about);
        let mut audited = asked.audited(call.position.unwrap_or(position), &call);
        let denied = |outcome: CallOutcome, code: &'static str, pointer: String, call: audit::Call, span: CallSpan| {
            let event =
                AuditEvent::Decision { verdict: Audited::Deny, code: code.to_owned(), pointer, approval_id: None };
            let entry = Entry { time: batch::now(), source: Source::Executor, call: Arc::new(call), event };
            Decided::Denied(Box::new(Denial { entry, outcome, code, peer: Arc::clone(&asked.peer), span }))
        };
        let (approved, consent) = match decide_call(admitted, asked, position, &call).await {
            Verdict::Allow(approved) => (approved, Consent::NotNeeded),
            Verdict::NeedsApproval(approved) => {
                let shown = shown(admitted.contract(), &asked.caller, &approved);
                (approved, Consent::Needed(shown, asked.workspace(admitted.contract())))
            }
            Verdict::Deny(violation) => {
                let (code, pointer) = (violation.code.as_str(), violation.pointer.clone());
                reading::add_refused(&mut audited, admitted.contract(), &asked.caller, &call);
                return denied(outcome::denied(call.id, violation), code, pointer, audited, span);
            }
        };
        match admitted.runnable(approved.tool) {
            Some(runnable) => {
                attempt::describe(&mut audited, admitted.contract(), &asked.caller, &approved);
                Decided::Allowed(Box::new(Attempt::new(
                    call.id.clone(),
                    audited,
                    Arc::clone(admitted),
                    approved,
                    runnable,
                    consent,
                    began,
                    Arc::clone(&asked.peer),
                    span,
                )))
            }
            None => {
                let outcome = outcome::not_here(call.id.clone(), approved.tool.name());
                denied(outcome, outcome::RUN_BY_CLIENT, String::new(), audited, span)
            }
        }
    }

    async fn run(&self, request: Request<ExecuteRequest>) -> Result<ExecuteResponse, Status> {
        let began = Instant::now();
        let (metadata, extensions, request) = request.into_parts();
        let peer = peer(&extensions);
        let (mut asked, calls) = CheckedBatch::read(request, &metadata, peer)?;
        let admitted = self.contract(&asked.contract_digest)?;
        asked.admit_claims(admitted.contract())?;
        let mut decided = Vec::with_capacity(calls.len());
        for (position, call) in calls.into_iter().enumerate() {
            let tool = call.tool.clone();
            let next = self.decide_again(&asked, &admitted, position, call, began).await;
            if matches!(next, Decided::Allowed(_)) {
                asked.add_call(&tool);
            }
            decided.push(next);
        }
        let decided = self.count_decided(&asked, &admitted, decided).await;
        let mut tickets = self.tickets(&asked, &decided).map_err(|shed| {
            let why = match shed.reason {
                QueueLimit::Queue(_) => telemetry::metrics::Shed::Full,
                QueueLimit::Tenant(_) => telemetry::metrics::Shed::Share,
            };
            self.services.instruments.metrics.calls().shed(why, decided.len());
            status_of(shed)
        })?;

        // All in the request's own task: a step of a call is short, and to spawn it would wake another thread. Dropping
        // this future ends the running calls: a caller that goes away leaves nothing behind.
        let running = decided.into_iter().map(|decided| {
            let ticket = tickets.next(&decided);
            // Boxed: it is large, and would be moved several times.
            AssertUnwindSafe(Box::pin(self.outcome(&admitted, decided, ticket))).catch_unwind()
        });
        let outcomes = try_join_all(running).await;
        // The panic was logged.
        let outcomes = outcomes.map_err(|_| Status::internal("a call could not be followed: it panicked"))?;
        Ok(ExecuteResponse { outcomes })
    }
}

impl Service {
    /// Counts the allowed calls, if the contract counts here. A call over a limit is denied. A repeated call is counted once, so it gets
    /// its recorded outcome.
    async fn count_decided(&self, asked: &CheckedBatch, admitted: &Admitted, decided: Vec<Decided>) -> Vec<Decided> {
        let attempts = decided.iter().filter_map(Decided::attempt);
        let calls: Vec<&audit::Call> = attempts.map(Attempt::audited).collect();
        let mut counts = self.count_calls(asked, admitted.contract(), &calls).await.into_iter();
        let counted = |decided| match decided {
            Decided::Allowed(attempt) => match counts.next().flatten() {
                Some(violation) => Decided::Denied(Box::new(attempt.deny(violation))),
                None => Decided::Allowed(attempt),
            },
            denied @ Decided::Denied(_) => denied,
        };
        decided.into_iter().map(counted).collect()
    }

    async fn outcome(&self, admitted: &Admitted, decided: Decided, ticket: Option<Ticket>) -> CallOutcome {
        match decided {
            Decided::Denied(denial) => denial.tell(&self.services, admitted, ticket).await,
            Decided::Allowed(attempt) => attempt.run(&self.services, ticket).await,
        }
    }
}

// === impl Tickets ===

impl Tickets {
    fn next(&mut self, decided: &Decided) -> Option<Ticket> {
        match decided {
            Decided::Denied(_) => self.denied.next(),
            Decided::Allowed(attempt) if attempt.runs_here() => self.here.next(),
            Decided::Allowed(_) => self.elsewhere.next(),
        }
    }
}

#[tonic::async_trait]
impl Executor for Service {
    async fn execute(&self, request: Request<ExecuteRequest>) -> Result<Response<ExecuteResponse>, Status> {
        let _running = self.enter()?;
        let ExecuteRequest { exchange_id, calls, .. } = request.get_ref();
        let (exchange, calls) = (exchange_id.clone(), calls.len());
        self.run(request)
            .await
            .map(Response::new)
            .inspect_err(|status| log::rejected(&self.throttle, &exchange, calls, status))
    }

    async fn authorize(&self, request: Request<AuthorizeRequest>) -> Result<Response<AuthorizeResponse>, Status> {
        let _running = self.enter()?;
        let (metadata, extensions, request) = request.into_parts();
        let (exchange, calls) = (request.exchange_id.clone(), request.calls.len());
        self.rule(request, &metadata, peer(&extensions))
            .await
            .map(Response::new)
            .inspect_err(|status| log::rejected(&self.throttle, &exchange, calls, status))
    }

    async fn admit(&self, request: Request<AdmitRequest>) -> Result<Response<AdmitResponse>, Status> {
        let _running = self.enter()?;
        let (metadata, _, request) = request.into_parts();
        let exchange = request.exchange_id.clone();
        self.count_request(request, &metadata)
            .await
            .map(Response::new)
            .inspect_err(|status| log::rejected(&self.throttle, &exchange, 0, status))
    }

    async fn charge(&self, request: Request<ChargeRequest>) -> Result<Response<ChargeResponse>, Status> {
        // A draining executor still charges exchanges for as long as it can.
        self.charge_exchanges(request.into_inner()).await.inspect_err(|status| {
            if let Some(held_back) = self.throttle.line() {
                tracing::warn!(code = ?status.code(), reason = status.message(), held_back, "exchanges are not charged");
            }
        })?;
        Ok(Response::new(ChargeResponse {}))
    }

    async fn record(&self, request: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        // A draining executor still records decisions for as long as it can.
        record::record(&self.services, request.into_inner()).await.inspect_err(|status| {
            if let Some(held_back) = self.throttle.line() {
                tracing::warn!(code = ?status.code(), reason = status.message(), held_back, "decisions are not recorded");
            }
        })?;
        Ok(Response::new(RecordResponse {}))
    }
}

/// Lists digests, a few of them if there are many.
fn held(digests: &[&str]) -> String {
    const FEW: usize = 8;
    match digests.get(..FEW).filter(|few| few.len() < digests.len()) {
        Some(few) => format!("{} and {} more", few.join(", "), digests.len() - FEW),
        None => digests.join(", "),
    }
}

/// Returns the contract's words for the person who must agree to a call.
fn shown(contract: &Contract, caller: &Caller, approved: &Approved<'_>) -> About {
    let tool = approved.tool;
    let held_for = match &approved.because {
        Some(violation) => (violation.code, violation.pointer.clone()),
        None => (Code::ApprovalRequired, String::new()),
    };
    let (code, pointer) = held_for;
    let approvers = tool.approval().approvers().max(1);
    About {
        contract: contract.name().to_owned(),
        version: contract.version().to_owned(),
        description: tool.description().unwrap_or_default().to_owned(),
        effects: tool.effects(),
        approvers,
        run_by_client: matches!(tool.run(), Run::Client),
        held_for: vec![HeldFor {
            code: code.as_str().to_owned(),
            pointer,
            understood: reading::shown(contract, caller, approved),
        }],
    }
}

/// Returns the client at the other end of the connection.
fn peer(extensions: &Extensions) -> Arc<str> {
    extensions.get::<Peer>().map_or_else(|| Arc::from(""), |peer| Arc::from(peer.to_string()))
}

/// Returns the status of a shed request, with the retry delay gRPC clients read.
fn status_of(shed: Shed) -> Status {
    let details = ErrorDetails::with_retry_info(Some(shed.retry));
    Status::with_error_details(tonic::Code::ResourceExhausted, format!("nothing ran: {shed}"), details)
}

// === impl Decided ===

impl Decided {
    fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Allowed(attempt) => Some(attempt),
            Self::Denied(_) => None,
        }
    }
}
