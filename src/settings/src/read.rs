//! Reads YAML, and rewords the faults of its reader.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::FieldError;

/// Reads YAML text; `file` names it in errors.
///
/// # Errors
/// The first fault, with its place.
pub fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, FieldError> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| explain(file, error.without_snippet()))
}

/// Rewords a fault of the YAML reader: the place first, and for an unknown field the nearest known one.
fn explain(file: &str, error: &serde_saphyr::Error) -> FieldError {
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
