//! Writing to a file through a stream, as `wasi:io` does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::block_in_place;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use super::account::Stay;

/// Bytes that a guest may write at once.
const CHUNK: usize = 64 << 10;
/// `ENOSPC`, on every Unix.
const NO_SPACE: i32 = 28;

/// Where the next bytes go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    At(u64),
    End,
}

/// A stream into a file of a folder with a quota. Each write is done when it returns.
#[derive(Debug)]
pub(super) struct Stream {
    file: Arc<File>,
    stay: Arc<Stay>,
    place: Place,
}

// === impl Stream ===

impl Stream {
    pub(super) fn new(file: Arc<File>, stay: Arc<Stay>, place: Place) -> Self {
        Self { file, stay, place }
    }

    fn write_now(&mut self, bytes: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt;

        let mut books = self.stay.open();
        let found = self.file.metadata()?;
        let at = match self.place {
            Place::At(at) => at,
            Place::End => found.len(),
        };
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let end = at.checked_add(more).ok_or_else(|| io::Error::from_raw_os_error(NO_SPACE))?;
        books
            .grow(end.saturating_sub(found.len()), 0, found.nlink() > 0)
            .map_err(|_full| io::Error::from_raw_os_error(NO_SPACE))?;
        self.file.write_all_at(bytes, at).inspect_err(|_| books.doubt())?;
        if let Place::At(at) = &mut self.place {
            *at = end;
        }
        Ok(())
    }
}

#[async_trait]
impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        if bytes.is_empty() {
            return Ok(());
        }
        block_in_place(|| self.write_now(&bytes)).map_err(|error| StreamError::LastOperationFailed(error.into()))
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(CHUNK)
    }
}

#[async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}
