//! Rates and budgets of roles and tools.

use callgate_limits::{Limit, Period, Unit};

use super::fields::{Fields, Located, Report};
use super::units;
use crate::prices::Rate;
use crate::source::node::Data;

/// The limits of a role.
pub(super) const OF_A_ROLE: [&str; 7] = [
    "requestsPerMinute",
    "requestsPerDay",
    "callsPerMinute",
    "callsPerDay",
    "tokensPerMinute",
    "tokensPerDay",
    "costPerDay",
];
/// The limits of a tool.
pub(super) const OF_A_TOOL: [&str; 2] = ["callsPerMinute", "callsPerDay"];

/// Reads the limits among the fields of a role or a tool. Fields of other names are the caller's to refuse. `currency` is that of the
/// contract's prices.
pub(super) fn limits(
    fields: &Fields<'_>,
    names: &[&str],
    currency: Option<&str>,
    report: &mut Report<'_>,
) -> Option<Vec<Limit>> {
    let mut limits: Vec<Limit> = Vec::new();
    let mut is_whole = true;
    for name in names {
        let (Some(item), Some((unit, period))) = (fields.get(name), meaning(name)) else { continue };
        let most = match unit {
            Unit::Cost => cost(&item, currency, report),
            Unit::Requests | Unit::Calls | Unit::Tokens => units::amount(&item, report),
        };
        let Some(most) = most else {
            is_whole = false;
            continue;
        };
        let minute = limits.iter().find(|limit| limit.unit == unit && limit.period == Period::Minute);
        if period == Period::Day && minute.is_some_and(|minute| minute.most > most) {
            report.note(&item, "the limit of a minute is higher than that of the whole day, so it is never reached");
        }
        limits.push(Limit { unit, period, most });
    }
    is_whole.then_some(limits)
}

fn meaning(name: &str) -> Option<(Unit, Period)> {
    Some(match name {
        "requestsPerMinute" => (Unit::Requests, Period::Minute),
        "requestsPerDay" => (Unit::Requests, Period::Day),
        "callsPerMinute" => (Unit::Calls, Period::Minute),
        "callsPerDay" => (Unit::Calls, Period::Day),
        "tokensPerMinute" => (Unit::Tokens, Period::Minute),
        "tokensPerDay" => (Unit::Tokens, Period::Day),
        "costPerDay" => (Unit::Cost, Period::Day),
        _ => return None,
    })
}

/// Reads an amount of money in the currency of the prices, in millionths of its unit.
fn cost(item: &Located<'_>, currency: Option<&str>, report: &mut Report<'_>) -> Option<u64> {
    const AMOUNT: &str =
        "expected a number above 0 and up to 1000000, with at most six decimal places, such as 20 or 2.5";
    let fields = Fields::open(item, &["amount", "currency"], &[], report)?;
    let amount = fields.need("amount", "a number, such as 20", report);
    let named = fields.need("currency", "the currency of `prices`, such as `USD`", report);
    let Some(currency) = currency else {
        return report
            .fault(item, "expected `prices` in `spec`: a cost is computed from them; add the prices of the models");
    };
    let amount = amount.and_then(|item| {
        // A price has the same form.
        let rate = match &item.node.data {
            Data::Number(number) => Rate::per_million(number),
            _ => None,
        };
        let micros = rate.map(Rate::billionths).filter(|billionths| *billionths > 0 && billionths.is_multiple_of(1000));
        micros.map(|billionths| billionths / 1000).or_else(|| report.fault(&item, AMOUNT))
    });
    let named = named.and_then(|item| match item.text(report)? {
        text if text == currency => Some(()),
        _ => report.fault(&item, format!("expected `{currency}`, the currency of `prices`")),
    });
    named.and(amount)
}
