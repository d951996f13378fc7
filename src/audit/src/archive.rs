//! Archives segments in a folder or in S3-compatible storage.
//!
//! The archiver writes a segment, reads it back and compares the SHA-256. Only then the segment counts as archived, and
//! its local file is deleted. After a failure or a restart in between, the archiver writes it again under the same
//! name.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Body, Client, Method, StatusCode, redirect};
use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot, watch};

use super::read::{LogReader, ReadError};
use super::record::Hash;
use super::segment::{self, SEGMENTS, Segment, SegmentPlace};
use super::store::Head;
use super::writer::Message;
use crate::settings::{Archive, ArchiveS3, Retention};

/// The time between two looks for a segment to archive.
const LOOK: Duration = Duration::from_secs(1);
/// The pause after a failed attempt: doubled each time, up to `PAUSE_MAX`.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// The validity of a signed address.
const SIGNED: Duration = Duration::from_secs(15 * 60);
const CONNECT: Duration = Duration::from_secs(10);
/// The longest silence of the storage.
const SILENCE: Duration = Duration::from_secs(60);
/// The timeout for a whole segment, one way.
const TRANSFER: Duration = Duration::from_secs(60 * 60);
const PIECE: usize = 64 << 10;

/// The reason a segment is not archived. Never holds an address or a key.
#[derive(Debug, thiserror::Error)]
enum ArchiveError {
    #[error("{path}: {reason}", path = path.display())]
    Disk { path: PathBuf, reason: io::Error },
    #[error("{file}: cannot be read: {reason}", file = file.display())]
    Secret { file: PathBuf, reason: io::Error },
    #[error("the archive's settings cannot be used: {0}")]
    Settings(String),
    #[error("the storage cannot be reached: {0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("the storage answered {status} to {method}")]
    Status { method: Method, status: StatusCode },
    #[error("{path}: another segment has that name; give each log an archive folder of its own", path = .0.display())]
    Taken(PathBuf),
    #[error("what the archive has is not what was put there")]
    Differs,
    #[error(transparent)]
    Log(#[from] ReadError),
}

/// The archiver of a log, on its thread.
struct Archiver {
    archive: Archive,
    log: PathBuf,
    folder: PathBuf,
    head: watch::Receiver<Head>,
    /// Weak: it must not keep the log open.
    messages: mpsc::WeakSender<Message>,
}

/// Starts the archiver's thread, which ends with the log. Fails without an archive.
pub(super) fn start(
    retention: &Retention,
    path: &Path,
    head: &watch::Receiver<Head>,
    messages: &mpsc::Sender<Message>,
) -> io::Result<JoinHandle<()>> {
    let Some(archive) = retention.archive.clone() else { return Err(io::Error::other("no archive is configured")) };
    let archiver = Archiver {
        archive,
        log: path.into(),
        folder: path.with_file_name(SEGMENTS),
        head: head.clone(),
        messages: messages.downgrade(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("audit-archive".into());
    thread.spawn(move || runtime.block_on(archiver.run()))
}

// === impl Archiver ===

impl Archiver {
    /// Archives segments until the log is closed.
    async fn run(mut self) {
        let (mut pause, mut failing) = (PAUSE, false);
        loop {
            let mut head = self.head.clone();
            let closed = async { while head.changed().await.is_ok() {} };
            let done = tokio::select! {
                done = self.next() => done,
                // An interrupted transfer starts again after the next start.
                () = closed => return,
            };
            let rest = match done {
                Ok(true) => Duration::ZERO,
                Ok(false) => LOOK,
                Err(error) => {
                    if !failing {
                        tracing::warn!(reason = %error, "segments of the audit log cannot be archived; they stay here");
                    }
                    failing = true;
                    pause = PAUSE_MAX.min(pause * 2);
                    pause
                }
            };
            if done_well(rest, pause) && failing {
                failing = false;
                pause = PAUSE;
                tracing::info!("segments of the audit log are archived again");
            }
            let until = Instant::now() + rest;
            while Instant::now() < until {
                if self.head.has_changed().is_err() {
                    return;
                }
                tokio::time::sleep(LOOK.min(until.saturating_duration_since(Instant::now()))).await;
            }
        }
    }

    /// Archives the oldest local segment. Returns false if there was no segment to archive.
    async fn next(&mut self) -> Result<bool, ArchiveError> {
        let segments = LogReader::open(&self.log)?.segments()?;
        // Deletes files an executor left when it ended in between.
        for segment in segments.iter().filter(|segment| segment.at != SegmentPlace::Here) {
            let _ = fs::remove_file(self.folder.join(segment.name()));
        }
        let Some(segment) = segments.iter().find(|segment| segment.at == SegmentPlace::Here) else { return Ok(false) };
        let file = self.folder.join(segment.name());
        match &self.archive {
            Archive::Folder(folder) => into_folder(folder, segment, &file)?,
            Archive::S3(storage) => into_storage(storage, segment, &file).await?,
        }
        let Some(messages) = self.messages.upgrade() else { return Ok(false) };
        let (done, moved) = oneshot::channel();
        let told = messages.send(Message::Moved(segment.first, SegmentPlace::Archived, done)).await.is_ok();
        if told && moved.await.is_ok_and(|written| written) {
            fs::remove_file(&file).map_err(|reason| ArchiveError::Disk { path: file, reason })?;
            tracing::info!(first = segment.first, last = segment.last.seq, "a segment of the audit log is archived");
        }
        Ok(true)
    }
}

/// Returns true for a pause no failure asked for.
fn done_well(rest: Duration, pause: Duration) -> bool {
    rest < pause || rest == Duration::ZERO
}

fn into_folder(folder: &Path, segment: &Segment, file: &Path) -> Result<(), ArchiveError> {
    let to = folder.join(segment.name());
    let part = folder.join(format!("{}.part", segment.name()));
    let disk = |reason| ArchiveError::Disk { path: to.clone(), reason };
    // Left by an attempt whose end was not recorded, or written by another log with the same folder.
    if to.symlink_metadata().is_ok() {
        let same = segment::hash(&to).map_err(disk)? == segment.sha256;
        return if same { Ok(()) } else { Err(ArchiveError::Taken(to)) };
    }
    fs::copy(file, &part).map_err(disk)?;
    File::open(&part).and_then(|file| file.sync_all()).map_err(disk)?;
    if segment::hash(&part).map_err(disk)? != segment.sha256 {
        return Err(ArchiveError::Differs);
    }
    fs::rename(&part, &to).map_err(disk)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk)
}

async fn into_storage(storage: &ArchiveS3, segment: &Segment, file: &Path) -> Result<(), ArchiveError> {
    let settings = |error: &dyn std::fmt::Display| ArchiveError::Settings(error.to_string());
    // Path-style addresses work with every storage and need one certificate.
    let bucket = Bucket::new(storage.endpoint.clone(), UrlStyle::Path, storage.bucket.clone(), storage.region.clone())
        .map_err(|error| settings(&error))?;
    let secret = |file: &callgate_settings::SecretFile| {
        file.read().map_err(|reason| ArchiveError::Secret { file: file.path().into(), reason })
    };
    // Read each time: they may have changed.
    let credentials = Credentials::new(secret(&storage.access_key)?, secret(&storage.secret_key)?);
    let object = format!("{}{}", storage.prefix, segment.name());
    let client = client(storage)?;

    let disk = |reason| ArchiveError::Disk { path: file.into(), reason };
    let open = File::open(file).map_err(disk)?;
    let length = open.metadata().map_err(disk)?.len();
    let put = bucket.put_object(Some(&credentials), &object).sign(SIGNED);
    let request = client.put(put).header(CONTENT_LENGTH, length).body(Body::wrap_stream(pieces(open)));
    let answer = request.send().await.map_err(reqwest::Error::without_url)?;
    if !answer.status().is_success() {
        return Err(ArchiveError::Status { method: Method::PUT, status: answer.status() });
    }

    let get = bucket.get_object(Some(&credentials), &object).sign(SIGNED);
    let mut answer = client.get(get).send().await.map_err(reqwest::Error::without_url)?;
    if !answer.status().is_success() {
        return Err(ArchiveError::Status { method: Method::GET, status: answer.status() });
    }
    let (mut hash, mut read) = (Sha256::new(), 0);
    while let Some(piece) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        read += piece.len() as u64;
        if read > length {
            return Err(ArchiveError::Differs);
        }
        hash.update(&piece);
    }
    if Hash(hash.finalize().into()) == segment.sha256 { Ok(()) } else { Err(ArchiveError::Differs) }
}

/// Builds a client without redirects and proxies.
fn client(storage: &ArchiveS3) -> Result<Client, ArchiveError> {
    // Fails if the process has chosen a provider before, and then uses that one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = Client::builder()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .timeout(TRANSFER);
    if let Some(ca) = &storage.ca {
        let pem = fs::read(ca).map_err(|reason| ArchiveError::Disk { path: ca.clone(), reason })?;
        client = client.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem)?);
    } else if storage.endpoint.scheme() == "http" {
        client = client.tls_certs_only([]);
    }
    Ok(client.build()?)
}

/// Streams a file in pieces. This thread has no other work, so reading may block it.
fn pieces(file: File) -> impl stream::Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut buffer = vec![0; PIECE];
        match file.read(&mut buffer) {
            Ok(0) => None,
            Ok(read) => {
                buffer.truncate(read);
                Some((Ok(Bytes::from(buffer)), Some(file)))
            }
            Err(error) => Some((Err(error), None)),
        }
    })
}
