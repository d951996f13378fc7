//! Checks a request and bounds each of its texts before anything is kept, decided or logged.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use callgate_contract::{CLAIMS_MAX, Caller, Code, Contract, Conversation, ConversationFacts, Texts, Violation};
use callgate_proto::executor::v1::{self as proto, ExecuteRequest};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::telemetry;
use callgate_audit as audit;

/// The maximum calls in one request. A contract's `maxToolCallsPerTurn` bounds how many may run.
const CALLS: usize = 1024;
/// The maximum bytes of an exchange's or a request's name.
pub(super) const NAME_BYTES: usize = 128;
/// The maximum bytes of a tenant's or a role's name.
const CALLER_BYTES: usize = 256;
/// The maximum bytes of a caller's workspace, as of any path.
const WORKSPACE_BYTES: usize = 4096;
/// The maximum claims of a caller: those of a contract, and as many of its candidate.
const CLAIMS: usize = 2 * CLAIMS_MAX;
/// The maximum bytes of a model's name.
const MODEL_BYTES: usize = 256;
/// The maximum bytes of a call's id. Some proxies put a model's signature into it.
const CALL_ID_BYTES: usize = 4096;
/// The maximum bytes of a tool's name. A contract's names have at most 128.
const TOOL_BYTES: usize = 256;
/// The maximum bytes of the pointer and the message of a broken rule.
const RULE_BYTES: usize = 4096;
/// The bytes kept unchanged of a recorded tenant longer than [`CALLER_BYTES`].
const CUT_BYTES: usize = 192;

/// The part of a request all its calls share.
pub(super) struct CheckedBatch {
    pub(super) exchange_id: String,
    pub(super) request_id: String,
    /// The request's trace, if it names one.
    pub(super) trace: Context,
    /// The client at the other end of the connection.
    pub(super) peer: Arc<str>,
    pub(super) round: u32,
    /// The conversation, as the filter names it; may be empty.
    pub(super) conversation_id: String,
    pub(super) contract_digest: String,
    pub(super) caller: Caller,
    /// The model, if the filter sent it.
    model: Option<String>,
    /// The facts of the conversation before the calls, if the filter sent them.
    conversation: Option<ConversationFacts>,
    /// The time of the request here, in milliseconds since the Unix epoch.
    now: Option<u64>,
}

// === impl CheckedBatch ===

impl CheckedBatch {
    /// Checks a request and returns its calls separately.
    pub(super) fn read(
        request: ExecuteRequest,
        metadata: &MetadataMap,
        peer: Arc<str>,
    ) -> Result<(Self, Vec<proto::Call>), Status> {
        digest(&request.contract_digest)?;
        name("exchange_id", &request.exchange_id)?;
        fits("request_id", &request.request_id, NAME_BYTES)?;
        conversation_id(&request.conversation_id)?;
        let calls = request.calls.len();
        if !(1..=CALLS).contains(&calls) {
            return Err(Status::invalid_argument(format!("wrong number of calls (calls, {calls}); send 1 to {CALLS}")));
        }
        for (position, call) in request.calls.iter().enumerate() {
            fits(format_args!("calls[{position}].id"), &call.id, CALL_ID_BYTES)?;
            fits(format_args!("calls[{position}].tool"), &call.tool, TOOL_BYTES)?;
            if let Some(rule) = call.sources.as_ref().and_then(|ruling| ruling.held.as_ref()) {
                fits(format_args!("calls[{position}].sources.held.pointer"), &rule.pointer, RULE_BYTES)?;
                fits(format_args!("calls[{position}].sources.held.message"), &rule.message, RULE_BYTES)?;
            }
        }
        positions(&request.calls)?;
        let claims = request.caller.as_ref().map_or(0, |caller| caller.claims.len());
        if claims > CLAIMS {
            return Err(Status::invalid_argument(format!(
                "too many claims (caller.claims, {claims}); send at most {CLAIMS}"
            )));
        }
        let caller = bounded_caller(request.caller)?;
        fits("model", request.model.as_deref().unwrap_or_default(), MODEL_BYTES)?;
        let asked = Self {
            model: request.model,
            conversation: conversation(request.conversation, request.earlier_calls)?,
            now: unix_millis(now()),
            exchange_id: request.exchange_id,
            request_id: request.request_id,
            conversation_id: request.conversation_id,
            trace: telemetry::caller(metadata),
            peer,
            round: request.round,
            contract_digest: request.contract_digest,
            caller,
        };
        Ok((asked, request.calls))
    }

