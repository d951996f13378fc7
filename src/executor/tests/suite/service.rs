//! The service's own answers: statuses, the second decision, health, reflection.

use callgate_proto::executor::v1::{EXECUTOR_SERVICE, FailureKind};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::desk::{Desk, wasm};
use crate::guests;

fn desk() -> Desk {
    Desk::with(&guests::echo(), "").client_tool("show_map")
}

#[tokio::test(flavor = "multi_thread")]
async fn another_digest_runs_nothing_and_the_error_names_both() {
    let desk = desk().start().await;
    let other = format!("sha256:{}", "ab".repeat(32));
    let mut request = desk.request("clerk", &[("t", "{}")]);
    request.contract_digest = other.clone();
    let status = desk.execute(request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains(&other) && status.message().contains(&desk.digest), "{}", status.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_is_an_invalid_argument() {
    let desk = desk().start().await;
    let good = desk.request("clerk", &[("t", "{}")]);
    let mut cases = Vec::new();
    for digest in ["", "sha256:abc", "latest"] {
        let mut request = good.clone();
        request.contract_digest = digest.into();
        cases.push((request, "contract_digest"));
    }
    let mut request = good.clone();
    request.caller = None;
    cases.push((request, "caller"));
    let mut request = good.clone();
    request.calls.clear();
    cases.push((request, "calls"));
    let mut request = good.clone();
    request.exchange_id = "x".repeat(129);
    cases.push((request, "exchange_id"));
    for (request, field) in cases {
        let status = desk.execute(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}");
        assert!(status.message().contains(&format!("({field}")), "{}", status.message());
    }
    assert_eq!(desk.execute(good).await.unwrap()[0].result(), "{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_over_the_bound_is_not_read() {
    let desk = desk().start().await;
    let large = format!("{{\"s\":\"{}\"}}", "x".repeat(70 << 10));
    let status = desk.execute(desk.request("clerk", &[("t", &large)])).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    assert_eq!(desk.call("t", "{}").await.result(), "{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_executor_decides_again_and_a_denial_stops_only_its_call() {
    let desk = desk().start().await;
    let calls = [
        ("t", "{\"n\":1}"),
        ("rm_rf", "{}"),
        ("t", "{\"n\":\"one\"}"),
        ("t", "{\"n\":1,\"n\":2}"),
        ("t", "[]"),
        ("show_map", "{}"),
        ("", "{}"),
        ("t", "{\"n\":2}"),
        ("t", "{}"),
    ];
    let ended = desk.execute(desk.request("clerk", &calls)).await.unwrap();
    assert_eq!(ended[0].result(), "{\"n\":1}");
    assert_eq!(ended[7].result(), "{\"n\":2}");
    for (position, code) in [
        (1, "tool_not_in_contract"),
        (2, "arguments_invalid"),
        (3, "arguments_not_json"),
        (4, "arguments_invalid"),
        (5, "run_by_client"),
        (6, "call_malformed"),
        (8, "limit_exceeded"),
    ] {
        assert_eq!((ended[position].kind(), ended[position].code()), (FailureKind::Denied, code), "{position}");
        assert_eq!(ended[position].usage.fuel, 0);
    }
    assert!(ended[2].message().starts_with("at /n: "), "{}", ended[2].message());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_the_tool_is_denied() {
    let desk = desk().start().await;
    for role in ["guest", "nobody", ""] {
        let ended = desk.execute(desk.request(role, &[("t", "{}")])).await.unwrap().remove(0);
        assert_eq!((ended.kind(), ended.code()), (FailureKind::Denied, "role_forbidden"), "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_share_a_module_keep_their_own_grants() {
    let module = wasm(&guests::surroundings());
    let desk = Desk::new().tool("a", &module, "args: [x]").tool("b", &module, "").start().await;
    assert!(desk.call("a", "{}").await.message().contains(" ends: a x CALLGATE_"));
    assert!(desk.call("b", "{}").await.message().contains(" ends: b CALLGATE_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_answers_for_the_server_and_the_service() {
    let desk = desk().start().await;
    let mut health = HealthClient::new(desk.channel.clone());
    for service in ["", EXECUTOR_SERVICE] {
        let answer = health.check(HealthCheckRequest { service: service.into() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    let status = health.check(HealthCheckRequest { service: "nothing".into() }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_the_service_and_its_file() {
    let desk = desk().start().await;
    let mut reflection = ServerReflectionClient::new(desk.channel.clone());
    let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let requests = tokio_stream::iter([
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(EXECUTOR_SERVICE.into())),
    ]);
    let mut answers = reflection.server_reflection_info(requests).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) = answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("expected a list of services");
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&EXECUTOR_SERVICE) && names.contains(&"grpc.health.v1.Health"), "{names:?}");
    let Some(MessageResponse::FileDescriptorResponse(file)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("expected a file");
    };
    assert_eq!(file.file_descriptor_proto.len(), 1);
}
