//! Paths inside the contract's folder.

/// Resolves `path`, as written in the file `from`, to a path relative to the contract's folder. Both use `/`.
///
/// # Errors
/// The problem with the path, as a sentence with the remedy.
pub(crate) fn inside(from: &str, path: &str) -> Result<String, &'static str> {
    if path.is_empty() {
        return Err("expected a path; it is empty");
    }
    if path.chars().any(|c| c == '\\' || c == ':' || c.is_control()) {
        return Err("expected a path of plain names joined with `/`");
    }
    if path.starts_with('/') {
        return Err("expected a path relative to the contract's folder, not an absolute one");
    }
    let mut parts: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" => return Err("expected a path that names a file, with no empty part"),
            "." => {}
            ".." if parts.pop().is_none() => {
                return Err("expected a path inside the contract's folder; `..` leads out of it");
            }
            ".." => {}
            name => parts.push(name),
        }
    }
    if parts.is_empty() || path.ends_with("/.") || path.ends_with("/..") {
        return Err("expected a path that names a file");
    }
    Ok(parts.join("/"))
}

/// Returns `path`, relative to the contract's folder, as seen from the place where the contract's path is `contract`.
pub(crate) fn beside(contract: &str, path: &str) -> String {
    match contract.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{path}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{beside, inside};

    #[test]
    fn a_path_is_resolved_from_the_file_that_names_it() {
        assert_eq!(inside("contract.yaml", "schemas/a.json"), Ok("schemas/a.json".to_owned()));
        assert_eq!(inside("schemas/a.json", "b.json"), Ok("schemas/b.json".to_owned()));
        assert_eq!(inside("schemas/a.json", "../c.json"), Ok("c.json".to_owned()));
        assert_eq!(inside("schemas/a.json", "./x/../b.json"), Ok("schemas/b.json".to_owned()));
    }

    #[test]
    fn a_path_never_leaves_the_folder() {
        for path in ["../a.json", "schemas/../../a.json", "/etc/passwd", "C:/a.json", "a\\b", "", "a//b", ".", "a/.."] {
            assert!(inside("contract.yaml", path).is_err(), "{path}");
        }
        assert!(inside("schemas/a.json", "../../b.json").is_err());
    }

    #[test]
    fn a_file_is_named_from_the_place_of_the_contract() {
        assert_eq!(beside("desk/contract.yaml", "a.json"), "desk/a.json");
        assert_eq!(beside("contract.yaml", "a.json"), "a.json");
    }
}
