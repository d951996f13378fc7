//! The gate under load, in the real Envoy and in both hosts: clients, upstreams and executors reset, stall and send garbage at random
//! moments, and contracts are rolled out meanwhile. Then a growth run: many honest exchanges, without growth of Envoy's memory.
//!
//! `cargo test -p callgate-tests --test load` runs it with the modules in `dist` (`CALLGATE_DIST`), in both hosts or in the one that
//! `CALLGATE_HOST` names. `CALLGATE_LOAD_SECONDS` sets the length of the load in each host (24 unless it is set), and
//! `CALLGATE_LOAD_EXCHANGES` the growth run's exchanges (60,000; 0 leaves it out). The seed is printed; `CALLGATE_LOAD_SEED` repeats its
//! choices, but not the order in which threads take them. All traffic stays on loopback.
//!
//! At the end the suite fails unless Envoy is the same process, without a panic, a trap or a crash in its log; no refused call reached a
//! client; no stream, connection or old configuration is left; memory did not grow; and honest exchanges have the right verdicts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a check fails by panicking; there is nothing to recover"
)]

mod book;
mod clients;
mod honest;
mod scripts;
mod storms;
mod world;

use std::process::ExitCode;
use std::time::Duration;

use callgate_tests::cases::CaseArguments;
use callgate_tests::envoy::Memory;
use callgate_tests::stack::GateHost;

use crate::book::Book;
use crate::world::World;

/// The length of the load in each host.
const SECONDS: u64 = 24;
/// Starts of the stack, if another process takes one of its ports meanwhile.
const STARTS: u32 = 3;
/// The exchanges of the growth run in each host.
const EXCHANGES: u64 = 60_000;
/// The load's last part may leave this much more than the part before it. Both make the same load, so what they leave differs by the
/// allocator's caches. A leak of one configuration at each reload, or of one exchange in ten, leaves more.
const MOST_GROWTH: Memory = Memory { allocated: 4 << 20, resident: 12 << 20 };

fn main() -> ExitCode {
    let arguments = CaseArguments::read("load");
    if arguments.list {
        if !arguments.ignored {
            println!("load: test");
        }
        return ExitCode::SUCCESS;
    }
    if arguments.ignored {
        return ExitCode::SUCCESS;
    }
    let seed = number("CALLGATE_LOAD_SEED").unwrap_or_else(|| fastrand::u64(..));
    let hosts = GateHost::chosen().expect("names of hosts");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut wrong = Vec::new();
    for &host in &hosts {
        println!("\nload in the {} host, seed {seed} (CALLGATE_LOAD_SEED={seed} repeats its choices)", host.name());
        wrong.extend(runtime.block_on(load(host, seed)).into_iter().map(|what| format!("{}: {what}", host.name())));
    }
    if let exchanges @ 1.. = number("CALLGATE_LOAD_EXCHANGES").unwrap_or(EXCHANGES)
        && let Err(error) = runtime.block_on(callgate_tests::bench::growth(exchanges, &hosts))
    {
        wrong.push(error.to_string());
    }
    for what in &wrong {
        println!("  WRONG {what}");
    }
    println!("{}", if wrong.is_empty() { "nothing crashed, leaked or grew" } else { "the gate failed under load" });
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs the load in three parts, with the same choices in each. Returns everything that was wrong.
async fn load(host: GateHost, seed: u64) -> Vec<String> {
    let part = Duration::from_secs(number("CALLGATE_LOAD_SECONDS").unwrap_or(SECONDS)) / 3;
    let mut starts = 1;
    let world = loop {
        match World::start(host).await {
            Ok(world) => break world,
            // A port that was free a moment ago.
            Err(error) if starts < STARTS && error.to_string().contains("Address already in use") => starts += 1,
            Err(error) => return vec![format!("the stack did not start: {error}")],
        }
    };
    let book = Book::default();
    let mut left = Vec::new();
    for name in ["warm-up", "first part", "repeated"] {
        storms::rage(&world, seed, part, &book).await;
        match Memory::settled(world.gate()).await {
            Ok(memory) => {
                println!("  {name}: {book}; memory {memory}");
                left.push(memory);
            }
            Err(error) => {
                book.fault(error.to_string());
                break;
            }
        }
    }
    let mut wrong = book.wrong();
    if let [_, before, after] = left.as_slice() {
        wrong.extend(after.grown(before, &MOST_GROWTH));
    }
    // After a crash only its trace in the log is of interest.
    if world.answers().await {
        wrong.extend(honest::check(&world).await);
    }
    wrong.extend(world.check(&book).await);
    wrong
}
