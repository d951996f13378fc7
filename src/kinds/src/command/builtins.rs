//! Builtin commands of the shell that change its state: the directory, variables, options.

use super::judge::{CommandEffect, Judge, Surroundings};
use super::judged::{JudgedCommand, WordSort};
use super::marks::mark;
use super::value::{Fault, Given, Value};
use super::{sorts, variables};

/// The names. They need no entry, since each is judged by itself.
pub(super) const NAMES: &[&str] = &["cd", "set", "exit", "break", "continue", "wait", "read", "export"];

const NO_DIRECTORY: &str = "a directory that the line does not show; write it out";

/// Judges a builtin command. `None` is for other programs.
pub(super) fn judge(
    judge: &mut Judge<'_>,
    name: &str,
    words: &[Given<'_>],
    place: &Surroundings<'_>,
    out: &mut JudgedCommand,
) -> Result<Option<CommandEffect>, Fault> {
    let rest = words.get(1..).unwrap_or_default();
    match name {
        "cd" => return change(judge, rest, place, out).map(Some),
        "set" => check(rest, out, WordSort::Option, |text| {
            let is_flag = matches!(text, "-e" | "-u" | "-x" | "-eu" | "-ex" | "-ux" | "-eux" | "+e" | "+u" | "+x");
            is_flag || matches!(text, "-o" | "-eo" | "-euo" | "-euxo" | "pipefail" | "errexit" | "nounset" | "xtrace")
        })?,
        // The reader accepts only numbers here: `exit $code` after `code=$?`.
        "exit" if matches!(rest, [Given { value: Value::Open { .. }, .. }]) => {
            rest.iter().for_each(|given| mark(out, *given, WordSort::Number));
        }
        "exit" | "break" | "continue" | "wait" => {
            check(rest, out, WordSort::Number, |text| {
                text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
            })?;
        }
        "read" => check(rest, out, WordSort::Text, |text| text == "-r" || variables::check_own(text).is_ok())?,
        "export" => {
            for given in rest {
                let (name, value) =
                    given.value.exact().and_then(|text| text.split_once('=')).ok_or(given.fault(OTHER))?;
                variables::check_environment(name, Value::One(value)).map_err(|reason| given.fault(reason))?;
                mark(out, *given, WordSort::Text);
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(CommandEffect::default()))
}

const OTHER: &str = "a word that the model of this builtin command does not have";

/// Checks the words of a builtin command.
fn check(
    words: &[Given<'_>],
    out: &mut JudgedCommand,
    sort: WordSort,
    allows: impl Fn(&str) -> bool,
) -> Result<(), Fault> {
    for given in words {
        if !given.value.exact().is_some_and(&allows) {
            return Err(given.fault(OTHER));
        }
        mark(out, *given, sort);
    }
    Ok(())
}

/// Judges `cd`.
fn change(
    judge: &mut Judge<'_>,
    words: &[Given<'_>],
    place: &Surroundings<'_>,
    out: &mut JudgedCommand,
) -> Result<CommandEffect, Fault> {
    let words = match words.split_first() {
        Some((first, rest)) if matches!(first.value.exact(), Some("--" | "-P" | "-L")) => rest,
        _ => words,
    };
    let [directory] = words else {
        return Err(super::judge::whole("`cd` without one directory; write it out"));
    };
    let texts = sorts::texts(&directory.value).ok_or(directory.fault(NO_DIRECTORY))?;
    let mut moved = Vec::new();
    for text in texts {
        if text.is_empty() || text.starts_with(['-', '+']) {
            return Err(directory.fault(NO_DIRECTORY));
        }
        moved.extend(judge.moved(text, place.bases, out).map_err(|reason| directory.fault(reason))?);
        if moved.len() > 64 {
            return Err(directory.fault("more directories than are followed"));
        }
    }
    mark(out, *directory, WordSort::Path);
    Ok(CommandEffect { moved: Some(moved), feed: None })
}
