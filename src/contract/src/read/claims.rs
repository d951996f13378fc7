//! `claims`: names and types of the claims that conditions may read.

use std::collections::BTreeMap;

use super::fields::{Located, Report};
use crate::claims::{CLAIMS_MAX, ClaimType, ClaimTypes, is_name};
use crate::source::node::{Data, join};

const TYPES: [(&str, ClaimType); 3] =
    [("string", ClaimType::Text), ("integer", ClaimType::Integer), ("boolean", ClaimType::Bool)];

pub(super) fn claims(item: &Located<'_>, report: &mut Report<'_>) -> Option<ClaimTypes> {
    let entries = item.entries(report)?;
    if entries.len() > CLAIMS_MAX {
        return report.fault(item, format!("expected at most {CLAIMS_MAX} claims"));
    }
    let mut types = BTreeMap::new();
    for entry in entries {
        let name = entry.key.as_str();
        let claim = Located { node: &entry.value, path: join(&item.path, name) };
        if !is_name(name) {
            let expected = "expected a claim name of 1 to 64 of `a-z`, `A-Z`, `0-9` and `_`, without a digit at its start, such as `department`";
            report.fault_at::<()>(&entry.at, claim.path.clone(), expected);
        }
        if let Some(kind) = kind(&claim, report) {
            types.insert(name.to_owned(), kind);
        }
    }
    Some(ClaimTypes::new(types))
}

/// Reads `string`, `integer`, `boolean`, or `[string]` for a list.
fn kind(item: &Located<'_>, report: &mut Report<'_>) -> Option<ClaimType> {
    match &item.node.data {
        Data::List(items) if matches!(items.as_slice(), [of] if of.text() == Some("string")) => Some(ClaimType::Texts),
        Data::List(_) => report.fault(item, "expected `[string]`, the only list"),
        _ => match item.node.text().and_then(|text| TYPES.iter().find(|(word, _)| *word == text)) {
            Some((_, kind)) => Some(*kind),
            None => report.fault(item, "expected `string`, `integer`, `boolean` or `[string]`"),
        },
    }
}
