//! Writes to a file through a stream, as `wasi:io` does.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{JoinHandle, block_in_place};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use super::account::{LockedAccount, Stay};

/// The bytes a guest may write at once. A write waits in memory while another call changes the folder.
const CHUNK: usize = 16 << 10;

/// The offset of the next bytes: a place in the file, or its end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Offset {
    At(u64),
    End,
}

/// A stream into a file of a folder with a quota.
#[derive(Debug)]
pub(super) struct FileStream {
    target: Target,
    progress: Progress,
}

#[derive(Clone, Debug)]
struct Target {
    file: Arc<File>,
    stay: Arc<Stay>,
    offset: Offset,
}

/// The previous write.
#[derive(Debug)]
enum Progress {
    /// It is in the file.
    Written,
    /// It waits for the folder. It finishes even if the call is cut off.
    Waiting(JoinHandle<io::Result<Offset>>),
    /// It failed, and the guest has not asked yet.
    Failed(io::Error),
}

// === impl FileStream ===

impl FileStream {
    pub(super) fn new(file: Arc<File>, stay: Arc<Stay>, offset: Offset) -> Self {
        Self { target: Target { file, stay, offset }, progress: Progress::Written }
    }

    async fn settle(&mut self) {
        let Progress::Waiting(task) = &mut self.progress else { return };
        let ended = task.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        self.progress = match ended {
            Ok(offset) => {
                self.target.offset = offset;
                Progress::Written
            }
            Err(error) => Progress::Failed(error),
        };
    }
}

// === impl Target ===

impl Target {
    /// Books, writes, and returns the next offset.
    fn write(&self, mut books: LockedAccount<'_>, bytes: &[u8]) -> io::Result<Offset> {
        let full = || io::Error::from(rustix::io::Errno::NOSPC);
        let found = self.file.metadata()?;
        let at = match self.offset {
            Offset::At(at) => at,
            Offset::End => found.len(),
        };
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let end = at.checked_add(more).ok_or_else(full)?;
        books.grow(end.saturating_sub(found.len()), 0, found.nlink() > 0).map_err(|_full| full())?;
        self.file.write_all_at(bytes, at).inspect_err(|_| books.loosen())?;
        Ok(match self.offset {
            Offset::At(_) => Offset::At(end),
            Offset::End => Offset::End,
        })
    }
}

#[async_trait]
impl OutputStream for FileStream {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        match std::mem::replace(&mut self.progress, Progress::Written) {
            Progress::Written => {}
            Progress::Failed(error) => return Err(StreamError::LastOperationFailed(error.into())),
            waiting @ Progress::Waiting(_) => {
                self.progress = waiting;
                return Err(StreamError::Trap(wasmtime::Error::msg("written while the write before is not done")));
            }
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let target = self.target.clone();
        if let Some(books) = target.stay.try_open() {
            self.target.offset = block_in_place(|| target.write(books, &bytes))
                .map_err(|error| StreamError::LastOperationFailed(error.into()))?;
        } else {
            self.progress = Progress::Waiting(tokio::spawn(async move {
                let books = target.stay.open().await;
                block_in_place(|| target.write(books, &bytes))
            }));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        match std::mem::replace(&mut self.progress, Progress::Written) {
            Progress::Written => Ok(CHUNK),
            Progress::Failed(error) => Err(StreamError::LastOperationFailed(error.into())),
            waiting @ Progress::Waiting(_) => {
                self.progress = waiting;
                Ok(0)
            }
        }
    }

    async fn cancel(&mut self) {
        self.settle().await;
    }
}

#[async_trait]
impl Pollable for FileStream {
    async fn ready(&mut self) {
        self.settle().await;
    }
}
