//! Sockets without HTTP are offered, because every tool chain imports them, and refused.

use std::net::UdpSocket;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::internet::Made;
use super::{desk, error};
use crate::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_component_opens_no_sockets_and_looks_up_no_names() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    let (at, udp_at) = (tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    // A grant of HTTP to that very address opens nothing else.
    let desk = desk(&Made::new(), &format!("http: [{{ to: \"{at}\", private: true }}]")).await;
    for plan in [json!({ "tcp": at }), json!({ "udp": udp_at }), json!({ "lookup": "localhost" })] {
        let ended = desk.call("t", &plan.to_string()).await;
        let answers: Vec<Value> = serde_json::from_str(ended.result()).unwrap();
        let code = error(&answers[0]);
        assert!(["access-denied", "permanent-resolver-failure"].contains(&code.as_str()), "{plan}: {code}");
    }
    assert_eq!(udp.recv(&mut [0; 16]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_module_has_no_sockets_to_use() {
    // All calls of preview 1, on its three streams and on descriptors that are not open; each must fail. The answer counts
    // the successes.
    let wat = r#"(module
      (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start") (local $fd i32) (local $good i32)
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 1))
        (loop $next
          (local.set $good (i32.add (local.get $good) (i32.eqz
            (call $accept (local.get $fd) (i32.const 0) (i32.const 64)))))
          (local.set $good (i32.add (local.get $good) (i32.eqz
            (call $recv (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 64) (i32.const 68)))))
          (local.set $good (i32.add (local.get $good) (i32.eqz
            (call $send (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 64)))))
          (local.set $good (i32.add (local.get $good) (i32.eqz
            (call $shutdown (local.get $fd) (i32.const 3)))))
          (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $fd) (i32.const 8))))
        (i32.store8 (i32.const 1024) (i32.add (local.get $good) (i32.const 48)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))))"#;
    assert_eq!(Desk::with(wat, "").once().await.result(), "0");
}
