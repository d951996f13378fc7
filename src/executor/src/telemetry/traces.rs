//! Traces: an `execute_tool` span for every call, which continues the caller's trace.
//!
//! Names follow OpenTelemetry's semantic conventions for generative AI, from `callgate-genai`. Arguments and results are left out
//! unless the configuration asks for them. Without a collector no span is made; the caller's trace still reaches backends and the log.

use std::sync::Arc;
use std::time::Duration;

use callgate_genai::{self as genai, langfuse};
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanLimits,
};
use tokio::runtime::Handle;

use super::collector::{self, LastFault, TraceError};
use super::content::Content;
use super::export::{OnTheWay, QUEUE};
use super::metrics::Metrics;
use super::settings::{AttributeSettings, Otlp, SpanSource, TelemetrySettings};
use super::span::{CallAttributes, CallSpan, OpenSpan, plain};

/// The interval between two batches.
const BATCH: Duration = Duration::from_secs(1);
const BATCH_SPANS: usize = 512;
/// With arguments or results, a batch must stay below the 4 MiB that many collectors accept.
const BATCH_SPANS_OF_CONTENT: usize = 64;
/// The time for the last spans to leave at the end.
const FLUSH: Duration = Duration::from_secs(5);

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
        /// The attributes of spans, by configuration.
        shape: Arc<SpanShape>,
    },
}

/// The attributes of spans, by configuration.
#[derive(Debug)]
pub struct SpanShape {
    /// Names of attributes of every span, and the facts of the call they hold.
    attributes: Vec<(String, SpanSource)>,
    /// True if spans have the kind that Langfuse reads.
    langfuse: bool,
    content: Content,
}

// === impl Traces ===

impl Traces {
    /// Connects to the configured collector once there are spans to send. Needs a tokio runtime. It also sets the
    /// process's propagator, which passes the trace on to backends.
    ///
    /// # Errors
    /// The collector's address, authority or a header cannot be used. An unreachable collector is not an error.
    pub fn start(settings: &TelemetrySettings, metrics: &Metrics) -> Result<Self, TraceError> {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        match &settings.otlp {
            None => Ok(Self::Off),
            Some(otlp) => Self::on(settings, otlp, metrics),
        }
    }

    fn on(settings: &TelemetrySettings, otlp: &Otlp, metrics: &Metrics) -> Result<Self, TraceError> {
        let fault = LastFault::default();
        let exporter = collector::exporter(otlp, settings.attributes.langfuse, fault.clone())?;
        let on_the_way = OnTheWay::new(metrics.spans().clone());
        let batch = if settings.content.is_off() { BATCH_SPANS } else { BATCH_SPANS_OF_CONTENT };
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(batch)
            .with_scheduled_delay(BATCH)
            .build();
        let counted = on_the_way.after(exporter, Handle::current(), fault);
        let processor = BatchSpanProcessor::builder(counted).with_batch_config(batches).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(on_the_way.before(processor))
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sampling.as_f64()))))
            // Else the library reads them from the environment.
            .with_span_limits(SpanLimits::default())
            .with_resource(resource(settings))
            .build();
        let scope = InstrumentationScope::builder(env!("CARGO_CRATE_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(genai::SCHEMA_URL)
            .build();
        let shape = Arc::new(SpanShape::new(&settings.attributes, Content::new(settings.content)));
        Ok(Self::On { tracer: provider.tracer_with_scope(scope), provider, shape })
    }

    /// Begins a call's span in the caller's trace.
    pub fn call(&self, parent: &Context, about: &CallAttributes<'_>) -> CallSpan {
        let Self::On { tracer, shape, .. } = self else { return CallSpan::silent(parent.clone()) };
        let shared = shape.shared(about);
        let mut attributes = about.attributes();
        attributes.extend(shared.iter().cloned());
        attributes.extend(shape.kind(langfuse::TOOL));
        let name = genai::execute_tool_span(about.tool.map(callgate_contract::Tool::name));
        let span = tracer.span_builder(name).with_kind(SpanKind::Internal).with_attributes(attributes);
        let span = tracer.build_with_context(span, parent);
        let open = OpenSpan { tracer: tracer.clone(), shape: Arc::clone(shape), shared };
        CallSpan::open(parent.with_span(span), open)
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

fn resource(settings: &TelemetrySettings) -> Resource {
    let constant = settings.attributes.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty()
        .with_service_name(settings.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()))
        .with_attributes(constant)
        .build()
}

// === impl SpanShape ===

impl SpanShape {
    fn new(settings: &AttributeSettings, content: Content) -> Self {
        Self { attributes: settings.of_spans(), langfuse: settings.langfuse, content }
    }

    /// Returns the configured attributes of every span of a call. A fact that is unknown has none.
    fn shared(&self, about: &CallAttributes<'_>) -> Vec<KeyValue> {
        let fact = |source| match source {
            SpanSource::Conversation => about.conversation_id,
            SpanSource::Tenant => about.tenant,
            SpanSource::Role => about.role,
            SpanSource::Exchange => about.exchange_id,
            SpanSource::Request => about.request_id,
        };
        let known = self.attributes.iter().map(|(name, source)| (name, plain(fact(*source))));
        known.filter(|(_, value)| !value.is_empty()).map(|(name, value)| KeyValue::new(name.clone(), value)).collect()
    }

    /// Returns the attribute with the kind of a span, if it is configured.
    pub(super) fn kind(&self, kind: &'static str) -> Option<KeyValue> {
        self.langfuse.then(|| KeyValue::new(langfuse::OBSERVATION_TYPE, kind))
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }
}
