//! The way of one call, from its decision to its outcome.
//!
//! 1. *Once*: what was begun under its key is not begun again. A repeat gets what came of it.
//! 2. *Consent*: where a person must agree, an approval of just this call is used up, or asked for.
//! 3. *Audit*: the decision is on disk before anything runs. Where that cannot be, nothing runs.
//! 4. *Place*: it waits for its turn, until its deadline, which counts from when the request came in.
//! 5. *Run*, in the sandbox or at a backend; what comes back is checked against the contract's `result`.
//! 6. The outcome is remembered for repeats and audited, and only then told.
//!
//! A call that is dropped on its way, because its caller went away, ends as `unknown`: [`Begun`] sees to that. If the process ends
//! in between, the next one finds it begun and not ended, and says the same.

use std::sync::Arc;
use std::time::Duration;

use callgate_contract::{Approved, Audit};
use callgate_proto::executor::v1::CallOutcome;
use opentelemetry::trace::FutureExt as _;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::batch::now;
use super::log;
use super::services::Parts;
use crate::admission::{Admitted, Runnable};
use crate::approvals::{About, Ask, Claim};
use crate::audit::{self, Appended, Entry, Event, Source, Verdict};
use crate::backends::Invocation;
use crate::idempotency::{Begin, Key, What};
use crate::outcome;
use crate::queue::Ticket;
use crate::telemetry::CallSpan;
use callgate_sandbox::{Caller, Finished, Stop};

/// Longer than any call.
const NEVER: Duration = Duration::from_secs(86_400 * 365);

/// A call that the contract allows, with all that it needs to run.
pub(super) struct Attempt {
    /// As the model gave it; outcomes go back under it.
    id: String,
    call: audit::Call,
    admitted: Arc<Admitted>,
    tool: String,
    arguments: String,
    runnable: Runnable,
    consent: Consent,
    began: Instant,
    deadline: Instant,
    /// Who sent it.
    peer: Arc<str>,
    span: CallSpan,
}

/// Whether a person must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    NotNeeded,
    /// With the contract's words for that person.
    Needed(About),
}

/// Says whether an outcome is told for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    First,
    Again,
}

/// A call that was begun and has not ended. Dropped before [`Begun::end`], it ends as unknown.
struct Begun<'a> {
    parts: &'a Arc<Parts>,
    key: Key,
    call: audit::Call,
    peer: Arc<str>,
    ended: bool,
}

/// A call that the contract does not allow.
pub(super) struct Denial {
    pub(super) entry: Entry,
    pub(super) outcome: CallOutcome,
    pub(super) code: &'static str,
    pub(super) peer: Arc<str>,
    pub(super) span: CallSpan,
}

// === impl Denial ===

