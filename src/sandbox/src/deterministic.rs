//! Clock and randomness equal for every call, so a run can be repeated to the byte.
//!
//! The wall clock stands still. The monotonic clock starts at 0 in each call and advances by a microsecond at each
//! reading: programs that wait for it need it to move, and the machine's speed must not move it. Random numbers, secret
//! ones included, follow from the seed: a reader of the seed can predict them.
//!
//! Not covered: effects of several calls on one granted folder, data a tool reads over HTTP, and limits of time.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand_core::TryRng;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// The step of the monotonic clock between two readings, in nanoseconds.
const STEP: u64 = 1_000;

/// The clock and the seed of a deterministic run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deterministic {
    /// The time of the wall clock, since the beginning of 1970 in UTC.
    pub clock: Duration,
    /// The seed of all random numbers.
    pub seed: u64,
}

struct WallClock(Duration);

#[derive(Default)]
struct MonotonicClock(AtomicU64);

/// SplitMix64 (Steele, Lea, Flood 2014): written here, since libraries may change theirs.
struct Numbers(u64);

// === impl Deterministic ===

impl Deterministic {
    /// Gives one call its own clock and numbers, each from the start.
    pub(super) fn apply(self, builder: &mut WasiCtxBuilder) {
        builder
            .wall_clock(WallClock(self.clock))
            .monotonic_clock(MonotonicClock::default())
            .secure_random(Numbers(self.seed))
            .insecure_random(Numbers(!self.seed))
            .insecure_random_seed(u128::from(self.seed));
    }
}

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(STEP)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for MonotonicClock {
    fn resolution(&self) -> u64 {
        STEP
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(STEP, Ordering::Relaxed)
    }
}

// === impl Numbers ===

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl TryRng for Numbers {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        // The upper half; it always fits.
        Ok(u32::try_from(self.next() >> 32).unwrap_or_default())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            for (byte, random) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *byte = random;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_paper_s_generator() {
        // The first outputs of the reference implementation for this seed.
        let mut numbers = Numbers(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| numbers.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
