//! The gate as its users meet it: a real Envoy with the real filter, a real executor, a scripted model.
//!
//! `cargo test -p callgate-tests --test e2e` runs every case over HTTP/1.1 and over HTTP/2. Words after `--` choose the
//! cases with all of them in their names. Every case writes the model's answers itself
//! (`callgate_tests::upstream::script`).
//!
//! If `CALLGATE_CONTAINERS` is the command line of a container engine (`make test-containers` sets it), Envoy and the
//! executor run in containers. HTTP/2 is left out then, and so are the cases that replace the real executor or ask its HTTP
//! side, which is not published.
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
mod conditions;
mod containers;
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

use callgate_tests::cases::{CaseArguments, Outcome};
use callgate_tests::http::Protocol;
use callgate_tests::stack::Engine;
use world::{Cx, World};

fn main() -> ExitCode {
    let arguments = CaseArguments::read("gate");
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
    let engine = Engine::from_environment();
    let contained = engine.is_some();
    let world = match World::start(engine).await {
        Ok(world) => Arc::new(world),
        Err(error) => {
            println!("The stack did not start, so no case ran.\n{error}");
            return false;
        }
    };
    let mut tables = vec![
        ("requests", requests::cases()),
        ("callers", identity::cases()),
        ("calls", calls::cases()),
        ("conditions", conditions::cases()),
        ("feedback", feedback::cases()),
        ("tool rounds", loops::cases()),
        ("streams", streams::cases()),
        ("providers", providers::cases()),
        ("trailers", trailers::cases()),
    ];
    if contained {
        println!(
            "in containers: over HTTP/1.1, without the cases that need a false executor or the real one's HTTP side"
        );
        tables.push(("the containers", containers::cases()));
    } else {
        tables.push(("the executor", executor::cases()));
        tables.push(("decisions for the audit log", audit::cases()));
        tables.push(("approvals", approvals::cases()));
    }
    // Last: it reads the logs of all the others.
    tables.push(("at the end", world::cases()));
    let protocols: &[Protocol] = if contained { &[Protocol::Http1] } else { &[Protocol::Http1, Protocol::Http2] };
    let mut outcome = Outcome::default();
    for (title, cases) in &tables {
        println!("\n{title}");
        for &protocol in protocols {
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
