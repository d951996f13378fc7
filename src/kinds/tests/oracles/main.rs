//! Other readers as judges: a value that is accepted means the same to each of them.
//!
//! Python with libcurl, and Node, are asked if they are installed. A test says so if one is missing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed step is a failed test")]

mod paths;
mod patterns;
mod urls;

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// Hands a list to a script on its standard input, and returns the list that it prints. Says so if the program is missing.
fn ask(program: &str, script: &str, questions: &Value) -> Option<Vec<Value>> {
    let path = [env!("CARGO_MANIFEST_DIR"), "/tests/oracles/scripts/", script].concat();
    let started = Command::new(program).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = started else {
        eprintln!("SKIPPED: {program} is not there; install it to compare with its reading");
        return None;
    };
    child.stdin.take().unwrap().write_all(questions.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {script} failed");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// A small generator of numbers, so that a failure repeats.
struct Seeded(u64);

// === impl Seeded ===

impl Seeded {
    /// Returns a number below the bound.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Returns one of the values.
    fn pick<'v, T: ?Sized>(&mut self, values: &[&'v T]) -> &'v T {
        values[self.below(values.len())]
    }

    /// Changes a text at one to three places: removes, repeats or adds a piece.
    fn mutate(&mut self, text: &str, pieces: &[&str]) -> String {
        let mut letters: Vec<String> = text.chars().map(String::from).collect();
        for _ in 0..=self.below(3) {
            let at = self.below(letters.len() + 1);
            match self.below(3) {
                0 if at < letters.len() => drop(letters.remove(at)),
                1 if at < letters.len() => letters[at] = self.pick(pieces).to_owned(),
                _ => letters.insert(at, self.pick(pieces).to_owned()),
            }
        }
        letters.concat()
    }
}
