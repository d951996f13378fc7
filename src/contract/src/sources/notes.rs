//! The sources of a call's values for a person who asks why.

use callgate_provenance::{Finding, History, Needle, Sighting, SightingPlace, Trust, entities};

use super::leaves::{Leaf, LeafValue, Leaves};
use super::schema;
use crate::model::{Contract, Tool};

/// A value under a rule, and the places that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceNote {
    /// JSON Pointer into the arguments.
    pub pointer: String,
    /// The rule in words, such as "from `user`".
    pub rule: String,
    /// The places that have the value, in words. A note shows places and no value.
    pub found: Vec<String>,
}

/// The maximum places that are listed for one value.
const LISTED: usize = 8;

/// Returns the values of arguments that are under a rule about sources, each with the places that have it. There are none if the
/// contract lacks the tool, or the arguments are not strict JSON.
#[must_use]
pub fn source_notes(contract: &Contract, tool: &str, arguments: &str, history: &History) -> Vec<SourceNote> {
    let Some(tool) = contract.tool(tool) else { return Vec::new() };
    let Ok(arguments) = callgate_json::read(arguments.as_bytes()) else { return Vec::new() };
    let leaves = Leaves::of(&tool.sources, &arguments);
    let mut notes = Vec::new();
    for leaf in &leaves.list {
        if is_ours(tool, leaf) {
            continue;
        }
        for rule in leaf.rules.iter().filter_map(|position| tool.sources.origins.get(*position)) {
            let needle = match leaf.value {
                LeafValue::Value(value) => Needle::of(value),
                LeafValue::Name(name) => Needle::text(name),
            };
            let Some(needle) = needle else { continue };
            let rule = match &rule.from {
                Some(from) => format!("from {}", from.shown),
                None => "no copy of an outsider's words".to_owned(),
            };
            notes.push(SourceNote { pointer: leaf.pointer(), rule, found: found(history, &history.find(&needle)) });
        }
        if tool.sources.entities.is_some() && !leaf.has_from {
            for entity in entities(leaf.text().unwrap_or_default()) {
                let Some(needle) = Needle::text(&entity.text) else { continue };
                let rule = "an entity with an honest source".to_owned();
                notes.push(SourceNote { pointer: leaf.pointer(), rule, found: found(history, &history.find(&needle)) });
            }
        }
    }
    notes
}

fn is_ours(tool: &Tool, leaf: &Leaf<'_>) -> bool {
    matches!(leaf.value, LeafValue::Name(name) if schema::declares(tool.parameters(), &leaf.path, name))
}

fn found(history: &History, finding: &Finding) -> Vec<String> {
    history.sightings(finding).take(LISTED).map(|sighting| shown(&sighting)).collect()
}

fn shown(sighting: &Sighting) -> String {
    let part = sighting.part;
    let whole = if sighting.is_whole { "the whole value" } else { "inside of the value" };
    let echo = if sighting.is_echo { ", after the model wrote it into a call" } else { "" };
    match &sighting.place {
        SightingPlace::System => format!("the system's text (part {part})"),
        SightingPlace::User => format!("the user's text (part {part})"),
        SightingPlace::Unknown => format!("somebody else's text (part {part})"),
        SightingPlace::Result { tool, place, trust } => {
            let trust = match trust {
                Trust::Trusted => "trusted",
                Trust::Attributed => "attributed",
                Trust::Untrusted => "untrusted",
            };
            let of = match tool {
                Some(tool) => format!("the result of `{tool}`"),
                None => "a result without a call".to_owned(),
            };
            format!("{of} (part {part}): {whole} at `{place}`, {trust}{echo}")
        }
    }
}
