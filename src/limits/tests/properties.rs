//! No order of times, charges or threads admits more than a limit.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests: a failed step is a failed test")]

use callgate_limits::conversation::Conversation;
use callgate_limits::meters::Meters;
use callgate_limits::{Admission, Charge, Limit, Period, Unit};
use proptest::prelude::*;

fn limit(period: Period, most: u64) -> Limit {
    Limit { unit: Unit::Calls, period, most }
}

/// The admitted amounts with their times, in order.
fn admitted(limit: Limit, charges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut record = Vec::new();
    let mut all = Vec::new();
    for (now, amount) in charges {
        let mut meters = Meters::read(&record).unwrap();
        // As in a store: a refused charge writes nothing.
        if meters.admit(*now, &[Charge { limit, amount: *amount }]) == Admission::Admitted {
            all.push((*now, *amount));
            record = meters.write();
        }
    }
    all
}

/// Times that jump to and fro around a moment, with some far ones.
fn times() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let time = prop_oneof![
        8 => 86_300_u64..86_500,
        2 => 0_u64..200_000,
        1 => prop_oneof![Just(0), Just(u64::MAX), Just(u64::MAX / 2)],
    ];
    prop::collection::vec((time, 1_u64..6), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_minute_has_more_than_the_limit(charges in times(), most in 1_u64..12) {
        let all = admitted(limit(Period::Minute, most), &charges);
        for begin in 0..all.len() {
            let (mut least, mut last, mut total) = (u64::MAX, 0, 0_u64);
            for (now, amount) in &all[begin..] {
                (least, last) = (least.min(*now), last.max(*now));
                if last - least >= 60 {
                    break;
                }
                total += amount;
                prop_assert!(total <= most, "{all:?}");
            }
        }
    }

    #[test]
    fn no_day_has_more_than_the_limit(charges in times(), most in 1_u64..12) {
        let all = admitted(limit(Period::Day, most), &charges);
        for begin in 0..all.len() {
            let day = all[begin].0 / 86_400;
            let of_day = all[begin..].iter().take_while(|(now, _)| now / 86_400 == day);
            prop_assert!(of_day.map(|(_, amount)| amount).sum::<u64>() <= most, "{all:?}");
        }
    }

    #[test]
    fn a_refused_charge_fits_after_the_wait_and_not_before(
        steps in prop::collection::vec((0_u64..30, 1_u64..6), 1..40),
        most in 6_u64..20,
        day in any::<bool>(),
    ) {
        let limit = limit(if day { Period::Day } else { Period::Minute }, most);
        let mut meters = Meters::default();
        let mut now = 86_000;
        for (step, amount) in steps {
            now += step;
            let charge = [Charge { limit, amount }];
            if let Admission::Refused { retry_after, .. } = meters.admit(now, &charge) {
                let after = now + retry_after.as_secs();
                prop_assert!(after > now);
                prop_assert_ne!(meters.clone().admit(after - 1, &charge), Admission::Admitted);
                prop_assert_eq!(meters.clone().admit(after, &charge), Admission::Admitted);
            }
        }
    }

    #[test]
    fn records_are_read_as_written(charges in times()) {
        let mut meters = Meters::default();
        for (now, amount) in charges {
            let of = |unit, period| Charge { limit: Limit { unit, period, most: u64::MAX }, amount };
            meters.add(now, &[of(Unit::Tokens, Period::Minute), of(Unit::Cost, Period::Day)]);
            let read = Meters::read(&meters.write()).unwrap();
            for (unit, period) in [(Unit::Tokens, Period::Minute), (Unit::Cost, Period::Day)] {
                prop_assert_eq!(read.total(unit, period), meters.total(unit, period));
            }
            prop_assert_eq!(read.ends(), meters.ends());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), now in any::<u64>()) {
        if let Some(mut meters) = Meters::read(&bytes) {
            let charge = [Charge { limit: limit(Period::Minute, 5), amount: 1 }];
            let _ = meters.admit(now, &charge);
            prop_assert!(Meters::read(&meters.write()).is_some());
        }
        let _ = Conversation::read(&bytes, now);
    }
}
