//! `policies`: the files of each language, the facts that a policy reads, and the limit of time.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callgate_settings::{ConfigFile, FieldError, Seconds};
use serde::Deserialize;
use serde_saphyr::Spanned;

/// The most policies of one language. More would slow every call.
const POLICIES: usize = 16;
const NAME_CHARS: usize = 64;
const TIMEOUT: Duration = Duration::from_millis(100);
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
const TIMEOUT_MAX: Duration = Duration::from_secs(1);

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySettings {
    /// Its name, in answers, logs and errors.
    pub name: String,
    /// Its language, with the files.
    pub language: Language,
    /// The limit of time for one evaluation, 1 ms to 1 s.
    pub timeout: Duration,
    /// The facts that it reads. A call without one of them is denied.
    pub facts: Vec<PolicyFact>,
}

/// A fact of the request that the gate may not know or send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PolicyFact {
    /// The model of the request.
    Model,
    /// The conversation before the call.
    Conversation,
}

/// The language of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rego.
    Rego {
        /// The file of the module.
        file: PathBuf,
        /// The rule that must be `true`, such as `data.amounts.allow`.
        allow: String,
        /// A JSON file: the module sees it as `data`.
        data: Option<PathBuf>,
    },
    /// Cedar.
    Cedar {
        /// The file of the policies.
        file: PathBuf,
        /// A JSON file of entities, in Cedar's format.
        entities: Option<PathBuf>,
    },
}

/// The section in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PolicySection {
    #[serde(default)]
    rego: Vec<RegoSection>,
    #[serde(default)]
    cedar: Vec<CedarSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RegoSection {
    name: Spanned<String>,
    file: Spanned<String>,
    allow: Spanned<String>,
    data: Option<Spanned<String>>,
    timeout: Option<Spanned<Seconds>>,
    #[serde(default)]
    facts: Vec<PolicyFact>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CedarSection {
    name: Spanned<String>,
    file: Spanned<String>,
    entities: Option<Spanned<String>>,
    timeout: Option<Spanned<Seconds>>,
    #[serde(default)]
    facts: Vec<PolicyFact>,
}

// === impl PolicySettings ===

impl PolicySettings {
    /// A Rego policy with the default limit of time, which reads no facts.
    #[must_use]
    pub fn rego(name: &str, file: &str, allow: &str) -> Self {
        let language = Language::Rego { file: file.into(), allow: allow.to_owned(), data: None };
        Self { name: name.to_owned(), language, timeout: TIMEOUT, facts: Vec::new() }
    }

    /// A Cedar policy with the default limit of time, which reads no facts and no entities.
    #[must_use]
    pub fn cedar(name: &str, file: &str) -> Self {
        let language = Language::Cedar { file: file.into(), entities: None };
        Self { name: name.to_owned(), language, timeout: TIMEOUT, facts: Vec::new() }
    }
}

// === impl Language ===

impl Language {
    /// Its name in the configuration.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Rego { .. } => "rego",
            Self::Cedar { .. } => "cedar",
        }
    }

    /// The file of the module or of the policies.
    #[must_use]
    pub fn file(&self) -> &Path {
        match self {
            Self::Rego { file, .. } | Self::Cedar { file, .. } => file,
        }
    }
}

// === impl PolicyFact ===

impl PolicyFact {
    /// All facts.
    pub const ALL: [Self; 2] = [Self::Model, Self::Conversation];

    /// Its name in the configuration and in the input.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Conversation => "conversation",
        }
    }
}

impl fmt::Display for PolicyFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl PolicySection ===

impl PolicySection {
    /// Checks the section. Relative paths start at the configuration's folder.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn resolve(self, place: &ConfigFile<'_>) -> Result<Vec<PolicySettings>, FieldError> {
        let mut names = HashSet::new();
        let mut all = Vec::new();
        for (index, RegoSection { name: written, file, allow, data, timeout, facts }) in
            self.rego.into_iter().enumerate()
        {
            let name = name("policies.rego", index, &written, &mut names, place)?;
            let language = Language::Rego {
                file: path("policies.rego.file", &file, place)?,
                allow: rule(allow, place)?,
                data: data.map(|text| path("policies.rego.data", &text, place)).transpose()?,
            };
            let timeout = limit("policies.rego.timeout", timeout, place)?;
            all.push(PolicySettings { name, language, timeout, facts });
        }
        for (index, CedarSection { name: written, file, entities, timeout, facts }) in
            self.cedar.into_iter().enumerate()
        {
            let name = name("policies.cedar", index, &written, &mut names, place)?;
            let language = Language::Cedar {
                file: path("policies.cedar.file", &file, place)?,
                entities: entities.map(|text| path("policies.cedar.entities", &text, place)).transpose()?,
            };
            let timeout = limit("policies.cedar.timeout", timeout, place)?;
            all.push(PolicySettings { name, language, timeout, facts });
        }
        Ok(all)
    }
}

fn rule(text: Spanned<String>, place: &ConfigFile<'_>) -> Result<String, FieldError> {
    if is_rule(&text.value) {
        return Ok(text.value);
    }
    let message = "policies.rego.allow: expected the path of a rule, such as data.amounts.allow";
    Err(place.fault(text.referenced, message.into()))
}

fn limit(field: &str, time: Option<Spanned<Seconds>>, place: &ConfigFile<'_>) -> Result<Duration, FieldError> {
    match time {
        None => Ok(TIMEOUT),
        Some(time) if (TIMEOUT_MIN..=TIMEOUT_MAX).contains(&time.value.0) => Ok(time.value.0),
        Some(time) => Err(place.fault(time.referenced, format!("{field}: expected 1ms to 1s"))),
    }
}

/// Checks the name of a policy.
fn name(
    field: &str,
    index: usize,
    name: &Spanned<String>,
    taken: &mut HashSet<String>,
    place: &ConfigFile<'_>,
) -> Result<String, FieldError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let message = if index >= POLICIES {
        format!("{field}: expected at most {POLICIES}")
    } else if name.value.is_empty() || name.value.len() > NAME_CHARS || !name.value.chars().all(is_plain) {
        format!("{field}.name: expected 1 to {NAME_CHARS} of a-z, A-Z, 0-9, `-`, `_` and `.`")
    } else if !taken.insert(name.value.clone()) {
        format!("{field}.name: expected each name once; rename one")
    } else {
        return Ok(name.value.clone());
    };
    Err(place.fault(name.referenced, message))
}

fn path(field: &str, text: &Spanned<String>, place: &ConfigFile<'_>) -> Result<PathBuf, FieldError> {
    match text.value.as_str() {
        "" => Err(place.fault(text.referenced, format!("{field}: expected the path of a file; it is empty"))),
        text => Ok(place.folder.join(text)),
    }
}

/// Returns true for `data.` and at least two names joined with `.`.
fn is_rule(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    text.strip_prefix("data.").is_some_and(|rest| rest.contains('.') && rest.split('.').all(is_name))
}
