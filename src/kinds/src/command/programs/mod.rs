//! The models of programs: which options a program may have, and what its options' values and its operands are.
//!
//! A model is an allow-list. An option that it lacks is refused, also in an abbreviation that the program would accept. The table is text,
//! since a parsed form costs more bytes than it saves time; one command scans one model.
//!
//! ## Options
//!
//! Items are separated by blanks. An option that takes no value stands alone; `-abc` are three of them.
//!
//! | item | is |
//! |---|---|
//! | `-n:SORT`, `--name:SORT` | an option with a value in the same or in the next word; two letters are two words |
//! | `-n=SORT`, `--name=SORT` | an option whose value, if any, is in the same word |
//! | `-#` | a number as an option: `-5` |
//! | `*…` before an item | with this option, the program walks directories |
//! | `^…` before an item | this option replaces the first operand |
//!
//! ## Operands
//!
//! Sorts with `?`, `*` or `+`. What follows `--` in the table holds after the word `--`. In a value, the capital letter of a sort says that
//! it replaces an operand: the first one, or the last one of `cp` and `mv`.
//!
//! | sort | is |
//! |---|---|
//! | `x` | free text |
//! | `t` | text that another version of the program could read as a path; an absolute one or one with `..` must be readable |
//! | `n` | a number with a unit |
//! | `r`, `w`, `d`, `v` | a path that is read, written, deleted, moved |
//! | `o` | a path that git reads, or `:!` and a pattern that it leaves out |
//! | `g`, `G` | a revision, `REVISION:PATH`, or a path that is read; `G`: or written |
//! | `L` | lines of a path: `1,5:PATH` |
//! | `m`, `i` | a mode of `chmod` without set-id bits; a suffix of copies |
//! | `s`, `k`, `j` | a script of `sed`, `awk`, `jq` |
//! | `b`, `h` | a name; a remote's name |
//! | `p`, `q`, `y` | a package of a registry; a package of the project; a test with its file |
//! | `u`, `f`, `l` | a URL; `+FORMAT`; a lint level |
//! | `a`, `c` | `NAME=VALUE`; a command with its words |
//! | `=A,B` | one of these words |

mod files;
mod git;
mod listing;
mod project;
mod text;
mod wrappers;

use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) use git::GLOBAL as GIT;
pub use listing::{ProgramModel, program_models};

/// No option does harm, so a file whose name is an option does none either.
pub(super) const HARMLESS: u16 = 1;
/// Options end at the first operand.
pub(super) const STOPS: u16 = 1 << 1;
/// Uses the current directory if no operand names a path.
pub(super) const HERE: u16 = 1 << 2;
/// As [`HERE`], if an option makes it walk.
pub(super) const HERE_IF_WALKED: u16 = 1 << 3;
/// Walks the directories that it reads.
pub(super) const WALKS: u16 = 1 << 4;
/// Runs code of the project: scripts, tests, hooks.
pub(super) const PROJECT: u16 = 1 << 5;
/// Reaches the network.
pub(super) const NETWORK: u16 = 1 << 6;
/// Options have one dash and several letters.
pub(super) const WORDS: u16 = 1 << 7;
/// The last operand may be a directory that receives the names of the others.
pub(super) const TARGET: u16 = 1 << 8;
/// Every word is an operand.
pub(super) const ALL_TEXT: u16 = 1 << 9;
/// Prints names of files that it found, so `xargs -0` may read them.
pub(super) const LISTS: u16 = 1 << 10;

/// The model of a program, or of one of its subcommands.
#[derive(Debug)]
pub(super) struct Model {
    /// The words that begin the command.
    pub(super) words: &'static str,
    /// The options.
    pub(super) options: &'static str,
    /// The sorts of the operands.
    pub(super) operands: &'static str,
    traits: u16,
}

/// An option as the model has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OptionModel {
    /// Makes the program walk directories.
    pub(super) walks: bool,
    /// Replaces the first operand.
    pub(super) replaces: bool,
    /// The value.
    pub(super) value: ValueModel,
}

