//! A call in flight, and its end: exactly one outcome, also if its caller goes away.

use std::sync::Arc;

use callgate_audit::{self as audit, AuditEvent};
use callgate_proto::executor::v1::CallOutcome;
use opentelemetry::trace::FutureExt as _;
use tokio::runtime::Handle;

use super::attempt::entry;
use super::log;
use super::services::Services;
use crate::idempotency::{Key, Settled};
use crate::outcome;

/// A call in flight. If it is dropped before [`Begun::end`], its outcome is `unknown`.
pub(super) struct Begun {
    services: Arc<Services>,
    key: Arc<Key>,
    call: Arc<audit::Call>,
    peer: Arc<str>,
    /// Records the outcome: a call may be dropped outside the runtime.
    runtime: Handle,
    ended: bool,
}

// === impl Begun ===

impl Begun {
    pub(super) fn on(
        runtime: Handle,
        services: Arc<Services>,
        key: Arc<Key>,
        call: Arc<audit::Call>,
        peer: Arc<str>,
    ) -> Self {
        Self { services, key, call, peer, runtime, ended: false }
    }

    /// Records the outcome once, and disarms the drop. A caller that goes away does not interrupt it.
    pub(super) async fn end(mut self, outcome: CallOutcome) -> CallOutcome {
        self.ended = true;
        settle(&self.services, &self.key, &self.call, &self.peer, &outcome).await;
        outcome
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (services, key, call) = (Arc::clone(&self.services), Arc::clone(&self.key), Arc::clone(&self.call));
        let peer = Arc::clone(&self.peer);
        let writing = async move {
            let outcome = outcome::unknown(call.call_id.clone(), &call.tool);
            settle(&services, &key, &call, &peer, &outcome).await;
        };
        // An ending runtime does not run it. The next process records the outcome.
        drop(self.runtime.spawn(writing.with_current_context()));
    }
}

/// Stores and audits a call's outcome, even if nobody waits for the end. The caller gets the outcome even if one of the two writes fails: a repeat then
/// gets `unknown`, and the audit log keeps the record until it can be written.
pub(super) async fn settle(
    services: &Services,
    key: &Arc<Key>,
    call: &Arc<audit::Call>,
    peer: &str,
    outcome: &CallOutcome,
) {
    log::ended(call, peer, outcome);
    let event =
        AuditEvent::Outcome { outcome: outcome::name(outcome).to_owned(), usage: outcome.usage.unwrap_or_default() };
    let Settled { stored, recorded } = services.once.settle(&services.audit, key, outcome, entry(call, event)).await;
    if let Err(error) = stored {
        tracing::error!(exchange = call.exchange_id, reason = %error, "an outcome is not stored");
    }
    if let Err(error) = recorded {
        tracing::error!(exchange = call.exchange_id, reason = %error, "an outcome is not audited yet");
    }
}
