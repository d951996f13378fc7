//! Judges the words of one command: which entry allows it, and what its model says of each word.

use super::judge::{Effect, Judge, Place, whole};
use super::judged::{JudgedCommand, WordSort};
use super::options::{self, Item, Sorted};
use super::programs::{self, HERE, HERE_IF_WALKED, Model, NETWORK, PROJECT, TARGET, WALKS};
use super::rules::{Entry, EntryArguments};
use super::scope::Use;
use super::value::{Fault, Given, Role, Value};
use super::{builtins, scripts, sorts};
use crate::path::ResolvedPath;

/// The maximum number of programs that run each other in one command.
const MOST_WRAPPERS: u32 = 16;
/// Programs that touch nothing but the shell itself, and need no entry.
const FREE: &[&str] = &["pwd", "true", "false", ":", "command -v", "command -V", "type"];
const OPEN_PATH: &str = "a path that the line does not show";
const OPEN: &str = "a word that the line does not show, where the program's model needs one";
const PATTERN: &str = "a pattern where one word must stand; quote it or write it out";
const SPLIT: &str = "text that may become several words; quote it";

// === impl Judge ===

impl Judge<'_> {
    /// Judges a command with its words.
    pub(super) fn words(
        &mut self,
        words: &[Given<'_>],
        place: &Place<'_>,
        out: &mut JudgedCommand,
    ) -> Result<Effect, Fault> {
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
    fn git(&mut self, words: &[Given<'_>], place: &Place<'_>, out: &mut JudgedCommand) -> Result<Effect, Fault> {
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
        self.listed(&own, &Place { bases: &bases, ..*place }, out)
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
    fn listed(&mut self, words: &[Given<'_>], place: &Place<'_>, out: &mut JudgedCommand) -> Result<Effect, Fault> {
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
            let mut own = out.clone();
            match self.entry(entry, words, &known, place, &mut own) {
                Ok(effect) => {
                    own.entries.push(entry.words.join(" "));
                    own.decision = own.decision.max(entry.decision);
                    *out = own;
                    return Ok(effect);
                }
                Err(found) => fault = found,
            }
        }
        Err(fault)
    }

    /// Judges the words after those of an entry.
    fn entry(
        &mut self,
        entry: &Entry,
        words: &[Given<'_>],
        known: &[&str],
        place: &Place<'_>,
        out: &mut JudgedCommand,
    ) -> Result<Effect, Fault> {
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
                if !texts.is_some_and(|texts| Entry::lists(list, texts)) {
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
        Ok(Effect::default())
    }

    /// Judges a command by the model of its program.
    pub(super) fn modelled(
        &mut self,
        words: &[Given<'_>],
        place: &Place<'_>,
        out: &mut JudgedCommand,
    ) -> Result<Effect, Fault> {
        let known = words.iter().map_while(|word| word.value.exact());
        let Some(model) = programs::find(known) else {
            let second = words.get(1).or(words.first()).and_then(|word| word.at);
            return Err(Fault { at: second, reason: "no model has the word after the program's name" });
        };
        match model.words {
            "find" => return self.find(model, words, place, out),
            "apply_patch" => return self.apply_patch(words, place, out),
            _ => {}
        }
        let skip = model.words.split(' ').count();
        for given in words.iter().take(skip).skip(1) {
            mark(out, *given, WordSort::Subcommand);
        }
        for given in words.iter().skip(skip) {
            mark(out, *given, WordSort::Option);
        }
        let sorted = options::sort(model, words, skip)?;
        let walks = model.has(WALKS) || sorted.walks;
        let edits = model.words == "sed" && sorted.has("i", &["--in-place"]);
        for item in &sorted.items {
            self.item(item, walks, edits, place, out)?;
            if item.is_operand || item.given.value.role() != Role::Option {
                mark_item(out, item);
            }
        }
        self.here(model, &sorted, walks, place.bases, out)?;
        match model.words {
            "printf" => check_printf(&sorted)?,
            "test" | "[" => self.test(model.words, words, place.bases, out)?,
            _ => {}
        }
        if model.has(TARGET) {
            self.targets(&sorted, place.bases, out)?;
        }
        Ok(Effect { moved: None, feed: super::lists::feed(model, &sorted, place, self.checker.scope.workspace) })
    }

    /// Checks the current directory for a program that uses it if no operand names a path.
    fn here(
        &mut self,
        model: &Model,
        sorted: &Sorted<'_>,
        walks: bool,
        bases: &[ResolvedPath],
        out: &mut JudgedCommand,
    ) -> Result<(), Fault> {
        let has_path =
            sorted.items.iter().any(|item| item.is_operand && matches!(item.sort, "r" | "w" | "d" | "v" | "o" | "y"));
        if has_path || !(model.has(HERE) || (walks && model.has(HERE_IF_WALKED))) {
            return Ok(());
        }
        self.checker.path(".", if walks { Use::Walk } else { Use::Read }, bases, out).map_err(whole)
    }

    /// Checks the names that operands get in a directory to which they are copied or moved.
    fn targets(&mut self, sorted: &Sorted<'_>, bases: &[ResolvedPath], out: &mut JudgedCommand) -> Result<(), Fault> {
        let targets: Vec<&Item<'_>> = sorted.items.iter().filter(|item| item.sort == "w").collect();
        for source in sorted.items.iter().filter(|item| matches!(item.sort, "r" | "v")) {
            for target in targets.iter().filter_map(|item| sorts::texts(&item.given.value)).flatten() {
                let checked = match source.given.value {
                    Value::Pattern(pattern) => {
                        let name = pattern.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                        self.checker.pattern(&format!("{}/{name}", escaped(target)), Use::Write, bases, out)
                    }
                    value => sorts::texts(&value).unwrap_or_default().into_iter().try_for_each(|text| {
                        match text.trim_end_matches('/').rsplit('/').next().unwrap_or_default() {
                            "" | "." | ".." => Ok(()),
                            name => self.checker.path(&format!("{target}/{name}"), Use::Write, bases, out),
                        }
                    }),
                };
                checked.map_err(|reason| source.given.fault(reason))?;
            }
        }
        Ok(())
    }

    /// Checks a word by its sort.
    pub(super) fn item(
        &mut self,
        item: &Item<'_>,
        walks: bool,
        edits: bool,
        place: &Place<'_>,
        out: &mut JudgedCommand,
    ) -> Result<(), Fault> {
        let given = item.given;
        let fail = |reason| given.fault(reason);
        let uses: &[Use] = match item.sort {
            "r" | "o" if walks => &[Use::Walk],
            "r" if edits && item.is_operand => &[Use::Write],
            "r" | "o" | "L" | "y" | "q" | "t" | "g" => &[Use::Read],
            "w" => &[Use::Write],
            "d" => &[Use::Delete],
            "v" => &[Use::Read, Use::Delete],
            "G" => &[Use::Write],
            _ => &[],
        };
        let is_text = matches!(item.sort, "x" | "t");
        match given.value {
            Value::Pattern(_) | Value::Found { .. } if !item.is_listed => Err(fail(PATTERN)),
            Value::Pattern(pattern) if matches!(item.sort, "r" | "w" | "d" | "v" | "o" | "x") => {
                let uses = if uses.is_empty() { &[Use::Read] } else { uses };
                uses.iter().try_for_each(|how| self.checker.pattern(pattern, *how, place.bases, out)).map_err(fail)
            }
            Value::Found { .. } if matches!(item.sort, "r" | "w" | "d" | "v" | "o" | "x") => {
                uses.iter().try_for_each(|how| self.checker.found(*how, place.found, out)).map_err(fail)
            }
            // The commands at its other end are judged as well.
            Value::Stream if matches!(item.sort, "r" | "w" | "x") && !edits => Ok(()),
            Value::Stream => Err(fail("a pipe of the shell where the program's model needs a name")),
            Value::Open { is_one, .. } if item.sort == "x" => {
                out.is_unknown = true;
                if is_one || item.is_listed { Ok(()) } else { Err(fail(SPLIT)) }
            }
            Value::Open { .. } if !uses.is_empty() && !is_text => Err(fail(OPEN_PATH)),
            Value::Pattern(_) | Value::Found { .. } | Value::Open { .. } => Err(fail(OPEN)),
            Value::One(_) | Value::Any(_) => {
                for text in sorts::texts(&given.value).unwrap_or_default() {
                    self.text(item.sort, text, uses, place.bases, out).map_err(fail)?;
                }
                Ok(())
            }
        }
    }

    /// Checks a known text by its sort.
    fn text(
        &mut self,
        sort: &str,
        text: &str,
        uses: &[Use],
        bases: &[ResolvedPath],
        out: &mut JudgedCommand,
    ) -> Result<(), &'static str> {
        match sort {
            "x" => Ok(()),
            "r" | "w" | "d" | "v" => uses.iter().try_for_each(|how| self.checker.path(text, *how, bases, out)),
            "t" | "o" | "L" | "y" | "q" => match sorts::path_in(sort, text)? {
                Some(path) => uses.iter().try_for_each(|how| self.checker.path(path, *how, bases, out)),
                None => Ok(()),
            },
            "g" | "G" => {
                let (path, is_from_root) = sorts::revision_path(text)?;
                if text.contains(':') && sort == "G" {
                    return Err("a revision of git that is not read");
                }
                if is_from_root {
                    let root = [self.checker.scope.workspace.root()];
                    return self.checker.path(if path.is_empty() { "." } else { path }, Use::Read, &root, out);
                }
                let is_path = bases.iter().all(|base| self.checker.scope.workspace.resolve(path, base).is_ok());
                if !is_path && sorts::is_revision(path) {
                    return Ok(());
                }
                uses.iter().try_for_each(|how| self.checker.path(path, *how, bases, out))
            }
            "u" => self.url(text, out),
            _ => sorts::check(sort, text),
        }
    }

    /// Checks a URL.
    fn url(&mut self, _text: &str, out: &mut JudgedCommand) -> Result<(), &'static str> {
        out.is_network = true;
        Err("a host that the profile does not list")
    }

    /// Checks the words of `test` and `[`.
    fn test(
        &mut self,
        name: &str,
        words: &[Given<'_>],
        bases: &[ResolvedPath],
        out: &mut JudgedCommand,
    ) -> Result<(), Fault> {
        let mut words = words.get(1..).unwrap_or_default();
        if name == "[" {
            words = match words.split_last() {
                Some((last, rest)) if last.value.exact() == Some("]") => rest,
                _ => return Err(whole("`[` without `]`")),
            };
        }
        for given in scripts::check_test(words)? {
            let texts = sorts::texts(&given.value).ok_or(given.fault(OPEN_PATH))?;
            for text in texts {
                self.checker.path(text, Use::Read, bases, out).map_err(|reason| given.fault(reason))?;
            }
            mark(out, given, WordSort::Path);
        }
        Ok(())
    }
}

/// Checks the format and the arguments of `printf`.
fn check_printf(sorted: &Sorted<'_>) -> Result<(), Fault> {
    let Some((format, rest)) = sorted.items.split_first() else { return Ok(()) };
    let texts = sorts::texts(&format.given.value).ok_or(format.given.fault(OPEN))?;
    let are_numbers = rest.iter().all(|item| scripts::is_number(item.given.value));
    texts
        .into_iter()
        .try_for_each(|text| scripts::check_printf(text, are_numbers))
        .map_err(|reason| format.given.fault(reason))
}

/// Sets the sort of a word.
pub(super) fn mark(out: &mut JudgedCommand, given: Given<'_>, sort: WordSort) {
    if let Some(word) = given.at.and_then(|at| out.words.get_mut(at)) {
        word.sort = sort;
    }
}

/// Sets the sort of a word by that of the model.
pub(super) fn mark_item(out: &mut JudgedCommand, item: &Item<'_>) {
    let sort = match item.sort {
        "r" | "w" | "d" | "v" | "o" | "y" | "q" => WordSort::Path,
        "g" | "G" => WordSort::Revision,
        "s" | "k" | "j" => WordSort::Script,
        "n" => WordSort::Number,
        "u" => WordSort::Url,
        _ => WordSort::Text,
    };
    mark(out, item.given, sort);
}

/// Returns a path as a pattern that matches it alone.
fn escaped(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for letter in path.chars() {
        if matches!(letter, '*' | '?' | '[' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}
