//! Looks at a log before a start, and writes nothing.

use std::path::Path;

use super::FILE;
use crate::state::{self, StateError};

/// The newest known format of the file.
const FORMAT: i64 = 1;

/// Checks the log in the state directory `folder`, if there is one.
pub(crate) fn check(folder: &Path) -> Result<(), StateError> {
    state::inspect(&folder.join(FILE), FORMAT).map(drop)
}
