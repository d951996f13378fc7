//! The search for lines that a shell reads otherwise.

use crate::mutants::{Numbers, mutant};
use crate::runner::Request;
use crate::tree::{self, Tree};
use crate::{directories, matching, seeds};
use callgate_kinds::command::{ShellLine, ShellSyntax, WordText, read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The number of trees at work.
const TREES: usize = 2;
/// The number of contradictions that end the search.
const MOST: usize = 12;

/// The counts of a search.
#[derive(Default)]
struct Counts {
    mutants: AtomicU64,
    run: AtomicU64,
    started: AtomicU64,
}

/// A search.
struct Hunt {
    lines: Vec<String>,
    stubs: Vec<String>,
    shells: Vec<Vec<String>>,
    end: Instant,
    seed: u64,
    /// Every line of the files runs with each outcome of its programs.
    is_long: bool,
    /// The maximum number of mutants in each tree.
    most: u64,
    counts: Counts,
    /// The seed that the next worker takes, and the contradictions so far.
    next: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

/// Returns the lines of `tests/lines/agents*.txt`. A line in double quotes is a JSON string. A tab ends a line.
pub fn agent_lines() -> Vec<String> {
    let files = [include_str!("../lines/agents.txt"), include_str!("../lines/agents_not_allowed.txt")];
    files
        .into_iter()
        .flat_map(str::lines)
        .filter_map(|row| row.split('\t').next())
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(
            |line| {
                if line.starts_with('"') { serde_json::from_str(line).expect("a JSON string") } else { line.to_owned() }
            },
        )
        .collect()
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// Searches, prints the counts, and fails if a shell contradicts a reading.
pub fn run() {
    let lines = seeds::lines();
    let stubs = seeds::stubs(&lines);
    let shells = tree::shells();
    let seconds = number("CALLGATE_SHELL_SECONDS", 5);
    let seed = number("CALLGATE_SHELL_SEED", 1);
    let end = Instant::now() + Duration::from_secs(seconds);
    let hunt = Hunt {
        lines,
        stubs,
        shells,
        end,
        seed,
        is_long: seconds >= 30,
        most: number("CALLGATE_SHELL_MUTANTS", u64::MAX),
        counts: Counts::default(),
        next: AtomicU64::new(0),
        wrong: Mutex::default(),
    };
    let mut trees = Vec::new();
    for _ in 0..TREES {
        match Tree::new(&hunt.stubs) {
            Ok(tree) => trees.push(tree),
            Err(reason) => {
                println!("SKIPPED: the shell oracle: {reason}");
                return;
            }
        }
    }
    std::thread::scope(|scope| {
        for (worker, tree) in trees.into_iter().enumerate() {
            let hunt = &hunt;
            scope.spawn(move || hunt.work(worker, tree));
        }
    });
    let counts = &hunt.counts;
    println!(
        "COVERED shell oracle: {} shells, {} lines and {} mutants (seed {seed}), {} accepted and run, {} programs started",
        hunt.shells.len(),
        hunt.lines.len(),
        counts.mutants.load(Ordering::Relaxed),
        counts.run.load(Ordering::Relaxed),
        counts.started.load(Ordering::Relaxed),
    );
    let wrong = hunt.wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} contradictions:\n{}", wrong.len(), wrong.join("\n"));
}

// === impl Hunt ===

impl Hunt {
    /// Runs a share of the lines, and mutants until the time is over.
    fn work(&self, worker: usize, mut tree: Tree) {
        let mut numbers = Numbers::new(self.seed * 1000 + worker as u64);
        loop {
            let index = usize::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap();
            let Some(line) = self.lines.get(index) else { break };
            self.judge(line, &mut tree, &mut numbers, self.is_long);
        }
        for _ in 0..self.most {
            if Instant::now() >= self.end || self.wrong.lock().unwrap().len() >= MOST {
                break;
            }
            let line = mutant(&self.lines, &mut numbers);
            self.counts.mutants.fetch_add(1, Ordering::Relaxed);
            self.judge(&line, &mut tree, &mut numbers, false);
        }
    }

    /// Runs a line in every shell that must read it as the reader does.
    fn judge(&self, line: &str, tree: &mut Tree, numbers: &mut Numbers, thorough: bool) {
        let common = read(line, ShellSyntax::Sh);
        let bash = read(line, ShellSyntax::Bash);
        let (reading, is_common) = match (common, bash) {
            (Ok(common), Ok(bash)) if common == bash => (common, true),
            (Ok(_), _) => return self.report(line, "sh and bash are declared", "the readings differ"),
            (Err(_), Ok(bash)) => (bash, false),
            (Err(_), Err(_)) => return,
        };
        if !self.is_covered(&reading) {
            return;
        }
        self.counts.run.fetch_add(1, Ordering::Relaxed);
        let places = directories::of(&reading, tree::WORKSPACE);
        for shell in &self.shells {
            if !is_common && *shell != ["/shells/bash"] {
                continue;
            }
            let second = if numbers.below(2) == 0 { '1' } else { 'h' };
            let modes = if thorough {
                vec!['0', '1', 'h']
            } else if numbers.below(2) == 0 {
                vec!['0']
            } else {
                vec![second]
            };
            for mode in modes {
                let started = tree.run(&Request { shell: shell.clone(), mode, line: line.to_owned() });
                self.counts.started.fetch_add(started.len() as u64, Ordering::Relaxed);
                for program in started {
                    let words: Vec<_> = program.words.iter().map(|word| String::from_utf8_lossy(word)).collect();
                    let directory = String::from_utf8_lossy(&program.directory);
                    let reported = matching::reported(&reading, &program.words);
                    if reported.is_empty() {
                        return self.report(
                            line,
                            &format!("{shell:?} {mode}"),
                            &format!("starts {words:?}; read as {:?}", reading.commands),
                        );
                    }
                    let in_place =
                        |at: &usize| places[*at].as_ref().is_none_or(|places| places.contains(directory.as_ref()));
                    if !reported.iter().any(in_place) {
                        let told = reported.iter().map(|at| &places[*at]).collect::<Vec<_>>();
                        return self.report(
                            line,
                            &format!("{shell:?} {mode}"),
                            &format!("starts {words:?} in {directory}, not in {told:?}; {:?}", reading.steps),
                        );
                    }
                }
            }
        }
    }

    /// Returns true if a profile could allow each program of the line.
    fn is_covered(&self, line: &ShellLine) -> bool {
        line.commands.iter().all(|command| {
            let mut words = command.words.as_slice();
            loop {
                let Some((first, rest)) = words.split_first() else { return true };
                let WordText::Exact(name) = &first.text else { return false };
                if !seeds::BUILTINS.contains(&name.as_str()) {
                    return self.stubs.contains(name);
                }
                if !matches!(name.as_str(), "command" | "builtin" | "exec") {
                    return true;
                }
                words = rest;
            }
        })
    }

    fn report(&self, line: &str, shell: &str, problem: &str) {
        let text = format!("{}\n    {shell}: {problem}", serde_json::to_string(line).unwrap());
        println!("{text}");
        self.wrong.lock().unwrap().push(text);
    }
}