/// The value of an option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ValueModel {
    /// It has no value.
    #[default]
    None,
    /// In the same word, if at all. The sort.
    Attached(&'static str),
    /// In the same or the next word. The sorts: one letter each.
    Separate(&'static str),
}

const fn model(words: &'static str, options: &'static str, operands: &'static str, traits: u16) -> Model {
    Model { words, options, operands, traits }
}

/// All models, group by group.
pub(super) fn all() -> impl Iterator<Item = &'static Model> {
    [files::MODELS, text::MODELS, project::MODELS, git::MODELS, wrappers::MODELS].into_iter().flatten()
}

/// A model, and the words of its commands.
type Command = (Vec<&'static str>, &'static Model);

/// The models by their first word, in the order of [`all`].
static BY_PROGRAM: LazyLock<HashMap<&str, Vec<Command>>> = LazyLock::new(|| {
    let mut models: HashMap<_, Vec<_>> = HashMap::new();
    for model in all() {
        let words: Vec<_> = model.words.split(' ').collect();
        models.entry(words.first().copied().unwrap_or_default()).or_default().push((words, model));
    }
    models
});

/// Returns the model with the most words that begin the command.
pub(super) fn find<'a>(command: impl Iterator<Item = &'a str> + Clone) -> Option<&'static Model> {
    let models = BY_PROGRAM.get(program(command.clone().next()?))?;
    let fits = models.iter().filter(|(words, _)| begins(command.clone(), words.iter().copied()));
    fits.max_by_key(|(words, _)| words.len()).map(|(_, model)| *model)
}

/// Returns true if the command begins with the words. `python3` is `python`.
pub(super) fn begins<'a, 'b>(mut command: impl Iterator<Item = &'a str>, words: impl Iterator<Item = &'b str>) -> bool {
    for (position, word) in words.enumerate() {
        match command.next() {
            Some(given) if given == word => {}
            Some(given) if position == 0 && program(given) == word => {}
            _ => return false,
        }
    }
    true
}

/// Returns the program that the models know under another name.
fn program(given: &str) -> &str {
    if given == "python3" { "python" } else { given }
}

// === impl Model ===

impl Model {
    /// Returns true if the program has the trait.
    pub(super) const fn has(&self, one: u16) -> bool {
        self.traits & one != 0
    }

    /// Returns the option of a letter.
    pub(super) fn short(&self, letter: char) -> Option<OptionModel> {
        self.options.split_ascii_whitespace().find_map(|item| {
            let (option, name) = parse(item);
            let letters = name.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
            letters.contains(letter).then_some(option)
        })
    }

    /// Returns the option of a name, which includes its dashes.
    pub(super) fn long(&self, name: &str) -> Option<OptionModel> {
        self.options.split_ascii_whitespace().find_map(|item| {
            let (option, own) = parse(item);
            (own == name).then_some(option)
        })
    }

    /// Returns the long option that every match of a shell's pattern begins with, up to its `=`. A backslash makes a character plain.
    pub(super) fn long_of_pattern(&self, pattern: &str) -> Option<&'static str> {
        let (name, _) = pattern.split_once('=')?;
        let name = name.strip_suffix('\\').unwrap_or(name);
        if name.contains(['*', '?', '[', ']']) || name.contains("\\\\") {
            return None;
        }
        let plain = name.replace('\\', "");
        let names = self.options.split_ascii_whitespace().map(|item| parse(item).1);
        names.filter(|own| own.starts_with("--")).find(|own| *own == plain)
    }

    /// Returns the sorts of the operands: before the word `--`, and after it.
    pub(super) fn operands(&self) -> (&'static str, &'static str) {
        self.operands.split_once(" -- ").unwrap_or((self.operands, self.operands))
    }
}

/// Reads an item of the table.
fn parse(item: &'static str) -> (OptionModel, &'static str) {
    let mut option = OptionModel::default();
    let mut rest = item;
    if let Some(after) = rest.strip_prefix('*') {
        (option.walks, rest) = (true, after);
    }
    if let Some(after) = rest.strip_prefix('^') {
        (option.replaces, rest) = (true, after);
    }
    let at = rest.find([':', '=']).filter(|at| *at > 1);
    let name = match at.and_then(|at| rest.split_at_checked(at)) {
        None => rest,
        Some((name, value)) => {
            let (sign, sort) = value.split_at(1);
            option.value = if sign == ":" { ValueModel::Separate(sort) } else { ValueModel::Attached(sort) };
            name
        }
    };
    (option, name)
}
