//! The steps of one allowed call, from its decision to its outcome.
//!
//! 1. *Idempotency*: a call begun under the same key does not begin again. A repeat gets the recorded outcome.
//! 2. *Consent*: if a person must agree, an approval of exactly this call is used up, or requested.
//! 3. *Audit*: the decision is on disk before anything runs. If it cannot be written, nothing runs. Without step 2 the
//!    beginning and the decision are written together, in one wait.
//! 4. *Queue*: the call waits for a slot until its deadline, counted from the request's arrival.
//! 5. *Run*: the sandbox or a backend runs it. The contract's `result` then judges the output.
//! 6. *Settle*: the outcome is kept for repeats and audited, and only then returned.
//!
//! If the caller goes away, the call is dropped on its way and [`begun`](super::begun) records the outcome `unknown`. If the process
//! ends in between, the next process finds the call begun but not ended, and records the same.

use std::sync::Arc;
use std::time::Duration;

use callgate_contract::{Approved, Audit, Contract, Violation};
use callgate_proto::executor::v1::CallOutcome;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::batch::now;
use super::begun::Begun;
use super::log;
use super::reading;
use super::services::Services;
use crate::admission::{Admitted, Runnable};
use crate::backends::Invocation;
use crate::idempotency::{Begin, CallIdentity, Decided, DecidedBegin, Key, OnceError};
use crate::outcome;
use crate::queue::Ticket;
use crate::telemetry::CallSpan;
use callgate_approvals::{About, Ask, Claim};
use callgate_audit::{self as audit, Appended, AuditError, AuditEvent, Entry, Source, Verdict};
use callgate_sandbox::{Caller, Finished, Stop};

/// The log's answer to a decision.
type Recorded = Result<Appended, AuditError>;

/// Longer than any call.
pub(super) const NEVER: Duration = Duration::from_secs(86_400 * 365);

/// An allowed call, with everything needed to run it.
pub(super) struct Attempt {
    /// The id the model gave; the outcome carries it back.
    id: String,
    call: Arc<audit::Call>,
    admitted: Arc<Admitted>,
    tool: String,
    arguments: String,
    runnable: Runnable,
    consent: Consent,
    /// The code and the place of a broken rule that is not enforced.
    shadowed: Option<(&'static str, String)>,
    began: Instant,
    deadline: Instant,
    /// The client that sent the call.
    peer: Arc<str>,
    span: CallSpan,
}

/// The consent a call needs from a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    NotNeeded,
    /// A person must agree and reads these words of the contract.
    /// The workspace is the request's, if the contract reads it.
    Needed(About, Option<String>),
}

/// Distinguishes the first report of an outcome from a repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    First,
    Repeat,
}

/// A call the contract does not allow.
pub(super) struct Denial {
    pub(super) entry: Entry,
    pub(super) outcome: CallOutcome,
    pub(super) code: &'static str,
    pub(super) peer: Arc<str>,
    pub(super) span: CallSpan,
}

// === impl Denial ===

impl Denial {
    /// Writes the record when its turn comes, then returns the outcome. Nothing runs either way.
    pub(super) async fn tell(self, services: &Services, admitted: &Admitted, ticket: Option<Ticket>) -> CallOutcome {
        let Self { entry, outcome, code, peer, span } = self;
        // Denied calls of all tenants take turns to write their records.
        let _slot = match ticket {
            Some(ticket) => ticket.slot(Instant::now() + NEVER).await,
            None => None,
        };
        span.enter(|| log::ended(&entry.call, &peer, &outcome));
        let (calls, tool) = (services.instruments.metrics.calls(), admitted.contract().tool(&entry.call.tool));
        let outcome = match services.audit.append(entry).await {
            // The first refusal was counted already.
            Ok(Appended::Repeat) => outcome,
            Ok(Appended::New | Appended::Conflict) => {
                calls.denied(tool, code);
                outcome
            }
            Err(error) => {
                let outcome = outcome::unavailable(outcome.id, &error.to_string());
                calls.ended(tool, outcome::name(&outcome), &outcome.usage.unwrap_or_default());
                outcome
            }
        };
        span.ended(outcome::name(&outcome), &outcome.usage.unwrap_or_default());
        outcome
    }
}

// === impl Attempt ===

