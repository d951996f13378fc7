//! The gate as its users meet it: a real Envoy with the real filter, a real executor, a scripted model.
//!
//! `cargo test -p callgate-tests --test e2e` runs every case over HTTP/1.1 and over HTTP/2. Words after `--` choose the
//! cases that have all of them in their names. Every answer of the model is written in the case that needs it
//! (`callgate_tests::upstream::script`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a case fails by panicking; there is nothing to recover"
)]

mod approvals;
mod audit;
mod calls;
mod executor;
mod feedback;
mod identity;
mod loops;
mod providers;
mod requests;
mod streams;
mod trailers;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use callgate_tests::cases::{Arguments, Outcome};
use callgate_tests::http::Protocol;
use world::{Cx, World};

fn main() -> ExitCode {
    let arguments = Arguments::read("gate");
    if arguments.list {
        if !arguments.ignored {
            println!("gate: test");
        }
        return ExitCode::SUCCESS;
    }
    if arguments.ignored {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if runtime.block_on(run(&arguments.words)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(words: &[String]) -> bool {
    let world = match World::start().await {
        Ok(world) => Arc::new(world),
        Err(error) => {
            println!("The stack did not start, so no case ran.\n{error}");
            return false;
        }
    };
    let tables = [
        ("requests", requests::cases()),
        ("who is calling", identity::cases()),
        ("calls", calls::cases()),
        ("feedback", feedback::cases()),
        ("the loop", loops::cases()),
        ("streams", streams::cases()),
        ("providers", providers::cases()),
        ("trailers", trailers::cases()),
        ("the executor", executor::cases()),
        ("what the audit log is told", audit::cases()),
        ("approvals", approvals::cases()),
        // Last: it looks at what all the others left in the logs.
        ("at the end", world::cases()),
    ];
    let mut outcome = Outcome::default();
    for (title, cases) in &tables {
        println!("\n{title}");
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let context = async || Cx::new(world.clone(), protocol).await;
            outcome.run(cases, &protocol.to_string(), words, context).await;
        }
    }
    let passed = outcome.finish();
    if !passed {
        world.show_logs();
    }
    passed
}
