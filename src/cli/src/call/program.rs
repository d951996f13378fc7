//! The executor's program, found on this machine.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::CallError;

const NAME: &str = "callgate-executor";

/// Returns the path of the executor's program: the given one; else the one beside this program; else the first on `PATH`.
///
/// # Errors
/// No executable file is at any of these places.
pub(super) fn find(given: Option<&Path>) -> Result<PathBuf, CallError> {
    if let Some(given) = given {
        let missing = || CallError::NotAProgram { path: given.to_owned() };
        return is_program(given).then(|| given.to_owned()).ok_or_else(missing);
    }
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    let path = env::var_os("PATH").unwrap_or_default();
    search(beside.as_deref(), env::split_paths(&path))
}

fn search(beside: Option<&Path>, path: impl Iterator<Item = PathBuf>) -> Result<PathBuf, CallError> {
    let mut folders = beside.map(Path::to_owned).into_iter().chain(path);
    let found = folders.find_map(|folder| Some(folder.join(NAME)).filter(|program| is_program(program)));
    found.ok_or_else(|| CallError::NoProgram {
        beside: beside.map_or_else(
            || "the folder of this program, which the system does not tell".into(),
            |folder| folder.display().to_string(),
        ),
    })
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, set_permissions, write};

    use super::*;

    fn program(folder: &Path, mode: u32) -> PathBuf {
        create_dir(folder).unwrap();
        let program = folder.join(NAME);
        write(&program, "").unwrap();
        set_permissions(&program, Permissions::from_mode(mode)).unwrap();
        program
    }

    #[test]
    fn the_program_beside_this_one_comes_before_the_path() {
        let root = tempfile::tempdir().unwrap();
        let folders = ["beside", "first", "second"].map(|name| root.path().join(name));
        let [beside, first, second] = &folders;
        program(first, 0o644);
        let on_path = program(second, 0o755);
        let path = || [first.clone(), second.clone()].into_iter();
        assert_eq!(search(Some(beside), path()).unwrap(), on_path, "a file without the right to run it is passed over");
        let own = program(beside, 0o755);
        assert_eq!(search(Some(beside), path()).unwrap(), own);
    }

    #[test]
    fn a_missing_program_is_an_error_that_names_the_places_and_the_option() {
        let error = search(Some(Path::new("/opt/callgate")), std::iter::empty()).unwrap_err().to_string();
        assert!(
            error.contains("/opt/callgate") && error.contains("PATH") && error.contains("--executor-program"),
            "{error}"
        );
        let error = find(Some(Path::new("/nowhere/callgate-executor"))).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/callgate-executor: ") && error.contains("--executor-program"), "{error}");
    }
}
