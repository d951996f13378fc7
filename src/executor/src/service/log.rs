//! The executor's log lines about calls: names, codes and numbers, never arguments or results.

use callgate_proto::executor::v1::CallOutcome;
use callgate_proto::executor::v1::call_outcome::Outcome;
use tonic::Status;

use crate::outcome;
use crate::telemetry::Throttle;
use callgate_audit as audit;

/// Logs one line for an ended call. `peer` is the client that sent it, or empty if it is forgotten.
pub(super) fn ended(call: &audit::Call, peer: &str, outcome: &CallOutcome) {
    let usage = outcome.usage.unwrap_or_default();
    let violation = match &outcome.outcome {
        Some(Outcome::Failure(failure)) => failure.violation_code.as_str(),
        Some(Outcome::Success(_)) | None => "",
    };
    tracing::info!(
        exchange = call.exchange_id,
        request = call.request_id,
        round = call.round,
        position = call.position,
        contract = call.contract_digest,
        tenant = call.tenant,
        role = call.role,
        peer,
        tool = call.tool,
        outcome = outcome::name(outcome),
        violation,
        fuel = usage.fuel,
        peak_memory_bytes = usage.peak_memory_bytes,
        duration_us = usage.duration_us,
        "call"
    );
}

/// Logs one line for a ruling on a call that the calling application runs.
pub(super) fn ruled(call: &audit::Call, peer: &str, ruling: &str, violation: &str) {
    tracing::info!(
        exchange = call.exchange_id,
        request = call.request_id,
        round = call.round,
        position = call.position,
        contract = call.contract_digest,
        tenant = call.tenant,
        role = call.role,
        peer,
        tool = call.tool,
        ruling,
        violation,
        "ruling"
    );
}

/// Logs one line for a rejected request, unless the rate limit is reached.
pub(super) fn rejected(throttle: &Throttle, exchange: &str, calls: usize, status: &Status) {
    let Some(held_back) = throttle.line() else { return };
    tracing::warn!(
        exchange = callgate_json::name_in_record(exchange),
        calls,
        code = ?status.code(),
        reason = status.message(),
        held_back,
        "request is refused"
    );
}
