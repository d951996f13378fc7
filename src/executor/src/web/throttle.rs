//! Counts wrong tokens.
//!
//! A peer with many wrong tokens must wait, and the log gets only a few lines. A valid token always counts, even from
//! an address full of wrong ones: nobody behind the same proxy is locked out. A guesser can therefore keep guessing, at
//! the cost of one hash for each guess. The token's length prevents success.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The wrong tokens one peer may send at once, and the time until it may send one more.
const ATTEMPTS: u32 = 10;
const AGAIN: Duration = Duration::from_secs(6);
/// The maximum peers with a count. Further peers are not counted; the log's own bound still holds.
const PEERS: usize = 4096;

/// Counts the wrong tokens of each peer.
#[derive(Default)]
pub(super) struct Throttle(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    peers: HashMap<Option<IpAddr>, Bucket>,
    /// The log's lines, over all peers.
    lines: Option<Bucket>,
    /// The time of the last removal of expired counts, which visits all of them.
    swept: Option<Instant>,
}

/// A bucket that drains with time.
#[derive(Clone, Copy)]
struct Bucket {
    full: u32,
    since: Instant,
}

/// The consequence of a wrong token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The peer learns of the wrong token.
    Refused {
        /// True if the log may have a line about it.
        logged: bool,
    },
    /// The peer must wait this long.
    Wait(Duration),
}

// === impl Throttle ===

impl Throttle {
    pub(super) fn wrong(&self, peer: Option<IpAddr>) -> Wrong {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { peers, lines, swept } = &mut *counts;
        let peer = peer.map(network);
        if peers.len() >= PEERS && swept.is_none_or(|swept| swept.elapsed() >= AGAIN) {
            *swept = Some(Instant::now());
            peers.retain(|_, bucket| bucket.now().full > 0);
        }
        if peers.len() < PEERS || peers.contains_key(&peer) {
            let bucket = peers.entry(peer).or_insert_with(Bucket::empty);
            if !bucket.takes() {
                return Wrong::Wait(bucket.wait());
            }
        }
        Wrong::Refused { logged: lines.get_or_insert_with(Bucket::empty).takes() }
    }
}

/// Returns the key of a peer: one subscriber has 2^64 IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
    }
}

// === impl Bucket ===

impl Bucket {
    fn empty() -> Self {
        Self { full: 0, since: Instant::now() }
    }

    /// Adds one, if it fits.
    fn takes(&mut self) -> bool {
        *self = self.now();
        let room = self.full < ATTEMPTS;
        self.full += u32::from(room);
        room
    }

    /// Returns the time until a full bucket has space.
    fn wait(self) -> Duration {
        AGAIN.saturating_sub(self.since.elapsed()).max(Duration::from_secs(1))
    }

    /// Returns the current level.
    fn now(self) -> Self {
        let emptied = u32::try_from(self.since.elapsed().as_secs() / AGAIN.as_secs()).unwrap_or(u32::MAX);
        match self.full.checked_sub(emptied) {
            Some(full) if full > 0 => Self { full, since: self.since + AGAIN * emptied },
            Some(_) | None => Self::empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_tokens_make_a_peer_wait_and_no_other() {
        let throttle = Throttle::default();
        let peer = |last| Some(IpAddr::from([192, 0, 2, last]));
        for _ in 0..ATTEMPTS {
            assert_eq!(throttle.wrong(peer(1)), Wrong::Refused { logged: true });
        }
        assert!(matches!(throttle.wrong(peer(1)), Wrong::Wait(_)));
        // The log has its lines already, whoever causes more.
        assert_eq!(throttle.wrong(peer(2)), Wrong::Refused { logged: false });
        assert_eq!(throttle.wrong(None), Wrong::Refused { logged: false });
    }

    #[test]
    fn the_addresses_of_one_subscriber_are_one_peer() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn many_peers_take_no_more_memory_and_forget_nobody_that_waits() {
        let throttle = Throttle::default();
        let peer = |n: u32| Some(IpAddr::from(n.to_be_bytes()));
        for _ in 0..=ATTEMPTS {
            throttle.wrong(peer(0));
        }
        for n in 1..20_000 {
            throttle.wrong(peer(n));
        }
        assert_eq!(throttle.0.lock().unwrap().peers.len(), PEERS);
        assert!(matches!(throttle.wrong(peer(0)), Wrong::Wait(_)));
    }

    #[test]
    fn time_lets_them_try_again() {
        let full = Bucket { full: ATTEMPTS, since: Instant::now().checked_sub(AGAIN * 3).unwrap() };
        assert_eq!(full.now().full, ATTEMPTS - 3);
        let long_ago = Bucket { full: ATTEMPTS, since: Instant::now().checked_sub(AGAIN * 30).unwrap() };
        assert_eq!(long_ago.now().full, 0);
    }
}
