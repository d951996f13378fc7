//! Reads a database of the state directory without writing a byte: for a check beside a running executor, or before its
//! start.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::{StateError, private};

/// Opens a database for reading, if it exists. Makes and changes no file.
///
/// # Errors
/// It is a link, another user's, not a database, or of a later format than `known`.
pub fn inspect(path: &Path, known: i64) -> Result<Option<Connection>, StateError> {
    match path.symlink_metadata() {
        // An interrupted start leaves an empty file.
        Ok(found) if found.is_file() && found.len() == 0 => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(_) | Err(_) => {}
    }
    drop(private::read(path)?);
    let database = |reason| StateError::Database { path: path.to_owned(), reason };
    let connection = connect(path).map_err(database)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(database)?;
    if found > known {
        return Err(StateError::TooNew { path: path.to_owned(), found, known });
    }
    Ok(Some(connection))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let path = private::resolved(path).unwrap_or_else(|_| path.to_owned());
    let beside = |end: &str| {
        let mut name = path.clone().into_os_string();
        name.push(end);
        Path::new(&name).symlink_metadata().is_ok_and(|found| found.is_file())
    };
    // With a write-ahead log and its index, the reader sees other processes' commits. Without them SQLite would make
    // these files, so the reader opens the database alone.
    let how = if beside("-wal") && beside("-shm") { "readonly_shm=1" } else { "immutable=1" };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{}?mode=ro&{how}", escaped(&path)), flags)
}

/// Escapes a path for a URI.
fn escaped(path: &Path) -> String {
    path.as_os_str().as_bytes().iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, read_dir, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) {
        set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_database_is_read_without_a_file_beside_it_and_with_what_another_commits() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a ?#% folder");
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("calls.db");
        assert!(inspect(&path, 1).unwrap().is_none());
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n); INSERT INTO t VALUES (1)").unwrap();
        mode(&path);
        let count = |connection: Connection| connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
        let seen: i64 = count(inspect(&path, 1).unwrap().unwrap()).unwrap();
        assert_eq!(seen, 1);
        assert_eq!(names(&folder), ["calls.db", "calls.db-shm", "calls.db-wal"]);
        drop(writer);
        let seen: i64 = count(inspect(&path, 1).unwrap().unwrap()).unwrap();
        assert_eq!(seen, 1);
        assert_eq!(names(&folder), ["calls.db"]);
    }

    #[test]
    fn what_is_no_database_or_of_a_later_format_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("calls.db");
        write(&path, "this is not a database, but long enough to be looked at as one").unwrap();
        mode(&path);
        assert!(matches!(inspect(&path, 1), Err(StateError::Database { .. })));
        std::fs::remove_file(&path).unwrap();
        let later = Connection::open(&path).unwrap();
        later.execute_batch("PRAGMA user_version = 7").unwrap();
        drop(later);
        mode(&path);
        assert!(matches!(inspect(&path, 1), Err(StateError::TooNew { found: 7, known: 1, .. })));
    }
}
