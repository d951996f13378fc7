//! The protobuf of counts at the executor, from and to the engine's words.

use std::time::Duration;

use callgate_contract::CallerClaims;
use callgate_engine::{AdmissionReply, AdmissionRequest, CallFailed, CountCode, CountRefusal, Standing, UsageCharge};
use callgate_proto::executor::v1::{AdmitRequest, AdmitResponse, ConversationStanding, ExchangeUsage, NotAdmitted};
use prost::Message;

use crate::executor::{CallsRequest, caller};

/// Counts a request or a further round.
pub const ADMIT: &str = "Admit";
/// Counts tokens and cost.
pub const CHARGE: &str = "Charge";

/// Encodes a request to count.
#[must_use]
pub fn encode(request: AdmissionRequest) -> CallsRequest {
    let trace = request.trace;
    let message = AdmitRequest {
        contract_digest: request.contract_digest,
        caller: Some(caller(request.tenant, request.role, CallerClaims::default())),
        exchange_id: request.exchange_id,
        round: request.round,
        conversation_id: request.conversation_id.unwrap_or_default(),
        request_id: request.request_id,
    };
    CallsRequest { message: message.encode_to_vec(), trace }
}

/// Decodes the executor's answer. An unknown code or state is unreadable, so nothing is forwarded.
pub fn decode(bytes: &[u8]) -> Result<AdmissionReply, CallFailed> {
    let response = AdmitResponse::decode(bytes).map_err(|_| CallFailed::Unreadable)?;
    let standing = match ConversationStanding::try_from(response.standing).map_err(|_| CallFailed::Unreadable)? {
        ConversationStanding::Unspecified => None,
        ConversationStanding::Begun => Some(Standing::Begun),
        ConversationStanding::Active => Some(Standing::Active),
        ConversationStanding::Resumed => Some(Standing::Resumed),
    };
    if response.counted != response.refusals.is_empty() {
        return Err(CallFailed::Unreadable);
    }
    let refusals = response.refusals.into_iter().map(refusal).collect::<Result<_, _>>()?;
    Ok(AdmissionReply { standing, refusals })
}

fn refusal(NotAdmitted { code, message, retry_after_seconds }: NotAdmitted) -> Result<CountRefusal, CallFailed> {
    let code = CountCode::named(&code).ok_or(CallFailed::Unreadable)?;
    let retry_after = Some(Duration::from_secs(retry_after_seconds)).filter(|wait| !wait.is_zero());
    Ok(CountRefusal { code, message, retry_after })
}

/// Encodes the charge of one exchange. The outbox counts these bytes.
#[must_use]
pub fn charge(charge: UsageCharge) -> Vec<u8> {
    let usage = ExchangeUsage {
        contract_digest: charge.contract_digest,
        caller: Some(caller(charge.tenant, charge.role, CallerClaims::default())),
        exchange_id: charge.exchange_id,
        tokens: charge.tokens,
        cost_micros: charge.cost_micros,
    };
    usage.encode_to_vec()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests: a failed step is a failed test")]
mod tests {
    use super::*;

    fn response(code: &str, standing: i32) -> Vec<u8> {
        let refusal = NotAdmitted { code: code.into(), message: "words".into(), retry_after_seconds: 7 };
        AdmitResponse { refusals: vec![refusal], standing, counted: false }.encode_to_vec()
    }

    #[test]
    fn an_answer_is_read_and_an_unknown_one_forwards_nothing() {
        for code in CountCode::ALL {
            let reply = decode(&response(code.as_str(), 3)).unwrap();
            assert_eq!(reply.standing, Some(Standing::Resumed));
            let refusal = reply.refusals.into_iter().next().unwrap();
            assert_eq!((refusal.code, refusal.retry_after), (code, Some(Duration::from_secs(7))));
        }
        let counted = AdmitResponse { counted: true, ..AdmitResponse::default() };
        assert_eq!(decode(&counted.encode_to_vec()), Ok(AdmissionReply::default()));
        for unknown in [response("fine", 1), response("", 1), response("rate_limited", 9), vec![0xff; 9], Vec::new()] {
            assert_eq!(decode(&unknown), Err(CallFailed::Unreadable));
        }
    }
}
