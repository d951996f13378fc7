//! The executor's protobuf, from and to the engine's words.

use std::collections::BTreeMap;
use std::time::Duration;

use callgate_contract::CallerClaims;
use callgate_engine::{
    AgentIds, Authorization, AuthorizeBatch, CallBatch, CallCode, CallFailed, CallRuling, ConversationFacts, Decisions,
    Outcome, Receipt, ReleaseRule, Ruling, RunCall, ToolFailure, Trace, Violation,
};
use callgate_proto::executor::v1::{
    self as proto, Agent, AuthorizeRequest, AuthorizeResponse, BrokenRule, Call, Caller, Claim, ClaimTexts,
    Conversation, Decision, ExecuteRequest, ExecuteResponse, FailureKind, SourceRuling, Verdict, call_outcome,
    call_ruling, claim,
};
use prost::Message;
use serde_json::Value;

/// Full name of the service.
pub const SERVICE: &str = "callgate.executor.v1.Executor";
/// The maximum bytes of the pointer and the message of a broken rule.
const RULE_BYTES: usize = 4096;
/// Runs calls.
pub const EXECUTE: &str = "Execute";
/// Rules on calls that the client runs.
pub const AUTHORIZE: &str = "Authorize";
/// Keeps decisions.
pub const RECORD: &str = "Record";

// gRPC status codes (grpc/grpc `doc/statuscodes.md`).
const OK: u32 = 0;
const INVALID_ARGUMENT: u32 = 3;
const RESOURCE_EXHAUSTED: u32 = 8;
const FAILED_PRECONDITION: u32 = 9;
const OUT_OF_RANGE: u32 = 11;
const UNIMPLEMENTED: u32 = 12;

/// A request about calls or counts, and the trace context for its metadata.
#[derive(Debug)]
pub struct CallsRequest {
    /// The encoded message.
    pub message: Vec<u8>,
    /// The trace of the request.
    pub trace: Option<Trace>,
}

impl CallsRequest {
    /// Returns the metadata: `traceparent` and `tracestate`, if there is a trace.
    pub fn metadata(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let parent = self.trace.iter().map(|trace| ("traceparent", trace.parent()));
        let state = self.trace.iter().filter_map(|trace| Some(("tracestate", trace.state()?)));
        parent.chain(state)
    }
}

/// Encodes a batch for the executor.
#[must_use]
pub fn encode(batch: CallBatch) -> CallsRequest {
    let trace = batch.trace;
    let (conversation, earlier_calls) = facts(batch.conversation);
    let request = ExecuteRequest {
        contract_digest: batch.contract_digest,
        caller: Some(Caller { workspace: batch.workspace, ..caller(batch.tenant, batch.role, batch.claims) }),
        exchange_id: batch.exchange_id,
        request_id: batch.request_id,
        conversation_id: batch.conversation_id.unwrap_or_default(),
        round: batch.round,
        model: batch.model,
        conversation,
        earlier_calls,
        calls: batch.calls.into_iter().map(call).collect(),
    };
    CallsRequest { message: request.encode_to_vec(), trace }
}

/// Encodes a batch whose calls the executor must release.
#[must_use]
pub fn encode_asked(AuthorizeBatch { batch, release }: AuthorizeBatch) -> CallsRequest {
    let release = match release {
        ReleaseRule::Each => proto::ReleaseRule::Unspecified,
        ReleaseRule::NoneIfDenied => proto::ReleaseRule::NoneIfDenied,
        ReleaseRule::AllOrNone => proto::ReleaseRule::AllOrNone,
    };
    let trace = batch.trace;
    let (conversation, earlier_calls) = facts(batch.conversation);
    let request = AuthorizeRequest {
        contract_digest: batch.contract_digest,
        caller: Some(Caller { workspace: batch.workspace, ..caller(batch.tenant, batch.role, batch.claims) }),
        exchange_id: batch.exchange_id,
        request_id: batch.request_id,
        conversation_id: batch.conversation_id.unwrap_or_default(),
        round: batch.round,
        model: batch.model,
        conversation,
        earlier_calls,
        calls: batch.calls.into_iter().map(call).collect(),
        release: release.into(),
    };
    CallsRequest { message: request.encode_to_vec(), trace }
}