impl Denial {
    /// Writes the record in its turn, then returns the outcome. Nothing runs either way.
    pub(super) async fn tell(self, parts: &Parts, admitted: &Admitted, ticket: Option<Ticket>) -> CallOutcome {
        let Self { entry, outcome, code, peer, span } = self;
        // The records of a tenant's denied calls take turns with those of others.
        let _slot = match ticket {
            Some(ticket) => ticket.slot(Instant::now() + NEVER).await,
            None => None,
        };
        span.enter(|| log::ended(&entry.call, &peer, &outcome));
        let (calls, tool) = (parts.instruments.metrics.calls(), admitted.contract().tool(&entry.call.tool));
        let outcome = match parts.audit.append(entry).await {
            // It was counted when it was refused first.
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
        mut call: audit::Call,
        admitted: Arc<Admitted>,
        approved: Approved<'_>,
        runnable: Runnable,
        consent: Consent,
        began: Instant,
        peer: Arc<str>,
        span: CallSpan,
    ) -> Self {
        call.arguments_digest = hex(&Sha256::digest(approved.canonical.as_bytes()));
        call.arguments = match approved.tool.audit() {
            Audit::Full => Some(approved.canonical.clone()),
            Audit::Digest => None,
        };
        // A timeout past the clock's end is none.
        let deadline = began.checked_add(runnable.timeout()).unwrap_or_else(|| began + NEVER);
        let (tool, arguments) = (approved.tool.name().to_owned(), approved.canonical);
        Self { id, call, admitted, tool, arguments, runnable, consent, began, deadline, peer, span }
    }

    /// Whether it takes a sandbox; else it waits for a backend.
    pub(super) fn runs_here(&self) -> bool {
        matches!(self.runnable, Runnable::Sandbox { .. })
    }

    /// All the way. The outcome is remembered and audited when this returns.
    pub(super) async fn run(self, parts: &Arc<Parts>, ticket: Option<Ticket>) -> CallOutcome {
        let Self { span, .. } = &self;
        let (outcome, told) = span.within(self.go(parts, ticket)).await;
        let (name, usage) = (outcome::name(&outcome), outcome.usage.unwrap_or_default());
        let (calls, tool) = (parts.instruments.metrics.calls(), self.admitted.contract().tool(&self.tool));
        match (told, outcome::refusal(&outcome)) {
            // It was counted when it ended.
            (Told::Again, _) => {}
            (Told::First, Some(code)) => calls.denied(tool, code),
            (Told::First, None) => calls.ended(tool, name, &usage),
        }
        self.span.ended(name, &usage);
        outcome
    }

    async fn go(&self, parts: &Arc<Parts>, ticket: Option<Ticket>) -> (CallOutcome, Told) {
        let key = self.key();
        let id = self.id.clone();
        let begin = parts.once.begin(&key, self.what()).await;
        parts.instruments.metrics.once().began(&begin);
        let begun = match begin {
            Ok(Begin::Fresh) => {
                Begun { parts, key, call: self.call.clone(), peer: Arc::clone(&self.peer), ended: false }
            }
            Ok(Begin::Done(outcome)) => return (self.again(parts, CallOutcome { id, ..outcome }).await, Told::Again),
            Ok(Begin::Unknown) => return (self.again(parts, outcome::unknown(id, &self.tool)).await, Told::Again),
            Ok(Begin::Other) => {
                // It is refused either way.
                let _ = parts.audit.append(entry(&self.call, Event::KeyReused)).await;
                return (outcome::key_reused(id, &self.tool), Told::First);
            }
            Err(error) => return (outcome::unavailable(id, &error.to_string()), Told::First),
        };
        let outcome = match self.may_run(parts).await {
            Ok(()) => self.result(parts, ticket).await,
            Err(outcome) => outcome,
        };
        (begun.end(outcome).await, Told::First)
    }

    /// Records that a call came again. It is told how it ended even if that cannot be recorded yet: who does not hear it may try
    /// the same under another name.
    async fn again(&self, parts: &Parts, outcome: CallOutcome) -> CallOutcome {
        let event = Event::Repeat { outcome: outcome::name(&outcome).to_owned() };
        if let Err(error) = parts.audit.append(entry(&self.call, event)).await {
            tracing::warn!(exchange = self.call.exchange_id, reason = %error, "a repeat is not audited yet");
        }
        outcome
    }

    fn key(&self) -> Key {
        Key {
            tenant: self.call.tenant.clone(),
            exchange_id: self.call.exchange_id.clone(),
            round: self.call.round,
            position: self.call.position,
        }
    }

    /// All that the call is. Lengths stand before texts, so that no two calls run together to the same.
    fn what(&self) -> What {
        let call = &self.call;
        let mut hash = Sha256::new();
        for part in [&call.role, &call.contract_digest, &self.tool, &self.arguments] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        What {
            digest: hash.finalize().into(),
            tool: self.tool.clone(),
            role: call.role.clone(),
            contract_digest: call.contract_digest.clone(),
        }
    }

    /// Consent, and the decision on disk.
    async fn may_run(&self, parts: &Parts) -> Result<(), CallOutcome> {
        let id = || self.id.clone();
        let (verdict, approval_id, refusal) = match &self.consent {
            Consent::NotNeeded => (Verdict::Allow, None, None),
            Consent::Needed(about) => match parts.approvals.claim(&self.ask(about)).await {
                Ok(Claim::Granted { approval_id }) => (Verdict::Approved, Some(approval_id), None),
                Ok(Claim::Pending { approval_id, left }) => {
                    let refusal = outcome::approval_required(id(), &self.tool, &approval_id, left);
                    (Verdict::NeedsApproval, Some(approval_id), Some(refusal))
                }
                Ok(Claim::Refused { approval_id, reason, left }) => {
                    let refusal = outcome::approval_refused(id(), &self.tool, &approval_id, &reason, left);
                    (Verdict::Deny, Some(approval_id), Some(refusal))
                }
                Err(error) => return Err(outcome::unavailable(id(), &error.to_string())),
            },
        };
        let code = refusal.as_ref().map(outcome::code).unwrap_or_default();
        let event = Event::Decision { verdict, code, pointer: String::new(), approval_id };
        match parts.audit.append(entry(&self.call, event)).await {
            Ok(_) => refusal.map_or(Ok(()), Err),
            Err(error) => Err(outcome::unavailable(id(), &error.to_string())),
        }
    }

    fn caller(&self) -> Result<Caller, Stop> {
        let call = &self.call;
        Caller::new(&call.tenant, &call.role, &call.exchange_id, &call.call_id)
    }

    fn ask(&self, about: &About) -> Ask {
        Ask {
            tenant: self.call.tenant.clone(),
            role: self.call.role.clone(),
            contract_digest: self.call.contract_digest.clone(),
            tool: self.tool.clone(),
            arguments: self.arguments.clone(),
            exchange_id: self.call.exchange_id.clone(),
            about: about.clone(),
        }
    }

    /// Waits for its place, runs, and judges what came of it.
    async fn result(&self, parts: &Parts, ticket: Option<Ticket>) -> CallOutcome {
        let id = self.id.clone();
        let Some(tool) = self.admitted.contract().tool(&self.tool) else {
            // The name came from this very contract.
            return outcome::not_here(id, &self.tool);
        };
        let calls = parts.instruments.metrics.calls();
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
                // The whole call's time, waiting included.
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
                let answered = parts.backends.call(&invocation).await;
                let result = answered.as_ref().map_or_else(outcome::of_stop, |_| "answered");
                parts.instruments.metrics.backends().request(tool.run().cluster(), result, called.elapsed());
                outcome::answered(id, tool, answered, self.began.elapsed())
            }
        }
    }
}

