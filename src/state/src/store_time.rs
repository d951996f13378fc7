//! The time of a store, which ages its rows. Setting the wall clock does not move it.
//!
//! It begins with the wall clock's time when the store is made. Then it advances only with the machine's uptime, even
//! while the executor is stopped. Only a reboot leaves a gap, known to the wall clock alone. [`Gap`] decides how to
//! count it.
//!
//! The store keeps the last time with its boot and uptime. A later process of the same boot continues exactly from
//! there, even if the last one was killed long after its last write.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::clock::Clock;
use super::{millis, time};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS store_time (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        time INTEGER NOT NULL,
        boot TEXT NOT NULL,
        uptime INTEGER NOT NULL,
        wall INTEGER NOT NULL
    ) STRICT;
";

/// The time counted over a reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// None. For rows that must never expire too early.
    Nothing,
    /// The wall clock's advance, if it went forward. For rows that must never count too long.
    Wall,
}

/// The time of one store.
#[derive(Clone, Debug)]
pub struct StoreTime {
    clock: Arc<dyn Clock>,
    boot: String,
    /// The store's time, and the uptime, when the store was opened.
    opened: (i64, Duration),
}

/// The time in the store.
struct Kept {
    time: i64,
    boot: String,
    uptime: i64,
    wall: i64,
}

// === impl StoreTime ===

impl StoreTime {
    /// Continues from the time in the store.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open(store: &Connection, clock: Arc<dyn Clock>, gap: Gap) -> rusqlite::Result<Self> {
        store.execute_batch(SCHEMA)?;
        let kept = store
            .query_row("SELECT time, boot, uptime, wall FROM store_time", [], |row| {
                Ok(Kept { time: row.get(0)?, boot: row.get(1)?, uptime: row.get(2)?, wall: row.get(3)? })
            })
            .optional()?;
        let (boot, uptime, wall) = (clock.boot(), clock.uptime(), millis(clock.wall()));
        let now = match kept {
            None => wall,
            Some(kept) => kept.time.saturating_add(kept.passed(&boot, whole(uptime), wall, gap)),
        };
        let opened = Self { clock, boot, opened: (now, uptime) };
        opened.keep(store)?;
        Ok(opened)
    }

    /// Milliseconds; never decreases.
    pub fn now(&self) -> i64 {
        let (time, uptime) = self.opened;
        time.saturating_add(whole(self.clock.uptime().saturating_sub(uptime)))
    }

    /// Writes the current time into the store, for the next process.
    ///
    /// # Errors
    /// SQLite's.
    pub fn keep(&self, store: &Connection) -> rusqlite::Result<()> {
        store
            .prepare_cached("INSERT OR REPLACE INTO store_time (one, time, boot, uptime, wall) VALUES (1, ?, ?, ?, ?)")?
            .execute(params![self.now(), self.boot, whole(self.clock.uptime()), millis(self.clock.wall())])?;
        Ok(())
    }

    /// Converts a time of the store to the wall clock's.
    pub fn shown(&self, at: i64) -> SystemTime {
        time(millis(self.clock.wall()).saturating_add(at.saturating_sub(self.now())))
    }
}

// === impl Kept ===

impl Kept {
    fn passed(&self, boot: &str, uptime: i64, wall: i64, gap: Gap) -> i64 {
        let ran_on = !boot.is_empty() && self.boot == boot && self.uptime <= uptime;
        match (ran_on, gap) {
            (true, _) => uptime - self.uptime,
            (false, Gap::Nothing) => 0,
            (false, Gap::Wall) => wall.saturating_sub(self.wall).max(0),
        }
    }
}

fn whole(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const HOUR: i64 = 3_600_000;

    /// Wall clock and uptime in milliseconds, and the number of the boot.
    #[derive(Debug)]
    struct Manual(Mutex<(i64, i64, u32)>);

    impl Manual {
        fn new() -> Arc<Self> {
            Arc::new(Self(Mutex::new((1_000 * HOUR, HOUR, 1))))
        }

        fn pass(&self, millis: i64) {
            let mut now = self.0.lock().unwrap();
            (now.0, now.1) = (now.0 + millis, now.1 + millis);
        }

        fn jump(&self, millis: i64) {
            self.0.lock().unwrap().0 += millis;
        }

        fn reboot(&self) {
            let mut now = self.0.lock().unwrap();
            (now.1, now.2) = (1_000, now.2 + 1);
        }
    }

    impl Clock for Manual {
        fn wall(&self) -> SystemTime {
            time(self.0.lock().unwrap().0)
        }

        fn uptime(&self) -> Duration {
            Duration::from_millis(u64::try_from(self.0.lock().unwrap().1).unwrap())
        }

        fn boot(&self) -> String {
            self.0.lock().unwrap().2.to_string()
        }
    }

    fn open(store: &Connection, clock: &Arc<Manual>, gap: Gap) -> StoreTime {
        let clock: Arc<dyn Clock> = Arc::<Manual>::clone(clock);
        StoreTime::open(store, clock, gap).unwrap()
    }

    #[test]
    fn a_jump_of_the_wall_clock_moves_nothing_in_a_process_and_over_its_end() {
        for jump in [24 * HOUR, -24 * HOUR] {
            for gap in [Gap::Nothing, Gap::Wall] {
                let (store, clock) = (Connection::open_in_memory().unwrap(), Manual::new());
                let one = open(&store, &clock, gap);
                let began = one.now();
                clock.jump(jump);
                clock.pass(HOUR);
                assert_eq!(one.now() - began, HOUR);
                // Nothing was stored since: the next process finds out all the same.
                clock.pass(HOUR);
                clock.jump(jump);
                assert_eq!(open(&store, &clock, gap).now() - began, 2 * HOUR);
            }
        }
    }

    #[test]
    fn over_a_reboot_one_policy_counts_nothing_and_the_other_what_the_wall_clock_says() {
        for (gap, off, expected) in [
            (Gap::Nothing, 5 * HOUR, 0),
            (Gap::Wall, 5 * HOUR, 5 * HOUR),
            // The wall clock went back: the store's time does not.
            (Gap::Wall, -5 * HOUR, 0),
        ] {
            let (store, clock) = (Connection::open_in_memory().unwrap(), Manual::new());
            let began = open(&store, &clock, gap).now();
            clock.jump(off);
            clock.reboot();
            assert_eq!(open(&store, &clock, gap).now() - began, expected, "{gap:?} {off}");
        }
    }

    #[test]
    fn times_are_shown_by_the_wall_clock_of_now() {
        let (store, clock) = (Connection::open_in_memory().unwrap(), Manual::new());
        let one = open(&store, &clock, Gap::Wall);
        let at = one.now();
        clock.jump(-300 * HOUR);
        clock.pass(HOUR);
        assert_eq!(one.shown(at), time(millis(clock.wall()) - HOUR));
    }

    #[test]
    fn the_clock_of_this_machine_goes_on() {
        let clock = crate::SystemClock;
        let before = clock.uptime();
        assert!(before > Duration::ZERO && clock.uptime() >= before);
        assert_eq!(clock.boot(), clock.boot());
    }
}
