//! Splits a command's words into options, their values and operands, as its model says.

use super::programs::{ALL_TEXT, HARMLESS, Model, OptionModel, STOPS, TARGET, ValueModel, WORDS};
use super::value::{Fault, Given, Value, WordRole};

const UNKNOWN: &str = "an option that the program's model does not have";
const OPEN: &str = "an option whose text the line does not show";
const MAY_BE: &str = "may become an option; write `./` or `--` before it";
const NO_VALUE: &str = "an option without its value";

/// The words of a command, sorted.
#[derive(Debug, Default)]
pub(super) struct Sorted<'a> {
    /// The values of options, and the operands, in the order of the line.
    pub(super) items: Vec<SortedWord<'a>>,
    /// The options, without values: `-n`, `--lines`.
    pub(super) options: Vec<OptionName<'a>>,
    /// An option makes the program walk directories.
    pub(super) walks: bool,
    /// The words of the command that the program runs.
    pub(super) command: &'a [Given<'a>],
}

/// A word, or a part of it, with its sort.
#[derive(Clone, Copy, Debug)]
pub(super) struct SortedWord<'a> {
    /// The word.
    pub(super) given: Given<'a>,
    /// The sort, as the table of models writes it.
    pub(super) sort: &'static str,
    /// It is an operand, not the value of an option.
    pub(super) is_operand: bool,
    /// It may be any number of words.
    pub(super) is_listed: bool,
}

/// The name of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionName<'a> {
    /// A letter.
    Short(char),
    /// A word with its dashes.
    Long(&'a str),
}

/// The state of a walk over the words.
struct OptionWalk<'a> {
    model: &'static Model,
    words: &'a [Given<'a>],
    next: usize,
    out: Sorted<'a>,
    replaces: bool,
}

/// Sorts the words after the first `skip`, which are those of the model.
pub(super) fn sort<'a>(model: &'static Model, words: &'a [Given<'a>], skip: usize) -> Result<Sorted<'a>, Fault> {
    let mut walk = OptionWalk { model, words, next: skip, out: Sorted::default(), replaces: false };
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let (mut ended, mut dashes) = (model.has(ALL_TEXT), false);
    let is_split = model.operands.contains(" -- ");
    while let Some(given) = walk.take() {
        let role = if ended { WordRole::Operand } else { given.value.role() };
        match role {
            WordRole::Option if given.value.exact() == Some("--") => (ended, dashes) = (true, true),
            WordRole::Option => walk.option(given)?,
            WordRole::Either
                if !matches!(given.value, Value::Pattern(_) | Value::Found { .. }) || !model.has(HARMLESS) =>
            {
                return Err(given.fault(MAY_BE));
            }
            WordRole::Operand | WordRole::Either => {
                ended |= model.has(STOPS);
                if dashes && is_split {
                    after.push(walk.next - 1)
                } else {
                    before.push(walk.next - 1)
                }
                if ended && !dashes && walk.takes_command(before.len()) {
                    break;
                }
            }
        }
    }
    let values = walk.out.items.len();
    let (first, second) = model.operands();
    walk.operands(first, &before)?;
    if is_split {
        walk.operands(second, &after)?;
    }
    walk.out.items = in_order(&walk.out.items, values);
    Ok(walk.out)
}

/// Merges the values of options with the operands after them. Each of the two is in the order of the line, so nothing is sorted: a
/// sort is 4 KB of the filter's module. The word that the line does not have stands first.
fn in_order<'a>(items: &[SortedWord<'a>], values: usize) -> Vec<SortedWord<'a>> {
    let (values, operands) = items.split_at_checked(values).unwrap_or_default();
    let order = |item: &SortedWord<'_>| item.given.at.unwrap_or(usize::MAX);
    let mut merged = Vec::with_capacity(items.len());
    let mut operands = operands.iter().peekable();
    for value in values {
        while let Some(operand) = operands.next_if(|operand| order(operand) < order(value)) {
            merged.push(*operand);
        }
        merged.push(*value);
    }
    merged.extend(operands);
    if let Some(found) = merged.pop_if(|item| item.given.at.is_none()) {
        merged.insert(0, found);
    }
    debug_assert!(merged.is_sorted_by_key(|item| item.given.at), "the words are in the order of the line");
    merged
}

