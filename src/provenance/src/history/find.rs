//! The search of a value in a history, and the sources it may come from.
//!
//! **Echo.** The model could write a value into a call and have a tool return it. So a value of a result does not count if the call
//! that gave the result, or an earlier one, has it in its arguments, and nothing honest had it before: no text of the system or the
//! user, and no trusted or attributed value.

use std::collections::BTreeSet;

use super::{History, Link, PartData, Speaker};
use crate::Place;
use crate::needle::Needle;
use crate::output::Trust;
use crate::scalars::{Hit, Item, Scalars, Step};

/// The occurrences of a value in a history.
#[derive(Debug, Clone, Default)]
pub struct Finding {
    seen: Vec<Occurrence>,
}

#[derive(Debug, Clone, Copy)]
struct Occurrence {
    part: usize,
    hit: Hit,
    is_echo: bool,
}

/// A source of values that a contract names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSource {
    /// The texts of the system.
    System,
    /// The texts of the user.
    User,
    /// The texts of the system, those of the user if they are trusted, and trusted values of results.
    Trusted,
    /// Results of tools.
    Result(ResultSource),
}

/// Results of tools as a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultSource {
    /// The tools.
    pub tools: BTreeSet<String>,
    /// The place of the value. Without one it may be anywhere: a whole value, or in a result that is one text.
    pub place: Option<Place>,
    /// True if the value may be inside of the value at the place.
    pub is_inside: bool,
}

/// An occurrence of a value, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The part of the conversation, counted from 0.
    pub part: usize,
    /// Its place.
    pub place: SightingPlace,
    /// True if the value is all of what stands there.
    pub is_whole: bool,
    /// True if the model wrote the value into a call before.
    pub is_echo: bool,
}

/// The place of an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SightingPlace {
    /// A text of the system.
    System,
    /// A text of the user.
    User,
    /// A text of somebody else.
    Unknown,
    /// A result.
    Result {
        /// The tool; `None` if the result has no call.
        tool: Option<String>,
        /// The place as `#` and a JSON Pointer, with `{key}` at the end for the name of a member.
        place: String,
        /// The trust in it.
        trust: Trust,
    },
}

// === impl Finding ===

impl Finding {
    /// Returns true if the value occurs nowhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

// === impl History ===

impl History {
    /// Searches a value in everything but the model's own words.
    #[must_use]
    pub fn find(&self, needle: &Needle) -> Finding {
        let mut seen = Vec::new();
        for (position, part) in self.parts.iter().enumerate() {
            if matches!(part.data, PartData::Call { .. } | PartData::Text { speaker: Speaker::Model, .. }) {
                continue;
            }
            let hits = self.scalars(part).hits(needle);
            seen.extend(distinct(hits).into_iter().map(|hit| Occurrence { part: position, hit, is_echo: false }));
        }
        // Texts are no echo, so the calls matter if there are results.
        let is_result = |seen: &Occurrence| matches!(self.data(seen.part), Some(PartData::Result { .. }));
        if seen.iter().any(is_result)
            && let Some(introduced) = self.introduced(needle, &seen)
        {
            for one in &mut seen {
                one.is_echo = match self.data(one.part) {
                    Some(PartData::Result { link: Link::Call { part: call, .. }, .. }) => introduced <= *call,
                    Some(PartData::Result { link: Link::None, .. }) => introduced < one.part,
                    _ => false,
                };
            }
        }
        Finding { seen }
    }

    /// Returns the first call with the value in its arguments, unless something honest had it before.
    fn introduced(&self, needle: &Needle, seen: &[Occurrence]) -> Option<usize> {
        let honest = seen.iter().find(|one| self.is_honest(one)).map(|one| one.part);
        let before = honest.unwrap_or(self.parts.len());
        let calls = self.parts.iter().take(before).enumerate();
        let holds = |(_, part): &(usize, &super::HistoryPart)| {
            matches!(part.data, PartData::Call { .. }) && !self.scalars(part).hits(needle).is_empty()
        };
        calls.into_iter().find(holds).map(|(position, _)| position)
    }

    fn is_honest(&self, seen: &Occurrence) -> bool {
        match self.item(seen).map(|(_, item)| item.trust) {
            Some(Trust::Trusted) => true,
            Some(Trust::Attributed) => seen.hit.is_whole,
            Some(Trust::Untrusted) | None => false,
        }
    }

