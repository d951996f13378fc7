//! The measured exchanges: a request of 1.5 KB that declares two tools, and an answer of 1 KB that calls both; and the same request for
//! a stream, answered with [`DELTAS`] events of text, one at a time.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The path of the request.
pub(super) const PATH: &str = "/v1/chat/completions";
/// The headers of the caller.
pub(super) const HEADERS: [(&str, &str); 3] =
    [("x-callgate-tenant", "acme"), ("x-callgate-role", "clerk"), ("authorization", "Bearer sk-bench-0123456789")];

/// The body of the request.
pub(super) const REQUEST: &str = include_str!("../../apis/measured/request.json");

/// Text deltas in a streamed answer.
pub(super) const DELTAS: usize = 400;
/// The pause between two deltas: long enough for each to arrive alone, like those of a model.
const BETWEEN: Duration = Duration::from_millis(1);

/// The body of the request for a stream.
pub(super) fn stream_request() -> String {
    REQUEST.replacen('{', r#"{"stream":true,"#, 1)
}

/// The body of the answer.
pub(super) const ANSWER: &str = include_str!("../../apis/measured/answer.json");

/// An upstream that answers every request with [`ANSWER`], or with a stream, in a thread of its own.
#[derive(Debug)]
pub(super) struct StaticUpstream {
    address: SocketAddr,
}

impl StaticUpstream {
    pub(super) fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // It ends with the process.
        thread::spawn(move || runtime.block_on(serve(listener)));
        Ok(Self { address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: std::net::TcpListener) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let answer: &[u8] = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    )
    .leak()
    .as_bytes();
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let _nodelay = stream.set_nodelay(true);
        tokio::spawn(async move {
            let mut buffer = Vec::with_capacity(8192);
            loop {
                while let Some(end) = message_end(&buffer) {
                    let streamed = buffer.get(..end).is_some_and(|request| find(request, b"\"stream\":true").is_some());
                    buffer.drain(..end);
                    let sent = if streamed { send_stream(&mut stream).await } else { stream.write_all(answer).await };
                    if sent.is_err() {
                        return;
                    }
                }
                match stream.read_buf(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
            }
        });
    }
}

/// A streamed answer, each event a chunk of its own.
async fn send_stream(stream: &mut TcpStream) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    for number in 0..DELTAS {
        let event = event(&format!(r#"{{"content":" token{number}"}}"#), "null");
        stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await?;
        tokio::time::sleep(BETWEEN).await;
    }
    let end = event("{}", "\"stop\"") + "data: [DONE]\n\n";
    stream.write_all(format!("{:x}\r\n{end}\r\n0\r\n\r\n", end.len()).as_bytes()).await
}

fn event(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-Bx0123456789abcdefghijklm\",\"object\":\"chat.completion.chunk\",\"created\":1750000000,\
         \"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0123456789\",\
         \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
    )
}

/// Returns the end of the first HTTP/1.1 message in `buffer`; `None` while it is incomplete. Reads `content-length`, and the end of a
/// chunked body. Such a body must not contain the text of an empty chunk itself; JSON never does.
pub(super) fn message_end(buffer: &[u8]) -> Option<usize> {
    let head = find(buffer, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(buffer.get(..head)?).ok()?;
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    if let Some(length) = value("content-length") {
        let end = head + length.parse::<usize>().ok()?;
        return (buffer.len() >= end).then_some(end);
    }
    if value("transfer-encoding").is_some() {
        return find(buffer.get(head..)?, b"0\r\n\r\n").map(|at| head + at + 5);
    }
    Some(head)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchange_has_the_sizes_it_is_named_for() {
        assert!((1450..1550).contains(&REQUEST.len()), "{}", REQUEST.len());
        assert!((980..1070).contains(&ANSWER.len()), "{}", ANSWER.len());
        for text in [REQUEST, ANSWER] {
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
    }

    #[test]
    fn a_message_ends_where_its_head_says() {
        assert_eq!(message_end(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}x"), Some(40));
        assert_eq!(message_end(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{"), None);
        assert_eq!(message_end(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), Some(59));
        assert_eq!(message_end(b"HTTP/1.1 200"), None);
    }
}