    /// Keeps the claims that the contract declares. The contract is known only now.
    pub(super) fn admit_claims(&mut self, contract: &Contract) -> Result<(), Status> {
        let admitted = contract.claims().admit(self.caller.claims.iter());
        self.caller.claims = admitted.map_err(|fault| Status::invalid_argument(format!("{fault} (caller.claims)")))?;
        Ok(())
    }

    /// Returns the workspace that the request states, if the contract reads it.
    pub(super) fn workspace(&self, contract: &Contract) -> Option<String> {
        contract.workspace_header().and(self.caller.workspace.clone())
    }

    /// Returns the basis of the decision on the call at `position`.
    pub(super) fn conversation<'a>(&'a self, position: u32, texts: Texts<'a>) -> Conversation<'a> {
        let (model, facts) = (self.model.as_deref(), self.conversation.as_ref());
        Conversation { calls_before: position, model, now: self.now, facts, texts, can_feed_back: false }
    }

    /// Returns the model, and the facts of the conversation, for policies: each if the filter sent it.
    pub(super) fn policy_facts(&self) -> (Option<String>, Option<Value>) {
        let conversation = self.conversation.as_ref().map(|facts| {
            let ConversationFacts { tainted, rounds, turns, calls } = facts;
            json!({ "tainted": tainted, "rounds": rounds, "turns": turns, "calls": calls })
        });
        (self.model.clone(), conversation)
    }

    /// Counts a call that is not denied, for the decisions on later ones of the same turn.
    pub(super) fn add_call(&mut self, tool: &str) {
        if let Some(facts) = &mut self.conversation {
            facts.add_call(tool);
        }
    }

    /// Returns the audit log's description of one call.
    pub(super) fn audited(&self, position: u32, call: &proto::Call) -> audit::Call {
        audit::Call {
            exchange_id: self.exchange_id.clone(),
            round: self.round,
            position,
            call_id: bounded(&call.id),
            request_id: self.request_id.clone(),
            trace_id: trace_id(&self.trace),
            conversation_id: self.conversation_id.clone(),
            tenant: self.caller.tenant.clone(),
            role: self.caller.role.clone(),
            contract_digest: self.contract_digest.clone(),
            tool: callgate_json::name_in_record(&call.tool),
            arguments_digest: String::new(),
            ..audit::Call::default()
        }
    }
}

/// The filter's decision on the rules about the sources of a call's values. `None` without one, or if it names an unknown rule.
pub(super) struct SentRuling(Option<Option<Violation>>);

// === impl SentRuling ===

impl SentRuling {
    pub(super) fn of(call: &proto::Call) -> Self {
        let Some(ruling) = &call.sources else { return Self(None) };
        let Some(rule) = &ruling.held else { return Self(Some(None)) };
        let code = Code::ALL.into_iter().find(|code| code.as_str() == rule.code);
        Self(code.map(|code| {
            let (pointer, message) = (rule.pointer.clone(), rule.message.clone());
            Some(Violation {
                code,
                tool: callgate_json::name_in_sentence(&call.tool),
                pointer,
                message,
                feeds_back: false,
            })
        }))
    }

    /// Lends it to a decision.
    pub(super) fn texts(&self) -> Texts<'_> {
        match &self.0 {
            Some(held) => Texts::Decided(held.as_ref()),
            None => Texts::Unknown,
        }
    }
}

/// Checks that no two calls share an id or a position: both are part of a call's name.
fn positions(calls: &[proto::Call]) -> Result<(), Status> {
    let mut taken = HashSet::with_capacity(calls.len());
    let differ = (0..).zip(calls).all(|(place, call)| taken.insert(call.position.unwrap_or(place)));
    if differ {
        return Ok(());
    }
    Err(Status::invalid_argument("duplicate position (calls); give each call its own position"))
}

/// Checks the caller's names.
pub(super) fn bounded_caller(from: Option<proto::Caller>) -> Result<Caller, Status> {
    let caller = caller(from)?;
    fits("caller.tenant", &caller.tenant, CALLER_BYTES)?;
    fits("caller.role", &caller.role, CALLER_BYTES)?;
    fits("caller.workspace", caller.workspace.as_deref().unwrap_or_default(), WORKSPACE_BYTES)?;
    Ok(caller)
}

/// Checks that a text is a contract's digest.
pub(super) fn digest(text: &str) -> Result<(), Status> {
    if is_digest(text) {
        return Ok(());
    }
    let expected = "\"sha256:\" and 64 lowercase hexadecimal digits";
    Err(Status::invalid_argument(format!("not a digest (contract_digest); send {expected}")))
}

