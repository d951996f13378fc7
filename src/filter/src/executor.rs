//! The executor's protobuf, from and to the engine's words.

use callgate_engine::{CallBatch, CallFailed, Outcome, ToolFailure};
use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest, ExecuteResponse, FailureKind, call_outcome};
use prost::Message;

/// Full name of the service.
pub(crate) const SERVICE: &str = "callgate.executor.v1.Executor";
/// The one method that the filter calls.
pub(crate) const METHOD: &str = "Execute";

/// A batch as the message that the executor takes.
pub(crate) fn encode(batch: CallBatch) -> Vec<u8> {
    ExecuteRequest {
        contract_digest: batch.contract_digest,
        caller: Some(Caller { tenant: batch.tenant, role: batch.role }),
        exchange_id: batch.exchange_id,
        request_id: String::new(),
        round: batch.round,
        calls: batch
            .calls
            .into_iter()
            .map(|call| Call { id: call.id, tool: call.tool, arguments: call.arguments })
            .collect(),
    }
    .encode_to_vec()
}

/// The executor's answer: one outcome a call.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Outcome>, CallFailed> {
    let response = ExecuteResponse::decode(bytes).map_err(|_| CallFailed::Unreadable)?;
    response
        .outcomes
        .into_iter()
        .map(|outcome| {
            let result = match outcome.outcome {
                Some(call_outcome::Outcome::Success(success)) => Ok(success.result),
                Some(call_outcome::Outcome::Failure(failure)) => {
                    Err(ToolFailure { code: code(failure.kind(), failure.violation_code), message: failure.message })
                }
                None => return Err(CallFailed::Unreadable),
            };
            Ok(Outcome { id: outcome.id, result })
        })
        .collect()
}

/// A failure's code as the model is told it: a violation keeps its own.
fn code(kind: FailureKind, violation_code: String) -> String {
    if !violation_code.is_empty() {
        return violation_code;
    }
    kind.as_str_name().strip_prefix("FAILURE_KIND_").unwrap_or("failed").to_ascii_lowercase()
}

/// gRPC status codes (grpc/grpc `doc/statuscodes.md`) as the engine's reasons.
pub(crate) fn failed(grpc_status: u32) -> CallFailed {
    const INVALID_ARGUMENT: u32 = 3;
    const FAILED_PRECONDITION: u32 = 9;
    const UNIMPLEMENTED: u32 = 12;
    match grpc_status {
        INVALID_ARGUMENT | FAILED_PRECONDITION | UNIMPLEMENTED => CallFailed::Rejected,
        _ => CallFailed::Unreachable,
    }
}

/// An encoded `envoy.config.core.v3.GrpcService { envoy_grpc { cluster_name } }`: a plain name could by accident be read
/// as such a message.
pub(crate) fn grpc_service(cluster: &str) -> Vec<u8> {
    #[derive(Clone, PartialEq, Message)]
    struct EnvoyGrpc {
        #[prost(string, tag = "1")]
        cluster_name: String,
    }
    #[derive(Clone, PartialEq, Message)]
    struct GrpcService {
        #[prost(message, optional, tag = "1")]
        envoy_grpc: Option<EnvoyGrpc>,
    }
    GrpcService { envoy_grpc: Some(EnvoyGrpc { cluster_name: cluster.to_owned() }) }.encode_to_vec()
}
