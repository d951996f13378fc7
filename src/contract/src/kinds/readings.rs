//! The marked strings of a call, as they are understood: for people, and for the audit log.

use callgate_json::Value;
use callgate_kinds::Reading;

use super::place::PlacedValue;
use super::workspace::MarkedValue;
use super::{RoleProfile, judge_one, marked_values, sentence};
use crate::decide::Caller;
use crate::model::{Audit, Contract, Tool};
use crate::violation::Code;

/// The maximum strings of bounded readings.
const STRINGS: usize = 32;
/// The maximum lines of bounded readings, over all their strings.
const LINES: usize = 64;
/// The maximum entries of the profile that a bounded reading names, over all its strings.
const RULES: usize = 64;
/// The maximum characters of a text in bounded readings.
const CHARACTERS: usize = 240;

/// A marked string, as it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringReading {
    /// JSON Pointer to the string.
    pub pointer: String,
    /// The kind, such as `command`.
    pub kind: &'static str,
    /// The name of the profile that judged the string.
    pub profile: String,
    /// The first entries of the profile that decided, as the contract writes them. Only a command names them.
    pub rules: Vec<String>,
    /// The meaning of the string, line by line. The lines hold parts of the value: show them only to who may see the arguments.
    pub lines: Vec<String>,
    /// The reason if the string is refused; then there are no lines. It holds no part of the value.
    pub refused: Option<String>,
}

/// The readings of a call, in a bounded number of bounded texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundedReadings {
    /// The readings: at most 32, with 64 lines and 64 rules in all. A text of more than 240 characters ends with `…`.
    pub list: Vec<StringReading>,
    /// True if a reading, a line, a rule or the end of a text is left out.
    pub is_cut: bool,
}

/// Reads each marked string of a call under the profile of the caller's role. Empty for a tool without marks, and for a role without a
/// profile.
#[must_use]
pub fn string_readings(contract: &Contract, caller: &Caller, tool: &Tool, arguments: &Value) -> Vec<StringReading> {
    readings(contract, caller, tool, arguments, Audit::Full).collect()
}

/// Reads the marked strings of a call, as far as the bounds allow: strings beyond them are not judged.
///
/// With [`Audit::Digest`] there are no lines, because lines hold parts of the arguments.
#[must_use]
pub fn bounded_readings(
    contract: &Contract,
    caller: &Caller,
    tool: &Tool,
    arguments: &Value,
    audit: Audit,
) -> BoundedReadings {
    let mut out = BoundedReadings::default();
    let (mut lines_left, mut rules_left) = (LINES, RULES);
    for mut reading in readings(contract, caller, tool, arguments, audit) {
        if out.list.len() == STRINGS {
            out.is_cut = true;
            break;
        }
        out.is_cut |= bound(&mut reading.lines, &mut lines_left) | bound(&mut reading.rules, &mut rules_left);
        let names = [&mut reading.pointer, &mut reading.profile].into_iter().chain(&mut reading.refused);
        out.is_cut |= names.fold(false, |is_cut, text| is_cut | cut(text));
        out.list.push(reading);
    }
    out
}

/// Names the kind and the profile behind a decision whose arguments are not known. `None` if an argument kind did not decide, or if the
/// pointer leads to no marked string.
#[must_use]
pub fn reading_at(contract: &Contract, role: &str, tool: &Tool, code: &str, pointer: &str) -> Option<StringReading> {
    let decides = [Code::ArgumentForbidden, Code::ArgumentUnreadable, Code::ApprovalRequired];
    if !decides.iter().any(|known| known.as_str() == code) {
        return None;
    }
    let profile = profile_of(contract, role)?;
    let mark = tool.marks.iter().find(|mark| mark.place.leads_to(pointer))?;
    Some(StringReading {
        pointer: pointer.to_owned(),
        kind: mark.kind.as_str(),
        profile: profile.name.clone(),
        rules: Vec::new(),
        lines: Vec::new(),
        refused: None,
    })
}

fn profile_of<'c>(contract: &'c Contract, role: &str) -> Option<&'c RoleProfile> {
    contract.role(role).and_then(|role| role.profile.as_deref())
}

/// Reads one string after another, each when it is asked for.
fn readings<'c>(
    contract: &'c Contract,
    caller: &'c Caller,
    tool: &'c Tool,
    arguments: &'c Value,
    audit: Audit,
) -> impl Iterator<Item = StringReading> {
    let judges = profile_of(contract, &caller.role).zip(contract.workspace.as_ref());
    judges.into_iter().flat_map(move |(profile, rule)| {
        let values = marked_values(tool, arguments);
        let workspace = rule.of_call(caller.workspace.as_deref(), &values, arguments);
        values.into_iter().map(move |MarkedValue { mark, placed: PlacedValue { pointer, value } }| {
            let judged = match &workspace {
                Err(fault) if mark.kind.needs_workspace() => Err(fault.message.clone()),
                workspace => {
                    let workspace = workspace.as_ref().unwrap_or(rule.rules());
                    let judged = value.and_then(|value| judge_one(mark, value, arguments, profile, workspace));
                    judged.map_err(|refusal| sentence(mark.kind, refusal, &profile.name))
                }
            };
            let (rules, lines, refused) = match judged {
                Ok(judgement) => {
                    let lines = if audit == Audit::Full { judgement.reading.lines() } else { Vec::new() };
                    (rules(&judgement.reading), lines, None)
                }
                Err(refused) => (Vec::new(), Vec::new(), Some(refused)),
            };
            StringReading { pointer, kind: mark.kind.as_str(), profile: profile.name.clone(), rules, lines, refused }
        })
    })
}

/// Returns the entries that decided, each once. One more than the bound shows that some are left out.
fn rules(reading: &Reading) -> Vec<String> {
    let Reading::Command(line) = reading else { return Vec::new() };
    let mut rules: Vec<String> = Vec::new();
    for entry in line.commands.iter().flat_map(|command| &command.entries) {
        if rules.len() <= RULES && !rules.contains(entry) {
            rules.push(entry.clone());
        }
    }
    rules
}

/// Cuts a list to the number that is left, and each text in it. Returns true if something is left out.
fn bound(texts: &mut Vec<String>, left: &mut usize) -> bool {
    let is_longer = texts.len() > *left;
    texts.truncate(*left);
    *left = left.saturating_sub(texts.len());
    texts.iter_mut().fold(is_longer, |is_cut, text| is_cut | cut(text))
}

/// Cuts a text to its bound. Returns true if something is left out.
fn cut(text: &mut String) -> bool {
    let Some((end, _)) = text.char_indices().nth(CHARACTERS) else { return false };
    text.truncate(end);
    text.push('…');
    true
}
