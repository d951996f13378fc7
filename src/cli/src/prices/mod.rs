//! `callgate prices`: writes `prices` of a contract from an open list of model prices that a package ships.
//!
//! The list is never copied into this program: the user names the file, or the folder of the installed package. The same list and the
//! same models always give the same text.

mod list;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use callgate_contract::matches_model;
use clap::Args;
use serde_json::Value;

use self::list::PriceList;
use crate::disk::{self, FileError};
use crate::output::Outcome;

/// The file of the list in the installed package.
const IN_PACKAGE: &str = "model_prices_and_context_window_backup.json";

/// Print `prices` for a contract, from a list of model prices
#[derive(Args)]
#[command(
    after_help = "The list is LiteLLM's, which its Python package ships: give the file, or the folder of the package, such as\n\
                  .venv/lib/python3.13/site-packages/litellm. Its prices are in US dollars. Models without a price of tokens are\n\
                  named in comments.\n\n\
                  Example:\n  \
                  callgate prices contract.yaml --from site-packages/litellm\n  \
                  callgate prices --models 'gpt-5*,claude-*' --from model_prices_and_context_window_backup.json"
)]
pub(crate) struct PricesArguments {
    /// The contract whose `models` need prices
    #[arg(value_name = "FILE", required_unless_present = "models")]
    pub(crate) file: Option<PathBuf>,
    /// Names of models instead, separated by commas; `*` stands for any run of characters
    #[arg(long, value_name = "MODELS", value_delimiter = ',', conflicts_with = "file")]
    pub(crate) models: Vec<String>,
    /// The list, or the folder of the package with it
    #[arg(long, value_name = "PATH")]
    pub(crate) from: PathBuf,
}

/// Reasons for a list that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PricesError {
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{file}: is not a list of model prices: {reason}", file = file.display())]
    List { file: PathBuf, reason: serde_json::Error },
}

/// Returns the text of `prices`.
pub(crate) fn prices(arguments: &PricesArguments) -> Result<Outcome, PricesError> {
    let models = match &arguments.file {
        Some(file) => models_of(file)?,
        None => arguments.models.clone(),
    };
    let file = match arguments.from.is_dir() {
        true => arguments.from.join(IN_PACKAGE),
        false => arguments.from.clone(),
    };
    let list = PriceList::read(&disk::text(&file)?).map_err(|reason| PricesError::List { file, reason })?;
    Ok(Outcome::success(written(&list, models)))
}

/// Returns the models that a contract allows.
fn models_of(file: &Path) -> Result<Vec<String>, FileError> {
    let contract = disk::contract(file)?;
    let value: Value = serde_json::from_str(contract.canonical()).unwrap_or_default();
    let models = value.pointer("/spec/models").and_then(Value::as_array).into_iter().flatten();
    Ok(models.filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Writes the prices of the models that one of these names matches, in the order of text.
fn written(list: &PriceList, mut models: Vec<String>) -> String {
    models.sort();
    models.dedup();
    let mut text = "prices:\n  currency: USD\n  models:\n".to_owned();
    let is_wanted = |name: &str| models.iter().any(|model| matches_model(model, name));
    for (name, price) in list.prices().filter(|(name, _)| is_wanted(name)) {
        let _ = writeln!(text, "    {}: {}", Value::from(name), list::flow(price));
    }
    for model in models.iter().filter(|model| !list.prices().any(|(name, _)| matches_model(model, name))) {
        let _ = writeln!(text, "    # no price in the list: {}", Value::from(model.as_str()));
    }
    text
}
