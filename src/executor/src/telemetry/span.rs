//! The span of one call, its steps, and the trace that it continues.

use std::sync::Arc;

use callgate_contract::{Contract, Run, Tool};
use callgate_genai::{self as genai, langfuse};
use callgate_proto::executor::v1::Usage;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{FutureExt, Status, TraceContextExt, Tracer, WithContext};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;
use tonic::metadata::{KeyRef, MetadataMap};

use super::traces::SpanShape;

/// The maximum characters of a model's or a caller's text in an attribute.
const TEXT_CHARS: usize = 128;
/// The maximum bytes of `traceparent` or `tracestate`: the size W3C asks everyone to pass on. A longer one is left out.
const HEADER_BYTES: usize = 512;

/// The attributes a call's span has from the start.
#[derive(Clone, Copy, Debug)]
pub struct CallAttributes<'a> {
    /// The contract's tool; `None` for an unknown name.
    pub tool: Option<&'a Tool>,
    /// The call's id as the model gave it.
    pub call_id: &'a str,
    /// The exchange's name.
    pub exchange_id: &'a str,
    /// The proxy's id of the HTTP request, or empty.
    pub request_id: &'a str,
    /// The conversation: 32 hexadecimal digits, or empty.
    pub conversation_id: &'a str,
    /// The digest of the contract.
    pub contract_digest: &'a str,
    /// The caller's tenant.
    pub tenant: &'a str,
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

/// An open span's parts.
#[derive(Debug)]
pub(super) struct OpenSpan {
    pub(super) tracer: SdkTracer,
    pub(super) shape: Arc<SpanShape>,
    /// The configured attributes of every span of the call.
    pub(super) shared: Vec<KeyValue>,
}

#[derive(Debug)]
enum SpanState {
    /// Nobody hears of it.
    Silent,
    Open(OpenSpan),
    Ended,
}

/// Reads a trace from the metadata of a gRPC request.
struct Metadata<'a>(&'a MetadataMap);

/// Returns the trace in a request's `traceparent` and `tracestate` (W3C Trace Context), or an empty one.
pub fn caller(metadata: &MetadataMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Metadata(metadata))
}

/// Returns a text for an attribute: without control characters, and bounded.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS).collect()
}

// === impl CallAttributes ===

impl CallAttributes<'_> {
    /// Returns the attributes that every call's span has.
    pub(super) fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new(genai::OPERATION_NAME, genai::EXECUTE_TOOL),
            KeyValue::new(genai::TOOL_CALL_ID, plain(self.call_id)),
            KeyValue::new("callgate.exchange.id", self.exchange_id.to_owned()),
            KeyValue::new("callgate.contract.digest", self.contract_digest.to_owned()),
            KeyValue::new("callgate.role", self.role.to_owned()),
        ];
        if !self.conversation_id.is_empty() {
            attributes.push(KeyValue::new(genai::CONVERSATION_ID, self.conversation_id.to_owned()));
        }
        if let Some(tool) = self.tool {
            attributes.push(KeyValue::new(genai::TOOL_NAME, tool.name().to_owned()));
            attributes.push(KeyValue::new(genai::TOOL_TYPE, kind(tool)));
            attributes.push(KeyValue::new("callgate.run", tool.run().as_str()));
        }
        attributes
    }
}

/// Returns the conventions' kind of a tool: the caller runs a `function`, an agent reaches out with an `extension`.
fn kind(tool: &Tool) -> &'static str {
    match tool.run() {
        Run::Client => genai::FUNCTION,
        Run::Wasm(_) | Run::Grpc(_) | Run::Http(_) | Run::Mcp(_) => genai::EXTENSION,
    }
}

// === impl CallSpan ===

impl CallSpan {
    pub(super) fn silent(context: Context) -> Self {
        Self { context, state: SpanState::Silent }
    }

    pub(super) fn open(context: Context, open: OpenSpan) -> Self {
        Self { context, state: SpanState::Open(open) }
    }

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
            SpanState::Open(OpenSpan { tracer, shape, shared }) => {
                let attributes = shared.iter().cloned().chain(shape.kind(langfuse::SPAN)).collect::<Vec<_>>();
                let builder = tracer.span_builder(name).with_attributes(attributes);
                let span = builder.start_with_context(tracer, &self.context);
                Some(StepSpan(self.context.with_span(span)))
            }
            SpanState::Silent | SpanState::Ended => None,
        }
    }

    /// Notes the canonical arguments and the result, as far as the configuration asks for them.
    pub fn content(&self, contract: &Contract, tool: &str, arguments: &str, result: Option<&str>) {
        let SpanState::Open(OpenSpan { shape, .. }) = &self.state else { return };
        let span = self.context.span();
        // A span that is not sampled keeps nothing.
        if !span.is_recording() {
            return;
        }
        let content = shape.content();
        if let Some(text) = content.arguments(contract, arguments) {
            span.set_attribute(KeyValue::new(genai::TOOL_CALL_ARGUMENTS, text));
        }
        if let Some(text) = result.and_then(|result| content.result(contract, tool, result)) {
            span.set_attribute(KeyValue::new(genai::TOOL_CALL_RESULT, text));
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
                span.set_attribute(KeyValue::new(genai::ERROR_TYPE, outcome));
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
