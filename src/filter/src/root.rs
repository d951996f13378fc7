//! The plugin: reads its configuration, makes an exchange for each stream.

use std::cell::Cell;
use std::rc::Rc;

use callgate_engine::{Gate, Receipt};
use callgate_host::config;
use callgate_host::metrics::{Counter, Metrics};
use callgate_host::{ExchangeIds, NOT_CONFIGURED, Recorder, TICK, executor};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use crate::counters::Counters;
use crate::exchange::HttpExchange;
use crate::host::{self, now};
use crate::registry::Registry;
use crate::slots::SharedSlots;
use crate::worker::Worker;

/// Everything a stream needs, once the configuration is read.
#[derive(Debug)]
struct Ready {
    gate: Rc<Gate>,
    worker: Rc<Worker>,
    registry: Rc<Registry>,
}

/// The root context. Without a configuration every stream is refused.
#[derive(Debug)]
pub(crate) struct Root {
    context_id: u32,
    ready: Option<Ready>,
    /// The batch of decisions under way.
    record_token: Cell<Option<u32>>,
}

impl Root {
    pub(crate) fn new(context_id: u32) -> Self {
        Self { context_id, ready: None, record_token: Cell::new(None) }
    }

    /// Sends the next batch of decisions, if it is time. Call it in a callback of the root context only: the answer goes to the
    /// calling context.
    fn send_decisions(&self) {
        let Some((worker, executor)) =
            self.worker().and_then(|worker| Some((worker, worker.clusters.executor.as_ref()?)))
        else {
            return;
        };
        let Some(batch) = worker.recorder.next(now()) else { return };
        match host::call_executor(executor, executor::RECORD, Vec::new(), &batch) {
            Ok(token) => self.record_token.set(Some(token)),
            Err(_) => self.settle(Receipt::Failed),
        }
    }

    fn settle(&self, receipt: Receipt) {
        let Some(worker) = self.worker() else { return };
        let settled = worker.recorder.settle(receipt, now());
        worker.metrics.add(Counter::DecisionsRecorded, settled.recorded);
        worker.metrics.add(Counter::DecisionsLost, settled.lost);
    }

    fn worker(&self) -> Option<&Worker> {
        Some(&self.ready.as_ref()?.worker)
    }
}

impl Context for Root {
    fn on_grpc_call_response(&mut self, token: u32, status: u32, _size: usize) {
        if self.record_token.get() == Some(token) {
            self.record_token.set(None);
            self.settle(executor::receipt(status));
            self.send_decisions();
        }
    }

    fn on_done(&mut self) -> bool {
        if let Some(worker) = self.worker() {
            worker.recorder.report_loss();
        }
        true
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        match config::read(&bytes) {
            Ok(config) => {
                log::info!(
                    "callgate: contract {} {} ({})",
                    config.rules.contract().name(),
                    config.rules.contract().version(),
                    config.rules.contract().digest()
                );
                config::warn_of_short_timeout(&config);
                self.set_tick_period(TICK);
                let worker = Worker {
                    clusters: config.clusters,
                    verified: config.verified,
                    metrics: Counters::define(),
                    ids: ExchangeIds::default(),
                    recorder: Recorder::default(),
                };
                self.ready = Some(Ready {
                    gate: Rc::new(config.rules.gate().with_slots(Rc::new(SharedSlots::default()))),
                    worker: Rc::new(worker),
                    registry: Rc::default(),
                });
                true
            }
            Err(error) => {
                log::error!("callgate: configuration refused: {error}");
                false
            }
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        let id = self.worker().and_then(|worker| worker.ids.next(now()));
        if self.ready.is_some() && id.is_none() {
            log::error!("callgate: no random bytes for the exchange's id; the exchange is refused");
        }
        Some(match self.ready.as_ref().zip(id) {
            Some((Ready { gate, worker, registry }, id)) => {
                Box::new(HttpExchange::new(Rc::clone(gate), id, context_id, Rc::clone(worker), Rc::clone(registry)))
            }
            None => Box::new(Unready),
        })
    }

    fn on_tick(&mut self) {
        self.send_decisions();
        if let Some(ready) = &self.ready {
            ready.registry.tick(self.context_id);
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// A stream without a configuration. It gets an error, and nothing is forwarded.
struct Unready;

impl Context for Unready {}

impl HttpContext for Unready {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> proxy_wasm::types::Action {
        host::reply(503, NOT_CONFIGURED, None);
        proxy_wasm::types::Action::Pause
    }
}
