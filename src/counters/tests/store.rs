//! The same counts in memory and in the state directory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a failed step is a failed test")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use callgate_counters::{Counters, CountersError, CountersSettings};
use callgate_limits::slots::SLOTS;
use callgate_limits::{
    Admission, Charge, ConversationRules, CounterKey, Limit, MOST_RECORDS, Period, Standing, Unit, admit, begin_turn,
};
use callgate_state::Clock;
use tempfile::TempDir;

const RULES: ConversationRules =
    ConversationRules { idle: Some(60), lifetime: Some(600), max_turns: None, max_calls: None };

/// A wall clock under the test's control.
#[derive(Debug)]
struct Manual(Mutex<SystemTime>);

impl Clock for Manual {
    fn wall(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }

    fn boot(&self) -> String {
        String::new()
    }
}

impl Manual {
    fn pass(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

/// A folder like a state directory, with any umask.
fn state_dir() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

async fn open(folder: &Path, settings: &CountersSettings, clock: &Arc<Manual>) -> Counters {
    Counters::open_with(folder, settings, Arc::clone(clock) as Arc<dyn Clock>).await.unwrap()
}

fn clock() -> Arc<Manual> {
    Arc::new(Manual(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))))
}

fn key(counters: &Counters, tenant: &str) -> CounterKey {
    CounterKey::limits(&counters.names(), tenant, &["desk", "role", "clerk"]).unwrap()
}

async fn call(counters: &Counters, tenant: &str, most: u64) -> bool {
    let key = key(counters, tenant);
    let charge = [Charge { limit: Limit { unit: Unit::Calls, period: Period::Day, most }, amount: 1 }];
    let admitted = counters.change([key.slot()], move |slots, now| admit(slots, &key, now, &charge));
    admitted.await.unwrap().unwrap() == Admission::Admitted
}

async fn turn(counters: &Counters, tenant: &str, id: &str) -> Standing {
    let key = CounterKey::conversation(&counters.names(), &["desk", tenant, "clerk"], &[id]).unwrap();
    let begun = counters.change([key.slot()], move |slots, now| begin_turn(slots, &key, now, &RULES));
    begun.await.unwrap().unwrap().unwrap()
}

const BOTH: [CountersSettings; 2] = [CountersSettings::Memory, CountersSettings::StateDir];

#[tokio::test(flavor = "multi_thread")]
async fn tasks_at_once_admit_exactly_the_limit_of_each_tenant() {
    for settings in BOTH {
        let folder = state_dir();
        let counters = open(folder.path(), &settings, &clock()).await;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..200 {
            let counters = counters.clone();
            tasks.spawn(async move { (number % 2, call(&counters, ["acme", "other"][number % 2], 40).await) });
        }
        let done = tasks.join_all().await;
        for tenant in 0..2 {
            let admitted = done.iter().filter(|(of, admitted)| *of == tenant && *admitted).count();
            assert_eq!(admitted, 40, "{settings:?}");
        }
    }
}

#[tokio::test]
async fn counts_in_the_state_directory_survive_a_restart_and_those_in_memory_do_not() {
    for (settings, survives) in [(CountersSettings::StateDir, true), (CountersSettings::Memory, false)] {
        let folder = state_dir();
        let first = open(folder.path(), &settings, &clock()).await;
        assert!(call(&first, "acme", 1).await);
        first.close().await;
        drop(first);
        let second = open(folder.path(), &settings, &clock()).await;
        assert_eq!(call(&second, "acme", 1).await, !survives);
        second.close().await;
        if survives {
            assert_eq!(callgate_counters::check(folder.path()).map_err(|error| error.to_string()), Ok(()));
            let refused = second.change([], |_, _| ()).await.unwrap_err();
            assert!(matches!(refused, CountersError::Unavailable(_)), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_conversation_is_paused_by_the_clock_of_the_store() {
    for settings in BOTH {
        let (folder, clock) = (state_dir(), clock());
        let counters = open(folder.path(), &settings, &clock).await;
        assert_eq!(turn(&counters, "acme", "one").await, Standing::Begun);
        clock.pass(59);
        assert_eq!(turn(&counters, "acme", "one").await, Standing::Active);
        clock.pass(60);
        assert_eq!(turn(&counters, "acme", "one").await, Standing::Resumed);
        assert_eq!(turn(&counters, "other", "one").await, Standing::Begun);
    }
}

#[tokio::test]
async fn a_slot_that_was_not_named_cannot_be_read_in_a_change() {
    let folder = state_dir();
    let counters = open(folder.path(), &CountersSettings::StateDir, &clock()).await;
    let key = key(&counters, "acme");
    let charge = [Charge { limit: Limit { unit: Unit::Calls, period: Period::Day, most: 1 }, amount: 1 }];
    let admitted = counters.change([], move |slots, now| admit(slots, &key, now, &charge)).await.unwrap();
    assert!(admitted.is_err());
}

/// Names that one stranger chooses, all in one change for speed.
async fn flood(counters: &Counters, names: usize) {
    for chunk in (0..names).collect::<Vec<_>>().chunks(2_000) {
        let named = |number: &usize| {
            CounterKey::conversation(&counters.names(), &["desk", "evil", "clerk"], &[&number.to_string()]).unwrap()
        };
        let keys: Vec<CounterKey> = chunk.iter().map(named).collect();
        let slots: Vec<_> = keys.iter().map(CounterKey::slot).collect();
        let begun = counters.change(slots, move |slots, now| {
            keys.iter().all(|key| begin_turn(slots, key, now, &RULES).is_ok_and(|turn| turn.is_ok()))
        });
        assert!(begun.await.unwrap());
    }
}

#[tokio::test]
async fn a_flood_of_names_stays_bounded_and_takes_no_room_from_others() {
    let folder = state_dir();
    let counters = open(folder.path(), &CountersSettings::StateDir, &clock()).await;
    assert_eq!(turn(&counters, "acme", "mine").await, Standing::Begun);
    let all = usize::from(SLOTS) * MOST_RECORDS;
    flood(&counters, all).await;
    counters.close().await;
    let full = std::fs::metadata(folder.path().join("counters.db")).unwrap().len();
    drop(counters);
    let counters = open(folder.path(), &CountersSettings::StateDir, &clock()).await;
    flood(&counters, all).await;
    assert_eq!(turn(&counters, "acme", "mine").await, Standing::Active);
    assert!(call(&counters, "acme", 1).await, "limits have a table of their own");
    counters.close().await;
    let after = std::fs::metadata(folder.path().join("counters.db")).unwrap().len();
    assert!(after <= full * 3 / 2 && after <= 17 << 20, "{full} bytes grew to {after}");
}