// === impl OptionWalk ===

impl<'a> OptionWalk<'a> {
    /// Takes the next word.
    fn take(&mut self) -> Option<Given<'a>> {
        let given = self.words.get(self.next).copied()?;
        self.next += 1;
        Some(given)
    }

    /// Takes an option, and its values.
    fn option(&mut self, given: Given<'a>) -> Result<(), Fault> {
        let (text, rest) = match given.value {
            Value::One(text) => (text, None),
            // `--since=$x`: the name is known, and the value is open.
            Value::Open { is_one: true, prefix } => match prefix.split_once('=') {
                Some((name, rest)) if name.starts_with("--") => {
                    (name, Some(Value::Open { is_one: true, prefix: rest }))
                }
                _ => return Err(given.fault(OPEN)),
            },
            // `--include=*.rs`: each name that matches begins with the option.
            Value::Pattern(pattern) => match self.model.long_of_pattern(pattern) {
                Some(name) => (name, Some(Value::Open { is_one: true, prefix: "" })),
                None => return Err(given.fault(OPEN)),
            },
            _ => return Err(given.fault(OPEN)),
        };
        if !text.starts_with("--") && !self.model.has(WORDS) {
            return self.letters(given, text);
        }
        let (name, value) = match (rest, text.split_once('=')) {
            (Some(value), _) => (text, Some(value)),
            (None, Some((name, value))) => (name, Some(Value::One(value))),
            (None, None) => (text, None),
        };
        let option = self.model.long(name).ok_or(given.fault(UNKNOWN))?;
        self.note(OptionName::Long(name), option);
        match (option.value, value) {
            (ValueModel::None, Some(_)) => Err(given.fault(UNKNOWN)),
            (ValueModel::None | ValueModel::Attached(_), None) => Ok(()),
            (ValueModel::Attached(sort), Some(value)) => self.value(given.with(value), sort),
            (ValueModel::Separate(sort), Some(value)) if is_single(sort) => self.value(given.with(value), sort),
            (ValueModel::Separate(_), Some(_)) => Err(given.fault(UNKNOWN)),
            (ValueModel::Separate(sorts), None) => self.values(given, sorts),
        }
    }

    /// Takes letters behind one dash.
    fn letters(&mut self, given: Given<'a>, text: &'a str) -> Result<(), Fault> {
        let letters = text.get(1..).unwrap_or_default();
        if letters.bytes().all(|byte| byte.is_ascii_digit()) && self.model.short('#').is_some() {
            return Ok(());
        }
        for (at, letter) in letters.char_indices() {
            let option = self.model.short(letter).filter(|_| letter != '-').ok_or(given.fault(UNKNOWN))?;
            self.note(OptionName::Short(letter), option);
            let rest = letters.get(at + letter.len_utf8()..).unwrap_or_default();
            match option.value {
                ValueModel::None => {}
                ValueModel::Attached(_) if rest.is_empty() => {}
                ValueModel::Separate(sorts) if rest.is_empty() => return self.values(given, sorts),
                ValueModel::Separate(sort) if !is_single(sort) => return Err(given.fault(UNKNOWN)),
                ValueModel::Attached(sort) | ValueModel::Separate(sort) => {
                    return self.value(given.with(Value::One(rest)), sort);
                }
            }
        }
        Ok(())
    }

    /// Notes an option.
    fn note(&mut self, name: OptionName<'a>, option: OptionModel) {
        self.out.options.push(name);
        self.out.walks |= option.walks;
        self.replaces |= option.replaces;
    }

    /// Takes the words after an option as its values.
    fn values(&mut self, given: Given<'a>, sorts: &'static str) -> Result<(), Fault> {
        if sorts.starts_with('=') {
            let value = self.take().ok_or(given.fault(NO_VALUE))?;
            return self.value(value, sorts);
        }
        for at in 0..sorts.len() {
            let value = self.take().ok_or(given.fault(NO_VALUE))?;
            self.value(value, sorts.get(at..=at).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Adds the value of an option. A capital letter says that it replaces an operand.
    fn value(&mut self, given: Given<'a>, sort: &'static str) -> Result<(), Fault> {
        let sort = match sort {
            "X" | "R" | "S" | "W" => {
                self.replaces = true;
                match sort {
                    "X" => "x",
                    "R" => "r",
                    "S" => "s",
                    _ => "w",
                }
            }
            other => other,
        };
        self.out.items.push(SortedWord { given, sort, is_operand: false, is_listed: false });
        Ok(())
    }

    /// Returns true if the last of `count` operands begins a command, which takes all later words.
    fn takes_command(&self, count: usize) -> bool {
        let Some(first) = self.model.operands.strip_suffix('c') else {
            return false;
        };
        let is_assignment = self.words.get(self.next - 1).and_then(|given| given.value.exact());
        match first {
            "a* " => !is_assignment.is_some_and(|text| text.contains('=')),
            others => count > others.split_ascii_whitespace().count(),
        }
    }

    /// Gives each operand its sort.
    fn operands(&mut self, table: &'static str, operands: &[usize]) -> Result<(), Fault> {
        let mut sorts: Vec<(&'static str, u8)> = table.split_ascii_whitespace().map(quantified).collect();
        if self.replaces {
            let mut fixed = sorts.iter();
            let is_fixed = |(_, count): &(&str, u8)| *count == b'1' || *count == b'?';
            let at = if self.model.has(TARGET) { fixed.rposition(is_fixed) } else { fixed.position(is_fixed) };
            at.map(|at| sorts.remove(at));
        }
        let mut position = 0;
        let mut is_used = false;
        for (index, operand) in operands.iter().enumerate() {
            let Some(given) = self.words.get(*operand).copied() else { continue };
            let left = operands.len() - index;
            loop {
                let Some((sort, count)) = sorts.get(position).copied() else {
                    return Err(given.fault("an operand more than the program's model has"));
                };
                let rest = sorts.get(position + 1..).unwrap_or_default();
                let needed = rest.iter().filter(|(_, count)| matches!(count, b'1' | b'+')).count();
                let is_listed = matches!(count, b'*' | b'+');
                let is_assignment = given.value.exact().is_some_and(|text| text.contains('='));
                let fits = match count {
                    b'1' => true,
                    b'+' if !is_used => true,
                    _ => left > needed && (sort != "a" || is_assignment),
                };
                if !fits {
                    (position, is_used) = (position + 1, false);
                    continue;
                }
                is_used = true;
                if !is_listed {
                    (position, is_used) = (position + 1, false);
                }
                if sort == "c" {
                    self.out.command = self.words.get(*operand..).unwrap_or_default();
                    return Ok(());
                }
                self.out.items.push(SortedWord { given, sort, is_operand: true, is_listed });
                break;
            }
        }
        Ok(())
    }
}

/// Returns true for the sort of one value.
fn is_single(sort: &str) -> bool {
    sort.len() == 1 || sort.starts_with('=')
}

/// Splits the sort of an operand from its count: `1`, `?`, `*` or `+`.
fn quantified(item: &'static str) -> (&'static str, u8) {
    match item.as_bytes().last() {
        Some(count @ (b'?' | b'*' | b'+')) => (item.get(..item.len() - 1).unwrap_or_default(), *count),
        _ => (item, b'1'),
    }
}

// === impl Sorted ===

impl Sorted<'_> {
    /// Returns true if one of the options is there.
    pub(super) fn has(&self, short: &str, long: &[&str]) -> bool {
        self.options.iter().any(|option| match option {
            OptionName::Short(letter) => short.contains(*letter),
            OptionName::Long(name) => long.contains(name),
        })
    }
}
