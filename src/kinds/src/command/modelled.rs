//! Judges the words of one command by the model of its program.

use super::judge::{CommandEffect, Judge, Surroundings, whole};
use super::judged::{JudgedCommand, WordSort};
use super::marks::{mark, mark_sorted};
use super::options::{self, Sorted, SortedWord};
use super::programs::{self, HERE, HERE_IF_WALKED, Model, TARGET, WALKS};
use super::scope::Use;
use super::texts::{FileUse, OPEN, OPEN_PATH};
use super::value::{Fault, Given, Value, WordRole};
use super::{scripts, sorts};
use crate::path::ResolvedPath;

// === impl Judge ===

impl Judge<'_> {
    /// Judges a command by the model of its program.
    pub(super) fn modelled(
        &mut self,
        words: &[Given<'_>],
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        let known = words.iter().map_while(|word| word.value.exact());
        let Some(model) = programs::find(known) else {
            let second = words.get(1).or(words.first()).and_then(|word| word.at);
            return Err(Fault { at: second, reason: "no model has the word after the program's name" });
        };
        match model.words {
            "find" => return self.find(model, words, place, out),
            "apply_patch" => return self.apply_patch(words, place, out),
            "tar" => return self.tar(model, words, place, out),
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
        let files = match model.words {
            "sed" if sorted.has("i", &["--in-place"]) => FileUse::Edit,
            "cp" if walks => FileUse::Copy,
            _ if walks => FileUse::Walk,
            _ => FileUse::Plain,
        };
        for item in &sorted.items {
            self.item(item, files, place, out)?;
            if item.is_operand || item.given.value.role() != WordRole::Option {
                mark_sorted(out, item);
            }
        }
        self.here(model, &sorted, walks, place.bases, out)?;
        match model.words {
            "printf" => check_printf(&sorted)?,
            "sed" if files == FileUse::Edit => self.edits(&sorted, place.bases, out)?,
            "test" | "[" => self.test(model.words, words, place.bases, out)?,
            _ => {}
        }
        if model.has(TARGET) {
            self.targets(&sorted, place.bases, out)?;
        }
        Ok(CommandEffect { moved: None, feed: super::lists::feed(model, &sorted, place, self.checker.scope.workspace) })
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
        let targets: Vec<&SortedWord<'_>> = sorted.items.iter().filter(|item| item.sort == "w").collect();
        for source in sorted.items.iter().filter(|item| matches!(item.sort, "r" | "v")) {
            for target in targets.iter().filter_map(|item| sorts::texts(&item.given.value)).flatten() {
                let checked = match source.given.value {
                    Value::Pattern(pattern) => {
                        let name = pattern.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                        self.checker.pattern(&format!("{}/{name}", escaped(target)), Use::Write, bases, out)
                    }
                    Value::Found { .. } => self.target_directory(target, bases, out),
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

    /// Checks a directory that receives names which the line does not show.
    fn target_directory(
        &mut self,
        target: &str,
        bases: &[ResolvedPath],
        out: &mut JudgedCommand,
    ) -> Result<(), &'static str> {
        let workspace = self.checker.scope.workspace;
        let below = super::lists::below(&[target], bases, workspace).ok_or(OPEN_PATH)?;
        self.checker.found(Use::Write, &below, out)
    }

    /// Checks the copies that `sed -i` makes, and that BSD's `sed`, which takes the word after `-i` for their suffix, does no more.
    fn edits(&mut self, sorted: &Sorted<'_>, bases: &[ResolvedPath], out: &mut JudgedCommand) -> Result<(), Fault> {
        let suffixes: Vec<&str> =
            sorted.items.iter().filter(|item| item.sort == "i").filter_map(|item| item.given.value.exact()).collect();
        for script in sorted.items.iter().filter(|item| item.sort == "s") {
            if suffixes.is_empty() && script.given.value.exact().is_none_or(|text| text.trim().is_empty()) {
                return Err(script
                    .given
                    .fault("an empty script, which some versions of sed take for a suffix; write `-i.bak`"));
            }
        }
        for file in sorted.items.iter().filter(|item| item.is_operand && item.sort == "r") {
            for suffix in &suffixes {
                let checked = match file.given.value {
                    Value::Pattern(pattern) => {
                        self.checker.pattern(&format!("{pattern}{suffix}"), Use::Write, bases, out)
                    }
                    value => sorts::texts(&value)
                        .unwrap_or_default()
                        .into_iter()
                        .try_for_each(|text| self.checker.path(&format!("{text}{suffix}"), Use::Write, bases, out)),
                };
                checked.map_err(|reason| file.given.fault(reason))?;
            }
            let is_script = sorts::texts(&file.given.value).unwrap_or_default().into_iter().any(scripts::may_write);
            if suffixes.is_empty() && is_script {
                return Err(file.given.fault("a file's name that some versions of sed take for a script"));
            }
        }
        Ok(())
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
