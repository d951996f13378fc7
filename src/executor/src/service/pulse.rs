//! Watches the sandbox: slots that do not come back are counted, and readiness says when too few are left.

use std::sync::Arc;
use std::time::Duration;

use super::services::Parts;

/// The pause between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Looks for as long as it is polled.
pub(crate) async fn follow(parts: Arc<Parts>) {
    let mut failing = false;
    loop {
        let pulse = parts.serving.load().sandbox().pulse();
        parts.instruments.metrics.calls().stuck(pulse.stuck);
        parts.instruments.readiness.sandbox(pulse.is_failing().then(|| pulse.to_string()));
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
