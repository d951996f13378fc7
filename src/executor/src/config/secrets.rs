//! `secrets`: the files contracts may hand to tools. The executor's own secrets are never among their grants.

use callgate_sandbox::SandboxSettings;
use callgate_settings::{Allow, ConfigFile, FieldError};
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::telemetry::TelemetrySettings;

/// The files contracts may hand to tools as `secretEnv`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Files, and folders of files.
    pub allow: Allow,
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Section {
    #[serde(default)]
    allow: Vec<Spanned<String>>,
}

impl Section {
    pub(super) fn resolve(self, place: &ConfigFile<'_>) -> Result<Secrets, FieldError> {
        Ok(Secrets { allow: Allow::resolve("secrets.allow", self.allow, place)? })
    }
}

/// Checks that no contract may grant a variable with a secret of the executor.
pub(super) fn variables(
    telemetry: &TelemetrySettings,
    sandbox: &SandboxSettings,
    file: &str,
) -> Result<(), FieldError> {
    let mut own = telemetry.otlp.iter().flat_map(|otlp| otlp.variables());
    match own.find(|variable| sandbox.env.iter().any(|granted| granted == variable)) {
        None => Ok(()),
        Some(variable) => Err(FieldError {
            place: file.to_owned(),
            message: format!(
                "sandbox.env: expected no {variable}, which is a secret of telemetry.otlpHeaders; give the collector's key \
                 another variable"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    #[test]
    fn no_tool_may_be_granted_the_variable_of_a_collectors_key() {
        let text = |granted: &str| {
            format!(
                "contracts: [a]\nsandbox: {{ env: [TZ, {granted}] }}\n\
                 telemetry: {{ otlp: https://a, otlpHeaders: {{ authorization: 'env:KEY' }} }}\n"
            )
        };
        let parse = |text: &str| Config::parse("executor.yaml", text, Path::new("/etc/callgate"));
        parse(&text("OTHER")).unwrap();
        let error = parse(&text("KEY")).unwrap_err().to_string();
        assert!(error.starts_with("executor.yaml: sandbox.env: expected no KEY, which is a secret"), "{error}");
    }
}
