//! An open loop: requests leave at times that do not depend on answers. It shows latency at a rate that the server can serve.
//!
//! Arrivals are random with a constant rate, as those of independent users are (a Poisson process), and the same at every run. A
//! latency counts from the planned time, so a request that waits for a free connection is not forgotten.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Sample;
use crate::bench::cores::Cores;
use crate::bench::framing::message_end;
use crate::bench::process::CpuTimes;

/// More than this many requests are never under way.
const CONNECTIONS: usize = 64;
/// After the last planned request, answers may take this long.
const GRACE: Duration = Duration::from_secs(5);

/// A load.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) request: Arc<[u8]>,
    pub(crate) server: SocketAddr,
    /// The server's process, for its CPU time.
    pub(crate) process: u32,
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) time: Duration,
}

impl Open {
    /// Runs it in a thread of its own.
    pub(crate) fn run(self, cores: &Cores) -> io::Result<Sample> {
        let (process, cores) = (self.process, cores.clone());
        let run = thread::spawn(move || {
            cores.this_thread();
            let times = CpuTimes::start(process)?;
            let began = Instant::now();
            let latencies = self.drive(began)?;
            let took = began.elapsed();
            Ok(Sample::of(latencies, took).with_cpu(times.used()?, took))
        });
        run.join().map_err(|_| io::Error::other("the load generator panicked"))?
    }

    fn drive(self, began: Instant) -> io::Result<Vec<f64>> {
        let mut lanes = (0..CONNECTIONS).map(|_| Lane::open(self.server)).collect::<io::Result<Vec<_>>>()?;
        let mut plan = arrivals(self.rate, self.time).into_iter().map(|at| began + at).peekable();
        let mut waiting = VecDeque::new();
        let mut latencies = Vec::new();
        loop {
            let now = Instant::now();
            while let Some(at) = plan.next_if(|&at| at <= now) {
                waiting.push_back(at);
            }
            for lane in lanes.iter_mut().filter(|lane| lane.planned.is_none()) {
                let Some(at) = waiting.pop_front() else { break };
                lane.send(&self.request, at)?;
            }
            let busy = lanes.iter().any(|lane| lane.planned.is_some());
            let next = plan.peek().copied();
            if next.is_none() && !busy && waiting.is_empty() {
                return Ok(latencies);
            }
            if began.elapsed() > self.time + GRACE {
                return Err(io::Error::other(
                    "answers are late by seconds: the rate is above what the server can serve",
                ));
            }
            wait(&mut lanes, next.unwrap_or(now + GRACE), &mut latencies)?;
        }
    }
}

/// Waits for answers until `next`, and reads them.
fn wait(lanes: &mut [Lane], next: Instant, latencies: &mut Vec<f64>) -> io::Result<()> {
    let timeout = Timespec::try_from(next.saturating_duration_since(Instant::now())).map_err(io::Error::other)?;
    let mut busy: Vec<&mut Lane> = lanes.iter_mut().filter(|lane| lane.planned.is_some()).collect();
    let mut ready: Vec<PollFd<'_>> = busy.iter().map(|lane| PollFd::new(&lane.stream, PollFlags::IN)).collect();
    poll(&mut ready, Some(&timeout))?;
    let ready: Vec<bool> = ready.iter().map(|fd| !fd.revents().is_empty()).collect();
    for (lane, _) in busy.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
        latencies.extend(lane.read()?.map(|took| took.as_secs_f64() * 1e6));
    }
    Ok(())
}

/// One connection.
struct Lane {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The planned time of the request under way.
    planned: Option<Instant>,
}

impl Lane {
    fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16384), planned: None })
    }

    /// Sends a request. It fits the socket's buffer, because one request is under way at a time.
    fn send(&mut self, request: &[u8], at: Instant) -> io::Result<()> {
        self.planned = Some(at);
        self.stream.write_all(request)
    }

    /// Reads what there is; returns the latency if the answer is complete.
    fn read(&mut self) -> io::Result<Option<Duration>> {
        let mut chunk = [0; 16384];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Err(io::Error::other("the connection was closed")),
            Ok(size) => self.buffer.extend(chunk.get(..size).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
        let Some(end) = message_end(&self.buffer) else { return Ok(None) };
        if !self.buffer.starts_with(b"HTTP/1.1 200") {
            return Err(io::Error::other("the answer is not a 200"));
        }
        self.buffer.drain(..end);
        Ok(self.planned.take().map(|planned| planned.elapsed()))
    }
}

/// Returns the planned times of requests: gaps with an exponential distribution, from a fixed seed.
fn arrivals(rate: f64, time: Duration) -> Vec<Duration> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut at = 0.0;
    let mut times = Vec::new();
    loop {
        // xorshift64*, Vigna 2016.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit a double")]
        let uniform = (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64;
        at -= (1.0 - uniform).ln() / rate;
        let Some(planned) = Duration::try_from_secs_f64(at).ok().filter(|planned| *planned < time) else {
            return times;
        };
        times.push(planned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_have_the_rate_and_random_gaps() {
        let times = arrivals(1000.0, Duration::from_secs(10));
        assert!((9700..10300).contains(&times.len()), "{}", times.len());
        let short = times.windows(2).filter(|pair| pair[1] - pair[0] < Duration::from_micros(693)).count();
        // The median of an exponential distribution is ln 2 of its mean.
        assert!((4700..5300).contains(&short), "{short}");
    }
}
