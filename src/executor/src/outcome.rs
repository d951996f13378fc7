//! The outcomes of calls as they appear on the wire.

use std::time::Duration;

use callgate_contract::{Tool, Violation};
use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::{CallOutcome, Failure, FailureKind, Success, Usage};

use crate::backends;
use callgate_sandbox::{Finished, Stop};

/// The violation code of a call the application itself runs: it is decided here, but not run.
pub(crate) const RUN_BY_CLIENT: &str = "run_by_client";

/// The violation code of a call under another call's idempotency key.
const KEY_REUSED: &str = "idempotency_key_reused";

/// The violation code of a call a person denied.
const APPROVAL_REFUSED: &str = callgate_contract::Code::ApprovalRefused.as_str();

/// The violation code of a call whose tenant cannot have its own folder.
const TENANT_REFUSED: &str = "tenant_refused";

/// Returns the outcome of a call the executor's own decision denied. Nothing ran.
pub(crate) fn denied(id: String, violation: Violation) -> CallOutcome {
    let message = if violation.pointer.is_empty() {
        violation.message
    } else {
        format!("at {}: {}", violation.pointer, violation.message)
    };
    failed(id, FailureKind::Denied, message, violation.code.as_str())
}

/// Returns the outcome of an allowed call whose tool does not run here. Nothing ran.
pub(crate) fn not_here(id: String, tool: &str) -> CallOutcome {
    let message = format!("{tool} is run by the calling application, not by the executor");
    failed(id, FailureKind::Denied, message, RUN_BY_CLIENT)
}

/// Returns the outcome of a call that cannot run now, because a required record cannot be written. Nothing ran.
pub(crate) fn unavailable(id: String, reason: &str) -> CallOutcome {
    failed(id, FailureKind::Unavailable, format!("the executor cannot run calls now: {reason}"), "")
}

/// Returns the outcome of a call that began and has no known end. It is not run again.
pub(crate) fn unknown(id: String, tool: &str) -> CallOutcome {
    let message = format!("{tool} was begun and did not come to an end that is known; it is not run again");
    failed(id, FailureKind::Unknown, message, "")
}

/// Returns the outcome of a call under another call's key. Nothing ran.
pub(crate) fn key_reused(id: String, tool: &str) -> CallOutcome {
    let message = format!("{tool} was called under the idempotency key of another call");
    failed(id, FailureKind::Denied, message, KEY_REUSED)
}

/// Returns the outcome of a call waiting for a person. Nothing ran.
pub(crate) fn approval_required(id: String, tool: &str, approval_id: &str, left: Duration) -> CallOutcome {
    let message = format!(
        "{tool} needs a person's approval, which was asked for as {approval_id}; once it is given, within {} minutes, the same call \
         with the same arguments runs",
        left.as_secs().div_ceil(60)
    );
    approval(id, message, callgate_contract::Code::ApprovalRequired.as_str(), approval_id)
}

/// Returns the outcome of a call a person denied. Nothing ran. `left` is the time for which the same call is denied
/// without asking.
pub(crate) fn approval_refused(id: String, tool: &str, approval_id: &str, reason: &str, left: Duration) -> CallOutcome {
    approval(id, refused_by_a_person(tool, approval_id, reason, left), APPROVAL_REFUSED, approval_id)
}

/// Describes a person's denial.
pub(crate) fn refused_by_a_person(tool: &str, approval_id: &str, reason: &str, left: Duration) -> String {
    let why = if reason.is_empty() { String::new() } else { format!(", who gave the reason: {reason}") };
    let minutes = left.as_secs().div_ceil(60);
    format!(
        "{tool} was refused by a person in answer to {approval_id}{why}; the same call with the same arguments is refused for {minutes} minutes"
    )
}

fn approval(id: String, message: String, code: &str, approval_id: &str) -> CallOutcome {
    let failure = Failure {
        kind: FailureKind::Denied.into(),
        message,
        violation_code: code.to_owned(),
        approval_id: approval_id.to_owned(),
    };
    CallOutcome { id, outcome: Some(Outcome::Failure(failure)), usage: Some(usage(0, 0, Duration::ZERO)) }
}

/// Returns the outcome of a call still queued at its deadline. Nothing ran.
pub(crate) fn never_ran_in_time(id: String, tool: &Tool, limit: Duration, waited: Duration) -> CallOutcome {
    let message = format!("{} {}", tool.name(), Stop::Timeout { limit });
    let CallOutcome { outcome, .. } = failed(String::new(), FailureKind::Timeout, message, "");
    CallOutcome { id, outcome, usage: Some(usage(0, 0, waited)) }
}

/// Returns the outcome of a call of which the store has not said by its deadline that it may begin. This attempt ran nothing, and the log
/// may have no record of it.
pub(crate) fn not_begun_in_time(id: String, tool: &str, limit: Duration, waited: Duration) -> CallOutcome {
    let message = format!(
        "{tool} did not begin within its timeout of {limit:?}: the call runs already under the same key, or the executor's stores are slow"
    );
    CallOutcome { usage: Some(usage(0, 0, waited)), ..failed(id, FailureKind::Unavailable, message, "") }
}

/// Returns the outcome of a call to a backend.
pub(crate) fn answered(
    id: String,
    tool: &Tool,
    answered: Result<Vec<u8>, backends::Stop>,
    took: Duration,
) -> CallOutcome {
    let outcome = match answered {
        Ok(written) => judge(tool, &written),
        Err(stop) => {
            let kind = match &stop {
                backends::Stop::Timeout { .. } => FailureKind::Timeout,
                backends::Stop::TooLarge { .. } => FailureKind::OutputTooLarge,
                backends::Stop::Unavailable { .. } => FailureKind::Unavailable,
                backends::Stop::Failed { .. } => FailureKind::BackendError,
            };
            Outcome::Failure(Failure {
                kind: kind.into(),
                message: format!("{} {stop}", tool.name()),
                violation_code: String::new(),
                approval_id: String::new(),
            })
        }
    };
    CallOutcome { id, outcome: Some(outcome), usage: Some(usage(0, 0, took)) }
}

