//! The plugin: reads its configuration, makes an exchange for each stream.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use callgate_engine::Gate;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use crate::config::{self, Executor};
use crate::exchange::HttpExchange;
use crate::metrics::Metrics;
use crate::recorder::Recorder;
use crate::registry::Registry;
use crate::worker::Worker;

/// The interval of ticks for exchanges and for the outbox.
const TICK: Duration = Duration::from_millis(500);

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

    /// Returns the recorder, its destination and the metrics.
    fn recorder(&self) -> Option<(&Recorder, &Executor, &Metrics)> {
        let worker = &self.ready.as_ref()?.worker;
        Some((worker.recorder.as_ref()?, worker.clusters.executor.as_ref()?, &worker.metrics))
    }
}

impl Context for Root {
    fn on_grpc_call_response(&mut self, token: u32, status: u32, _size: usize) {
        if let Some((recorder, executor, metrics)) = self.recorder() {
            recorder.answered(token, status, executor, metrics);
        }
    }

    fn on_done(&mut self) -> bool {
        let waiting = self.recorder().map_or(0, |(recorder, ..)| recorder.waiting());
        if waiting > 0 {
            log::error!("callgate: this worker ends, and {waiting} decisions are lost for the audit log");
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
                    config.gate.contract().name(),
                    config.gate.contract().version(),
                    config.gate.contract().digest()
                );
                let metrics = Metrics::define();
                let recorder = config.clusters.executor.as_ref().map(|executor| {
                    short_timeout(executor, &config.gate);
                    Recorder::default()
                });
                self.set_tick_period(TICK);
                let (clusters, claims) = (config.clusters, config.claims);
                self.ready = Some(Ready {
                    gate: Rc::new(config.gate),
                    worker: Rc::new(Worker { clusters, claims, metrics, recorder }),
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
        let id = exchange_id(self.get_current_time());
        if id.is_none() {
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
        if let Some((recorder, executor, metrics)) = self.recorder() {
            recorder.send(executor, metrics);
        }
        if let Some(ready) = &self.ready {
            ready.registry.tick(self.context_id);
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// A UUID of a time and 74 random bits (version 7, RFC 9562 §5.7): no client can choose or predict it,
/// and the executor's indexes grow at their end.
fn exchange_id(now: SystemTime) -> Option<String> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).ok()?;
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    Some(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string())
}

/// Warns if the callout can end before a tool does: the outcome of the call is then unknown.
fn short_timeout(executor: &Executor, gate: &Gate) {
    let longest = gate.contract().longest_timeout();
    if executor.timeout <= longest {
        log::warn!(
            "callgate: `executor.timeout`, {:?}, is not longer than the longest `timeout` of the contract's tools, {longest:?}: \
             what became of a call may stay unknown",
            executor.timeout
        );
    }
}

/// A stream without a configuration. It gets an error, and nothing is forwarded.
struct Unready;

impl Context for Unready {}

impl HttpContext for Unready {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> proxy_wasm::types::Action {
        crate::host::reply(503, br#"{"error":{"message":"Callgate has no contract yet.","type":"server_error","param":null,"code":"not_configured"}}"#, None);
        proxy_wasm::types::Action::Pause
    }
}
