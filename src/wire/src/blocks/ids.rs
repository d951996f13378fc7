//! Identifiers for calls that arrive without one.

/// Returns the upstream's identifier of a call, or one of ours if it is empty. `position` counts the turn's calls from 0, so
/// that a stream and a whole answer give the same identifier.
pub(crate) fn id(given: &str, position: usize) -> String {
    if given.is_empty() { format!("call_{position}") } else { given.to_owned() }
}
