//! Attackers hold as many connections as they can, in every phase; an honest caller still connects and is served.

use std::time::Duration;

use callgate_executor::config::{Config, Http};
use callgate_executor::transport::Bound;
use callgate_proto::executor::v1::executor_client::ExecutorClient;
use callgate_proto::executor::v1::{Call, Caller, ExecuteRequest};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;

use crate::desk::{Desk, Ended, Served, serve, wasm};
use crate::guests;
use crate::pki::Authority;

/// Longer than any step here takes.
const LONG: Duration = Duration::from_secs(60);
/// More connections than a port holds.
const MANY: usize = 1_030;
/// HTTP/2's first bytes, and an empty SETTINGS frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Both ports on loopback.
struct Doors {
    served: Served,
    http: String,
    _desk: Desk,
}

impl Doors {
    async fn open(more: &str) -> Self {
        let desk = Desk::new()
            .tool("t", &wasm(&guests::echo()), "timeout: 60s")
            .tool("slow", &wasm(&guests::late("1", 3_000)), "timeout: 60s")
            .configured("http: { listen: '127.0.0.1:0' }")
            .configured(more);
        Self::serve(desk).await
    }

    async fn serve(desk: Desk) -> Self {
        let mut config = desk.config();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        if let Http::On { listen, .. } = &mut config.http {
            listen.address = callgate_executor::config::Address::Tcp(free);
        }
        Self { served: serve(&config).await, http: free.to_string(), _desk: desk }
    }

    fn grpc(&self) -> String {
        self.served.bound.to_string()
    }

    /// Opens `many` connections; each sends `first` and nothing more.
    async fn hold(address: &str, many: usize, first: &[u8]) -> Vec<TcpStream> {
        let mut held = Vec::new();
        while held.len() < many {
            let batch = (many - held.len()).min(128);
            held.extend(join_all((0..batch).map(|_| connect(address, first))).await);
        }
        held
    }

    /// An honest caller connects and calls.
    async fn call(&self) -> String {
        let channel = Channel::from_shared(format!("http://{}", self.grpc())).unwrap().connect().await.unwrap();
        self.call_on(channel, "t").await
    }

    async fn call_on(&self, channel: Channel, tool: &str) -> String {
        let mut client = ExecutorClient::new(channel);
        let outcomes = timeout(LONG, client.execute(self.request(tool))).await.unwrap().unwrap().into_inner().outcomes;
        Ended::from(outcomes[0].clone()).result().to_owned()
    }

    fn request(&self, tool: &str) -> ExecuteRequest {
        ExecuteRequest {
            contract_digest: self.served.digest.clone(),
            caller: Some(Caller { tenant: "acme".into(), role: "clerk".into(), ..Caller::default() }),
            exchange_id: uuid::Uuid::new_v4().to_string(),
            request_id: String::new(),
            round: 0,
            calls: vec![Call { id: "1".into(), tool: tool.into(), arguments: "{}".into(), ..Call::default() }],
            ..ExecuteRequest::default()
        }
    }

    /// A probe or a person connects and asks.
    async fn get(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.http);
        let mut stream = connect(&self.http, request.as_bytes()).await;
        let mut answer = Vec::new();
        timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn are_open(&self) {
        assert_eq!(self.call().await, "{}");
        for path in ["/healthz", "/readyz", "/"] {
            let answer = self.get(path).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        }
    }

    fn counts(&self, name: &str) -> u64 {
        let page = self.served.instruments.metrics.page().unwrap();
        let found = page
            .lines()
            .find_map(|line| line.strip_prefix("callgate_executor_")?.strip_prefix(name)?.strip_prefix(' '));
        found.map_or(0, |number| number.parse().unwrap())
    }
}

