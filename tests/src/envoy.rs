//! Reads a running Envoy: gauges, counters, memory.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::resident;
use crate::http::{HttpError, get};
use crate::stack::{Gate, StackError};

/// The longest wait for streams, connections and old configurations to end.
const SOON: Duration = Duration::from_secs(60);

/// Envoy's memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Allocated on its heap. A wasm VM has its own memory elsewhere.
    pub allocated: u64,
    /// Resident.
    pub resident: u64,
}

/// Returns the counters and gauges whose names match `filter`, a regular expression.
pub async fn stats(admin: SocketAddr, filter: &str) -> Result<Vec<(String, u64)>, HttpError> {
    let (_, stats) = get(admin, &format!("/stats?filter={}", filter.replace('|', "%7C"))).await?;
    let stat = |line: &str| {
        let (name, value) = line.rsplit_once(": ")?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    Ok(stats.lines().filter_map(stat).collect())
}

/// Returns the streams, client connections and draining configurations that there are. Idle connections to clusters may stay.
async fn active(admin: SocketAddr) -> Result<Vec<(String, u64)>, HttpError> {
    let ours = |name: &str| !name.contains("admin") && !name.contains("upstream_cx_active");
    let all = stats(admin, "(rq_active|cx_active|_draining)$").await?;
    Ok(all.into_iter().filter(|(name, value)| *value > 0 && ours(name)).collect())
}

// === impl Memory ===

impl Memory {
    /// Waits until Envoy has no stream, client connection or draining configuration, and reads its memory.
    pub async fn settled(gate: &Gate) -> Result<Self, StackError> {
        let unfit = |what: String| StackError::Unfit { what: format!("envoy ({}): {what}", gate.name) };
        let began = Instant::now();
        loop {
            let active = active(gate.admin).await.map_err(|error| unfit(error.to_string()))?;
            if active.is_empty() {
                break;
            }
            if began.elapsed() > SOON {
                return Err(unfit(format!("still active after {} s: {active:?}", SOON.as_secs())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (_, text) = get(gate.admin, "/memory").await.map_err(|error| unfit(error.to_string()))?;
        let memory: Value = serde_json::from_str(&text).unwrap_or_default();
        let allocated = memory.get("allocated").and_then(Value::as_str).and_then(|bytes| bytes.parse().ok());
        let allocated = allocated.ok_or_else(|| unfit(format!("its memory cannot be read: {text}")))?;
        let resident = resident(gate.envoy.id()).map_err(StackError::io("reading Envoy's memory"))?;
        Ok(Self { allocated, resident })
    }

    /// Returns a sentence if this is more than `before` by more than `most`.
    #[must_use]
    pub fn grown(&self, before: &Self, most: &Self) -> Option<String> {
        let fits =
            self.allocated <= before.allocated + most.allocated && self.resident <= before.resident + most.resident;
        (!fits).then(|| format!("memory grew from {before} to {self}; it may grow by {most}"))
    }
}

impl Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB allocated, {} KiB resident", self.allocated >> 10, self.resident >> 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_may_grow_by_the_bound_and_not_by_more() {
        let memory = |allocated, resident| Memory { allocated, resident };
        let (before, most) = (memory(100, 1000), memory(10, 100));
        assert_eq!(memory(110, 1100).grown(&before, &most), None);
        assert_eq!(memory(1, 1).grown(&before, &most), None);
        assert!(memory(111, 1000).grown(&before, &most).is_some());
        assert!(memory(100, 1101).grown(&before, &most).is_some());
    }
}
