//! The directories in which each command of a line may run: a plain model, beside the judge's own.

use callgate_kinds::command::{Connector, LineStep, ShellLine, WordText};
use std::collections::BTreeSet;

/// Directories; `None` if a command may run anywhere.
pub type Places = Option<BTreeSet<String>>;

/// The directories after a command that succeeded, and after one that failed.
#[derive(Clone)]
struct State {
    succeeded: Places,
    failed: Places,
}

/// Returns the directories of each command of a line that begins in `start`.
pub fn of(line: &ShellLine, start: &str) -> Vec<Places> {
    let here: Places = Some(BTreeSet::from([start.to_owned()]));
    let mut places: Vec<Places> = vec![Some(BTreeSet::new()); line.commands.len()];
    let mut state = State { succeeded: here.clone(), failed: here };
    let mut open: Vec<State> = Vec::new();
    for step in &line.steps {
        match step {
            LineStep::Run(at, connector) => {
                let at = *at as usize;
                let begins = match connector {
                    Connector::Always => union(&state.succeeded, &state.failed),
                    Connector::And => state.succeeded.clone(),
                    Connector::Or => state.failed.clone(),
                };
                places[at] = union(&places[at], &begins);
                let moved = moved(line, at, &begins);
                let after = State { succeeded: moved, failed: begins };
                state = match connector {
                    Connector::Always => after,
                    Connector::And => State { succeeded: after.succeeded, failed: union(&state.failed, &after.failed) },
                    Connector::Or => {
                        State { succeeded: union(&state.succeeded, &after.succeeded), failed: after.failed }
                    }
                };
            }
            LineStep::Enter | LineStep::Branch | LineStep::Loop => open.push(state.clone()),
            LineStep::Leave => state = open.pop().expect("every step that leaves has entered"),
            LineStep::Join | LineStep::EndLoop => {
                let before = open.pop().expect("every branch that joins has begun");
                state = State {
                    succeeded: union(&before.succeeded, &state.succeeded),
                    failed: union(&before.failed, &state.failed),
                };
            }
            LineStep::Pipe => {}
        }
    }
    assert!(open.is_empty(), "every step that enters leaves");
    places
}

fn union(one: &Places, other: &Places) -> Places {
    Some(one.as_ref()?.union(other.as_ref()?).cloned().collect())
}

/// Returns the directories after a command that succeeds.
fn moved(line: &ShellLine, at: usize, begins: &Places) -> Places {
    let words = &line.commands[at].words;
    let exact: Vec<&str> =
        words.iter().map(|word| if let WordText::Exact(text) = &word.text { text } else { "\0" }).collect();
    let mut exact = exact.as_slice();
    while let ["command" | "builtin", rest @ ..] = exact {
        exact = rest;
    }
    match exact {
        ["cd", directory] if !directory.starts_with('-') && !directory.contains('\0') => {
            Some(begins.as_ref()?.iter().map(|base| resolve(base, directory)).collect())
        }
        ["cd" | "chdir" | "pushd" | "popd", ..] => None,
        _ => begins.clone(),
    }
}

fn resolve(base: &str, directory: &str) -> String {
    let mut parts: Vec<&str> =
        if directory.starts_with('/') { Vec::new() } else { base.split('/').filter(|part| !part.is_empty()).collect() };
    for part in directory.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
