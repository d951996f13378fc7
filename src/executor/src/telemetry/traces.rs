//! Traces: an `execute_tool` span for every call, which continues the caller's trace.
//!
//! Names follow OpenTelemetry's semantic conventions for generative AI. `gen_ai.tool.call.arguments` and
//! `gen_ai.tool.call.result` are never set. Without a collector no span is made; the caller's trace still reaches
//! backends and the log.

use std::time::Duration;

use callgate_contract::{Run, Tool};
use callgate_proto::executor::v1::Usage;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{FutureExt, SpanKind, Status, TraceContextExt, Tracer, TracerProvider, WithContext};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::{SpanExporter, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};
use tonic::metadata::{KeyRef, MetadataMap};
use tonic::transport::{Certificate, Channel, ClientTlsConfig};

use super::export::{OnTheWay, QUEUE};
use super::metrics::Metrics;
use super::settings::{Otlp, TelemetrySettings};

/// The timeout of one batch. A batch the collector has not taken by then is dropped.
const EXPORT: Duration = Duration::from_secs(5);
/// The interval between two batches.
const BATCH: Duration = Duration::from_secs(1);
const BATCH_SPANS: usize = 512;
/// The time for the last spans to leave at the end.
const FLUSH: Duration = Duration::from_secs(5);
/// The maximum bytes of a model's text in a span.
const CALL_ID_CHARS: usize = 128;
/// The maximum bytes of `traceparent` or `tracestate`: the size W3C asks everyone to pass on. A longer one is left out.
const HEADER_BYTES: usize = 512;

/// Makes spans if a collector is configured. Clones share it.
#[derive(Clone, Debug)]
pub enum Traces {
    /// No collector is configured.
    Off,
    /// Spans go to the collector.
    On {
        /// Makes the spans.
        tracer: SdkTracer,
        /// Sends them.
        provider: SdkTracerProvider,
    },
}

/// The reason spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The collector's address or authority cannot be used.
    #[error("telemetry.otlp: {endpoint} cannot be used: {reason}")]
    Endpoint {
        /// The configured address.
        endpoint: String,
        /// The library's reason.
        reason: String,
    },
}

/// The attributes a call's span has from the start.
#[derive(Clone, Copy, Debug)]
pub struct CallAttributes<'a> {
    /// The contract's tool; `None` for an unknown name.
    pub tool: Option<&'a Tool>,
    /// The call's id as the model gave it.
    pub call_id: &'a str,
    /// The exchange's name.
    pub exchange_id: &'a str,
    /// The digest of the contract.
    pub contract_digest: &'a str,
    /// The caller's role.
    pub role: &'a str,
}

/// The span of one call. If it is dropped before it [ended](Self::ended), it records that the call was given up.
#[derive(Debug)]
pub struct CallSpan {
    context: Context,
    state: SpanState,
}

/// One step of a call, until it is dropped.
#[derive(Debug)]
pub struct StepSpan(Context);

#[derive(Debug)]
enum SpanState {
    /// Nobody hears of it.
    Silent,
    Open(SdkTracer),
    Ended,
}

/// Reads a trace from the metadata of a gRPC request.
struct Metadata<'a>(&'a MetadataMap);

/// Returns the trace in a request's `traceparent` and `tracestate` (W3C Trace Context), or an empty one.
pub fn caller(metadata: &MetadataMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Metadata(metadata))
}

// === impl Traces ===

impl Traces {
    /// Connects to the configured collector once there are spans to send. Needs a tokio runtime. It also sets the
    /// process's propagator, which passes the trace on to backends.
    ///
    /// # Errors
    /// The collector's address or authority cannot be used. An unreachable collector is not an error.
    pub fn start(settings: &TelemetrySettings, metrics: &Metrics) -> Result<Self, TraceError> {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let Some(otlp) = &settings.otlp else { return Ok(Self::Off) };
        let wrong = |reason: String| TraceError::Endpoint { endpoint: otlp.endpoint.clone(), reason };
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_channel(channel(otlp).map_err(wrong)?)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let on_the_way = OnTheWay::new(metrics.spans().clone());
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH_SPANS)
            .with_scheduled_delay(BATCH)
            .build();
        let processor = BatchSpanProcessor::builder(on_the_way.after(exporter)).with_batch_config(batches).build();
        let resource = Resource::builder_empty()
            .with_service_name(settings.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(on_the_way.before(processor))
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sampling.as_f64()))))
            .with_resource(resource)
            .build();
        Ok(Self::On { tracer: provider.tracer(env!("CARGO_CRATE_NAME")), provider })
    }

    /// Begins a call's span in the caller's trace.
    pub fn call(&self, parent: &Context, about: &CallAttributes<'_>) -> CallSpan {
        let tracer = match self {
            Self::Off => return CallSpan { context: parent.clone(), state: SpanState::Silent },
            Self::On { tracer, .. } => tracer,
        };
        let call_id: String = about.call_id.chars().filter(|c| !c.is_control()).take(CALL_ID_CHARS).collect();
        let mut attributes = vec![
            KeyValue::new("gen_ai.operation.name", "execute_tool"),
            KeyValue::new("gen_ai.tool.call.id", call_id),
            KeyValue::new("callgate.exchange.id", about.exchange_id.to_owned()),
            KeyValue::new("callgate.contract.digest", about.contract_digest.to_owned()),
            KeyValue::new("callgate.role", about.role.to_owned()),
        ];
        let name = match about.tool {
            Some(tool) => {
                attributes.push(KeyValue::new("gen_ai.tool.name", tool.name().to_owned()));
                attributes.push(KeyValue::new("gen_ai.tool.type", kind(tool)));
                attributes.push(KeyValue::new("callgate.run", tool.run().as_str()));
                format!("execute_tool {}", tool.name())
            }
            // The name is a model's text, and a span's name should not be.
            None => "execute_tool".to_owned(),
        };
        let span = tracer.span_builder(name).with_kind(SpanKind::Internal).with_attributes(attributes);
        let span = tracer.build_with_context(span, parent);
        CallSpan { context: parent.with_span(span), state: SpanState::Open(tracer.clone()) }
    }

    /// Sends the last spans within a bounded time, and nothing after.
    pub async fn shutdown(&self) {
        if let Self::On { provider, .. } = self {
            let provider = provider.clone();
            // Failed spans were counted.
            let _ = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH)).await;
        }
    }
}

