//! Secrets: only the tool sees them.

use callgate_proto::executor::v1::FailureKind;

use crate::component::component;
use crate::desk::{Desk, Running, wasm};
use crate::guests;

const VALUE: &str = "s3cret value";

fn desk(module: &[u8], content: &[u8]) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("api-key"), content).unwrap();
    let grants = format!("secretEnv: {{ API_KEY: \"file:{}\" }}", folder.keep().join("api-key").display());
    Desk::new().tool("t", module, &grants)
}

async fn told(desk: &Running) -> String {
    let ended = desk.call("t", "{}").await;
    assert_eq!(ended.kind(), FailureKind::NonzeroExit);
    ended.message().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_the_tool_and_is_redacted_in_reports() {
    // This guest writes its whole environment to standard error, and ends with 10 × variables + arguments.
    for module in [wasm(&guests::surroundings()), component(&guests::surroundings())] {
        for end in ["", "\n", "\r\n"] {
            let desk = desk(&module, format!("{VALUE}{end}").as_bytes()).start().await;
            let told = told(&desk).await;
            assert!(told.ends_with(" API_KEY=[redacted]"), "{told}");
        }
    }
}

#[test]
fn an_unreadable_secret_is_refused_without_being_shown() {
    let module = wasm(&guests::answer("1"));
    for (content, reason) in [
        (&b""[..], "nothing"),
        (b"\n", "nothing"),
        (b"s3cret\xff", "bytes that are not UTF-8"),
        (b"s3cret\0", "a NUL character, which no environment variable can hold"),
        (&[b'x'; 70_000], "more than 65536 bytes"),
    ] {
        let refused = desk(&module, content).refused();
        assert!(
            refused.starts_with("contract.yaml: tool t: run.wasm.secretEnv.API_KEY: expected the secret's text in /"),
            "{refused}"
        );
        assert!(refused.contains(&format!("found: {reason}; correct the file")), "{refused}");
        assert!(!refused.contains("s3cret"), "{refused}");
    }
    let refused = Desk::new().tool("t", &module, "secretEnv: { API_KEY: \"file:/nowhere/key\" }").refused();
    assert_eq!(
        refused,
        "contract.yaml: tool t: run.wasm.secretEnv.API_KEY: expected the secret's text in /nowhere/key, found: No such file or \
         directory (os error 2); correct the file or its path"
    );
    let refused = Desk::new().tool("t", &module, "secretEnv: { API_KEY: \"file:/dev/zero\" }").refused();
    assert!(refused.contains("it is not a file"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_fixed_clock_and_seed_every_call_is_the_same() {
    // Both clocks and random bytes, as hexadecimal digits in a JSON string.
    let more = "(func $digit (param $at i32) (param $n i32)
      (i32.store8 (local.get $at) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15)))))";
    let start = "(local $n i32)
    (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 256)))
    (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 264)))
    (drop (call $random_get (i32.const 272) (i32.const 32)))
    (i32.store8 (i32.const 4096) (i32.const 34))
    (loop $again
      (call $digit (i32.add (i32.const 4097) (i32.mul (local.get $n) (i32.const 2))) (i32.load8_u (i32.add (i32.const 256) (local.get $n))))
      (call $digit (i32.add (i32.const 4098) (i32.mul (local.get $n) (i32.const 2)))
        (i32.shr_u (i32.load8_u (i32.add (i32.const 256) (local.get $n))) (i32.const 4)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 48))))
    (i32.store8 (i32.const 4193) (i32.const 34))
    (call $print (i32.const 1) (i32.const 4096) (i32.const 98))";
    let wat = guests::command("", more, start);
    for module in [wasm(&wat), component(&wat)] {
        let mut seen = Vec::new();
        for seed in [7, 7, 8] {
            let fixed = format!("sandbox: {{ deterministic: {{ clock: \"2026-01-31T12:00:00Z\", seed: {seed} }} }}");
            let desk = Desk::new().tool("t", &module, "").configured(&fixed).start().await;
            let first = desk.call("t", "{}").await.result().to_owned();
            assert_eq!(desk.call("t", "{}").await.result(), first);
            seen.push(first);
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0][..33], seen[2][..33], "the clocks do not depend on the seed");
        assert_ne!(seen[0], seen[2]);
        let free = Desk::new().tool("t", &module, "").start().await;
        assert_ne!(free.call("t", "{}").await.result(), free.call("t", "{}").await.result());
    }
}
