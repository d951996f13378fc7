//! Comparison of a started program with the reported commands.

use callgate_kinds::command::{ShellLine, SimpleCommand, Word, WordText};

/// Builtin commands that run the program which follows them.
const RUNNERS: &[&str] = &["command", "exec", "builtin"];

/// Returns the positions of the reported commands with these words.
pub fn reported(line: &ShellLine, words: &[Vec<u8>]) -> Vec<usize> {
    let matches = |command: &SimpleCommand| {
        let mut reported = command.words.as_slice();
        loop {
            if has_words(reported, words) {
                return true;
            }
            match reported {
                [first, rest @ ..] if matches!(&first.text, WordText::Exact(name) if RUNNERS.contains(&name.as_str())) => {
                    reported = rest
                }
                _ => return false,
            }
        }
    };
    // The keyword `time` is a program to dash.
    let timed = words.first().is_some_and(|word| word == b"time");
    let inner = if timed { &words[1..] } else { words };
    (0..line.commands.len())
        .filter(|at| matches(&line.commands[*at]) || (timed && has_words(&line.commands[*at].words, inner)))
        .collect()
}

/// Returns true if the words of a program are those of a command.
fn has_words(reported: &[Word], words: &[Vec<u8>]) -> bool {
    let Some((first, rest)) = reported.split_first() else {
        return words.is_empty();
    };
    let one = |matches: bool| matches && has_words(rest, &words[1..]);
    let next = words.first();
    match &first.text {
        WordText::Exact(text) => next.is_some_and(|word| one(word == text.as_bytes())),
        WordText::OneOf(texts) => next.is_some_and(|word| one(texts.iter().any(|text| word == text.as_bytes()))),
        WordText::Stream => {
            next.is_some_and(|word| one(word.starts_with(b"/dev/fd/") || word.starts_with(b"/proc/self/fd/")))
        }
        WordText::Unknown { is_one: true, prefix } => next.is_some_and(|word| one(word.starts_with(prefix.as_bytes()))),
        WordText::Unknown { is_one: false, prefix } => (0..=words.len()).any(|count| {
            let begins = words.first().is_some_and(|word| word.starts_with(prefix.as_bytes()));
            (if count == 0 { prefix.is_empty() } else { begins }) && has_words(rest, &words[count..])
        }),
        WordText::Glob(pattern) => {
            let matching = words.iter().take_while(|word| fits(pattern, word)).count();
            let is_itself = next.is_some_and(|word| word == unescaped(pattern).as_bytes());
            (1..=matching).any(|count| has_words(rest, &words[count..])) || one(is_itself)
        }
    }
}

/// Returns a pattern's text when nothing matches it.
fn unescaped(pattern: &str) -> String {
    let mut text = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    text
}

/// Returns true if a name may match a pattern: its literal text up to the first special character, and after the last one.
fn fits(pattern: &str, name: &[u8]) -> bool {
    let mut prefix = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => prefix.push(characters.next().unwrap_or('\\')),
            '*' | '?' | '[' => break,
            _ => prefix.push(character),
        }
    }
    name.starts_with(prefix.as_bytes())
}
