//! Clients that leave at random points: before the body, inside it, while they wait, inside the answer, or at its end.

use std::net::SocketAddr;
use std::time::Duration;

use callgate_tests::http::{Connection, HttpError, Protocol, Request};
use fastrand::Rng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::book::Book;
use crate::scripts;

/// An exchange without an end for this long hangs. The gate ends a turn after two seconds, and there are at most four.
const LIMIT: Duration = Duration::from_secs(60);

/// Sends one exchange after the other over HTTP/1.1, byte by byte under its control.
pub async fn over_http1(gate: SocketAddr, mut rng: Rng, until: Instant, book: Book) {
    while Instant::now() < until {
        let script = scripts::script(&mut rng);
        let stream = rng.bool();
        let message = message(&scripts::request(&script, stream, &mut rng));
        // Two of three requests are sent whole, and every third answer is read to its end.
        let send = if rng.u8(..3) == 0 { rng.usize(..message.len()) } else { message.len() };
        let read = if rng.u8(..3) == 0 { usize::MAX } else { rng.usize(..6000) };
        let pause = Duration::from_millis(rng.u64(..30));
        let mut received = Vec::new();
        let exchange = http1(gate, &message[..send], send < message.len(), read, pause, &mut received);
        match timeout(LIMIT, exchange).await {
            Ok(Ok(())) => book.count(if send < message.len() { "left inside a request" } else { "answered" }),
            Ok(Err(_)) => book.count("broken"),
            Err(_) => book.fault(format!("no end of an exchange for {LIMIT:?}: {}", script.message())),
        }
        book.received(&received, &script.message());
    }
}

/// One exchange on a connection of its own. Dropping it with unread bytes is a reset.
async fn http1(
    gate: SocketAddr,
    message: &[u8],
    leaves: bool,
    read: usize,
    pause: Duration,
    received: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut connection = TcpStream::connect(gate).await?;
    connection.set_nodelay(true)?;
    let (first, second) = message.split_at(message.len() / 2);
    connection.write_all(first).await?;
    sleep(pause).await;
    connection.write_all(second).await?;
    if leaves {
        sleep(pause).await;
        return Ok(());
    }
    while received.len() < read {
        if connection.read_buf(received).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Writes a request as HTTP/1.1. The server closes the connection after its answer.
fn message(request: &Request) -> Vec<u8> {
    let mut text = format!("POST {} HTTP/1.1\r\nhost: load\r\nconnection: close\r\n", request.path).into_bytes();
    for (name, value) in &request.headers {
        text.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    text.extend(format!("content-length: {}\r\n\r\n", request.body.len()).into_bytes());
    text.extend(&request.body);
    text
}

/// Sends one exchange after the other over HTTP/2, and resets two of three streams, or their connection, at a random moment.
pub async fn over_http2(gate: SocketAddr, mut rng: Rng, until: Instant, book: Book) {
    let mut connection = None;
    while Instant::now() < until {
        let script = scripts::script(&mut rng);
        let stream = rng.bool();
        let mut request = scripts::request(&script, stream, &mut rng);
        request.pause = Duration::from_millis(if rng.bool() { 0 } else { rng.u64(..40) });
        let leaves = rng.u8(..3) > 0;
        let limit = if leaves { Duration::from_millis(rng.u64(..80)) } else { LIMIT };
        let mut open = match connection.take() {
            Some(open) => open,
            None => match Connection::open(gate, Protocol::Http2).await {
                Ok(open) => open,
                Err(_) => continue,
            },
        };
        let mut received = Vec::new();
        let ended = timeout(limit, http2(&mut open, request, &mut received)).await;
        book.received(&received, &script.message());
        match ended {
            Ok(Ok(())) => book.count("answered"),
            Ok(Err(HttpError::Silence)) => book.fault(format!("silence in an exchange: {}", script.message())),
            Ok(Err(_)) => {
                book.count("broken");
                continue;
            }
            Err(_) if leaves => book.count("left inside an exchange"),
            Err(_) => book.fault(format!("no end of an exchange for {LIMIT:?}: {}", script.message())),
        }
        if rng.u8(..4) > 0 {
            connection = Some(open);
        }
    }
}

async fn http2(connection: &mut Connection, request: Request, received: &mut Vec<u8>) -> Result<(), HttpError> {
    let mut response = connection.send(request).await?;
    while let Some(chunk) = response.chunk().await? {
        received.extend_from_slice(&chunk);
    }
    Ok(())
}