/// The same for every attempt at one call, and for no other: what a backend can keep to never do the same thing twice.
///
/// A backend may keep keys of all tenants in one table, and exchanges are named by the proxy. So the key is a hash of all that
/// names the call, its tenant first: 64 hexadecimal digits. Lengths stand before texts.
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

fn entry(call: &audit::Call, event: Event) -> Entry {
    Entry { time: now(), source: Source::Executor, call: call.clone(), event }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

// === impl Begun ===

impl Begun<'_> {
    /// It ended like this.
    async fn end(mut self, outcome: CallOutcome) -> CallOutcome {
        let (id, tool) = (outcome.id.clone(), self.call.tool.clone());
        let written = self.write_down(outcome);
        written.await.unwrap_or_else(|_| outcome::unknown(id, &tool))
    }

    /// Writes down how it ended, once, in a task of its own: a caller that goes away meanwhile does not stop that half way.
    fn write_down(&mut self, outcome: CallOutcome) -> JoinHandle<CallOutcome> {
        self.ended = true;
        let (parts, key, call) = (Arc::clone(self.parts), self.key.clone(), self.call.clone());
        let peer = Arc::clone(&self.peer);
        let writing = async move {
            settle(&parts, &key, &call, &peer, &outcome).await;
            outcome
        };
        tokio::spawn(writing.with_current_context())
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // While the process ends nothing can be written any more; the next one does it.
        if tokio::runtime::Handle::try_current().is_ok() {
            let outcome = outcome::unknown(self.call.call_id.clone(), &self.call.tool);
            drop(self.write_down(outcome));
        }
    }
}

/// Remembers and audits how a call ended. It ended, so it is told even where one of the two cannot be written: a repeat is then told
/// that it is unknown, and the audit log keeps the record until it can be written.
pub(super) async fn settle(parts: &Parts, key: &Key, call: &audit::Call, peer: &str, outcome: &CallOutcome) {
    log::ended(call, peer, outcome);
    let event = Event::Outcome { outcome: outcome::name(outcome).to_owned(), usage: outcome.usage.unwrap_or_default() };
    let audited = parts.audit.append(entry(call, event));
    let (remembered, audited) = tokio::join!(parts.once.finish(key, outcome), audited);
    if let Err(error) = remembered {
        tracing::error!(exchange = call.exchange_id, reason = %error, "an outcome is not remembered");
    }
    if let Err(error) = audited {
        tracing::error!(exchange = call.exchange_id, reason = %error, "an outcome is not audited yet");
    }
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
