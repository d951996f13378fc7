//! A marked string of a call in a record: its meaning to the gate, beside the arguments.

use serde::{Deserialize, Serialize};

/// A string of the arguments that has an argument kind, as it was understood. Empty members are left out.
///
/// Members are declared in the order of RFC 8785, as those of a [`Record`](super::Record).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedReading {
    /// The kind, such as `command`.
    pub kind: String,
    /// The meaning, line by line. The lines hold parts of the arguments, so only a contract with `audit: full` has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// JSON Pointer to the string.
    pub pointer: String,
    /// The name of the profile that judged the string.
    pub profile: String,
    /// The reason if the string was refused. It has no part of the arguments.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub refused: String,
    /// The entries of the profile that decided, as the contract writes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}
