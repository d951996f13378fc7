//! Unread or closed standard error stops nothing.

use std::fs::File;
use std::io::BufReader;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ChildStderr;
use std::time::Duration;

use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint};

use crate::desk::{Desk, Ended};
use crate::guests;
use crate::program::Program;

/// Longer than any step here takes.
const LONG: Duration = Duration::from_secs(60);

/// The program with both ports on Unix sockets, because nobody reads its log for an address.
struct Quiet {
    desk: Desk,
    program: Program,
    digest: String,
}

impl Quiet {
    fn start() -> Self {
        let desk = Desk::with(&guests::echo(), "").calls_per_turn(1_000);
        let digest = desk.digest();
        let folder = desk.path().display();
        let text = format!(
            "listen: unix:{folder}/grpc.sock\nhttp: {{ listen: 'unix:{folder}/http.sock' }}\ncontracts: [contract.yaml]\n\
             gracePeriod: 5s\nqueue: {{ length: 4000, perTenant: 4000 }}\n"
        );
        std::fs::write(desk.path().join("executor.yaml"), text).unwrap();
        let program = Program::of(desk.path(), &[]);
        Self { desk, program, digest }
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.desk.path().join(name)
    }

    async fn client(&self) -> ExecutorClient<Channel> {
        connected(&self.socket("grpc.sock")).await;
        let socket = self.socket("grpc.sock");
        let connector = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://executor").connect_with_connector(connector).await.unwrap();
        ExecutorClient::new(channel)
    }

    fn request(&self, tool: &str, calls: usize) -> ExecuteRequest {
        let call = |n: usize| Call { id: n.to_string(), tool: tool.into(), arguments: "{}".into(), ..Call::default() };
        ExecuteRequest {
            contract_digest: self.digest.clone(),
            caller: Some(Caller { tenant: "acme".into(), role: "clerk".into(), ..Caller::default() }),
            exchange_id: uuid::Uuid::new_v4().to_string(),
            request_id: String::new(),
            round: 0,
            calls: (0..calls).map(call).collect(),
            ..ExecuteRequest::default()
        }
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = connected(&self.socket("http.sock")).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(LONG, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }

    async fn terminate(mut self) {
        self.program.terminate();
        let exit = tokio::task::spawn_blocking(move || self.program.exit_code(Duration::from_secs(20)));
        assert_eq!(exit.await.unwrap(), 0);
    }
}

async fn connected(socket: &Path) -> UnixStream {
    let until = Instant::now() + LONG;
    loop {
        match UnixStream::connect(socket).await {
            Ok(stream) => return stream,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// More lines than a pipe holds: every call hung here once, health stayed green, and SIGTERM did nothing.
#[tokio::test(flavor = "multi_thread")]
async fn unread_standard_error_blocks_nothing() {
    let quiet = Quiet::start();
    let mut client = quiet.client().await;
    for _ in 0..300 {
        let answer = timeout(LONG, client.execute(quiet.request("t", 1))).await.unwrap().unwrap();
        assert_eq!(Ended::from(answer.into_inner().outcomes[0].clone()).result(), "{}");
    }
    assert!(quiet.get("/readyz").await.starts_with("HTTP/1.1 200 "));
    // More lines than wait for a reader: the rest are dropped and counted.
    for _ in 0..10 {
        timeout(LONG, client.execute(quiet.request("unknown", 1_000))).await.unwrap().unwrap();
    }
    let page = quiet.get("/metrics").await;
    let dropped =
        page.lines().find_map(|line| line.strip_prefix("callgate_executor_log_lines_dropped_total ")).unwrap();
    assert!(dropped.parse::<u64>().unwrap() > 1_000, "{dropped}");
    assert!(page.contains("\nprocess_resident_memory_bytes "), "{page}");
    assert!(quiet.get("/readyz").await.starts_with("HTTP/1.1 200 "));
    quiet.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_standard_error_is_tolerated() {
    let mut quiet = Quiet::start();
    quiet.program.log = BufReader::new(ChildStderr::from(OwnedFd::from(File::open("/dev/null").unwrap())));
    let mut client = quiet.client().await;
    for _ in 0..10 {
        let answer = timeout(LONG, client.execute(quiet.request("t", 1))).await.unwrap().unwrap();
        assert_eq!(Ended::from(answer.into_inner().outcomes[0].clone()).result(), "{}");
    }
    quiet.terminate().await;
}
