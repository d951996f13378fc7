//! One filter configuration: the compiled contract and everything its streams share, on all workers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callgate_engine::{Decisions, Gate, UsageCharge};
use callgate_host::config::{self, Config, ConfigError};
use callgate_host::metrics::{Counter, Histogram};
use callgate_host::{ExchangeIds, Records};

use crate::abi::{self, ConfigPtr};
use crate::delivery::Delivery;
use crate::slots::ProcessSlots;
use crate::ticker::Ticker;

/// One filter configuration, owned by Envoy's.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) shared: Arc<Shared>,
    config: ConfigPtr,
}

/// The state shared by the workers.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) ticker: Ticker,
    /// Envoy's ids of counters.
    counters: HashMap<Counter, usize>,
    /// Envoy's ids of histograms.
    histograms: Vec<(Histogram, usize)>,
    /// Records of each worker: first the decisions of all workers by their index, then the charges.
    deliveries: Vec<Delivery>,
    ended: AtomicBool,
}

/// One worker's part of a configuration.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) gate: Rc<Gate>,
    pub(crate) ids: ExchangeIds,
}

/// The reason for refusing a configuration, in one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginError {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("no thread for ticks: {0}; raise the limit on threads")]
    Thread(std::io::Error),
}

thread_local! {
    /// The configurations that this thread's streams have used.
    static WORKERS: RefCell<Vec<Rc<Worker>>> = const { RefCell::new(Vec::new()) };
}

// === impl Plugin ===

impl Plugin {
    /// Reads a configuration and compiles its contract. On the main thread.
    ///
    /// # Errors
    /// The first fault, in one line.
    pub(crate) fn new(pointer: ConfigPtr, bytes: &[u8]) -> Result<Self, PluginError> {
        let config = config::read_with(bytes, &|name| std::env::var(name).ok())?;
        config::log_contracts(&config);
        config::warn_of_short_timeout(&config);
        let counters = Counter::all().filter_map(|counter| Some((counter, pointer.define_counter(&counter.name())?)));
        let histograms = Histogram::ALL.into_iter();
        let histograms = histograms.filter_map(|name| Some((name, pointer.define_histogram(name.name())?)));
        let workers = config.clusters.executor.as_ref().map_or(0, |_| abi::concurrency().max(1));
        let scheduler = if workers > 0 { pointer.scheduler() } else { None };
        let shared = Shared {
            ticker: Ticker::start(scheduler).map_err(PluginError::Thread)?,
            counters: counters.collect(),
            histograms: histograms.collect(),
            deliveries: Records::ALL
                .into_iter()
                .flat_map(|records| (0..workers).map(move |_| Delivery::new(records)))
                .collect(),
            config,
            ended: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared), config: pointer })
    }

    /// Returns this thread's part of the configuration.
    pub(crate) fn worker(&self) -> Rc<Worker> {
        WORKERS.with_borrow_mut(|workers| {
            if let Some(worker) = workers.iter().find(|worker| Arc::ptr_eq(&worker.shared, &self.shared)) {
                return Rc::clone(worker);
            }
            workers.retain(|worker| !worker.shared.ended.load(Ordering::Relaxed));
            let gate = Rc::new(self.shared.config.rules.gate().with_slots(Rc::new(ProcessSlots)));
            let worker = Rc::new(Worker { shared: Arc::clone(&self.shared), gate, ids: ExchangeIds::default() });
            workers.push(Rc::clone(&worker));
            worker
        })
    }

    /// Sends the next batch of every worker's records, if it is time. On the main thread.
    pub(crate) fn on_tick(&self) {
        self.shared.deliveries.iter().for_each(|delivery| self.send(delivery));
    }

    /// Returns the delivery that awaits an answer with this id.
    pub(crate) fn delivery(&self, id: u64) -> Option<&Delivery> {
        self.shared.deliveries.iter().find(|delivery| delivery.awaits(id))
    }

    /// Ends the batch with this id. The next one follows at once. On the main thread.
    pub(crate) fn on_record_end(&self, id: u64, complete: bool) {
        let Some(delivery) = self.delivery(id) else { return };
        if let Some(settled) = delivery.end(id, complete) {
            self.count(settled);
            self.send(delivery);
        }
    }

    /// Ends the configuration. Records still here are lost.
    pub(crate) fn end(&self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.shared.ticker.end();
        self.shared.deliveries.iter().for_each(Delivery::report_loss);
    }

    fn send(&self, delivery: &Delivery) {
        if let Some(executor) = &self.shared.config.clusters.executor
            && let Some(settled) = delivery.send(self.config, executor)
        {
            self.count(settled);
        }
    }

    fn count(&self, settled: callgate_host::Settled) {
        for (counter, by) in settled.counts() {
            if let (Some(id), 1..) = (self.shared.counter(counter), by) {
                self.config.count(id, by);
            }
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Returns Envoy's id of a counter.
    pub(crate) fn counter(&self, counter: Counter) -> Option<usize> {
        self.counters.get(&counter).copied()
    }

    /// Returns Envoy's id of a histogram.
    pub(crate) fn histogram(&self, histogram: Histogram) -> Option<usize> {
        self.histograms.iter().find(|(own, _)| *own == histogram).map(|(_, id)| *id)
    }

    /// Takes an exchange's decisions.
    pub(crate) fn record(&self, worker_index: u32, decisions: Decisions<'_>) {
        if let Some(delivery) = self.of_worker(worker_index, Records::Decisions) {
            delivery.put(decisions);
        }
    }

    /// Takes an exchange's charge.
    pub(crate) fn charge(&self, worker_index: u32, charge: UsageCharge) {
        if let Some(delivery) = self.of_worker(worker_index, Records::Charges) {
            delivery.charge(charge);
        }
    }

    /// Returns the delivery of a worker. The main thread, which has no worker's index, handles streams of internal listeners: it shares
    /// the first one's.
    fn of_worker(&self, worker_index: u32, records: Records) -> Option<&Delivery> {
        let index = usize::try_from(worker_index).unwrap_or(usize::MAX);
        let mut own = self.deliveries.iter().filter(|delivery| delivery.records() == records);
        own.clone().nth(index).or_else(|| own.next())
    }
}
