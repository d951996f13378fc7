//! Filters of `jq`. A filter prints and reads the environment; only modules make it read another file.

const REFUSED: &[&str] = &["import", "include", "modulemeta", "get_search_list", "input_filename", "env", "$ENV", "ENV"];

/// Refuses a filter that reads a module, or the environment.
pub(in super::super) fn check(text: &str) -> Result<(), &'static str> {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    match words.any(|word| REFUSED.contains(&word)) {
        true => Err("a jq filter that may read a module or the environment"),
        false => Ok(()),
    }
}
