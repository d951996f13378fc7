//! The stub: a program of any name that records its words and its directory.

use std::io::Write;
use std::os::unix::ffi::OsStringExt;

/// The file of the records. It exists only inside the tree.
pub const LOG: &str = "/oracle/log";
/// The file that says how a stub ends.
pub const MODE: &str = "/oracle/mode";
/// A line that starts programs without end is stopped when the records are this long, in bytes.
const MOST: u64 = 16 * 1024;

/// A program that a shell started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    pub words: Vec<Vec<u8>>,
    pub directory: Vec<u8>,
}

/// Records this start, and ends as the mode says.
pub fn record() {
    let words: Vec<Vec<u8>> = std::env::args_os().map(OsStringExt::into_vec).collect();
    let directory = std::env::current_dir().map_or_else(|_| Vec::new(), |path| path.into_os_string().into_vec());
    let mut record = directory;
    for word in &words {
        record.push(0);
        record.extend_from_slice(word);
    }
    record.extend_from_slice(b"\0\n\0");
    let mut log = std::fs::OpenOptions::new().append(true).open(LOG).unwrap();
    if log.metadata().unwrap().len() > MOST {
        let _ = rustix::process::kill_current_process_group(rustix::process::Signal::KILL);
    }
    log.write_all(&record).unwrap();
    let fails = match std::fs::read(MODE).unwrap().first() {
        Some(b'0') => false,
        Some(b'1') => true,
        _ => {
            words.concat().iter().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte))) & 4 != 0
        }
    };
    if !fails {
        let _ = std::io::stdout().write_all(b"a sub\n");
    }
    std::process::exit(i32::from(fails));
}

/// Returns the records of a log.
pub fn records(log: &[u8]) -> Vec<Started> {
    let mut all = Vec::new();
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for field in log.split(|byte| *byte == 0) {
        if field == b"\n" && !fields.is_empty() {
            let directory = fields.remove(0);
            all.push(Started { words: std::mem::take(&mut fields), directory });
        } else {
            fields.push(field.to_vec());
        }
    }
    all
}
