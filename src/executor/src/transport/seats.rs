//! Bounds the open connections of a port, and decides which makes room for a new one.
//!
//! 1. A port has a number of seats, and one address may hold a share of them.
//! 2. If an address holds its share, its own connections make room. If all seats are taken, the address with the most
//!    connections makes room.
//! 3. The leaving connection handles no request: first one without any response yet, then the quietest.
//! 4. If every candidate handles a request, the new connection is refused.
//!
//! The bytes of requests follow the same rules: if a port holds too many, the connection with the most leaves, among
//! those without a request in the service.
//!
//! So idle connections, however many, keep nobody out, and no call ends because another client connects.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;

use super::activity::{Activity, Budget, Rank};
use super::connection::Origin;

/// The seats of a port. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    table: Arc<Mutex<Table>>,
    budget: Arc<Budget>,
    open: Gauge,
}

/// A connection's seat, held until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    id: u64,
    activity: Arc<Activity>,
}

/// No connection can make room for the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SeatLimit {
    /// All seats are taken.
    #[error("all {0} connections handle requests")]
    Port(usize),
    /// The address holds its share.
    #[error("all {0} connections of this address handle requests")]
    Address(usize),
}

/// The holder of a connection's seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    V4(Ipv4Addr),
    /// An IPv6 network: a client with one address there has them all.
    V6(u64),
    /// A user of this machine, if the system names it.
    User(Option<u32>),
}

#[derive(Debug)]
struct Table {
    max: usize,
    per_address: usize,
    taken: HashMap<u64, (Holder, Arc<Activity>)>,
    by_holder: HashMap<Holder, usize>,
    /// Connections asked to leave and still open.
    leaving: usize,
    next: u64,
}

// === impl Seats ===

impl Seats {
    /// Creates the seats of a port, with at most `budget` bytes of requests.
    pub(super) fn new(max: usize, per_address: usize, budget: u64, open: Gauge) -> Self {
        let table = Table {
            max,
            per_address: per_address.min(max),
            taken: HashMap::new(),
            by_holder: HashMap::new(),
            leaving: 0,
            next: 0,
        };
        Self { table: Arc::new(Mutex::new(table)), budget: Budget::new(budget), open }
    }

    /// Takes a seat for a new connection. Also returns true if another connection must make room.
    pub(super) fn take(&self, origin: &Origin) -> Result<(Seat, bool), SeatLimit> {
        let activity = Activity::new(Arc::clone(&self.budget));
        let (id, made_room) = self.with(|table| table.take(Holder::of(origin), Arc::clone(&activity)))?;
        self.open.inc();
        Ok((Seat { seats: self.clone(), id, activity }, made_room))
    }

    /// Makes room for bytes of `own`. Returns false if only `own` itself could leave, or no connection can.
    pub(super) fn relieve(&self, own: &Arc<Activity>) -> bool {
        self.with(|table| {
            let waiting =
                table.taken.iter().filter(|(_, (_, activity))| activity.rank().is_some() && activity.held() > 0);
            let largest = waiting.max_by_key(|(_, (_, activity))| activity.held());
            let Some((id, activity)) = largest.map(|(id, (_, activity))| (*id, Arc::clone(activity))) else {
                return false;
            };
            // Its bytes are freed as soon as it has left.
            let other = !Arc::ptr_eq(&activity, own);
            if other {
                table.dismiss(id);
            }
            other
        })
    }

    /// Returns the connections asked to leave and still open.
    pub(super) fn leaving(&self) -> usize {
        self.with(|table| table.leaving)
    }

