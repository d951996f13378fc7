//! The differences, counted and listed while the log is read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{ReplayError, ReplayFormat};
use crate::output;
use crate::terminal::plain;

/// The most kinds of differences that are counted apart. Models choose names, so there may be any number.
const KINDS: usize = 10_000;
/// The time between two reports of progress.
const PROGRESS: Duration = Duration::from_secs(2);

/// The decision on one call: `allow`, `needs_approval` or a code, and the place in the arguments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) word: String,
    pub(super) pointer: String,
}

/// The place of a call.
pub(super) struct Place<'a> {
    /// The record or line.
    pub(super) at: &'a str,
    pub(super) exchange: &'a str,
    pub(super) role: &'a str,
    pub(super) tool: &'a str,
}

/// The report of a replay.
pub(super) struct Report {
    format: ReplayFormat,
    left: u64,
    exchanges: u64,
    calls: u64,
    same: u64,
    kinds: BTreeMap<(String, String, String), u64>,
    others: u64,
    undecided: BTreeMap<&'static str, u64>,
    next: Option<Instant>,
}

// === impl Decided ===

impl Decided {
    pub(super) fn word(word: &str) -> Self {
        Self { word: word.to_owned(), pointer: String::new() }
    }
}

// === impl Report ===

impl Report {
    pub(super) fn new(format: ReplayFormat, limit: u64) -> Self {
        let next = std::io::stderr().is_terminal().then(|| Instant::now() + PROGRESS);
        Self {
            format,
            left: limit,
            exchanges: 0,
            calls: 0,
            same: 0,
            kinds: BTreeMap::new(),
            others: 0,
            undecided: BTreeMap::new(),
            next,
        }
    }

    /// Counts a captured exchange.
    pub(super) fn exchange(&mut self) {
        self.exchanges += 1;
        self.progress();
    }

    /// Counts a call that cannot be decided.
    pub(super) fn undecided(&mut self, why: &'static str) {
        *self.undecided.entry(why).or_default() += 1;
        self.progress();
    }

    /// Takes both decisions on a call. Only the words decide if they differ: the places may move with the schema.
    pub(super) fn call(&mut self, place: &Place<'_>, before: &Decided, after: &Decided) -> Result<(), ReplayError> {
        self.calls += 1;
        self.progress();
        if before.word == after.word {
            self.same += 1;
            return Ok(());
        }
        self.difference(place, before, after)
    }

    /// Takes both ends of an exchange without a call.
    pub(super) fn ended(&mut self, place: &Place<'_>, before: &Decided, after: &Decided) -> Result<(), ReplayError> {
        self.difference(place, before, after)
    }

    /// Returns true after a difference.
    pub(super) fn differs(&self) -> bool {
        !self.kinds.is_empty() || self.others > 0
    }

    fn difference(&mut self, place: &Place<'_>, before: &Decided, after: &Decided) -> Result<(), ReplayError> {
        let kind = (before.word.clone(), after.word.clone(), place.tool.to_owned());
        if self.kinds.len() < KINDS || self.kinds.contains_key(&kind) {
            *self.kinds.entry(kind).or_default() += 1;
        } else {
            self.others += 1;
        }
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let line = match self.format {
            ReplayFormat::Text => {
                let at =
                    if after.pointer.is_empty() { String::new() } else { format!(" at {}", plain(&after.pointer)) };
                let (before, after) = (plain(&before.word), plain(&after.word));
                let subject = if place.tool.is_empty() { "the exchange".to_owned() } else { plain(place.tool) };
                format!("{}: {subject} for {}: {before} → {after}{at}\n", place.at, plain(place.role))
            }
            ReplayFormat::Json => {
                let line = json!({
                    "at": place.at,
                    "exchange": place.exchange,
                    "role": place.role,
                    "tool": place.tool,
                    "before": before.word,
                    "after": after.word,
                    "pointer": after.pointer,
                });
                format!("{line}\n")
            }
        };
        if output::print(&line)? { Ok(()) } else { Err(ReplayError::Closed) }
    }

    /// The counts.
    pub(super) fn summary(&self) -> String {
        let different = self.kinds.values().sum::<u64>() + self.others;
        let undecided = self.undecided.values().sum::<u64>();
        let kinds = self.kinds.iter().map(|((before, after, tool), count)| (before, after, tool, *count));
        match self.format {
            ReplayFormat::Json => {
                let kinds: Vec<_> = kinds
                    .map(|(before, after, tool, count)| json!({ "before": before, "after": after, "tool": tool, "count": count }))
                    .collect();
                let summary = json!({
                    "exchanges": self.exchanges,
                    "calls": self.calls,
                    "same": self.same,
                    "different": different,
                    "kinds": kinds,
                    "undecided": self.undecided,
                });
                format!("{{\"summary\":{summary}}}\n")
            }
            ReplayFormat::Text => {
                let mut out = String::new();
                if self.exchanges > 0 {
                    let _ = writeln!(out, "exchanges    {}", self.exchanges);
                }
                let _ = writeln!(out, "calls        {}", self.calls);
                let _ = writeln!(out, "same         {}", self.same);
                let _ = writeln!(out, "different    {different}");
                for (before, after, tool, count) in kinds {
                    let tool = if tool.is_empty() { "exchanges without a call" } else { tool };
                    let _ = writeln!(out, "  {count:>8}  {}: {} → {}", plain(tool), plain(before), plain(after));
                }
                if self.others > 0 {
                    let _ = writeln!(out, "  {:>8}  of further kinds", self.others);
                }
                let _ = writeln!(out, "not decided  {undecided}");
                for (why, count) in &self.undecided {
                    let _ = writeln!(out, "  {count:>8}  {why}");
                }
                out
            }
        }
    }

    fn progress(&mut self) {
        let Some(next) = self.next else { return };
        let now = Instant::now();
        if now >= next {
            self.next = Some(now + PROGRESS);
            let undecided = self.undecided.values().sum::<u64>();
            // Progress that cannot be shown changes nothing.
            let _ = writeln!(std::io::stderr(), "… {} calls decided, {undecided} not decided", self.calls);
        }
    }
}
