//! Programs of `awk` without effects: they print, and read only the files that the command names.
//!
//! The check looks for bytes and words, also inside strings and patterns, so it refuses more than it must. It does not parse: whatever a
//! program does besides its output takes one of the refused bytes or names.

const REFUSED: &[&str] = &[
    "system",
    "getline",
    "close",
    "fflush",
    "ARGV",
    "ARGC",
    "SYMTAB",
    "PROCINFO",
    "FUNCTAB",
    "BINMODE",
    "include",
    "load",
    "namespace",
    "extension",
];

/// Refuses a program that runs, reads or writes something by itself.
pub(in super::super) fn check(text: &str) -> Result<(), &'static str> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let next = bytes.get(at + 1);
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        match byte {
            b'|' if next != Some(&b'|') && before != Some(&b'|') => return Err("an awk program with a pipe"),
            b'|' if before == Some(&b'|') && next == Some(&b'|') => return Err("an awk program with a pipe"),
            b'>' if next != Some(&b'=') => {
                return Err("an awk program with `>`, which may write a file; turn the comparison round");
            }
            b'@' => return Err("an awk program with `@`, which loads a file or calls by name"),
            b'\\' if matches!(next, Some(b'\n' | b'\r')) => {
                return Err("an awk program with a continued line; join it");
            }
            _ => {}
        }
    }
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    if words.any(|word| REFUSED.contains(&word)) {
        return Err("an awk program that may run, read or write something by itself");
    }
    Ok(())
}
