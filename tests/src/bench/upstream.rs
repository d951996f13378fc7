//! The static upstream: it reads no JSON, and sends prepared bytes.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::cores::Cores;
use super::exchange::{Answer, Exchange, MARK, TWO_CALLS};
use super::framing::{find, header, message_end};

/// The pause between two events of a stream: long enough for each to arrive alone, like those of a model.
const BETWEEN: Duration = Duration::from_millis(1);

/// An upstream in a thread of its own.
#[derive(Debug)]
pub(super) struct StaticUpstream {
    address: SocketAddr,
}

/// Prepared bytes.
enum Prepared {
    Whole(Vec<u8>),
    Stream(Vec<Vec<u8>>),
    Loop { call: Vec<u8>, last: Vec<u8> },
}

type Answers = Arc<HashMap<&'static str, Prepared>>;

impl StaticUpstream {
    /// Starts it with the answers of these exchanges. Requests without a known mark get the usual answer.
    pub(super) fn start(exchanges: &[Exchange], cores: &Cores) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let answers: Answers = Arc::new(exchanges.iter().map(|e| (e.name, Prepared::new(&e.answer))).collect());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let cores = cores.clone();
        // It ends with the process.
        thread::spawn(move || {
            cores.this_thread();
            runtime.block_on(serve(listener, answers));
        });
        Ok(Self { address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Prepared {
    fn new(answer: &Answer) -> Self {
        match answer {
            Answer::Whole(body) => Self::Whole(whole(body)),
            Answer::Loop { call, last } => Self::Loop { call: whole(call), last: whole(last) },
            Answer::Stream(events) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                let chunk = |event: &String| format!("{:x}\r\n{event}\r\n", event.len()).into_bytes();
                let mut chunks: Vec<Vec<u8>> = events.iter().map(chunk).collect();
                if let Some(first) = chunks.first_mut() {
                    first.splice(..0, head.bytes());
                }
                if let Some(last) = chunks.last_mut() {
                    last.extend(b"0\r\n\r\n");
                }
                Self::Stream(chunks)
            }
        }
    }
}

fn whole(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

async fn serve(listener: std::net::TcpListener, answers: Answers) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _nodelay = stream.set_nodelay(true);
        tokio::spawn(converse(stream, Arc::clone(&answers)));
    }
}

/// Answers the requests of one connection until it ends.
async fn converse(mut stream: TcpStream, answers: Answers) {
    let mut buffer = Vec::with_capacity(16384);
    loop {
        if let Some(end) = message_end(&buffer) {
            let Some(answer) = buffer.get(..end).and_then(|request| answer(request, &answers)) else { return };
            buffer.drain(..end);
            if send(&mut stream, answer).await.is_err() {
                return;
            }
            continue;
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The bytes to send.
enum Reply<'a> {
    Whole(&'a [u8]),
    Pieces(&'a [Vec<u8>]),
}

fn answer<'a>(request: &[u8], answers: &'a Answers) -> Option<Reply<'a>> {
    let head = find(request, b"\r\n\r\n")?;
    let mark = std::str::from_utf8(request.get(..head)?).ok().and_then(|head| header(head, MARK)).unwrap_or(TWO_CALLS);
    Some(match answers.get(mark).or_else(|| answers.get(TWO_CALLS))? {
        Prepared::Whole(bytes) => Reply::Whole(bytes),
        Prepared::Stream(pieces) => Reply::Pieces(pieces),
        Prepared::Loop { call, last } => {
            Reply::Whole(if find(request.get(head..)?, b"\"role\":\"tool\"").is_some() { last } else { call })
        }
    })
}

async fn send(stream: &mut TcpStream, reply: Reply<'_>) -> io::Result<()> {
    match reply {
        Reply::Whole(bytes) => stream.write_all(bytes).await,
        Reply::Pieces(pieces) => {
            for piece in pieces {
                stream.write_all(piece).await?;
                tokio::time::sleep(BETWEEN).await;
            }
            Ok(())
        }
    }
}
