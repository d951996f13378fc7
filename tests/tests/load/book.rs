//! Counts of a load, and what must not happen in it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::{Arc, Mutex};

/// The text in the arguments of every refused call.
pub const MARK: &str = "xyzzy";

/// Counts by name, and faults of the gate.
#[derive(Clone, Default)]
pub struct Book(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    counts: BTreeMap<&'static str, u64>,
    wrong: Vec<String>,
}

impl Book {
    pub fn count(&self, name: &'static str) {
        *self.0.lock().unwrap().counts.entry(name).or_default() += 1;
    }

    pub fn of(&self, name: &str) -> u64 {
        self.0.lock().unwrap().counts.get(name).copied().unwrap_or_default()
    }

    pub fn fault(&self, what: String) {
        self.0.lock().unwrap().wrong.push(what);
    }

    /// Checks everything that a client got, whole or not: no byte of a refused call is in it.
    pub fn received(&self, bytes: &[u8], asked: &str) {
        if bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes()) {
            let got = String::from_utf8_lossy(bytes);
            self.fault(format!("a refused call reached a client; it asked {asked}\nand got {got}"));
        }
    }

    pub fn wrong(&self) -> Vec<String> {
        self.0.lock().unwrap().wrong.clone()
    }
}

impl Display for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = self.0.lock().unwrap();
        let counts: Vec<String> = pages.counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        f.write_str(&counts.join(", "))
    }
}
