//! The sandbox by itself: a full pool makes calls wait, and never fail.

use std::sync::Arc;
use std::time::Duration;

use callgate_sandbox::{Allocation, Cache, Caller, Grants, ModuleMetrics, Network, Outgoing, Sandbox, Wasm};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::component::component;
use crate::desk::wasm;
use crate::guests;

fn grants(memory: u64) -> Arc<Grants> {
    Arc::new(Grants {
        args: vec!["t".into()],
        env: Vec::new(),
        secrets: Vec::new(),
        folders: Vec::new(),
        outgoing: Outgoing::granted(&[], &Network::system()).unwrap(),
        memory,
        fuel: 500_000_000,
        timeout: Duration::from_secs(120),
        output_bytes: 1 << 20,
    })
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(120)
}

fn sandbox(concurrency: u32) -> Arc<Sandbox> {
    let nothing_kept = Cache::none(ModuleMetrics::default());
    Arc::new(Sandbox::new(concurrency, nothing_kept, None, Network::system()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_concurrent_calls_all_end() {
    let sandbox = sandbox(4);
    assert_eq!(sandbox.allocation(), Allocation::Pooling);
    for module in [wasm(&guests::echo()), component(&guests::echo())] {
        let program = Arc::new(sandbox.compile(&Wasm::new(module)).unwrap());
        let mut calls = JoinSet::new();
        for n in 0..1_000 {
            let (sandbox, program) = (Arc::clone(&sandbox), Arc::clone(&program));
            calls.spawn(async move {
                (n, sandbox.run(&program, &grants(16 << 20), Caller::default(), n.to_string(), later()).await.result)
            });
        }
        while let Some(ended) = calls.join_next().await {
            let (n, result) = ended.unwrap();
            assert_eq!(result.unwrap(), n.to_string().as_bytes());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn code_can_be_compiled_while_calls_run_and_may_be_granted_more_than_any_before() {
    let sandbox = sandbox(2);
    let early = Arc::new(sandbox.compile(&Wasm::new(wasm(&guests::late("1", 500)))).unwrap());
    let running = tokio::spawn({
        let sandbox = Arc::clone(&sandbox);
        async move { sandbox.run(&early, &grants(1 << 20), Caller::default(), String::new(), later()).await }
    });
    let start = "(if (i32.eq (memory.grow (i32.const 3000)) (i32.const -1)) (then unreachable))
      (call $print (i32.const 1) (i32.const 1024) (i32.const 1))";
    let large = Wasm::new(wasm(&guests::command("2", "", start)));
    let late = tokio::task::spawn_blocking({
        let sandbox = Arc::clone(&sandbox);
        move || sandbox.compile(&large).unwrap()
    });
    let ended = sandbox
        .run(&Arc::new(late.await.unwrap()), &grants(256 << 20), Caller::default(), String::new(), later())
        .await;
    assert_eq!(ended.result.unwrap(), b"2");
    assert!(ended.peak_memory > 180 << 20);
    assert_eq!(running.await.unwrap().result.unwrap(), b"1");
}