/// Checks a conversation's name: the filter's hash, or nothing.
pub(super) fn conversation_id(text: &str) -> Result<(), Status> {
    if text.is_empty() || is_trace_id(text) {
        return Ok(());
    }
    Err(Status::invalid_argument("not an id (conversation_id); send 32 lowercase hexadecimal digits, or nothing"))
}

/// Checks a name used as a key.
pub(super) fn name(field: &str, text: &str) -> Result<(), Status> {
    if text.is_empty() {
        return Err(Status::invalid_argument(format!("empty name ({field}); send 1 to {NAME_BYTES} bytes")));
    }
    fits(field, text, NAME_BYTES)
}

/// Checks a text's length before anything is kept, decided or logged.
pub(super) fn fits(field: impl fmt::Display, text: &str, most: usize) -> Result<(), Status> {
    let bytes = text.len();
    if bytes <= most {
        return Ok(());
    }
    Err(Status::invalid_argument(format!("text too long ({field}, {bytes} bytes); send at most {most} bytes")))
}

pub(super) fn caller(caller: Option<proto::Caller>) -> Result<Caller, Status> {
    match caller {
        Some(proto::Caller { tenant, role, claims, workspace }) => {
            // As an absent claim it could open what it was meant to close.
            let unread =
                || Status::invalid_argument("claim without a value (caller.claims); send one, or leave the claim out");
            let claims =
                claims.into_iter().map(|(name, claim)| Ok((name, claim_value(claim.value.ok_or_else(unread)?))));
            Ok(Caller { tenant, role, claims: claims.collect::<Result<_, Status>>()?, workspace })
        }
        None => Err(Status::invalid_argument("no caller (caller); send the caller's tenant and role")),
    }
}

fn claim_value(claim: proto::claim::Value) -> Value {
    match claim {
        proto::claim::Value::Text(text) => text.into(),
        proto::claim::Value::Integer(number) => number.into(),
        proto::claim::Value::Boolean(value) => value.into(),
        proto::claim::Value::Texts(proto::ClaimTexts { texts }) => texts.into(),
    }
}

/// Bounds the facts of a conversation. Without one, there are none.
fn conversation(
    facts: Option<proto::Conversation>,
    calls: BTreeMap<String, u32>,
) -> Result<Option<ConversationFacts>, Status> {
    if calls.len() > CALLS {
        let count = calls.len();
        return Err(Status::invalid_argument(format!("too many tools (earlier_calls, {count}); send at most {CALLS}")));
    }
    for tool in calls.keys() {
        fits("earlier_calls", tool, TOOL_BYTES)?;
    }
    let facts =
        facts.map(|proto::Conversation { tainted, rounds, turns }| ConversationFacts { tainted, rounds, turns, calls });
    Ok(facts)
}

/// Returns a time in milliseconds since the Unix epoch.
fn unix_millis(time: SystemTime) -> Option<u64> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok().and_then(|time| u64::try_from(time.as_millis()).ok())
}

/// Returns the recorded form of a tenant or role that another program decided on. A name over the bound is cut and gets
/// the start of its SHA-256, which keeps it distinct. A refusal would lose all records of the request.
pub(super) fn recorded(name: String) -> String {
    if name.len() <= CALLER_BYTES {
        return name;
    }
    let hash = Sha256::digest(name.as_bytes());
    let start = name.get(..name.floor_char_boundary(CUT_BYTES)).unwrap_or_default();
    let hash = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{start}~{hash}")
}

/// Returns the first 128 printable characters of a call's id, for logs only.
pub(super) fn bounded(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(NAME_BYTES).collect()
}

/// Returns true for 64 lowercase hexadecimal digits.
pub(super) fn is_hash(text: &str) -> bool {
    text.len() == 64 && is_hex(text)
}

/// Returns 32 lowercase hexadecimal digits, or an empty text without a trace.
pub(super) fn trace_id(trace: &Context) -> String {
    let span = trace.span();
    let of = span.span_context();
    if of.is_valid() { of.trace_id().to_string() } else { String::new() }
}

/// Returns true for 32 lowercase hexadecimal digits, not all zero.
pub(super) fn is_trace_id(text: &str) -> bool {
    text.len() == 32 && is_hex(text) && text.bytes().any(|byte| byte != b'0')
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(is_hash)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Returns the current time for the audit log.
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

    #[test]
    fn an_overlong_tenant_is_cut_and_kept_apart() {
        let long = |end: char| recorded(format!("{}{end}", "\u{e9}".repeat(10_000)));
        assert!(long('a').len() <= CALLER_BYTES);
        assert_ne!(long('a'), long('b'));
        assert_eq!(recorded("acme".into()), "acme");
    }
}
