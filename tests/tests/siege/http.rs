//! Probes of the executor's HTTP side: one request, one connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(5);

/// Returns the status of a GET; `None` if no answer comes in time.
pub async fn status(address: SocketAddr, path: &str) -> Option<u16> {
    get(address, path, "").await.map(|(status, _)| status)
}

/// Returns status and body of a GET with more header lines.
pub async fn get(address: SocketAddr, path: &str, headers: &str) -> Option<(u16, String)> {
    ask(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n")).await
}

/// Returns status and body of a POST of JSON.
pub async fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> Option<(u16, String)> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
    );
    ask(address, &format!("{head}{headers}\r\n{body}")).await
}

async fn ask(address: SocketAddr, request: &str) -> Option<(u16, String)> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    };
    timeout(LIMIT, asked).await.ok().flatten()
}
