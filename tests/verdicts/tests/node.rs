//! The same tests as WebAssembly under Node. `.setup/node-test.sh` runs them, and `CALLGATE_VERDICTS` names the corpus as a
//! file.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that fails may panic")]

use callgate_verdicts::{Played, Table, decided, differences, hostile};
use js_sys::wasm_bindgen::JsValue;
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

#[wasm_bindgen_test]
fn the_time_of_every_kind_grows_no_faster_than_its_text_under_node() {
    // Processor time: other work on the machine does not make one text slower than the others.
    let clock =
        js_sys::Function::new_no_args("const { user, system } = process.cpuUsage(); return (user + system) / 1000;");
    let now = || clock.call0(&JsValue::NULL).unwrap().as_f64().unwrap();
    let growth = hostile::growth(now).unwrap();
    assert!(growth.over.is_empty(), "{} of {} texts:\n{}", growth.over.len(), growth.texts, growth.over.join("\n"));
    let (time, text) = growth.slowest;
    console_log!(
        "COVERED growth under Node: {} hostile texts of all kinds; the slowest took {time:.0} ms, {text}",
        growth.texts
    );
}
