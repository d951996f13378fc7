//! The prices of models.

use super::fields::{Fields, Located, Report};
use crate::model::is_model_name;
use crate::prices::{Price, Prices, Rate, Rates};
use crate::source::node::{Data, join};

const RATE: &str = "expected the price of a million tokens: a number from 0 to 1000000 with at most nine decimal places, such as `1.25`";

/// Reads `prices`. `models` is the contract's list of models.
pub(super) fn prices(item: &Located<'_>, models: Option<&Located<'_>>, report: &mut Report<'_>) -> Option<Prices> {
    let fields = Fields::open(item, &["currency", "unpriced", "models"], &[], report)?;
    let currency = fields.need("currency", "a currency such as `USD`", report).and_then(|item| {
        let text = item.text(report)?;
        if text.len() != 3 || !text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return report.fault(&item, "expected the three capital letters of a currency in ISO 4217, such as `USD`");
        }
        Some(text.to_owned())
    });
    let words = [("allow", false), ("refuse", true)];
    let refuses_unpriced = match fields.get("unpriced") {
        Some(item) => item.word(&words, report),
        None => Some(false),
    };
    let listed = fields.need("models", "a mapping of models to their prices", report)?;
    let entries = listed.entries(report)?;
    if entries.is_empty() {
        return report.fault(&listed, "expected at least one model, such as `\"gpt-5*\": { input: 1.25, output: 10 }`");
    }
    let mut priced = Vec::new();
    for entry in entries {
        let model = Located { node: &entry.value, path: join(&listed.path, &entry.key) };
        if entry.key.contains(['?', '[', ']', '{', '}']) || !is_model_name(&entry.key) {
            let expected =
                "expected a model name in which only `*` is special, of printable ASCII characters without spaces";
            report.fault_at::<()>(&entry.at, model.path.clone(), expected);
        }
        if let Some(price) = price(&model, report) {
            priced.push((entry.key.as_str(), price));
        }
    }
    let prices = Prices::new(currency?, refuses_unpriced?, priced);
    for (item, model) in models.into_iter().flat_map(names).filter(|(_, model)| prices.of(model).is_none()) {
        let which = if model.contains('*') { "some models of this name may have" } else { "this model has" };
        report.note(&item, format!("{which} no price in `prices`; add one, or its cost is unknown"));
    }
    Some(prices)
}

/// The strings of a list, whose faults are reported elsewhere.
fn names<'n>(list: &Located<'n>) -> Vec<(Located<'n>, &'n str)> {
    let Data::List(items) = &list.node.data else { return Vec::new() };
    let items = items.iter().enumerate();
    items
        .filter_map(|(index, node)| Some((Located { node, path: format!("{}/{index}", list.path) }, node.text()?)))
        .collect()
}

fn price(item: &Located<'_>, report: &mut Report<'_>) -> Option<Price> {
    const FIELDS: [&str; 6] = ["input", "cachedInput", "cacheWrite", "cacheWrite1h", "output", "longContext"];
    let fields = Fields::open(item, &FIELDS, &[], report)?;
    let rates = rates(&fields, report);
    let long_context = match fields.get("longContext") {
        Some(item) => long_context(&item, report).map(Some),
        None => Some(None),
    };
    Some(Price { rates: rates?, long_context: long_context? })
}

fn long_context(item: &Located<'_>, report: &mut Report<'_>) -> Option<(u64, Rates)> {
    const FIELDS: [&str; 6] = ["above", "input", "cachedInput", "cacheWrite", "cacheWrite1h", "output"];
    let fields = Fields::open(item, &FIELDS, &[], report)?;
    let above = fields.need("above", "a number of input tokens such as `200000`", report);
    let above = above.and_then(|item| item.count(report));
    let rates = rates(&fields, report);
    Some((above?, rates?))
}

/// Reads the prices by kind. Cached tokens cost as much as others unless they have a price.
fn rates(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Rates> {
    let mut needed =
        |name| fields.need(name, "the price of a million tokens", report).and_then(|item| rate(&item, report));
    let (input, output) = (needed("input"), needed("output"));
    let mut or = |name, otherwise: Option<Rate>| match fields.get(name) {
        Some(item) => rate(&item, report),
        None => otherwise,
    };
    let cached_input = or("cachedInput", input);
    let cache_write = or("cacheWrite", input);
    let cache_write_1h = or("cacheWrite1h", cache_write);
    Some(Rates {
        input: input?,
        cached_input: cached_input?,
        cache_write: cache_write?,
        cache_write_1h: cache_write_1h?,
        output: output?,
    })
}

fn rate(item: &Located<'_>, report: &mut Report<'_>) -> Option<Rate> {
    let rate = match &item.node.data {
        Data::Number(number) => Rate::per_million(number),
        _ => None,
    };
    rate.or_else(|| report.fault(item, RATE))
}
