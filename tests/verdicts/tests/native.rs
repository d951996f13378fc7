//! The decision and the engine, natively.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails may panic, and a replay prints its counts"
)]

use callgate_verdicts::{Played, Table, corpus, decided, differences, hostile};

/// Compares every place of this process, over one table.
fn compare(table: &Table) {
    let contract = table.compile().unwrap();
    let mut found = differences(table, "decide", |case| decided(&contract, case));
    let played = Played::new(contract).unwrap();
    found.extend(differences(table, "the engine, whole", |case| played.whole(case)));
    found.extend(differences(table, "the engine, streamed", |case| played.streamed(case)));
    assert!(found.is_empty(), "{} differ in {}:\n{}", found.len(), table.name, found.join("\n"));
    eprintln!("COVERED verdicts natively: {} cases of {}, each in 3 places", table.cases.len(), table.name);
}

#[test]
fn the_own_table_gets_its_verdicts_from_decision_and_engine() {
    compare(&Table::own().unwrap());
}

#[test]
fn the_corpus_gets_the_same_verdicts_from_decision_and_engine() {
    match corpus::read(&corpus::folder()).unwrap() {
        Some(table) => compare(&table),
        None => eprintln!("SKIPPED: verdicts of the corpus: {} does not have it", corpus::folder().display()),
    }
}

/// Returns the processor time of this thread in milliseconds: other work on the machine does not make one text slower than the others.
#[cfg(target_os = "linux")]
fn now() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

#[cfg(not(target_os = "linux"))]
fn now() -> f64 {
    static BEGAN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGAN.elapsed().as_secs_f64() * 1e3
}

#[test]
fn the_time_of_every_kind_grows_no_faster_than_its_text() {
    let growth = hostile::growth(now).unwrap();
    assert!(growth.over.is_empty(), "{} of {} texts:\n{}", growth.over.len(), growth.texts, growth.over.join("\n"));
    let (time, text) = growth.slowest;
    eprintln!(
        "COVERED growth natively: {} hostile texts of all kinds; the slowest took {time:.0} ms, {text}",
        growth.texts
    );
}
