//! The reasons to refuse a text.

use thiserror::Error;

/// The reason to refuse a text. It repeats neither keys nor values of the text, so it may be shown to anyone.
///
/// Lines and columns count from 1; columns count bytes. If the reader can only know afterwards (a key read twice, nesting), the
/// position is the last byte that it had read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The bytes are not UTF-8.
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// The first offending byte, from 0.
        offset: usize,
    },
    /// An object has a key twice: readers disagree over which counts.
    #[error("an object has a key twice, line {line} column {column}")]
    DuplicateKey {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// Arrays and objects are nested more than [`MAX_DEPTH`](crate::MAX_DEPTH) times.
    #[error("nested more than {max} deep, line {line} column {column}", max = crate::MAX_DEPTH)]
    TooDeep {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// There are more than [`MAX_VALUES`](crate::MAX_VALUES) values.
    #[error("more than {max} values, line {line} column {column}", max = crate::MAX_VALUES)]
    TooMany {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// Neither a 64-bit integer nor a double holds a number exactly: readers round it differently.
    #[error("a number that no 64-bit integer or double holds exactly, line {line} column {column}")]
    InexactNumber {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// An escape is half of a surrogate pair without the other half: it stands for no character.
    #[error("half of a surrogate pair, line {line} column {column}")]
    LoneSurrogate {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// There is more text after the value.
    #[error("something follows the JSON value, line {line} column {column}")]
    TrailingData {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// The text is not JSON (RFC 8259).
    #[error("not JSON: {reason}, line {line} column {column}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// The grammar's complaint; it never quotes the text.
        reason: String,
    },
}
