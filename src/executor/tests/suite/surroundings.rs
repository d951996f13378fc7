//! The surroundings of a tool: its arguments and the granted variables, and nothing else.

use callgate_proto::executor::v1::FailureKind;

use crate::component::component;
use crate::desk::{Desk, wasm};
use crate::guests;

#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_the_tool_s_name_and_the_contract_s() {
    let ended = Desk::with(&guests::surroundings(), "args: [create, --fast]").once().await;
    assert_eq!(ended.kind(), FailureKind::NonzeroExit);
    let told = "t ended with exit code 43; its standard error ends: t create --fast CALLGATE_TENANT";
    assert!(ended.message().starts_with(told), "{}", ended.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_holds_only_the_caller_and_granted_variables() {
    // The test process has variables; the tool sees none of them.
    assert!(std::env::vars().count() > 0);
    for module in [wasm(&guests::surroundings()), component(&guests::surroundings())] {
        let ended = Desk::new().tool("t", &module, "").start().await.call("t", "{}").await;
        let message = ended.message();
        let (_, told) =
            message.split_once("ends: t CALLGATE_TENANT=acme CALLGATE_ROLE=clerk CALLGATE_EXCHANGE_ID=").unwrap();
        let (exchange, call) = told.split_once(' ').unwrap();
        assert!(exchange.len() == 36 && call == "CALLGATE_CALL_ID=call_0", "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_an_environment_cannot_carry_runs_nothing() {
    let desk = Desk::with(&guests::surroundings(), "").start().await;
    let mut request = desk.request("clerk", &[("t", "{}")]);
    request.caller.as_mut().unwrap().tenant = "a\0b".into();
    let answered = desk.execute(request).await;
    let refused = match &answered {
        // Refused at the entrance, or when the call begins.
        Err(status) => status.message().to_owned(),
        Ok(outcomes) => outcomes[0].message().to_owned(),
    };
    assert!(refused.contains("control characters"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_granted_variables_are_passed_and_unset_ones_are_left_out() {
    // Cargo sets the first for tests.
    let grants = "env: [CARGO_PKG_NAME, TEST_VARIABLE_THAT_NOBODY_SETS]";
    let ended = Desk::with(&guests::surroundings(), grants).once().await;
    let message = ended.message();
    assert!(
        message.contains("exit code 51; its standard error ends: t CARGO_PKG_NAME=callgate-executor CALLGATE_TENANT"),
        "{message}"
    );
    assert!(!message.contains("NOBODY_SETS"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlisted_variable_is_refused_with_the_line_to_add() {
    let error = Desk::with(&guests::surroundings(), "env: [PATH]").refused();
    assert!(error.contains("run.wasm.env: PATH is not allowed by `sandbox.env` in "), "{error}");
    assert!(
        error.contains("write `sandbox: { env: [CARGO_PKG_NAME, TEST_VARIABLE_THAT_NOBODY_SETS, PATH] }` there"),
        "{error}"
    );
}
