//! The models in words, for people and for the checks of a contract.

use super::programs::{PROJECT, WALKS, all, find};

/// Returns the first words of each modelled command, such as `git log`.
pub fn models() -> impl Iterator<Item = &'static str> {
    all().map(|model| model.words)
}

/// Returns true if a command that begins with these words may run code of the project: scripts, tests, hooks.
#[must_use]
pub fn may_run_project_code(words: &str) -> bool {
    has(words, PROJECT)
}

/// Returns true if a command that begins with these words walks the directories that it reads.
#[must_use]
pub fn walks(words: &str) -> bool {
    has(words, WALKS)
}

fn has(words: &str, traits: u16) -> bool {
    find(words.split_ascii_whitespace()).is_some_and(|model| model.has(traits))
}
