//! Holds back those who show wrong tokens.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong tokens that one peer may show at once, and how long until it may show one more.
const ATTEMPTS: u32 = 10;
const AGAIN: Duration = Duration::from_secs(6);
/// Peers that are remembered. One that is forgotten may start anew, so this bounds memory, not attempts.
const PEERS: usize = 4096;

/// Counts wrong tokens of each peer.
#[derive(Default)]
pub(super) struct Throttle(Mutex<HashMap<Option<IpAddr>, Peer>>);

/// A bucket that fills with wrong tokens and empties with time.
#[derive(Clone, Copy)]
struct Peer {
    wrong: u32,
    since: Instant,
}

// === impl Throttle ===

impl Throttle {
    /// How long the peer must wait before its next token is looked at; `None` if it need not.
    pub(super) fn wait(&self, peer: Option<IpAddr>) -> Option<Duration> {
        let peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = peers.get(&peer)?.now();
        (peer.wrong >= ATTEMPTS).then(|| AGAIN.saturating_sub(peer.since.elapsed()).max(Duration::from_secs(1)))
    }

    pub(super) fn wrong(&self, peer: Option<IpAddr>) {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS {
            peers.retain(|_, peer| peer.now().wrong > 0);
        }
        if peers.len() >= PEERS {
            peers.clear();
        }
        let known = peers.entry(peer).or_insert(Peer { wrong: 0, since: Instant::now() });
        *known = known.now();
        known.wrong = (known.wrong + 1).min(ATTEMPTS);
    }
}

// === impl Peer ===

impl Peer {
    /// What is left in the bucket.
    fn now(self) -> Self {
        let emptied = u32::try_from(self.since.elapsed().as_secs() / AGAIN.as_secs()).unwrap_or(u32::MAX);
        match self.wrong.checked_sub(emptied) {
            Some(wrong) if wrong > 0 => Self { wrong, since: self.since + AGAIN * emptied },
            Some(_) | None => Self { wrong: 0, since: Instant::now() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_tokens_hold_a_peer_back_and_no_other() {
        let throttle = Throttle::default();
        let peer = |last| Some(IpAddr::from([192, 0, 2, last]));
        for _ in 0..ATTEMPTS {
            assert_eq!(throttle.wait(peer(1)), None);
            throttle.wrong(peer(1));
        }
        assert!(throttle.wait(peer(1)).is_some());
        assert_eq!((throttle.wait(peer(2)), throttle.wait(None)), (None, None));
    }

    #[test]
    fn time_lets_them_try_again() {
        let full = Peer { wrong: ATTEMPTS, since: Instant::now().checked_sub(AGAIN * 3).unwrap() };
        assert_eq!(full.now().wrong, ATTEMPTS - 3);
        let long_ago = Peer { wrong: ATTEMPTS, since: Instant::now().checked_sub(AGAIN * 30).unwrap() };
        assert_eq!(long_ago.now().wrong, 0);
    }
}
