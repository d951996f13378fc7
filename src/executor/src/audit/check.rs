//! Looks at a log before a start, and writes nothing.

use std::path::Path;

use super::store::{FILE, FORMAT};
use crate::state::{self, StateError};

/// Checks the log in the state directory `folder`, if there is one.
pub(crate) fn check(folder: &Path) -> Result<(), StateError> {
    state::inspect(&folder.join(FILE), FORMAT.version()).map(drop)
}
