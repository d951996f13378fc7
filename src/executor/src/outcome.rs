//! What a call's end is called on the wire.

use std::time::Duration;

use callgate_contract::{Tool, Violation};
use callgate_proto::executor::v1::call_outcome::Outcome;
use callgate_proto::executor::v1::{CallOutcome, Failure, FailureKind, Success, Usage};

use crate::sandbox::{Finished, Stop};

/// The violation code of a call whose tool the calling application runs: it is decided, but not run here.
pub(crate) const RUN_BY_CLIENT: &str = "run_by_client";

/// The outcome of a call that the executor's own decision refused. Nothing ran.
pub(crate) fn denied(id: String, violation: Violation) -> CallOutcome {
    let message = if violation.pointer.is_empty() {
        violation.message
    } else {
        format!("at {}: {}", violation.pointer, violation.message)
    };
    failed(id, FailureKind::Denied, message, violation.code.as_str())
}

/// The outcome of a call that the contract allows, but whose tool does not run here. Nothing ran.
pub(crate) fn not_here(id: String, tool: &str) -> CallOutcome {
    let message = format!("{tool} is run by the calling application, not by the executor");
    failed(id, FailureKind::Denied, message, RUN_BY_CLIENT)
}

/// The outcome of a call that ran, or was meant to. What it wrote counts only as one strict JSON value that the contract's
/// `result` accepts; what goes on is its canonical text.
pub(crate) fn ran(id: String, tool: &Tool, finished: Finished) -> CallOutcome {
    let usage = usage(finished.fuel, finished.peak_memory, finished.duration);
    let outcome = match finished.result {
        Ok(written) => judge(tool, &written),
        Err(stop) => Outcome::Failure(Failure {
            kind: kind(&stop).into(),
            message: format!("{} {stop}", tool.name()),
            violation_code: String::new(),
            approval_id: String::new(),
        }),
    };
    CallOutcome { id, outcome: Some(outcome), usage: Some(usage) }
}

/// A short stable name of an outcome, for logs.
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
    let value = match callgate_json::read(written) {
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
        // A sandbox that could not be set up has run nothing of the tool; to the caller it is the same dead end.
        Stop::Trap { .. } | Stop::Setup(_) => FailureKind::Trap,
        Stop::NonzeroExit { .. } => FailureKind::NonzeroExit,
        Stop::OutputTooLarge { .. } => FailureKind::OutputTooLarge,
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
