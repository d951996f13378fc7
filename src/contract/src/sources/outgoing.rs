//! The rules on arguments that leave the organisation: entities need an honest source, and confidential values stay.
//!
//! Both look at strings that no `from` covers, since a `from` is stricter.

use callgate_provenance::{EntityKind, History, entities};

use super::Check;
use super::leaves::{Leaf, LeafValue, Leaves};
use super::origin::{MAX_SEARCHED, is_enumerated};
use crate::violation::{Code, Violation};

/// Decides the entity rule.
pub(super) fn check_entities(
    check: &mut Check<'_>,
    history: Option<&History>,
    leaves: &Leaves<'_>,
) -> Result<(), Violation> {
    let Some(otherwise) = check.tool.sources.entities else { return Ok(()) };
    let mut budget = MAX_SEARCHED;
    for (leaf, text) in uncovered(check, leaves) {
        let foreign = match history {
            Some(history) => history.foreign_entity(text, &mut budget),
            None => entities(text).into_iter().next(),
        };
        let Some(entity) = foreign.filter(|_| !is_enumerated(check, leaf)) else { continue };
        let kind = match entity.kind {
            EntityKind::Url => "a URL",
            EntityKind::Host => "a host name",
            EntityKind::Email => "an e-mail address",
            EntityKind::Iban => "an account number",
            EntityKind::Number => "a long number",
            EntityKind::Key => "a key-like token",
        };
        let message = format!(
            "expected {kind} that the user or the system wrote, or that is a whole trusted or attributed value"
        );
        check.broken(otherwise, Code::EntityForeign, &leaf.pointer(), message)?;
    }
    Ok(())
}

/// Decides the confidential flow. The caller knows that a tool has confidential results.
pub(super) fn check_flow(
    check: &mut Check<'_>,
    history: Option<&History>,
    leaves: &Leaves<'_>,
) -> Result<(), Violation> {
    let Some(otherwise) = check.tool.sources.egress else { return Ok(()) };
    let texts = uncovered(check, leaves);
    // A summary of earlier parts may hold confidential values.
    let whole = history.filter(|history| !history.is_partial());
    let leaks = |texts: &[&str]| whole.map_or(!texts.is_empty(), |history| history.leaks(texts));
    let all: Vec<&str> = texts.iter().map(|(_, text)| *text).collect();
    if !leaks(&all) {
        return Ok(());
    }
    // The words may be split over several values. The pointer names one if it has them all.
    let single = texts.iter().find(|(_, text)| leaks(&[text]));
    let pointer = single.map(|(leaf, _)| leaf.pointer()).unwrap_or_default();
    let message = "expected no confidential value of an earlier result in what leaves the organisation".to_owned();
    check.broken(otherwise, Code::ConfidentialFlow, &pointer, message)
}

/// Returns the strings without a `from`. The schema's own names of members are no words of the model.
fn uncovered<'l>(check: &Check<'_>, leaves: &'l Leaves<'_>) -> Vec<(&'l Leaf<'l>, &'l str)> {
    let is_ours = |leaf: &Leaf<'_>| matches!(leaf.value, LeafValue::Name(_)) && is_enumerated(check, leaf);
    let uncovered = leaves.list.iter().filter(|leaf| !leaf.has_from && !is_ours(leaf));
    uncovered.filter_map(|leaf| Some((leaf, leaf.text()?))).collect()
}