/// Decodes the executor's rulings: one per call. An unknown code is unreadable, so nothing is released.
pub fn decode_rulings(bytes: &[u8]) -> Result<Vec<Authorization>, CallFailed> {
    let response = AuthorizeResponse::decode(bytes).map_err(|_| CallFailed::Unreadable)?;
    let ruling = |ruling: proto::CallRuling| {
        let decoded = match ruling.ruling.ok_or(CallFailed::Unreadable)? {
            call_ruling::Ruling::Released(_) => CallRuling::Released,
            call_ruling::Ruling::Pending(pending) => CallRuling::Pending {
                approval_id: pending.approval_id,
                left: Duration::from_secs(pending.left_seconds.into()),
            },
            call_ruling::Ruling::Denied(denied) => CallRuling::Denied {
                code: CallCode::named(&denied.violation_code).ok_or(CallFailed::Unreadable)?,
                pointer: denied.pointer,
                message: denied.message,
            },
            call_ruling::Ruling::Withheld(_) => CallRuling::Withheld,
        };
        Ok(Authorization { id: ruling.id, ruling: decoded })
    };
    response.rulings.into_iter().map(ruling).collect()
}

pub(crate) fn caller(tenant: String, role: String, claims: CallerClaims) -> Caller {
    let claims = claims.into_iter().filter_map(|(name, value)| Some((name, Claim { value: Some(claim(value)?) })));
    Caller { tenant, role, claims: claims.collect(), workspace: None }
}

/// Returns a claim of the types that contracts declare; `None` for any other value.
fn claim(value: Value) -> Option<claim::Value> {
    let text = |value| if let Value::String(text) = value { Some(text) } else { None };
    Some(match value {
        Value::String(text) => claim::Value::Text(text),
        Value::Bool(value) => claim::Value::Boolean(value),
        Value::Number(number) => claim::Value::Integer(number.as_i64()?),
        Value::Array(items) => {
            claim::Value::Texts(ClaimTexts { texts: items.into_iter().map(text).collect::<Option<_>>()? })
        }
        Value::Null | Value::Object(_) => return None,
    })
}

/// Returns the facts of a conversation, and its earlier calls by tool.
fn facts(facts: Option<ConversationFacts>) -> (Option<Conversation>, BTreeMap<String, u32>) {
    match facts {
        Some(ConversationFacts { tainted, rounds, turns, calls }) => {
            (Some(Conversation { tainted, rounds, turns }), calls)
        }
        None => Default::default(),
    }
}

fn call(call: RunCall) -> Call {
    let rule = |violation: Violation| BrokenRule {
        code: violation.code.as_str().to_owned(),
        pointer: cut(violation.pointer),
        message: cut(violation.message),
    };
    let sources = call.sources.map(|ruling| SourceRuling { held: ruling.held.map(rule) });
    Call {
        id: call.id,
        tool: call.tool,
        arguments: call.arguments,
        position: call.position,
        sources,
        needs_approval: call.needs_approval,
    }
}

/// Cuts a text to the bytes that the executor takes.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(RULE_BYTES));
    text
}

/// Decodes the executor's answer: one outcome per call.
pub fn decode(bytes: &[u8]) -> Result<Vec<Outcome>, CallFailed> {
    let response = ExecuteResponse::decode(bytes).map_err(|_| CallFailed::Unreadable)?;
    response
        .outcomes
        .into_iter()
        .map(|outcome| {
            let result = match outcome.outcome {
                Some(call_outcome::Outcome::Success(success)) => Ok(success.result),
                Some(call_outcome::Outcome::Failure(failure)) => Err(ToolFailure {
                    code: code(failure.kind(), failure.violation_code),
                    message: failure.message,
                    approval_id: Some(failure.approval_id).filter(|id| !id.is_empty()),
                }),
                None => return Err(CallFailed::Unreadable),
            };
            Ok(Outcome { id: outcome.id, result })
        })
        .collect()
}

