//! The runner: the first process inside the tree. It runs one line in one shell at a time.

use crate::stub::{self, Started};
use crate::tree;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The time that a line may take.
const MOST: Duration = Duration::from_secs(2);

/// A line for a shell.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub shell: Vec<String>,
    /// `0`: programs succeed, `1`: they fail, `h`: that depends on their words.
    pub mode: char,
    pub line: String,
}

/// The programs that the shell started: their directories and words.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Response {
    pub started: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

/// The process group that runs, and when it is ended.
type Running = Arc<Mutex<Option<(rustix::process::Pid, Instant)>>>;

/// Answers requests until the input ends.
pub fn serve() {
    let running = Running::default();
    let watched = Arc::clone(&running);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(50));
            if let Some((group, end)) = *watched.lock().unwrap()
                && Instant::now() > end
            {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
        }
    });
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line.unwrap()).unwrap();
        let response =
            Response { started: run(&request, &running).into_iter().map(|s| (s.directory, s.words)).collect() };
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &response).unwrap();
        out.write_all(b"\n").unwrap();
        out.flush().unwrap();
    }
}

/// Runs a line.
#[allow(clippy::zombie_processes, reason = "every process of the namespace is waited for")]
fn run(request: &Request, running: &Running) -> Vec<Started> {
    tree::fill_workspace();
    std::fs::write(stub::LOG, b"").unwrap();
    std::fs::write(stub::MODE, request.mode.to_string()).unwrap();
    let mut words = request.shell.iter();
    let child = Command::new(words.next().unwrap())
        .args(words)
        .arg("-c")
        .arg(&request.line)
        .env_clear()
        .env("PATH", "/bin")
        .env("HOME", "/home/u")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(tree::WORKSPACE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let group = rustix::process::Pid::from_child(&child);
    *running.lock().unwrap() = Some((group, Instant::now() + MOST));
    // This is the first process of its namespace, so it gets the children of ended processes too.
    while rustix::process::wait(rustix::process::WaitOptions::empty()).is_ok() {}
    *running.lock().unwrap() = None;
    stub::records(&std::fs::read(stub::LOG).unwrap())
}
