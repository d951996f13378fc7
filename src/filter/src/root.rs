//! The plugin: reads its configuration, makes an exchange for each stream.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use crate::config::{self, Claims, Clusters};
use crate::exchange::HttpExchange;
use crate::metrics::Metrics;

/// What every stream of a worker shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clusters: Clusters,
    pub(crate) claims: Option<Claims>,
    pub(crate) metrics: Metrics,
}

/// The root context. Without a configuration every stream is refused.
#[derive(Debug, Default)]
pub(crate) struct Root {
    ready: Option<(Rc<callgate_engine::Gate>, Rc<Shared>)>,
}

impl Context for Root {}

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
                let shared = Shared { clusters: config.clusters, claims: config.claims, metrics };
                self.ready = Some((Rc::new(config.gate), Rc::new(shared)));
                true
            }
            Err(error) => {
                log::error!("callgate: configuration refused: {error}");
                false
            }
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.ready {
            Some((gate, shared)) => Box::new(HttpExchange::new(Rc::clone(gate), Rc::clone(shared))),
            None => Box::new(Unready),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// A stream that came before any configuration: it gets an error and nothing goes on.
struct Unready;

impl Context for Unready {}

impl HttpContext for Unready {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> proxy_wasm::types::Action {
        crate::host::reply(self, 503, br#"{"error":{"message":"Callgate has no contract yet.","type":"server_error","param":null,"code":"not_configured"}}"#);
        proxy_wasm::types::Action::Pause
    }
}
