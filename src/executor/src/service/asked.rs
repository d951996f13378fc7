//! A request, checked: what all of its calls have in common.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use callgate_contract::Caller;
use callgate_proto::executor::v1::{self as proto, ExecuteRequest};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::audit;
use crate::telemetry;

/// Bytes of an exchange's or a request's name.
const NAME_BYTES: usize = 128;

/// What all calls of a request have in common.
pub(super) struct Asked {
    pub(super) exchange_id: String,
    pub(super) request_id: String,
    /// The trace that the request belongs to, if it names one.
    pub(super) trace: Context,
    /// Who is at the other end of the connection.
    pub(super) peer: Arc<str>,
    pub(super) round: u32,
    pub(super) contract_digest: String,
    pub(super) caller: Caller,
}

// === impl Asked ===

impl Asked {
    /// Checks a request, and gives its calls apart.
    pub(super) fn read(
        request: ExecuteRequest,
        metadata: &MetadataMap,
        peer: Arc<str>,
    ) -> Result<(Self, Vec<proto::Call>), Status> {
        digest(&request.contract_digest)?;
        name("exchange_id", &request.exchange_id)?;
        if request.request_id.len() > NAME_BYTES {
            return Err(Status::invalid_argument(format!("request_id: expected at most {NAME_BYTES} bytes")));
        }
        if request.calls.is_empty() {
            return Err(Status::invalid_argument("calls: expected at least one call"));
        }
        positions(&request.calls)?;
        let caller = caller(request.caller)?;
        let asked = Self {
            exchange_id: request.exchange_id,
            request_id: request.request_id,
            trace: telemetry::caller(metadata),
            peer,
            round: request.round,
            contract_digest: request.contract_digest,
            caller,
        };
        Ok((asked, request.calls))
    }

    /// How the audit log names one of its calls.
    pub(super) fn audited(&self, position: u32, call: &proto::Call) -> audit::Call {
        audit::Call {
            exchange_id: self.exchange_id.clone(),
            round: self.round,
            position,
            call_id: bounded(&call.id),
            request_id: self.request_id.clone(),
            trace_id: trace_id(&self.trace),
            tenant: self.caller.tenant.clone(),
            role: self.caller.role.clone(),
            contract_digest: self.contract_digest.clone(),
            tool: printable(&call.tool),
            arguments_digest: String::new(),
            arguments: None,
        }
    }
}

/// Checks that calls have names of their own: a position is a part of each.
fn positions(calls: &[proto::Call]) -> Result<(), Status> {
    let mut taken = HashSet::with_capacity(calls.len());
    let differ = (0..).zip(calls).all(|(place, call)| taken.insert(call.position.unwrap_or(place)));
    if differ {
        return Ok(());
    }
    Err(Status::invalid_argument("position: expected another one for each call of the request"))
}

/// Checks that a text is a contract's digest.
pub(super) fn digest(text: &str) -> Result<(), Status> {
    if is_digest(text) {
        return Ok(());
    }
    Err(Status::invalid_argument("contract_digest: expected \"sha256:\" and 64 lowercase hexadecimal digits"))
}

/// Checks a name that something is kept under.
pub(super) fn name(field: &str, text: &str) -> Result<(), Status> {
    if (1..=NAME_BYTES).contains(&text.len()) {
        return Ok(());
    }
    Err(Status::invalid_argument(format!("{field}: expected 1 to {NAME_BYTES} bytes")))
}

pub(super) fn caller(caller: Option<proto::Caller>) -> Result<Caller, Status> {
    match caller {
        Some(proto::Caller { tenant, role }) => Ok(Caller { tenant, role }),
        None => Err(Status::invalid_argument("caller: expected the tenant and role that the calls are made for")),
    }
}

/// A name that a model chose, fit for a log: its first 64 printable characters.
pub(super) fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// A call's id, for logs only: its first 128 printable characters.
pub(super) fn bounded(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(NAME_BYTES).collect()
}

/// 64 lowercase hexadecimal digits, or nothing.
pub(super) fn is_hash(text: &str) -> bool {
    text.len() == 64 && is_hex(text)
}

/// 32 lowercase hexadecimal digits; empty where there is no trace.
fn trace_id(trace: &Context) -> String {
    let span = trace.span();
    let of = span.span_context();
    if of.is_valid() { of.trace_id().to_string() } else { String::new() }
}

/// 32 lowercase hexadecimal digits that are not all zero.
pub(super) fn is_trace_id(text: &str) -> bool {
    text.len() == 32 && is_hex(text) && text.bytes().any(|byte| byte != b'0')
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(is_hash)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Now, for the audit log.
pub(super) fn now() -> SystemTime {
    SystemTime::now()
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
