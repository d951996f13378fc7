//! A PostgreSQL and a Redis of a test's own: on loopback, in a folder removed with them, with few rights.
//!
//! Each can be stopped and started again, and keeps its port and its data. If the programs are missing (`make
//! setup-services` installs them), `start` prints `SKIPPED` and returns nothing; the test then returns.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The password of both servers. It must never appear in a log or an error.
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// The longest time for a server to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

/// A PostgreSQL, until it is dropped.
pub(crate) struct Postgres {
    bin: PathBuf,
    server: Server,
}

/// A Redis, until it is dropped.
pub(crate) struct Redis {
    server: Server,
}

/// The common part: a folder, a port, and a process that may have ended.
struct Server {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

// === impl Postgres ===

impl Postgres {
    /// Starts one, or reports that the programs are missing.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = postgres_bin() else {
            println!("SKIPPED: no PostgreSQL here; `make setup-services` installs it");
            return None;
        };
        let server = Server::new();
        let data = server.path("data");
        let secret = server.path("password");
        std::fs::write(&secret, PASSWORD).unwrap();
        chown_to_nobody(&secret);
        let made = as_nobody(&bin.join("initdb"), server.folder.path())
            .args(["--username=callgate", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--pwfile")
            .arg(&secret)
            .arg("--pgdata")
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut postgres = Self { bin, server };
        postgres.start_again();
        Some(postgres)
    }

    /// Returns its address, with user and password.
    pub(crate) fn url(&self) -> String {
        format!("postgres://callgate:{PASSWORD}@127.0.0.1:{}/postgres", self.server.port)
    }

    /// Returns its address on a Unix socket.
    pub(crate) fn unix_url(&self) -> String {
        let folder = self.server.folder.path().display();
        format!("host={folder} port={} user=callgate password={PASSWORD} dbname=postgres", self.server.port)
    }

    /// Makes it offer TLS.
    pub(crate) fn serve_tls(&mut self, certificate: &str, key: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.stop();
        for (name, pem) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.server.path("data").join(name);
            std::fs::write(&path, pem).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            chown_to_nobody(&path);
        }
        let mut file = std::fs::File::options().append(true).open(self.server.path("data/postgresql.conf")).unwrap();
        std::io::Write::write_all(&mut file, b"ssl = on\n").unwrap();
        self.start_again();
    }

    /// Ends it as a crash would: connections break, and committed data stays.
    pub(crate) fn stop(&mut self) {
        self.server.end("QUIT");
    }

    /// Starts it on its old port with its old data.
    pub(crate) fn start_again(&mut self) {
        let folder = self.server.folder.path().to_path_buf();
        let child = as_nobody(&self.bin.join("postgres"), &folder)
            .arg("-D")
            .arg(self.server.path("data"))
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", &format!("port={}", self.server.port)])
            .args(["-c", &format!("unix_socket_directories={}", folder.display())])
            .spawn()
            .unwrap();
        let (bin, port) = (self.bin.clone(), self.server.port.to_string());
        self.server.begin(child, || {
            let asked = Command::new(bin.join("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
            asked.is_ok_and(|status| status.success())
        });
    }
}

// === impl Redis ===

impl Redis {
    /// Starts one, or reports that the programs are missing.
    pub(crate) fn start() -> Option<Self> {
        if missing("redis-server") {
            println!("SKIPPED: no Redis here; `make setup-services` installs it");
            return None;
        }
        let mut redis = Self { server: Server::new() };
        redis.start_again();
        Some(redis)
    }

    /// Returns its address, with the password.
    pub(crate) fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/", self.server.port)
    }

    /// Ends it. Its data stays.
    pub(crate) fn stop(&mut self) {
        self.server.end("TERM");
    }

    /// Starts it on its old port with its old data.
    pub(crate) fn start_again(&mut self) {
        let child = as_nobody(Path::new("redis-server"), self.server.folder.path())
            .args(["--bind", "127.0.0.1", "--port", &self.server.port.to_string()])
            .args(["--requirepass", PASSWORD, "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            .arg("--dir")
            .arg(self.server.folder.path())
            .spawn()
            .unwrap();
        let port = self.server.port;
        self.server.begin(child, || redis_answers(port));
    }
}

// === impl Server ===

impl Server {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        chown_to_nobody(folder.path());
        Self { folder, port: free_port(), child: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn begin(&mut self, mut child: Child, answers: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !answers() {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the server ended at once, {status}: {}", self.log());
            }
            assert!(Instant::now() < until, "the server does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        self.child = Some(child);
    }

    fn end(&mut self, signal: &str) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status();
        let until = Instant::now() + PATIENCE;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        // Only a formality if it has ended.
        let _ = child.kill();
        let _ = child.wait();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end("QUIT");
    }
}

/// Returns a command that runs in `folder` and logs into it, with no more rights than needed: as root, those of `nobody`.
fn as_nobody(program: &Path, folder: &Path) -> Command {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn chown_to_nobody(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Debian keeps PostgreSQL's programs off the path, one folder a version.
fn postgres_bin() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    })
}

fn missing(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    matches!(asked, Err(error) if error.kind() == ErrorKind::NotFound)
}

fn redis_answers(port: u16) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut answer = [0; 5];
    let asked = format!("AUTH {PASSWORD}\r\n");
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.write_all(asked.as_bytes()).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"+OK\r\n"
}

/// Returns a port below those the system gives out, so that nobody takes it while its server is stopped.
pub(crate) fn free_port() -> u16 {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let seed = u64::from(std::process::id()) * 7919 + ASKED.fetch_add(1, Ordering::Relaxed) * 17;
    (0..2_000)
        .map(|step| 20_000 + u16::try_from((seed + step * 31) % 12_000).unwrap())
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .unwrap()
}

#[test]
fn the_servers_of_tests_start_stop_and_start_again() {
    if let Some(mut postgres) = Postgres::start() {
        postgres.stop();
        postgres.start_again();
    }
    if let Some(mut redis) = Redis::start() {
        redis.stop();
        redis.start_again();
    }
}
