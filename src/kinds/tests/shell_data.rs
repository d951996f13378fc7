//! The shell lines of the shared data: each is read as its row says, or refused.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a failed step is a failed test")]
#![allow(missing_docs, reason = "a test's name is its documentation")]

use callgate_kinds::command::{ShellLine, ShellSyntax, SimpleCommand, WordText, read};
use serde_json::Value;

/// Returns the rows of a file of the shared data, or `None` if the data is not there.
fn rows(file: &str) -> Option<Vec<Value>> {
    let folder = std::env::var("CALLGATE_DATA").unwrap_or_else(|_| "../../../shared/data".to_owned());
    let path = std::path::Path::new(&folder).join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).expect("the file is JSON")),
        Err(_) => {
            println!("SKIPPED: {} is not there", path.display());
            None
        }
    }
}

/// Returns true if a row's word is one of the texts of a read word. `null` is a word that is not known.
fn agrees(expected: &Value, text: &WordText) -> bool {
    match (expected, text) {
        (Value::Null, WordText::Unknown { .. } | WordText::Stream) => true,
        (Value::String(expected), WordText::Exact(text) | WordText::Glob(text)) => expected == text,
        (Value::String(expected), WordText::OneOf(texts)) => texts.contains(expected),
        _ => false,
    }
}

/// Returns true if a command has the words of a row.
fn has_words(expected: &Value, command: &SimpleCommand) -> bool {
    let expected = expected.as_array().expect("a list of words");
    expected.len() == command.words.len()
        && expected.iter().zip(&command.words).all(|(word, read)| agrees(word, &read.text))
}

/// Returns true if the commands are those of a row. Several commands of a row may be the turns of one loop.
fn has_commands(expected: &[Value], line: &ShellLine) -> bool {
    let commands: Vec<_> = line.commands.iter().filter(|command| !command.words.is_empty()).collect();
    let mut at = 0;
    for command in commands {
        let turns = expected[at..].iter().take_while(|row| has_words(row, command)).count();
        if turns == 0 {
            return false;
        }
        let is_loop = command.words.iter().any(|word| matches!(word.text, WordText::OneOf(_)));
        at += if is_loop { turns } else { 1 };
    }
    at == expected.len()
}

#[test]
fn lines_are_read_as_the_data_says() {
    let Some(rows) = rows("kinds/command.json") else { return };
    let mut wrong = Vec::new();
    for row in &rows {
        let input = row["input"].as_str().expect("an input");
        let line = read(input, ShellSyntax::Bash);
        match (&line, row["commands"].as_array()) {
            (Ok(line), Some(expected)) if !has_commands(expected, line) => {
                wrong.push(format!("{input}\n    is read as {:?}", line.commands))
            }
            (Err(refusal), Some(_)) => wrong.push(format!("{input}\n    {refusal}")),
            (Err(refusal), None) if row["verdict"] == "allow" => wrong.push(format!("{input}\n    {refusal}")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
