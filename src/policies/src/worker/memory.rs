//! The bound on this process's memory.
//!
//! A thread looks at the resident memory while an evaluation runs, and ends the process over the bound. The bound is checked every two
//! milliseconds, so an evaluation can pass it by what a processor writes in that time.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// The most resident memory, in bytes.
const MEMORY: usize = 256 << 20;
const LOOK: Duration = Duration::from_millis(2);

/// The thread that looks.
pub(super) struct Watch {
    works: Arc<AtomicBool>,
    thread: Thread,
}

// === impl Watch ===

impl Watch {
    /// Starts the thread, unless this system does not tell the memory of a process.
    pub(super) fn start() -> io::Result<Self> {
        resident()?;
        let works = Arc::new(AtomicBool::new(false));
        let looks = {
            let works = Arc::clone(&works);
            move || {
                loop {
                    if !works.load(Ordering::Acquire) {
                        thread::park();
                        continue;
                    }
                    if !resident().is_ok_and(|bytes| bytes <= MEMORY) {
                        std::process::abort();
                    }
                    thread::sleep(LOOK);
                }
            }
        };
        let thread = thread::Builder::new().name("memory".to_owned()).spawn(looks)?.thread().clone();
        Ok(Self { works, thread })
    }

    /// Does something under the bound.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.works.store(true, Ordering::Release);
        self.thread.unpark();
        let done = work();
        self.works.store(false, Ordering::Release);
        done
    }
}

/// Returns the resident memory of this process, in bytes.
fn resident() -> io::Result<usize> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    Ok(kilobytes.ok_or(io::ErrorKind::InvalidData)?.saturating_mul(1 << 10))
}
