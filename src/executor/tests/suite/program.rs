//! The real program as a child process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::desk::Desk;

/// The program with its log, killed if a test ends early.
pub(crate) struct Program {
    child: Child,
    pub(crate) log: BufReader<ChildStderr>,
    /// Tells the time limit's thread about the end of the program.
    _over: mpsc::Sender<()>,
}

/// The longest life of a program.
const LIMIT: Duration = Duration::from_secs(240);

impl Program {
    pub(crate) fn start(desk: &Desk, more: &[&str]) -> Self {
        desk.config();
        Self::of(desk.path(), more)
    }

    /// Starts with the configuration in the folder.
    pub(crate) fn of(folder: &Path, more: &[&str]) -> Self {
        Self::from(
            Command::new(env!("CARGO_BIN_EXE_callgate-executor"))
                .arg("--config")
                .arg(folder.join("executor.yaml"))
                .args(more),
        )
    }

    pub(crate) fn from(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (over, ended) = mpsc::channel();
        let id = child.id().to_string();
        // If a line never comes, the log ends with the program and the test fails.
        std::thread::spawn(move || {
            if ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        Self { child, log, _over: over }
    }

    /// Returns the next log line with this message; every line before it must be one JSON object too.
    pub(crate) fn logged(&mut self, message: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended before {message:?}");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == message {
                return line;
            }
        }
    }

    /// Returns all lines up to the next one with this message, inclusive.
    pub(crate) fn until(&mut self, message: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended before {message:?}");
            let line: Value = serde_json::from_str(&line).unwrap();
            let last = line["message"] == message;
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    /// Returns the next message with this in it.
    pub(crate) fn logged_with(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended before {words:?}");
            let line: Value = serde_json::from_str(&line).unwrap();
            if let Some(message) = line["message"].as_str().filter(|message| message.contains(words)) {
                return message.to_owned();
            }
        }
    }

    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn exit_code(&mut self, within: Duration) -> i32 {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(Instant::now() < until, "still running");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