impl Attempt {
    #[expect(
        clippy::too_many_arguments,
        reason = "the one call of it hands over what a request and its decision leave"
    )]
    pub(super) fn new(
        id: String,
        call: audit::Call,
        admitted: Arc<Admitted>,
        approved: Approved<'_>,
        runnable: Runnable,
        consent: Consent,
        began: Instant,
        peer: Arc<str>,
        span: CallSpan,
    ) -> Self {
        // A timeout beyond the clock's range means no timeout.
        let deadline = began.checked_add(runnable.timeout()).unwrap_or_else(|| began + NEVER);
        let shadowed = approved.shadowed.map(|violation| (violation.code.as_str(), violation.pointer));
        let (tool, arguments) = (approved.name.to_string(), approved.canonical);
        let call = Arc::new(call);
        Self { id, call, admitted, tool, arguments, runnable, consent, shadowed, began, deadline, peer, span }
    }

    /// Returns the call as the audit log describes it.
    pub(super) fn audited(&self) -> &audit::Call {
        &self.call
    }

    /// Denies the call because of a count.
    pub(super) fn deny(self, violation: Violation) -> Denial {
        let code = violation.code.as_str();
        let event = AuditEvent::Decision {
            verdict: Verdict::Deny,
            code: code.to_owned(),
            pointer: violation.pointer.clone(),
            approval_id: None,
        };
        let entry = entry(&self.call, event);
        Denial { entry, outcome: outcome::denied(self.id, violation), code, peer: self.peer, span: self.span }
    }

    /// Returns true if the call takes a sandbox, false if a backend runs it.
    pub(super) fn runs_here(&self) -> bool {
        matches!(self.runnable, Runnable::Sandbox { .. })
    }

    /// Runs all steps. The outcome is recorded and audited when this returns.
    pub(super) async fn run(self, services: &Arc<Services>, ticket: Option<Ticket>) -> CallOutcome {
        let Self { span, .. } = &self;
        let (outcome, told) = span.within(self.go(services, ticket)).await;
        let (name, usage) = (outcome::name(&outcome), outcome.usage.unwrap_or_default());
        let (calls, tool) = (services.instruments.metrics.calls(), self.admitted.contract().tool(&self.tool));
        match (told, outcome::refusal(&outcome)) {
            // The metrics counted it when it ended.
            (Report::Repeat, _) => {}
            (Report::First, Some(code)) => calls.denied(tool, code),
            (Report::First, None) => calls.ended(tool, name, &usage),
        }
        self.span.content(self.admitted.contract(), &self.tool, &self.arguments, outcome::result(&outcome));
        self.span.ended(name, &usage);
        outcome
    }

    async fn go(&self, services: &Arc<Services>, ticket: Option<Ticket>) -> (CallOutcome, Report) {
        let key = self.key();
        let id = self.id.clone();
        // The stores may hang. What is begun meanwhile is taken back, or recorded as unknown.
        let Ok((begin, recorded)) = timeout_at(self.deadline, self.begin(services, &key)).await else {
            let outcome = outcome::not_begun_in_time(id, &self.tool, self.runnable.timeout(), self.began.elapsed());
            return (outcome, Report::First);
        };
        services.instruments.metrics.once().began(&begin);
        let begun = match begin {
            Ok(Begin::Fresh) => self.begun(services, key),
            Ok(Begin::Done(outcome)) => {
                return (self.again(services, CallOutcome { id, ..outcome }).await, Report::Repeat);
            }
            Ok(Begin::Unknown) => {
                return (self.again(services, outcome::unknown(id, &self.tool)).await, Report::Repeat);
            }
            Ok(Begin::Other) => {
                // The call is refused even if the record fails.
                let _ = services.audit.append(entry(&self.call, AuditEvent::KeyReused)).await;
                return (outcome::key_reused(id, &self.tool), Report::First);
            }
            Err(error) => return (outcome::unavailable(id, &error.to_string()), Report::First),
        };
        let refused = match recorded {
            Some(recorded) => self.refused(recorded, None),
            None => self.decide(services).await,
        };
        let outcome = match refused {
            None => self.result(services, ticket).await,
            Some(outcome) => outcome,
        };
        (begun.end(outcome).await, Report::First)
    }

    /// Begins the call. If no person must agree, its decision is recorded with the beginning; the log's answer is
    /// returned beside.
    async fn begin(&self, services: &Arc<Services>, key: &Arc<Key>) -> (Result<Begin, OnceError>, Option<Recorded>) {
        if self.consent != Consent::NotNeeded {
            return (services.once.begin(key, self.what()).await, None);
        }
        let decided = || {
            let entry = self.decision(Verdict::Allow, String::new(), None);
            let (services, key, call, peer) =
                (Arc::clone(services), Arc::clone(key), Arc::clone(&self.call), Arc::clone(&self.peer));
            let runtime = Handle::current();
            // Made when the call is lost, since dropping it records an outcome.
            let lost = move || drop(Begun::on(runtime, services, key, call, peer));
            Decided { entry, lost: Box::new(lost) }
        };
        match services.once.begin_decided(&services.audit, key, self.what(), decided).await {
            Ok(DecidedBegin::Fresh(recorded)) => (Ok(Begin::Fresh), recorded),
            Ok(DecidedBegin::Repeat(begin)) => (Ok(begin), None),
            Err(error) => (Err(error), None),
        }
    }

    fn begun(&self, services: &Arc<Services>, key: Arc<Key>) -> Begun {
        let (services, call, peer) = (Arc::clone(services), Arc::clone(&self.call), Arc::clone(&self.peer));
        Begun::on(Handle::current(), services, key, call, peer)
    }

    /// Audits a repeat, and returns the outcome even if the record is not written yet. A caller without an answer might
    /// try the same call under another name.
    async fn again(&self, services: &Services, outcome: CallOutcome) -> CallOutcome {
        let event = AuditEvent::Repeat { outcome: outcome::name(&outcome).to_owned() };
        if let Err(error) = services.audit.append(entry(&self.call, event)).await {
            tracing::warn!(exchange = self.call.exchange_id, reason = %error, "a repeat is not audited yet");
        }
        outcome
    }

    fn key(&self) -> Arc<Key> {
        Arc::new(Key {
            tenant: self.call.tenant.clone(),
            exchange_id: self.call.exchange_id.clone(),
            round: self.call.round,
            position: self.call.position,
        })
    }

    /// Identifies the call. Each text follows its length, so two different calls never produce the same input.
    fn what(&self) -> CallIdentity {
        let call = &self.call;
        let mut hash = Sha256::new();
        for part in [&call.role, &call.contract_digest, &self.tool, &self.arguments] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        CallIdentity {
            digest: hash.finalize().into(),
            tool: self.tool.clone(),
            role: call.role.clone(),
            contract_digest: call.contract_digest.clone(),
        }
    }

    /// Obtains consent and writes the decision to disk. Returns the outcome of a call that must not run.
    async fn decide(&self, services: &Services) -> Option<CallOutcome> {
        let id = || self.id.clone();
        let (verdict, approval_id, refusal) = match &self.consent {
            Consent::NotNeeded => (Verdict::Allow, None, None),
            Consent::Needed(about, workspace) => {
                match services.approvals.claim(&self.ask(about, workspace.as_deref())).await {
                    Ok(Claim::Granted { approval_id }) => (Verdict::Approved, Some(approval_id), None),
                    // Only a claim for several calls keeps one back.
                    Ok(Claim::Kept { .. }) => return Some(outcome::unavailable(id(), "an approval was not used up")),
                    Ok(Claim::Pending { approval_id, left }) => {
                        let refusal = outcome::approval_required(id(), &self.tool, &approval_id, left);
                        (Verdict::NeedsApproval, Some(approval_id), Some(refusal))
                    }
                    Ok(Claim::Refused { approval_id, reason, left }) => {
                        let refusal = outcome::approval_refused(id(), &self.tool, &approval_id, &reason, left);
                        (Verdict::Deny, Some(approval_id), Some(refusal))
                    }
                    Err(error) => return Some(outcome::unavailable(id(), &error.to_string())),
                }
            }
        };
        let code = refusal.as_ref().map(outcome::code).unwrap_or_default();
        let recorded = services.audit.append(self.decision(verdict, code, approval_id)).await;
        self.refused(recorded, refusal)
    }

    /// Returns the outcome of a call that must not run: its decision is not recorded, or a person has not agreed.
    fn refused(&self, recorded: Recorded, refusal: Option<CallOutcome>) -> Option<CallOutcome> {
        match recorded {
            Ok(_) => refusal,
            Err(error) => Some(outcome::unavailable(self.id.clone(), &error.to_string())),
        }
    }

    fn decision(&self, verdict: Verdict, code: String, approval_id: Option<String>) -> Entry {
        let (code, pointer) = match &self.shadowed {
            Some((shadowed, pointer)) if code.is_empty() => ((*shadowed).to_owned(), pointer.clone()),
            _ => (code, String::new()),
        };
        entry(&self.call, AuditEvent::Decision { verdict, code, pointer, approval_id })
    }

    fn caller(&self) -> Result<Caller, Stop> {
        let call = &self.call;
        Caller::new(&call.tenant, &call.role, &call.exchange_id, &call.call_id)
    }

    fn ask(&self, about: &About, workspace: Option<&str>) -> Ask {
        Ask {
            tenant: self.call.tenant.clone(),
            role: self.call.role.clone(),
            contract_digest: self.call.contract_digest.clone(),
            tool: self.tool.clone(),
            arguments: self.arguments.clone(),
            workspace: workspace.map(str::to_owned),
            exchange_id: self.call.exchange_id.clone(),
            about: about.clone(),
        }
    }

    /// Waits for a slot, runs the call and checks its output.
    async fn result(&self, services: &Services, ticket: Option<Ticket>) -> CallOutcome {
        let id = self.id.clone();
        let Some(tool) = self.admitted.contract().tool(&self.tool) else {
            // The name came from this same contract.
            return outcome::not_here(id, &self.tool);
        };
        let calls = services.instruments.metrics.calls();
        let slot = {
            let (_waiting, _step) = (calls.waiting(), self.span.step("queue"));
            match ticket {
                Some(ticket) => ticket.slot(self.deadline).await,
                None => None,
            }
        };
        let (_running, _step) = (calls.running(), self.span.step("run"));
        let Some(_slot) = slot else {
            return outcome::never_ran_in_time(id, tool, self.runnable.timeout(), self.began.elapsed());
        };
        match &self.runnable {
            Runnable::Sandbox { program, grants, sandbox } => {
                let finished = match self.caller() {
                    Ok(caller) => sandbox.run(program, grants, caller, self.arguments.clone(), self.deadline).await,
                    Err(stop) => Finished::never_began(stop),
                };
                // The reported duration includes the wait.
                outcome::ran(id, tool, Finished { duration: self.began.elapsed(), ..finished })
            }
            Runnable::Backend(_) => {
                let invocation = Invocation {
                    tool,
                    arguments: &self.arguments,
                    tenant: &self.call.tenant,
                    role: &self.call.role,
                    idempotency_key: &idempotency_key(&self.call),
                    deadline: self.deadline,
                };
                let called = Instant::now();
                // Boxed: it is far larger than the rest, which would be moved with it.
                let answered = Box::pin(services.backends.call(&invocation)).await;
                let result = answered.as_ref().map_or_else(outcome::of_stop, |_| "answered");
                services.instruments.metrics.backends().request(tool.run().cluster(), result, called.elapsed());
                outcome::answered(id, tool, answered, self.began.elapsed())
            }
        }
    }
}

