//! The words of `test` and `[`: conditions on texts, numbers and files.

use super::super::value::{Fault, Given, Value};

const FILES: &[&str] =
    &["-d", "-e", "-f", "-h", "-L", "-r", "-s", "-w", "-x", "-b", "-c", "-g", "-k", "-p", "-u", "-S", "-O", "-G"];
const TEXTS: &[&str] = &["=", "==", "!="];
const NUMBERS: &[&str] = &["-eq", "-ne", "-gt", "-ge", "-lt", "-le"];
const TIMES: &[&str] = &["-nt", "-ot", "-ef"];
const SHAPE: &str = "a condition that is not read; write one test in each `[ ]`";
const NUMBER: &str = "a comparison of numbers whose operand some shells evaluate; write digits";

/// Returns the words that are paths.
///
/// Only the forms of one, two and three words are read, with `!` before them: shells read longer ones in several ways.
pub(in super::super) fn check<'a>(words: &[Given<'a>]) -> Result<Vec<Given<'a>>, Fault> {
    let words = match words.split_first() {
        Some((first, rest)) if first.value.exact() == Some("!") && !rest.is_empty() => rest,
        _ => words,
    };
    if let Some(many) = words.iter().find(|given| given.value.is_many()) {
        return Err(many.fault("may become several words in a condition; quote it"));
    }
    let at = words.first().copied().unwrap_or(Given { at: None, value: Value::One("") });
    match words {
        [] | [_] => Ok(Vec::new()),
        [operator, operand] => match operator.value.exact() {
            Some("-n" | "-z") => Ok(Vec::new()),
            Some(text) if FILES.contains(&text) => Ok(vec![*operand]),
            _ => Err(operator.fault(SHAPE)),
        },
        [left, operator, right] => {
            if let Some(wrong) = [left, right].into_iter().find(|given| given.value.exact() == Some("-v")) {
                return Err(wrong.fault(SHAPE));
            }
            match operator.value.exact() {
                Some(text) if TEXTS.contains(&text) => Ok(Vec::new()),
                Some(text) if TIMES.contains(&text) => Ok(vec![*left, *right]),
                Some(text) if NUMBERS.contains(&text) => {
                    match [left, right].into_iter().find(|given| !is_number(given.value)) {
                        Some(wrong) => Err(wrong.fault(NUMBER)),
                        None => Ok(Vec::new()),
                    }
                }
                _ => Err(operator.fault(SHAPE)),
            }
        }
        _ => Err(at.fault(SHAPE)),
    }
}

/// Returns true for digits with a sign.
pub(in super::super) fn is_number(value: Value<'_>) -> bool {
    let digits = |text: &str| {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    match value {
        Value::One(text) => digits(text),
        Value::Any(texts) => texts.iter().all(|text| digits(text)),
        _ => false,
    }
}
