//! Standard output and standard error of one call: kept in memory up to a bound, beyond which the call ends.
//!
//! A guest can hide the error of a full pipe. This one remembers, and traps.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

/// The guest wrote past the bound.
#[derive(Debug, thiserror::Error)]
#[error("wrote more than it is granted")]
pub(super) struct TooMuch;

/// One stream's bytes. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Capture {
    bound: usize,
    state: Arc<Mutex<Captured>>,
}

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    overflowed: bool,
}

// === impl Capture ===

impl Capture {
    /// Creates a stream of at most `bound` bytes.
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, state: Arc::default() }
    }

    /// Returns true if the guest tried to write past the bound.
    pub(super) fn overflowed(&self) -> bool {
        self.with(|state| state.overflowed)
    }

    /// Takes the written bytes.
    pub(super) fn take(&self) -> Vec<u8> {
        self.with(|state| std::mem::take(&mut state.bytes))
    }

    fn push(&self, bytes: &[u8]) -> Result<(), TooMuch> {
        self.with(|state| {
            if state.overflowed || bytes.len() > self.bound.saturating_sub(state.bytes.len()) {
                state.overflowed = true;
                return Err(TooMuch);
            }
            state.bytes.extend_from_slice(bytes);
            Ok(())
        })
    }

    /// Nothing under the lock can leave the bytes half written, so a poisoned lock is still sound.
    fn with<R>(&self, f: impl FnOnce(&mut Captured) -> R) -> R {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl OutputStream for Capture {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.push(&bytes).map_err(|too_much| StreamError::Trap(too_much.into()))
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    /// Always offers space: the write that does not fit ends the call.
    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(64 << 10)
    }
}

#[async_trait]
impl Pollable for Capture {
    async fn ready(&mut self) {}
}

impl IsTerminal for Capture {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Capture {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Capture {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.push(bytes).map(|()| bytes.len()).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_exact_and_remembered() {
        let capture = Capture::new(4);
        capture.push(b"abcd").unwrap();
        assert!(!capture.overflowed());
        assert!(capture.push(b"e").is_err());
        assert!(capture.overflowed());
        assert_eq!(capture.take(), b"abcd");
        assert!(capture.push(b"a").is_err(), "an overflow is final");
    }
}