async fn connect(address: &str, first: &[u8]) -> TcpStream {
    let mut stream = timeout(LONG, TcpStream::connect(address)).await.unwrap().unwrap();
    // A closed connection cannot take it.
    let _ = stream.write_all(first).await;
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn half_requests_on_the_http_port_block_nobody() {
    let doors = Doors::open("").await;
    let _held = Doors::hold(&doors.http, MANY, b"GET / HTTP/1.1\r\nhost: localhost\r\n").await;
    doors.are_open().await;
    assert!(doors.counts("connections_closed_total{port=\"http\",reason=\"made_room\"}") > 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_bodies_on_the_http_port_block_nobody() {
    let doors = Doors::open("").await;
    let first = b"POST /api/v1/session HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let _held = Doors::hold(&doors.http, MANY, first).await;
    doors.are_open().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_answers_block_nobody() {
    let doors = Doors::open("").await;
    let request = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(400);
    let _held = Doors::hold(&doors.http, MANY, &request).await;
    doors.are_open().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_on_the_grpc_port_block_nobody() {
    let doors = Doors::open("").await;
    let _held = Doors::hold(&doors.grpc(), MANY, b"").await;
    doors.are_open().await;
    // They also do not delay the end.
    let Served { stop, ended, .. } = doors.served;
    drop(stop);
    timeout(LONG, ended).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_http2_connections_block_nobody() {
    let doors = Doors::open("").await;
    // HEADERS of 1 byte without END_HEADERS, on stream 1.
    let open_headers = [PREFACE, b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82"].concat();
    // A whole head (POST, /, http) without END_STREAM: the body of this request never comes.
    let open_stream = [PREFACE, b"\x00\x00\x03\x01\x04\x00\x00\x00\x01\x83\x84\x86"].concat();
    let mut held = Vec::new();
    for first in [PREFACE, &PREFACE[..10], &open_headers, &open_stream] {
        held.extend(Doors::hold(&doors.grpc(), MANY / 2, first).await);
        held.extend(Doors::hold(&doors.http, MANY / 2, first).await);
    }
    doors.are_open().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_of_one_address_block_nobody() {
    let doors = Doors::open("").await;
    let channel = Channel::from_shared(format!("http://{}", doors.grpc())).unwrap().connect().await.unwrap();
    assert_eq!(doors.call_on(channel.clone(), "t").await, "{}");
    let running = doors.call_on(channel, "slow");
    let attack = async {
        for _ in 0..10 {
            drop(Doors::hold(&doors.grpc(), 1_000, PREFACE).await);
        }
        Doors::hold(&doors.grpc(), MANY, b"").await
    };
    let newcomers = async {
        for _ in 0..10 {
            assert_eq!(doors.call().await, "{}");
        }
    };
    // The executor never cuts off a running call to make room, and it serves callers who connect during the attack.
    let (result, _held, ()) = tokio::join!(running, attack, newcomers);
    assert_eq!(result, "1");
    doors.are_open().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_handshakes_block_nobody() {
    let (desk, authority) = (Desk::with(&guests::echo(), ""), Authority::new());
    authority.sign(&["localhost"]).write(desk.path());
    desk.config();
    let text = "listen: 127.0.0.1:0\nhttp: { listen: off }\ncontracts: [contract.yaml]\ntls: { certificate: server.pem, key: server.key }\n";
    std::fs::write(desk.path().join("executor.yaml"), text).unwrap();
    let served = serve(&Config::parse("executor.yaml", text, desk.path()).unwrap()).await;
    let Bound::Tcp(address) = &served.bound else { panic!("not TCP") };
    // Some send nothing, some half of a record.
    let _silent = Doors::hold(&address.to_string(), 300, b"").await;
    let _half = Doors::hold(&address.to_string(), MANY, b"\x16\x03\x01\x02\x00\x01").await;
    let tls = tonic::transport::ClientTlsConfig::new()
        .ca_certificate(tonic::transport::Certificate::from_pem(authority.pem()))
        .domain_name("localhost");
    let channel = Channel::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
    let channel = timeout(LONG, channel.connect()).await.unwrap().unwrap();
    let doors = Doors { served, http: String::new(), _desk: desk };
    assert_eq!(doors.call_on(channel, "t").await, "{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_idle_or_old_end() {
    let limits = "connections: { max: 16, perAddress: 8, idle: 1s, maxAge: 3s }";
    let desk = Desk::new()
        .tool("t", &wasm(&guests::echo()), "timeout: 60s")
        .tool("slow", &wasm(&guests::late("1", 5_000)), "timeout: 60s")
        .configured("http: { listen: '127.0.0.1:0', connections: { idle: 1s } }")
        .configured(limits);
    let doors = Doors::serve(desk).await;
    let ends = async |address: &str, first: &[u8]| {
        let mut stream = connect(address, first).await;
        // Reset or closed: both are an end.
        let _ = timeout(LONG, stream.read_to_end(&mut Vec::new())).await.unwrap();
    };
    ends(&doors.grpc(), PREFACE).await;
    ends(&doors.http, b"GET / HTTP/1.1\r\nhost: localhost\r\n").await;
    assert!(doors.counts("connections_closed_total{port=\"grpc\",reason=\"idle\"}") > 0);
    // A call longer than its connection may last is answered, and then the connection ends.
    let channel = Channel::from_shared(format!("http://{}", doors.grpc())).unwrap().connect().await.unwrap();
    assert_eq!(doors.call_on(channel, "slow").await, "1");
    assert!(doors.counts("connections_closed_total{port=\"grpc\",reason=\"max_age\"}") > 0);
    let until = Instant::now() + LONG;
    while doors.counts("connections{port=\"grpc\"}") > 0 {
        assert!(Instant::now() < until, "a connection stays");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_metadata_is_refused_and_the_connection_works_on() {
    let doors = Doors::open("").await;
    let channel = Channel::from_shared(format!("http://{}", doors.grpc())).unwrap().connect().await.unwrap();
    let mut request = tonic::Request::new(doors.request("t"));
    for field in 0..40 {
        let name = tonic::metadata::MetadataKey::from_bytes(format!("x-{field}").as_bytes()).unwrap();
        request.metadata_mut().insert(name, MetadataValue::try_from("x".repeat(1_000)).unwrap());
    }
    ExecutorClient::new(channel.clone()).execute(request).await.unwrap_err();
    assert_eq!(doors.call_on(channel, "t").await, "{}");
}

/// 64 unfinished requests of 60 KiB exceed the port's limit of bytes.
#[tokio::test(flavor = "multi_thread")]
async fn unfinished_large_requests_hold_bounded_bytes_and_block_nobody() {
    let doors = Doors::open("connections: { heldBytes: 1MiB }").await;
    // A whole head, then DATA without END_STREAM: an unfinished gRPC message of 60 KiB.
    let path = b"/callgate.executor.v1.Executor/Execute";
    let mut first = PREFACE.to_vec();
    let mut block = vec![0x83, 0x86, 0x44, u8::try_from(path.len()).unwrap()];
    block.extend_from_slice(path);
    block.extend_from_slice(b"\x5f\x10application/grpc");
    first.extend_from_slice(&[0, 0, u8::try_from(block.len()).unwrap(), 1, 4, 0, 0, 0, 1]);
    first.extend_from_slice(&block);
    for frame in 0..4 {
        first.extend_from_slice(&[0, 0x3c, 0, 0, 0, 0, 0, 0, 1]);
        let mut data = vec![b'x'; 0x3c00];
        if frame == 0 {
            data[..5].copy_from_slice(&[0, 0, 0, 0xf8, 0]);
        }
        first.extend_from_slice(&data);
    }
    let _held = Doors::hold(&doors.grpc(), 64, &first).await;
    let until = Instant::now() + LONG;
    // 17 of them hold a MiB. At the next one, the connection with the most bytes is closed, or the new request is refused.
    let left = || doors.counts("connections_closed_total{port=\"grpc\",reason=\"made_room\"}");
    while left() == 0 {
        assert!(Instant::now() < until, "{} have left", left());
        sleep(Duration::from_millis(50)).await;
    }
    assert!(doors.counts("connections{port=\"grpc\"}") > 8, "more left than had to");
    doors.are_open().await;
}

/// Connections that send frames as fast as they can: pings, and requests reset at once.
#[tokio::test(flavor = "multi_thread")]
async fn floods_of_frames_block_nobody() {
    let doors = Doors::open("").await;
    let mut resets = Vec::new();
    for stream in (1..2_001_u32).step_by(2) {
        resets.extend_from_slice(b"\x00\x00\x03\x01\x05");
        resets.extend_from_slice(&stream.to_be_bytes());
        resets.extend_from_slice(b"\x83\x84\x86\x00\x00\x04\x03\x00");
        resets.extend_from_slice(&stream.to_be_bytes());
        resets.extend_from_slice(&[0, 0, 0, 8]);
    }
    let pings = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08".repeat(1_000);
    let mut floods = tokio::task::JoinSet::new();
    for n in 0..40 {
        let address = if n % 2 == 0 { doors.grpc() } else { doors.http.clone() };
        let frames = if n % 4 < 2 { pings.clone() } else { resets.clone() };
        floods.spawn(async move {
            loop {
                let mut stream = connect(&address, PREFACE).await;
                // Until the other end closes.
                for _ in 0..20 {
                    if stream.write_all(&frames).await.is_err() {
                        break;
                    }
                }
            }
        });
    }
    for _ in 0..3 {
        doors.are_open().await;
    }
    floods.shutdown().await;
}
