//! Which parts of a text a reader wants: the rest is checked just as strictly, and not built.

use std::borrow::Cow;
use std::collections::HashSet;

/// What to keep of a value.
#[derive(Debug)]
pub enum Keep {
    /// All of it.
    All,
    /// Only what kind of value it is.
    Shell,
    /// Of an array's items this; other values whole.
    Items(&'static Keep),
    /// Of an object's members these parts; other members, and other values, whole.
    Members(&'static [(&'static str, Keep)]),
}

// === impl Keep ===

impl Keep {
    pub(crate) fn is_shell(&self) -> bool {
        matches!(self, Keep::Shell)
    }

    pub(crate) fn item(&self) -> &'static Keep {
        match self {
            Keep::All | Keep::Members(_) => &Keep::All,
            Keep::Shell => &Keep::Shell,
            Keep::Items(keep) => keep,
        }
    }

    pub(crate) fn member(&self, key: &str) -> &'static Keep {
        match self {
            Keep::All | Keep::Items(_) => &Keep::All,
            Keep::Shell => &Keep::Shell,
            Keep::Members(named) => named.iter().find(|(name, _)| *name == key).map_or(&Keep::All, |(_, keep)| keep),
        }
    }
}

/// How many keys are compared one by one before they are hashed.
const FEW: usize = 16;

/// The keys of one object that is not kept.
#[derive(Default)]
pub(crate) struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

// === impl Keys ===

impl<'de> Keys<'de> {
    /// False if the key is there already.
    pub(crate) fn insert(&mut self, key: Cow<'de, str>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
}
