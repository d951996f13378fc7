//! Watches the sandbox: counts stuck slots, and tells readiness if too few are left.

use std::sync::Arc;
use std::time::Duration;

use super::services::Services;

/// The interval between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Watches for as long as it is polled.
pub(crate) async fn follow(services: Arc<Services>) {
    let mut failing = false;
    loop {
        let pulse = services.serving.load().sandbox().pulse();
        services.instruments.metrics.calls().stuck(pulse.stuck);
        services.instruments.readiness.sandbox(pulse.is_failing().then(|| pulse.to_string()));
        if pulse.is_failing() != failing {
            failing = pulse.is_failing();
            if failing {
                tracing::error!(stuck = pulse.stuck, slots = pulse.slots, silent = pulse.silent, "sandbox is stuck");
            } else {
                tracing::info!(stuck = pulse.stuck, slots = pulse.slots, "sandbox has recovered");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
