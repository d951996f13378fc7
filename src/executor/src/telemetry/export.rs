//! Sends spans to the collector through a bounded queue, and counts the sent and the dropped ones.
//!
//! The library makes batches on a thread of its own. Requests run on the executor's runtime, and a batch with all its
//! retries ends in bounded time. This module counts each span dropped at a full queue, and each of a batch the
//! collector did not take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::collector::LastFault;
use super::metrics::Spans;

/// The maximum spans waiting for the collector.
pub(super) const QUEUE: usize = 4096;
/// The timeout of one batch, with its retries. A batch the collector has not taken by then is dropped.
pub(super) const EXPORT: Duration = Duration::from_secs(5);

/// Spans on their way, for both ends of the queue.
#[derive(Clone, Debug)]
pub(super) struct OnTheWay {
    number: Arc<AtomicUsize>,
    spans: Spans,
}

/// The queue's entry.
#[derive(Debug)]
pub(super) struct Bounded<P> {
    inner: P,
    on_the_way: OnTheWay,
}

/// The queue's exit.
#[derive(Debug)]
pub(super) struct Counted<E> {
    /// Shared with the task of a batch.
    inner: Arc<E>,
    on_the_way: OnTheWay,
    runtime: Handle,
    fault: LastFault,
    /// True if the last batch failed: the log reports changes, not every batch.
    failing: AtomicBool,
}

// === impl OnTheWay ===

impl OnTheWay {
    pub(super) fn new(spans: Spans) -> Self {
        Self { number: Arc::default(), spans }
    }

    pub(super) fn before<P>(&self, inner: P) -> Bounded<P> {
        Bounded { inner, on_the_way: self.clone() }
    }

    /// Needs the runtime that sends requests. `fault` has the client's own words about the last failed request.
    pub(super) fn after<E>(&self, inner: E, runtime: Handle, fault: LastFault) -> Counted<E> {
        Counted { inner: Arc::new(inner), on_the_way: self.clone(), runtime, fault, failing: AtomicBool::new(false) }
    }
}

// === impl Bounded ===

impl<P: SpanProcessor> SpanProcessor for Bounded<P> {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.inner.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.on_the_way.number.fetch_add(1, Ordering::Relaxed) >= QUEUE {
            self.on_the_way.number.fetch_sub(1, Ordering::Relaxed);
            self.on_the_way.spans.queue_full();
            return;
        }
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

// === impl Counted ===

impl<E: SpanExporter + 'static> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let number = batch.len();
        let counted = u64::try_from(number).unwrap_or(u64::MAX);
        let inner = Arc::clone(&self.inner);
        let exporting = self.runtime.spawn(async move { timeout(EXPORT, inner.export(batch)).await });
        let exported = match exporting.await {
            Ok(Ok(exported)) => exported,
            Ok(Err(_)) => Err(OTelSdkError::Timeout(EXPORT)),
            // The runtime ended.
            Err(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
        };
        self.on_the_way.number.fetch_sub(number, Ordering::Relaxed);
        match &exported {
            Ok(()) => {
                self.on_the_way.spans.exported(counted);
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector accepts spans again");
                }
            }
            Err(error) => {
                self.on_the_way.spans.collector_failed(counted);
                let said = self.fault.take();
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let reason = said.unwrap_or_else(|| error.to_string());
                    tracing::warn!(reason, "the collector accepts no spans; they are dropped and counted");
                }
            }
        }
        exported
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    /// Comes once, before the first batch, so nothing else holds the exporter.
    fn set_resource(&mut self, resource: &Resource) {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.set_resource(resource);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Tracer, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;
    use crate::telemetry::Metrics;

    /// Takes spans and never returns them.
    #[derive(Debug)]
    struct Stuck;

    impl SpanProcessor for Stuck {
        fn on_start(&self, _: &mut Span, _: &Context) {}

        fn on_end(&self, _: SpanData) {}

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    #[test]
    fn a_span_that_finds_the_queue_full_is_dropped_and_counted() {
        let metrics = Metrics::new();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(OnTheWay::new(metrics.spans().clone()).before(Stuck))
            .build();
        let tracer = provider.tracer("test");
        for _ in 0..QUEUE + 3 {
            drop(tracer.start("span"));
        }
        let page = metrics.page().unwrap();
        assert!(page.contains("callgate_executor_spans_dropped_total{kind=\"queue_full\"} 3\n"), "{page}");
    }
}
