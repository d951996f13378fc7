//! `prices`: faults with their places, notes, and the digest.

use callgate_contract::{Contract, Errors, Files, load};

use crate::folder::Folder;

const CONTRACT: &str = r#"apiVersion: callgate.dev/v1
kind: Contract
metadata: { name: desk, version: 1.0.0 }
spec:
  models: ["gpt-5*", "gpt-4o", "claude-*"]
  PRICES
  roles: { clerk: { tools: ["*"] } }
  tools: [{ name: look, effects: read, parameters: { type: object }, run: { client: {} } }]
"#;

fn read(prices: &str) -> Result<Contract, Errors> {
    load("c.yaml", &CONTRACT.replace("PRICES", prices), &Folder(&[]) as &dyn Files)
}

#[test]
fn a_model_has_the_price_of_its_most_specific_name() {
    let prices = "prices: { currency: EUR, models: { \"gpt-5*\": { input: 1.25, cachedInput: 0.125, output: 10 }, gpt-5-mini: { input: 0.25, output: 2 } } }";
    let contract = read(prices).unwrap();
    let prices = contract.prices().unwrap();
    assert_eq!((prices.currency(), prices.refuses_unpriced(), contract.needs_usage()), ("EUR", false, true));
    let rates = |model: &str| {
        prices.of(model).map(|price| {
            (price.rates.input.to_string(), price.rates.cached_input.to_string(), price.rates.output.to_string())
        })
    };
    let of = |input: &str, cached: &str, output: &str| Some((input.to_owned(), cached.to_owned(), output.to_owned()));
    assert_eq!(rates("gpt-5.1"), of("1.25", "0.125", "10"));
    assert_eq!(rates("gpt-5-mini"), of("0.25", "0.25", "2"));
    assert_eq!(rates("claude-x"), None);
}

#[test]
fn a_contract_without_prices_needs_no_usage() {
    let contract = read("").unwrap();
    assert!(contract.prices().is_none() && !contract.needs_usage());
    assert!(!contract.canonical().contains("prices"));
}

#[test]
fn faults_name_their_place_and_the_nearest_field() {
    for (prices, fault) in [
        ("prices: { models: { a: { input: 1, output: 1 } } }", "6:11: spec.prices: missing field `currency`"),
        ("prices: { currency: USD }", "6:11: spec.prices: missing field `models`"),
        (
            "prices: { currency: usd, models: { a: { input: 1, output: 1 } } }",
            "6:23: spec.prices.currency: expected the three",
        ),
        ("prices: { currency: USD, models: {} }", "expected at least one model"),
        ("prices: { currency: USD, models: { a: { input: 1, outputs: 1 } } }", "did you mean `output`?"),
        (
            "prices: { currency: USD, models: { a: { input: \"1\", output: 1 } } }",
            "spec.prices.models.a.input: expected the price",
        ),
        (
            "prices: { currency: USD, models: { a: { input: -1, output: 1 } } }",
            "spec.prices.models.a.input: expected the price",
        ),
        ("prices: { currency: USD, models: { a: { input: 0.1234567891, output: 1 } } }", "at most nine decimal places"),
        ("prices: { currency: USD, models: { \"a b\": { input: 1, output: 1 } } }", "expected a model name"),
        (
            "prices: { currency: USD, models: { a: { input: 1, output: 1, longContext: { input: 2, output: 2 } } } }",
            "missing field `above`",
        ),
        (
            "prices: { currency: USD, unpriced: deny, models: { a: { input: 1, output: 1 } } }",
            "expected `allow` or `refuse`",
        ),
    ] {
        let errors = read(prices).unwrap_err().to_string();
        assert!(errors.contains(fault), "{prices}: {errors}");
    }
}

#[test]
fn models_without_a_price_are_noted() {
    let contract = read(
        "prices: { currency: USD, models: { \"gpt-5*\": { input: 1, output: 1 }, claude-x: { input: 1, output: 1 } } }",
    )
    .unwrap();
    let notes: Vec<String> = contract.notes().iter().map(|note| format!("{} {}", note.path, note.message)).collect();
    assert_eq!(
        notes,
        [
            "/spec/models/1 this model has no price in `prices`; add one, or its cost is unknown",
            "/spec/models/2 some models of this name may have no price in `prices`; add one, or its cost is unknown",
        ]
    );
}