    /// Returns true if a value comes from a source.
    #[must_use]
    pub fn comes_from(&self, finding: &Finding, source: &ValueSource) -> bool {
        finding.seen.iter().any(|seen| match (source, self.data(seen.part)) {
            (ValueSource::System, Some(PartData::Text { speaker, .. })) => *speaker == Speaker::System,
            (ValueSource::User, Some(PartData::Text { speaker, .. })) => *speaker == Speaker::User,
            (ValueSource::Trusted, _) => self.is_trusted(seen),
            (ValueSource::Result(source), Some(PartData::Result { link: Link::Call { tool, .. }, .. })) => {
                source.tools.contains(tool) && !seen.is_echo && self.is_at(seen, source)
            }
            _ => false,
        })
    }

    /// Returns true if a value is trusted, or a whole value that a system recorded.
    #[must_use]
    pub fn is_recorded(&self, finding: &Finding) -> bool {
        finding.seen.iter().any(|seen| {
            let is_attributed = self.item(seen).is_some_and(|(_, item)| item.trust == Trust::Attributed);
            self.is_trusted(seen) || is_attributed && seen.hit.is_whole && !seen.is_echo
        })
    }

    /// Returns true if a value is a copy of something that an outsider chose, and neither the user nor the system wrote it.
    #[must_use]
    pub fn copies_untrusted(&self, finding: &Finding) -> bool {
        let is_ours = |seen: &Occurrence| self.item(seen).is_some_and(|(_, item)| item.trust == Trust::Trusted);
        let is_foreign = |seen: &Occurrence| !seen.is_echo && !is_ours(seen);
        finding.seen.iter().any(is_foreign) && !finding.seen.iter().any(|seen| self.is_trusted(seen))
    }

    /// Returns the occurrences of a value for a person.
    pub fn sightings(&self, finding: &Finding) -> impl Iterator<Item = Sighting> {
        finding.seen.iter().filter_map(|seen| {
            let place = match self.data(seen.part)? {
                PartData::Text { speaker: Speaker::System, .. } => SightingPlace::System,
                PartData::Text { speaker: Speaker::User, .. } => SightingPlace::User,
                PartData::Text { .. } | PartData::Call { .. } => SightingPlace::Unknown,
                PartData::Result { link, .. } => {
                    let (scalars, item) = self.item(seen)?;
                    let tool = match link {
                        Link::Call { tool, .. } => Some(tool.clone()),
                        Link::None => None,
                    };
                    SightingPlace::Result { tool, place: shown(scalars, item), trust: item.trust }
                }
            };
            Some(Sighting { part: seen.part, place, is_whole: seen.hit.is_whole, is_echo: seen.is_echo })
        })
    }

    fn is_trusted(&self, seen: &Occurrence) -> bool {
        let Some((scalars, item)) = self.item(seen) else { return false };
        item.trust == Trust::Trusted && !item.is_name && !seen.is_echo && (seen.hit.is_whole || scalars.is_text())
    }

    fn is_at(&self, seen: &Occurrence, source: &ResultSource) -> bool {
        let Some((scalars, item)) = self.item(seen) else { return false };
        match &source.place {
            Some(place) => {
                let fits = seen.hit.is_whole || source.is_inside;
                fits && place.leads_to(&scalars.path(item), item.is_name)
            }
            None => !item.is_name && (seen.hit.is_whole || scalars.is_text() || source.is_inside),
        }
    }

    fn data(&self, part: usize) -> Option<&PartData> {
        self.parts.get(part).map(|part| &part.data)
    }

    fn item(&self, seen: &Occurrence) -> Option<(&Scalars, &Item)> {
        let scalars = self.scalars(self.parts.get(seen.part)?);
        Some((scalars, scalars.item(seen.hit)?))
    }
}

/// Leaves one occurrence for each scalar: the whole value if there is one. The occurrences of a search are in order, and those of
/// numbers come after those of texts.
fn distinct(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.item, !hit.is_whole));
    hits.dedup_by_key(|hit| hit.item);
    hits
}

fn shown(scalars: &Scalars, item: &Item) -> String {
    let mut place = "#".to_owned();
    for step in scalars.path(item) {
        place.push('/');
        place.push_str(&Step::shown(&step));
    }
    if item.is_name {
        place.push_str("/{key}");
    }
    place
}
