//! What a tool sees of the world: its arguments and the variables that were granted, and no more.

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
async fn the_environment_names_the_caller_and_holds_nothing_else_unless_granted() {
    // The test process has variables; none of them is there.
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
        // Refused at the door, or where the call would begin.
        Err(status) => status.message().to_owned(),
        Ok(outcomes) => outcomes[0].message().to_owned(),
    };
    assert!(refused.contains("control characters"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_granted_variables_are_handed_on_and_an_unset_one_is_left_out() {
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
async fn a_variable_that_the_operator_does_not_list_is_refused_with_the_line_to_add() {
    let error = Desk::with(&guests::surroundings(), "env: [PATH]").refused();
    assert!(error.contains("run.wasm.env: PATH is not allowed by `sandbox.env` in "), "{error}");
    assert!(
        error.contains("write `sandbox: { env: [CARGO_PKG_NAME, TEST_VARIABLE_THAT_NOBODY_SETS, PATH] }` there"),
        "{error}"
    );
}
