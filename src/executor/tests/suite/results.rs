//! A tool's result and its classification.

use callgate_proto::executor::v1::FailureKind;

use crate::desk::{Desk, wasm};
use crate::guests;

#[tokio::test(flavor = "multi_thread")]
async fn arguments_come_in_and_a_result_goes_out_canonically() {
    let desk = Desk::with(&guests::echo(), "").start().await;
    assert_eq!(
        desk.call("t", "{ \"z\": 1.0,\n \"a\": [\"\\u0041\"], \"n\": 3 }").await.result(),
        r#"{"a":["A"],"n":3,"z":1}"#
    );
    assert_eq!(desk.call("t", "").await.result(), "{}", "empty arguments are {{}} where the schema accepts it");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_json_value_with_space_around_it_is_a_result() {
    for (written, result) in [
        ("\n{\"b\":1, \"a\":2}\n", r#"{"a":2,"b":1}"#),
        ("null", "null"),
        ("\"x\"\r\n", "\"x\""),
        // As C's `%.17g` writes 0.1.
        ("0.10000000000000001", "0.1"),
    ] {
        assert_eq!(Desk::with(&guests::answer(written), "").once().await.result(), result);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_but_one_strict_json_value_is_invalid() {
    let duplicate = "{\"a\":0.10000000000000001,\"a\":2}";
    for written in [
        "",
        "   \n",
        "hello",
        "{\"a\":1",
        "1 2",
        "{} {}",
        duplicate,
        "{\"a\":1}x",
        "NaN",
        "1e999",
        "18446744073709551617",
    ] {
        let ended = Desk::with(&guests::answer(written), "").once().await;
        assert_eq!((ended.kind(), ended.code()), (FailureKind::OutputInvalid, ""), "{written:?}");
        assert!(ended.message().starts_with("t did not write exactly one strict JSON value: "), "{}", ended.message());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_utf_8_are_invalid() {
    let start = "(i32.store (i32.const 4096) (i32.const 0x22fffe22)) (call $print (i32.const 1) (i32.const 4096) (i32.const 4))";
    let ended = Desk::with(&guests::command("", "", start), "").once().await;
    assert_eq!(ended.kind(), FailureKind::OutputInvalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_contract_does_not_accept_is_invalid() {
    let module = wasm(&guests::answer("{\"order_id\":\"secret-7\"}"));
    let schema = "result: { type: object, properties: { order_id: { type: integer } } }";
    let ended = Desk::new().tool_with("t", &module, "", schema).once().await;
    assert_eq!((ended.kind(), ended.code()), (FailureKind::OutputInvalid, "result_invalid"));
    assert!(ended.message().contains("/order_id"), "{}", ended.message());
    assert!(!ended.message().contains("secret-7"), "{}", ended.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_code_0_is_success() {
    let start =
        "(call $print (i32.const 1) (i32.const 1024) (i32.const 2)) (call $proc_exit (i32.const 0)) unreachable";
    assert_eq!(Desk::with(&guests::command("{}", "", start), "").once().await.result(), "{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_exit_codes_are_reported_with_the_end_of_standard_error() {
    for code in [3, 125, 126, 255, -1] {
        let ended = Desk::with(&guests::exit("no such\norder", code), "").once().await;
        assert_eq!(ended.kind(), FailureKind::NonzeroExit);
        assert_eq!(ended.message(), format!("t ended with exit code {code}; its standard error ends: no such order"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_reported_by_its_kind() {
    let ended = Desk::with(&guests::command("", "", "unreachable"), "").once().await;
    assert_eq!(ended.kind(), FailureKind::Trap);
    assert_eq!(ended.message(), "t trapped: wasm trap: wasm `unreachable` instruction executed");
    let ended = Desk::with(&guests::command("", "", "(drop (i32.load (i32.const -8)))"), "").once().await;
    assert_eq!(ended.message(), "t trapped: wasm trap: out of bounds memory access");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_starts_from_the_same_memory() {
    // Counts its runs in memory; a fresh instance always finds the first.
    let start = "(i32.store8 (i32.const 1024) (i32.add (i32.load8_u (i32.const 1024)) (i32.const 1)))
    (call $print (i32.const 1) (i32.const 1024) (i32.const 1))";
    let desk = Desk::with(&guests::command("0", "", start), "").at_once(1).start().await;
    for _ in 0..3 {
        assert_eq!(desk.call("t", "{}").await.result(), "1");
    }
}
