//! Instructions of one exchange, counted by callgrind: the difference of a run with many exchanges and a run with few.

use std::collections::HashMap;
use std::process::{Command, ExitCode};

use crate::TREES;
use crate::exchanges::CASES;

const FEW: usize = 10;
const MANY: usize = 60;

/// Ratios that later work must keep: a count, the count it is compared with, and the bound of the ratio. Trees of the same bytes are
/// work that the engine does not change.
const RATIOS: [(&str, &str, f64); 8] = [
    ("no_tools", TREES, 0.31),
    ("two_calls", TREES, 0.9),
    ("32_calls", TREES, 5.4),
    ("tools_10000", "tools_1", 1.05),
    ("conversation_200k", TREES, 21.5),
    ("mcp_call", TREES, 0.53),
    ("stream_500_deltas", TREES, 12.0),
    ("stream_20k_call", TREES, 165.0),
];

/// Prints the counts and the ratios. Fails if a ratio is over its bound.
pub(crate) fn compare() -> ExitCode {
    let mut counts = HashMap::new();
    for name in CASES.into_iter().chain([TREES]) {
        let Some(count) = of_one(name) else {
            eprintln!("no count of instructions ({name}); install valgrind, which has callgrind");
            return ExitCode::FAILURE;
        };
        println!("{name:<20} {count:>10}");
        counts.insert(name, count);
    }
    let mut result = ExitCode::SUCCESS;
    for (name, of, most) in RATIOS {
        let ratio = counts.get(name).unwrap() / counts.get(of).unwrap();
        println!("{name} / {of}: {ratio:.3}, at most {most}");
        if ratio > most {
            eprintln!(
                "{name} / {of} is {ratio:.3}, over {most}; find the cause with `--repeat {name} 1000` under callgrind"
            );
            result = ExitCode::FAILURE;
        }
    }
    result
}

/// Returns the instructions of one exchange.
fn of_one(name: &str) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let one = (of_many(name, MANY)? - of_many(name, FEW)?) as f64 / (MANY - FEW) as f64;
    Some(one.round())
}

fn of_many(name: &str, times: usize) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--repeat", name, &times.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stderr).ok()?;
    let line = text.lines().find_map(|line| line.split_once("Collected : "))?;
    line.1.trim().parse().ok()
}