/// Returns the key that all attempts at one call share, and no other call has. A backend can remember it and dedupe.
///
/// A backend may keep the keys of all tenants in one table, and the proxy chooses the exchange's name. So the key
/// hashes everything that names the call, the tenant first: 64 hexadecimal digits. Each text follows its length.
fn idempotency_key(call: &audit::Call) -> String {
    let mut hash = Sha256::new();
    for part in [&call.tenant, &call.exchange_id] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(call.round.to_be_bytes());
    hash.update(call.position.to_be_bytes());
    hex(&hash.finalize())
}

/// Adds the arguments of an allowed call to its description, and their reading, as the contract says.
pub(super) fn describe(
    call: &mut audit::Call,
    contract: &Contract,
    caller: &callgate_contract::Caller,
    approved: &Approved<'_>,
) {
    call.arguments_digest = hex(&Sha256::digest(approved.canonical.as_bytes()));
    call.arguments = match approved.tool.audit() {
        Audit::Full => Some(approved.canonical.clone()),
        Audit::Digest => None,
    };
    reading::add(call, contract, caller, approved);
}

pub(super) fn entry(call: &Arc<audit::Call>, event: AuditEvent) -> Entry {
    Entry { time: now(), source: Source::Executor, call: Arc::clone(call), event }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tenants_never_share_an_idempotency_key() {
        let key = |tenant: &str, exchange: &str, round, position| {
            let (tenant, exchange_id) = (tenant.to_owned(), exchange.to_owned());
            idempotency_key(&audit::Call { tenant, exchange_id, round, position, ..audit::Call::default() })
        };
        assert_eq!(key("a", "x", 1, 0), key("a", "x", 1, 0));
        let all = [
            key("a", "x", 1, 0),
            key("b", "x", 1, 0),
            key("ax", "", 1, 0),
            key("", "ax", 1, 0),
            key("a", "x", 0, 1),
            key("a", "x", 1, 1),
        ];
        assert!(all.iter().all(|key| key.len() == 64));
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    }
}
