//! Runs a table of named cases against one stack. Each case's name is the sentence it proves. All cases run, even after a failure, and
//! the exit code is 0 only if all passed.

use std::future::Future;
use std::panic;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time limit of a case.
const LIMIT: Duration = Duration::from_secs(60);

/// The future of a case.
pub type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One case: it passes unless it panics.
pub struct Case<C> {
    /// The sentence it proves.
    pub name: &'static str,
    /// The proof.
    pub run: fn(C) -> Run,
}

/// The arguments `cargo test` and `cargo nextest` give a test program.
#[derive(Debug, Default)]
pub struct CaseArguments {
    /// Only list the cases.
    pub list: bool,
    /// List or run ignored cases: there are none.
    pub ignored: bool,
    /// Run only the cases whose names contain all of these words.
    pub words: Vec<String>,
}

/// Makes a table of cases from `"sentence" => async fn` pairs.
#[macro_export]
macro_rules! cases {
    ($($name:literal => $run:expr,)*) => {
        vec![$($crate::cases::Case { name: $name, run: |context| Box::pin($run(context)) }),*]
    };
}

/// The number of passed cases, and the names of the failed ones.
#[derive(Debug, Default)]
pub struct Outcome {
    passed: usize,
    failed: Vec<String>,
}

static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

// === impl CaseArguments ===

impl CaseArguments {
    /// Reads the command line. A program of cases is one test to a test runner, named `program`.
    pub fn read(program: &str) -> Self {
        let mut read = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => read.list = true,
                "--ignored" => read.ignored = true,
                "--format" | "--test-threads" | "--skip" | "--color" | "--logfile" => drop(arguments.next()),
                option if option.starts_with('-') => {}
                word if word == program => {}
                word => read.words.push(word.to_owned()),
            }
        }
        read
    }
}

// === impl Outcome ===

impl Outcome {
    /// Runs the cases with all `words` in their names, one after the other, and prints each result.
    pub async fn run<C: Send + 'static>(
        &mut self,
        cases: &[Case<C>],
        label: &str,
        words: &[String],
        context: impl AsyncFn() -> C,
    ) {
        panic::set_hook(Box::new(|info| {
            // Cases run on other threads. A panic on this one ends the program, so it must be printed here.
            if std::thread::current().name() == Some("main") {
                eprintln!("{info}");
            }
            *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
        }));
        for case in cases {
            let name = if label.is_empty() { case.name.to_owned() } else { format!("{} [{label}]", case.name) };
            if !words.iter().all(|word| name.contains(word.as_str())) {
                continue;
            }
            let began = Instant::now();
            let task = tokio::spawn((case.run)(context().await));
            let abort = task.abort_handle();
            let why = match tokio::time::timeout(LIMIT, task).await {
                Ok(Ok(())) => None,
                Ok(Err(_)) => {
                    LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner).take().or(Some("it panicked".into()))
                }
                Err(_) => {
                    abort.abort();
                    Some(format!("it took longer than {} s", LIMIT.as_secs()))
                }
            };
            self.note(&name, began.elapsed(), why);
        }
        drop(panic::take_hook());
    }

    fn note(&mut self, name: &str, took: Duration, why: Option<String>) {
        match why {
            None => {
                println!("  ok    {name} ({} ms)", took.as_millis());
                self.passed += 1;
            }
            Some(why) => {
                println!("  FAIL  {name} ({} ms)", took.as_millis());
                for line in why.lines() {
                    println!("        {line}");
                }
                self.failed.push(name.to_owned());
            }
        }
    }

    /// Prints the summary; true if all passed, and at least one ran.
    pub fn finish(&self) -> bool {
        for name in &self.failed {
            println!("failed: {name}");
        }
        println!("\n{} passed, {} failed", self.passed, self.failed.len());
        self.failed.is_empty() && self.passed > 0
    }
}
