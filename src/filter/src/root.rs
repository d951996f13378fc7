//! The plugin: reads its configuration, makes an exchange for each stream.

use std::rc::Rc;
use std::time::Duration;

use callgate_engine::{Gate, Receipt, Reply};
use callgate_host::config;
use callgate_host::metrics::Metrics;
use callgate_host::{ExchangeIds, NOT_CONFIGURED, Records, TICK, executor};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use crate::counters::Counters;
use crate::exchange::HttpExchange;
use crate::host::{self, now};
use crate::registry::Registry;
use crate::slots::SharedSlots;
use crate::worker::{Delivery, Worker};

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
}

impl Root {
    pub(crate) fn new(context_id: u32) -> Self {
        Self { context_id, ready: None }
    }

    /// Sends the next batch of records, if it is time. Call it in a callback of the root context only: the answer goes to the
    /// calling context.
    fn send(worker: &Worker, delivery: &Delivery) {
        let Some(executor) = worker.clusters.executor.as_ref() else { return };
        let Some(batch) = delivery.recorder.next(now()) else { return };
        let method = delivery.recorder.records().method();
        match host::call_executor(executor, method, Vec::new(), &batch, Duration::MAX) {
            Ok(token) => delivery.token.set(Some(token)),
            Err(_) => Self::settle(worker, delivery, Receipt::Failed),
        }
    }

    fn settle(worker: &Worker, delivery: &Delivery, receipt: Receipt) {
        let settled = delivery.recorder.settle(receipt, now());
        settled.counts().for_each(|(counter, by)| worker.metrics.add(counter, by));
    }

    fn worker(&self) -> Option<&Worker> {
        Some(&self.ready.as_ref()?.worker)
    }
}

impl Context for Root {
    fn on_grpc_call_response(&mut self, token: u32, status: u32, _size: usize) {
        let Some(worker) = self.worker() else { return };
        let sent = worker.deliveries().into_iter().find(|delivery| delivery.token.get() == Some(token));
        if let Some(delivery) = sent {
            delivery.token.set(None);
            Self::settle(worker, delivery, executor::receipt(status));
            Self::send(worker, delivery);
        }
    }

    fn on_done(&mut self) -> bool {
        if let Some(worker) = self.worker() {
            worker.deliveries().into_iter().for_each(|delivery| delivery.recorder.report_loss());
        }
        true
    }
}

/// Returns a variable that the `vm_config` passes on.
#[allow(clippy::disallowed_methods, reason = "a key in a variable is in no dump of Envoy's configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        match config::read_with(&bytes, &variable) {
            Ok(config) => {
                config::log_contracts(&config);
                config::warn_of_short_timeout(&config);
                self.set_tick_period(TICK);
                let worker = Worker {
                    clusters: config.clusters,
                    verified: config.verified,
                    metrics: Counters::define(),
                    ids: ExchangeIds::default(),
                    decisions: Delivery::new(Records::Decisions),
                    charges: Delivery::new(Records::Charges),
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
        if let Some(worker) = self.worker() {
            worker.deliveries().into_iter().for_each(|delivery| Self::send(worker, delivery));
        }
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
        host::reply(&Reply::new(503, NOT_CONFIGURED.to_vec()));
        proxy_wasm::types::Action::Pause
    }
}
