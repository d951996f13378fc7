//! Orders a payment at a payment service: a tool of the typed world (`callgate:tool`) with HTTP, behind
//! `contracts/pay-desk`.
//!
//! The contract grants it one host and one secret, and a person agrees to each call before it runs. The first argument of
//! the command line is the service's address; no call can set an address. The service gets the caller's tenant.

#[cfg(target_family = "wasm")]
mod http;

use serde::{Deserialize, Serialize};

use self::bindings::exports::callgate::tool::handler::{Call, Code, Failure, Guest};

#[allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, reason = "generated from the WIT file")]
mod bindings {
    #[cfg(target_family = "wasm")]
    use super::Payment;

    wit_bindgen::generate!({ path: "../../../../src/sandbox/wit", world: "tool" });
    // A native build has no host to export to, and its linkers refuse the names.
    #[cfg(target_family = "wasm")]
    export!(Payment);
}

struct Payment;

/// An order as the model writes it.
#[derive(Deserialize, Serialize)]
struct Order {
    invoice: String,
    cents: u64,
    currency: String,
}

/// The service's answer, reduced to the members shown to the model.
#[derive(Deserialize, Serialize)]
struct Receipt {
    payment_id: String,
}

/// A request to the service.
struct Request<'a> {
    /// `https://` and a host.
    service: &'a str,
    key: &'a str,
    tenant: &'a str,
    body: String,
}

// === impl Payment ===

impl Guest for Payment {
    fn run(call: Call) -> Result<String, Failure> {
        let order: Order = serde_json::from_str(&call.arguments)
            .map_err(|error| failure(Code::InvalidArguments, error.to_string()))?;
        let body = serde_json::to_string(&order).map_err(|error| failure(Code::Internal, error.to_string()))?;
        let missing = |what: &str| failure(Code::Internal, format!("the contract grants no {what}"));
        let service = std::env::args().nth(1).ok_or_else(|| missing("address in `args`"))?;
        let key = std::env::var("PAYMENT_KEY").map_err(|_| missing("PAYMENT_KEY in `secretEnv`"))?;
        let tenant = std::env::var("CALLGATE_TENANT").map_err(|_| missing("caller"))?;
        let (status, answer) = send(&Request { service: &service, key: &key, tenant: &tenant, body })
            .map_err(|reason| failure(Code::Unavailable, format!("the payment service cannot be reached: {reason}")))?;
        receipt(status, &answer)
    }
}

/// Reads an answer. The service's own words stay here.
fn receipt(status: u16, answer: &[u8]) -> Result<String, Failure> {
    match status {
        200..=299 => {}
        409 => return Err(failure(Code::Refused, "this invoice is paid already".into())),
        status => return Err(failure(Code::Unavailable, format!("the payment service answered with status {status}"))),
    }
    let receipt: Receipt = serde_json::from_slice(answer)
        .map_err(|_| failure(Code::Unavailable, "the payment service gave no receipt".into()))?;
    serde_json::to_string(&receipt).map_err(|error| failure(Code::Internal, error.to_string()))
}

#[cfg(target_family = "wasm")]
fn send(request: &Request<'_>) -> Result<(u16, Vec<u8>), String> {
    http::post(request)
}

/// A native build has no `wasi:http`; the tests below cover the code around it.
#[cfg(not(target_family = "wasm"))]
fn send(request: &Request<'_>) -> Result<(u16, Vec<u8>), String> {
    let Request { service, key, tenant, body } = request;
    Err(format!("{} bytes for {service} of {tenant} with a key of {} bytes", body.len(), key.len()))
}

fn failure(code: Code, message: String) -> Failure {
    Failure { code, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_holds_nothing_but_its_id() {
        assert_eq!(receipt(201, br#"{"payment_id":"p-1","iban":"DE89"}"#).unwrap(), r#"{"payment_id":"p-1"}"#);
    }

    #[test]
    fn other_answers_are_failures_without_the_service_s_words() {
        for (status, answer, code) in
            [(409, "{}", Code::Refused), (500, "SECRET", Code::Unavailable), (200, "SECRET", Code::Unavailable)]
        {
            let failure = receipt(status, answer.as_bytes()).unwrap_err();
            assert!(failure.code == code && !failure.message.contains("SECRET"), "{}", failure.message);
        }
    }
}
