//! The tool of `contracts/pay-desk`: one host, one secret, and the caller's tenant.

use callgate_proto::executor::v1::FailureKind;
use rustls::RootCertStore;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use super::internet::{Made, PUBLIC};
use super::module;
use super::site::{Reply, Site};
use crate::desk::Desk;

const ORDER: &str = r#"{"invoice": "I-7", "cents": 1250, "currency": "EUR"}"#;

/// The tool, as `make build` makes it.
fn payment() -> Vec<u8> {
    ComponentEncoder::default()
        .validate(true)
        .module(&module("callgate_tool_payment.wasm"))
        .unwrap()
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
        .unwrap()
        .encode()
        .unwrap()
}

async fn paid(reply: Reply, authorization: bool) -> (crate::desk::Ended, Vec<String>) {
    let site = Site::start(reply).await;
    let internet = Made::new().name("pay.example.com", &[PUBLIC]).server(&format!("{PUBLIC}:80"), site.address);
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("payment-key");
    std::fs::write(&file, "s3cret\n").unwrap();
    let grants = format!(
        "args: [\"http://pay.example.com\"], memory: 4MiB, fuel: 20M, timeout: 10s, secretEnv: {{ PAYMENT_KEY: \"file:{}\" }}, http: \
         [{{ to: \"pay.example.com:80\", authorization: {authorization} }}]",
        file.display()
    );
    let network = internet.network(RootCertStore::empty());
    let desk = Desk::new().on(network).tool("order_payment", &payment(), &grants).start().await;
    (desk.call("order_payment", ORDER).await, site.seen())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_ordered_with_the_key_and_the_tenant_of_the_caller() {
    let (ended, seen) = paid(Reply::Text(r#"{"payment_id": "p-1", "iban": "DE89"}"#), true).await;
    assert_eq!(ended.result(), r#"{"payment_id":"p-1"}"#);
    let request = seen[0].to_ascii_lowercase();
    assert!(request.starts_with("post /v1/payments http/1.1\r\n"), "{request}");
    for line in ["authorization: bearer s3cret", "x-tenant: acme", "host: pay.example.com"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{line}: {request}");
    }
    assert!(request.contains(r#"{"invoice":"i-7","cents":1250,"currency":"eur"}"#), "{request}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_sent_only_if_the_contract_permits_it() {
    let (_, seen) = paid(Reply::Text(r#"{"payment_id": "p-1"}"#), false).await;
    assert!(!seen[0].to_ascii_lowercase().contains("s3cret"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_words_and_the_key_stay_in_the_tool() {
    let (ended, _) = paid(Reply::Text("SECRET WORDS s3cret"), true).await;
    assert_eq!(ended.kind(), FailureKind::NonzeroExit);
    assert!(ended.message().contains("gave no receipt") && !ended.message().contains("SECRET"), "{}", ended.message());
}
