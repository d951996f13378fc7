//! Peers that begin a request and stop.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Opens so many connections to a port, each with these bytes, and holds the accepted ones.
pub async fn stalled(address: SocketAddr, count: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..count {
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        if stream.write_all(bytes).await.is_ok() {
            held.push(stream);
        }
    }
    held
}

/// Half a request of HTTP/1.1.
pub const HALF_REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: ";
/// The beginning of HTTP/2, and nothing after it.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
