//! Judges the words of one command: which entry allows it, and what its model says of each word.

use super::builtins;
use super::judge::{CommandEffect, Judge, Surroundings, whole};
use super::judged::{JudgedCommand, WordSort};
use super::marks::mark;
use super::options;
use super::programs::{self, NETWORK, PROJECT};
use super::rules::{CompiledEntry, EntryArguments};
use super::scope::Use;
use super::texts::OPEN_PATH;
use super::value::{Fault, Given};
use crate::path::ResolvedPath;

/// The maximum number of programs that run each other in one command.
const MOST_WRAPPERS: u32 = 16;
/// Programs that touch nothing but the shell itself, and need no entry.
const FREE: &[&str] = &["pwd", "true", "false", ":", "command -v", "command -V", "type"];

// === impl Judge ===

impl Judge<'_> {
    /// Judges a command with its words.
    pub(super) fn words(
        &mut self,
        words: &[Given<'_>],
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        let first = words.first().copied().ok_or(whole("no program; write one"))?;
        let name = first.value.exact().ok_or(first.fault("the program's name is not a literal; write it out"))?;
        if place.wrappers >= MOST_WRAPPERS {
            return Err(first.fault("more than 16 programs that run each other"));
        }
        out.programs.push(name.to_owned());
        mark(out, first, WordSort::Program);
        if let Some(effect) = builtins::judge(self, name, words, place, out)? {
            return Ok(effect);
        }
        if name == "git" && words.get(1).and_then(|word| word.value.exact()) != Some("--version") {
            return self.git(words, place, out);
        }
        match self.wrapper(name, words, place, out)? {
            Some(effect) => Ok(effect),
            None => self.listed(words, place, out),
        }
    }

    /// Judges `git` after its own options: `-C` moves the directory.
    fn git(
        &mut self,
        words: &[Given<'_>],
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        let sorted = options::sort(&programs::GIT, words, 1)?;
        let mut bases = place.bases.to_vec();
        for item in &sorted.items {
            let text = item.given.value.exact().ok_or(item.given.fault(OPEN_PATH))?;
            bases = self.moved(text, &bases, out).map_err(|reason| item.given.fault(reason))?;
            mark(out, item.given, WordSort::Path);
        }
        for given in words.iter().skip(1) {
            mark(out, *given, WordSort::Option);
        }
        let mut own: Vec<Given<'_>> = words.first().copied().into_iter().collect();
        own.extend_from_slice(sorted.command);
        self.listed(&own, &Surroundings { bases: &bases, ..*place }, out)
    }

    /// Returns the directories after a change to `text`.
    pub(super) fn moved(
        &mut self,
        text: &str,
        bases: &[ResolvedPath],
        out: &mut JudgedCommand,
    ) -> Result<Vec<ResolvedPath>, &'static str> {
        self.checker.path(text, Use::Read, bases, out)?;
        let workspace = self.checker.scope.workspace;
        bases.iter().map(|base| workspace.resolve(text, base).map_err(|refusal| refusal.reason)).collect()
    }

    /// Judges a command by the profile's entries.
    fn listed(
        &mut self,
        words: &[Given<'_>],
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        let known: Vec<&str> = words.iter().map_while(|word| word.value.exact()).collect();
        let model = programs::find(known.iter().copied());
        if let Some(model) = model {
            out.is_network |= model.has(NETWORK);
            out.is_project_code |= model.has(PROJECT);
        }
        if model.is_some_and(|model| FREE.contains(&model.words)) {
            return self.modelled(words, place, out);
        }
        let rules = self.rules;
        let mut fault = Fault {
            at: words.first().and_then(|word| word.at),
            reason: "no `run` or `ask` entry of the profile allows this command",
        };
        for entry in rules.find(&known.iter().copied()) {
            let before = (out.paths.len(), out.hosts.len(), out.programs.len(), out.entries.len());
            match self.entry(entry, words, &known, place, out) {
                Ok(effect) => {
                    out.entries.push(entry.words.join(" "));
                    out.decision = out.decision.max(entry.decision);
                    return Ok(effect);
                }
                Err(found) => fault = found,
            }
            // Another entry of as many words may allow the command: what this one noted is forgotten.
            out.paths.truncate(before.0);
            out.hosts.truncate(before.1);
            out.programs.truncate(before.2);
            out.entries.truncate(before.3);
        }
        Err(fault)
    }

    /// Judges the words after those of an entry.
    fn entry(
        &mut self,
        entry: &CompiledEntry,
        words: &[Given<'_>],
        known: &[&str],
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        let rest = words.get(entry.words.len()..).unwrap_or_default();
        for given in words.iter().take(entry.words.len()).skip(1) {
            mark(out, *given, WordSort::Subcommand);
        }
        match &entry.arguments {
            EntryArguments::Model => return self.modelled(words, place, out),
            EntryArguments::None => {
                if let Some(more) = rest.first() {
                    return Err(more.fault("the profile's entry allows no more words"));
                }
            }
            EntryArguments::Any => out.is_unknown = true,
            EntryArguments::Words(list) => {
                let texts = known.get(entry.words.len()..).filter(|_| known.len() == words.len());
                if !texts.is_some_and(|texts| CompiledEntry::lists(list, texts)) {
                    return Err(Fault {
                        at: rest.first().and_then(|word| word.at),
                        reason: "words that the profile's entry does not list",
                    });
                }
                for given in rest {
                    mark(out, *given, WordSort::Text);
                }
            }
        }
        Ok(CommandEffect::default())
    }
}
