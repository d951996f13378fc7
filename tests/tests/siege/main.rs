//! The executor under siege: attacks that once succeeded, then mixed load during faults. Its stores are locked, moved away
//! and full, its log is copied, peers stall, nobody reads standard error, it is killed, and a contract is rolled out each
//! second.
//!
//! `cargo test -p callgate-tests --test siege` runs it against the programs in `dist` (`CALLGATE_DIST`). Words after `--`
//! choose the attacks with all of them in their names, and leave out the rest. `SIEGE_SECONDS` sets the length of the mixed
//! load: 45 unless it is set, 600 in `make siege`. All traffic stays on loopback.
//!
//! Not covered: jumps of the wall clock, which a process cannot cause for itself alone; the executor's own tests inject
//! them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a case fails by panicking; there is nothing to recover"
)]

mod attacks;
mod backend;
mod contract;
mod executor;
mod http;
mod load;
mod mixed;
mod peers;
mod people;
mod readiness;
mod storms;
mod truth;

use std::process::ExitCode;

use callgate_tests::cases::{CaseArguments, Outcome};

/// The length of the mixed load in `make test`.
const SECONDS: u64 = 45;

fn main() -> ExitCode {
    let arguments = CaseArguments::read("siege");
    if arguments.list {
        if !arguments.ignored {
            println!("siege: test");
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
    let mut outcome = Outcome::default();
    println!("\nattacks");
    outcome.run(&attacks::cases(), "", words, async || ()).await;
    let held = outcome.finish();
    if !words.is_empty() {
        return held;
    }
    let seconds = std::env::var("SIEGE_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(SECONDS);
    println!("\nmixed load for {seconds} s");
    let stood = mixed::run(seconds).await;
    println!("{}", if stood { "nothing was lost, doubled or untrue" } else { "the siege was lost" });
    held && stood
}
