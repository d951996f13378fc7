//! The executor under siege: the real program, with its folder, its ports and its contracts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_tests::stack::{free_address, workspace};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use crate::contract::Contract;
use crate::http;

/// For a start and for an end.
const LIMIT: Duration = Duration::from_secs(30);

/// A folder with a configuration, and the program with it.
pub struct Executor {
    pub folder: TempDir,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub digest: String,
    child: Option<Child>,
    /// Held and never read, or dropped, like a reader that left.
    stderr: Option<ChildStderr>,
}

impl Executor {
    /// Writes configuration and contract, and starts. `more` are lines of `executor.yaml`.
    pub async fn start(contract: &Contract, more: &str) -> Self {
        let mut executor = Self::written(contract, more);
        executor.launch().await;
        executor
    }

    /// Writes configuration and contract, and starts nothing.
    pub fn written(contract: &Contract, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (grpc, http) = (free_address().unwrap(), free_address().unwrap());
        let digest = contract.write(folder.path());
        let text = format!(
            "listen: {grpc}\nhttp: {{ listen: {http} }}\ncontracts: [contract.yaml]\ngracePeriod: 5s\n{}{more}\n",
            contract.grants()
        );
        std::fs::write(folder.path().join("executor.yaml"), text).unwrap();
        Self { folder, grpc, http, digest, child: None, stderr: None }
    }

    /// Starts the program, and waits until it answers. Its standard error is a pipe that nobody reads.
    pub async fn launch(&mut self) {
        // A limit on file sizes stands for a full disk; the signal that comes with it is ignored.
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" --config \"$1\""])
            .arg(program("callgate-executor"))
            .arg(self.path("executor.yaml"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.stderr = child.stderr.take();
        self.child = Some(child);
        let began = Instant::now();
        while http::status(self.http, "/healthz").await != Some(200) {
            assert!(began.elapsed() < LIMIT, "the executor does not start: {}", self.refused());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns the last line of `--check`, which must refuse.
    pub fn refused(&self) -> String {
        let checked = Command::new(program("callgate-executor"))
            .arg("--config")
            .arg(self.path("executor.yaml"))
            .arg("--check")
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&checked.stderr).into_owned();
        let last = log.lines().last().unwrap_or_default().to_owned();
        if checked.status.success() { String::new() } else { last }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn state(&self, name: &str) -> PathBuf {
        self.path("callgate-state").join(name)
    }

    /// Opens a connection.
    pub async fn client(&self) -> ExecutorClient<Channel> {
        client(self.grpc).await
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Limits the size of its files; `None` ends the limit.
    pub fn limit_files(&self, bytes: Option<u64>) {
        prlimit(Some(self.pid()), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    }

    /// Stops reading its standard error, so that its writes fail.
    pub fn close_stderr(&mut self) {
        self.stderr = None;
    }

    /// Ends it by `signal`, and waits for it; fails if it takes longer than the grace period.
    pub async fn end(&mut self, signal: Signal) {
        self.signal(signal);
        let began = Instant::now();
        let mut child = self.child.take().unwrap();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > LIMIT {
                let _ = child.kill();
                panic!("the executor did not end within {LIMIT:?} of {signal:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs `callgate audit …` on its log; returns success and output.
    pub fn audit(&self, arguments: &[&str], state: &Path) -> (bool, String) {
        let output =
            Command::new(program("callgate")).arg("audit").args(arguments).arg("--state").arg(state).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it runs"))
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A connection made at its first use, and made again after it broke.
pub async fn client(address: SocketAddr) -> ExecutorClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_timeout(Duration::from_secs(5));
    ExecutorClient::new(endpoint.connect_lazy())
}

/// Returns the path of a built program.
pub fn program(name: &str) -> PathBuf {
    std::env::var_os("CALLGATE_DIST").map_or_else(|| workspace().join("dist"), PathBuf::from).join(name)
}
