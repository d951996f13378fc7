//! WASI 0.2 command components: the same guests, wrapped by the tool chains' adapter, under the same rules.

use callgate_proto::executor::v1::FailureKind;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wit_component::ComponentEncoder;

use crate::desk::{Desk, wasm};
use crate::guests;

pub(crate) fn component(wat: &str) -> Vec<u8> {
    ComponentEncoder::default()
        .validate(true)
        .module(&wasm(wat))
        .unwrap()
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
        .unwrap()
        .encode()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_reads_its_arguments_and_answers() {
    let desk = Desk::new().tool("t", &component(&guests::echo()), "").start().await;
    let ended = desk.call("t", "{\"n\": 7}").await;
    assert_eq!(ended.result(), "{\"n\":7}");
    assert!(ended.usage.fuel > 0 && ended.usage.peak_memory_bytes > 0, "{:?}", ended.usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_held_to_the_same_limits() {
    let table = "(table $t 1 funcref)";
    let grow_table = "(loop $again (drop (table.grow $t (ref.null func) (i32.const 10000))) (br $again))";
    let grow_memory = "(loop $again (drop (memory.grow (i32.const 16))) (br $again))";
    let desk = Desk::new()
        .tool("spin", &component(&guests::infinite_loop()), "fuel: 1M, timeout: 30s")
        .tool("endless", &component(&guests::infinite_loop()), "fuel: 1000000M, timeout: 300ms")
        .tool("nap", &component(&guests::late("1", 60_000)), "timeout: 300ms")
        .tool("memory", &component(&guests::command("", "", grow_memory)), "memory: 8MiB, timeout: 10s")
        .tool("table", &component(&guests::command("", table, grow_table)), "timeout: 10s")
        .tool("flood", &component(&guests::flood(1)), "timeout: 10s")
        .tool("trap", &component(&guests::command("", "", "unreachable")), "")
        .tool("exit", &component(&guests::exit("bad", 3)), "")
        .start()
        .await;
    for (tool, kind) in [
        ("spin", FailureKind::OutOfFuel),
        ("endless", FailureKind::Timeout),
        ("nap", FailureKind::Timeout),
        ("memory", FailureKind::OutOfMemory),
        ("table", FailureKind::OutOfMemory),
        ("flood", FailureKind::OutputTooLarge),
        ("trap", FailureKind::Trap),
        ("exit", FailureKind::NonzeroExit),
    ] {
        assert_eq!(desk.call(tool, "{}").await.kind(), kind, "{tool}");
    }
    assert!(desk.call("exit", "{}").await.message().ends_with("its standard error ends: bad"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_sees_only_what_is_granted() {
    let desk = Desk::new().tool("t", &component(&guests::surroundings()), "args: [x], env: [CARGO_PKG_NAME]");
    let message = desk.once().await.message().to_owned();
    assert!(message.contains(" ends: t x CARGO_PKG_NAME=callgate-executor CALLGATE_TENANT="), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_components_at_once_fit_the_pool() {
    let desk = Desk::new().tool("t", &component(&guests::echo()), "timeout: 60s").at_once(4).start().await;
    for _ in 0..4 {
        let ended = desk.execute(desk.request("clerk", &[("t", "{}"); 8])).await.unwrap();
        assert!(ended.iter().all(|ended| ended.result() == "{}"));
    }
}
