//! Attacks that once succeeded, each at its size. Their names state the present behaviour.

use std::fs;
use std::time::{Duration, Instant};

use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest};
use callgate_tests::cases;
use callgate_tests::cases::Case;
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::Code;

use crate::contract::{Contract, echo, note};
use crate::executor::Executor;
use crate::load::{Book, Ended, once, request};
use crate::peers::{HALF_REQUEST, PREFACE, stalled};
use crate::{http, readiness};

const GRANT: &str = ", timeout: 50s, files: [{ host: effects, guest: /effects, mode: rw }]";

pub fn cases() -> Vec<Case<()>> {
    cases! {
        "a grant inside another's writable folder is refused" => nested_grants,
        "a grant of the executor's own folders is refused" => fenced_grants,
        "600 calls that write one folder at once all end, and others run meanwhile" => one_folder,
        "readiness follows the stores, without a call" => stores,
        "300 calls succeed and SIGTERM counts while nobody reads standard error" => unread,
        "20,000 empty calls with a long tenant are refused and add nothing to the log" => small_requests,
        "1,024 half requests and 1,030 silent connections lock nobody out" => idle_connections,
        "a tenant waits for its share of 200 others, whatever their names" => fair_share,
    }
}

async fn nested_grants((): ()) {
    for (outer, inner) in [("rw", "ro"), ("rw", "rw"), ("ro", "rw")] {
        let grant = |folder: &str, mode: &str| format!(", files: [{{ host: {folder}, guest: /work, mode: {mode} }}]");
        let contract = Contract::default().folder("work/sub").tool("a", &echo(0), &grant("work", outer), "").tool(
            "b",
            &echo(0),
            &grant("work/sub", inner),
            "",
        );
        let mut contract = contract;
        contract.allow("work");
        let refused = Executor::written(&contract, "").refused();
        assert!(refused.contains("work/sub"), "{outer} around {inner}: {refused:?}");
    }
}

async fn fenced_grants((): ()) {
    for host in [".", "/", "..", "callgate-state", "callgate-state/modules", "contract.yaml"] {
        for mode in ["ro", "rw"] {
            let grant = format!(", files: [{{ host: \"{host}\", guest: /work, mode: {mode} }}]");
            let mut contract = Contract::default().tool("t", &echo(0), &grant, "");
            contract.allow(host);
            contract.allow("/");
            let executor = Executor::written(&contract, "");
            fs::create_dir_all(executor.state("modules")).unwrap();
            let mode_700 = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            for folder in [executor.state(""), executor.state("modules")] {
                fs::set_permissions(folder, Clone::clone(&mode_700)).unwrap();
            }
            assert!(!executor.refused().is_empty(), "{mode} of {host} is granted");
        }
    }
}

async fn one_folder((): ()) {
    const CALLS: i64 = 600;
    let contract =
        Contract::default().folder("effects").tool("note", &note(), GRANT, "").tool("look", &echo(0), "", "");
    // Room for all of them: this attack is not on the queue's limits.
    let mut executor = Executor::start(&contract, "concurrency: 1024\nqueue: { length: 4096, perTenant: 4096 }").await;
    let client = executor.client().await;
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let (client, request) = (client.clone(), request(&executor.digest, "acme", "note", number));
        calls.spawn(async move { once(&client, &request).await });
    }
    let look = request(&executor.digest, "other", "look", CALLS);
    let looked = once(&executor.client().await, &look).await;
    assert!(matches!(looked, Ended::Success(_)), "{looked:?}");
    let mut ended = Vec::new();
    while let Some(call) = calls.join_next().await {
        ended.push(call.unwrap());
    }
    let failed: Vec<_> = ended.iter().filter(|ended| !matches!(ended, Ended::Success(_))).collect();
    assert!(failed.is_empty(), "{} of {CALLS} failed: {:?}", failed.len(), failed.first());
    let written = fs::read_to_string(executor.path("effects/notes")).unwrap();
    assert_eq!(written.lines().count(), usize::try_from(CALLS).unwrap());
    executor.end(Signal::TERM).await;
}

async fn stores((): ()) {
    const LIMIT: Duration = Duration::from_secs(10);
    let contract = Contract::default().tool("look", &echo(0), "", "");
    let mut executor = Executor::start(&contract, "").await;
    let client = executor.client().await;
    readiness::until(executor.http, true, LIMIT).await;
    for (number, store) in (0..).zip(["audit.db", "calls.db", "approvals.db"]) {
        fs::rename(executor.state(store), executor.path("away")).unwrap();
        readiness::until(executor.http, false, LIMIT).await;
        let call = request(&executor.digest, "acme", "look", number);
        let ended = once(&client, &call).await;
        assert!(store == "approvals.db" || !matches!(ended, Ended::Success(_)), "{store} is gone: {ended:?}");
        fs::rename(executor.path("away"), executor.state(store)).unwrap();
        readiness::until(executor.http, true, LIMIT).await;
        let call = request(&executor.digest, "acme", "look", number + 100);
        let ended = once(&client, &call).await;
        assert!(matches!(ended, Ended::Success(_)), "{store} is back: {ended:?}");
    }
    // No call writes anything while the disk is full.
    executor.limit_files(Some(0));
    readiness::until(executor.http, false, LIMIT).await;
    executor.limit_files(None);
    readiness::until(executor.http, true, LIMIT).await;
    executor.end(Signal::TERM).await;
    let (whole, told) = executor.audit(&["verify"], &executor.state(""));
    assert!(whole, "{told}");
}

