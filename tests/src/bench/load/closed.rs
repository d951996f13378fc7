//! A closed loop: each connection sends the next request after the answer to the last. It shows throughput.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Sample;
use crate::bench::cores::Cores;
use crate::bench::framing::message_end;
use crate::bench::process::CpuTimes;

/// A load.
#[derive(Debug, Clone)]
pub(crate) struct Closed {
    /// The requests of one exchange, sent one after the other.
    pub(crate) requests: Vec<Arc<[u8]>>,
    pub(crate) server: SocketAddr,
    /// The server's process, for its CPU time.
    pub(crate) process: u32,
    pub(crate) connections: usize,
    pub(crate) length: Length,
}

/// The length of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Length {
    /// Every connection finishes the exchange that it has begun.
    Time(Duration),
    /// So many exchanges on each connection.
    Exchanges(usize),
}

impl Closed {
    /// Runs it in a thread of its own.
    pub(crate) fn run(self, cores: &Cores) -> io::Result<Sample> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (process, cores) = (self.process, cores.clone());
        let run = thread::spawn(move || {
            cores.this_thread();
            runtime.block_on(self.drive(process))
        });
        run.join().map_err(|_| io::Error::other("the load generator panicked"))?
    }

    async fn drive(self, process: u32) -> io::Result<Sample> {
        // The clock starts when all connections are there.
        let mut streams = Vec::new();
        for _ in 0..self.connections {
            streams.push(TcpStream::connect(self.server).await?);
        }
        let times = CpuTimes::start(process)?;
        let began = Instant::now();
        let end = match self.length {
            Length::Time(time) => End::At(began + time),
            Length::Exchanges(exchanges) => End::After(exchanges),
        };
        let start = |stream| tokio::spawn(client(stream, self.requests.clone(), end));
        let clients: Vec<_> = streams.into_iter().map(start).collect();
        let mut latencies = Vec::new();
        for client in clients {
            latencies.append(&mut client.await.map_err(io::Error::other)??);
        }
        let took = began.elapsed();
        Ok(Sample::of(latencies, took).with_cpu(times.used()?, took))
    }
}

/// The end of one connection's exchanges.
#[derive(Debug, Clone, Copy)]
enum End {
    At(Instant),
    After(usize),
}

impl End {
    fn is_reached(self, exchanges: usize) -> bool {
        match self {
            Self::At(end) => Instant::now() >= end,
            Self::After(most) => exchanges >= most,
        }
    }
}

/// Returns the latencies of all exchanges, in microseconds.
async fn client(mut stream: TcpStream, requests: Vec<Arc<[u8]>>, end_of_load: End) -> io::Result<Vec<f64>> {
    stream.set_nodelay(true)?;
    let mut latencies = Vec::with_capacity(4096);
    let mut buffer = Vec::with_capacity(16384);
    loop {
        let sent = Instant::now();
        for request in &requests {
            stream.write_all(request).await?;
            let end = loop {
                if let Some(end) = message_end(&buffer) {
                    break end;
                }
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Err(io::Error::other("the connection was closed"));
                }
            };
            if !buffer.starts_with(b"HTTP/1.1 200") {
                let text = String::from_utf8_lossy(&buffer).into_owned();
                return Err(io::Error::other(format!("the answer is not a 200: {text}")));
            }
            buffer.drain(..end);
        }
        latencies.push(sent.elapsed().as_secs_f64() * 1e6);
        if end_of_load.is_reached(latencies.len()) {
            return Ok(latencies);
        }
    }
}
