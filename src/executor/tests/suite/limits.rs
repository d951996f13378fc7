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
    // An allocator does this: it asks, and gives up when refused.
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
    // Between two honest growths there is one too large to compute; the sum of the honest ones counts.
    let more = "(table $t 1 funcref)";
    let start = "(loop $again
      (drop (table.grow $t (ref.null func) (i32.const 10000)))
      (drop (table.grow $t (ref.null func) (i32.const -1)))
      (br $again))";
    // Each request costs fuel, so this needs much.
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

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_host_calls_meets_its_timeout() {
    for body in [
        "(drop (call $random_get (i32.const 4096) (i32.const 60000)))",
        "(call $print (i32.const 2) (i32.const 4096) (i32.const 0))",
        "(drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 64)))",
        "(drop (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))",
        "(call $sleep (i64.const 1))",
    ] {
        let start = format!("(loop $again {body} (br $again))");
        let desk = attacked(&guests::command("x", "", &start), "fuel: 1000000M, timeout: 300ms").await;
        assert_eq!(desk.call("t", "{}").await.kind(), FailureKind::Timeout, "{body}");
        still_works(&desk).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_host_call_cannot_move_or_fill_all_memory() {
    // 60 MiB in one call: more than one copy for a guest, and more random bytes than one call makes.
    let length = 60 << 20;
    for body in [
        format!("(call $random_get (i32.const 0) (i32.const {length}))"),
        format!(
            "(i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const {length}))
             (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))"
        ),
    ] {
        let start = format!(
            "(drop (memory.grow (i32.const 1000)))
             (if (i32.eqz (block (result i32) {body})) (then (call $print (i32.const 1) (i32.const 1024) (i32.const 1))))
             (call $proc_exit (i32.const 7))"
        );
        let desk = attacked(&guests::command("1", "", &start), "memory: 128MiB, timeout: 20s").await;
        let ended = desk.call("t", "{}").await;
        assert!(ended.result.is_err(), "{body}: {ended:?}");
        still_works(&desk).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_files_than_handles_can_be_open() {
    let step = "(local.set $error (call $open (i32.const 1) (i32.const 1) (i32.const 0)))";
    let grants = "timeout: 60s, files: [{ host: data, guest: /data, mode: rw }]";
    let desk = Desk::with(&guests::until_refused("f", step), grants).tool("honest", &wasm(&guests::answer("1")), "");
    std::fs::create_dir(desk.path().join("data")).unwrap();
    let desk = desk.start().await;
    assert!(desk.call("t", "{}").await.result.is_err());
    still_works(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_of_64_mebibytes_is_served() {
    let mut module = wasm(&guests::answer("1"));
    // A custom section: its id, its length in LEB128, an empty name, and its content.
    let length = 64 << 20;
    module.push(0);
    let mut rest = length + 1;
    while rest > 0x7f {
        module.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    module.push(u8::try_from(rest).unwrap());
    module.push(0);
    module.resize(module.len() + length, 0xaa);
    assert_eq!(Desk::new().tool("t", &module, "").once().await.result(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_no_longer_than_a_request() {
    let desk = attacked(&guests::echo(), "").await;
    let long = format!("{{\"n\": {}}}", " ".repeat(70_000));
    assert!(desk.execute(desk.request("clerk", &[("t", &long)])).await.is_err());
    still_works(&desk).await;
}
