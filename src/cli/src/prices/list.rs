//! LiteLLM's list of models: an object with one entry a model, with prices for one token in US dollars.
//!
//! Some entries have more prices than a contract. Then the dearer one is taken: that of reasoning if it is above the output's, and of
//! several thresholds of a long input the lowest one with the highest prices.

use std::collections::BTreeMap;

use callgate_contract::{Price, Rate, Rates, is_model_name};
use serde_json::{Map, Value};

/// The entry that explains the others.
const EXPLANATION: &str = "sample_spec";
const LONG: (&str, &str) = ("_above_", "k_tokens");
const KINDS: [&str; 2] = ["input_cost_per_token", "output_cost_per_token"];

/// The prices in a list.
pub(super) struct PriceList(BTreeMap<String, Price>);

// === impl PriceList ===

impl PriceList {
    /// Reads a list. Entries without a price of tokens are left out.
    pub(super) fn read(text: &str) -> Result<Self, serde_json::Error> {
        let entries: BTreeMap<String, Map<String, Value>> = serde_json::from_str(text)?;
        let named = entries.into_iter().filter(|(name, _)| name != EXPLANATION && is_model_name(name));
        Ok(Self(named.filter_map(|(name, entry)| Some((name, price(&entry)?))).collect()))
    }

    /// Returns the prices in the order of the models' names.
    pub(super) fn prices(&self) -> impl Iterator<Item = (&str, &Price)> {
        self.0.iter().map(|(name, price)| (name.as_str(), price))
    }
}

fn price(entry: &Map<String, Value>) -> Option<Price> {
    let rates = rates(entry, "", None)?;
    let thresholds: BTreeMap<u64, &str> = entry.keys().filter_map(|key| threshold(key)).collect();
    let long = thresholds.values().filter_map(|suffix| self::rates(entry, suffix, Some(&rates)));
    let long = long.reduce(Rates::or_dearer);
    Some(Price { rates, long_context: thresholds.keys().next().copied().zip(long) })
}

/// Returns the tokens of a price for long inputs, and the end of its name.
fn threshold(key: &str) -> Option<(u64, &str)> {
    let suffix = KINDS.iter().find_map(|kind| key.strip_prefix(kind))?;
    let thousands = suffix.strip_prefix(LONG.0)?.strip_suffix(LONG.1)?;
    Some((thousands.parse::<u64>().ok()?.checked_mul(1000)?, suffix))
}

/// Reads the prices whose names end in `suffix`; a missing one is that of `base`, or of all input.
fn rates(entry: &Map<String, Value>, suffix: &str, base: Option<&Rates>) -> Option<Rates> {
    let rate = |name: &str| match entry.get(&format!("{name}{suffix}")) {
        Some(Value::Number(number)) => Rate::per_token(number),
        _ => None,
    };
    let [input, output] = KINDS;
    let input = rate(input).or(base.map(|base| base.input))?;
    let output = rate(output).or(base.map(|base| base.output))?;
    let cached_input = rate("cache_read_input_token_cost").or(base.map(|base| base.cached_input)).unwrap_or(input);
    let cache_write = rate("cache_creation_input_token_cost").or(base.map(|base| base.cache_write)).unwrap_or(input);
    let for_an_hour = rate("cache_creation_input_token_cost_above_1hr").or(base.map(|base| base.cache_write_1h));
    Some(Rates {
        input,
        cached_input,
        cache_write,
        cache_write_1h: for_an_hour.unwrap_or(cache_write),
        output: output.max(rate("output_cost_per_reasoning_token").unwrap_or_default()),
    })
}

/// Writes a price as a mapping on one line, without the values that are the defaults.
pub(super) fn flow(price: &Price) -> String {
    let mut fields = fields(&price.rates);
    if let Some((above, rates)) = &price.long_context {
        let long = std::iter::once(format!("above: {above}")).chain(self::fields(rates));
        fields.push(format!("longContext: {{ {} }}", long.collect::<Vec<_>>().join(", ")));
    }
    format!("{{ {} }}", fields.join(", "))
}

fn fields(rates: &Rates) -> Vec<String> {
    let Rates { input, cached_input, cache_write, cache_write_1h, output } = *rates;
    let all = [
        ("input", input, None),
        ("cachedInput", cached_input, Some(input)),
        ("cacheWrite", cache_write, Some(input)),
        ("cacheWrite1h", cache_write_1h, Some(cache_write)),
        ("output", output, None),
    ];
    let written = all.into_iter().filter(|(_, rate, default)| Some(*rate) != *default);
    written.map(|(name, rate, _)| format!("{name}: {rate}")).collect()
}
