//! Keeps compiled code on disk from one start to the next.
//!
//! One file for each artefact. Its name is its key and its seal: the SHA-256 of the WebAssembly, a hash of the engine's
//! version and configuration, and the SHA-256 of the file itself. A missing file is compiled and stored. A file with
//! another hash than its name says, or one the engine rejects, is compiled again. The folder is bounded: the most
//! recently used files stay.
//!
//! The cache never prevents a start, except if others could write to it (`state::private`).

mod trusted;

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use super::wasm::Wasm;
use crate::metrics::ModuleMetrics;

const ARTEFACT: &str = "cwasm";
/// A file being written. One found at start was left by a process that ended in between.
const UNFINISHED: &str = "tmp";

/// The source of compiled code.
#[derive(Debug)]
pub struct Cache {
    /// `None` keeps nothing.
    kept: Option<Kept>,
    numbers: ModuleMetrics,
}

/// A cache with a folder.
#[derive(Debug)]
struct Kept {
    folder: PathBuf,
    bytes: u64,
    access: Access,
}

/// The access to the files of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    ReadWrite,
    /// Nothing is kept, removed or touched.
    ReadOnly,
}

/// Code that can be compiled, stored and loaded: a module or a component.
trait Artefact: Sized {
    fn compile(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self>;
    fn load(engine: &Engine, artefact: &Path) -> wasmtime::Result<Self>;
    fn serialize(&self) -> wasmtime::Result<Vec<u8>>;
}

/// Feeds SHA-256 with hashed input.
struct Sha(Sha256);

// === impl Cache ===

impl Cache {
    /// Creates a cache that keeps nothing.
    pub fn none(numbers: ModuleMetrics) -> Self {
        Self { kept: None, numbers }
    }

    /// Creates a cache in `folder` with at most `bytes`. The caller has checked that no other user can use the folder.
    pub fn open(folder: PathBuf, bytes: u64, numbers: ModuleMetrics) -> Self {
        let kept = Kept { folder, bytes, access: Access::ReadWrite };
        for (file, _) in kept.files(UNFINISHED) {
            kept.remove(&file, "it was never finished");
        }
        Self { kept: Some(kept), numbers }
    }

    /// Creates a read-only cache in `folder`. The caller has checked that no other user can use the folder.
    pub fn read_only(folder: PathBuf, bytes: u64, numbers: ModuleMetrics) -> Self {
        Self { kept: Some(Kept { folder, bytes, access: Access::ReadOnly }), numbers }
    }

    /// Loads or compiles a module.
    ///
    /// # Errors
    /// The module is not valid.
    pub(super) fn module(&self, engine: &Engine, wasm: &Wasm) -> wasmtime::Result<Module> {
        self.get(engine, wasm)
    }

    /// Loads or compiles a component.
    ///
    /// # Errors
    /// The component is not valid.
    pub(super) fn component(&self, engine: &Engine, wasm: &Wasm) -> wasmtime::Result<Component> {
        self.get(engine, wasm)
    }

    fn get<A: Artefact>(&self, engine: &Engine, wasm: &Wasm) -> wasmtime::Result<A> {
        let began = Instant::now();
        let key = key(engine, wasm);
        if let Some(code) = self.kept.as_ref().and_then(|kept| kept.load(engine, &key)) {
            tracing::info!(
                sha256 = hex(wasm.sha256()),
                bytes = wasm.bytes().len(),
                milliseconds = began.elapsed().as_millis(),
                "code is loaded from the cache"
            );
            self.numbers.cached();
            return Ok(code);
        }
        let code = A::compile(engine, wasm.bytes())?;
        tracing::info!(
            sha256 = hex(wasm.sha256()),
            bytes = wasm.bytes().len(),
            milliseconds = began.elapsed().as_millis(),
            "code is compiled"
        );
        self.numbers.compiled(began.elapsed());
        if let Some(kept) = self.kept.as_ref().filter(|kept| kept.access == Access::ReadWrite) {
            kept.store(&key, &code);
        }
        Ok(code)
    }
}

// === impl Kept ===

impl Kept {
    fn load<A: Artefact>(&self, engine: &Engine, key: &str) -> Option<A> {
        for (file, _) in self.files(ARTEFACT) {
            let name = file.file_stem()?.to_string_lossy().into_owned();
            let Some(sealed) = name.strip_prefix(key).and_then(|rest| rest.strip_prefix('-')) else { continue };
            match hash(&file) {
                Ok(found) if hex(&found) == sealed => {}
                Ok(_) => {
                    self.remove(&file, "it is not what was written there");
                    continue;
                }
                Err(error) => {
                    self.remove(&file, &error.to_string());
                    continue;
                }
            }
            match A::load(engine, &file) {
                Ok(code) if self.access == Access::ReadOnly => return Some(code),
                Ok(code) => {
                    // Keeps used files in the folder. If the time cannot be set, the file merely leaves earlier.
                    let _ = File::open(&file).and_then(|file| file.set_modified(SystemTime::now()));
                    return Some(code);
                }
                Err(error) => self.remove(&file, &format!("{error:#}")),
            }
        }
        None
    }

