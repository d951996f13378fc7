//! A profile's rules of commands: `run: ["git diff", { cmd: cargo build, args: [--release] }]`, `ask: ["git push"]`.

use super::builtins;
use super::programs::{all, begins, find};
use crate::Decision;

/// The maximum number of entries of a profile.
const MOST_ENTRIES: usize = 1024;

/// Shells, whose lines are judged.
pub(super) const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh"];

/// An entry as a contract writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandEntry {
    /// The first words of the command, separated by blanks.
    pub words: String,
    /// The rule for the words after them. `None` is the program's model.
    pub arguments: Option<EntryArguments>,
}

/// The rule for the words after those of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryArguments {
    /// The program's model.
    Model,
    /// There are none.
    None,
    /// Nobody judges them.
    Any,
    /// Each is one of these. `*` stands for one word after the word before it: `-p`, `*`.
    Words(Vec<String>),
}

/// The list of a profile that an entry is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryList {
    /// The command runs.
    Run,
    /// A person must approve it.
    Ask,
}

/// A fault or a warning about an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct EntryFault {
    /// The list.
    pub list: EntryList,
    /// The position in the list, counted from 0.
    pub entry: usize,
    /// The problem, as a sentence.
    pub problem: String,
}

/// Compiled entries. No entry allows nothing.
#[derive(Clone, Debug, Default)]
pub struct CommandRules {
    entries: Vec<CompiledEntry>,
    warnings: Vec<EntryFault>,
}

/// A compiled entry.
#[derive(Clone, Debug)]
pub(super) struct CompiledEntry {
    pub(super) words: Vec<String>,
    pub(super) arguments: EntryArguments,
    pub(super) decision: Decision,
}

// === impl CommandRules ===

impl CommandRules {
    /// Compiles the entries.
    ///
    /// # Errors
    ///
    /// Each entry that is empty, or whose program has no model and that says nothing about its arguments.
    pub fn compile(run: &[CommandEntry], ask: &[CommandEntry]) -> Result<Self, Vec<EntryFault>> {
        let mut rules = Self::default();
        let mut faults = Vec::new();
        for (list, decision, entries) in [(EntryList::Run, Decision::Allow, run), (EntryList::Ask, Decision::Ask, ask)]
        {
            if entries.len() > MOST_ENTRIES {
                faults.push(EntryFault {
                    list,
                    entry: MOST_ENTRIES,
                    problem: "is one of more than 1,024 entries".into(),
                });
            }
            for (position, entry) in entries.iter().take(MOST_ENTRIES).enumerate() {
                match rules.add(entry, decision) {
                    Ok(None) => {}
                    Ok(Some(problem)) => rules.warnings.push(EntryFault { list, entry: position, problem }),
                    Err(problem) => faults.push(EntryFault { list, entry: position, problem }),
                }
            }
        }
        if faults.is_empty() { Ok(rules) } else { Err(faults) }
    }

    /// Returns the warnings about entries that allow more than a model can bound.
    #[must_use]
    pub fn warnings(&self) -> &[EntryFault] {
        &self.warnings
    }

    /// Adds an entry, and returns a warning about it.
    fn add(&mut self, entry: &CommandEntry, decision: Decision) -> Result<Option<String>, String> {
        let words: Vec<String> = entry.words.split_ascii_whitespace().map(str::to_owned).collect();
        let Some(program) = words.first() else {
            return Err("names no program; write one".into());
        };
        let arguments = entry.arguments.clone().unwrap_or(EntryArguments::Model);
        let warning = match &arguments {
            EntryArguments::Model if SHELLS.contains(&program.as_str()) => {
                return Err(format!(
                    "`{program}` needs no entry: the line that it runs is judged; list the programs of such lines"
                ));
            }
            EntryArguments::Model if !has_model(&words) => {
                return Err(format!(
                    "no model of `{}`; set `args` to `none`, `any` or a list of words, or list another program",
                    words.join(" ")
                ));
            }
            EntryArguments::Any => {
                Some(format!("`args: any` lets `{program}` do all that it can: nobody judges its options and paths"))
            }
            EntryArguments::Words(list) if list.first().is_some_and(|word| word == "*") => {
                return Err("`*` stands for the word after another one; it cannot be the first".into());
            }
            EntryArguments::Model | EntryArguments::None | EntryArguments::Words(_) => None,
        };
        self.entries.push(CompiledEntry { words, arguments, decision });
        Ok(warning)
    }

    /// Returns the entries with the most words that begin the command, those that ask first.
    pub(super) fn find<'a>(&self, command: &(impl Iterator<Item = &'a str> + Clone)) -> Vec<&CompiledEntry> {
        let fits = |entry: &&CompiledEntry| begins(command.clone(), entry.words.iter().map(String::as_str));
        let mut found: Vec<_> = self.entries.iter().filter(fits).collect();
        let most = found.iter().map(|entry| entry.words.len()).max();
        found.retain(|entry| Some(entry.words.len()) == most);
        found.sort_by_key(|entry| entry.decision != Decision::Ask);
        found
    }
}

/// Returns true if a model covers the entry, or all that an entry such as `git` stands for.
fn has_model(words: &[String]) -> bool {
    let given = || words.iter().map(String::as_str);
    let is_builtin = matches!(words, [name] if builtins::NAMES.contains(&name.as_str()));
    is_builtin || find(given()).is_some() || all().any(|model| begins(model.words.split(' '), given()))
}

// === impl CompiledEntry ===

impl CompiledEntry {
    /// Returns true if the words after those of the entry are those of a list. A `*` in the list stands for one word.
    pub(super) fn lists(list: &[String], words: &[&str]) -> bool {
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let Some(at) = list.iter().position(|own| own != "*" && own == word) else {
                return false;
            };
            let wanted = list.iter().skip(at + 1).take_while(|own| *own == "*").count();
            for _ in 0..wanted {
                if rest.next().is_none_or(|value| value.starts_with('-')) {
                    return false;
                }
            }
        }
        true
    }
}
