//! The faults of a contract: all at once, each with its place and a remedy.

use std::fmt;

/// One fault of a contract.
///
/// Displays as `file:line:column: spec.tools[2].whn: message`; a contract read from a JSON value has no lines, so the
/// place is the JSON Pointer alone: `/spec/tools/2/whn: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file with the fault: the contract, or a schema file it refers to. Empty for a JSON value.
    pub file: String,
    /// Line, from 1; 0 if unknown.
    pub line: u32,
    /// Column in characters, from 1; 0 if unknown.
    pub column: u32,
    /// JSON Pointer (RFC 6901) into the contract with its files inlined.
    pub path: String,
    /// The problem and its remedy.
    pub message: String,
}

/// The faults of one contract, in its order. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(Vec<Diagnostic>);

// === impl Diagnostic ===

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            if !self.file.is_empty() {
                write!(f, "{}: ", self.file)?;
            }
            if !self.path.is_empty() {
                write!(f, "{}: ", self.path)?;
            }
        } else {
            write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
            if !self.path.is_empty() {
                write!(f, "{}: ", dotted(&self.path))?;
            }
        }
        f.write_str(&self.message)
    }
}

/// `/spec/tools/2/when` as `spec.tools[2].when`; any other name is quoted: `["a.b"]`.
fn dotted(pointer: &str) -> String {
    let mut text = String::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        if !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit()) {
            text.push_str(&format!("[{segment}]"));
        } else if !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-$".contains(&b)) {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&segment);
        } else {
            text.push_str(&format!("[{segment:?}]"));
        }
    }
    text
}

// === impl Errors ===

impl Errors {
    /// Sorts them: the contract's own faults by place, then those of its files.
    pub(crate) fn new(mut found: Vec<Diagnostic>, contract: &str) -> Self {
        found.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.file != contract, d.file.clone(), d.line, d.column);
            key(a).cmp(&key(b))
        });
        found.dedup();
        if found.is_empty() {
            let (file, message) = (contract.to_owned(), "expected a contract".to_owned());
            found.push(Diagnostic { file, line: 0, column: 0, path: String::new(), message });
        }
        Self(found)
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.0
    }

    /// One by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One line a fault.
impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, diagnostic) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
