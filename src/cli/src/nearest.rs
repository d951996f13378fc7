//! "did you mean": the known name nearest to a mistyped one.

/// Returns a hint like `; did you mean "clerk"?` for `wrong`, or nothing if no known name is near, or `wrong` is itself
/// known.
pub(crate) fn hint<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance > 0 && *distance <= name.len().max(wrong.len()) / 3 + 1)
        .min();
    near.map(|(_, name)| format!("; did you mean {name:?}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn a_near_name_is_named_and_a_far_one_is_not() {
        assert_eq!(hint("clrek", ["viewer", "clerk"]), "; did you mean \"clerk\"?");
        assert_eq!(hint("zzzzzz", ["viewer", "clerk"]), "");
    }
}