    /// Stores compiled code if possible: a failure does not prevent service.
    fn store<A: Artefact>(&self, key: &str, code: &A) {
        let stored = code.serialize().map_err(io::Error::other).and_then(|artefact| {
            if u64::try_from(artefact.len()).unwrap_or(u64::MAX) > self.bytes {
                return Err(io::Error::other(format!(
                    "it has {} bytes, and sandbox.cacheBytes is {}",
                    artefact.len(),
                    self.bytes
                )));
            }
            let name = format!("{key}-{}", hex(&Sha256::digest(&artefact).into()));
            let unfinished = self.folder.join(format!("{}.{UNFINISHED}", uuid::Uuid::new_v4()));
            let finished = self.folder.join(format!("{name}.{ARTEFACT}"));
            let written = new_file(&unfinished)
                .and_then(|mut file| file.write_all(&artefact))
                .and_then(|()| std::fs::rename(&unfinished, &finished));
            if written.is_err() {
                // Report the first error.
                let _ = std::fs::remove_file(&unfinished);
            }
            written.map(|()| finished)
        });
        match stored {
            Ok(newest) => self.evict(&newest),
            Err(error) => {
                tracing::warn!(reason = %error, "compiled code is not kept; the next start compiles it again")
            }
        }
    }

    /// Removes the least recently used files until the rest fits; `newest` stays.
    fn evict(&self, newest: &Path) {
        let mut files = self.files(ARTEFACT);
        files.sort_unstable_by_key(|(_, found)| found.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        let mut held: u64 = files.iter().map(|(_, found)| found.len()).sum();
        for (file, found) in files {
            if held <= self.bytes {
                return;
            }
            if file != newest {
                self.remove(&file, "there is newer code, and no room");
                held = held.saturating_sub(found.len());
            }
        }
    }

    /// Returns the files with this ending. An unreadable folder counts as empty: everything is compiled.
    fn files(&self, extension: &str) -> Vec<(PathBuf, std::fs::Metadata)> {
        let entries = match self.folder.read_dir() {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(folder = %self.folder.display(), reason = %error, "the cache cannot be read");
                return Vec::new();
            }
        };
        let file = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry.ok()?;
            let found = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let path = entry.path();
            (path.extension()?.to_str()? == extension).then_some((path, found))
        };
        entries.filter_map(file).collect()
    }

    fn remove(&self, file: &Path, reason: &str) {
        if self.access == Access::ReadOnly {
            return;
        }
        tracing::warn!(file = %file.display(), reason, "compiled code is removed from the cache");
        if let Err(error) = std::fs::remove_file(file) {
            tracing::warn!(file = %file.display(), reason = %error, "compiled code cannot be removed");
        }
    }
}

// === impl Artefact ===

impl Artefact for Module {
    fn compile(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self> {
        Self::from_binary(engine, bytes)
    }

    fn load(engine: &Engine, artefact: &Path) -> wasmtime::Result<Self> {
        trusted::module(engine, artefact)
    }

    fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        self.serialize()
    }
}

impl Artefact for Component {
    fn compile(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self> {
        Self::from_binary(engine, bytes)
    }

    fn load(engine: &Engine, artefact: &Path) -> wasmtime::Result<Self> {
        trusted::component(engine, artefact)
    }

    fn serialize(&self) -> wasmtime::Result<Vec<u8>> {
        self.serialize()
    }
}

// === impl Sha ===

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not needed: the whole hash is used instead.
    fn finish(&self) -> u64 {
        0
    }
}

/// Returns the module's hash and the engine's: wasmtime's version and all settings that change the compiled code.
fn key(engine: &Engine, wasm: &Wasm) -> String {
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    let engine: [u8; 32] = sha.0.finalize().into();
    // Half of it, so a whole name fits into the 255 bytes of a file name.
    let engine = hex(&engine).chars().take(32).collect::<String>();
    format!("{}-{engine}", hex(wasm.sha256()))
}

/// Creates a file only its owner may use. An existing file or link is an error.
fn new_file(path: &Path) -> io::Result<File> {
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(no_follow).open(path)
}

fn hash(file: &Path) -> io::Result<[u8; 32]> {
    let mut sha = Sha256::new();
    io::copy(&mut File::open(file)?, &mut sha)?;
    Ok(sha.finalize().into())
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
