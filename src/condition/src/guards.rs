//! The facts proven by a boolean expression: optional members are there, and which values are not null.

use std::collections::BTreeSet;

/// The proven facts at one place of a condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Guards(BTreeSet<(Proof, String)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proof {
    /// The member is there.
    Present,
    /// The value is not null.
    NotNull,
}

/// The facts implied by a true boolean expression, and by a false one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Implied {
    pub(crate) when_true: Guards,
    pub(crate) when_false: Guards,
}

// === impl Guards ===

impl Guards {
    pub(crate) fn of(proof: Proof, path: String) -> Guards {
        Guards(BTreeSet::from([(proof, path)]))
    }

    pub(crate) fn prove(&self, proof: Proof, path: &str) -> bool {
        self.0.iter().any(|(known, of)| *known == proof && of == path)
    }

    /// The facts of both.
    pub(crate) fn and(&self, other: &Guards) -> Guards {
        Guards(self.0.union(&other.0).cloned().collect())
    }

    /// The facts of both, if one of the two holds.
    pub(crate) fn or(&self, other: &Guards) -> Guards {
        Guards(self.0.intersection(&other.0).cloned().collect())
    }
}

// === impl Implied ===

impl Implied {
    pub(crate) fn proves(when_true: Guards) -> Implied {
        Implied { when_true, when_false: Guards::default() }
    }

    pub(crate) fn not(self) -> Implied {
        Implied { when_true: self.when_false, when_false: self.when_true }
    }
}
