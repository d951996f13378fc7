//! Filters of `jq`. Only modules make a filter read another file.

const REFUSED: &[&str] = &["import", "include", "modulemeta", "get_search_list"];

/// Refuses a filter that reads a module.
pub(in super::super) fn check(text: &str) -> Result<(), &'static str> {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    match words.any(|word| REFUSED.contains(&word)) {
        true => Err("a jq filter that may read a module"),
        false => Ok(()),
    }
}
