//! Rates and budgets of roles and tools.

use callgate_limits::{Limit, Period, Unit};

use super::fields::{Fields, Report};
use super::units;

/// The limits of a role.
pub(super) const OF_A_ROLE: [&str; 4] = ["requestsPerMinute", "requestsPerDay", "callsPerMinute", "callsPerDay"];
/// The limits of a tool.
pub(super) const OF_A_TOOL: [&str; 2] = ["callsPerMinute", "callsPerDay"];

/// Reads the limits among the fields of a role or a tool. Fields of other names are the caller's to refuse.
pub(super) fn limits(fields: &Fields<'_>, names: &[&str], report: &mut Report<'_>) -> Option<Vec<Limit>> {
    let mut limits: Vec<Limit> = Vec::new();
    let mut is_whole = true;
    for name in names {
        let (Some(item), Some((unit, period))) = (fields.get(name), meaning(name)) else { continue };
        let Some(most) = units::amount(&item, report) else {
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
        _ => return None,
    })
}
