//! A captured request, whose conversation a call is decided in.

use std::path::PathBuf;

use callgate_contract::{Contract, ConversationFacts, SourceNote, source_notes};
use callgate_engine::{DIALECTS, conversation_facts, history};
use callgate_provenance::History;
use callgate_wire::{Request, Target};
use clap::Args;
use serde_json::{Value, json};

/// A conversation for rules about the sources of values, and for conditions
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Conversation")]
pub(crate) struct CapturedArguments {
    /// The body of a captured request. Its conversation replaces the facts for conditions
    #[arg(long, value_name = "FILE", requires = "api", conflicts_with_all = ["tainted", "called", "turns", "rounds"])]
    pub(crate) conversation: Option<PathBuf>,
    /// The API of the request: chatCompletions, responses, messages, gemini, ollama or converse
    #[arg(long, value_name = "API", requires = "conversation")]
    pub(crate) api: Option<String>,
}

/// Reasons why a captured request cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CapturedError {
    #[error("--conversation {0}: cannot be read: {1}")]
    Unread(String, std::io::Error),
    #[error("--api {0}: unknown API; known: {1}")]
    Api(String, String),
    #[error("--conversation {0}: not a request of this API: {1}")]
    Request(String, String),
}

/// A captured request.
#[derive(Debug)]
pub(crate) struct Captured {
    /// `None` if the provider keeps the conversation.
    pub(crate) history: Option<History>,
    pub(crate) facts: Option<ConversationFacts>,
    pub(crate) model: Option<String>,
}

// === impl CapturedArguments ===

impl CapturedArguments {
    /// Reads the request, if one is given. `model` is for APIs whose requests have none.
    pub(crate) fn read(&self, contract: &Contract, model: Option<&str>) -> Result<Option<Captured>, CapturedError> {
        let (Some(file), Some(api)) = (&self.conversation, &self.api) else { return Ok(None) };
        let shown = file.display().to_string();
        let body = std::fs::read(file).map_err(|error| CapturedError::Unread(shown.clone(), error))?;
        let row = DIALECTS.iter().find(|row| row.key == api).and_then(|row| Some((row.paths.first()?, row.dialect()?)));
        let Some((path, dialect)) = row else {
            let known = DIALECTS.iter().filter(|row| row.dialect().is_some()).map(|row| row.key);
            return Err(CapturedError::Api(api.clone(), known.collect::<Vec<_>>().join(", ")));
        };
        let model = model.unwrap_or("model");
        let in_path = path.contains("{model}").then_some(model);
        let path = path.replace("{model}", model);
        let request = dialect.request(&Target::new(&path).with_model(in_path), &body);
        let request = request.map_err(|error| CapturedError::Request(shown, error.to_string()))?;
        Ok(Some(Captured::of(contract, &*request)))
    }
}

// === impl Captured ===

impl Captured {
    fn of(contract: &Contract, request: &dyn Request) -> Self {
        let is_known = !request.server_state();
        let model = match request.models().as_slice() {
            [model] => Some((*model).to_owned()),
            _ => None,
        };
        Self {
            history: is_known.then(|| history(contract, request)),
            facts: if is_known { conversation_facts(contract, request) } else { None },
            model,
        }
    }

    /// Returns the values under rules about sources.
    pub(crate) fn notes(&self, contract: &Contract, tool: &str, arguments: &str) -> Vec<SourceNote> {
        self.history.as_ref().map(|history| source_notes(contract, tool, arguments, history)).unwrap_or_default()
    }
}

/// Shows notes for people, below a verdict.
pub(crate) fn text(notes: &[SourceNote]) -> String {
    let mut out = String::new();
    for note in notes {
        out.push_str(&format!("  sources    {}: {}\n", note.pointer, note.rule));
        if note.found.is_empty() {
            out.push_str("             nowhere in the conversation\n");
        }
        for found in &note.found {
            out.push_str(&format!("             {found}\n"));
        }
    }
    out
}

/// Shows notes for programs.
pub(crate) fn values(notes: &[SourceNote]) -> Value {
    notes.iter().map(|note| json!({ "pointer": note.pointer, "rule": note.rule, "found": note.found })).collect()
}
