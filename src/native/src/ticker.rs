//! Ticks: one thread per configuration that asks Envoy, twice a second, to run the scheduled hooks.
//!
//! Envoy must not be asked for a stream or a configuration that is gone. A stream's entry is removed when the stream ends, under the
//! lock that the thread holds while it asks. The thread is joined when the configuration ends.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use callgate_host::TICK;

use crate::abi::{ConfigScheduler, StreamScheduler};

/// The schedulers of one configuration and of its live streams.
#[derive(Debug)]
pub(crate) struct Ticker {
    schedulers: Arc<Schedulers>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Ticks of one stream, until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticks {
    schedulers: Arc<Schedulers>,
    slot: usize,
}

#[derive(Debug, Default)]
struct Schedulers {
    all: Mutex<All>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct All {
    config: Option<ConfigScheduler>,
    /// Streams by their slots.
    streams: Vec<Option<StreamScheduler>>,
    /// Slots without a stream.
    free: Vec<usize>,
    ended: bool,
}

// === impl Ticker ===

impl Ticker {
    /// Starts the thread. Returns an error if the system gives none.
    pub(crate) fn start(config: Option<ConfigScheduler>) -> std::io::Result<Self> {
        let schedulers =
            Arc::new(Schedulers { all: Mutex::new(All { config, ..All::default() }), ..Schedulers::default() });
        let shared = Arc::clone(&schedulers);
        let thread = std::thread::Builder::new().name("callgate-ticks".to_owned()).spawn(move || shared.run())?;
        Ok(Self { schedulers, thread: Mutex::new(Some(thread)) })
    }

    /// Ticks a stream until the returned value is dropped.
    pub(crate) fn add(&self, scheduler: StreamScheduler) -> Ticks {
        let mut all = self.schedulers.lock();
        let slot = all.add(scheduler);
        Ticks { schedulers: Arc::clone(&self.schedulers), slot }
    }

    /// Ends the thread. Call it before Envoy's side of the configuration is gone.
    pub(crate) fn end(&self) {
        let config = {
            let mut all = self.schedulers.lock();
            all.ended = true;
            all.config.take()
        };
        drop(config);
        self.schedulers.ended.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread cannot panic; if it did, it has ended all the same.
        let _ = thread.map(JoinHandle::join);
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        let scheduler = self.schedulers.lock().remove(self.slot);
        drop(scheduler);
    }
}

// === impl All ===

impl All {
    fn add(&mut self, scheduler: StreamScheduler) -> usize {
        let slot = self.free.pop().unwrap_or(self.streams.len());
        match self.streams.get_mut(slot) {
            Some(free) => *free = Some(scheduler),
            None => self.streams.push(Some(scheduler)),
        }
        slot
    }

    fn remove(&mut self, slot: usize) -> Option<StreamScheduler> {
        let scheduler = self.streams.get_mut(slot)?.take();
        self.free.push(slot);
        scheduler
    }
}

// === impl Schedulers ===

impl Schedulers {
    fn run(&self) {
        let mut all = self.lock();
        while !all.ended {
            all = self.ended.wait_timeout(all, TICK).map_or_else(|poisoned| poisoned.into_inner().0, |(all, _)| all);
            if all.ended {
                return;
            }
            if let Some(config) = &all.config {
                config.commit();
            }
            all.streams.iter().flatten().for_each(StreamScheduler::commit);
        }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        // The slots are whole between any two calls, so a panic elsewhere leaves nothing broken in it.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
