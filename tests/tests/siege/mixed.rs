//! Mixed load through all storms, and the final comparison.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::task::JoinSet;

use crate::contract::{Contract, echo, note};
use crate::executor::{Executor, client};
use crate::load::Book;
use crate::{backend, people, readiness, storms, truth};

const GRANT: &str = ", timeout: 10s, files: [{ host: effects, guest: /effects, mode: rw }]";
/// Readiness notices a store within its own interval at the latest. A longer contradiction is a lie.
const LATE: Duration = Duration::from_secs(4);
const TENANTS: usize = 4;

/// Runs for so many seconds; returns true if nothing was wrong.
pub async fn run(seconds: u64) -> bool {
    let posted = tempfile::NamedTempFile::new().unwrap();
    let backend = backend::start(posted.path()).await;
    let contract = Contract::default()
        .folder("effects")
        .tool("note", &note(), GRANT, "")
        .tool("ask", &note(), GRANT, "      approval: always\n")
        .tool("look", &echo(1), "", "")
        .backend("post", &backend.to_string());
    let other = Contract::default().tool("other", &echo(0), "", "");
    let mut executor = Executor::written(&contract, "approvals: { pendingPerTenant: 1000 }");
    let beside = executor.path("other");
    std::fs::create_dir(&beside).unwrap();
    other.write(&beside);
    let config = executor.path("executor.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[contract.yaml]", "[contract.yaml, other/contract.yaml]")).unwrap();
    executor.launch().await;

    let book = Book::default();
    let mut work = JoinSet::new();
    for tenant in 0..TENANTS {
        for tool in ["note", "post", "look"] {
            let client = client(executor.grpc).await;
            work.spawn(book.clone().call_until_over(client, executor.digest.clone(), format!("tenant-{tenant}"), tool));
        }
    }
    let token = executor.state("http-token");
    let client = || client(executor.grpc);
    work.spawn(people::approve(client().await, executor.http, token.clone(), executor.digest.clone(), book.clone()));
    let reads = tokio::spawn(people::read(executor.http, token, book.clone()));
    let compared =
        tokio::spawn(readiness::compare(executor.http, client().await, executor.digest.clone(), book.clone()));
    let reloads = tokio::spawn(storms::reload(beside, other));

    let raged = storms::rage(&mut executor, Instant::now() + Duration::from_secs(seconds)).await;
    book.end();
    while let Some(ended) = work.join_next().await {
        ended.unwrap();
    }
    let (reads, compared) = (reads.await.unwrap(), compared.await.unwrap());
    reloads.abort();
    executor.end(Signal::TERM).await;

    let effects = truth::effects(&[&executor.path("effects/notes"), posted.path()]);
    let mut truth = truth::compare(&executor, &book.made(), &effects);
    truth.wrong.extend(book.torn().into_iter().map(|torn| format!("a repeat got another outcome: {torn}")));
    truth.wrong.extend(raged.wrong);
    if compared.longest > LATE {
        truth.wrong.push(format!("readiness and calls contradicted each other for {:?}", compared.longest));
    }
    println!(
        "  storms: {}",
        raged.counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    );
    println!(
        "  calls: {} made, {} succeeded ({} approved by a person), {} unknown, {} unanswered or refused; {} repeats; {} effects; {} records; {reads} reads of the log",
        truth.calls,
        truth.successes,
        truth.approved,
        truth.unknown,
        truth.unanswered,
        book.repeats(),
        effects.len(),
        truth.records
    );
    println!(
        "  readiness: {} times ready, {} not; {} undecided; {} contradictions, the longest {} ms; not ready for {} ms at most",
        compared.ready,
        compared.not_ready,
        compared.undecided,
        compared.contradictions,
        compared.longest.as_millis(),
        compared.longest_not_ready.as_millis()
    );
    for wrong in &truth.wrong {
        println!("  WRONG {wrong}");
    }
    truth.wrong.is_empty() && truth.approved > 0
}