    /// Nothing panics while it holds the lock, so a poisoned lock is still sound.
    fn with<R>(&self, f: impl FnOnce(&mut Table) -> R) -> R {
        f(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Seat ===

impl Seat {
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Returns the seats this one belongs to.
    pub(super) fn seats(&self) -> &Seats {
        &self.seats
    }

    /// The connection's number, counted from the start.
    pub(super) fn number(&self) -> u64 {
        self.id
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.with(|table| table.leave(self.id));
        self.seats.open.dec();
    }
}

// === impl Table ===

impl Table {
    fn take(&mut self, holder: Holder, activity: Arc<Activity>) -> Result<(u64, bool), SeatLimit> {
        let own = self.by_holder.get(&holder).copied().unwrap_or(0);
        let victim = if own >= self.per_address {
            Some(self.first(|of| of == holder).ok_or(SeatLimit::Address(self.per_address))?)
        } else if self.taken.len() >= self.max {
            Some(self.of_the_largest().ok_or(SeatLimit::Port(self.max))?)
        } else {
            None
        };
        if let Some(victim) = victim {
            self.dismiss(victim);
        }
        self.next += 1;
        self.taken.insert(self.next, (holder, activity));
        *self.by_holder.entry(holder).or_default() += 1;
        Ok((self.next, victim.is_some()))
    }

    /// Returns the connection to leave first among those of some holders.
    fn first(&self, of: impl Fn(Holder) -> bool) -> Option<u64> {
        let ranked = self.taken.iter().filter(|(_, (holder, _))| of(*holder));
        let ranked = ranked.filter_map(|(id, (_, activity))| activity.rank().map(|rank: Rank| (rank, *id)));
        ranked.min().map(|(_, id)| id)
    }

    /// Returns the connection to leave first, of the holder with the most candidates.
    fn of_the_largest(&self) -> Option<u64> {
        let mut counts: HashMap<Holder, usize> = HashMap::new();
        for (holder, activity) in self.taken.values() {
            if activity.rank().is_some() {
                *counts.entry(*holder).or_default() += 1;
            }
        }
        let (largest, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        self.first(|holder| holder == largest)
    }

    /// Frees a connection's seat before it has left.
    fn dismiss(&mut self, id: u64) {
        if let Some(activity) = self.remove(id) {
            activity.dismiss();
            self.leaving += 1;
        }
    }

    fn leave(&mut self, id: u64) {
        if self.remove(id).is_none() {
            self.leaving = self.leaving.saturating_sub(1);
        }
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Activity>> {
        let (holder, activity) = self.taken.remove(&id)?;
        if let Some(count) = self.by_holder.get_mut(&holder) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_holder.remove(&holder);
            }
        }
        Some(activity)
    }
}

// === impl Holder ===

impl Holder {
    fn of(origin: &Origin) -> Self {
        match origin {
            Origin::Network(address) => match address.ip().to_canonical() {
                IpAddr::V4(address) => Self::V4(address),
                IpAddr::V6(address) => Self::V6(u64::try_from(address.to_bits() >> 64).unwrap_or(u64::MAX)),
            },
            Origin::Local(user) => Self::User(*user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Origin {
        Origin::Network(address.parse().unwrap())
    }

    #[tokio::test]
    async fn an_address_with_its_share_makes_room_for_itself() {
        let seats = Seats::new(4, 2, 100, Gauge::default());
        let (first, _) = seats.take(&from("192.0.2.1:1")).unwrap();
        let (_second, made_room) = seats.take(&from("192.0.2.1:2")).unwrap();
        let (_other, _) = seats.take(&from("192.0.2.2:1")).unwrap();
        assert!(!made_room);
        let (_third, made_room) = seats.take(&from("[::ffff:192.0.2.1]:3")).unwrap();
        assert!(made_room);
        first.activity().dismissed().await;
        assert_eq!(seats.leaving(), 1);
        drop(first);
        assert_eq!((seats.leaving(), seats.with(|table| table.taken.len())), (0, 3));
    }

    #[tokio::test]
    async fn a_full_port_takes_from_the_address_that_has_most() {
        let seats = Seats::new(4, 3, 100, Gauge::default());
        let (modest, _) = seats.take(&from("192.0.2.2:1")).unwrap();
        let greedy: Vec<_> = (0..3).map(|port| seats.take(&from(&format!("192.0.2.1:{port}"))).unwrap().0).collect();
        let (_new, made_room) = seats.take(&from("192.0.2.3:1")).unwrap();
        assert!(made_room);
        greedy[0].activity().dismissed().await;
        assert!(seats.with(|table| table.taken.contains_key(&modest.id)));
    }

    #[tokio::test]
    async fn connections_that_handle_requests_stay() {
        let seats = Seats::new(2, 2, 100, Gauge::default());
        let (one, _) = seats.take(&from("192.0.2.1:1")).unwrap();
        let (two, _) = seats.take(&from("192.0.2.1:2")).unwrap();
        let requests: Vec<_> = [&one, &two].map(|seat| seat.activity().begin()).into();
        assert!(requests.iter().all(|request| request.received()));
        assert_eq!(seats.take(&from("192.0.2.1:3")).unwrap_err(), SeatLimit::Address(2));
        assert_eq!(seats.take(&from("192.0.2.2:1")).unwrap_err(), SeatLimit::Port(2));
        requests[1].answered();
        assert!(seats.take(&from("192.0.2.2:1")).unwrap().1);
        two.activity().dismissed().await;
    }

    #[tokio::test]
    async fn the_connection_that_holds_most_bytes_makes_room() {
        let seats = Seats::new(4, 4, 100, Gauge::default());
        let (greedy, _) = seats.take(&from("192.0.2.1:1")).unwrap();
        let (modest, _) = seats.take(&from("192.0.2.2:1")).unwrap();
        let (large, small) = (greedy.activity().begin(), modest.activity().begin());
        assert!(large.hold(90));
        assert!(!small.hold(20));
        assert!(seats.relieve(modest.activity()));
        greedy.activity().dismissed().await;
        drop((large, greedy));
        // Now it holds the most bytes itself.
        assert!(!small.hold(90) && !seats.relieve(modest.activity()));
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let holder = |address: &str| Holder::of(&from(address));
        assert_eq!(holder("[2001:db8::1]:1"), holder("[2001:db8::ffff:1]:2"));
        assert_ne!(holder("[2001:db8::1]:1"), holder("[2001:db8:0:1::1]:1"));
    }
}
