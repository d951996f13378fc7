//! The oracle of shell lines: real shells run each line that the reader accepts.
//!
//! 1. The lines of the data, of `tests/lines` and of seeded mutants are read. Those that name a program without a stub are left out,
//!    since a profile refuses unknown programs.
//! 2. An empty tree in namespaces of its own holds the shells, and a stub for every program. No network, no other process and no file
//!    of this machine is in reach but libraries.
//! 3. Each shell runs the line. A stub records its words and its directory.
//! 4. A program that a shell starts must be one of the reported commands, with words and a directory that the reading allows.
//!
//! This program is the test, the runner inside the tree, and the stub. `CALLGATE_SHELL_SECONDS` is the time for mutants, and
//! `CALLGATE_SHELL_MUTANTS` their maximum number in each of two trees, so that a run with both is the same on every machine that is fast
//! enough. `CALLGATE_SHELL_SEED` repeats a run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fault of the test ends it"
)]
#![allow(unreachable_pub, reason = "the modules of a test are private, and share their items")]

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("SKIPPED: the shell oracle needs Linux namespaces");
}

#[cfg(target_os = "linux")]
mod directories;
#[cfg(target_os = "linux")]
mod hunt;
#[cfg(target_os = "linux")]
mod matching;
#[cfg(target_os = "linux")]
mod mutants;
#[cfg(target_os = "linux")]
mod runner;
#[cfg(target_os = "linux")]
mod seeds;
#[cfg(target_os = "linux")]
mod stub;
#[cfg(target_os = "linux")]
mod tree;

#[cfg(target_os = "linux")]
fn main() {
    if std::path::Path::new(stub::LOG).exists() {
        match std::env::args().next().as_deref() {
            Some(tree::RUNNER) => runner::serve(),
            _ => stub::record(),
        }
        return;
    }
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--list") {
        // The answer to a runner of tests that lists them first.
        if !arguments.iter().any(|argument| argument == "--ignored") {
            println!("programs_that_shells_start_are_reported: test");
        }
        return;
    }
    hunt::run();
}
