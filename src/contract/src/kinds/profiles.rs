//! The profiles of a contract: `like` resolved, and compiled against the workspace.

use callgate_kinds::{Profile, ProfileSource};

/// A profile of a contract.
#[derive(Debug)]
pub(crate) struct RoleProfile {
    pub(crate) name: String,
    /// Its name, and the names of those that it is like.
    pub(crate) names: Vec<String>,
    /// Its entries, those of `like` included.
    pub(crate) source: ProfileSource,
    pub(crate) rules: Profile,
}

/// Adds to a profile the entries of those that it is like. Returns their names too.
///
/// # Errors
/// The problem with its `like`, as a sentence.
pub(crate) fn resolved(name: &str, all: &[(String, ProfileSource)]) -> Result<(ProfileSource, Vec<String>), String> {
    let find = |name: &str| all.iter().find(|(known, _)| known == name).map(|(_, source)| source);
    let mut source = find(name).cloned().unwrap_or_default();
    let (mut seen, mut next) = (vec![name.to_owned()], source.like.take());
    while let Some(like) = next {
        if seen.contains(&like) {
            return Err("expected profiles that are not like each other in a circle".to_owned());
        }
        let Some(other) = find(&like) else {
            return Err("expected the name of a profile of this contract".to_owned());
        };
        source.add(other);
        next = other.like.clone();
        seen.push(like);
    }
    Ok((source, seen))
}
