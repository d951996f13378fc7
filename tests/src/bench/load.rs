//! A closed loop: each connection sends the next request after the answer to the last.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::exchange::{HEADERS, PATH, message_end};

/// Load on one server.
#[derive(Debug, Clone)]
pub(super) struct Load {
    /// The body of each request.
    pub(super) request: String,
    pub(super) server: SocketAddr,
    /// The server's process, for its CPU time.
    pub(super) process: u32,
    pub(super) connections: usize,
    pub(super) time: Duration,
}

/// The result of a load.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    /// Requests a second.
    pub(super) throughput: f64,
    /// Median latency, in microseconds.
    pub(super) p50: f64,
    /// 99th percentile, in microseconds.
    pub(super) p99: f64,
    /// The server's own CPU time for a request, in microseconds; other work on the machine hardly changes it.
    pub(super) cpu: f64,
}

impl Load {
    /// Runs it in a thread of its own.
    pub(super) fn run(self) -> io::Result<Sample> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let process = self.process;
        let before = cpu_time(process)?;
        let run = thread::spawn(move || runtime.block_on(self.drive()));
        let latencies = run.join().map_err(|_| io::Error::other("the load generator panicked"))?;
        let (latencies, took) = latencies?;
        let used = cpu_time(process)?.saturating_sub(before);
        let cpu = used.as_secs_f64() * 1e6 / count(&latencies);
        Ok(Sample { cpu, ..Sample::of(latencies, took) })
    }

    /// Returns the latencies of all requests, in microseconds, and the total time.
    async fn drive(self) -> io::Result<(Vec<f64>, Duration)> {
        let mut request = format!("POST {PATH} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n");
        for (name, value) in HEADERS {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("content-length: {}\r\n\r\n{}", self.request.len(), self.request);
        let request: Arc<[u8]> = request.into_bytes().into();
        let began = Instant::now();
        let until = began + self.time;
        let clients: Vec<_> =
            (0..self.connections).map(|_| tokio::spawn(client(self.server, request.clone(), until))).collect();
        let mut latencies = Vec::new();
        for client in clients {
            latencies.append(&mut client.await.map_err(io::Error::other)??);
        }
        Ok((latencies, began.elapsed()))
    }
}

/// User and system time of a process so far. Source: proc_pid_stat(5), fields 14 and 15, in ticks of 1/100 s on Linux.
fn cpu_time(process: u32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field, the name, may contain blanks and ends with the last parenthesis.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

#[allow(clippy::cast_precision_loss, reason = "a count of requests")]
fn count(latencies: &[f64]) -> f64 {
    latencies.len() as f64
}

async fn client(server: SocketAddr, request: Arc<[u8]>, until: Instant) -> io::Result<Vec<f64>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut latencies = Vec::with_capacity(4096);
    let mut buffer = Vec::with_capacity(8192);
    while Instant::now() < until {
        let sent = Instant::now();
        stream.write_all(&request).await?;
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
        latencies.push(sent.elapsed().as_secs_f64() * 1e6);
        buffer.drain(..end);
    }
    Ok(latencies)
}

impl Sample {
    /// Summarises latencies in microseconds.
    pub(super) fn of(mut latencies: Vec<f64>, time: Duration) -> Self {
        let throughput = count(&latencies) / time.as_secs_f64();
        latencies.sort_by(f64::total_cmp);
        let at = |part: usize| latencies.get(latencies.len() * part / 100).copied().unwrap_or(f64::NAN);
        Self { throughput, p50: at(50), p99: at(99), cpu: f64::NAN }
    }

    /// Returns the median of each number over several rounds.
    pub(super) fn median(samples: &[Self]) -> Self {
        let median = |number: fn(&Self) -> f64| {
            let mut numbers: Vec<f64> = samples.iter().map(number).collect();
            numbers.sort_by(f64::total_cmp);
            numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Self {
            throughput: median(|s| s.throughput),
            p50: median(|s| s.p50),
            p99: median(|s| s.p99),
            cpu: median(|s| s.cpu),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_medians_are_what_they_say() {
        let sample = Sample::of((1..=200).rev().map(f64::from).collect(), Duration::from_secs(2));
        assert_eq!((sample.throughput, sample.p50, sample.p99), (100.0, 101.0, 199.0));
        let of = |throughput| Sample { throughput, ..Sample::default() };
        assert_eq!(Sample::median(&[of(3.0), of(1.0), of(2.0)]).throughput, 2.0);
    }
}
