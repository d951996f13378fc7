//! `sealing`: the keys of the texts that clients carry for the gate, such as the handles of an MCP server's tasks.
//!
//! A key in the configuration is shown by Envoy's admin interface (`/config_dump`). A key in a variable of the environment is not.

use std::sync::Arc;

use callgate_engine::SealingKeys;
use serde::Deserialize;

use crate::config::ConfigError;

/// The section as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealingDocument {
    /// The key that seals, and earlier ones.
    keys: Vec<KeyDocument>,
}

/// One key: base64, or the name of a variable with it. The names are those of Envoy's `DataSource`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum KeyDocument {
    InlineString(String),
    EnvironmentVariable(String),
}

// === impl SealingDocument ===

impl SealingDocument {
    /// Reads the keys. `variable` returns a variable of Envoy's environment.
    ///
    /// # Errors
    /// The first fault, without a key.
    pub(crate) fn resolve(self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Arc<SealingKeys>, ConfigError> {
        let read = |(position, key): (usize, KeyDocument)| {
            match key {
            KeyDocument::InlineString(text) => Ok(text),
            KeyDocument::EnvironmentVariable(name) => variable(&name).ok_or_else(|| {
                let because = format!(
                    "the variable `{name}` is not set for Envoy; set it, and pass it on with `environment_variables` of the \
                     `vm_config` if the gate is WebAssembly"
                );
                ConfigError::SealingKey { position, because }
            }),
        }
        };
        let keys: Vec<String> = self.keys.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        SealingKeys::read(&keys).map(Arc::new).map_err(ConfigError::Sealing)
    }
}
