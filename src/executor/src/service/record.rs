//! Takes the filter's decisions into the audit log.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use callgate_contract::Caller;
use callgate_proto::executor::v1::{self as proto, Decision, RecordRequest};
use tokio::task::spawn_blocking;
use tonic::Status;

use super::batch;
use super::reading;
use super::services::Services;
use crate::admission::Registry;
use callgate_audit::{AuditEvent, Call, Entry, Source, Verdict};

/// The maximum decisions in one request.
const DECISIONS: usize = 256;
/// The maximum bytes of a pointer or a code. Both come from the contract.
const TEXT_BYTES: usize = 1024;

/// Checks all decisions, then stores them.
pub(super) async fn record(services: &Services, request: RecordRequest) -> Result<(), Status> {
    if !(1..=DECISIONS).contains(&request.decisions.len()) {
        let found = request.decisions.len();
        return Err(Status::invalid_argument(format!(
            "wrong number of decisions (decisions, {found}); send 1 to {DECISIONS}"
        )));
    }
    let decided = request.decisions.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let entries = with_readings(services.serving.load_full(), decided).await?;
    for kept in futures_util::future::join_all(entries.into_iter().map(|entry| services.audit.append(entry))).await {
        kept.map_err(|error| Status::unavailable(error.to_string()))?;
    }
    Ok(())
}

/// Adds the readings of marked strings, as far as this executor holds the contracts that decided.
async fn with_readings(serving: Arc<Registry>, decided: Vec<(Entry, Caller)>) -> Result<Vec<Entry>, Status> {
    let has_arguments = decided.iter().any(|(entry, _)| entry.call.arguments.is_some());
    let read = move || {
        let with_reading = |(mut entry, caller): (Entry, Caller)| {
            let admitted = serving.contract(&entry.call.contract_digest);
            if let (Some(admitted), AuditEvent::Decision { code, pointer, .. }) = (admitted, &entry.event) {
                reading::add_recorded(Arc::make_mut(&mut entry.call), admitted.contract(), &caller, (code, pointer));
            }
            entry
        };
        decided.into_iter().map(with_reading).collect()
    };
    if !has_arguments {
        return Ok(read());
    }
    // A request can hold megabytes of arguments.
    spawn_blocking(read).await.map_err(|_| Status::internal("the decisions could not be read: a thread panicked"))
}

/// Checks a decision. Returns it with its caller.
fn entry(decision: Decision) -> Result<(Entry, Caller), Status> {
    batch::name("exchange_id", &decision.exchange_id)?;
    batch::digest(&decision.contract_digest)?;
    let verdict = match decision.verdict() {
        proto::Verdict::Allow => Verdict::Allow,
        proto::Verdict::Deny => Verdict::Deny,
        proto::Verdict::NeedsApproval => Verdict::NeedsApproval,
        proto::Verdict::Unspecified => {
            return Err(Status::invalid_argument(
                "unknown verdict (verdict); send VERDICT_ALLOW, VERDICT_DENY or VERDICT_NEEDS_APPROVAL",
            ));
        }
    };
    for (field, text) in [("violation_code", &decision.violation_code), ("pointer", &decision.pointer)] {
        batch::fits(field, text, TEXT_BYTES)?;
    }
    if !decision.arguments_digest.is_empty() && !batch::is_hash(&decision.arguments_digest) {
        return Err(Status::invalid_argument(
            "not a digest (arguments_digest); send 64 lowercase hexadecimal digits, or nothing",
        ));
    }
    if !decision.trace_id.is_empty() && !batch::is_trace_id(&decision.trace_id) {
        return Err(Status::invalid_argument(
            "not a trace id (trace_id); send 32 lowercase hexadecimal digits, or nothing",
        ));
    }
    batch::conversation_id(&decision.conversation_id)?;
    let caller = batch::caller(decision.caller)?;
    let time = UNIX_EPOCH.checked_add(Duration::from_nanos(decision.time_unix_nanos)).ok_or_else(|| {
        Status::invalid_argument("not a time (time_unix_nanos); send nanoseconds since the Unix epoch")
    })?;
    let agent = decision.agent.unwrap_or_default();
    let entry = Entry {
        time,
        source: Source::Filter,
        call: Arc::new(Call {
            exchange_id: decision.exchange_id,
            round: decision.round,
            position: decision.position,
            call_id: batch::bounded(&decision.call_id),
            request_id: batch::bounded(&decision.request_id),
            trace_id: decision.trace_id,
            tenant: batch::recorded(caller.tenant.clone()),
            role: batch::recorded(caller.role.clone()),
            contract_digest: decision.contract_digest,
            conversation_id: decision.conversation_id,
            agent_session: batch::bounded(&agent.session),
            agent_id: batch::bounded(&agent.id),
            agent_parent: batch::bounded(&agent.parent),
            tool: callgate_json::name_in_record(&decision.tool),
            arguments_digest: decision.arguments_digest,
            arguments: Some(decision.arguments).filter(|text| !text.is_empty()),
            readings: Vec::new(),
            readings_cut: false,
        }),
        event: AuditEvent::Decision {
            verdict,
            code: decision.violation_code,
            pointer: decision.pointer,
            approval_id: None,
        },
    };
    Ok((entry, caller))
}
