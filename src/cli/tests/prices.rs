//! `callgate prices` over a small list.
#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed helper is a failed test")]

mod support;

use std::fs;

use support::{Folder, callgate};

/// A list with the shapes of the real one: one entry explains, and some models have no price of tokens.
const LIST: &str = r#"{
  "sample_spec": { "input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "mode": "one of: chat, embedding" },
  "tern-5-mini": { "mode": "chat", "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06 },
  "tern-5": {
    "mode": "chat", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05,
    "cache_read_input_token_cost": 1.25e-07, "input_cost_per_token_batches": 6e-07, "max_input_tokens": 400000
  },
  "heron-large": {
    "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 3e-07,
    "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06,
    "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05
  },
  "heron-think": { "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "output_cost_per_reasoning_token": 3e-06 },
  "heron-draw": { "mode": "image_generation", "output_cost_per_image": 0.04 },
  "heron free": { "input_cost_per_token": 0, "output_cost_per_token": 0 },
  "local/heron": { "input_cost_per_token": 0, "output_cost_per_token": 0 }
}"#;

const ALL: &str = r#"prices:
  currency: USD
  models:
    "heron-large": { input: 3, cachedInput: 0.3, cacheWrite: 3.75, cacheWrite1h: 6, output: 15, longContext: { above: 200000, input: 6, cachedInput: 0.3, cacheWrite: 3.75, cacheWrite1h: 6, output: 22.5 } }
    "heron-think": { input: 1, output: 3 }
    "local/heron": { input: 0, output: 0 }
    "tern-5": { input: 1.25, cachedInput: 0.125, output: 10 }
    "tern-5-mini": { input: 0.25, output: 2 }
"#;

#[test]
fn prices_are_sorted_and_the_same_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.json");
    fs::write(&list, LIST).unwrap();
    let from = list.to_str().unwrap();
    let all = callgate(&["prices", "--models", "*", "--from", from]);
    assert_eq!((all.code, all.out.as_str()), (0, ALL), "{all:?}");
    let some = callgate(&["prices", "--models", "tern-*,heron-draw,zebra,tern-5", "--from", from]);
    let expected = r#"prices:
  currency: USD
  models:
    "tern-5": { input: 1.25, cachedInput: 0.125, output: 10 }
    "tern-5-mini": { input: 0.25, output: 2 }
    # no price in the list: "heron-draw"
    # no price in the list: "zebra"
"#;
    assert_eq!((some.code, some.out.as_str()), (0, expected), "{some:?}");
}

#[test]
fn prices_fit_the_contract_that_names_the_models() {
    let folder = Folder::new("prices_fit");
    folder.write("model_prices_and_context_window_backup.json", &LIST.replace("tern-5", "gpt-4o"));
    let told = callgate(&["prices", &folder.contract(), "--from", folder.path("").to_str().unwrap()]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.out.contains("\"gpt-4o-mini\": { input: 0.25, output: 2 }"), "{told:?}");
    assert!(!told.out.contains("heron"), "{told:?}");
    let block: String = told.out.lines().map(|line| format!("  {line}\n")).collect();
    folder.write("contract.yaml", &folder.text().replace("  roles:\n", &format!("{block}  roles:\n")));
    let linted = callgate(&["lint", &folder.contract()]);
    assert_eq!(linted.code, 0, "{linted:?}");
}

#[test]
fn a_wrong_list_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.json");
    fs::write(&list, "[]").unwrap();
    let wrong = callgate(&["prices", "--models", "*", "--from", list.to_str().unwrap()]);
    assert!(wrong.code == 1 && wrong.err.contains("list.json: is not a list of model prices"), "{wrong:?}");
    let missing = callgate(&["prices", "--models", "*", "--from", folder.path().to_str().unwrap()]);
    assert!(missing.code == 1 && missing.err.contains("cannot be read"), "{missing:?}");
    assert_eq!(callgate(&["prices", "--from", "x"]).code, 1);
}
