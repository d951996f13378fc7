//! One process that evaluates policies, seen from the executor.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// The most bytes of an answer.
const ANSWER_BYTES: u64 = 64 << 10;
/// The argument that makes the executor a process that evaluates policies.
pub const WORKER_ARGUMENT: &str = "policy-worker";

/// The program that evaluates policies in processes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerProgram {
    path: PathBuf,
    arguments: Vec<OsString>,
}

/// A running process.
pub(super) struct Process {
    child: Child,
    questions: Sender<String>,
    answers: Receiver<String>,
}

/// The reason why a process gave no answer. It is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silent {
    Late,
    Ended,
}

// === impl WorkerProgram ===

impl WorkerProgram {
    /// The running program itself, with [`WORKER_ARGUMENT`]. A program that was replaced on disk is still found.
    #[must_use]
    pub fn this() -> Self {
        Self::at("/proc/self/exe")
    }

    /// Another program, with [`WORKER_ARGUMENT`].
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), arguments: vec![WORKER_ARGUMENT.into()] }
    }
}

// === impl Process ===

impl Process {
    /// Starts a process without an environment and with nothing but its two pipes.
    pub(super) fn start(program: &WorkerProgram) -> io::Result<Self> {
        let mut child = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .current_dir("/")
            // A signal of a terminal is for the executor, which lets calls end.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (questions, asked) = mpsc::channel();
        let (answered, answers) = mpsc::channel();
        if let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) {
            let carry = move || carry(input, output, &asked, &answered);
            let carries = thread::Builder::new().name("policies".to_owned()).spawn(carry);
            if let Err(error) = carries {
                end(&mut child);
                return Err(error);
            }
        }
        Ok(Self { child, questions, answers })
    }

    /// Sends one line and waits for the answer. Without one, the process is ended.
    pub(super) fn ask(&mut self, line: String, limit: Duration) -> Result<String, Silent> {
        let sent = self.questions.send(line).map_err(|_| Silent::Ended);
        let answer = sent.and_then(|()| {
            self.answers.recv_timeout(limit).map_err(|error| match error {
                RecvTimeoutError::Timeout => Silent::Late,
                RecvTimeoutError::Disconnected => Silent::Ended,
            })
        });
        if answer.is_err() {
            end(&mut self.child);
        }
        answer
    }

    /// Returns false if the process ended by itself since its last answer.
    pub(super) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends a process, and leaves no entry of it in the system.
fn end(child: &mut Child) {
    // It may have ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// Carries lines to the process and back, until either side ends.
fn carry(mut input: ChildStdin, output: ChildStdout, asked: &Receiver<String>, answered: &Sender<String>) {
    let mut output = BufReader::new(output);
    for mut line in asked {
        line.push('\n');
        let mut answer = String::new();
        let read = input
            .write_all(line.as_bytes())
            .and_then(|()| input.flush())
            .and_then(|()| (&mut output).take(ANSWER_BYTES).read_line(&mut answer));
        if !read.is_ok_and(|bytes| bytes > 0) || answered.send(answer).is_err() {
            return;
        }
    }
}
