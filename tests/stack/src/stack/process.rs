//! One process of a stack: its log, its readiness, its end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::StackError;
use super::engine::Container;

/// The time a process has to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(3);
const TAIL: usize = 15;

/// A process that ends when this value is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    started: Instant,
    /// The container, if the process is its client; it ends with the process.
    container: Option<Container>,
}

impl Process {
    /// Starts `command` with its output going to `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, StackError> {
        let file = File::create(log).map_err(StackError::io(format!("{}", log.display())))?;
        let errors = file.try_clone().map_err(StackError::io(format!("{}", log.display())))?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child =
            command.spawn().map_err(StackError::io(format!("starting {name} ({:?})", command.get_program())))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_path_buf(), started: Instant::now(), container: None })
    }

    /// Ties the process to a container, which is removed with it.
    #[must_use]
    pub fn in_container(mut self, container: Container) -> Self {
        self.container = Some(container);
        self
    }

    /// Returns the container of the process.
    pub fn container(&self) -> Option<&Container> {
        self.container.as_ref()
    }

    /// Waits until `ready` is true, and prints the reason for waiting every few seconds. Returns the time since the start.
    pub async fn ready<F: Future<Output = bool> + Send>(
        &mut self,
        limit: Duration,
        waiting_for: &str,
        ready: impl Fn() -> F,
    ) -> Result<Duration, StackError> {
        let mut next_word = Duration::from_secs(3);
        loop {
            if ready().await {
                return Ok(self.started.elapsed());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.failure(format!("ended ({status})")));
            }
            let waited = self.started.elapsed();
            if waited > limit {
                return Err(self.failure(format!("was not ready after {} s", limit.as_secs())));
            }
            if waited > next_word {
                eprintln!("  … {}: {waiting_for}, {} s", self.name, waited.as_secs());
                next_word += Duration::from_secs(3);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// True while it runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns all of its output so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn failure(&self, what: String) -> StackError {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n");
        StackError::Process { name: self.name.clone(), what, log: self.log.clone(), tail }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.runs() {
            return;
        }
        end(self.child.id(), Signal::TERM);
        let asked = Instant::now();
        while self.runs() {
            if asked.elapsed() > GRACE {
                let _killed = self.child.kill();
                let _waited = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Sends a signal to a process; false if no such process exists.
pub fn end(id: u32, signal: Signal) -> bool {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw);
    id.is_some_and(|id| kill_process(id, signal).is_ok())
}
