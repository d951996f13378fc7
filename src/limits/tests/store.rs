//! Counters in a store: several workers at once, a store that fails, and names that fill it.

#![allow(clippy::unwrap_used, reason = "tests: a failed step is a failed test")]

use std::cell::Cell;

use callgate_limits::slots::{ATTEMPTS, SLOTS};
use callgate_limits::{
    Admission, Charge, ConversationRules, Ended, Key, Limit, MOST_RECORDS, Period, SEED_BYTES, Slot, Slots, Standing,
    StoreError, Table, Unit, Versioned, add, admit, begin_turn, count_call, give_back, give_turn_back,
};

const SEED: [u8; SEED_BYTES] = [3; SEED_BYTES];
const NOW: u64 = 1_700_000_000;

fn calls(most: u64) -> [Charge; 1] {
    [Charge { limit: Limit { unit: Unit::Calls, period: Period::Minute, most }, amount: 1 }]
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn threads_at_once_admit_exactly_the_limit() {
    let table = Table::new(SEED);
    let key = Key::limits(&table, "acme", &["acme", "clerk"]).unwrap();
    let admitted: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut admitted = 0;
                    for _ in 0..2_000 {
                        match admit(&table, &key, NOW, &calls(1_000)) {
                            Ok(Admission::Admitted) => admitted += 1,
                            Ok(Admission::Refused { .. }) | Err(StoreError::Contended) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    admitted
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(admitted, 1_000);
}

/// A store that others change all the time, or that cannot be used.
#[derive(Debug)]
struct Broken {
    reads: Cell<u32>,
    bytes: Vec<u8>,
    swapped: Result<bool, StoreError>,
}

impl Slots for Broken {
    fn seed(&self) -> Result<[u8; SEED_BYTES], StoreError> {
        Ok(SEED)
    }

    fn read(&self, _: Slot) -> Result<Versioned, StoreError> {
        self.reads.set(self.reads.get() + 1);
        Ok(Versioned { bytes: self.bytes.clone(), version: 1 })
    }

    fn swap(&self, _: Slot, _: u32, _: Vec<u8>) -> Result<bool, StoreError> {
        self.swapped
    }
}

#[test]
fn attempts_have_an_end_and_a_broken_store_admits_nothing() {
    for (bytes, swapped, error, reads) in [
        (vec![], Ok(false), StoreError::Contended, ATTEMPTS),
        (vec![], Err(StoreError::Unavailable), StoreError::Unavailable, 1),
        (vec![1, 2, 3], Ok(true), StoreError::Unreadable, 1),
    ] {
        let store = Broken { reads: Cell::new(0), bytes, swapped };
        let key = Key::limits(&store, "acme", &["acme"]).unwrap();
        assert_eq!(admit(&store, &key, NOW, &calls(5)), Err(error));
        assert_eq!(store.reads.get(), reads);
    }
}

#[test]
fn charges_are_given_back_and_added_over_the_limit() {
    let table = Table::new(SEED);
    let key = Key::limits(&table, "acme", &["acme"]).unwrap();
    assert_eq!(admit(&table, &key, NOW, &calls(1)), Ok(Admission::Admitted));
    give_back(&table, &key, NOW, &calls(1)).unwrap();
    assert_eq!(admit(&table, &key, NOW, &calls(1)), Ok(Admission::Admitted));
    let tokens = Limit { unit: Unit::Tokens, period: Period::Day, most: 100 };
    let charge = |amount| [Charge { limit: tokens, amount }];
    assert_eq!(admit(&table, &key, NOW, &charge(0)), Ok(Admission::Admitted));
    add(&table, &key, NOW, &charge(250)).unwrap();
    assert!(matches!(admit(&table, &key, NOW, &charge(0)), Ok(Admission::Refused { limit, .. }) if limit == tokens));
}

#[test]
fn a_refusal_by_one_limit_counts_for_no_other() {
    let table = Table::new(SEED);
    let key = Key::limits(&table, "acme", &["acme"]).unwrap();
    let charge = |unit, most| Charge { limit: Limit { unit, period: Period::Day, most }, amount: 1 };
    let (wide, narrow) = (charge(Unit::Requests, 5), charge(Unit::Tokens, 1));
    assert_eq!(admit(&table, &key, NOW, &[wide, narrow]), Ok(Admission::Admitted));
    for _ in 0..10 {
        assert!(matches!(admit(&table, &key, NOW, &[wide, narrow]), Ok(Admission::Refused { .. })));
    }
    assert_eq!(admit(&table, &key, NOW, &[wide]), Ok(Admission::Admitted));
}

const RULES: ConversationRules =
    ConversationRules { idle: Some(60), lifetime: Some(600), max_turns: Some(3), max_calls: Some(1) };

#[test]
fn a_conversation_lives_in_the_store() {
    let table = Table::new(SEED);
    let key = Key::conversation(&table, &["acme", "clerk"], &["id-1"]).unwrap();
    assert_eq!(begin_turn(&table, &key, NOW, &RULES), Ok(Ok(Standing::Begun)));
    assert_eq!(begin_turn(&table, &key, NOW + 1, &RULES), Ok(Ok(Standing::Active)));
    give_turn_back(&table, &key, NOW + 1, &RULES).unwrap();
    assert_eq!(begin_turn(&table, &key, NOW + 61, &RULES), Ok(Ok(Standing::Resumed)));
    assert_eq!(count_call(&table, &key, NOW + 62, &RULES), Ok(Ok(())));
    assert_eq!(count_call(&table, &key, NOW + 62, &RULES), Ok(Err(Ended::Calls)));
    assert_eq!(begin_turn(&table, &key, NOW + 63, &RULES), Ok(Ok(Standing::Active)));
    assert_eq!(begin_turn(&table, &key, NOW + 64, &RULES), Ok(Err(Ended::Turns)));
    assert_eq!(begin_turn(&table, &key, NOW + 600, &RULES), Ok(Err(Ended::Expired)));
    assert_eq!(begin_turn(&table, &key, NOW + 1_199, &RULES), Ok(Err(Ended::Expired)));
    assert_eq!(begin_turn(&table, &key, NOW + 1_200, &RULES), Ok(Ok(Standing::Begun)), "the id is forgotten");
    let other = Key::conversation(&table, &["evil", "clerk"], &["id-1"]).unwrap();
    assert_eq!(begin_turn(&table, &other, NOW + 64, &RULES), Ok(Ok(Standing::Begun)), "another tenant's id is another");
}

#[test]
fn a_stranger_who_fills_the_store_takes_room_only_from_itself() {
    let table = Table::new(SEED);
    let honest = Key::conversation(&table, &["acme", "clerk"], &["mine"]).unwrap();
    assert_eq!(begin_turn(&table, &honest, NOW, &RULES), Ok(Ok(Standing::Begun)));
    let count = usize::from(SLOTS) * MOST_RECORDS + 20_000;
    for number in 0..count {
        let key = Key::conversation(&table, &["evil", "clerk"], &[&number.to_string()]).unwrap();
        assert_eq!(begin_turn(&table, &key, NOW + 1, &RULES), Ok(Ok(Standing::Begun)));
    }
    assert_eq!(begin_turn(&table, &honest, NOW + 2, &RULES), Ok(Ok(Standing::Active)));
    let limits = Key::limits(&table, "acme", &["acme"]).unwrap();
    assert_eq!(admit(&table, &limits, NOW, &calls(1)), Ok(Admission::Admitted));
}