/// Returns a short stable name of a backend's failure, for metrics.
pub(crate) fn of_stop(stop: &backends::Stop) -> &'static str {
    match stop {
        backends::Stop::Timeout { .. } => "timeout",
        backends::Stop::TooLarge { .. } => "output_too_large",
        backends::Stop::Unavailable { .. } => "unavailable",
        backends::Stop::Failed { .. } => "backend_error",
    }
}

/// Returns the violation's code of a denied call; empty otherwise.
pub(crate) fn code(outcome: &CallOutcome) -> String {
    match &outcome.outcome {
        Some(Outcome::Failure(failure)) => failure.violation_code.clone(),
        Some(Outcome::Success(_)) | None => String::new(),
    }
}

/// Returns the reason an allowed call was denied all the same; one of a fixed set, fit for a label.
pub(crate) fn refusal(outcome: &CallOutcome) -> Option<&'static str> {
    let code = code(outcome);
    [KEY_REUSED, APPROVAL_REFUSED, TENANT_REFUSED, callgate_contract::Code::ApprovalRequired.as_str()]
        .into_iter()
        .find(|known| *known == code)
}

/// Returns the outcome of a call in the sandbox. Its output counts only as one strict JSON value the contract's
/// `result` accepts; the canonical text is returned.
pub(crate) fn ran(id: String, tool: &Tool, finished: Finished) -> CallOutcome {
    let usage = usage(finished.fuel, finished.peak_memory, finished.duration);
    let outcome = match finished.result {
        Ok(written) => judge(tool, &written),
        Err(stop) => Outcome::Failure(Failure {
            kind: kind(&stop).into(),
            message: format!("{} {stop}", tool.name()),
            violation_code: match stop {
                Stop::Tenant(_) => TENANT_REFUSED.to_owned(),
                _ => String::new(),
            },
            approval_id: String::new(),
        }),
    };
    CallOutcome { id, outcome: Some(outcome), usage: Some(usage) }
}

/// Returns the result of a successful call: RFC 8785 canonical JSON.
pub(crate) fn result(outcome: &CallOutcome) -> Option<&str> {
    match &outcome.outcome {
        Some(Outcome::Success(success)) => Some(&success.result),
        Some(Outcome::Failure(_)) | None => None,
    }
}

/// Returns a short stable name of an outcome, for logs.
pub(crate) fn name(outcome: &CallOutcome) -> &'static str {
    match &outcome.outcome {
        Some(Outcome::Success(_)) => "success",
        Some(Outcome::Failure(failure)) => match failure.kind() {
            FailureKind::Timeout => "timeout",
            FailureKind::OutOfFuel => "out_of_fuel",
            FailureKind::OutOfMemory => "out_of_memory",
            FailureKind::Trap => "trap",
            FailureKind::NonzeroExit => "nonzero_exit",
            FailureKind::OutputInvalid => "output_invalid",
            FailureKind::OutputTooLarge => "output_too_large",
            FailureKind::Denied => "denied",
            FailureKind::Unknown => "unknown",
            FailureKind::Unavailable => "unavailable",
            FailureKind::BackendError => "backend_error",
            FailureKind::Unspecified => "unspecified",
        },
        None => "unspecified",
    }
}

fn judge(tool: &Tool, written: &[u8]) -> Outcome {
    let invalid = |message: String, code: &str| {
        Outcome::Failure(Failure {
            kind: FailureKind::OutputInvalid.into(),
            message,
            violation_code: code.to_owned(),
            approval_id: String::new(),
        })
    };
    let value = match callgate_json::read_by_value(written) {
        Ok(value) => value,
        Err(error) => {
            return invalid(format!("{} did not write exactly one strict JSON value: {error}", tool.name()), "");
        }
    };
    match tool.check_result(&value) {
        Ok(()) => Outcome::Success(Success { result: callgate_json::canonical(&value) }),
        Err(violation) => invalid(
            format!(
                "{} wrote a result that its contract does not accept, at \"{}\": {}",
                tool.name(),
                violation.pointer,
                violation.message
            ),
            violation.code.as_str(),
        ),
    }
}

fn kind(stop: &Stop) -> FailureKind {
    match stop {
        Stop::Timeout { .. } => FailureKind::Timeout,
        Stop::OutOfFuel { .. } => FailureKind::OutOfFuel,
        Stop::OutOfMemory { .. } => FailureKind::OutOfMemory,
        // A sandbox that failed to set up has run nothing of the tool; the caller cannot tell the difference.
        Stop::Trap { .. } | Stop::Setup(_) => FailureKind::Trap,
        // The two ways a tool itself reports a failure.
        Stop::NonzeroExit { .. } | Stop::Failed { .. } => FailureKind::NonzeroExit,
        Stop::OutputTooLarge { .. } => FailureKind::OutputTooLarge,
        Stop::Tenant(_) => FailureKind::Denied,
    }
}

fn failed(id: String, kind: FailureKind, message: String, code: &str) -> CallOutcome {
    let failure = Failure { kind: kind.into(), message, violation_code: code.to_owned(), approval_id: String::new() };
    CallOutcome { id, outcome: Some(Outcome::Failure(failure)), usage: Some(usage(0, 0, Duration::ZERO)) }
}

fn usage(fuel: u64, peak_memory_bytes: u64, duration: Duration) -> Usage {
    let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Usage { fuel, peak_memory_bytes, duration_us }
}
