//! The memory that an exchange takes, in ratios that do not depend on the machine. `benches/exchange` measures the same exchanges
//! in time and in instructions.

#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed helper is a failed test")]

mod counting;
mod exchanges;

use counting::{Allocated, counted};
use exchanges::{ANSWER, CASES, Case, REQUEST};

/// The allocations of one exchange. The first exchange through a gate is not counted: it fills what later ones reuse.
fn cost(name: &'static str) -> Allocated {
    let case = Case::named(name);
    case.whole();
    counted(|| case.whole()).1
}

#[track_caller]
fn assert_most(what: &str, value: u64, of: u64, most: f64) {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let ratio = value as f64 / of as f64;
    println!("{what}: {value} / {of} = {ratio:.3}, at most {most}");
    assert!(ratio <= most, "{what}: {value} / {of} = {ratio:.3} is over {most}");
}

/// The tree of the same bytes is what a gate without a scan would build.
#[test]
fn an_exchange_allocates_less_than_trees_of_its_bodies() {
    let ((), trees) = counted(|| {
        for text in [REQUEST, ANSWER] {
            drop(serde_json::from_str::<serde_json::Value>(text).unwrap());
        }
    });
    let exchange = cost("two_calls");
    assert_most("allocations of an exchange and of two trees", exchange.count, trees.count, 0.48);
    assert_most("bytes of an exchange and of two trees", exchange.bytes, trees.bytes, 0.8);
}

#[test]
fn the_number_of_tools_changes_nothing() {
    assert_eq!(cost("tools_1"), cost("tools_100"));
    assert_eq!(cost("tools_1"), cost("tools_10000"));
}

#[test]
fn a_conversation_costs_its_bytes() {
    let (small, large) = (cost("conversation_20k"), cost("conversation_200k"));
    assert_most("allocations of ten times the conversation", large.count, small.count, 1.05);
    let size = |name| Case::named(name).bytes() as u64;
    assert_most("bytes for each of a conversation", large.bytes, size("conversation_200k"), 2.15);
}

/// One copy to keep, and one to forward. Redaction makes a new one to keep, and reads each result in several forms, one after the other.
#[test]
fn a_long_request_is_copied_once_for_each_purpose() {
    for (name, most) in [("messages_1m", 2.05), ("messages_1m_redacted", 6.8)] {
        assert_most(&format!("bytes for each of {name}"), cost(name).bytes, Case::named(name).bytes() as u64, most);
    }
}

#[test]
fn a_text_delta_costs_a_few_allocations() {
    let (few, many) = (cost("stream_100_deltas"), cost("stream_500_deltas"));
    assert_most("allocations of a text delta", many.count - few.count, 400, 0.1);
}

#[test]
fn a_streamed_call_costs_its_bytes() {
    let case = Case::named("stream_20k_call");
    assert_most("bytes for each of a streamed call", cost("stream_20k_call").bytes, case.bytes() as u64, 8.0);
}

#[test]
fn the_figures_of_all_cases_are_printed() {
    println!("{:<20} {:>8} {:>12} {:>10}", "exchange", "bytes", "allocations", "allocated");
    for name in CASES {
        let Allocated { count, bytes } = cost(name);
        println!("{name:<20} {:>8} {count:>12} {bytes:>10}", Case::named(name).bytes());
    }
}
