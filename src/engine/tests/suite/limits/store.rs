//! A store that cannot be used, and one that nobody needs.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use callgate_contract::Code;
use callgate_engine::{
    Code as ExchangeCode, Effect, Gate, Offer, Paths, SEED_BYTES, Slot, Slots, StoreError, Versioned,
};
use serde_json::json;

use super::{Asker, CLERK, ask, contract, play, refused, text};
use crate::common::rules;
use crate::conditions::apis::APIS;

/// A store that fails in one of three ways.
#[derive(Debug)]
struct Failing(StoreError);

impl Slots for Failing {
    fn seed(&self) -> Result<[u8; SEED_BYTES], StoreError> {
        if self.0 == StoreError::Unavailable { Err(self.0) } else { Ok([0; SEED_BYTES]) }
    }

    fn read(&self, _: Slot) -> Result<Versioned, StoreError> {
        let bytes = if self.0 == StoreError::Unreadable { vec![1, 2, 3] } else { Vec::new() };
        Ok(Versioned { bytes, version: 1 })
    }

    fn swap(&self, _: Slot, _: u32, _: Vec<u8>) -> Result<bool, StoreError> {
        Ok(false)
    }
}

/// A store that nobody may touch.
#[derive(Debug)]
struct Untouched;

impl Slots for Untouched {
    fn seed(&self) -> Result<[u8; SEED_BYTES], StoreError> {
        panic!("the store was used")
    }

    fn read(&self, _: Slot) -> Result<Versioned, StoreError> {
        panic!("the store was used")
    }

    fn swap(&self, _: Slot, _: u32, _: Vec<u8>) -> Result<bool, StoreError> {
        panic!("the store was used")
    }
}

fn gate(contract: &str, slots: impl Slots + 'static) -> Rc<Gate> {
    let rules = rules(contract, Paths::default(), Offer::Declared, true).unwrap();
    Rc::new(Arc::new(rules).gate().with_slots(Rc::new(slots)))
}

#[test]
fn without_a_store_nothing_passes() {
    let none = json!({});
    let calls = [("c1", "order", &none)];
    for error in [StoreError::Unavailable, StoreError::Unreadable, StoreError::Contended] {
        for api in &APIS {
            let requests = gate(&contract("requestsPerDay: 5", "", ""), Failing(error));
            let (effect, exchange) = ask(api, &requests, CLERK, false);
            let (status, body, wait) = refused(effect);
            assert_eq!((status, wait), (503, Some(1)), "{}: {body}", api.name);
            assert_eq!(exchange.tally().error, Some(ExchangeCode::LimitsUnavailable));
            for size in [None, Some(9)] {
                let of_calls = gate(&contract("callsPerDay: 5", "", ""), Failing(error));
                let (effect, exchange) = play(api, &of_calls, CLERK, &calls, size);
                assert!(text(effect).contains("limits_unavailable"), "{}", api.name);
                assert_eq!(exchange.tally().refused, [Code::LimitsUnavailable]);
            }
        }
    }
}

/// A store that works for some reads, and then fails.
#[derive(Debug)]
struct Lasting {
    table: callgate_engine::Table,
    reads: std::cell::Cell<u32>,
}

impl Slots for Lasting {
    fn seed(&self) -> Result<[u8; SEED_BYTES], StoreError> {
        self.table.seed()
    }

    fn read(&self, slot: Slot) -> Result<Versioned, StoreError> {
        let left = self.reads.get().checked_sub(1).ok_or(StoreError::Unavailable)?;
        self.reads.set(left);
        self.table.read(slot)
    }

    fn swap(&self, slot: Slot, version: u32, bytes: Vec<u8>) -> Result<bool, StoreError> {
        self.table.swap(slot, version, bytes)
    }
}

#[test]
fn a_charge_that_is_lost_is_reported() {
    let [api, ..] = &APIS;
    for (reads, lost) in [(1, true), (2, false)] {
        let slots = Lasting { table: callgate_engine::Table::new([1; SEED_BYTES]), reads: reads.into() };
        let gate = gate(&contract("tokensPerDay: 50", "", ""), slots);
        let (_, mut exchange) = play(api, &gate, CLERK, &[], None);
        exchange.on(callgate_engine::Event::Cancelled);
        assert_eq!(exchange.tally().charge_lost, lost);
    }
}

#[test]
fn without_a_clock_nothing_passes() {
    let [api, ..] = &APIS;
    let none = json!({});
    let asker = Asker { now: Duration::ZERO, ..CLERK };
    assert_eq!(refused(ask(api, &super::gate("requestsPerDay: 5", "", ""), asker, false).0).0, 503);
    let (_, exchange) = play(api, &super::gate("callsPerDay: 5", "", ""), asker, &[("c1", "order", &none)], None);
    assert_eq!(exchange.tally().refused, [Code::LimitsUnavailable]);
}

#[test]
fn a_contract_without_limits_uses_no_store() {
    let none = json!({});
    let gate = gate(&contract("", "", ""), Untouched);
    for api in &APIS {
        for size in [None, Some(40)] {
            let (effect, _) = play(api, &gate, CLERK, &[("c1", "order", &none)], size);
            assert!(matches!(effect, Effect::Finish(_)));
        }
    }
    // Nor does a limit of another role or tool.
    let limited = self::gate(&contract("callsPerDay: 1", "", ""), Untouched);
    let viewer = Asker { role: "viewer", ..CLERK };
    let (effect, _) = play(&APIS[0], &limited, viewer, &[("c1", "look", &none)], None);
    assert!(matches!(effect, Effect::Finish(_)));
}