fn channel(otlp: &Otlp) -> Result<Channel, String> {
    let mut endpoint = Channel::from_shared(otlp.endpoint.clone())
        .map_err(|error| error.to_string())?
        .connect_timeout(EXPORT)
        .timeout(EXPORT);
    if let Some(authority) = &otlp.authority {
        let pem = std::fs::read(authority)
            .map_err(|error| format!("telemetry.otlpCa: {} cannot be read: {error}", authority.display()))?;
        endpoint = endpoint
            .tls_config(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))
            .map_err(|error| error.to_string())?;
    }
    Ok(endpoint.connect_lazy())
}

/// Returns the conventions' kind of a tool: the caller runs a `function`, an agent reaches out with an `extension`.
fn kind(tool: &Tool) -> &'static str {
    match tool.run() {
        Run::Client => "function",
        Run::Wasm(_) | Run::Grpc(_) | Run::Http(_) | Run::Mcp(_) => "extension",
    }
}

// === impl CallSpan ===

impl CallSpan {
    /// Returns the trace's id, 32 lowercase hexadecimal digits; empty without a trace.
    pub fn trace_id(&self) -> String {
        let span = self.context.span();
        let trace = span.span_context();
        if trace.is_valid() { trace.trace_id().to_string() } else { String::new() }
    }

    /// Runs a future in the call's trace: its log lines carry the trace's id, and its requests pass the trace to
    /// backends.
    pub fn within<F: Future>(&self, future: F) -> WithContext<F> {
        future.with_context(self.context.clone())
    }

    /// Runs a function in the call's trace.
    pub fn enter<T>(&self, act: impl FnOnce() -> T) -> T {
        let _entered = self.context.clone().attach();
        act()
    }

    /// Begins a step of the call, such as `queue` or `run`.
    pub fn step(&self, name: &'static str) -> Option<StepSpan> {
        match &self.state {
            SpanState::Open(tracer) => {
                let span = tracer.span_builder(name).start_with_context(tracer, &self.context);
                Some(StepSpan(self.context.with_span(span)))
            }
            SpanState::Silent | SpanState::Ended => None,
        }
    }

    /// Notes the end of the call. `outcome` is `success` or the kind of failure, such as `timeout`.
    pub fn ended(mut self, outcome: &'static str, usage: &Usage) {
        let span = self.context.span();
        let number = |n: u64| Value::I64(i64::try_from(n).unwrap_or(i64::MAX));
        span.set_attribute(KeyValue::new("callgate.outcome", outcome));
        span.set_attribute(KeyValue::new("callgate.fuel", number(usage.fuel)));
        span.set_attribute(KeyValue::new("callgate.peak_memory", number(usage.peak_memory_bytes)));
        self.end(outcome);
    }

    fn end(&mut self, outcome: &'static str) {
        if let SpanState::Open(_) = std::mem::replace(&mut self.state, SpanState::Ended) {
            let span = self.context.span();
            if outcome != "success" {
                span.set_attribute(KeyValue::new("error.type", outcome));
                span.set_status(Status::error(outcome));
            }
            span.end();
        }
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        self.end("cancelled");
    }
}

// === impl StepSpan ===

impl Drop for StepSpan {
    fn drop(&mut self) {
        self.0.span().end();
    }
}

// === impl Metadata ===

impl Extractor for Metadata<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok().filter(|text| text.len() <= HEADER_BYTES)
    }

    fn keys(&self) -> Vec<&str> {
        self.0
            .keys()
            .filter_map(|key| match key {
                KeyRef::Ascii(key) => Some(key.as_str()),
                KeyRef::Binary(_) => None,
            })
            .collect()
    }
}