/// Returns the failure code for the model. A violation keeps its own.
fn code(kind: FailureKind, violation_code: String) -> String {
    if !violation_code.is_empty() {
        return violation_code;
    }
    kind.as_str_name().strip_prefix("FAILURE_KIND_").unwrap_or("failed").to_ascii_lowercase()
}

/// Maps the status of a failed `Execute` to the engine's reason.
pub fn failed(grpc_status: u32) -> CallFailed {
    match grpc_status {
        INVALID_ARGUMENT | FAILED_PRECONDITION | OUT_OF_RANGE | UNIMPLEMENTED => CallFailed::Rejected,
        RESOURCE_EXHAUSTED => CallFailed::Overloaded,
        _ => CallFailed::Unreachable,
    }
}

/// Encodes each decision by itself. The outbox counts these bytes.
pub fn decisions(decisions: Decisions<'_>, now: Duration, mut each: impl FnMut(Vec<u8>)) {
    let correlation = decisions.correlation;
    let mut message = Decision {
        exchange_id: correlation.exchange_id.clone(),
        request_id: correlation.request_id.clone(),
        trace_id: correlation.trace.as_ref().map(|trace| trace.id().to_owned()).unwrap_or_default(),
        time_unix_nanos: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
        contract_digest: decisions.contract_digest.to_owned(),
        conversation_id: correlation.conversation.clone().unwrap_or_default(),
        agent: correlation.agent.as_deref().map(|AgentIds { session, agent, parent }| Agent {
            session: session.clone(),
            id: agent.clone(),
            parent: parent.clone(),
        }),
        caller: Some(Caller {
            workspace: decisions.caller.workspace,
            ..caller(decisions.caller.tenant, decisions.caller.role, CallerClaims::default())
        }),
        ..Decision::default()
    };
    for decision in decisions.list {
        message.round = decision.round;
        message.position = decision.position;
        message.call_id = decision.call_id;
        message.tool = decision.tool;
        message.arguments_digest = decision.arguments_digest.map(hex).unwrap_or_default();
        message.arguments = decision.arguments.unwrap_or_default();
        let (verdict, code, pointer) = match decision.ruling {
            Ruling::Allow => (Verdict::Allow, "", String::new()),
            // An allowed call with a code broke a rule that is not enforced.
            Ruling::Shadow { code, pointer } => (Verdict::Allow, code.as_str(), pointer),
            // Without a code the tool itself asks for a person.
            Ruling::NeedsApproval { code, pointer } => {
                (Verdict::NeedsApproval, code.map_or("", |code| code.as_str()), pointer)
            }
            Ruling::Deny { code, pointer } => (Verdict::Deny, code.as_str(), pointer),
        };
        message.set_verdict(verdict);
        code.clone_into(&mut message.violation_code);
        message.pointer = pointer;
        each(message.encode_to_vec());
    }
}

/// Builds a `RecordRequest` or a `ChargeRequest` from its encoded parts: both have a list of them as their only field.
pub fn list_request(parts: &[Vec<u8>]) -> Vec<u8> {
    const LIST: u32 = 1;
    let mut request = Vec::with_capacity(parts.iter().map(|part| part.len().saturating_add(8)).sum());
    for part in parts {
        prost::encoding::bytes::encode(LIST, part, &mut request);
    }
    request
}

/// Maps the status of a `Record` or a `Charge`. A batch refused for its content is never accepted; any other failure may pass.
pub fn receipt(grpc_status: u32) -> Receipt {
    match grpc_status {
        OK => Receipt::Kept,
        INVALID_ARGUMENT | OUT_OF_RANGE => Receipt::Refused,
        _ => Receipt::Failed,
    }
}

fn hex(bytes: [u8; 32]) -> String {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
    let text = bytes.map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    std::str::from_utf8(text.as_flattened()).unwrap_or_default().to_owned()
}
