//! The table of models for people: reports and the documents.

use super::{NETWORK, PROJECT, WALKS, all};

/// A program that the judge has a model of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramModel {
    /// The words that begin a command: `git diff`.
    pub words: &'static str,
    /// The options, as the table has them.
    pub options: &'static str,
    /// The operands, as the table has them.
    pub operands: &'static str,
    /// It reaches the network.
    pub is_network: bool,
    /// It runs code of the project: with write access to the project, that is any code.
    pub is_project_code: bool,
    /// It reaches files that the line does not name. Other programs do so with some option (`*` in the table).
    pub walks: bool,
}

/// Returns the models of programs, in the order of their names.
#[must_use]
pub fn program_models() -> Vec<ProgramModel> {
    let mut models: Vec<ProgramModel> = all()
        .map(|model| ProgramModel {
            words: model.words,
            options: model.options,
            operands: model.operands,
            is_network: model.has(NETWORK),
            is_project_code: model.has(PROJECT),
            walks: model.has(WALKS),
        })
        .collect();
    models.sort_by_key(|model| model.words);
    models
}
