//! What a tool sees of the world: its arguments and the variables that were granted, and no more.

use callgate_proto::executor::v1::FailureKind;

use crate::desk::Desk;
use crate::guests;

#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_the_tool_s_name_and_the_contract_s() {
    let ended = Desk::with(&guests::surroundings(), "args: [create, --fast]").once().await;
    assert_eq!(ended.kind(), FailureKind::NonzeroExit);
    assert_eq!(ended.message(), "t ended with exit code 3; its standard error ends: t create --fast");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_empty_unless_granted() {
    // The test process has variables; none of them is there.
    assert!(std::env::vars().count() > 0);
    let ended = Desk::with(&guests::surroundings(), "").once().await;
    assert_eq!(ended.message(), "t ended with exit code 1; its standard error ends: t");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_granted_variables_are_handed_on_and_an_unset_one_is_left_out() {
    // Cargo sets the first for tests.
    let grants = "env: [CARGO_PKG_NAME, CALLGATE_TEST_THAT_NOBODY_SETS]";
    let ended = Desk::with(&guests::surroundings(), grants).once().await;
    assert_eq!(
        ended.message(),
        "t ended with exit code 11; its standard error ends: t CARGO_PKG_NAME=callgate-executor"
    );
}
