//! The same tests as WebAssembly under Node. `.setup/node-test.sh` runs them, and `CALLGATE_VERDICTS` names the corpus as a
//! file.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that fails may panic")]

use callgate_verdicts::{Played, Table, decided, differences};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

fn compare(table: &Table) {
    let contract = table.compile().unwrap();
    let mut found = differences(table, "decide", |case| decided(&contract, case));
    let played = Played::new(contract).unwrap();
    found.extend(differences(table, "the engine, whole", |case| played.whole(case)));
    found.extend(differences(table, "the engine, streamed", |case| played.streamed(case)));
    assert!(found.is_empty(), "{} differ in {}:\n{}", found.len(), table.name, found.join("\n"));
    console_log!("COVERED verdicts under Node: {} cases of {}, each in 3 places", table.cases.len(), table.name);
}

#[wasm_bindgen_test]
fn the_own_table_gets_its_verdicts_under_node() {
    compare(&Table::own().unwrap());
}

#[wasm_bindgen_test]
fn the_corpus_gets_the_same_verdicts_under_node() {
    if let Some(table) = Table::read(include_str!(env!("CALLGATE_VERDICTS"))).unwrap() {
        compare(&table);
    }
}
