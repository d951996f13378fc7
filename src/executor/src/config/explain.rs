//! Faults of the YAML reader in our words.

use std::fmt;

use callgate_settings::FieldError;

/// Puts a fault of the YAML reader in our words: the place first, and for an unknown field the nearest known one.
pub(super) fn explain(file: &str, error: &serde_saphyr::Error) -> FieldError {
    let place = match error.location() {
        Some(at) => format!("{file}:{}:{}", at.line(), at.column()),
        None => file.to_owned(),
    };
    let message = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => unknown(field, expected),
        other => one_line(other),
    };
    FieldError { place, message }
}

fn unknown(field: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&field.to_lowercase(), &name.to_lowercase()), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance * 2 <= name.len());
    match nearest {
        Some((_, name)) => format!("{field}: unknown field; did you mean `{name}`?"),
        None => format!("{field}: unknown field; known are {}", known.join(", ")),
    }
}

fn one_line(error: &dyn fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
