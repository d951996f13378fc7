//! The typed world (`wit/tool.wit`): a function from a call to a result, under the same rules as a command.

use callgate_proto::executor::v1::FailureKind;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::desk::{Desk, wasm};
use crate::guests;

const WIT: &str = include_str!("../../../sandbox/wit/tool.wit");

/// A typed component with `text` at 1024 and `body` as its function. The body has `$tool`, `$arguments` and their lengths, and
/// leaves what `$give` or `$fail` made.
fn handler(text: &str, more: &str, body: &str) -> Vec<u8> {
    of_world(WIT, "1.1.0", text, more, body)
}

fn of_world(wit: &str, version: &str, text: &str, more: &str, body: &str) -> Vec<u8> {
    importing("", wit, version, text, more, body)
}

fn importing(import: &str, wit: &str, version: &str, text: &str, more: &str, body: &str) -> Vec<u8> {
    let more = format!(
        r#"
  (global $free (mut i32) (i32.const 131072))
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $free) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $size) (i32.const 65536)))))
        (then unreachable))))
    (local.get $at))
  (func $give (param $at i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 512) (i32.const 0))
    (i32.store (i32.const 516) (local.get $at))
    (i32.store (i32.const 520) (local.get $length))
    (i32.const 512))
  (func $fail (param $code i32) (param $at i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 512) (i32.const 1))
    (i32.store8 (i32.const 516) (local.get $code))
    (i32.store (i32.const 520) (local.get $at))
    (i32.store (i32.const 524) (local.get $length))
    (i32.const 512))
  {more}
  (func (export "callgate:tool/handler@{version}#run")
    (param $tool i32) (param $tool_length i32) (param $arguments i32) (param $arguments_length i32) (result i32)
    {body})"#
    );
    let mut module = wasm(&guests::command(text, &more, "").replacen("(module", &format!("(module {import}"), 1));
    let mut resolve = Resolve::default();
    let package = resolve.push_str("tool.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("tool")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
        .unwrap()
        .encode()
        .unwrap()
}

/// Gives `text` as its result.
fn giver(text: &str) -> Vec<u8> {
    handler(text, "", &format!("(call $give (i32.const 1024) (i32.const {}))", text.len()))
}

