//! Programs that run another program: what they run is judged as if it stood alone.

use super::judge::{CommandEffect, Judge, Surroundings, whole};
use super::judged::{JudgedCommand, WordSort};
use super::marks::{mark, mark_sorted};
use super::options;
use super::programs::{self, Model};
use super::rules::SHELLS;
use super::scope::Use;
use super::texts::FileUse;
use super::value::{Fault, Given, Value, WordRole};
use super::{ShellSyntax, sorts, variables};
use crate::patch::{self, PatchFormat};

/// The maximum number of shells inside each other.
const MOST_SHELLS: u32 = 4;
const UNSEEN: &str = "names that the line does not show; use `xargs -0` behind a program that lists files";
const PLACEHOLDER: &str = "a word with more than the placeholder of the name";

// === impl Judge ===

impl Judge<'_> {
    /// Judges a program that runs another one. `None` is for other programs.
    pub(super) fn wrapper(
        &mut self,
        name: &str,
        words: &[Given<'_>],
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<Option<CommandEffect>, Fault> {
        let known: Vec<&str> = words.iter().map_while(|word| word.value.exact()).collect();
        if SHELLS.contains(&name) && self.rules.find(&known.iter().copied()).is_empty() {
            return self.shell(name, words, place, out).map(Some);
        }
        let Some(model) = programs::find(known.iter().copied()).filter(|model| model.operands.ends_with('c')) else {
            return Ok(None);
        };
        let sorted = options::sort(model, words, 1)?;
        if sorted.command.is_empty() {
            return Err(whole("a program that runs another one, without that one"));
        }
        for given in words.iter().skip(1).take(words.len() - sorted.command.len() - 1) {
            mark(out, *given, WordSort::Option);
        }
        for item in &sorted.items {
            self.item(item, FileUse::Plain, place, out)?;
            mark_sorted(out, item);
            if let ("a", Some(text)) = (item.sort, item.given.value.exact()) {
                let (name, value) = text.split_once('=').unwrap_or((text, ""));
                variables::check_environment(name, Value::One(value)).map_err(|reason| item.given.fault(reason))?;
            }
        }
        if model.words == "nohup" {
            self.checker.path("nohup.out", Use::Write, place.bases, out).map_err(whole)?;
        }
        let inner = Surroundings { wrappers: place.wrappers + 1, ..*place };
        if model.words == "xargs" {
            return self.xargs(model, &sorted, &inner, out).map(Some);
        }
        self.words(sorted.command, &inner, out).map(Some)
    }

    /// Judges the command of `xargs`, with the names that a pipe hands to it.
    fn xargs(
        &mut self,
        _model: &Model,
        sorted: &options::Sorted<'_>,
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        let feed = place.feed.filter(|_| sorted.has("0", &["--null"])).ok_or(whole(UNSEEN))?;
        let found = Value::Found { may_be_option: feed.may_be_option };
        let placeholder = sorted.items.iter().find(|item| item.sort == "x").and_then(|item| item.given.value.exact());
        let mut words = sorted.command.to_vec();
        match placeholder.filter(|_| sorted.has("I", &[])) {
            Some(placeholder) => replace(&mut words, placeholder, found)?,
            None => words.push(Given { at: None, value: found }),
        }
        self.words(&words, &Surroundings { found: &feed.below, feed: None, document: None, ..*place }, out)
    }

    /// Judges `find`: its start paths, its tests, and the commands that it runs.
    pub(super) fn find(
        &mut self,
        model: &'static Model,
        words: &[Given<'_>],
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        let is_expression = |given: &Given<'_>| {
            given
                .value
                .exact()
                .is_some_and(|text| matches!(text, "(" | ")" | "!" | ",") || (text.len() > 1 && text.starts_with('-')))
        };
        let rest = words.get(1..).unwrap_or_default();
        let rest = match rest.split_first() {
            Some((first, rest)) if matches!(first.value.exact(), Some("-H" | "-P")) => rest,
            _ => rest,
        };
        let length = rest.iter().position(is_expression).unwrap_or(rest.len());
        let (starts, mut expression) = rest.split_at_checked(length).unwrap_or_default();
        let mut texts = Vec::new();
        for given in starts {
            let all = sorts::texts(&given.value).filter(|_| given.value.role() == WordRole::Operand);
            for text in all.ok_or(given.fault("a start of `find` that the line does not show"))? {
                self.checker.path(text, Use::Walk, place.bases, out).map_err(|reason| given.fault(reason))?;
                texts.push(text);
            }
            mark(out, *given, WordSort::Path);
        }
        if texts.is_empty() {
            self.checker.path(".", Use::Walk, place.bases, out).map_err(whole)?;
        }
        let workspace = self.checker.scope.workspace;
        let below = super::lists::below(&texts, place.bases, workspace).unwrap_or_default();
        let mut prints_names = true;
        while let Some((first, rest)) = expression.split_first() {
            let text = first.value.exact().ok_or(first.fault("a test of `find` that is not a literal; quote it"))?;
            mark(out, *first, WordSort::Option);
            expression = rest;
            match text {
                "(" | ")" | "!" | "," => {}
                "-exec" => {
                    let length = end_of_command(rest).ok_or(first.fault("`-exec` without `;` or `{} +`"))?;
                    let (inner, after) = rest.split_at_checked(length).unwrap_or_default();
                    let mut inner = inner.to_vec();
                    replace(&mut inner, "{}", Value::Found { may_be_option: false })?;
                    expression = after.get(1..).unwrap_or_default();
                    let place = Surroundings {
                        found: &below,
                        feed: None,
                        document: None,
                        wrappers: place.wrappers + 1,
                        ..*place
                    };
                    let effect = self.words(&inner, &place, out)?;
                    if effect.moved.is_some() {
                        return Err(first.fault("`-exec` of a builtin command"));
                    }
                    prints_names = false;
                }
                "-delete" => {
                    self.checker.found(Use::Delete, &below, out).map_err(|reason| first.fault(reason))?;
                }
                _ => {
                    // The options module reads one test with its value.
                    let option = model
                        .long(text)
                        .ok_or(first.fault("a test or an action that the model of `find` does not have"))?;
                    prints_names &= !matches!(text, "-printf" | "-ls");
                    if let programs::ValueModel::Separate(sort) = option.value {
                        let (value, after) =
                            rest.split_first().ok_or(first.fault("a test of `find` without its value"))?;
                        let item = options::SortedWord { given: *value, sort, is_operand: true, is_listed: false };
                        self.item(&item, FileUse::Plain, place, out)?;
                        mark_sorted(out, &item);
                        expression = after;
                    }
                }
            }
        }
        let feed = prints_names.then_some(super::feed::Feed { below, may_be_option: false });
        Ok(CommandEffect { moved: None, feed })
    }

    /// Judges a shell that runs a literal line.
    fn shell(
        &mut self,
        name: &str,
        words: &[Given<'_>],
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        let [_, option, line] = words else {
            return Err(whole("a shell that does not run one literal line: `sh -c LINE`"));
        };
        if !matches!(option.value.exact(), Some("-c" | "-lc" | "-ec" | "-euc")) {
            return Err(option.fault("a shell with other options than `-c` and `-lc`"));
        }
        let text = line.value.exact().ok_or(line.fault("a shell whose line is not a literal"))?;
        if self.depth >= MOST_SHELLS {
            return Err(line.fault("more than 4 shells inside each other"));
        }
        mark(out, *option, WordSort::Option);
        mark(out, *line, WordSort::Script);
        let syntax = if name == "bash" { ShellSyntax::Bash } else { ShellSyntax::Sh };
        let inner = super::read(text, syntax).map_err(|refusal| line.fault(refusal.reason))?;
        self.depth += 1;
        let judged = self.line(&inner, place.bases.into());
        self.depth -= 1;
        judged.map_err(|refusal| line.fault(refusal.reason))?;
        Ok(CommandEffect::default())
    }

    /// Judges `apply_patch` with its patch in a here-document.
    pub(super) fn apply_patch(
        &mut self,
        words: &[Given<'_>],
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        let given = match (words, place.document) {
            ([_], Some(text)) => Some(text),
            ([_, patch], None) => patch.value.exact(),
            _ => None,
        };
        let text = given.ok_or(whole("`apply_patch` without one literal patch; use a here-document"))?;
        let files = patch::read(text, PatchFormat::Codex, 0).map_err(|refusal| whole(refusal.reason))?;
        for file in files {
            let how = match file.operation {
                patch::PatchOperation::CopyFrom => Use::Read,
                patch::PatchOperation::Delete | patch::PatchOperation::MoveFrom => Use::Delete,
                _ => Use::Write,
            };
            self.checker.path(&file.path, how, place.bases, out).map_err(whole)?;
        }
        Ok(CommandEffect::default())
    }
}

/// Replaces each word that is a placeholder. A longer word with the placeholder in it is refused.
fn replace<'a>(words: &mut [Given<'a>], placeholder: &str, value: Value<'a>) -> Result<(), Fault> {
    for given in words {
        match given.value {
            Value::One(text) if text == placeholder => given.value = value,
            Value::One(text) if !text.contains(placeholder) => {}
            Value::One(_) => return Err(given.fault(PLACEHOLDER)),
            Value::Any(texts) if texts.iter().any(|text| text.contains(placeholder)) => {
                return Err(given.fault(PLACEHOLDER));
            }
            Value::Any(_) | Value::Pattern(_) | Value::Open { .. } | Value::Stream | Value::Found { .. } => {}
        }
    }
    Ok(())
}

/// Returns the number of words before the end of an `-exec`.
fn end_of_command(words: &[Given<'_>]) -> Option<usize> {
    let mut before = None;
    for (at, given) in words.iter().enumerate() {
        match given.value.exact() {
            Some(";") => return Some(at),
            Some("+") if before == Some("{}") => return Some(at),
            text => before = text,
        }
    }
    None
}
