//! Rates, budgets and conversations over time.
//!
//! A counter is a record of bytes in a [`Slots`] store, which offers compare-and-swap and nothing else: the shared data of a proxy, a
//! [`CounterTable`] in the memory of one process, or a [`SlotsDraft`] of a database's rows. The number of slots and their bytes are fixed, whoever chooses the names ([`slots`]).
//!
//! A charge is all or nothing: if one limit is reached, nothing is counted. Whatever the order of the clocks of those who charge, no more
//! than the limit is admitted ([`meters`]).
//!
//! ```
//! use callgate_limits::{Admission, Charge, CounterKey, Limit, Period, CounterTable, Unit, admit};
//!
//! let table = CounterTable::new([7; 16]);
//! let limit = Limit { unit: Unit::Calls, period: Period::Minute, most: 1 };
//! let key = CounterKey::limits(&table, "acme", &["desk", "acme", "role", "clerk"])?;
//! let charge = [Charge { limit, amount: 1 }];
//! assert_eq!(admit(&table, &key, 1_000, &charge)?, Admission::Admitted);
//! assert!(matches!(admit(&table, &key, 1_001, &charge)?, Admission::Refused { .. }));
//! # Ok::<(), callgate_limits::StoreError>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros))]

mod bucket;
mod bytes;
pub mod conversation;
mod draft;
mod key;
mod limit;
pub mod meters;
pub mod receipts;
pub mod slots;
mod table;
mod window;

pub use bucket::MOST_RECORDS;
pub use conversation::{ConversationEnd, ConversationRules, Standing};
pub use draft::SlotsDraft;
pub use key::{CounterKey, SEED_BYTES};
pub use limit::{Charge, Limit, Period, Unit};
pub use meters::Admission;
pub use slots::{
    CounterSlot, Slots, StoreError, TableKind, Versioned, add, admit, begin_turn, count_call, give_back, give_turn_back,
};
pub use table::CounterTable;
