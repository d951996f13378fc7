//! Measures how far the audit log's sinks are behind, at a fixed interval.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::services::Services;

/// The interval between two measurements.
const EVERY: Duration = Duration::from_secs(5);

/// Measures for as long as it is polled.
pub(crate) async fn follow(services: Arc<Services>) {
    let mut failures: HashMap<&'static str, u64> = HashMap::new();
    loop {
        let audit = services.audit.clone();
        let lag = tokio::task::spawn_blocking(move || audit.lag()).await;
        match lag {
            Ok(Ok(sinks)) => {
                let numbers = services.instruments.metrics.audit();
                for sink in sinks {
                    numbers.lag(sink.sink, sink.records, sink.oldest);
                    let before = failures.insert(sink.sink, sink.failures).unwrap_or(0);
                    numbers.deliveries_failed(sink.sink, sink.failures.saturating_sub(before));
                }
            }
            Ok(Err(error)) => tracing::warn!(reason = %error, "the lag of the audit sinks cannot be read"),
            // The runtime is shutting down.
            Err(_) => return,
        }
        tokio::time::sleep(EVERY).await;
    }
}
