//! Long texts that cost the reader of an argument kind the most, and the measure of their growth.
//!
//! Every text is a piece over and over, after a beginning that makes the reader go on. Each is decided in four lengths, each a quarter of
//! the one before. The time of a decision may grow in proportion to the length; over [`MOST_GROWTH`] it grows faster. Times are compared
//! with each other only, so the result does not depend on the machine.

mod pieces;
mod readers;

use callgate_contract::Contract;
use pieces::PIECES;
use readers::{READERS, Reader};
use serde_json::json;

use crate::{ALLOW, Case, Table, decided};

/// The length of the longest text, in bytes.
const LONGEST: usize = 64 * 1024;
/// The lengths, as parts of the longest.
const PARTS: [usize; 4] = [64, 16, 4, 1];
/// The bound on the ratio of times of two lengths, of which one is four times the other. In proportion is 4, and squared is 16.
const MOST_GROWTH: f64 = 10.0;
/// The resolution of clocks, in milliseconds.
const RESOLUTION: f64 = 1.0;
/// The number of times that a time is taken before a growth counts.
const TRIES: usize = 4;

/// The tool that takes a list of words.
const VECTOR: &str = "command_none";
/// The tool whose condition reads the facts of its command.
const FACTS: &str = "command_facts";
const CONDITION: &str =
    "when: \"!command(args.value).network && command(args.value).reads.all(p, p != '/etc/passwd')\", ";

const PROFILE: &str = r#"
apiVersion: callgate.dev/v1
kind: Contract
metadata: { name: hostile, version: 1.0.0 }
spec:
  models: ["*"]
  workspace: { root: /work/project }
  profiles:
    desk:
      read: [".", "!.git", "!@secrets", "!*.key", "!**/private/*.d/**"]
      write: [src, "!src/*.lock"]
      run: [cat, ls, git log, touch, sed -n, awk, jq, find]
      ask: [rm, git commit]
      hosts: [docs.example, "*.example.org"]
      email: { domains: [example.org], max: 2 }
      cidr: [10.0.0.0/8]
      sql: { statements: [select], tables: ["sales.*"] }
  roles:
    clerk: { tools: ["*"], profile: desk }
  tools:
    - { name: ping, effects: read, parameters: { type: object, additionalProperties: false }, run: { client: {} } }
    - { name: get_any, effects: read, parameters: { type: object }, run: { client: {} } }
"#;

/// The result of deciding every text.
#[derive(Debug, Default)]
pub struct Growth {
    /// A line for each text whose time grows over the bound.
    pub over: Vec<String>,
    /// The number of texts.
    pub texts: usize,
    /// The longest time of a decision in milliseconds, and its text.
    pub slowest: (f64, String),
}

/// Decides every text of every kind in every length. `clock` returns milliseconds from any moment.
///
/// # Errors
/// Every fault of the contract.
pub fn growth(clock: impl Fn() -> f64) -> Result<Growth, String> {
    let contract = contract()?;
    let mut found = Growth::default();
    for reader in &READERS {
        let usual = decided(&contract, &call(reader.tool, reader.usual));
        if usual.verdict != ALLOW {
            return Err(format!("{} gives {usual} for a usual text", reader.tool));
        }
        for frame in reader.frames {
            for piece in PIECES.iter().chain(reader.pieces) {
                let name = || format!("{}: {:?} and {piece:?}", reader.tool, frame.0);
                let times = times(&contract, reader.tool, *frame, piece, &clock);
                found.texts += 1;
                if let Some((short, long)) = over(&times) {
                    found.over.push(format!("{}: {long:.1} ms, and {short:.1} ms for a quarter of it", name()));
                }
                let slowest = times.iter().copied().fold(0.0, f64::max);
                if slowest > found.slowest.0 {
                    found.slowest = (slowest, name());
                }
            }
        }
    }
    Ok(found)
}

/// Returns the least times of the lengths, the shortest length first. They are taken again while they seem to grow too fast.
fn times(
    contract: &Contract,
    tool: &str,
    (begin, end): (&str, &str),
    piece: &str,
    clock: impl Fn() -> f64,
) -> [f64; 4] {
    let calls = PARTS.map(|part| {
        let room = (LONGEST / part).saturating_sub(begin.len() + end.len());
        call(tool, &format!("{begin}{}{end}", pieces(piece, room / piece.len())))
    });
    let mut times = [f64::INFINITY; 4];
    for _ in 0..TRIES {
        for (least, call) in times.iter_mut().zip(&calls) {
            let began = clock();
            let _ = decided(contract, call);
            *least = least.min(clock() - began);
        }
        if over(&times).is_none() {
            break;
        }
    }
    times
}

/// Returns a piece over and over. A `№` in it is a number that never repeats.
fn pieces(piece: &str, count: usize) -> String {
    match piece.split_once('№') {
        Some((before, after)) => (0..count).map(|number| format!("{before}{number}{after}")).collect(),
        None => piece.repeat(count),
    }
}

/// Returns the times of two lengths between which the time grows over the bound.
fn over(times: &[f64; 4]) -> Option<(f64, f64)> {
    times.windows(2).find_map(|pair| match *pair {
        [short, long] if long > (short + RESOLUTION) * MOST_GROWTH => Some((short, long)),
        _ => None,
    })
}

/// Returns a call with a text.
fn call(tool: &str, text: &str) -> Case {
    let value = if tool == VECTOR { json!(text.split(' ').collect::<Vec<_>>()) } else { json!(text) };
    Case {
        role: "clerk".to_owned(),
        tool: tool.to_owned(),
        arguments: json!({ "value": value }).to_string(),
        before: 0,
        verdict: String::new(),
        pointer: String::new(),
        canonical: String::new(),
    }
}

/// Compiles a contract with a tool for each reader.
fn contract() -> Result<Contract, String> {
    let mut contract = PROFILE.to_owned();
    for Reader { tool, mark, .. } in &READERS {
        let schema = if *tool == VECTOR { "type: array, items: { type: string }" } else { "type: string" };
        let when = if *tool == FACTS { CONDITION } else { "" };
        contract.push_str(&format!(
            "    - {{ name: {tool}, effects: write, run: {{ client: {{}} }}, {when}parameters: {{ type: object, required: [value], \
             properties: {{ value: {{ {schema}, x-callgate: {mark} }} }} }} }}\n"
        ));
    }
    Table { name: "hostile texts".to_owned(), contract, cases: Vec::new() }.compile()
}
