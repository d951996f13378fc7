//! Ids of exchanges, and the seed of counters' names.

use std::cell::RefCell;
use std::time::Duration;

use callgate_engine::SEED_BYTES;

/// The random bytes of one id.
const BYTES: usize = 10;
/// The number of ids for which random bytes are read at once.
const IDS: usize = 64;

/// The ids of one worker's exchanges.
#[derive(Debug)]
pub struct ExchangeIds(RefCell<Pool>);

#[derive(Debug)]
struct Pool {
    random: [u8; BYTES * IDS],
    used: usize,
}

impl Default for ExchangeIds {
    fn default() -> Self {
        Self(RefCell::new(Pool { random: [0; BYTES * IDS], used: IDS }))
    }
}

impl ExchangeIds {
    /// Returns a UUID of a time since the Unix epoch and 74 random bits (version 7, RFC 9562 §5.7): no client can choose or predict
    /// it, and the executor's indexes grow at their end. Returns `None` if the host gives no random bytes.
    pub fn next(&self, now: Duration) -> Option<String> {
        let Pool { random, used } = &mut *self.0.borrow_mut();
        if *used >= IDS {
            getrandom::fill(random).ok()?;
            *used = 0;
        }
        let (chunks, _) = random.as_chunks_mut::<BYTES>();
        // An id's bytes are used once.
        let random = std::mem::take(chunks.get_mut(*used)?);
        *used = used.saturating_add(1);
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        Some(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string())
    }
}

/// Returns a random seed for the names of counters. Returns `None` if the host gives no random bytes.
#[must_use]
pub fn random_seed() -> Option<[u8; SEED_BYTES]> {
    let mut seed = [0; SEED_BYTES];
    getrandom::fill(&mut seed).ok().map(|()| seed)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_of_one_moment_differ() {
        let ids = ExchangeIds::default();
        let now = Duration::from_secs(1_700_000_000);
        let made: HashSet<String> = (0..1000).filter_map(|_| ids.next(now)).collect();
        assert_eq!(made.len(), 1000);
        assert!(made.iter().all(|id| id.starts_with("018bcfe5-6800-7")), "{:?}", made.iter().next());
    }
}
