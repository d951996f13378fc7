//! Each limit, attacked; and after each attack the executor still works.

use std::time::{Duration, Instant};

use callgate_proto::executor::v1::FailureKind;

use crate::desk::{Desk, Running, wasm};
use crate::guests;

/// A desk with the attacker as `t` and an honest tool beside it.
async fn attacked(wat: &str, grants: &str) -> Running {
    Desk::with(wat, grants).tool("honest", &wasm(&guests::answer("1")), "").start().await
}

async fn still_works(desk: &Running) {
    assert_eq!(desk.call("honest", "{}").await.result(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_infinite_loop_uses_up_its_fuel() {
    let desk = attacked(&guests::infinite_loop(), "fuel: 1M, timeout: 30s").await;
    let ended = desk.call("t", "{}").await;
    assert_eq!(ended.kind(), FailureKind::OutOfFuel);
    assert_eq!(ended.usage.fuel, 1_000_000);
    assert_eq!(ended.message(), "t used up its 1000000 units of fuel");
    still_works(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_infinite_loop_with_much_fuel_meets_its_timeout() {
    let desk = attacked(&guests::infinite_loop(), "fuel: 1000000M, timeout: 300ms").await;
    let began = Instant::now();
    let ended = desk.call("t", "{}").await;
    assert_eq!(ended.kind(), FailureKind::Timeout);
    assert_eq!(ended.message(), "t took longer than its timeout of 300ms");
    assert!(began.elapsed() >= Duration::from_millis(300) && began.elapsed() < Duration::from_secs(5));
    still_works(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleep_past_the_deadline_meets_its_timeout() {
    let desk = attacked(&guests::late("1", 60_000), "timeout: 300ms").await;
    let began = Instant::now();
    assert_eq!(desk.call("t", "{}").await.kind(), FailureKind::Timeout);
    assert!(began.elapsed() < Duration::from_secs(5));
    still_works(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_bomb_runs_out_of_memory() {
    let bomb = guests::command("", "", "(loop $again (drop (memory.grow (i32.const 16))) (br $again))");
    let desk = attacked(&bomb, "memory: 8MiB, timeout: 10s").await;
    let ended = desk.call("t", "{}").await;
    assert_eq!(ended.kind(), FailureKind::OutOfMemory);
    assert!(ended.usage.peak_memory_bytes > 7 << 20 && ended.usage.peak_memory_bytes <= 8 << 20, "{:?}", ended.usage);
    still_works(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_fails_for_lack_of_memory_ran_out_of_memory() {
    // What an allocator does: ask, and give up when refused.
    let start = "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))";
    let ended = Desk::with(&guests::command("", "", start), "memory: 8MiB").once().await;
    assert_eq!(ended.kind(), FailureKind::OutOfMemory);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_with_less_memory_succeeds() {
    let start = "(drop (memory.grow (i32.const 1000))) (call $print (i32.const 1) (i32.const 1024) (i32.const 1))";
    let ended = Desk::with(&guests::command("1", "", start), "memory: 8MiB").once().await;
    assert_eq!(ended.result(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_for_all_memories_of_a_module_together() {
    let more = "(memory $second 64)";
    let ended = Desk::with(&guests::command("1", more, ""), "memory: 4MiB").once().await;
    assert_eq!(ended.kind(), FailureKind::OutOfMemory);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_bomb_runs_out_of_memory() {
    let more = "(table $t 1 funcref)";
    let start = "(loop $again (drop (table.grow $t (ref.null func) (i32.const 10000))) (br $again))";
    let desk = attacked(&guests::command("", more, start), "timeout: 10s").await;
    assert_eq!(desk.call("t", "{}").await.kind(), FailureKind::OutOfMemory);
    still_works(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn growth_that_overflows_gives_no_table_space_back() {
    // Between two honest growths one that cannot even be computed; the sum of the honest ones is what counts.
    let more = "(table $t 1 funcref)";
    let start = "(loop $again
      (drop (table.grow $t (ref.null func) (i32.const 10000)))
      (drop (table.grow $t (ref.null func) (i32.const -1)))
      (br $again))";
    // Fuel is charged for what is asked, so this needs much.
    let ended = Desk::with(&guests::command("", more, start), "timeout: 10s, fuel: 1000000M").once().await;
    assert_eq!(ended.kind(), FailureKind::OutOfMemory);
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_recursion_is_a_trap() {
    let more = "(func $deeper (result i32) (i32.add (call $deeper) (call $deeper)))";
    let desk = attacked(&guests::command("", more, "(drop (call $deeper))"), "timeout: 10s").await;
    let ended = desk.call("t", "{}").await;
    assert_eq!(ended.kind(), FailureKind::Trap);
    assert_eq!(ended.message(), "t trapped: wasm trap: call stack exhausted");
    still_works(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_on_standard_output_is_too_large() {
    let desk = attacked(&guests::flood(1), "timeout: 10s, outputBytes: 200KiB").await;
    let ended = desk.call("t", "{}").await;
    assert_eq!(ended.kind(), FailureKind::OutputTooLarge);
    assert_eq!(ended.message(), "t wrote more than the 204800 bytes it is granted on standard output");
    still_works(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_on_standard_error_is_too_large() {
    let desk = attacked(&guests::flood(2), "timeout: 10s").await;
    let ended = desk.call("t", "{}").await;
    assert_eq!(ended.kind(), FailureKind::OutputTooLarge);
    assert!(ended.message().ends_with("on standard error"), "{}", ended.message());
    still_works(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_reported() {
    let ended = Desk::with(&guests::busy(100_000), "").once().await;
    assert_eq!(ended.result(), "1");
    assert!(ended.usage.fuel > 100_000, "{:?}", ended.usage);
    assert_eq!(ended.usage.peak_memory_bytes, 2 * 65_536);
    assert!(ended.usage.duration_us > 0);
}