async fn unread((): ()) {
    let contract = Contract::default().tool("look", &echo(0), "", "");
    let mut executor = Executor::start(&contract, "").await;
    let client = executor.client().await;
    for number in 0..300 {
        let ended = once(&client, &request(&executor.digest, "acme", "look", number)).await;
        assert!(matches!(ended, Ended::Success(_)), "call {number}: {ended:?}");
    }
    assert!(readiness::is_ready(executor.http).await);
    executor.end(Signal::TERM).await;
}

async fn small_requests((): ()) {
    let contract = Contract::default().tool("look", &echo(0), "", "");
    let mut executor = Executor::start(&contract, "").await;
    let client = executor.client().await;
    let length = |name: &str| fs::metadata(executor.state(name)).map_or(0, |found| found.len());
    let before = length("audit.db") + length("audit.db-wal");
    for (calls, tenant) in [(20_000, 20_000), (20_000, 4), (1, 20_000), (64, 20_000)] {
        let request = ExecuteRequest {
            contract_digest: executor.digest.clone(),
            caller: Some(Caller { tenant: "t".repeat(tenant), role: "clerk".into(), ..Default::default() }),
            exchange_id: uuid::Uuid::new_v4().to_string(),
            round: 1,
            calls: vec![Call::default(); calls],
            request_id: String::new(),
            ..ExecuteRequest::default()
        };
        let ended = once(&client, &request).await;
        assert_eq!(ended, Ended::Unanswered(Code::InvalidArgument), "{calls} calls, {tenant} bytes");
    }
    let honest = once(&client, &request(&executor.digest, "acme", "look", 1)).await;
    assert!(matches!(honest, Ended::Success(_)), "{honest:?}");
    let grown = (length("audit.db") + length("audit.db-wal")).saturating_sub(before);
    assert!(grown < 1 << 20, "the log grew by {grown} bytes");
    executor.end(Signal::TERM).await;
}

async fn idle_connections((): ()) {
    const LIMIT: Duration = Duration::from_secs(20);
    let contract = Contract::default().tool("look", &echo(0), "", "");
    let mut executor = Executor::start(&contract, "").await;
    let mut held = stalled(executor.http, 1_024, HALF_REQUEST).await;
    held.extend(stalled(executor.grpc, 515, b"").await);
    held.extend(stalled(executor.grpc, 515, PREFACE).await);
    let began = Instant::now();
    for path in ["/healthz", "/readyz"] {
        while http::status(executor.http, path).await != Some(200) {
            assert!(began.elapsed() < LIMIT, "{path} is not answered while {} connections are held", held.len());
        }
    }
    let call = request(&executor.digest, "acme", "look", 1);
    let ended = timeout(LIMIT, async {
        loop {
            // Each on its own connection: the first ones may find no room.
            match once(&executor.client().await, &call).await {
                Ended::Success(_) => return,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    });
    assert!(ended.await.is_ok(), "no call is served while {} connections are held", held.len());
    drop(held);
    executor.end(Signal::TERM).await;
}

async fn fair_share((): ()) {
    const TENANTS: usize = 200;
    let contract = Contract::default().tool("look", &echo(10), "", "");
    let mut executor = Executor::start(&contract, "concurrency: 4\nqueue: { length: 1024, perTenant: 512 }").await;
    let (client, book) = (executor.client().await, Book::default());
    let mut others = JoinSet::new();
    for tenant in 0..TENANTS {
        others.spawn(book.clone().call_until_over(
            client.clone(),
            executor.digest.clone(),
            format!("a{tenant}"),
            "look",
        ));
    }
    // After all of them wait.
    while book.made().len() < TENANTS {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..3 {
        let before = book.made().len();
        let number = book.number();
        let ended = once(&client, &request(&executor.digest, "zeta", "look", number)).await;
        let meanwhile = book.made().len() - before;
        assert!(matches!(ended, Ended::Success(_)), "{ended:?}");
        // Each of the others once, and any that ran or were counted late.
        assert!(meanwhile <= 2 * TENANTS, "{meanwhile} calls of others went first");
    }
    book.end();
    while others.join_next().await.is_some() {}
    executor.end(Signal::TERM).await;
}