/// Does something that never ends well, in the function's body.
fn attacker(more: &str, attack: &str) -> Vec<u8> {
    handler("", more, &format!("{attack} unreachable"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_handed_the_canonical_arguments_and_the_tool_s_name() {
    let desk = Desk::new()
        .tool("t", &handler("", "", "(call $give (local.get $arguments) (local.get $arguments_length))"), "")
        // What stands around the name is the JSON of a text.
        .tool(
            "named",
            &handler(
                "",
                "",
                "(i32.store8 (i32.sub (local.get $tool) (i32.const 1)) (i32.const 34))
                 (i32.store8 (i32.add (local.get $tool) (local.get $tool_length)) (i32.const 34))
                 (call $give (i32.sub (local.get $tool) (i32.const 1)) (i32.add (local.get $tool_length) (i32.const 2)))",
            ),
            "",
        )
        .start()
        .await;
    let ended = desk.call("t", "{ \"z\": 1.0, \"n\": 7 }").await;
    assert_eq!(ended.result(), r#"{"n":7,"z":1}"#);
    assert!(ended.usage.fuel > 0 && ended.usage.peak_memory_bytes > 0, "{:?}", ended.usage);
    assert_eq!(desk.call("named", "{}").await.result(), "\"named\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_result_is_judged_like_standard_output() {
    let schema = "result: { type: object, properties: { order_id: { type: integer } } }";
    let desk = Desk::new()
        .tool("none", &giver(""), "")
        .tool("words", &giver("hello"), "")
        .tool("two", &giver("1 2"), "")
        .tool_with("fits", &giver("{\"order_id\": 7.0}"), "", schema)
        .tool_with("other", &giver("{\"order_id\":\"secret-7\"}"), "", schema)
        .start()
        .await;
    for tool in ["none", "words", "two"] {
        let ended = desk.call(tool, "{}").await;
        assert_eq!((ended.kind(), ended.code()), (FailureKind::OutputInvalid, ""), "{tool}");
    }
    assert_eq!(desk.call("fits", "{}").await.result(), "{\"order_id\":7}");
    let ended = desk.call("other", "{}").await;
    assert_eq!((ended.kind(), ended.code()), (FailureKind::OutputInvalid, "result_invalid"));
    assert!(!ended.message().contains("secret-7"), "{}", ended.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_has_its_code_and_its_message_on_one_line() {
    let mut desk = Desk::new();
    let codes = ["invalid_arguments", "not_found", "refused", "unavailable", "internal"];
    for (code, name) in codes.iter().enumerate() {
        let body = format!("(call $fail (i32.const {code}) (i32.const 1024) (i32.const 13))");
        desk = desk.tool(name, &handler("no such\norder", "", &body), "");
    }
    let silent = handler("", "", "(call $fail (i32.const 1) (i32.const 1024) (i32.const 0))");
    let long = handler(&"x".repeat(3000), "", "(call $fail (i32.const 4) (i32.const 1024) (i32.const 3000))");
    let desk = desk.tool("silent", &silent, "").tool("long", &long, "").start().await;
    for name in codes {
        let ended = desk.call(name, "{}").await;
        assert_eq!(ended.kind(), FailureKind::NonzeroExit);
        assert_eq!(ended.message(), format!("{name} failed ({name}): no such order"));
    }
    assert_eq!(desk.call("silent", "{}").await.message(), "silent failed (not_found)");
    assert_eq!(desk.call("long", "{}").await.message(), format!("long failed (internal): {}", "x".repeat(1024)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_held_to_the_same_limits() {
    let forever = "(loop $again (br $again))";
    let memory = "(loop $again (drop (memory.grow (i32.const 16))) (br $again))";
    let table = "(loop $again (drop (table.grow $t (ref.null func) (i32.const 10000))) (br $again))";
    let deeper = "(func $deeper (result i32) (i32.add (call $deeper) (call $deeper)))";
    let print = |fd: u32| {
        format!("(loop $again (call $print (i32.const {fd}) (i32.const 1024) (i32.const 60000)) (br $again))")
    };
    let desk = Desk::new()
        .tool("spin", &attacker("", forever), "fuel: 1M, timeout: 30s")
        .tool("endless", &attacker("", forever), "fuel: 1000000M, timeout: 300ms")
        .tool("nap", &attacker("", "(call $sleep (i64.const 60000000000))"), "timeout: 300ms")
        .tool("memory", &attacker("", memory), "memory: 8MiB, timeout: 10s")
        .tool("table", &attacker("(table $t 1 funcref)", table), "timeout: 10s")
        .tool("deep", &attacker(deeper, "(drop (call $deeper))"), "timeout: 10s")
        .tool("stdout", &attacker("", &print(1)), "timeout: 10s")
        .tool("stderr", &attacker("", &print(2)), "timeout: 10s")
        .tool("trap", &attacker("", "unreachable"), "")
        .tool("exit", &attacker("", "(call $proc_exit (i32.const 3))"), "")
        .tool("honest", &giver("1"), "")
        .start()
        .await;
    for (tool, kind) in [
        ("spin", FailureKind::OutOfFuel),
        ("endless", FailureKind::Timeout),
        ("nap", FailureKind::Timeout),
        ("memory", FailureKind::OutOfMemory),
        ("table", FailureKind::OutOfMemory),
        ("deep", FailureKind::Trap),
        ("stdout", FailureKind::OutputTooLarge),
        ("stderr", FailureKind::OutputTooLarge),
        ("trap", FailureKind::Trap),
        ("exit", FailureKind::NonzeroExit),
    ] {
        assert_eq!(desk.call(tool, "{}").await.kind(), kind, "{tool}");
        assert_eq!(desk.call("honest", "{}").await.result(), "1", "after {tool}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_held_to_output_bytes_exactly_and_however_large() {
    // 20 MiB of it, more than is ever passed at once.
    let huge = "(drop (memory.grow (i32.const 330))) (call $give (i32.const 0) (i32.const 20971520))";
    let desk = Desk::new()
        .tool("fits", &giver("\"12345678\""), "outputBytes: 10")
        .tool("t", &giver("\"123456789\""), "outputBytes: 10")
        .tool("huge", &handler("", "", huge), "memory: 64MiB")
        .start()
        .await;
    assert_eq!(desk.call("fits", "{}").await.result(), "\"12345678\"");
    let ended = desk.call("t", "{}").await;
    assert_eq!(ended.kind(), FailureKind::OutputTooLarge);
    assert_eq!(ended.message(), "t wrote more than the 10 bytes it is granted as its result");
    assert_eq!(desk.call("huge", "{}").await.kind(), FailureKind::OutputTooLarge);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_outside_memory_or_not_text_is_a_trap() {
    let not_text = "(i32.store (i32.const 4096) (i32.const 0x22fffe22)) (call $give (i32.const 4096) (i32.const 4))";
    let desk = Desk::new()
        .tool("outside", &handler("", "", "(call $give (i32.const -16) (i32.const 100))"), "")
        .tool("nowhere", &handler("", "", "(i32.const -4)"), "")
        .tool("not_text", &handler("", "", not_text), "")
        .tool("no_code", &handler("", "", "(call $fail (i32.const 99) (i32.const 1024) (i32.const 0))"), "")
        .start()
        .await;
    for tool in ["outside", "nowhere", "not_text", "no_code"] {
        assert_eq!(desk.call(tool, "{}").await.kind(), FailureKind::Trap, "{tool}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prints_of_a_function_are_no_result_and_an_exit_gives_none() {
    let print = "(call $print (i32.const 1) (i32.const 1024) (i32.const 1))";
    let gives = format!("{print} (call $give (i32.const 1025) (i32.const 1))");
    let leaves = format!("{print} (call $proc_exit (i32.const 0)) unreachable");
    let reads = "(i32.store (i32.const 0) (i32.const 4096))
        (i32.store (i32.const 4) (i32.const 100))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store8 (i32.const 4096) (i32.add (i32.const 48) (i32.load (i32.const 8))))
        (call $give (i32.const 4096) (i32.const 1))";
    let desk = Desk::new()
        .tool("prints", &handler("12", "", &gives), "")
        .tool("leaves", &handler("12", "", &leaves), "")
        .tool("reads", &handler("", "", reads), "")
        .start()
        .await;
    assert_eq!(desk.call("prints", "{}").await.result(), "2");
    assert_eq!(desk.call("leaves", "{}").await.kind(), FailureKind::OutputInvalid);
    assert_eq!(desk.call("reads", "{\"n\":1}").await.result(), "0", "standard input is empty");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_of_a_function_starts_from_the_same_memory() {
    let count = "(i32.store8 (i32.const 1024) (i32.add (i32.load8_u (i32.const 1024)) (i32.const 1)))
        (call $give (i32.const 1024) (i32.const 1))";
    let desk = Desk::new().tool("t", &handler("0", "", count), "").at_once(1).start().await;
    for _ in 0..3 {
        assert_eq!(desk.call("t", "{}").await.result(), "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_of_the_first_version_runs() {
    let older =
        WIT.replace("package callgate:tool@1.1.0;", "package callgate:tool@1.0.0;").replace("    import caller;\n", "");
    let give = "(call $give (local.get $arguments) (local.get $arguments_length))";
    let desk = Desk::new().tool("t", &of_world(&older, "1.0.0", "", "", give), "").start().await;
    assert_eq!(desk.call("t", r#"{"n":1}"#).await.result(), r#"{"n":1}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_knows_its_caller() {
    // The record's four texts at 256: tenant first. Its bytes go between two quotes.
    let import = r#"(import "callgate:tool/caller@1.1.0" "get" (func $caller (param i32)))"#;
    let tenant = r#"(call $caller (i32.const 256))
        (i32.store8 (i32.const 2048) (i32.const 34))
        (memory.copy (i32.const 2049) (i32.load (i32.const 256)) (i32.load (i32.const 260)))
        (i32.store8 (i32.add (i32.const 2049) (i32.load (i32.const 260))) (i32.const 34))
        (call $give (i32.const 2048) (i32.add (i32.const 2) (i32.load (i32.const 260))))"#;
    let module = importing(import, WIT, "1.1.0", "", "", tenant);
    let desk = Desk::new().tool("t", &module, "").start().await;
    assert_eq!(desk.call("t", "{}").await.result(), r#""acme""#);
}

#[test]
fn a_handler_of_another_version_or_type_is_refused() {
    let newer = WIT.replace("package callgate:tool@1.1.0;", "package callgate:tool@2.0.0;");
    let body = "(call $give (i32.const 1024) (i32.const 0))";
    let refused = Desk::new().tool("t", &of_world(&newer, "2.0.0", "", "", body), "").refused();
    assert!(refused.contains("expected `callgate:tool/handler@1.1.0` as in"), "{refused}");

    let other = WIT.replace("result<string, failure>;", "result<list<u8>, failure>;");
    let refused = Desk::new().tool("t", &of_world(&other, "1.1.0", "", "", body), "").refused();
    assert!(refused.contains("expected `callgate:tool/handler@1.1.0` as in"), "{refused}");
}

#[test]
fn a_component_with_an_unknown_import_is_refused_by_name() {
    let wit = format!("{WIT}\ninterface vault {{ open: func(); }}\n")
        .replace("world tool {", "world tool {\n    import vault;");
    let import = r#"(import "callgate:tool/vault@1.1.0" "open" (func $open))"#;
    let mut module = guests::command("", "", "").replacen("(module", &format!("(module {import}"), 1);
    module.truncate(module.rfind(')').unwrap());
    let more = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "callgate:tool/handler@1.1.0#run") (param i32 i32 i32 i32) (result i32) (call $open) unreachable))"#;
    let mut module = wasm(&format!("{module}{more}"));
    let mut resolve = Resolve::default();
    let package = resolve.push_str("tool.wit", &wit).unwrap();
    let world = resolve.select_world(&[package], Some("tool")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let component = ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
        .unwrap()
        .encode()
        .unwrap();
    let refused = Desk::new().tool("t", &component, "").refused();
    assert!(refused.contains("found the import `callgate:tool/vault@1.1.0`, which is not offered"), "{refused}");
}
