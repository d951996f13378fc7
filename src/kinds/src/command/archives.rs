//! `tar`: it lists an archive, or makes one. What it extracts is not judged, since the line does not name it.

use super::judge::{CommandEffect, Judge, Surroundings, whole};
use super::judged::{JudgedCommand, WordSort};
use super::marks::{mark, mark_sorted};
use super::programs::Model;
use super::scope::Use;
use super::texts::{FileUse, OPEN_PATH};
use super::value::{Fault, Given, Value};
use super::{options, sorts};

/// Options in the old style, which has no dash. The last letter takes the next word, as it does behind a dash.
const OLD_STYLE: &[&str] = &[
    "-tf", "-tvf", "-tzf", "-tvzf", "-tzvf", "-tjf", "-tJf", "-ztf", "-cf", "-cvf", "-czf", "-czvf", "-cvzf", "-zcf",
    "-zcvf", "-cjf", "-cjvf", "-cJf", "-cJvf", "-caf",
];

// === impl Judge ===

impl Judge<'_> {
    /// Judges `tar`.
    pub(super) fn tar(
        &mut self,
        model: &'static Model,
        words: &[Given<'_>],
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<CommandEffect, Fault> {
        let mut words = words.to_vec();
        if let Some(first) = words.get_mut(1)
            && let Some(old) =
                first.value.exact().and_then(|text| OLD_STYLE.iter().find(|old| old.get(1..) == Some(text)))
        {
            first.value = Value::One(old);
        }
        for given in words.iter().skip(1) {
            mark(out, *given, WordSort::Option);
        }
        let sorted = options::sort(model, &words, 1)?;
        let makes = match (sorted.has("c", &["--create"]), sorted.has("t", &["--list"])) {
            (true, false) => true,
            (false, true) => false,
            _ => return Err(whole("`tar` that neither makes nor lists an archive")),
        };
        let of_option =
            |sort: &'static str| sorted.items.iter().filter(move |item| !item.is_operand && item.sort == sort);
        let mut archives = of_option("w");
        let (Some(archive), None) = (archives.next(), archives.next()) else {
            return Err(whole("`tar` without one archive; write `-f FILE`"));
        };
        for text in sorts::texts(&archive.given.value).ok_or(archive.given.fault(OPEN_PATH))? {
            if text.contains(':') {
                return Err(archive.given.fault("an archive on another machine"));
            }
            if text != "-" {
                let how = if makes { Use::Write } else { Use::Read };
                self.checker.path(text, how, place.bases, out).map_err(|reason| archive.given.fault(reason))?;
            }
        }
        mark_sorted(out, archive);
        // `-C` moves the operands after it. The archive begins in the directory from before.
        let mut bases = place.bases.to_vec();
        for directory in of_option("r") {
            if sorted.items.iter().any(|item| item.is_operand && item.given.at < directory.given.at) {
                return Err(directory.given.fault("`-C` after an operand; write it before"));
            }
            let text = directory.given.value.exact().ok_or(directory.given.fault(OPEN_PATH))?;
            bases = self.moved(text, &bases, out).map_err(|reason| directory.given.fault(reason))?;
            mark_sorted(out, directory);
        }
        let inside = Surroundings { bases: &bases, ..*place };
        for item in sorted.items.iter().filter(|item| item.is_operand || item.sort == "x") {
            if makes && item.is_operand {
                self.member(item, &inside, out)?;
            } else {
                mark(out, item.given, WordSort::Text);
            }
        }
        Ok(CommandEffect::default())
    }

    /// Checks a path that goes into an archive.
    fn member(
        &mut self,
        item: &options::SortedWord<'_>,
        place: &Surroundings<'_>,
        out: &mut JudgedCommand,
    ) -> Result<(), Fault> {
        let is_archive = match item.given.value {
            Value::Pattern(pattern) => pattern.starts_with('@'),
            value => sorts::texts(&value).is_none_or(|texts| texts.iter().any(|text| text.starts_with('@'))),
        };
        if is_archive {
            return Err(item.given.fault("a member of an archive that some versions of tar read as another archive"));
        }
        self.item(item, FileUse::Walk, place, out)?;
        mark_sorted(out, item);
        Ok(())
    }
}
